//! Free space: what pushes leave alone, and a file that makes room for deletions on a disk that others have filled.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Error, blocking, io};
use crate::config::Reserve;

/// Deletions and the database's log need some room even when the disk is full.
const BALLAST_BYTES: u64 = 4 << 20;

/// The disk of the data directory.
#[derive(Debug)]
pub struct Space {
    directory: PathBuf,
    reserve: Reserve,
    seen: Mutex<Option<(Instant, Free)>>,
}

/// The disk is asked again after this long; small pushes come faster.
const FRESH: Duration = Duration::from_millis(50);

/// Bytes of a file system.
#[derive(Clone, Copy, Debug)]
pub struct Free {
    /// Bytes that may still be written.
    pub free: u64,
    /// Bytes that pushes leave alone.
    pub reserve: u64,
}

impl Space {
    pub(super) fn open(directory: &Path, reserve: Reserve) -> Result<Self, Error> {
        std::fs::create_dir_all(directory).map_err(io(directory))?;
        let space = Self { directory: directory.to_owned(), reserve, seen: Mutex::default() };
        space.keep_ballast();
        Ok(space)
    }

    /// What is free and what is kept back.
    pub fn free(&self) -> Result<Free, Error> {
        let disk = rustix::fs::statvfs(&self.directory)
            .map_err(|error| io(&self.directory)(error.into()))?;
        let (free, total) = (
            disk.f_bavail.saturating_mul(disk.f_frsize),
            disk.f_blocks.saturating_mul(disk.f_frsize),
        );
        let reserve = match self.reserve {
            Reserve::Auto => (2 << 30).min(total / 20),
            Reserve::Bytes(size) => size.get(),
        };
        Ok(Free { free, reserve })
    }

    /// Refuses a push of `bytes` more if it would use what is kept back.
    pub async fn check_push(self: &Arc<Self>, bytes: u64) -> Result<(), Error> {
        let known = self
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .filter(|(at, _)| at.elapsed() < FRESH);
        let Free { free, reserve } = match known {
            Some((_, free)) => free,
            None => {
                let space = Arc::clone(self);
                let free = blocking(move || space.free()).await?;
                *self.seen.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some((Instant::now(), free));
                free
            }
        };
        if free.saturating_sub(bytes) < reserve {
            Err(Error::NoSpace { free, reserve })
        } else {
            Ok(())
        }
    }

    /// Gives the ballast up if the disk is so full that a deletion could not be written down.
    pub async fn make_room(self: &Arc<Self>) {
        let space = Arc::clone(self);
        let _ = tokio::task::spawn_blocking(move || space.drop_ballast()).await;
    }

    fn drop_ballast(&self) {
        if self.free().is_ok_and(|disk| disk.free < BALLAST_BYTES / 2)
            && std::fs::remove_file(self.ballast()).is_ok()
        {
            tracing::warn!(
                "the disk is full: gave up the ballast file so that deletions still work"
            );
        }
    }

    /// Lays the ballast down again once there is room for it.
    pub fn keep_ballast(&self) {
        let path = self.ballast();
        let room =
            self.free().is_ok_and(|disk| disk.free > disk.reserve.saturating_add(BALLAST_BYTES));
        if room && !path.exists() {
            let made = std::fs::File::create(&path).and_then(|file| {
                rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, BALLAST_BYTES)
                    .map_err(Into::into)
            });
            if let Err(error) = made {
                // Some file systems cannot allocate ahead; they do without.
                tracing::debug!(%error, "no ballast file: {error}");
            }
        }
    }

    fn ballast(&self) -> PathBuf {
        self.directory.join("ballast")
    }
}
