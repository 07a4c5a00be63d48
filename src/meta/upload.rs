//! Upload sessions, so that they outlive a restart.

use super::tx::Tx;
use super::{Error, Meta};
use crate::clock::Timestamp;
use crate::oci::{RepositoryName, UploadId};

/// An upload session as it was last saved.
#[derive(Clone, Debug)]
pub struct UploadRow {
    /// Its name.
    pub id: UploadId,
    /// The repository that it belongs to; under another one it does not exist.
    pub repository: RepositoryName,
    /// Who started it; for others it does not exist.
    pub owner: String,
    /// What the blob store knows of it, as JSON.
    pub state: String,
    /// When it was last touched.
    pub updated_at: Timestamp,
}

pub(super) fn delete(tx: &mut Tx<'_>, id: &UploadId) -> Result<bool, Error> {
    Ok(tx.execute("DELETE FROM upload WHERE id = $1", (id,))? == 1)
}

fn insert(tx: &mut Tx<'_>, row: &UploadRow) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO upload (id, repository, owner, state, started_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $5)",
        (&row.id, &row.repository, &row.owner, &row.state, row.updated_at),
    )
    .map(drop)
}

fn read(row: &super::tx::Row<'_>) -> Result<UploadRow, Error> {
    Ok(UploadRow {
        id: row.get("id")?,
        repository: row.get("repository")?,
        owner: row.get("owner")?,
        state: row.get("state")?,
        updated_at: row.get("updated_at")?,
    })
}

impl Meta {
    /// Saves a new session, without waiting: a client that was told of a session which a crash then swallows is told that
    /// it is unknown, and starts another.
    pub fn start_upload(&self, row: UploadRow) {
        self.db.write_behind(move |tx| insert(tx, &row));
    }

    /// As [`Meta::start_upload`], and waits: from then on a crash cannot make it forgotten.
    pub async fn start_upload_durably(&self, row: UploadRow) -> Result<(), Error> {
        self.db.write(move |tx| insert(tx, &row)).await
    }

    /// Saves how far a session has come, without waiting. One that has ended meanwhile stays ended.
    pub fn save_upload(&self, id: UploadId, state: String) {
        let now = self.clock.now();
        self.db.write_behind(move |tx| {
            tx.execute(
                "UPDATE upload SET state = $1, updated_at = $2 WHERE id = $3",
                (&state, now, &id),
            )
            .map(drop)
        });
    }

    /// A session by its name.
    pub async fn find_upload(&self, id: &UploadId) -> Result<Option<UploadRow>, Error> {
        let id = id.clone();
        self.db
            .read(move |tx| {
                tx.find(
                    "SELECT id, repository, owner, state, updated_at FROM upload WHERE id = $1",
                    (&id,),
                    read,
                )
            })
            .await
    }

    /// Ends a session; says whether there was one.
    pub async fn delete_upload(&self, id: &UploadId) -> Result<bool, Error> {
        let id = id.clone();
        self.db.write(move |tx| delete(tx, &id)).await
    }

    /// Sessions last touched before `before`, the oldest first, at most `limit`.
    pub async fn list_stale_uploads(
        &self,
        before: Timestamp,
        limit: u64,
    ) -> Result<Vec<UploadRow>, Error> {
        self.db
            .read(move |tx| {
                tx.query(
                    "SELECT id, repository, owner, state, updated_at
                       FROM upload
                      WHERE updated_at < $1
                      ORDER BY updated_at
                      LIMIT $2",
                    (before, limit),
                    read,
                )
            })
            .await
    }
}
