//! A job while it runs: what it may say, how far it has come, and whether it should go on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::meta::{KeptJob, LeasedJob, Meta, NewJob, Settlement};

/// How long a job is somebody's without a word from them.
pub(super) const LEASE: Duration = Duration::from_mins(1);

/// How often whoever runs a job says that they still do.
const KEPT_EVERY: Duration = Duration::from_secs(15);

/// How often a job that runs looks whether it is still wanted.
const LOOKS_EVERY: Duration = Duration::from_secs(1);

/// The longest line that a job's log keeps, in characters.
const LONGEST_LINE: usize = 2000;

/// Why a job's attempt has ended without success.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It may work another time.
    #[error("{0}")]
    Retry(String),
    /// It will not.
    #[error("{0}")]
    Permanent(String),
    /// It cannot be worked on now, which is nobody's fault.
    #[error("it is not its time yet")]
    Later(Duration),
    /// Somebody wanted it to end, or the process stops.
    #[error("it was cancelled")]
    Cancelled,
}

impl Failure {
    /// A failure that another attempt may mend.
    pub fn retry(error: impl std::fmt::Display) -> Self {
        Self::Retry(error.to_string())
    }

    /// A failure that no attempt mends.
    pub fn permanent(error: impl std::fmt::Display) -> Self {
        Self::Permanent(error.to_string())
    }
}

impl From<crate::meta::Error> for Failure {
    fn from(error: crate::meta::Error) -> Self {
        Self::retry(error)
    }
}

impl From<crate::blob::Error> for Failure {
    fn from(error: crate::blob::Error) -> Self {
        Self::retry(error)
    }
}

impl From<crate::registry::Error> for Failure {
    fn from(error: crate::registry::Error) -> Self {
        Self::retry(error)
    }
}

/// What came of a job.
#[derive(Clone, Debug, Default)]
pub struct Finished {
    /// For people.
    pub result: Option<String>,
    /// What is to be done next; it is added in the transaction that ends the job.
    pub following: Vec<NewJob>,
}

impl Finished {
    /// Nothing follows.
    pub fn with(result: impl Into<String>) -> Self {
        Self { result: Some(result.into()), following: Vec::new() }
    }
}

/// What a job that runs has to do with the rest.
#[derive(Clone, Debug)]
pub struct Running {
    meta: Meta,
    leased: Arc<LeasedJob>,
    progress: Arc<Mutex<Option<serde_json::Value>>>,
    /// Ends when the job is not wanted any more, is lost to somebody else, or the process stops.
    pub stop: CancellationToken,
}

impl Running {
    pub(super) fn new(meta: Meta, leased: LeasedJob, stop: CancellationToken) -> Self {
        Self { meta, leased: Arc::new(leased), progress: Arc::default(), stop }
    }

    /// The job.
    #[must_use]
    pub fn job(&self) -> &crate::meta::Job {
        &self.leased.job
    }

    /// What to do, as it was written down.
    pub fn payload<T: serde::de::DeserializeOwned>(&self) -> Result<T, Failure> {
        let payload = self.job().payload.clone();
        serde_json::from_value(payload).map_err(|error| {
            Failure::Permanent(format!("the job was written by another version of Berth: {error}"))
        })
    }

    /// Keeps a line for people.
    pub fn log(&self, line: impl Into<String>) {
        let line: String = line.into();
        let line = line.chars().take(LONGEST_LINE).collect();
        self.meta.log_job(self.job().id, line);
    }

    /// Notes how far it has come; written down within a second or so.
    pub fn progress(&self, progress: serde_json::Value) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
    }

    /// Whether somebody said that it is not wanted any more.
    pub async fn is_unwanted(&self) -> bool {
        let found = self.meta.find_job(self.job().id).await;
        found.ok().flatten().is_some_and(|job| job.wants_cancel)
    }

    /// Fails if the job should end: to be asked between two steps.
    pub fn check(&self) -> Result<(), Failure> {
        if self.stop.is_cancelled() { Err(Failure::Cancelled) } else { Ok(()) }
    }

    /// Keeps the lease until the work is done, and ends the work when it is not wanted.
    pub(super) async fn keep(&self) {
        let mut looks = tokio::time::interval(LOOKS_EVERY);
        looks.tick().await;
        let mut kept = tokio::time::Instant::now();
        let mut jobs = self.meta.watch_jobs();
        loop {
            tokio::select! {
                _ = looks.tick() => {}
                changed = jobs.changed() => if changed.is_err() { return },
            }
            let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner).take();
            let wants_look = kept.elapsed() >= KEPT_EVERY || progress.is_some();
            let state = if wants_look {
                kept = tokio::time::Instant::now();
                self.meta.keep_job(&self.leased, LEASE, progress).await
            } else {
                self.meta.find_job(self.job().id).await.map(|job| match job {
                    Some(job) if job.wants_cancel => KeptJob::Unwanted,
                    Some(_) => KeptJob::Ours,
                    None => KeptJob::Lost,
                })
            };
            match state {
                Ok(KeptJob::Ours) => {}
                Ok(KeptJob::Unwanted | KeptJob::Lost) => {
                    self.stop.cancel();
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, job.id = self.job().id, "a lease could not be kept: {error}");
                }
            }
        }
    }

    /// Writes down what came of it.
    pub(super) async fn settle(
        &self,
        outcome: Result<Finished, Failure>,
        wait: Duration,
        stopping: bool,
    ) {
        let (settlement, following) = match outcome {
            Ok(Finished { result, following }) => (Settlement::Done(result), following),
            Err(Failure::Retry(reason)) => {
                self.log(format!("failed: {reason}"));
                (Settlement::Retry { reason, after: wait }, Vec::new())
            }
            Err(Failure::Permanent(reason)) => {
                self.log(format!("failed for good: {reason}"));
                (Settlement::Failed(reason), Vec::new())
            }
            Err(Failure::Later(after)) => (Settlement::Later(after), Vec::new()),
            // What the end of the process interrupts is taken up again at the next start.
            Err(Failure::Cancelled) if stopping => (Settlement::Later(Duration::ZERO), Vec::new()),
            Err(Failure::Cancelled) => (Settlement::Cancelled, Vec::new()),
        };
        let id = self.job().id;
        let kind = &self.job().kind;
        match self.meta.settle_job(&self.leased, settlement, following).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(job.id = id, job.kind = %kind, "job {id} is somebody else's by now");
            }
            Err(error) => {
                tracing::error!(%error, job.id = id, job.kind = %kind, "could not write down what came of job {id}: {error}");
            }
        }
    }
}
