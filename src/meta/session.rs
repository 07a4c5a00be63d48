//! Browsers that are signed in. Only the hash of a session's cookie is stored.

use std::sync::Arc;

use super::event::{self, Actor, EventKind, NewEvent};
use super::tx::{Row, Tx};
use super::{Error, Meta, account};
use crate::clock::Timestamp;
use crate::oci::Digest;

/// A browser that is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the cookie.
    pub hash: Digest,
    /// Whose it is: the account's name.
    pub account: Arc<str>,
    /// `password`, or the provider that vouched for them.
    pub method: String,
    /// Where it was made from.
    pub address: String,
    /// What the browser calls itself.
    pub agent: String,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last used, to within some minutes.
    pub seen_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A session to be made.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// SHA-256 of the cookie.
    pub hash: Digest,
    /// Whose it is.
    pub account_id: i64,
    /// How they signed in.
    pub method: String,
    /// What the browser calls itself.
    pub agent: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

fn read(row: &Row<'_>) -> Result<Session, Error> {
    Ok(Session {
        hash: row.get("hash")?,
        account: row.get::<String>("account")?.into(),
        method: row.get("method")?,
        address: row.get("address")?,
        agent: row.get("agent")?,
        created_at: row.get("created_at")?,
        seen_at: row.get("seen_at")?,
        expires_at: row.get("expires_at")?,
    })
}

const SELECT: &str = "SELECT session.hash, account.name AS account, session.method, session.address, session.agent, \
     session.created_at, session.seen_at, session.expires_at
  FROM session
  JOIN account ON account.id = session.account_id";

fn find(tx: &mut Tx<'_>, hash: &Digest) -> Result<Option<Session>, Error> {
    tx.find(&format!("{SELECT} WHERE session.hash = $1"), (hash,), read)
}

impl Meta {
    /// Keeps a new session, and drops those that are over.
    pub async fn add_session(&self, new: NewSession, by: &Actor) -> Result<(), Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                tx.execute("DELETE FROM session WHERE expires_at < $1", (now,))?;
                let address = by.address.map(|address| address.to_string()).unwrap_or_default();
                tx.execute(
                    "INSERT INTO session (hash, account_id, method, address, agent, created_at, seen_at, expires_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $6, $7)",
                    (
                        &new.hash,
                        new.account_id,
                        &new.method,
                        address,
                        &new.agent,
                        now,
                        new.expires_at,
                    ),
                )?;
                tx.execute(
                    "UPDATE account SET last_login_at = $1 WHERE id = $2",
                    (now, new.account_id),
                )?;
                let detail = serde_json::json!({ "method": new.method });
                let event =
                    NewEvent::about(EventKind::SessionStart, &by.name).with(detail);
                event::append(tx, event, &by, now).map(drop)
            })
            .await
    }

    /// A session that is not over.
    pub async fn find_session(&self, hash: &Digest) -> Result<Option<Session>, Error> {
        let (hash, now) = (hash.clone(), self.clock.now());
        let found = self.db.read(move |tx| find(tx, &hash)).await?;
        Ok(found.filter(|session| session.expires_at > now))
    }

    /// The sessions of an account, the latest first.
    pub async fn list_sessions(&self, account: &str) -> Result<Vec<Session>, Error> {
        let (account, now) = (account.to_owned(), self.clock.now());
        self.db
            .read(move |tx| {
                let sql = format!(
                    "{SELECT}
                      WHERE account.name = $1
                        AND session.expires_at > $2
                      ORDER BY session.created_at DESC
                      LIMIT 1000"
                );
                tx.query(&sql, (&account, now), read)
            })
            .await
    }

    /// Notes that a session is in use, without waiting.
    pub fn note_session_use(&self, hash: Digest) {
        let now = self.clock.now();
        self.db.write_behind(move |tx| {
            tx.execute("UPDATE session SET seen_at = $1 WHERE hash = $2", (now, &hash)).map(drop)
        });
    }

    /// Signs a browser out; says whether it was signed in.
    pub async fn end_session(&self, hash: &Digest, by: &Actor) -> Result<bool, Error> {
        let (hash, by, now) = (hash.clone(), by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(session) = find(tx, &hash)? else { return Ok(false) };
                tx.execute("DELETE FROM session WHERE hash = $1", (&hash,))?;
                let event = NewEvent::about(EventKind::SessionEnd, &session.account);
                event::append(tx, event, &by, now)?;
                Ok(true)
            })
            .await
    }

    /// Ends whatever was issued to an account but for its tokens: browsers, refresh tokens, registry tokens. Says whether
    /// there is such an account.
    pub async fn end_all_logins(&self, name: &str, by: &Actor) -> Result<bool, Error> {
        let (name, by, now) = (name.to_owned(), by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(found) = account::find(tx, &name)? else { return Ok(false) };
                account::end_logins(tx, found.id)?;
                account::renew_login(tx, found.id)?;
                account::touch(tx, &name);
                let detail = serde_json::json!({ "everywhere": true });
                let event = NewEvent::about(EventKind::SessionEnd, &name).with(detail);
                event::append(tx, event, &by, now)?;
                Ok(true)
            })
            .await
    }
}
