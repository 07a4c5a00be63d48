//! What a target has of what is wanted there, and the jobs that bring it there.

use serde::{Deserialize, Serialize};

use super::job::{self, NewJob};
use super::tx::{Row, Tx};
use super::{Error, Meta};
use crate::clock::Timestamp;
use crate::oci::{Digest, Reference, RepositoryName};

/// A tag or digest that a target should have as it is here; doubles as what its job is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The target.
    pub target: i64,
    /// The repository, as it is called here.
    pub repository: RepositoryName,
    /// A tag or digest.
    pub reference: String,
    /// Whether somebody asked for this one, whatever the rules say.
    #[serde(default)]
    pub is_asked: bool,
}

/// How often a job is tried: some three days, with waits of ten minutes in the end.
const ATTEMPTS: u32 = 450;

/// The kind of the jobs that bring one tag or digest to one target.
pub const REPLICATE: &str = "replicate";

/// What the jobs of a target are listed by.
#[must_use]
pub(super) fn subject(target: i64) -> String {
    format!("replicate/{target}")
}

impl Wanted {
    /// The job that brings it there. It reads what is to be there when it runs, so one that waits stands for all that came
    /// meanwhile; and it has a lane of its own, so that two never race.
    #[must_use]
    pub fn job(&self, event: Option<u64>) -> NewJob {
        let key = format!("replicate/{}/{}/{}", self.target, self.repository, self.reference);
        NewJob {
            subject: subject(self.target),
            lane: key.clone(),
            unique_key: Some(key),
            most_attempts: ATTEMPTS,
            event_id: event,
            ..NewJob::new(REPLICATE, serde_json::json!(self))
        }
    }
}

/// What a target has of one tag or digest.
#[derive(Clone, Debug)]
pub struct ReplicationState {
    /// The target's name.
    pub target: String,
    /// The repository, as it is called here.
    pub repository: RepositoryName,
    /// A tag or digest.
    pub reference: String,
    /// Since when the target has something else than is here; `None`: it has what is here.
    pub behind_since: Option<Timestamp>,
    /// The digest that it has.
    pub there: Option<String>,
    /// Since when.
    pub there_at: Option<Timestamp>,
    /// Bytes sent for it, in all.
    pub bytes: u64,
    /// Attempts in a row that failed.
    pub failures: u64,
    /// Why the last one failed, or what came of it.
    pub reason: Option<String>,
}

/// What came of an attempt.
#[derive(Clone, Debug)]
pub enum Replicated {
    /// The target has this now; nothing, if it was deleted.
    There(Option<Digest>),
    /// It is not wanted there.
    Unwanted,
    /// It failed.
    Failed,
}

/// How far a target is behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lag {
    /// The target's name.
    pub target: String,
    /// Tags and digests that it does not have as they are here.
    pub behind: u64,
    /// Since when the oldest of them.
    pub since: Option<Timestamp>,
}

/// Which states are wanted; what is not set does not matter.
#[derive(Clone, Debug, Default)]
pub struct StateFilter {
    /// Of this target.
    pub target: Option<String>,
    /// Of this repository.
    pub repository: Option<RepositoryName>,
    /// Of this tag or digest.
    pub reference: Option<String>,
    /// Only what is behind.
    pub is_behind: bool,
}

/// Where a list of states goes on.
pub type StateCursor = (String, String, String);

const STATE: &str = "SELECT target.name AS target, state.repository, state.reference, state.behind_since, state.there,
            state.there_at, state.bytes, state.failures, state.reason
       FROM replication_target AS target
       JOIN replication_state AS state ON state.target_id = target.id";

fn read(row: &Row<'_>) -> Result<ReplicationState, Error> {
    Ok(ReplicationState {
        target: row.get("target")?,
        repository: row.get("repository")?,
        reference: row.get("reference")?,
        behind_since: row.get("behind_since")?,
        there: row.get("there")?,
        there_at: row.get("there_at")?,
        bytes: row.get("bytes")?,
        failures: row.get("failures")?,
        reason: row.get("reason")?,
    })
}

