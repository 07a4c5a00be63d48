//! What was done by itself, and what came of it: collections.

use super::event::{self, Actor, EventKind, NewEvent};
use super::token::{from_json, to_json};
use super::tx::{FromColumn, Row, ToValue, Value};
use super::{Error, Meta};
use crate::clock::Timestamp;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpkeepKind {
    /// Garbage was collected.
    Gc,
    /// Blobs were read again.
    Scrub,
}

impl UpkeepKind {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gc => "gc",
            Self::Scrub => "scrub",
        }
    }
}

impl ToValue for UpkeepKind {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self.as_str())
    }
}

impl FromColumn for UpkeepKind {
    fn from_column(value: rusqlite::types::ValueRef<'_>) -> Result<Self, String> {
        match String::from_column(value)?.as_str() {
            "gc" => Ok(Self::Gc),
            "scrub" => Ok(Self::Scrub),
            other => Err(format!("`{other}` is no kind of upkeep")),
        }
    }
}

/// One time that it was done.
#[derive(Clone, Debug, PartialEq)]
pub struct Upkeep {
    /// Its number.
    pub id: i64,
    /// What.
    pub kind: UpkeepKind,
    /// The job that does it.
    pub job: i64,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; `None` if it runs, or waits to go on.
    pub finished_at: Option<Timestamp>,
    /// How far it is, and what it did.
    pub detail: serde_json::Value,
}

fn read(row: &Row<'_>) -> Result<Upkeep, Error> {
    Ok(Upkeep {
        id: row.get("id")?,
        kind: row.get("kind")?,
        job: row.get("job_id")?,
        started_at: row.get("started_at")?,
        finished_at: row.get("finished_at")?,
        detail: from_json("detail", &row.get::<String>("detail")?)?,
    })
}

const COLUMNS: &str = "id, kind, job_id, started_at, finished_at, detail";

impl Meta {
    /// The run that has not ended, or a new one.
    pub async fn begin_upkeep(&self, kind: UpkeepKind, job: i64) -> Result<Upkeep, Error> {
        let now = self.clock.now();
        self.db
            .write(move |tx| {
                let sql = format!(
                    "SELECT {COLUMNS}
                       FROM upkeep_run
                      WHERE kind = $1
                        AND finished_at IS NULL
                      ORDER BY id DESC
                      LIMIT 1"
                );
                if let Some(open) = tx.find(&sql, (kind,), read)? {
                    return Ok(open);
                }
                let sql = format!(
                    "INSERT INTO upkeep_run (kind, job_id, started_at, detail)
                     VALUES ($1, $2, $3, '{{}}')
                     RETURNING {COLUMNS}"
                );
                let made = tx.find(&sql, (kind, job, now), read)?;
                made.ok_or_else(|| Error::Corrupt {
                    column: "id".into(),
                    what: "an insert returned no row".into(),
                })
            })
            .await
    }

    /// Notes how far a run is.
    pub async fn note_upkeep(&self, id: i64, detail: serde_json::Value) -> Result<(), Error> {
        self.db
            .write(move |tx| {
                tx.execute(
                    "UPDATE upkeep_run SET detail = $1 WHERE id = $2",
                    (to_json(&detail), id),
                )
                .map(drop)
            })
            .await
    }

    /// Ends a run, and tells of it. Runs of more than a year ago are forgotten.
    pub async fn end_upkeep(
        &self,
        run: &Upkeep,
        detail: serde_json::Value,
        actor: &Actor,
    ) -> Result<(), Error> {
        let (id, kind, actor, now) = (run.id, run.kind, actor.clone(), self.clock.now());
        let year_ago = now - std::time::Duration::from_hours(366 * 24);
        self.db
            .write(move |tx| {
                tx.execute(
                    "UPDATE upkeep_run SET detail = $1, finished_at = $2 WHERE id = $3",
                    (to_json(&detail), now, id),
                )?;
                tx.execute(
                    "DELETE FROM upkeep_run WHERE kind = $1 AND id < $2 AND started_at < $3",
                    (kind, id, year_ago),
                )?;
                let what = match kind {
                    UpkeepKind::Gc => EventKind::GarbageCollect,
                    UpkeepKind::Scrub => EventKind::ScrubEnd,
                };
                event::append(tx, NewEvent::about(what, kind.as_str()).with(detail), &actor, now)
                    .map(drop)
            })
            .await
    }

    /// Up to `limit` runs, the latest first.
    pub async fn list_upkeep(&self, kind: UpkeepKind, limit: u64) -> Result<Vec<Upkeep>, Error> {
        self.db
            .read(move |tx| {
                let sql = format!(
                    "SELECT {COLUMNS} FROM upkeep_run WHERE kind = $1 ORDER BY id DESC LIMIT $2"
                );
                tx.query(&sql, (kind, limit), read)
            })
            .await
    }
}
