//! What is written down of backups: events, by which it is known when the last good one was taken.

use super::event::{self, Actor, EventKind, NewEvent};
use super::{Error, Meta};
use crate::clock::Timestamp;

/// A backup that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastBackup {
    /// Its name.
    pub id: String,
    /// The moment that it shows.
    pub at: Timestamp,
}

impl Meta {
    /// Writes down that a backup was taken, or looked through.
    pub async fn note_backup(
        &self,
        kind: EventKind,
        id: &str,
        detail: serde_json::Value,
        by: &Actor,
    ) -> Result<(), Error> {
        let (id, by, now) = (id.to_owned(), by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let event = NewEvent::about(kind, &id).with(detail);
                event::append(tx, event, &by, now).map(drop)
            })
            .await
    }

    /// The last backup that was taken.
    pub async fn last_backup(&self) -> Result<Option<LastBackup>, Error> {
        self.db
            .read(|tx| {
                tx.find(
                    "SELECT target, at FROM event WHERE kind = $1 ORDER BY id DESC LIMIT 1",
                    (EventKind::BackupCreate,),
                    |row| {
                        let id: Option<String> = row.get("target")?;
                        Ok(LastBackup { id: id.unwrap_or_default(), at: row.get("at")? })
                    },
                )
            })
            .await
    }
}
