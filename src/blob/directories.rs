//! The directories of files, and making their names durable.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};

use super::{Error, io, lost};
use crate::oci::{Algorithm, Digest};

fn algorithm_directory(root: &Path, algorithm: Algorithm) -> PathBuf {
    root.join("blobs").join(algorithm.as_str())
}

/// The directories that hold others; they are durable before anything is in them.
pub(super) fn make_directories(root: &Path) -> Result<(), Error> {
    let blobs = root.join("blobs");
    let algorithms = [Algorithm::Sha256, Algorithm::Sha512]
        .map(|algorithm| algorithm_directory(root, algorithm));
    for path in algorithms.iter().chain([&root.join("uploads")]) {
        std::fs::create_dir_all(path).map_err(io(path))?;
    }
    sync_directory(&blobs)?;
    sync_directory(root)
}

/// Which of the directories `ab` below an algorithm's are known to be durable. One that exists may have been made by
/// somebody who has not synced its name yet: whoever is first to use it in this process makes sure.
#[derive(Debug)]
pub(super) struct Shards(Vec<AtomicBool>);

impl Shards {
    pub(super) fn new() -> Self {
        Self((0..512).map(|_| AtomicBool::new(false)).collect())
    }

    /// The directory for a digest, durable.
    pub(super) fn ensure(&self, root: &Path, digest: &Digest) -> Result<PathBuf, Error> {
        let name = &digest.hex()[..2];
        let parent = algorithm_directory(root, digest.algorithm());
        let path = parent.join(name);
        let index = usize::from_str_radix(name, 16).unwrap_or(0)
            + if digest.algorithm() == Algorithm::Sha256 { 0 } else { 256 };
        if !self.0[index].load(Acquire) {
            std::fs::create_dir_all(&path).map_err(io(&path))?;
            sync_directory(&parent)?;
            self.0[index].store(true, Release);
        }
        Ok(path)
    }
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(lost(path))
}
