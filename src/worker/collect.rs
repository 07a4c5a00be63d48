//! Collects garbage: what nothing needs any more goes, while everybody pushes and pulls.
//!
//! The rows go first, in small transactions, and then the bytes. What a crash interrupts goes on with the next collection.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;

use super::jobs::Kind;
use super::pace::Pace;
use super::running::{Failure, Finished, Running};
use super::{Worker, orphans};
use crate::auth::{AdminError, Administer};
use crate::clock::Timestamp;
use crate::config::ByteSize;
use crate::meta::{Actor, Collected, Garbage, Job, NewJob, Upkeep, UpkeepKind};

pub(super) const KIND: Kind = Kind {
    name: "gc",
    at_once: 1,
    wait: Duration::from_mins(1),
    longest_wait: Duration::from_hours(1),
};

/// Rows that one transaction looks at: some milliseconds of the writer's time.
const AT_ONCE: u64 = 50;

/// Rows that a preview looks at together.
const PREVIEW: u64 = 1000;

/// Objects that are removed at the same time.
const OBJECTS_AT_ONCE: usize = 8;

/// How often what was done is written down meanwhile.
const NOTED_EVERY: Duration = Duration::from_secs(1);

/// What is wanted of a collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CollectWish {
    /// Only say what would go.
    pub dry_run: bool,
    /// Look for objects that no row knows, instead.
    pub orphans: bool,
}

/// A collection; of those that wait there is one of its sort.
#[must_use]
pub(super) fn job(wish: CollectWish) -> NewJob {
    NewJob {
        lane: KIND.name.into(),
        unique_key: Some(format!("gc/{}/{}", wish.dry_run, wish.orphans)),
        ..NewJob::new(KIND.name, json!(wish))
    }
}

/// What was collected since the start, for figures.
#[derive(Clone, Debug, Default)]
pub struct CollectedTotal(Arc<Mutex<Collected>>);

impl CollectedTotal {
    /// So far.
    #[must_use]
    pub fn get(&self) -> Collected {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, more: &Collected) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += more.clone();
    }
}

pub(super) async fn run(worker: &Worker, running: &Running) -> Result<Finished, Failure> {
    let wish: CollectWish = running.payload()?;
    if wish.orphans {
        return orphans::run(worker, running, wish.dry_run).await;
    }
    if wish.dry_run {
        let seen = worker.preview(running).await?;
        running.progress(json!(seen));
        return Ok(Finished::with(format!("{}; nothing was changed", told(&seen, "would be"))));
    }
    let uploads = worker.purge().await.map_err(Failure::retry)?;
    running.check()?;
    let multiparts = worker.end_multiparts().await.map_err(Failure::retry)?;
    if uploads + multiparts > 0 {
        running.log(format!(
            "removed {uploads} abandoned uploads and {multiparts} multipart uploads that were left open"
        ));
    }
    let run = worker.meta.begin_upkeep(UpkeepKind::Gc, running.job().id).await?;
    let mut collection = Collection::new(worker, running, &run)?;
    collection.collect().await?;
    let done = collection.done;
    let actor = Actor::internal(KIND.name);
    worker.meta.end_upkeep(&run, json!(done), &actor).await?;
    Ok(Finished::with(told(&done, "were")))
}

/// What was, or would be, done, for people.
fn told(done: &Collected, verb: &str) -> String {
    let size = ByteSize::bytes(done.bytes);
    let mut parts = vec![format!("{} blobs ({size:#}) {verb} deleted", done.blobs)];
    for (number, what) in
        [(done.manifests, "manifests without a tag"), (done.trash, "entries of the trash")]
    {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    parts.join(", ")
}

/// A collection under way.
struct Collection<'a> {
    worker: &'a Worker,
    running: &'a Running,
    run: &'a Upkeep,
    pace: Pace,
    done: Collected,
    noted: Instant,
}

impl<'a> Collection<'a> {
    /// Goes on where a run that was interrupted had come to.
    fn new(worker: &'a Worker, running: &'a Running, run: &'a Upkeep) -> Result<Self, Failure> {
        let done = serde_json::from_value(run.detail.clone()).map_err(Failure::permanent)?;
        let gc = &worker.config.gc;
        let pace =
            Pace::new(Some(gc.rows_per_second.into()), gc.bytes_per_second.map(ByteSize::get));
        Ok(Self { worker, running, run, pace, done, noted: Instant::now() })
    }