/// Notes that a target is behind, and adds the job that mends it.
pub(super) fn want(
    tx: &mut Tx<'_>,
    wanted: &Wanted,
    event: Option<u64>,
    by: &str,
    now: Timestamp,
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO replication_state (target_id, repository, reference, behind_since)
         SELECT id, $1, $2, $3
           FROM replication_target
          WHERE id = $4
             ON CONFLICT (target_id, repository, reference) DO UPDATE
            SET behind_since = COALESCE(behind_since, excluded.behind_since)",
        (&wanted.repository, &wanted.reference, now, wanted.target),
    )?;
    job::add(tx, &wanted.job(event), by, now).map(drop)
}

/// The digest that a tag or digest stands for here.
fn here(
    tx: &mut Tx<'_>,
    repository: &RepositoryName,
    reference: &str,
) -> Result<Option<String>, Error> {
    tx.find(
        "SELECT manifest.digest
           FROM repository
           JOIN tag ON tag.repository_id = repository.id
           JOIN manifest ON manifest.id = tag.manifest_id
          WHERE repository.name = $1
            AND tag.name = $2
          UNION ALL
         SELECT manifest.digest
           FROM repository
           JOIN repository_manifest AS owned ON owned.repository_id = repository.id
           JOIN manifest ON manifest.id = owned.manifest_id
          WHERE repository.name = $1
            AND manifest.digest = $2",
        (repository, reference),
        |row| row.get("digest"),
    )
}

fn note(
    tx: &mut Tx<'_>,
    wanted: &Wanted,
    outcome: &Replicated,
    bytes: u64,
    reason: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let key = (wanted.target, &wanted.repository, &wanted.reference);
    match outcome {
        Replicated::Failed => tx.execute(
            "UPDATE replication_state
                SET failures = failures + 1, reason = $1, bytes = bytes + $2
              WHERE target_id = $3
                AND repository = $4
                AND reference = $5",
            (reason, bytes, key.0, key.1, key.2),
        ),
        Replicated::Unwanted => {
            tx.execute(
                "DELETE FROM replication_state
                  WHERE target_id = $1
                    AND repository = $2
                    AND reference = $3
                    AND there IS NULL",
                key,
            )?;
            tx.execute(
                "UPDATE replication_state
                    SET failures = 0, reason = $1, behind_since = NULL
                  WHERE target_id = $2
                    AND repository = $3
                    AND reference = $4",
                (reason, key.0, key.1, key.2),
            )
        }
        Replicated::There(digest) => {
            // Something may have come meanwhile: then there is another job, and the target is behind until that is done.
            let there = digest.as_ref().map(Digest::as_str);
            let is_even = here(tx, &wanted.repository, &wanted.reference)?.as_deref() == there;
            tx.execute(
                "UPDATE replication_state
                    SET failures = 0, reason = $1, bytes = bytes + $2, there = $3, there_at = $4,
                        behind_since = IIF($5, NULL, behind_since)
                  WHERE target_id = $6
                    AND repository = $7
                    AND reference = $8",
                (reason, bytes, there, now, is_even, key.0, key.1, key.2),
            )
        }
    }
    .map(drop)
}

impl Meta {
    /// Notes that targets are behind, and adds the jobs that mend it.
    pub async fn want_replication(&self, wanted: Vec<Wanted>, by: &str) -> Result<(), Error> {
        let (by, now) = (by.to_owned(), self.clock.now());
        self.db
            .write(move |tx| wanted.iter().try_for_each(|wanted| want(tx, wanted, None, &by, now)))
            .await
    }

    /// Writes down what came of an attempt.
    pub async fn note_replication(
        &self,
        wanted: &Wanted,
        outcome: Replicated,
        bytes: u64,
        reason: &str,
    ) -> Result<(), Error> {
        let (wanted, reason, now) = (wanted.clone(), reason.to_owned(), self.clock.now());
        self.db.write(move |tx| note(tx, &wanted, &outcome, bytes, &reason, now)).await
    }

