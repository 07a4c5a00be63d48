//! Issuers: whose tokens are looked at.

use super::event::Actor;
use super::token::{from_json, to_json};
use super::trust::{self, TrustChanged};
use super::tx::{Row, Tx};
use super::{Error, Meta};
use crate::clock::Timestamp;

/// Somebody whose tokens are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// What it is called here.
    pub name: String,
    /// What it calls itself: the claim `iss`, letter for letter.
    pub url: String,
    /// Where its keys are; found by discovery if it is not said.
    pub jwks_uri: Option<String>,
    /// Its keys themselves, a JSON Web Key Set; nothing is fetched then.
    pub keys: Option<String>,
    /// Certificate authorities (PEM) that are trusted beside the system's when its keys are fetched.
    pub authorities: String,
    /// The algorithms that are taken from it; empty: all that its keys allow.
    pub algorithms: Vec<String>,
    /// One of them has to be in a token's `aud`.
    pub audiences: Vec<String>,
    /// Whether its tokens are refused.
    pub is_disabled: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

const TABLE: (&str, &str) = ("issuer", "issuer");

fn read(row: &Row<'_>) -> Result<Issuer, Error> {
    Ok(Issuer {
        name: row.get("name")?,
        url: row.get("url")?,
        jwks_uri: row.get("jwks_uri")?,
        keys: row.get("keys")?,
        authorities: row.get("authorities")?,
        algorithms: from_json("algorithms", &row.get::<String>("algorithms")?)?,
        audiences: from_json("audiences", &row.get::<String>("audiences")?)?,
        is_disabled: row.get("disabled")?,
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
    })
}

pub(super) fn list(tx: &mut Tx<'_>) -> Result<Vec<Issuer>, Error> {
    tx.query(
        "SELECT name, url, jwks_uri, keys, authorities, algorithms, audiences, disabled, created_at, created_by
           FROM issuer
          ORDER BY name",
        (),
        read,
    )
}

fn put(
    tx: &mut Tx<'_>,
    issuer: &Issuer,
    by: &Actor,
    now: Timestamp,
) -> Result<TrustChanged, Error> {
    let taken = tx.find(
        "SELECT name FROM issuer WHERE url = $1 AND name <> $2",
        (&issuer.url, &issuer.name),
        |row| row.get::<String>("name"),
    )?;
    if let Some(other) = taken {
        return Ok(TrustChanged::UrlTaken(other));
    }
    tx.execute(
        "INSERT INTO issuer (name, url, jwks_uri, keys, authorities, algorithms, audiences, disabled, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (name) DO UPDATE
            SET url = excluded.url, jwks_uri = excluded.jwks_uri, keys = excluded.keys,
                authorities = excluded.authorities, algorithms = excluded.algorithms,
                audiences = excluded.audiences, disabled = excluded.disabled",
        (
            &issuer.name,
            &issuer.url,
            &issuer.jwks_uri,
            &issuer.keys,
            &issuer.authorities,
            to_json(&issuer.algorithms),
            to_json(&issuer.audiences),
            issuer.is_disabled,
            now,
            &*by.name,
        ),
    )?;
    let detail = serde_json::json!({
        "url": issuer.url, "jwks_uri": issuer.jwks_uri, "keys": issuer.keys.is_some(),
        "algorithms": issuer.algorithms, "audiences": issuer.audiences, "disabled": issuer.is_disabled,
    });
    trust::note(tx, TABLE.1, &issuer.name, detail, by, now)?;
    Ok(TrustChanged::Done)
}

fn remove(tx: &mut Tx<'_>, name: &str, by: &Actor, now: Timestamp) -> Result<TrustChanged, Error> {
    let used = tx.find(
        "SELECT COUNT(*) AS number FROM federation_rule WHERE issuer = $1",
        (name,),
        |row| row.get::<u64>("number"),
    )?;
    if let Some(used @ 1..) = used {
        return Ok(TrustChanged::InUse(used));
    }
    if tx.execute("DELETE FROM issuer WHERE name = $1", (name,))? == 0 {
        return Ok(TrustChanged::Unknown);
    }
    trust::note(tx, TABLE.1, name, serde_json::json!({ "removed": true }), by, now)?;
    Ok(TrustChanged::Done)
}

impl Meta {
    /// Makes an issuer, or changes the one of its name.
    pub async fn put_issuer(&self, issuer: Issuer, by: &Actor) -> Result<TrustChanged, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db.write(move |tx| put(tx, &issuer, &by, now)).await
    }

    /// Refuses the tokens of an issuer, or no longer.
    pub async fn disable_issuer(
        &self,
        name: &str,
        disabled: bool,
        by: &Actor,
    ) -> Result<TrustChanged, Error> {
        let (name, by, now) = (name.to_owned(), by.clone(), self.clock.now());
        self.db.write(move |tx| trust::set_disabled(tx, TABLE, &name, disabled, &by, now)).await
    }

    /// Removes an issuer that no rule is about.
    pub async fn remove_issuer(&self, name: &str, by: &Actor) -> Result<TrustChanged, Error> {
        let (name, by, now) = (name.to_owned(), by.clone(), self.clock.now());
        self.db.write(move |tx| remove(tx, &name, &by, now)).await
    }
}
