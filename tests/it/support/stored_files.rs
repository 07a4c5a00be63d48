//! What lies in a data directory, compared with what the database says.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use berth::blob::Probe;
use berth::oci::{Algorithm, Digest};
use tempfile::TempDir;

use super::TestApp;

/// Starts Berth in a directory in which nobody works any more, far in the future, and does what a start and the purge of
/// old uploads do.
pub(crate) async fn settled(directory: &Arc<TempDir>, probe: Probe) -> TestApp {
    let berth = TestApp::start_in(Arc::clone(directory), probe, |_| {}).await;
    berth.turn_clock(Duration::from_hours(24 * 365 * 50));
    berth.app.worker.sweep(SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40)).await.unwrap();
    berth.app.worker.purge().await.unwrap();
    berth
}

/// Fails unless there is no upload, and each file of a blob is the one that its row names; returns the files with their
/// sizes.
pub(crate) async fn compare(berth: &TestApp) -> HashMap<String, u64> {
    let data = berth.directory.path().join("data");
    let uploads = files(&data, "uploads");
    assert!(uploads.is_empty(), "left of uploads: {uploads:?}");
    let blobs = files(&data, "blobs");
    for (path, size) in &blobs {
        let row = berth.app.meta.find_blob_anywhere(&digest(path)).await.unwrap();
        let row = row.unwrap_or_else(|| panic!("{path} has no row"));
        assert_eq!((row.location.as_str(), row.size), (path.as_str(), *size));
    }
    blobs
}

/// The digest in a blob's path.
fn digest(path: &str) -> Digest {
    let name = path.rsplit('/').next().unwrap();
    let hex = name.split('.').next().unwrap();
    let algorithm =
        if path.starts_with("blobs/sha512/") { Algorithm::Sha512 } else { Algorithm::Sha256 };
    format!("{algorithm}:{hex}").parse().unwrap()
}

/// Files below a directory, by their path in `data`.
pub(crate) fn files(data: &Path, directory: &str) -> HashMap<String, u64> {
    let mut found = HashMap::new();
    let mut open = vec![data.join(directory)];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                open.push(entry.path());
            } else {
                let path = entry.path();
                let path = path.strip_prefix(data).unwrap().to_str().unwrap().to_owned();
                found.insert(path, metadata.len());
            }
        }
    }
    found
}
