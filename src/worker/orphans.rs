//! Finds objects in the blob store that no row knows, on request. Berth leaves none; other hands, or a database that was
//! restored from an old copy, may.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, SystemTime};

use serde_json::json;

use super::Worker;
use super::running::{Failure, Finished, Running};
use crate::blob::StoredObject;
use crate::config::ByteSize;

/// Objects younger than this may be on their way into a row.
const YOUNG: Duration = Duration::from_hours(24);

/// Orphans that are named in the job's log.
const NAMED: usize = 500;

/// Orphans that one run handles: the rest is for the next one.
const MOST: usize = 100_000;

/// While a backup is taken, nothing is removed: that is looked at again after so long.
const HELD: Duration = Duration::from_mins(1);

/// Rows that are read together.
const AT_ONCE: u64 = 10_000;

pub(super) async fn run(
    worker: &Worker,
    running: &Running,
    dry_run: bool,
) -> Result<Finished, Failure> {
    let found = find(worker, running).await?;
    for object in found.iter().take(NAMED) {
        running.log(format!("{} ({} bytes)", object.location.as_str(), object.size));
    }
    let bytes: u64 = found.iter().map(|object| object.size).sum();
    let (number, size) = (found.len(), ByteSize::bytes(bytes));
    running.progress(json!({ "orphans": number, "bytes": bytes }));
    if dry_run {
        return Ok(Finished::with(format!(
            "{number} objects ({size:#}) are known to no row; nothing was changed"
        )));
    }
    for object in &found {
        running.check()?;
        // A copy under way may have named it before its row went.
        if worker.meta.holds_blobs().await? {
            return Err(Failure::Later(HELD));
        }
        worker.blobs.delete(&object.location).await?;
    }
    Ok(Finished::with(format!("{number} objects ({size:#}) that no row knew were deleted")))
}

/// Objects that no row names, neither before nor after the search, and that no upload is about to name.
async fn find(worker: &Worker, running: &Running) -> Result<Vec<StoredObject>, Failure> {
    // Eight bytes for each blob. Two locations of one hash hide an orphan, and never make one.
    let hashes = RandomState::new();
    let mut known = HashSet::new();
    each_location(worker, running, |location| {
        known.insert(hashes.hash_one(location));
    })
    .await?;
    #[expect(
        clippy::disallowed_methods,
        reason = "compared with times of objects, which no clock of ours sets"
    )]
    let old = SystemTime::now() - YOUNG;
    let mut suspects: Vec<StoredObject> = Vec::new();
    let list = worker.blobs.list_objects(|part| {
        for object in part {
            let is_old = object.modified.is_none_or(|modified| modified < old);
            let is_known = known.contains(&hashes.hash_one(object.location.as_str()));
            if is_old && !is_known && suspects.len() < MOST {
                suspects.push(object);
            }
        }
    });
    list.await?;
    running.check()?;
    let mut found = Vec::new();
    for object in suspects {
        let is_upload = match &object.upload {
            Some(id) => {
                worker.registry.sessions().is_live(id)
                    || worker.meta.find_upload(id).await?.is_some()
            }
            None => false,
        };
        if !is_upload {
            found.push(object);
        }
    }
    // An upload that has ended since then has its row by now.
    let mut named = HashSet::new();
    let all: HashSet<&str> = found.iter().map(|object| object.location.as_str()).collect();
    each_location(worker, running, |location| {
        if all.contains(location) {
            named.insert(location.to_owned());
        }
    })
    .await?;
    found.retain(|object| !named.contains(object.location.as_str()));
    Ok(found)
}

/// Shows every location that a row names.
async fn each_location(
    worker: &Worker,
    running: &Running,
    mut each: impl FnMut(&str) + Send,
) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        running.check()?;
        let part = worker.meta.list_locations(after, AT_ONCE).await?;
        let Some((last, _)) = part.last() else { break };
        after = *last;
        part.iter().for_each(|(_, location)| each(location.as_str()));
    }
    // Few, as they are removed soon.
    for object in worker.meta.list_dead_objects(u64::MAX >> 1).await? {
        each(object.location.as_str());
    }
    Ok(())
}
