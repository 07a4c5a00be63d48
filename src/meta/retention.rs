//! Retention: the policies, what they are to judge, and what came of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::{self, Actor, EventKind, NewEvent};
use super::token::{from_json, to_json};
use super::tx::{Row, Tx};
use super::{Error, Meta};
use crate::clock::Timestamp;
use crate::config::HumanDuration;
use crate::oci::{RepositoryName, RepositoryPattern, TagPattern};

/// What keeps a tag, and what drops one. As JSON: `{"newest": 10}`, `{"older_than": "90d", "among": "pr-*"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, serde_json::Value>")]
pub struct RetentionRule {
    /// What it looks at.
    #[serde(flatten)]
    pub test: RetentionTest,
    /// Only these tags; all of them without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub among: Option<TagPattern>,
}

/// What a rule looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetentionTest {
    /// Keeps so many of those that were moved last.
    Newest(u64),
    /// Keeps versions of a range, such as `>=1.2, <2`.
    Semver(String),
    /// Keeps what was moved within this time.
    PushedWithin(HumanDuration),
    /// Keeps what was pulled within this time.
    PulledWithin(HumanDuration),
    /// Keeps or drops tags of a pattern.
    Tag(TagPattern),
    /// Keeps what something of this artifact type refers to; `*` is any type.
    Referrer(String),
    /// Drops what was not moved for so long.
    OlderThan(HumanDuration),
    /// Drops what was neither pulled nor moved for so long.
    NotPulledFor(HumanDuration),
    /// Drops manifests that no tag leads to, when they were pushed so long ago.
    Untagged(HumanDuration),
    /// Drops all but so many of those that were moved last.
    BeyondNewest(u64),
}

/// One test and no more: what is not understood of a rule must not be passed over.
impl TryFrom<BTreeMap<String, serde_json::Value>> for RetentionRule {
    type Error = String;

    fn try_from(mut fields: BTreeMap<String, serde_json::Value>) -> Result<Self, String> {
        let among = fields.remove("among").map(serde_json::from_value).transpose();
        let among = among.map_err(|error| error.to_string())?;
        if fields.len() != 1 {
            return Err("a rule has one field, such as `newest`, and perhaps `among`".into());
        }
        let test = serde_json::from_value(fields.into_iter().collect());
        Ok(Self { test: test.map_err(|error| error.to_string())?, among })
    }
}

/// Which tags of which repositories are kept and dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What it is called.
    pub name: String,
    /// Repositories.
    pub repositories: Vec<RepositoryPattern>,
    /// Repositories that are not meant, although they fit.
    pub except_repositories: Vec<RepositoryPattern>,
    /// What keeps; it wins over whatever drops.
    pub keep: Vec<RetentionRule>,
    /// What drops.
    pub discard: Vec<RetentionRule>,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who changed it.
    pub updated_by: String,
}

impl Policy {
    /// Whether it is about a repository.
    #[must_use]
    pub fn is_about(&self, name: &RepositoryName) -> bool {
        self.repositories.iter().any(|pattern| pattern.matches(name))
            && !self.except_repositories.iter().any(|pattern| pattern.matches(name))
    }
}

/// What a run has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RunTotals {
    /// Repositories that a policy is about.
    pub repositories: u64,
    /// Tags that were dropped.
    pub tags: u64,
    /// Manifests that were dropped.
    pub manifests: u64,
    /// Tags that were kept.
    pub kept: u64,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionRun {
    /// The job that it is.
    pub job: i64,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; nothing while it goes on, or if it broke off.
    pub finished_at: Option<Timestamp>,
    /// What it has done.
    pub totals: RunTotals,
}

fn read(row: &Row<'_>) -> Result<Policy, Error> {
    let json = |column: &str| row.get::<String>(column);
    Ok(Policy {
        name: row.get("name")?,
        repositories: from_json("repositories", &json("repositories")?)?,
        except_repositories: from_json("except_repositories", &json("except_repositories")?)?,
        keep: from_json("keep", &json("keep")?)?,
        discard: from_json("discard", &json("discard")?)?,
        updated_at: row.get("updated_at")?,
        updated_by: row.get("updated_by")?,
    })
}

const COLUMNS: &str =
    "name, repositories, except_repositories, keep, discard, updated_at, updated_by";

fn find(tx: &mut Tx<'_>, name: &str) -> Result<Option<Policy>, Error> {
    tx.find(&format!("SELECT {COLUMNS} FROM retention_policy WHERE name = $1"), (name,), read)
}

fn note(
    tx: &mut Tx<'_>,
    name: &str,
    detail: serde_json::Value,
    by: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    let event = NewEvent::about(EventKind::RetentionChange, name).with(detail);
    event::append(tx, event, by, now).map(drop)
}

