//! Claims jobs, runs them, and writes down what came of them.
//!
//! Each kind has a number of places; a place claims a job, runs it, and comes back. Between jobs it waits to be told of new
//! ones, or until the next one is due.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::running::{Failure, Finished, LEASE, Running};
use super::{Worker, backup, collect, replicate, retention, scan, scrub, sink, webhook};
use crate::secret::random_text;

/// How long a place waits at most before it looks again: another process may have given a job back.
const LOOKS_EVERY: Duration = Duration::from_secs(30);

/// How often leases that have ended are looked for.
const RELEASED_EVERY: Duration = Duration::from_secs(20);

/// A kind of jobs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// How many run at the same time.
    pub(super) at_once: usize,
    /// How long to wait after the first failure; doubled with each further one.
    pub(super) wait: Duration,
    /// The longest wait.
    pub(super) longest_wait: Duration,
}

/// Every kind of job.
pub(super) const KINDS: &[Kind] = &[
    backup::CREATE,
    backup::VERIFY,
    collect::KIND,
    replicate::KIND,
    replicate::ALL_KIND,
    retention::KIND,
    scan::FETCH,
    scan::REMATCH,
    scan::SCAN,
    scrub::KIND,
    sink::KIND,
    webhook::KIND,
];

impl Kind {
    /// How long to wait after so many attempts, with a fifth more or less, so that what failed together does not come back
    /// together.
    fn wait_after(&self, attempts: u32) -> Duration {
        let doubled = self.wait.saturating_mul(1 << attempts.saturating_sub(1).min(20));
        let wait = doubled.min(self.longest_wait);
        let dice = random_text(1).bytes().next().map_or(0, u32::from) % 41;
        wait.saturating_mul(80 + dice) / 100
    }
}

impl Worker {
    /// What does the work of a kind.
    async fn work(&self, running: &Running) -> Result<Finished, Failure> {
        match running.job().kind.as_str() {
            name if name == backup::CREATE.name => backup::create(self, running).await,
            name if name == backup::VERIFY.name => backup::look(self, running).await,
            name if name == sink::KIND.name => sink::deliver(self, running).await,
            name if name == scan::FETCH.name => scan::fetch(self, running).await,
            name if name == scan::REMATCH.name => scan::rematch(self, running).await,
            name if name == scan::SCAN.name => scan::scan(self, running).await,
            name if name == replicate::KIND.name => replicate::replicate(self, running).await,
            name if name == replicate::ALL_KIND.name => {
                replicate::replicate_all(self, running).await
            }
            name if name == collect::KIND.name => collect::run(self, running).await,
            name if name == retention::KIND.name => retention::run(self, running).await,
            name if name == scrub::KIND.name => scrub::run(self, running).await,
            name if name == webhook::KIND.name => webhook::deliver(self, running).await,
            other => Err(Failure::Permanent(format!("no worker does `{other}`"))),
        }
    }

    /// Runs jobs until `stop` is cancelled, and then lets those that run end.
    pub(super) async fn run_jobs(self: Arc<Self>, stop: CancellationToken) {
        match self.meta.release_all_jobs().await {
            Ok(0) => {}
            Ok(given_back) => {
                tracing::info!(given_back, "{given_back} jobs were interrupted, and begin again");
            }
            Err(error) => tracing::error!(%error, "could not give back interrupted jobs: {error}"),
        }
        let places = TaskTracker::new();
        for kind in KINDS {
            for _ in 0..kind.at_once {
                places.spawn(Arc::clone(&self).place(*kind, stop.clone()));
            }
        }
        places.spawn(Arc::clone(&self).release_ended_leases(stop));
        places.close();
        places.wait().await;
    }

    async fn release_ended_leases(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(RELEASED_EVERY);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => return,
            }
            if let Err(error) = self.meta.release_jobs().await {
                tracing::error!(%error, "could not give back jobs whose lease has ended: {error}");
            }
        }
    }

    async fn place(self: Arc<Self>, kind: Kind, stop: CancellationToken) {
        let (mut jobs, mut turns) = (self.meta.watch_jobs(), self.clock.turns());
        while !stop.is_cancelled() {
            jobs.mark_unchanged();
            match self.meta.claim_job(kind.name, LEASE).await {
                Ok(Some(leased)) => {
                    let running = Running::new(self.meta.clone(), leased, stop.child_token());
                    self.run_one(&running, kind, &stop).await;
                    continue;
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%error, "could not look for work: {error}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            }
            let due = self.meta.next_job_at(kind.name).await.ok().flatten();
            let now = self.clock.now();
            let wait = due.map_or(LOOKS_EVERY, |due| due.since(now).min(LOOKS_EVERY));
            tokio::select! {
                _ = jobs.changed() => {}
                () = turns.next() => {}
                () = tokio::time::sleep(wait.max(Duration::from_millis(5))) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn run_one(&self, running: &Running, kind: Kind, stop: &CancellationToken) {
        let (id, attempts) = (running.job().id, running.job().attempts);
        // Work that panics has failed, and nothing else has.
        let work = std::panic::AssertUnwindSafe(self.work(running)).catch_unwind();
        let mut work = std::pin::pin!(work);
        let outcome = tokio::select! {
            outcome = &mut work => outcome,
            () = running.keep() => work.await,
        };
        let outcome = outcome.unwrap_or_else(|_| {
            tracing::error!(job.id = id, job.kind = kind.name, "job {id} panicked");
            Err(Failure::Retry("something went wrong inside Berth; its log says more".into()))
        });
        match &outcome {
            Ok(_) | Err(Failure::Later(_) | Failure::Cancelled) => {}
            Err(error) => {
                tracing::warn!(
                    job.id = id,
                    job.kind = kind.name,
                    attempts,
                    "job {id} ({}) failed: {error}",
                    kind.name
                );
            }
        }
        running.settle(outcome, kind.wait_after(attempts), stop.is_cancelled()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit() {
        let kind = Kind {
            name: "test",
            at_once: 1,
            wait: Duration::from_secs(10),
            longest_wait: Duration::from_mins(5),
        };
        for (attempts, about) in [(1, 10), (2, 20), (3, 40), (5, 160), (6, 300), (60, 300)] {
            let wait = kind.wait_after(attempts).as_secs_f64();
            let about = f64::from(about);
            assert!((about * 0.79..=about * 1.21).contains(&wait), "{attempts}: {wait}");
        }
    }
}
