//! Work that waits: added in the transaction that causes it, leased while it runs, tried again when it fails, and kept where
//! people can see it.
//!
//! Of a lane only the first job waits to be run; the others are blocked until it has ended. So to find the next job costs the
//! same however many there are.

use serde::Serialize;

use super::event::Actor;
use super::token::{from_json, to_json};
use super::tx::{FromColumn, Row, ToValue, Tx, Value};
use super::{Error, Meta};
use crate::clock::Timestamp;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// It waits for the one before it in its lane.
    Blocked,
    /// It waits for its time and for a place.
    Waiting,
    /// Somebody runs it.
    Running,
    /// It is done.
    Done,
    /// It was tried as often as it may be; a person has to look.
    Failed,
    /// Somebody did not want it any more.
    Cancelled,
}

impl JobState {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Blocked, Self::Waiting, Self::Running, Self::Done, Self::Failed, Self::Cancelled];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads its name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl ToValue for JobState {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self.as_str())
    }
}

impl FromColumn for JobState {
    fn from_column(value: rusqlite::types::ValueRef<'_>) -> Result<Self, String> {
        let text = String::from_column(value)?;
        Self::parse(&text).ok_or_else(|| format!("`{text}` is no state of a job"))
    }
}

/// Work to be done.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Which worker does it.
    pub kind: &'static str,
    /// What to do.
    pub payload: serde_json::Value,
    /// What it is about, to be listed by; may be empty.
    pub subject: String,
    /// Jobs of one lane run one after another, in the order in which they were added; empty: beside all others.
    pub lane: String,
    /// If one waits under this key already, this one is not needed.
    pub unique_key: Option<String>,
    /// How often it is tried before a person has to look.
    pub most_attempts: u32,
    /// Not before.
    pub run_at: Option<Timestamp>,
    /// The event that it follows from.
    pub event_id: Option<u64>,
}

impl NewJob {
    /// Work beside all others, tried five times.
    #[must_use]
    pub fn new(kind: &'static str, payload: serde_json::Value) -> Self {
        Self {
            kind,
            payload,
            subject: String::new(),
            lane: String::new(),
            unique_key: None,
            most_attempts: 5,
            run_at: None,
            event_id: None,
        }
    }
}

/// A piece of work.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its number.
    pub id: i64,
    /// Which worker does it.
    pub kind: String,
    /// What to do.
    pub payload: serde_json::Value,
    /// What it is about.
    pub subject: String,
    /// What it waits in.
    pub lane: String,
    /// Where it stands.
    pub state: JobState,
    /// How often it was begun.
    pub attempts: u32,
    /// How often it may be.
    pub most_attempts: u32,
    /// Not before.
    pub run_at: Timestamp,
    /// Why the last attempt failed, or what came of it.
    pub reason: Option<String>,
    /// How far it has come.
    pub progress: Option<serde_json::Value>,
    /// Whether somebody wants it to end.
    pub wants_cancel: bool,
    /// The event that it follows from.
    pub event_id: Option<u64>,
    /// Since when.
    pub created_at: Timestamp,
    /// Who caused it.
    pub created_by: String,
    /// When it was last begun.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// What came of asking for a job to be cancelled, or tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobChanged {
    /// It is as wanted.
    Done,
    /// It runs, and was told to end.
    Asked,
    /// It has ended already, or has not ended yet.
    NotNow(JobState),
    /// There is none of this number.
    Unknown,
}

/// Which jobs are wanted; what is not set does not matter.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// Of this kind.
    pub kind: Option<String>,
    /// In this state.
    pub state: Option<JobState>,
    /// About this.
    pub subject: Option<String>,
}

/// A line of what a job said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobLine {
    /// When.
    pub at: Timestamp,
    /// What.
    pub message: String,
}

pub(super) const COLUMNS: &str = "id, kind, payload, subject, lane, state, attempts, most_attempts, run_at, reason, progress, wants_cancel, \
     event_id, created_at, created_by, started_at, finished_at";

pub(super) fn read(row: &Row<'_>) -> Result<Job, Error> {
    let progress: Option<String> = row.get("progress")?;
    let number =
        |column: &str| Ok::<_, Error>(u32::try_from(row.get::<u64>(column)?).unwrap_or(u32::MAX));
    Ok(Job {
        id: row.get("id")?,
        kind: row.get("kind")?,
        payload: from_json("payload", &row.get::<String>("payload")?)?,
        subject: row.get("subject")?,
        lane: row.get("lane")?,
        state: row.get("state")?,
        attempts: number("attempts")?,
        most_attempts: number("most_attempts")?,
        run_at: row.get("run_at")?,
        reason: row.get("reason")?,
        progress: progress.map(|text| from_json("progress", &text)).transpose()?,
        wants_cancel: row.get("wants_cancel")?,
        event_id: row.get("event_id")?,
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
        started_at: row.get("started_at")?,
        finished_at: row.get("finished_at")?,
    })
}

