//! Tokens for programs: personal ones and those of robots. Only hashes of their secrets are stored.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::event::{self, Actor, EventKind, NewEvent};
use super::tx::{Row, Tx};
use super::{AccountKind, Error, Meta, account};
use crate::clock::Timestamp;
use crate::oci::{Action, Actions, Digest, RepositoryName, RepositoryPattern};

/// What a token is limited to, on top of what its owner may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Limits(pub Vec<Limit>);

/// Some actions on some repositories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// On which repositories.
    pub pattern: RepositoryPattern,
    /// What.
    pub actions: Actions,
}

impl Limits {
    /// Whether there are none: the token may do what its owner may.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether they leave room for an action on a repository.
    #[must_use]
    pub fn allow(&self, action: Action, name: &RepositoryName) -> bool {
        self.is_unlimited()
            || self.0.iter().any(|limit| limit.actions.has(action) && limit.pattern.matches(name))
    }
}

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The row.
    pub id: i64,
    /// Whose it is: the account's name.
    pub owner: Arc<str>,
    /// What the owner is.
    pub owner_kind: AccountKind,
    /// What its owner calls it.
    pub name: String,
    /// What it is limited to.
    pub limits: Limits,
    /// Where it may be used from; empty: anywhere.
    pub addresses: Vec<IpNet>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Since when.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When it was last used, to within some seconds.
    pub last_used_at: Option<Timestamp>,
    /// Where from.
    pub last_used_from: Option<IpAddr>,
    /// How many secrets are good: two while it is rotated.
    pub secrets: u64,
}

impl Token {
    /// Whether it may be used from an address.
    #[must_use]
    pub fn is_welcome_from(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.addresses.is_empty() || self.addresses.iter().any(|network| network.contains(&address))
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Whose it is to be: an account's name.
    pub owner: String,
    /// What it is called.
    pub name: String,
    /// What it is limited to.
    pub limits: Limits,
    /// Where it may be used from.
    pub addresses: Vec<IpNet>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// SHA-256 of its secret.
    pub hash: Digest,
}

/// What came of making a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenAdded {
    /// Here it is.
    Done(Box<Token>),
    /// There is no such account.
    NoOwner,
    /// The owner has one of this name.
    NameTaken,
}

/// A secret that is good: whose it is, and until when.
#[derive(Clone, Debug)]
pub struct TokenSecret {
    /// The token.
    pub token: Token,
    /// When this secret ends, though the token goes on.
    pub expires_at: Option<Timestamp>,
}

const COLUMNS: &str = "token.id, account.name AS owner, account.kind AS owner_kind, token.name, token.limits, token.addresses, \
     token.expires_at, token.created_at, token.created_by, token.last_used_at, token.last_used_from, \
     (SELECT COUNT(*) FROM token_secret AS live WHERE live.token_id = token.id) AS secrets";

fn read(row: &Row<'_>) -> Result<Token, Error> {
    Ok(Token {
        id: row.get("id")?,
        owner: row.get::<String>("owner")?.into(),
        owner_kind: row.get("owner_kind")?,
        name: row.get("name")?,
        limits: from_json("limits", &row.get::<String>("limits")?)?,
        addresses: from_json("addresses", &row.get::<String>("addresses")?)?,
        expires_at: row.get("expires_at")?,
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
        last_used_at: row.get("last_used_at")?,
        last_used_from: row.get("last_used_from")?,
        secrets: row.get("secrets")?,
    })
}

/// Reads what a column holds as JSON.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(
    column: &str,
    text: &str,
) -> Result<T, Error> {
    serde_json::from_str(text)
        .map_err(|error| Error::Corrupt { column: column.to_owned(), what: error.to_string() })
}

/// What a column holds as JSON.
pub(super) fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("values without maps of odd keys are representable in JSON")
}

fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Token>, Error> {
    let sql = format!(
        "SELECT {COLUMNS}
           FROM token
           JOIN account ON account.id = token.account_id
          WHERE token.id = $1"
    );
    tx.find(&sql, (id,), read)
}

fn find_secret(tx: &mut Tx<'_>, hash: &Digest) -> Result<Option<TokenSecret>, Error> {
    let sql = format!(
        "SELECT {COLUMNS}, secret.expires_at AS secret_expires_at
           FROM token_secret AS secret
           JOIN token ON token.id = secret.token_id
           JOIN account ON account.id = token.account_id
          WHERE secret.hash = $1"
    );
    tx.find(&sql, (hash,), |row| {
        Ok(TokenSecret { token: read(row)?, expires_at: row.get("secret_expires_at")? })
    })
}

fn add_secret(tx: &mut Tx<'_>, token: i64, hash: &Digest, now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO token_secret (hash, token_id, created_at) VALUES ($1, $2, $3)",
        (hash, token, now),
    )
    .map(drop)
}

fn note(
    tx: &mut Tx<'_>,
    kind: EventKind,
    token: &Token,
    detail: serde_json::Value,
    by: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    tx.touch_tokens();
    let target = format!("{}/{}", token.owner, token.name);
    event::append(tx, NewEvent::about(kind, &target).with(detail), by, now).map(drop)
}

