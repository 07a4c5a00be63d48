//! Rules that look at all that they are about at certain times.
//!
//! When a rule is due next is kept in its row, so that what was missed is made up for once.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::all;
use crate::clock::{Cron, Timestamp};
use crate::meta::{Error, ReplicationWish};
use crate::worker::Worker;

/// The longest that nobody looks: rules change, and so does the machine's clock.
const LOOKS_EVERY: Duration = Duration::from_secs(30);

impl Worker {
    /// When a rule is due next.
    pub(super) fn next_run(&self, wish: &ReplicationWish) -> Option<Timestamp> {
        let rule: Cron = wish.settings.schedule.as_deref()?.parse().ok()?;
        wish.is_enabled.then(|| rule.next_after(self.clock.now()))
    }

    /// Begins what is due, until `stop` is cancelled.
    pub(in crate::worker) async fn keep_replication_schedules(
        self: Arc<Self>,
        stop: CancellationToken,
    ) {
        let mut turns = self.clock.turns();
        while !stop.is_cancelled() {
            let wait = match self.begin_due_replications().await {
                Ok(Some(next)) => next.since(self.clock.now()).min(LOOKS_EVERY),
                Ok(None) => LOOKS_EVERY,
                Err(error) => {
                    tracing::error!(%error, "could not look for rules that are due: {error}");
                    Duration::from_secs(1)
                }
            };
            tokio::select! {
                () = turns.next() => {}
                () = tokio::time::sleep(wait.max(Duration::from_millis(5))) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Begins it, and says when something is due next.
    async fn begin_due_replications(&self) -> Result<Option<Timestamp>, Error> {
        let (now, mut earliest) = (self.clock.now(), None::<Timestamp>);
        for rule in self.meta.list_replication_rules().await? {
            let Some(due) = rule.wish.next_run_at else { continue };
            let mut next = due;
            if due <= now {
                let Some(following) = self.next_run(&rule.wish) else { continue };
                next = following;
                let job = all::job(&rule.wish.name, false);
                self.meta.run_replication_rule(rule.id, due, next, job).await?;
            }
            earliest = Some(earliest.map_or(next, |earliest| earliest.min(next)));
        }
        Ok(earliest)
    }
}