/// Adds a job; `None` if one waits under its key already.
pub(super) fn add(
    tx: &mut Tx<'_>,
    new: &NewJob,
    by: &str,
    now: Timestamp,
) -> Result<Option<i64>, Error> {
    let behind = !new.lane.is_empty()
        && tx
            .find(
                "SELECT id
                   FROM job
                  WHERE lane = $1
                    AND lane <> ''
                    AND state IN ('blocked', 'waiting', 'running')
                  LIMIT 1",
                (&new.lane,),
                |row| row.get::<i64>("id"),
            )?
            .is_some();
    let state = if behind { JobState::Blocked } else { JobState::Waiting };
    let id = tx.find(
        "INSERT INTO job (kind, payload, subject, lane, unique_key, state, most_attempts, run_at, event_id, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             ON CONFLICT DO NOTHING
         RETURNING id",
        (
            new.kind,
            to_json(&new.payload),
            &new.subject,
            &new.lane,
            &new.unique_key,
            state,
            u64::from(new.most_attempts),
            new.run_at.unwrap_or(now),
            new.event_id,
            now,
            by,
        ),
        |row| row.get("id"),
    )?;
    tx.touch_jobs();
    Ok(id)
}

/// Lets the next one of a lane come, if none is in front of it.
fn move_up(tx: &mut Tx<'_>, lane: &str) -> Result<(), Error> {
    if lane.is_empty() {
        return Ok(());
    }
    tx.execute(
        "UPDATE job
            SET state = 'waiting'
          WHERE id = (SELECT id
                        FROM job
                       WHERE lane = $1
                         AND lane <> ''
                         AND state = 'blocked'
                       ORDER BY id
                       LIMIT 1)
            AND NOT EXISTS (SELECT 1
                              FROM job
                             WHERE lane = $1
                               AND lane <> ''
                               AND state IN ('waiting', 'running'))",
        (lane,),
    )?;
    Ok(())
}

/// Lets what waits about a subject be tried at once.
pub(super) fn hurry(tx: &mut Tx<'_>, subject: &str, now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "UPDATE job
            SET run_at = $1
          WHERE subject = $2
            AND state = 'waiting'
            AND run_at > $1",
        (now, subject),
    )?;
    tx.touch_jobs();
    Ok(())
}

pub(super) fn end(
    tx: &mut Tx<'_>,
    job: &Job,
    state: JobState,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE job
            SET state = $1, reason = $2, finished_at = $3, lease = NULL, leased_until = NULL
          WHERE id = $4",
        (state, reason, now, job.id),
    )?;
    move_up(tx, &job.lane)?;
    tx.touch_jobs();
    Ok(())
}

pub(super) fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Job>, Error> {
    tx.find(&format!("SELECT {COLUMNS} FROM job WHERE id = $1"), (id,), read)
}

impl Meta {
    /// Adds a job; `None` if one waits under its key already.
    pub async fn add_job(&self, new: NewJob, by: &Actor) -> Result<Option<i64>, Error> {
        let (by, now) = (by.name.clone(), self.clock.now());
        self.db.write(move |tx| add(tx, &new, &by, now)).await
    }

    /// A job.
    pub async fn find_job(&self, id: i64) -> Result<Option<Job>, Error> {
        self.db.read(move |tx| find(tx, id)).await
    }

