//! Work that nobody waits for: what uploads leave behind.
//!
//! Scans, replication, webhooks and collection will be durable jobs of this room.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;

use crate::blob::{BlobStore, Location};
use crate::meta::{self, Meta};
use crate::registry::{self, Registry};

/// How often abandoned uploads are looked for.
const PURGE_EVERY: Duration = Duration::from_mins(1);

/// What the worker works with.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Rows.
    pub meta: Meta,
    /// Bytes.
    pub blobs: BlobStore,
    /// Sessions.
    pub registry: Registry,
    /// `uploads.expire_after`
    pub expire_after: Duration,
}

/// Why a piece of work failed; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error(transparent)]
    Meta(#[from] meta::Error),
    /// The blob store failed.
    #[error(transparent)]
    Blob(#[from] crate::blob::Error),
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] registry::Error),
}

impl Worker {
    /// Works until `stop` is cancelled. `started` is when this process began: files older than that belong to no request.
    pub async fn run(self, started: SystemTime, stop: CancellationToken) {
        match self.sweep(started).await {
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
            if let Err(error) = self.purge().await {
                tracing::error!(%error, "could not drop abandoned uploads: {error}");
            }
        }
    }

    /// Drops uploads that nobody touched for long; says how many.
    pub async fn purge(&self) -> Result<u64, Error> {
        let sessions = self.registry.sessions();
        sessions.rest();
        self.blobs.space().keep_ballast();
        let mut purged = 0;
        loop {
            let batch = sessions.purge(self.expire_after).await?;
            purged += batch;
            if batch == 0 {
                return Ok(purged);
            }
        }
    }

    /// Removes what uploads without a session left when the last process was killed.
    pub async fn sweep(&self, started: SystemTime) -> Result<u64, Error> {
        let left = self.blobs.leftover_uploads(started).await?;
        let mut removed = 0;
        for upload in left {
            if self.meta.find_upload(&upload.id).await?.is_some() {
                continue;
            }
            let mut named = HashSet::new();
            for digest in &upload.digests {
                named.extend(self.meta.find_blob_anywhere(digest).await?.map(|blob| blob.location));
            }
            self.blobs
                .remove_leftover(&upload, move |location: &Location| named.contains(location))
                .await?;
            removed += 1;
        }
        Ok(removed)
    }
}
