//! What is written down of backups: events, by which it is known when the last good one was taken.

use super::event::{self, Actor, EventKind, NewEvent};
use super::tx::Tx;
use super::{Error, Meta};
use crate::clock::Timestamp;

/// A backup that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastBackup {
    /// Its name.
    pub id: String,
    /// When it was complete.
    pub at: Timestamp,
    /// Blobs in it.
    pub blobs: u64,
    /// Bytes of them.
    pub blob_bytes: u64,
    /// Bytes that had to be sent.
    pub sent_bytes: u64,
    /// Blobs that the registry itself could not read.
    pub damaged: u64,
}

/// A backup that was wanted and not taken, or looked through and not good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupFailure {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// What is known of backups by their events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupRecord {
    /// The last one that was taken.
    pub last: Option<LastBackup>,
    /// What has failed since.
    pub failure: Option<BackupFailure>,
    /// When one was last looked through, and found good.
    pub verified_at: Option<Timestamp>,
}

/// The last event of a kind: its number, its target, when it was, and what it says.
fn last_event(
    tx: &mut Tx<'_>,
    kind: EventKind,
) -> Result<Option<(u64, String, Timestamp, serde_json::Value)>, Error> {
    tx.find(
        "SELECT id, target, at, detail FROM event WHERE kind = $1 ORDER BY id DESC LIMIT 1",
        (kind,),
        |row| {
            let (target, detail): (Option<String>, Option<String>) =
                (row.get("target")?, row.get("detail")?);
            let detail =
                detail.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
            Ok((row.get("id")?, target.unwrap_or_default(), row.get("at")?, detail))
        },
    )
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

    /// What is known of backups.
    pub async fn backup_record(&self) -> Result<BackupRecord, Error> {
        self.db
            .read(|tx| {
                let (mut record, mut taken) = (BackupRecord::default(), 0);
                if let Some((event, id, at, detail)) = last_event(tx, EventKind::BackupCreate)? {
                    let number = |name: &str| detail[name].as_u64().unwrap_or(0);
                    taken = event;
                    record.last = Some(LastBackup {
                        id,
                        at,
                        blobs: number("blobs"),
                        blob_bytes: number("blob_bytes"),
                        sent_bytes: number("sent_bytes"),
                        damaged: number("damaged"),
                    });
                }
                if let Some((_, _, at, detail)) =
                    last_event(tx, EventKind::BackupFail)?.filter(|(event, ..)| *event > taken)
                {
                    let reason = detail["reason"].as_str().unwrap_or_default().to_owned();
                    record.failure = Some(BackupFailure { at, reason });
                }
                if let Some((event, id, at, detail)) = last_event(tx, EventKind::BackupVerify)? {
                    match detail["good"].as_bool() {
                        Some(true) => record.verified_at = Some(at),
                        _ if event > taken => {
                            let reason = format!(
                                "{} problems were found in the backup {id}: `berth backup verify {id}` names them",
                                detail["problems"]
                            );
                            record.failure.get_or_insert(BackupFailure { at, reason });
                        }
                        _ => {}
                    }
                }
                Ok(record)
            })
            .await
    }
}
