//! Tells event sinks, which are plugins, of events: in their order, one batch after another, until the sink says that it is done
//! with them.
//!
//! A sink has its own place in the order of events. One job at a time brings it forward, so what it was not told stays there
//! for the next attempt and is never lost; only how often one attempt follows another depends on how it ends.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Worker;
use super::jobs::Kind;
use super::running::{Failure, Finished, Running};
use super::webhook::cloud_event;
use crate::meta::{self, Event, EventFilter, NewJob, Place};
use crate::oci::RepositoryName;
use crate::plugin::{CallContext, Hook, PluginName, SinkEvent};

pub(super) const KIND: Kind = Kind {
    name: "event-sink",
    at_once: 4,
    wait: Duration::from_secs(5),
    longest_wait: Duration::from_mins(10),
};

/// With waits that double from 5 s to ten minutes, some three hours; the next event begins anew.
const ATTEMPTS: u32 = 25;

/// Events that are read together.
const AT_ONCE: u64 = 200;
/// Events that a sink is told of together.
const BATCH: usize = 50;

#[derive(Debug, Serialize, Deserialize)]
struct Delivery {
    plugin: PluginName,
}

/// The name of a sink's place in the order of events.
fn reader(plugin: &PluginName) -> String {
    format!("plugin/{plugin}")
}

/// The jobs that new events cause: one for each sink that wants to know of any of them, unless one waits already.
pub(super) fn caused_by(worker: &Worker, events: &[Event]) -> Vec<NewJob> {
    let sinks = worker.plugins.with_hook(Hook::EventSink);
    let wanted = |sink: &PluginName| events.iter().any(|event| wants(worker, sink, event));
    sinks.iter().filter(|sink| wanted(sink)).map(delivery).collect()
}

fn delivery(sink: &PluginName) -> NewJob {
    NewJob {
        subject: reader(sink),
        lane: reader(sink),
        unique_key: Some(reader(sink)),
        most_attempts: ATTEMPTS,
        ..NewJob::new(KIND.name, json!(Delivery { plugin: sink.clone() }))
    }
}

fn wants(worker: &Worker, sink: &PluginName, event: &Event) -> bool {
    let repository = event.repository.as_deref().and_then(|name| name.parse().ok());
    worker.plugins.wants(sink, &event.kind, repository.as_ref()).unwrap_or(false)
}

impl Worker {
    /// Gives each sink that is new a place behind the last event: what was before it is not told.
    pub(super) async fn place_sinks(&self) -> Result<(), meta::Error> {
        for sink in self.plugins.with_hook(Hook::EventSink) {
            self.meta.reader_place(&reader(&sink)).await?;
        }
        Ok(())
    }
}

/// Brings a sink up to the last event.
pub(super) async fn deliver(worker: &Worker, running: &Running) -> Result<Finished, Failure> {
    let Delivery { plugin } = running.payload()?;
    let mut told = 0;
    loop {
        running.check()?;
        if !worker.plugins.with_hook(Hook::EventSink).contains(&plugin) {
            return Ok(Finished::with("the plugin is not in force"));
        }
        let name = reader(&plugin);
        let from = worker.meta.reader_place(&name).await?;
        let found = worker.meta.list_events(EventFilter::default(), Place::After(from), AT_ONCE);
        let events = found.await?;
        let Some(last) = events.last().map(|event| event.id) else {
            return Ok(Finished::with(format!("told of {told} events")));
        };
        let wanted: Vec<&Event> =
            events.iter().filter(|event| wants(worker, &plugin, event)).collect();
        let batch: Vec<SinkEvent> =
            wanted.iter().take(BATCH).map(|event| as_told(worker, event)).collect();
        let to = if batch.is_empty() {
            last
        } else {
            let context = CallContext::new(format!("job {}", running.job().id));
            let done = worker.plugins.deliver(&plugin, &context, &batch).await;
            let done = done.map_err(Failure::retry)?;
            told += done;
            match wanted.get(done) {
                // The next one that it has not taken stays where it is.
                Some(next) => next.id - 1,
                None => last,
            }
        };
        if to <= from {
            return Err(Failure::Retry("the plugin has not taken the next event".into()));
        }
        worker.meta.follow_events(&name, from, to, Vec::new(), Vec::new()).await?;
    }
}

fn as_told(worker: &Worker, event: &Event) -> SinkEvent {
    SinkEvent {
        id: event.id.to_string(),
        at: event.at,
        kind: event.kind.clone(),
        repository: event
            .repository
            .as_deref()
            .and_then(|name| name.parse::<RepositoryName>().ok()),
        json: cloud_event(event, &worker.source()).to_string(),
    }
}
