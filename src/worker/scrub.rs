//! Reads every blob again and again, slowly: what is damaged or missing is taken out of all answers, until it is pushed again.
//!
//! A run goes through the rows of blobs in their order, and notes how far it is: what is interrupted goes on from there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;

use super::Worker;
use super::jobs::Kind;
use super::pace::Pace;
use super::running::{Failure, Finished, Running};
use crate::auth::{AdminError, Administer};
use crate::blob;
use crate::config::ByteSize;
use crate::meta::{Actor, BlobToCheck, Damage, DamagedBlob, Job, NewJob, UpkeepKind};

pub(super) const KIND: Kind = Kind {
    name: "scrub",
    at_once: 1,
    wait: Duration::from_mins(1),
    longest_wait: Duration::from_hours(1),
};

/// Rows that are read together.
const AT_ONCE: u64 = 200;

/// How often it is written down how far a run is.
const NOTED_EVERY: Duration = Duration::from_secs(5);

/// A scrub; one waits at most.
#[must_use]
pub(super) fn job() -> NewJob {
    NewJob {
        lane: KIND.name.into(),
        unique_key: Some(KIND.name.into()),
        ..NewJob::new(KIND.name, json!({}))
    }
}

/// How far a run is, and what it has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Scrubbed {
    /// The row of the last blob that was read.
    after: i64,
    blobs: u64,
    bytes: u64,
    damaged: u64,
    missing: u64,
    /// Blobs that were damaged and found whole.
    whole_again: u64,
}

/// What was read since the start, for figures.
#[derive(Clone, Debug, Default)]
pub struct ScrubbedTotal(Arc<(AtomicU64, AtomicU64)>);

impl ScrubbedTotal {
    /// Blobs and bytes.
    #[must_use]
    pub fn get(&self) -> (u64, u64) {
        (self.0.0.load(Ordering::Relaxed), self.0.1.load(Ordering::Relaxed))
    }
}

pub(super) async fn run(worker: &Worker, running: &Running) -> Result<Finished, Failure> {
    let run = worker.meta.begin_upkeep(UpkeepKind::Scrub, running.job().id).await?;
    let mut done: Scrubbed =
        serde_json::from_value(run.detail.clone()).map_err(Failure::permanent)?;
    let mut pace = Pace::new(None, worker.config.scrub.bytes_per_second.map(ByteSize::get));
    let mut noted = Instant::now();
    let actor = Actor::internal(KIND.name);
    loop {
        let blobs = worker.meta.list_blobs_to_check(done.after, AT_ONCE).await?;
        if blobs.is_empty() {
            break;
        }
        for blob in blobs {
            let damage = worker.check(&blob, running, &mut pace).await?;
            worker.judge(running, &blob, damage, &actor, &mut done).await?;
            done.after = blob.id;
            running.progress(json!(done));
            if noted.elapsed() >= NOTED_EVERY {
                noted = Instant::now();
                worker.meta.note_upkeep(run.id, json!(done)).await?;
            }
        }
    }
    worker.meta.end_upkeep(&run, json!(done), &actor).await?;
    Ok(Finished::with(told(&done)))
}

/// What was found, for people.
fn told(done: &Scrubbed) -> String {
    let read = format!("{} blobs ({:#}) were read", done.blobs, ByteSize::bytes(done.bytes));
    if done.damaged + done.missing == 0 {
        return format!("{read}, all whole");
    }
    format!(
        "{read}: {} damaged, {} missing; `berth scrub list` names them, and to push them again mends them",
        done.damaged, done.missing
    )
}

impl Worker {
    /// Reads a blob, and says what is wrong with it. What looks wrong is read once more.
    async fn check(
        &self,
        blob: &BlobToCheck,
        running: &Running,
        pace: &mut Pace,
    ) -> Result<Option<Damage>, Failure> {
        match self.check_once(blob, running, pace).await? {
            Some(_) => self.check_once(blob, running, pace).await,
            None => Ok(None),
        }
    }

    async fn check_once(
        &self,
        blob: &BlobToCheck,
        running: &Running,
        pace: &mut Pace,
    ) -> Result<Option<Damage>, Failure> {
        let algorithm = blob.digest.algorithm();
        let read = async {
            let mut check = self.blobs.check_blob(&blob.location, blob.size, algorithm).await?;
            loop {
                let bytes = check.next().await?;
                if bytes == 0 || running.stop.is_cancelled() {
                    return Ok(check.digest());
                }
                self.scrubbed.0.1.fetch_add(bytes, Ordering::Relaxed);
                pace.bytes(bytes, &running.stop).await;
            }
        };
        let read: Result<_, blob::Error> = read.await;
        running.check()?;
        match read {
            Ok(actual) if actual == blob.digest => Ok(None),
            Ok(actual) => Ok(Some(Damage::Damaged(actual))),
            Err(blob::Error::Missing(_)) => Ok(Some(Damage::Missing)),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes down what was found.
    async fn judge(
        &self,
        running: &Running,
        blob: &BlobToCheck,
        damage: Option<Damage>,
        actor: &Actor,
        done: &mut Scrubbed,
    ) -> Result<(), Failure> {
        self.scrubbed.0.0.fetch_add(1, Ordering::Relaxed);
        done.blobs += 1;
        done.bytes += blob.size;
        let Some(damage) = damage else {
            if blob.is_damaged && self.meta.end_damage(blob, actor).await? {
                running.log(format!("{} is whole again", blob.digest));
                done.whole_again += 1;
            }
            return Ok(());
        };
        // What was collected or replaced meanwhile is no damage.
        if !self.meta.mark_damaged(blob, damage.clone(), actor).await? {
            return Ok(());
        }
        running.log(format!("{} is {}", blob.digest, damage.as_str()));
        tracing::error!(blob.digest = %blob.digest, "{} is {}: push it again", blob.digest, damage.as_str());
        match damage {
            Damage::Missing => done.missing += 1,
            Damage::Damaged(_) => done.damaged += 1,
        }
        Ok(())
    }

    /// Begins a scrub, or finds the one that waits.
    pub async fn begin_scrub(&self, administer: &Administer<'_>) -> Result<Job, AdminError> {
        self.begin(administer, job()).await
    }

    /// Up to `limit` damaged blobs, those behind the row `after`.
    pub async fn damaged(
        &self,
        _: &Administer<'_>,
        after: i64,
        limit: u64,
    ) -> Result<Vec<DamagedBlob>, AdminError> {
        Ok(self.meta.list_damaged(after, limit).await?)
    }
}
