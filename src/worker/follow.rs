//! Follows events: what each of them causes becomes jobs, in the transaction that moves the place up to which they were read.
//! So nothing that happened is passed over, and nothing is caused twice.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Worker, replicate, sink, webhook};
use crate::meta::{self, Event, EventFilter, NewJob, Place, Wanted};

/// The reader that turns events into jobs.
const READER: &str = "jobs";

/// Events that are looked at together.
const AT_ONCE: u64 = 500;

impl Worker {
    /// Follows events until `stop` is cancelled.
    pub(super) async fn follow_events(self: Arc<Self>, stop: CancellationToken) {
        let mut events = self.meta.watch_events();
        while !stop.is_cancelled() {
            events.mark_unchanged();
            match self.follow_some().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(%error, "could not follow events: {error}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            }
            tokio::select! {
                _ = events.changed() => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Follows the next events; says whether there were any.
    async fn follow_some(&self) -> Result<bool, meta::Error> {
        self.place_sinks().await?;
        let from = self.meta.reader_place(READER).await?;
        let events =
            self.meta.list_events(EventFilter::default(), Place::After(from), AT_ONCE).await?;
        let Some(last) = events.last() else { return Ok(false) };
        let to = last.id;
        let jobs = self.caused_by(&events).await?;
        let replications = self.replications(&events).await?;
        self.meta.follow_events(READER, from, to, jobs, replications).await?;
        Ok(true)
    }

    /// All that events cause.
    async fn caused_by(&self, events: &[Event]) -> Result<Vec<NewJob>, meta::Error> {
        let webhooks = self.meta.list_webhooks().await?;
        let mut jobs = sink::caused_by(self, events);
        for event in events {
            jobs.extend(self.scans_caused_by(event).await?);
            jobs.extend(webhooks.iter().filter_map(|hook| webhook::caused_by(hook, event)));
        }
        Ok(jobs)
    }

    /// What targets should have because of events.
    async fn replications(&self, events: &[Event]) -> Result<Vec<(u64, Wanted)>, meta::Error> {
        let rules = self.meta.list_replication_rules().await?;
        let mut found = Vec::new();
        if rules.is_empty() {
            return Ok(found);
        }
        for event in events {
            let caused = replicate::caused_by(&self.meta, &rules, event).await?;
            found.extend(caused.into_iter().map(|wanted| (event.id, wanted)));
        }
        Ok(found)
    }
}
