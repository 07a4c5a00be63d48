//! Metadata in SQLite: the only place that knows SQL.
//!
//! Each async method of [`Meta`] is one transaction. Below it, each statement is a plain function over [`tx::Tx`], one
//! file per family of tables, in the SQL that SQLite and PostgreSQL share. What is wrong with a client's wish (a blob
//! that is not there, a tag that moved) is a value of the answer; [`Error`] is a failure of the database.

mod blob;
mod cache;
mod db;
mod error;
mod key;
mod manifest;
mod migrate;
mod plugin;
mod refresh;
mod repository;
mod tag;
mod tx;
mod upload;
mod user;

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

pub use blob::{Location, StoredBlob};
pub use db::Stats;
pub use error::Error;
pub use key::SigningKey;
pub use manifest::{Deleted, Precondition, PutManifest, Referrer, Refusal, Stored, StoredManifest};
pub use plugin::{KvQuota, KvSet, KvStored};
pub use refresh::RefreshToken;
pub use repository::Summary;
pub use tag::{TagDetails, TagEvent};
pub use upload::UploadRow;
pub use user::{Role, User};

use cache::Cache;
use db::Db;

use crate::clock::Clock;

/// Largest total of cached manifests, in bytes.
const MANIFEST_CACHE: u64 = 16 << 20;
/// Largest total of cached blob rows and users, in bytes each.
const ROW_CACHE: u64 = 4 << 20;

/// The database; clones share it.
#[derive(Clone, Debug)]
pub struct Meta {
    db: Db,
    clock: Clock,
    manifests: Arc<Cache<Arc<StoredManifest>>>,
    blobs: Arc<Cache<Arc<StoredBlob>>>,
    users: Arc<Cache<Arc<User>>>,
}

impl Meta {
    /// Opens `berth.db` in `directory`, makes it when it is missing, and brings its schema up to date.
    ///
    /// # Errors
    /// If the directory cannot be used, or the database is a later version's. This blocks: call it before serving.
    pub fn open(directory: &Path, clock: Clock) -> Result<Self, Error> {
        let path = directory.join("berth.db");
        keep_private(directory, &path)
            .map_err(|source| Error::Directory { path: directory.to_owned(), source })?;
        let db = Db::open(&path, clock.now().as_millis())?;
        Ok(Self {
            db,
            clock,
            manifests: Arc::new(Cache::new(MANIFEST_CACHE, |manifest| {
                manifest.body.len() as u64 + 256
            })),
            blobs: Arc::new(Cache::new(ROW_CACHE, |_| 256)),
            users: Arc::new(Cache::new(ROW_CACHE, |_| 256)),
        })
    }

    /// Waits for what is queued and closes the database; whatever comes later fails.
    pub async fn close(&self) {
        self.db.close().await;
    }

    /// Figures of the writer.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.db.stats
    }

    /// Whether the database answers, to readers and to the writer; nothing is written.
    pub async fn ping(&self) -> Result<(), Error> {
        self.db.write(|_| Ok(())).await?;
        self.db
            .read(|tx| tx.find("SELECT 1 AS one", (), |row| row.get::<i64>("one")))
            .await
            .map(drop)
    }
}

/// The database holds password hashes and the key that signs tokens: nobody else on the machine may read it. SQLite gives
/// its log the same rights.
fn keep_private(directory: &Path, path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let mut options = std::fs::OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).mode(0o600).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}