impl Meta {
    /// Makes a token.
    pub async fn add_token(&self, new: NewToken, by: &Actor) -> Result<TokenAdded, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(owner) = account::find(tx, &new.owner)? else {
                    return Ok(TokenAdded::NoOwner);
                };
                let id: Option<i64> = tx.find(
                    "INSERT INTO token (account_id, name, limits, addresses, expires_at, created_at, created_by)
                     VALUES ($1, $2, $3, $4, $5, $6, $7)
                         ON CONFLICT DO NOTHING
                     RETURNING id",
                    (
                        owner.id,
                        &new.name,
                        to_json(&new.limits),
                        to_json(&new.addresses),
                        new.expires_at,
                        now,
                        &*by.name,
                    ),
                    |row| row.get("id"),
                )?;
                let Some(id) = id else { return Ok(TokenAdded::NameTaken) };
                add_secret(tx, id, &new.hash, now)?;
                let Some(token) = find(tx, id)? else { return Ok(TokenAdded::NoOwner) };
                let detail = serde_json::json!({
                    "id": id, "limits": token.limits, "addresses": token.addresses,
                    "expires_at": token.expires_at.map(|end| end.to_string()),
                });
                note(tx, EventKind::TokenAdd, &token, detail, &by, now)?;
                Ok(TokenAdded::Done(Box::new(token)))
            })
            .await
    }

    /// Gives a token another secret. Those that it had are good until `old_until`; of these only the newest stays, so that
    /// there are two at most.
    pub async fn rotate_token(
        &self,
        id: i64,
        hash: Digest,
        old_until: Timestamp,
        by: &Actor,
    ) -> Result<Option<Token>, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(token) = find(tx, id)? else { return Ok(None) };
                tx.execute(
                    "DELETE FROM token_secret
                      WHERE token_id = $1
                        AND ($2 <= $3
                             OR expires_at IS NOT NULL AND expires_at <= $3
                             OR created_at < (SELECT MAX(newest.created_at)
                                                FROM token_secret AS newest
                                               WHERE newest.token_id = $1))",
                    (id, old_until, now),
                )?;
                tx.execute(
                    "UPDATE token_secret SET expires_at = $1 WHERE token_id = $2",
                    (old_until, id),
                )?;
                add_secret(tx, id, &hash, now)?;
                let detail = serde_json::json!({ "id": id, "rotated": true, "old_until": old_until.to_string() });
                note(tx, EventKind::TokenChange, &token, detail, &by, now)?;
                find(tx, id)
            })
            .await
    }

    /// Revokes a token and what was issued for it; says which it was.
    pub async fn remove_token(&self, id: i64, by: &Actor) -> Result<Option<Token>, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(token) = find(tx, id)? else { return Ok(None) };
                tx.execute("DELETE FROM token WHERE id = $1", (id,))?;
                let detail = serde_json::json!({ "id": id });
                note(tx, EventKind::TokenRemove, &token, detail, &by, now)?;
                Ok(Some(token))
            })
            .await
    }

    /// A token by the hash of its secret, from memory when no token has changed. Whether it is over is not looked at.
    pub async fn find_token_by_secret(
        &self,
        hash: &Digest,
    ) -> Result<Option<Arc<TokenSecret>>, Error> {
        let epoch = self.db.epochs.at(super::cache::Epochs::TOKENS);
        if let Some(secret) = self.token_secrets.get(hash.as_str(), epoch) {
            return Ok(Some(secret));
        }
        let key = hash.clone();
        let found = self.db.read(move |tx| find_secret(tx, &key)).await?.map(Arc::new);
        if let Some(secret) = &found {
            self.token_secrets.put(hash.as_str(), epoch, Arc::clone(secret));
        }
        Ok(found)
    }

    /// A token, from memory when no token has changed.
    pub async fn find_token(&self, id: i64) -> Result<Option<Arc<Token>>, Error> {
        let (epoch, key) = (self.db.epochs.at(super::cache::Epochs::TOKENS), id.to_string());
        if let Some(token) = self.tokens.get(&key, epoch) {
            return Ok(Some(token));
        }
        let found = self.db.read(move |tx| find(tx, id)).await?.map(Arc::new);
        if let Some(token) = &found {
            self.tokens.put(&key, epoch, Arc::clone(token));
        }
        Ok(found)
    }

    /// Up to `limit` tokens in the order of their numbers, those after `after`; with `owner` only theirs.
    pub async fn list_tokens(
        &self,
        owner: Option<String>,
        after: i64,
        limit: u64,
    ) -> Result<Vec<Token>, Error> {
        self.db
            .read(move |tx| {
                let sql = format!(
                    "SELECT {COLUMNS}
                       FROM token
                       JOIN account ON account.id = token.account_id
                      WHERE token.id > $1
                        AND ($2 IS NULL OR account.name = $2)
                      ORDER BY token.id
                      LIMIT $3"
                );
                tx.query(&sql, (after, owner, limit), read)
            })
            .await
    }

    /// Notes when and where from tokens were used, without waiting.
    pub fn note_token_use(&self, uses: Vec<(i64, Timestamp, IpAddr)>) {
        self.db.write_behind(move |tx| {
            for (id, at, from) in &uses {
                tx.execute(
                    "UPDATE token SET last_used_at = $1, last_used_from = $2 WHERE id = $3",
                    (at, from.to_canonical().to_string(), id),
                )?;
            }
            Ok(())
        });
    }
}
