//! Federation rules: which tokens of an issuer, or which client certificates, are somebody here.

use serde::{Deserialize, Serialize};

use super::account;
use super::event::Actor;
use super::token::{from_json, to_json};
use super::trust::{self, TrustChanged};
use super::tx::{Row, Tx};
use super::{Error, Meta, Subject, binding};
use crate::clock::Timestamp;

/// What a rule asks of one claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// The claim; a dot leads into one that has parts: `kubernetes.io.namespace`.
    pub claim: String,
    /// What it has to be.
    #[serde(flatten)]
    pub test: Test,
}

/// What a claim has to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// This, letter for letter.
    Is(String),
    /// One of these.
    In(Vec<String>),
    /// Something that a pattern matches: `*` stands for what holds no `/` and no `:`, `**` for anything.
    Like(String),
    /// A list with this in it.
    Has(String),
}

/// A federation rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FederationRule {
    /// Its name; rules of access name it `workload:NAME`.
    pub name: String,
    /// Whose tokens it is about; `None`: client certificates.
    pub issuer: Option<String>,
    /// One of them has to be in a token's `aud`; empty: one of the issuer's.
    pub audiences: Vec<String>,
    /// All of them have to hold.
    pub conditions: Vec<Condition>,
    /// The account that it makes of whoever it accepts; `None`: a workload of its own.
    pub acts_as: Option<Subject>,
    /// What it is for.
    pub description: String,
    /// Whether it accepts nobody.
    pub is_disabled: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

const TABLE: (&str, &str) = ("federation_rule", "rule");

fn read(row: &Row<'_>) -> Result<FederationRule, Error> {
    Ok(FederationRule {
        name: row.get("name")?,
        issuer: row.get("issuer")?,
        audiences: from_json("audiences", &row.get::<String>("audiences")?)?,
        conditions: from_json("conditions", &row.get::<String>("conditions")?)?,
        acts_as: row.get("acts_as")?,
        description: row.get("description")?,
        is_disabled: row.get("disabled")?,
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
    })
}

pub(super) fn list(tx: &mut Tx<'_>) -> Result<Vec<FederationRule>, Error> {
    tx.query(
        "SELECT name, issuer, audiences, conditions, acts_as, description, disabled, created_at, created_by
           FROM federation_rule
          ORDER BY name",
        (),
        read,
    )
}

fn put(
    tx: &mut Tx<'_>,
    rule: &FederationRule,
    by: &Actor,
    now: Timestamp,
) -> Result<TrustChanged, Error> {
    if let Some(issuer) = &rule.issuer {
        let sql = "SELECT 1 AS one FROM issuer WHERE name = $1";
        if tx.find(sql, (issuer,), |row| row.get::<i64>("one"))?.is_none() {
            return Ok(TrustChanged::NoIssuer);
        }
    }
    if let Some(subject) = &rule.acts_as {
        let found = account::find(tx, subject.name())?;
        if found.is_none_or(|account| account.subject() != *subject) {
            return Ok(TrustChanged::NoAccount);
        }
    }
    tx.execute(
        "INSERT INTO federation_rule (name, issuer, audiences, conditions, acts_as, description, disabled, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (name) DO UPDATE
            SET issuer = excluded.issuer, audiences = excluded.audiences, conditions = excluded.conditions,
                acts_as = excluded.acts_as, description = excluded.description, disabled = excluded.disabled",
        (
            &rule.name,
            &rule.issuer,
            to_json(&rule.audiences),
            to_json(&rule.conditions),
            &rule.acts_as,
            &rule.description,
            rule.is_disabled,
            now,
            &*by.name,
        ),
    )?;
    let detail = serde_json::json!({
        "issuer": rule.issuer, "audiences": rule.audiences, "conditions": rule.conditions,
        "acts_as": rule.acts_as, "disabled": rule.is_disabled,
    });
    trust::note(tx, TABLE.1, &rule.name, detail, by, now)?;
    Ok(TrustChanged::Done)
}

fn remove(tx: &mut Tx<'_>, name: &str, by: &Actor, now: Timestamp) -> Result<TrustChanged, Error> {
    if tx.execute("DELETE FROM federation_rule WHERE name = $1", (name,))? == 0 {
        return Ok(TrustChanged::Unknown);
    }
    // A rule that gets the name later must not inherit what this one was allowed.
    binding::remove_all_of(tx, &Subject::workload(name), by, now)?;
    trust::note(tx, TABLE.1, name, serde_json::json!({ "removed": true }), by, now)?;
    Ok(TrustChanged::Done)
}

/// Removes the rules that act as an account which is removed: whoever gets the name next is somebody else.
pub(super) fn remove_all_as(
    tx: &mut Tx<'_>,
    subject: &Subject,
    by: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    let sql = "SELECT name FROM federation_rule WHERE acts_as = $1";
    let names: Vec<String> = tx.query(sql, (subject,), |row| row.get("name"))?;
    for name in names {
        remove(tx, &name, by, now)?;
    }
    Ok(())
}

impl Meta {
    /// Makes a federation rule, or changes the one of its name.
    pub async fn put_federation_rule(
        &self,
        rule: FederationRule,
        by: &Actor,
    ) -> Result<TrustChanged, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db.write(move |tx| put(tx, &rule, &by, now)).await
    }

    /// Makes a federation rule accept nobody, or no longer.
    pub async fn disable_federation_rule(
        &self,
        name: &str,
        disabled: bool,
        by: &Actor,
    ) -> Result<TrustChanged, Error> {
        let (name, by, now) = (name.to_owned(), by.clone(), self.clock.now());
        self.db.write(move |tx| trust::set_disabled(tx, TABLE, &name, disabled, &by, now)).await
    }

    /// Removes a federation rule, and what its workload was allowed.
    pub async fn remove_federation_rule(
        &self,
        name: &str,
        by: &Actor,
    ) -> Result<TrustChanged, Error> {
        let (name, by, now) = (name.to_owned(), by.clone(), self.clock.now());
        self.db.write(move |tx| remove(tx, &name, &by, now)).await
    }
}
