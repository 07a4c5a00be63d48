//! Running jobs: a lease makes a job somebody's, and what came of it is written down by whoever still has it.

use std::time::Duration;

use super::job::{COLUMNS, Job, JobState, NewJob, add, end, find, read};
use super::token::to_json;
use super::tx::Tx;
use super::{Error, Meta};
use crate::clock::Timestamp;
use crate::secret::random_text;

/// A job that somebody runs.
#[derive(Clone, Debug)]
pub struct LeasedJob {
    /// The job.
    pub job: Job,
    /// The proof that it is still theirs.
    pub lease: String,
}

/// What came of an attempt.
#[derive(Clone, Debug)]
pub enum Settlement {
    /// It is done, with this result for people.
    Done(Option<String>),
    /// It failed, and is tried again after this long if it may be.
    Retry {
        /// Why.
        reason: String,
        /// How long to wait.
        after: Duration,
    },
    /// It failed, and would fail again.
    Failed(String),
    /// It was ended because somebody wanted that.
    Cancelled,
    /// It could not be worked on now, which counts as no attempt.
    Later(Duration),
}

/// Whether a lease still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptJob {
    /// It does.
    Ours,
    /// It does, and somebody wants the job to end.
    Unwanted,
    /// Somebody else has the job, or it is gone.
    Lost,
}

fn find_leased(tx: &mut Tx<'_>, id: i64, lease: &str) -> Result<Option<Job>, Error> {
    let sql = format!(
        "SELECT {COLUMNS}
           FROM job
          WHERE id = $1
            AND lease = $2
            AND state = 'running'"
    );
    tx.find(&sql, (id, lease), read)
}

fn claim(
    tx: &mut Tx<'_>,
    kind: &str,
    lease: &str,
    until: Timestamp,
    now: Timestamp,
) -> Result<Option<Job>, Error> {
    let id: Option<i64> = tx.find(
        "SELECT id
           FROM job
          WHERE kind = $1
            AND state = 'waiting'
            AND run_at <= $2
          ORDER BY run_at, id
          LIMIT 1",
        (kind, now),
        |row| row.get("id"),
    )?;
    let Some(id) = id else { return Ok(None) };
    tx.execute(
        "UPDATE job
            SET state = 'running', attempts = attempts + 1, lease = $1, leased_until = $2, started_at = $3, wants_cancel = 0
          WHERE id = $4",
        (lease, until, now, id),
    )?;
    find(tx, id)
}

fn settle(
    tx: &mut Tx<'_>,
    job: &Job,
    settlement: &Settlement,
    now: Timestamp,
) -> Result<(), Error> {
    match settlement {
        Settlement::Done(result) => end(tx, job, JobState::Done, result.as_deref(), now),
        Settlement::Failed(reason) => end(tx, job, JobState::Failed, Some(reason), now),
        Settlement::Cancelled => end(tx, job, JobState::Cancelled, None, now),
        Settlement::Retry { reason, .. } if job.attempts >= job.most_attempts => {
            end(tx, job, JobState::Failed, Some(reason), now)
        }
        Settlement::Retry { reason, after } => {
            wait(tx, job, *after, Some(reason), job.attempts, now)
        }
        Settlement::Later(after) => {
            wait(tx, job, *after, job.reason.as_deref(), job.attempts.saturating_sub(1), now)
        }
    }
}

/// Lets a job that was begun wait for another attempt; or ends it, if another one waits to do the same.
fn wait(
    tx: &mut Tx<'_>,
    job: &Job,
    after: Duration,
    reason: Option<&str>,
    attempts: u32,
    now: Timestamp,
) -> Result<(), Error> {
    let other: Option<i64> = tx.find(
        "SELECT other.id
           FROM job
           JOIN job AS other
             ON other.kind = job.kind
            AND other.unique_key = job.unique_key
            AND other.state IN ('blocked', 'waiting')
          WHERE job.id = $1",
        (job.id,),
        |row| row.get("id"),
    )?;
    if let Some(other) = other {
        let reason = format!("job {other} does the same; {}", reason.unwrap_or("it comes later"));
        return end(tx, job, JobState::Cancelled, Some(&reason), now);
    }
    tx.execute(
        "UPDATE job
            SET state = 'waiting', run_at = $1, reason = $2, attempts = $3, lease = NULL, leased_until = NULL
          WHERE id = $4",
        (now + after, reason, u64::from(attempts), job.id),
    )?;
    tx.touch_jobs();
    Ok(())
}

