//! What uploads leave behind.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;

use super::Worker;
use crate::registry;

/// How often abandoned uploads are looked for.
const PURGE_EVERY: Duration = Duration::from_mins(1);

/// Why a piece of work failed; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The blob store failed.
    #[error(transparent)]
    Blob(#[from] crate::blob::Error),
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] registry::Error),
}

impl Worker {
    /// Removes what is left of uploads, at the start and then again and again.
    pub(super) async fn keep_uploads(
        self: Arc<Self>,
        started: SystemTime,
        stop: CancellationToken,
    ) {
        let swept = tokio::select! {
            swept = self.sweep(started) => swept,
            () = stop.cancelled() => return,
        };
        match swept {
            Ok(0) => {}
            Ok(removed) => {
                tracing::info!(
                    removed,
                    "removed {removed} files that interrupted uploads had left"
                );
            }
            Err(error) => tracing::error!(%error, "could not sweep interrupted uploads: {error}"),
        }
        let mut ticks = tokio::time::interval(PURGE_EVERY);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => break,
            }
            let purged = tokio::select! {
                purged = self.purge() => purged,
                () = stop.cancelled() => break,
            };
            if let Err(error) = purged {
                tracing::error!(%error, "could not drop abandoned uploads: {error}");
            }
        }
    }

    /// Drops uploads that nobody touched for long; says how many.
    pub async fn purge(&self) -> Result<u64, Error> {
        let sessions = self.registry.sessions();
        sessions.rest();
        let space = Arc::clone(self.blobs.space());
        let _ = tokio::task::spawn_blocking(move || space.keep_ballast()).await;
        let mut purged = 0;
        loop {
            let batch = sessions.purge(self.config.uploads.expire_after.get()).await?;
            purged += batch;
            if batch == 0 {
                return Ok(purged);
            }
        }
    }

    /// Ends multipart uploads to a bucket that nobody is writing to; says how many.
    pub async fn end_multiparts(&self) -> Result<u64, Error> {
        let mut ended = 0;
        // One that begins after this list is not on it; one that is on it and ends by itself is not there any more.
        for multipart in self.blobs.open_multiparts().await? {
            let sessions = self.registry.sessions();
            if multipart.upload().is_some_and(|upload| sessions.is_live(&upload)) {
                continue;
            }
            self.blobs.end_multipart(&multipart).await?;
            ended += 1;
        }
        Ok(ended)
    }

    /// Removes what uploads without a session left when the last process was killed; says of how many.
    pub async fn sweep(&self, started: SystemTime) -> Result<u64, Error> {
        let mut removed = 0;
        for id in self.blobs.leftover_uploads(started).await? {
            match self.registry.sweep(&id).await {
                Ok(swept) => removed += u64::from(swept),
                Err(error) => {
                    tracing::error!(%error, upload.id = %id, "could not remove what an upload left: {error}");
                }
            }
        }
        Ok(removed)
    }
}
