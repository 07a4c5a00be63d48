//! What must not be removed from the blob store for now, because somebody copies it.
//!
//! A backup names blobs by a snapshot and sends them afterwards; what is deleted meanwhile is still named by it. So whoever
//! removes objects asks [`is_held`] in the transaction that decides about it, and comes back later.

use std::time::Duration;

use super::tx::Tx;
use super::{Error, Meta};
use crate::clock::Timestamp;

/// Whether objects of blobs have to stay.
pub(super) fn is_held(tx: &mut Tx<'_>, now: Timestamp) -> Result<bool, Error> {
    let sql = "SELECT 1 AS one FROM blob_hold WHERE until > $1 LIMIT 1";
    Ok(tx.find(sql, (now,), |row| row.get::<i64>("one"))?.is_some())
}

impl Meta {
    /// From now on, and for so long, no object of a blob is removed; again makes it longer.
    pub async fn hold_blobs(&self, name: &str, lasts: Duration) -> Result<(), Error> {
        let (name, now) = (name.to_owned(), self.clock.now());
        self.db
            .write(move |tx| {
                tx.execute("DELETE FROM blob_hold WHERE until <= $1", (now,))?;
                tx.execute(
                    "INSERT INTO blob_hold (name, until)
                     VALUES ($1, $2)
                         ON CONFLICT (name) DO UPDATE SET until = excluded.until",
                    (&name, now + lasts),
                )
                .map(drop)
            })
            .await
    }

    /// Ends a hold.
    pub async fn release_blobs(&self, name: &str) -> Result<(), Error> {
        let name = name.to_owned();
        self.db
            .write(move |tx| {
                tx.execute("DELETE FROM blob_hold WHERE name = $1", (&name,)).map(drop)
            })
            .await
    }

    /// Whether objects of blobs have to stay for now.
    pub async fn holds_blobs(&self) -> Result<bool, Error> {
        let now = self.clock.now();
        self.db.read(move |tx| is_held(tx, now)).await
    }
}
