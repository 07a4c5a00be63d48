//! Copies of the whole registry elsewhere: taking them while it serves, looking them through, and restoring from them.
//!
//! ```text
//! berth-backup.json                                whose backups these are
//! blobs/<scope>/sha256/ab/<hex>[.zst][.age]        a blob, once for all backups that name it
//! backups/<id>/database.zst[.age]                  a snapshot of the database
//! backups/<id>/blobs.zst                           a line for each blob: digest, size, file
//! backups/<id>/key.age                             the key file, if it goes along
//! backups/<id>/manifest.json                       what belongs to the backup; written last
//! ```
//!
//! Beside the blobs of a bucket, below `snapshots/`, lie snapshots of the database that hold no blobs ([`snapshots`]); else
//! they are like backups.
//!
//! A backup is there when its manifest is. Blobs come before it and go after it, so whatever stops a backup or its removal
//! leaves at most files that no manifest names, and the next backup uses or removes them. The scope says to whom files are
//! encrypted: to others, they are sent again.

mod create;
mod error;
mod index;
mod manifest;
mod pipe;
mod prune;
mod restore;
mod scratch;
mod shelf;
mod snapshots;
mod target;
mod verify;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub use berth_parcel::{Identity, InvalidKey, Recipient};
pub use create::Created;
pub use error::Error;
pub use manifest::{Listed, Manifest};
pub use prune::Pruned;
pub use restore::{Restore, Restored, Which};
pub use target::Target;
pub use verify::{Depth, Verified, verify};

use crate::blob::BlobStore;
use crate::clock::Clock;
use crate::config::Config;
use crate::meta::Meta;

/// A registry of which backups are taken.
#[derive(Clone, Debug)]
pub struct Backups {
    /// Its settings.
    pub config: Arc<Config>,
    /// The time.
    pub clock: Clock,
    /// Its rows.
    pub meta: Meta,
    /// Its bytes.
    pub blobs: BlobStore,
}

/// How far something has come.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Progress {
    /// What is being done: `snapshot`, `blobs`, `database`, …
    pub step: &'static str,
    /// Blobs done.
    pub blobs: u64,
    /// Blobs to do.
    pub of: u64,
    /// Bytes that were sent or read.
    pub bytes: u64,
}

/// Who is told of progress, and who can end it.
#[derive(Clone)]
pub struct Watch {
    tell: Arc<dyn Fn(Progress) + Send + Sync>,
    /// Ends the work between two files.
    pub stop: CancellationToken,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
}

impl Watch {
    /// Somebody who is told.
    pub fn new(stop: CancellationToken, tell: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self { tell: Arc::new(tell), stop }
    }

    fn at(&self, step: &'static str, blobs: u64, of: u64, bytes: u64) -> Result<(), Error> {
        if self.stop.is_cancelled() {
            return Err(Error::Stopped);
        }
        (self.tell)(Progress { step, blobs, of, bytes });
        Ok(())
    }

    /// Fails if the work should end.
    fn at_any(&self) -> Result<(), Error> {
        if self.stop.is_cancelled() { Err(Error::Stopped) } else { Ok(()) }
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::new(CancellationToken::new(), |_| {})
    }
}