    /// What a target has of one tag or digest.
    pub async fn find_replication_state(
        &self,
        wanted: &Wanted,
    ) -> Result<Option<ReplicationState>, Error> {
        let wanted = wanted.clone();
        self.db
            .read(move |tx| {
                let sql = format!(
                    "{STATE} WHERE state.target_id = $1 AND state.repository = $2 AND state.reference = $3"
                );
                tx.find(&sql, (wanted.target, &wanted.repository, &wanted.reference), read)
            })
            .await
    }

    /// Up to `limit` states behind a place, in the order of target, repository and reference.
    pub async fn list_replication_states(
        &self,
        filter: StateFilter,
        after: StateCursor,
        limit: u64,
    ) -> Result<Vec<ReplicationState>, Error> {
        self.db
            .read(move |tx| {
                let sql = format!(
                    "{STATE}
                      WHERE (target.name, state.repository, state.reference) > ($1, $2, $3)
                        AND ($4 IS NULL OR target.name = $4)
                        AND ($5 IS NULL OR state.repository = $5)
                        AND ($6 IS NULL OR state.reference = $6)
                        AND (NOT $7 OR state.behind_since IS NOT NULL)
                      ORDER BY target.name, state.repository, state.reference
                      LIMIT $8"
                );
                tx.query(
                    &sql,
                    (
                        &after.0,
                        &after.1,
                        &after.2,
                        &filter.target,
                        &filter.repository,
                        &filter.reference,
                        filter.is_behind,
                        limit,
                    ),
                    read,
                )
            })
            .await
    }

    /// What a target was ever given of a repository: tags and digests that it has.
    pub async fn list_replicated(
        &self,
        target: i64,
        repository: &RepositoryName,
    ) -> Result<Vec<String>, Error> {
        let repository = repository.clone();
        self.db
            .read(move |tx| {
                tx.query(
                    "SELECT reference
                       FROM replication_state
                      WHERE target_id = $1
                        AND repository = $2
                        AND there IS NOT NULL
                      ORDER BY reference",
                    (target, &repository),
                    |row| row.get("reference"),
                )
            })
            .await
    }

    /// Another repository with this blob, of which the target has something: it can be mounted from there.
    pub async fn find_replicated_neighbour(
        &self,
        target: i64,
        repository: &RepositoryName,
        blob: &Digest,
    ) -> Result<Option<RepositoryName>, Error> {
        let (repository, blob) = (repository.clone(), blob.clone());
        self.db
            .read(move |tx| {
                tx.find(
                    "SELECT repository.name
                       FROM blob
                       JOIN repository_blob AS owned ON owned.blob_id = blob.id
                       JOIN repository ON repository.id = owned.repository_id
                      WHERE blob.digest = $1
                        AND repository.name <> $2
                        AND EXISTS (SELECT 1
                                      FROM replication_state AS state
                                     WHERE state.target_id = $3
                                       AND state.repository = repository.name
                                       AND state.there IS NOT NULL)
                      LIMIT 1",
                    (&blob, &repository, target),
                    |row| row.get("name"),
                )
            })
            .await
    }

    /// What a tag or digest stands for here.
    pub async fn find_digest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<String>, Error> {
        let (repository, reference) = (repository.clone(), reference.to_string());
        self.db.read(move |tx| here(tx, &repository, &reference)).await
    }

    /// How far each target is behind.
    pub async fn replication_lag(&self) -> Result<Vec<Lag>, Error> {
        self.db
            .read(|tx| {
                tx.query(
                    "SELECT target.name, COUNT(state.behind_since) AS behind, MIN(state.behind_since) AS since
                       FROM replication_target AS target
                       LEFT JOIN replication_state AS state
                         ON state.target_id = target.id
                        AND state.behind_since IS NOT NULL
                      GROUP BY target.name
                      ORDER BY target.name",
                    (),
                    |row| {
                        Ok(Lag {
                            target: row.get("name")?,
                            behind: row.get("behind")?,
                            since: row.get("since")?,
                        })
                    },
                )
            })
            .await
    }
}
