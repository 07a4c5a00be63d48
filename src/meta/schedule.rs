//! What is done again and again, and when it was last done.

use super::job::{self, NewJob};
use super::tx::Row;
use super::{Error, Meta};
use crate::clock::Timestamp;

/// Something that is done again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// What.
    pub name: String,
    /// When next.
    pub next_run_at: Timestamp,
    /// The expression that this follows from.
    pub rule: String,
    /// When it was last due.
    pub last_run_at: Option<Timestamp>,
    /// The job that did it then.
    pub last_job_id: Option<i64>,
}

fn read(row: &Row<'_>) -> Result<Schedule, Error> {
    Ok(Schedule {
        name: row.get("name")?,
        next_run_at: row.get("next_run_at")?,
        rule: row.get("rule")?,
        last_run_at: row.get("last_run_at")?,
        last_job_id: row.get("last_job_id")?,
    })
}

const SELECT: &str = "SELECT name, next_run_at, rule, last_run_at, last_job_id FROM schedule";

impl Meta {
    /// Everything that is done again and again.
    pub async fn list_schedules(&self) -> Result<Vec<Schedule>, Error> {
        self.db.read(|tx| tx.query(&format!("{SELECT} ORDER BY name"), (), read)).await
    }

    /// Sets when something is due next, by a rule; one that has the same rule already is left alone.
    pub async fn set_schedule(&self, name: &str, rule: &str, next: Timestamp) -> Result<(), Error> {
        let (name, rule) = (name.to_owned(), rule.to_owned());
        self.db
            .write(move |tx| {
                tx.execute(
                    "INSERT INTO schedule (name, next_run_at, rule)
                     VALUES ($1, $2, $3)
                         ON CONFLICT (name) DO UPDATE
                        SET next_run_at = excluded.next_run_at, rule = excluded.rule
                      WHERE schedule.rule <> excluded.rule",
                    (&name, next, &rule),
                )
                .map(drop)
            })
            .await
    }

    /// Forgets what is not to be done any more.
    pub async fn remove_schedule(&self, name: &str) -> Result<(), Error> {
        let name = name.to_owned();
        self.db
            .write(move |tx| tx.execute("DELETE FROM schedule WHERE name = $1", (&name,)).map(drop))
            .await
    }

    /// Adds the job of something that was due at `due`, and sets when it is due next, in one transaction. If somebody else
    /// has done so, nothing is changed. However many times were missed, there is one job.
    pub async fn run_schedule(
        &self,
        name: &str,
        due: Timestamp,
        next: Timestamp,
        new: NewJob,
    ) -> Result<(), Error> {
        let (name, now) = (name.to_owned(), self.clock.now());
        self.db
            .write(move |tx| {
                let moved = tx.execute(
                    "UPDATE schedule SET next_run_at = $1, last_run_at = $2 WHERE name = $3 AND next_run_at = $2",
                    (next, due, &name),
                )?;
                if moved == 0 {
                    return Ok(());
                }
                if let Some(id) = job::add(tx, &new, "schedule", now)? {
                    tx.execute(
                        "UPDATE schedule SET last_job_id = $1 WHERE name = $2",
                        (id, &name),
                    )?;
                }
                Ok(())
            })
            .await
    }
}
