//! Runs of retention: one job, repository after repository. What it drops it drops as a person would.

use std::time::Duration;

use serde_json::json;

use super::Worker;
use super::jobs::Kind;
use super::running::{Failure, Finished, Running};
use crate::auth::{AdminError, Administer};
use crate::meta::{Actor, NewJob, RetentionRun};
use crate::registry::RETENTION;

pub(super) const KIND: Kind = Kind {
    name: "retention",
    at_once: 1,
    wait: Duration::from_mins(1),
    longest_wait: Duration::from_mins(30),
};

/// Repositories that are looked up together.
const AT_ONCE: u64 = 200;

/// A run. If one waits already, another is not needed.
pub(super) fn job() -> NewJob {
    NewJob { unique_key: Some(KIND.name.into()), ..NewJob::new(KIND.name, json!({})) }
}

pub(super) async fn run(worker: &Worker, running: &Running) -> Result<Finished, Failure> {
    let (meta, id) = (&worker.meta, running.job().id);
    let policies = meta.list_policies().await?;
    meta.begin_retention(id).await?;
    let mut from = String::new();
    let (mut repositories, mut dropped) = (0, 0);
    loop {
        let page = meta.list_repositories(&from, "~", AT_ONCE).await?;
        let Some(last) = page.last() else { break };
        from = format!("{}\0", last.name);
        for repository in page {
            running.check()?;
            let done = worker.registry.retain(&repository.name, &policies).await?;
            if done.repositories > 0 {
                repositories += 1;
                dropped += done.tags + done.manifests;
                meta.count_retention(id, done).await?;
                running.progress(json!({ "repositories": repositories, "dropped": dropped }));
            }
        }
    }
    let totals = meta.end_retention(id, &Actor::internal(RETENTION)).await?;
    Ok(Finished::with(format!(
        "dropped {} tags and {} manifests of {} repositories, kept {} tags",
        totals.tags, totals.manifests, totals.repositories, totals.kept
    )))
}

impl Worker {
    /// Asks for a run; gives its job, or nothing if one waits already.
    pub async fn run_retention(
        &self,
        administer: &Administer<'_>,
    ) -> Result<Option<i64>, AdminError> {
        Ok(self.meta.add_job(job(), administer.actor()).await?)
    }

    /// Up to `limit` runs, the latest first, those before the job `before`.
    pub async fn retention_runs(
        &self,
        _: &Administer<'_>,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<RetentionRun>, AdminError> {
        Ok(self.meta.list_retention_runs(before, limit).await?)
    }
}
