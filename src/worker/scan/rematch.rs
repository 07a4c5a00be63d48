//! New advisories: what is known of packages is matched anew, without touching a layer.

use std::time::Duration;

use serde_json::json;

use super::super::Worker;
use super::super::jobs::Kind;
use super::super::running::{Failure, Finished, Running};
use super::{SCANNER, inventory};
use crate::meta::{self, Actor, NewJob, ScanReport};
use crate::plugin::FoundPackage;

pub(in super::super) const REMATCH: Kind = Kind {
    name: "rematch",
    at_once: 1,
    wait: Duration::from_secs(10),
    longest_wait: Duration::from_mins(10),
};

/// Reports that are looked for at once.
const PAGE: u64 = 100;

impl Worker {
    /// The job that matches all reports with the advisories that count by now.
    pub(super) fn rematch_job() -> NewJob {
        NewJob {
            subject: "advisories".into(),
            unique_key: Some("rematch".into()),
            ..NewJob::new(REMATCH.name, json!({}))
        }
    }
}

/// Goes through all reports that are behind.
pub(in super::super) async fn rematch(
    worker: &Worker,
    running: &Running,
) -> Result<Finished, Failure> {
    let mut known = worker.advisories().await?;
    let generation = known.generation;
    let (mut after, mut reports, mut changed) = (0, 0_u64, 0_u64);
    loop {
        let page = worker.meta.list_scans_behind(generation, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for report in page {
            running.check()?;
            let (kept, new) = rematch_one(worker, known, report).await?;
            known = kept;
            reports += 1;
            changed += u64::from(new > 0);
        }
        running.progress(json!({ "reports": reports, "with_new_findings": changed }));
    }
    // What came meanwhile is the next one's: its job waits behind this one.
    Ok(Finished::with(format!("{reports} reports, {changed} with new findings")))
}

/// Matches one report; gives how many names are new.
async fn rematch_one(
    worker: &Worker,
    known: super::advisories::Known,
    report: ScanReport,
) -> Result<(super::advisories::Known, usize), Failure> {
    let packages = super::documents::packages(worker, report.id).await?;
    let attributes = report.attributes.clone();
    let matched = tokio::task::spawn_blocking(move || {
        let inventory = inventory::of_report(&packages as &[FoundPackage], &attributes);
        let matched = known.find(&inventory)?.collect::<Vec<_>>();
        Ok::<_, meta::Error>((known, matched))
    });
    let (known, matched) = matched.await.map_err(Failure::retry)??;
    let by = Actor::internal(SCANNER);
    let generation = known.generation;
    let new = worker.meta.rematch_scan(report.id, generation, matched, &by).await?;
    let new = new.unwrap_or_default();
    if !new.is_empty() {
        tracing::info!(
            blob.digest = %report.digest,
            "{} new findings in {}: {}",
            new.len(),
            report.digest,
            new.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ")
        );
    }
    Ok((known, new.len()))
}