    /// Up to `limit` jobs, the latest first, those before the job `before`.
    pub async fn list_jobs(
        &self,
        filter: JobFilter,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<Job>, Error> {
        let before = before.unwrap_or(i64::MAX);
        self.db
            .read(move |tx| {
                let (column, value) = match &filter {
                    // The rarest first: each of them has an index.
                    JobFilter { subject: Some(subject), .. } => ("subject", subject.clone()),
                    JobFilter { state: Some(state), .. } => ("state", state.as_str().to_owned()),
                    JobFilter { kind: Some(kind), .. } => ("kind", kind.clone()),
                    _ => ("'all'", "all".to_owned()),
                };
                let sql = format!(
                    "SELECT {COLUMNS}
                       FROM job
                      WHERE {column} = $1
                        AND id < $2
                        AND ($3 IS NULL OR kind = $3)
                        AND ($4 IS NULL OR state = $4)
                      ORDER BY id DESC
                      LIMIT $5"
                );
                tx.query(&sql, (value, before, &filter.kind, filter.state, limit), read)
            })
            .await
    }

    /// How many jobs of each kind are in each state but done and cancelled.
    pub async fn count_jobs(&self) -> Result<Vec<(String, JobState, u64)>, Error> {
        self.db
            .read(|tx| {
                tx.query(
                    "SELECT kind, state, COUNT(*) AS number
                       FROM job
                      WHERE state IN ('blocked', 'waiting', 'running', 'failed')
                      GROUP BY kind, state
                      ORDER BY kind, state",
                    (),
                    |row| Ok((row.get("kind")?, row.get("state")?, row.get("number")?)),
                )
            })
            .await
    }

    /// The job of a kind that waits under a key.
    pub async fn find_waiting_job(
        &self,
        kind: &'static str,
        key: &str,
    ) -> Result<Option<Job>, Error> {
        let key = key.to_owned();
        self.db
            .read(move |tx| {
                let sql = format!(
                    "SELECT {COLUMNS}
                       FROM job
                      WHERE kind = $1
                        AND unique_key = $2
                        AND state IN ('blocked', 'waiting')"
                );
                tx.find(&sql, (kind, &key), read)
            })
            .await
    }

    /// Ends a job: at once if nobody runs it, else it is told to.
    pub async fn cancel_job(&self, id: i64) -> Result<JobChanged, Error> {
        let now = self.clock.now();
        self.db
            .write(move |tx| {
                let Some(job) = find(tx, id)? else { return Ok(JobChanged::Unknown) };
                match job.state {
                    JobState::Blocked | JobState::Waiting => {
                        end(tx, &job, JobState::Cancelled, job.reason.as_deref(), now)?;
                        Ok(JobChanged::Done)
                    }
                    JobState::Running => {
                        tx.execute("UPDATE job SET wants_cancel = 1 WHERE id = $1", (id,))?;
                        tx.touch_jobs();
                        Ok(JobChanged::Asked)
                    }
                    ended => Ok(JobChanged::NotNow(ended)),
                }
            })
            .await
    }

    /// Lets a job that failed or was cancelled be tried again, from the first attempt.
    pub async fn retry_job(&self, id: i64) -> Result<JobChanged, Error> {
        let now = self.clock.now();
        self.db
            .write(move |tx| {
                let Some(job) = find(tx, id)? else { return Ok(JobChanged::Unknown) };
                if !matches!(job.state, JobState::Failed | JobState::Cancelled) {
                    return Ok(JobChanged::NotNow(job.state));
                }
                tx.execute(
                    "UPDATE job
                        SET state = 'blocked', attempts = 0, run_at = $1, finished_at = NULL, unique_key = NULL, wants_cancel = 0
                      WHERE id = $2",
                    (now, id),
                )?;
                if job.lane.is_empty() {
                    tx.execute("UPDATE job SET state = 'waiting' WHERE id = $1", (id,))?;
                } else {
                    move_up(tx, &job.lane)?;
                }
                tx.touch_jobs();
                Ok(JobChanged::Done)
            })
            .await
    }

    /// Keeps a line of what a job says, without waiting.
    pub fn log_job(&self, id: i64, message: String) {
        let now = self.clock.now();
        self.db.write_behind(move |tx| {
            tx.execute(
                "INSERT INTO job_log (job_id, at, message)
                 SELECT id, $1, $2
                   FROM job
                  WHERE id = $3",
                (now, &message, id),
            )
            .map(drop)
        });
    }

    /// What a job said, at most the last `limit` lines.
    pub async fn list_job_lines(&self, id: i64, limit: u64) -> Result<Vec<JobLine>, Error> {
        self.db
            .read(move |tx| {
                let mut lines = tx.query(
                    "SELECT at, message FROM job_log WHERE job_id = $1 ORDER BY id DESC LIMIT $2",
                    (id, limit),
                    |row| Ok(JobLine { at: row.get("at")?, message: row.get("message")? }),
                )?;
                lines.reverse();
                Ok(lines)
            })
            .await
    }

    /// Forgets jobs that ended before a moment, at most a few hundred; says how many. Those that failed are kept until
    /// `failed_before`.
    pub async fn forget_jobs(
        &self,
        before: Timestamp,
        failed_before: Timestamp,
    ) -> Result<u64, Error> {
        self.db
            .write(move |tx| {
                let forgotten = tx.execute(
                    "DELETE FROM job
                      WHERE id IN (SELECT id
                                     FROM job
                                    WHERE finished_at IS NOT NULL
                                      AND finished_at < $1
                                      AND (state <> 'failed' OR finished_at < $2)
                                    ORDER BY finished_at
                                    LIMIT 500)",
                    (before, failed_before),
                )?;
                Ok(forgotten as u64)
            })
            .await
    }
}
