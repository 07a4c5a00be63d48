//! Collects garbage: what nothing needs any more goes.

use std::time::Duration;

use serde_json::json;

use super::Worker;
use super::jobs::Kind;
use super::running::{Failure, Finished, Running};
use crate::meta::NewJob;

pub(super) const KIND: Kind = Kind {
    name: "gc",
    at_once: 1,
    wait: Duration::from_mins(1),
    longest_wait: Duration::from_hours(1),
};

/// A collection; of those that wait there is one.
#[must_use]
pub(super) fn job() -> NewJob {
    NewJob {
        lane: KIND.name.into(),
        unique_key: Some(KIND.name.into()),
        ..NewJob::new(KIND.name, json!({}))
    }
}

pub(super) async fn run(worker: &Worker, running: &Running) -> Result<Finished, Failure> {
    running.check()?;
    let uploads = worker.purge().await.map_err(Failure::retry)?;
    running.check()?;
    let multiparts = worker.end_multiparts().await.map_err(Failure::retry)?;
    Ok(Finished::with(format!(
        "removed {uploads} abandoned uploads and {multiparts} multipart uploads that were left open"
    )))
}
