//! Writes snapshots of the database into the bucket of the blobs, when something has changed and quiet has come.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Worker;
use crate::backup::{self, Target, Watch, Which};
use crate::clock::Timestamp;
use crate::config::Config;

/// A change is followed by others: so long nothing has to happen before a snapshot is taken.
const QUIET: Duration = Duration::from_secs(10);

/// How often it is looked whether one is due.
const LOOKS_EVERY: Duration = Duration::from_secs(5);

/// How long to wait after a failure.
const AFTER_FAILURE: Duration = Duration::from_mins(1);

/// How snapshots stand, as far as this process knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotState {
    /// The last one.
    pub id: Option<String>,
    /// The moment that it shows.
    pub at: Option<Timestamp>,
    /// The last event in it.
    event: u64,
    /// Why the last attempt failed, if it did.
    pub failure: Option<String>,
}

impl SnapshotState {
    pub(super) fn warning(&self) -> Option<String> {
        let failure = self.failure.as_ref()?;
        let last = match self.at {
            Some(at) => format!("the last one is of {at}"),
            None => "there is none yet".to_owned(),
        };
        Some(format!("No snapshot of the database goes into the bucket, {last}: {failure}"))
    }
}

/// What is known of snapshots; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Snapshots(Arc<Mutex<SnapshotState>>);

impl Snapshots {
    /// How they stand; `None` if none are to be taken.
    #[must_use]
    pub fn state(&self, config: &Config) -> Option<SnapshotState> {
        is_wanted(config).then(|| self.get())
    }

    fn get(&self) -> SnapshotState {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, state: SnapshotState) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

fn is_wanted(config: &Config) -> bool {
    use crate::config::Backend as B;
    let every = config.backup.snapshot_every.get();
    !matches!(config.storage.backend, B::Fs | B::Memory) && every > Duration::ZERO
}

/// What was last seen of changes.
#[derive(Clone, Copy, Debug)]
struct Seen {
    event: u64,
    at: Timestamp,
}

/// Whether a snapshot is to be taken: something has changed since the last, which is old enough, and all has been quiet since
/// or quiet does not come.
fn is_due(last: &SnapshotState, seen: Seen, every: Duration, now: Timestamp) -> bool {
    if seen.event == last.event {
        return false;
    }
    let (quiet, age) = (now.since(seen.at), last.at.map(|at| now.since(at)));
    age.is_none_or(|age| age >= every)
        && (quiet >= QUIET || age.is_some_and(|age| age >= 2 * every))
}

impl Worker {
    /// Takes snapshots until `stop` is cancelled, if any are wanted.
    pub(super) async fn keep_snapshots(self: Arc<Self>, stop: CancellationToken) {
        if !is_wanted(&self.config) {
            return;
        }
        let target = match Target::beside_blobs(&self.config.storage) {
            Ok(Some(target)) => target,
            Ok(None) => return,
            Err(error) => return self.failed(&error),
        };
        tokio::select! {
            () = self.know_the_last(&target) => {}
            () = stop.cancelled() => return,
        }
        let mut turns = self.clock.turns();
        let mut seen = Seen { event: 0, at: self.clock.now() };
        let mut wait = Duration::ZERO;
        loop {
            tokio::select! {
                () = turns.next() => {}
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return,
            }
            // One that is given up in between is not there: its manifest comes last.
            let taken = tokio::select! {
                taken = self.take_if_due(&target, &mut seen, &stop) => taken,
                () = stop.cancelled() => return,
            };
            wait = match taken {
                Ok(()) | Err(backup::Error::Stopped) => LOOKS_EVERY,
                Err(error) => {
                    self.failed(&error);
                    AFTER_FAILURE
                }
            };
        }
    }

    /// A process that starts does not take one again that is there.
    async fn know_the_last(&self, target: &Target) {
        match target.choose(&Which::Latest).await {
            Ok(manifest) => self.snapshots.set(SnapshotState {
                id: Some(manifest.id),
                at: Some(manifest.at),
                event: manifest.summary.event,
                failure: None,
            }),
            Err(backup::Error::None(_)) => {}
            Err(error) => self.failed(&error),
        }
    }

    async fn take_if_due(
        &self,
        target: &Target,
        seen: &mut Seen,
        stop: &CancellationToken,
    ) -> Result<(), backup::Error> {
        let (event, now) = (self.meta.event_head().await?.id, self.clock.now());
        if event != seen.event {
            *seen = Seen { event, at: now };
        }
        let last = self.snapshots.get();
        if !is_due(&last, *seen, self.config.backup.snapshot_every.get(), now) {
            return Ok(());
        }
        let watch = Watch::new(stop.clone(), |_| {});
        match self.backups().take_snapshot(target, &watch).await {
            Ok(manifest) => {
                tracing::debug!(id = %manifest.id, "wrote a snapshot of the database into the bucket");
                self.snapshots.set(SnapshotState {
                    id: Some(manifest.id),
                    at: Some(manifest.at),
                    event: manifest.summary.event,
                    failure: None,
                });
                Ok(())
            }
            // Another process looks after it.
            Err(backup::Error::Busy(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn failed(&self, error: &backup::Error) {
        tracing::error!(%error, "could not write a snapshot of the database into the bucket: {error}");
        self.snapshots
            .set(SnapshotState { failure: Some(error.to_string()), ..self.snapshots.get() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_due_after_changes_and_quiet() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let every = Duration::from_secs(100);
        let last = SnapshotState { at: Some(at(0)), event: 5, ..SnapshotState::default() };
        let due = |event: u64, changed: i64, now: i64| {
            is_due(&last, Seen { event, at: at(changed) }, every, at(now))
        };
        assert!(!due(5, 0, 1000), "nothing has changed");
        assert!(!due(6, 10, 99), "the last is not old enough");
        assert!(due(6, 90, 100));
        assert!(!due(6, 95, 100), "more may come");
        assert!(due(6, 199, 200), "quiet does not come");
        let none = SnapshotState::default();
        assert!(is_due(&none, Seen { event: 1, at: at(0) }, every, at(10)));
        assert!(!is_due(&none, Seen { event: 1, at: at(0) }, every, at(9)));
    }
}
