//! Event sinks: plugins that want to know what happens.

use std::sync::Arc;

use futures::FutureExt as _;

use super::bindings::exports::berth::plugin::event_hook as wit;
use super::call::{Answered, CallContext};
use super::{CallError, Hook, PluginName, Plugins};
use crate::clock::Timestamp;
use crate::oci::RepositoryName;

/// Something that has happened, as sinks are told of it.
#[derive(Clone, Debug)]
pub struct SinkEvent {
    /// The same if it comes again.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// `push`, `tag`, `delete`, ...
    pub kind: String,
    /// Where, if it happened in a repository.
    pub repository: Option<RepositoryName>,
    /// `CloudEvents` 1.0.
    pub json: String,
}

impl Plugins {
    /// Whether a sink wants to know of events of a kind in a repository; it need not be told of others. A kind may be named
    /// whole, `tag.push`, by what it is about, `tag` or `tag.*`, or by what was done, `push`.
    pub fn wants(
        &self,
        sink: &PluginName,
        kind: &str,
        repository: Option<&RepositoryName>,
    ) -> Result<bool, CallError> {
        let loaded = self.0.find(sink)?;
        let binding = &loaded.bound(Hook::EventSink)?.binding;
        let is_covered = match repository {
            Some(repository) => binding.covers(repository),
            None => binding.repositories.is_empty(),
        };
        let ask = loaded.manifest.hooks.get(&Hook::EventSink);
        let names = |asked: &String| {
            let asked = asked.strip_suffix(".*").unwrap_or(asked);
            let rest = kind.strip_prefix(asked);
            let is_verb = kind.split_once('.').is_some_and(|(_, verb)| verb == asked);
            asked == "*"
                || is_verb
                || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let is_asked = ask.is_some_and(|ask| ask.events.is_empty() || ask.events.iter().any(names));
        Ok(is_covered && is_asked)
    }

    /// Tells a sink of events, in their order. Returns how many of them, from the first, are done with.
    pub async fn deliver(
        &self,
        sink: &PluginName,
        context: &CallContext,
        events: &[SinkEvent],
    ) -> Result<usize, CallError> {
        let loaded = self.0.find(sink)?;
        let lines = context.to_wit(&loaded.bound(Hook::EventSink)?.turnstile.limits);
        let exports = Arc::clone(&loaded.exports);
        let told: Vec<wit::Event> = events.iter().map(to_wit).collect();
        let most = events.len();
        self.0
            .caller
            .call(
                &loaded,
                Hook::EventSink,
                context,
                move |store, instance| {
                    async move {
                        let Some(sink) = &exports.events else {
                            wasmtime::bail!("the hook is not exported")
                        };
                        let guest = sink.load(&mut *store, instance)?;
                        guest.call_deliver(store, &lines, &told).await as Answered<u32>
                    }
                    .boxed()
                },
                |done| match usize::try_from(done) {
                    Ok(done) if done <= most => Ok(done),
                    _ => Err(CallError::Malformed(format!(
                        "it is done with {done} of {most} events"
                    ))),
                },
            )
            .await
    }
}

fn to_wit(event: &SinkEvent) -> wit::Event {
    wit::Event {
        id: event.id.clone(),
        time_ms: u64::try_from(event.at.as_millis()).unwrap_or(0),
        kind: event.kind.clone(),
        repository: event.repository.as_ref().map(|name| name.as_str().to_owned()),
        json: event.json.clone(),
    }
}
