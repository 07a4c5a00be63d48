//! Files that are needed for a while, and the right to be the only one who takes backups of a data directory.

use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::Error;
use crate::secret::random_bytes;

/// A directory that goes with this value, for its owner alone.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Makes one.
    pub(super) fn new(beside: &Path) -> Result<Self, Error> {
        let name = random_bytes(6)
            .iter()
            .fold("backup-".to_owned(), |name, byte| format!("{name}{byte:02x}"));
        let path = beside.join(name);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.map_err(Error::io(&path))?;
        Ok(Self(path))
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Held while backups of a data directory are taken or removed, by whatever process.
#[derive(Debug)]
pub(super) struct Alone {
    #[expect(dead_code, reason = "held, not read")]
    lock: File,
    folder: PathBuf,
}

impl Alone {
    /// Takes the lock, and removes what an interrupted backup has left.
    pub(super) fn take(data: &Path) -> Result<Self, Error> {
        Self::take_in(data, "backup")
    }

    /// The same for snapshots, which do not wait for a long backup.
    pub(super) fn take_for_snapshots(data: &Path) -> Result<Self, Error> {
        Self::take_in(data, "snapshot")
    }

    fn take_in(data: &Path, folder: &str) -> Result<Self, Error> {
        let folder = data.join(folder);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(Error::io(&folder))?;
        let path = folder.join("lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(Error::io(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Busy(data.to_owned())),
            Err(TryLockError::Error(source)) => return Err(Error::io(&path)(source)),
        }
        for entry in std::fs::read_dir(&folder).map_err(Error::io(&folder))?.flatten() {
            if entry.file_name().to_string_lossy().starts_with("backup-") {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        Ok(Self { lock, folder })
    }

    pub(super) fn scratch(&self) -> Result<Scratch, Error> {
        Scratch::new(&self.folder)
    }
}
