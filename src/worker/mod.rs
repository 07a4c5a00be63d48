//! Work that nobody waits for: jobs, what follows from events, what uploads leave behind, and what is noted of refusals and of
//! the use of tokens.

mod admin;
mod backup;
mod collect;
mod follow;
mod jobs;
mod orphans;
mod pace;
mod quota;
mod replicate;
mod retention;
mod running;
mod scan;
mod schedule;
mod scrub;
mod sink;
mod snapshots;
mod upkeep;
mod uploads;
mod webhook;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use backup::BackupStanding;
pub use collect::{CollectWish, CollectedTotal};
pub use replicate::{Checked, Replication, RunWish};
pub use running::{Failure, Finished, Running};
pub use scan::{AdvisoryError, AdvisoryStatus, ImportWish, LARGEST_EXPORT, ScansRequested};
pub use schedule::{ScheduleState, Scheduled};
pub use scrub::ScrubbedTotal;
pub use snapshots::{SnapshotState, Snapshots};
pub use uploads::Error;
pub use webhook::{SECRET_PREFIX, cloud_event, delivery, subject};

use crate::auth::Auth;
use crate::blob::BlobStore;
use crate::clock::Clock;
use crate::config::Config;
use crate::meta::{self, Meta};
use crate::plugin::Plugins;
use crate::registry::Registry;
use crate::remote::{Hooks, Outbound};

/// How often what is noted in memory is written down.
const NOTE_EVERY: Duration = Duration::from_secs(1);

/// How often it is counted how much there is.
const COUNT_EVERY: Duration = Duration::from_mins(1);

/// How often jobs that ended long ago are forgotten.
const FORGET_EVERY: Duration = Duration::from_mins(10);

/// How many values of plugins are forgotten in one transaction.
const FORGET_AT_ONCE: u64 = 1000;

/// What the worker works with.
#[derive(Clone, Debug)]
pub struct Worker {
    /// The settings.
    pub config: Arc<Config>,
    /// The time.
    pub clock: Clock,
    /// Rows.
    pub meta: Meta,
    /// Bytes.
    pub blobs: BlobStore,
    /// Refusals and uses of tokens.
    pub auth: Auth,
    /// Sessions.
    pub registry: Registry,
    /// The way to receivers.
    pub hooks: Hooks,
    /// The way to where advisories are published.
    pub outbound: Outbound,
    /// Plugins in force.
    pub plugins: Plugins,
    /// The ways to replication targets.
    pub replication: Replication,
    /// What is known of snapshots beside the blobs.
    pub snapshots: Snapshots,
    /// What was collected, for figures.
    pub collected: CollectedTotal,
    /// What was read again, for figures.
    pub scrubbed: ScrubbedTotal,
}

impl Worker {
    /// Works until `stop` is cancelled. `started` is when this process began: files older than that belong to no request.
    pub async fn run(self, started: SystemTime, stop: CancellationToken) {
        let (worker, tasks) = (Arc::new(self), TaskTracker::new());
        tasks.spawn(Arc::clone(&worker).keep_uploads(started, stop.clone()));
        tasks.spawn(Arc::clone(&worker).keep_notes(stop.clone()));
        tasks.spawn(Arc::clone(&worker).keep_growth(stop.clone()));
        tasks.spawn(Arc::clone(&worker).follow_events(stop.clone()));
        tasks.spawn(Arc::clone(&worker).keep_schedules(stop.clone()));
        tasks.spawn(Arc::clone(&worker).keep_replication_schedules(stop.clone()));
        tasks.spawn(Arc::clone(&worker).keep_snapshots(stop.clone()));
        tasks.spawn(Arc::clone(&worker).run_jobs(stop.clone()));
        tasks.spawn(Arc::clone(&worker).forget(stop));
        tasks.close();
        tasks.wait().await;
    }

    /// Where this registry is, for those who are told of events.
    fn source(&self) -> String {
        let server = &self.config.server;
        server.public_url.clone().unwrap_or_else(|| {
            let scheme = if server.tls.certificate.is_some() { "https" } else { "http" };
            format!("{scheme}://{}", server.listen)
        })
    }

    /// Writes down what was noted, until `stop` is cancelled; then for the last time.
    async fn keep_notes(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(NOTE_EVERY);
        let mut running = true;
        while running {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => running = false,
            }
            self.auth.audit.flush();
            self.auth.flush_token_uses();
            self.registry.flush_pulls();
            self.meta.flush_pulls();
        }
    }

    /// Counts what there is, again and again.
    async fn keep_growth(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(COUNT_EVERY);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => return,
            }
            if let Err(error) = self.meta.note_growth().await {
                tracing::error!(%error, "could not count what there is: {error}");
            }
        }
    }

    /// Forgets jobs that ended long ago, and what plugins kept for a time that is over, until `stop` is cancelled.
    async fn forget(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(FORGET_EVERY);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => return,
            }
            if let Err(error) = self.forget_jobs().await {
                tracing::error!(%error, "could not forget old jobs: {error}");
            }
            if let Err(error) = self.forget_plugin_values().await {
                tracing::error!(%error, "could not forget old values of plugins: {error}");
            }
        }
    }

    async fn forget_jobs(&self) -> Result<(), meta::Error> {
        let (jobs, now) = (&self.config.jobs, self.clock.now());
        let (ended, failed) = (now - jobs.keep.get(), now - jobs.keep_failed.get());
        while self.meta.forget_jobs(ended, failed).await? > 0 {}
        Ok(())
    }

    async fn forget_plugin_values(&self) -> Result<(), meta::Error> {
        while self.meta.purge_plugin_values(FORGET_AT_ONCE).await? > 0 {}
        Ok(())
    }
}