impl Meta {
    /// Leases the next job of a kind whose time has come.
    pub async fn claim_job(
        &self,
        kind: &'static str,
        lease_for: Duration,
    ) -> Result<Option<LeasedJob>, Error> {
        let now = self.clock.now();
        // Most of the time there is none, and to see that needs no transaction that writes.
        let any = self.db.read(move |tx| {
            let sql = "SELECT 1 AS one FROM job WHERE kind = $1 AND state = 'waiting' AND run_at <= $2 LIMIT 1";
            Ok(tx.find(sql, (kind, now), |row| row.get::<i64>("one"))?.is_some())
        });
        if !any.await? {
            return Ok(None);
        }
        let lease = random_text(12);
        let key = lease.clone();
        let claimed = self.db.write(move |tx| claim(tx, kind, &key, now + lease_for, now)).await?;
        Ok(claimed.map(|job| LeasedJob { job, lease }))
    }

    /// When the next job of a kind is due, if one waits.
    pub async fn next_job_at(&self, kind: &'static str) -> Result<Option<Timestamp>, Error> {
        self.db
            .read(move |tx| {
                tx.find(
                    "SELECT run_at FROM job WHERE kind = $1 AND state = 'waiting' ORDER BY run_at LIMIT 1",
                    (kind,),
                    |row| row.get("run_at"),
                )
            })
            .await
    }

    /// Keeps a lease, and notes how far the job has come; says whether it is still theirs, and whether it should go on.
    pub async fn keep_job(
        &self,
        leased: &LeasedJob,
        lease_for: Duration,
        progress: Option<serde_json::Value>,
    ) -> Result<KeptJob, Error> {
        let (id, lease, now) = (leased.job.id, leased.lease.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(job) = find_leased(tx, id, &lease)? else { return Ok(KeptJob::Lost) };
                let progress = progress.or(job.progress).map(|progress| to_json(&progress));
                tx.execute(
                    "UPDATE job SET leased_until = $1, progress = $2 WHERE id = $3",
                    (now + lease_for, progress, id),
                )?;
                Ok(if job.wants_cancel { KeptJob::Unwanted } else { KeptJob::Ours })
            })
            .await
    }

    /// Writes down what came of an attempt, and what follows from it, in one transaction; says whether the lease was still
    /// theirs. If it was not, nothing is changed.
    pub async fn settle_job(
        &self,
        leased: &LeasedJob,
        settlement: Settlement,
        following: Vec<NewJob>,
    ) -> Result<bool, Error> {
        let (id, lease, now) = (leased.job.id, leased.lease.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(job) = find_leased(tx, id, &lease)? else { return Ok(false) };
                settle(tx, &job, &settlement, now)?;
                for new in &following {
                    add(tx, new, &job.created_by, now)?;
                }
                Ok(true)
            })
            .await
    }

    /// Gives back jobs whose lease has ended; says how many. One that was tried often enough has failed.
    pub async fn release_jobs(&self) -> Result<u64, Error> {
        let now = self.clock.now();
        self.db
            .write(move |tx| {
                let sql = format!(
                    "SELECT {COLUMNS}
                       FROM job
                      WHERE state = 'running'
                        AND leased_until < $1
                      LIMIT 1000"
                );
                let lost = tx.query(&sql, (now,), read)?;
                for job in &lost {
                    let reason = "whoever ran it is gone".to_owned();
                    settle(tx, job, &Settlement::Retry { reason, after: Duration::ZERO }, now)?;
                }
                Ok(lost.len() as u64)
            })
            .await
    }

    /// Gives back every job that runs: for the start of the one process that serves a data directory.
    pub async fn release_all_jobs(&self) -> Result<u64, Error> {
        let now = self.clock.now();
        self.db
            .write(move |tx| {
                let sql = format!("SELECT {COLUMNS} FROM job WHERE state = 'running'");
                let lost = tx.query(&sql, (), read)?;
                for job in &lost {
                    // It was interrupted, which is no failure of its own; one that ends the process each time must end, too.
                    let reason = "it was interrupted by the end of the process".to_owned();
                    settle(tx, job, &Settlement::Retry { reason, after: Duration::ZERO }, now)?;
                }
                Ok(lost.len() as u64)
            })
            .await
    }
}