fn put(tx: &mut Tx<'_>, policy: &Policy, by: &Actor, now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO retention_policy (name, repositories, except_repositories, keep, discard, updated_at, updated_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (name) DO UPDATE
            SET repositories = excluded.repositories, except_repositories = excluded.except_repositories,
                keep = excluded.keep, discard = excluded.discard,
                updated_at = excluded.updated_at, updated_by = excluded.updated_by",
        (
            &policy.name,
            to_json(&policy.repositories),
            to_json(&policy.except_repositories),
            to_json(&policy.keep),
            to_json(&policy.discard),
            now,
            &*by.name,
        ),
    )?;
    let detail = serde_json::json!({
        "repositories": policy.repositories, "except_repositories": policy.except_repositories,
        "keep": policy.keep, "drop": policy.discard,
    });
    note(tx, &policy.name, detail, by, now)
}

fn read_run(row: &Row<'_>) -> Result<RetentionRun, Error> {
    Ok(RetentionRun {
        job: row.get("job_id")?,
        started_at: row.get("started_at")?,
        finished_at: row.get("finished_at")?,
        totals: RunTotals {
            repositories: row.get("repositories")?,
            tags: row.get("tags")?,
            manifests: row.get("manifests")?,
            kept: row.get("kept")?,
        },
    })
}

impl Meta {
    /// All policies, by name.
    pub async fn list_policies(&self) -> Result<Vec<Policy>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM retention_policy ORDER BY name");
        self.db.read(move |tx| tx.query(&sql, (), read)).await
    }

    /// A policy by its name.
    pub async fn find_policy(&self, name: &str) -> Result<Option<Policy>, Error> {
        let name = name.to_owned();
        self.db.read(move |tx| find(tx, &name)).await
    }

    /// Makes a policy, or changes the one of its name; who and when is told by `by` and the clock.
    pub async fn put_policy(&self, policy: Policy, by: &Actor) -> Result<Policy, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                put(tx, &policy, &by, now)?;
                Ok(Policy { updated_at: now, updated_by: by.name.to_string(), ..policy })
            })
            .await
    }

    /// Removes a policy; says whether there was one.
    pub async fn remove_policy(&self, name: &str, by: &Actor) -> Result<bool, Error> {
        let (name, by, now) = (name.to_owned(), by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                if tx.execute("DELETE FROM retention_policy WHERE name = $1", (&name,))? == 0 {
                    return Ok(false);
                }
                note(tx, &name, serde_json::json!({ "removed": true }), &by, now)?;
                Ok(true)
            })
            .await
    }

    /// Notes that a run has begun, or begins again after it broke off.
    pub async fn begin_retention(&self, job: i64) -> Result<(), Error> {
        let now = self.clock.now();
        self.db
            .write(move |tx| {
                tx.execute(
                    "INSERT INTO retention_run (job_id, started_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    (job, now),
                )
                .map(drop)
            })
            .await
    }

    /// Adds what a run has done.
    pub async fn count_retention(&self, job: i64, done: RunTotals) -> Result<(), Error> {
        self.db
            .write(move |tx| {
                tx.execute(
                    "UPDATE retention_run
                        SET repositories = repositories + $1, tags = tags + $2, manifests = manifests + $3,
                            kept = kept + $4
                      WHERE job_id = $5",
                    (done.repositories, done.tags, done.manifests, done.kept, job),
                )
                .map(drop)
            })
            .await
    }

    /// Notes that a run has ended, and tells of it.
    pub async fn end_retention(&self, job: i64, by: &Actor) -> Result<RunTotals, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let run = tx.find(
                    "UPDATE retention_run
                        SET finished_at = $1
                      WHERE job_id = $2
                      RETURNING job_id, started_at, finished_at, repositories, tags, manifests, kept",
                    (now, job),
                    read_run,
                )?;
                let totals = run.map(|run| run.totals).unwrap_or_default();
                let target = job.to_string();
                let event = NewEvent::about(EventKind::RetentionRun, &target);
                event::append(tx, event.with(serde_json::json!(totals)), &by, now)?;
                Ok(totals)
            })
            .await
    }

    /// Up to `limit` runs, the latest first, those before `before`.
    pub async fn list_retention_runs(
        &self,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<RetentionRun>, Error> {
        let before = before.unwrap_or(i64::MAX);
        self.db
            .read(move |tx| {
                tx.query(
                    "SELECT job_id, started_at, finished_at, repositories, tags, manifests, kept
                       FROM retention_run
                      WHERE job_id < $1
                      ORDER BY job_id DESC
                      LIMIT $2",
                    (before, limit),
                    read_run,
                )
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_one_line_of_json() {
        for text in [
            r#"{"newest":10}"#,
            r#"{"semver":">=1.2, <2"}"#,
            r#"{"older_than":"90d","among":"pr-*"}"#,
            r#"{"untagged":"7d"}"#,
        ] {
            let rule: RetentionRule = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&rule).unwrap(), text);
        }
        for bad in [
            r#"{"newest":-1}"#,
            r#"{"tag":"**"}"#,
            r#"{"older_than":"soon"}"#,
            "{}",
            r#"{"newest":1,"tag":"a"}"#,
        ] {
            assert!(serde_json::from_str::<RetentionRule>(bad).is_err(), "{bad}");
        }
    }
}