    /// In the order in which one thing lets go of the next.
    async fn collect(&mut self) -> Result<(), Failure> {
        let worker = self.worker;
        let (meta, config) = (&worker.meta, &worker.config);
        let now = worker.clock.now();
        let over = now - config.trash.keep.get();
        loop {
            let part = meta.empty_trash(None, over, AT_ONCE).await?;
            if !self.add(part).await? {
                break;
            }
        }
        if let Some(untagged) = config.gc.untagged {
            self.step(Garbage::Manifests, now - untagged.get()).await?;
        }
        let before = now - config.gc.grace.get();
        self.step(Garbage::Links, before).await?;
        self.step(Garbage::Blobs, before).await?;
        self.remove_objects().await
    }

    async fn step(&mut self, kind: Garbage, before: Timestamp) -> Result<(), Failure> {
        loop {
            let part = self.worker.meta.collect(kind, before, AT_ONCE).await?;
            if !self.add(part).await? {
                return Ok(());
            }
        }
    }

    /// Counts what was done, and waits as long as the pace wants; says whether anything was done.
    async fn add(&mut self, part: Collected) -> Result<bool, Failure> {
        let more = part.examined + part.trash + part.objects > 0;
        if !more {
            return Ok(false);
        }
        let rows = part.examined + part.objects;
        self.worker.collected.add(&part);
        self.done += part;
        // What a crash takes of the counts is no more than a second's.
        if self.noted.elapsed() >= NOTED_EVERY {
            self.noted = Instant::now();
            self.worker.meta.note_upkeep(self.run.id, json!(self.done)).await?;
        }
        self.running.progress(json!(self.done));
        self.running.check()?;
        self.pace.rows(rows, &self.running.stop).await;
        self.running.check()?;
        Ok(true)
    }

    /// Bytes that no row names any more.
    async fn remove_objects(&mut self) -> Result<(), Failure> {
        loop {
            // Those that a backup holds wait for the next collection.
            let dead = self.worker.meta.list_removable_objects(AT_ONCE).await?;
            if dead.is_empty() {
                return Ok(());
            }
            let (number, bytes) = (dead.len() as u64, dead.iter().map(|object| object.size).sum());
            let mut gone = Vec::new();
            for some in dead.chunks(OBJECTS_AT_ONCE) {
                let removals = some.iter().map(|object| {
                    let (blobs, location) = (self.worker.blobs.clone(), object.location.clone());
                    async move { blobs.delete(&location).await.map(|()| location) }
                });
                gone.extend(futures::future::try_join_all(removals.collect::<Vec<_>>()).await?);
            }
            self.worker.meta.forget_dead_objects(gone).await?;
            self.add(Collected { objects: number, ..Collected::default() }).await?;
            self.pace.bytes(bytes, &self.running.stop).await;
            self.running.check()?;
        }
    }
}

impl Worker {
    /// What a collection would do now.
    async fn preview(&self, running: &Running) -> Result<Collected, Failure> {
        let (now, gc) = (self.clock.now(), &self.config.gc);
        let before = now - gc.grace.get();
        let mut seen = Collected::default();
        let mut steps = vec![(Garbage::Links, before), (Garbage::Blobs, before)];
        if let Some(untagged) = gc.untagged {
            steps.insert(0, (Garbage::Manifests, now - untagged.get()));
        }
        for (kind, before) in steps {
            let mut skip = 0;
            loop {
                running.check()?;
                let part = self.meta.preview_collection(kind, before, PREVIEW, skip).await?;
                skip += part.examined;
                let more = part.examined > 0;
                seen += part;
                if !more {
                    break;
                }
            }
        }
        seen.trash = self.meta.count_old_trash(now - self.config.trash.keep.get()).await?;
        Ok(seen)
    }

    /// Begins a collection, or finds the one that waits.
    pub async fn begin_collection(
        &self,
        administer: &Administer<'_>,
        wish: CollectWish,
    ) -> Result<Job, AdminError> {
        self.begin(administer, job(wish)).await
    }

    /// The latest runs of a kind.
    pub async fn upkeep(
        &self,
        _: &Administer<'_>,
        kind: UpkeepKind,
        limit: u64,
    ) -> Result<Vec<Upkeep>, AdminError> {
        Ok(self.meta.list_upkeep(kind, limit).await?)
    }
}
