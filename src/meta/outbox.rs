//! Readers of events: each has its own place in their order, moved in the transaction that adds the jobs which follow.

use super::job::{self, NewJob};
use super::replication_state::{self, Wanted};
use super::tx::Tx;
use super::{Error, Meta};

fn place(tx: &mut Tx<'_>, name: &str) -> Result<Option<u64>, Error> {
    tx.find("SELECT event_id FROM reader WHERE name = $1", (name,), |row| row.get("event_id"))
}

impl Meta {
    /// How far a reader has come; one that is new begins behind the last event.
    pub async fn reader_place(&self, name: &str) -> Result<u64, Error> {
        let name = name.to_owned();
        self.db
            .write(move |tx| {
                if let Some(known) = place(tx, &name)? {
                    return Ok(known);
                }
                let last = super::event::head(tx)?.id;
                tx.execute("INSERT INTO reader (name, event_id) VALUES ($1, $2)", (&name, last))?;
                Ok(last)
            })
            .await
    }

    /// Moves a reader from one place to another and adds what follows from the events between, jobs and what is wanted at targets; says whether it was still
    /// there. If it was not, somebody else has done it, and nothing is changed.
    pub async fn follow_events(
        &self,
        name: &str,
        from: u64,
        to: u64,
        jobs: Vec<NewJob>,
        replications: Vec<(u64, Wanted)>,
    ) -> Result<bool, Error> {
        let (name, now) = (name.to_owned(), self.clock.now());
        self.db
            .write(move |tx| {
                let moved = tx.execute(
                    "UPDATE reader SET event_id = $1 WHERE name = $2 AND event_id = $3",
                    (to, &name, from),
                )?;
                if moved == 0 {
                    return Ok(false);
                }
                for new in &jobs {
                    job::add(tx, new, "events", now)?;
                }
                for (event, wanted) in &replications {
                    replication_state::want(tx, wanted, Some(*event), "events", now)?;
                }
                Ok(true)
            })
            .await
    }
}
