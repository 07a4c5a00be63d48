//! Has every hook, and does what it should.

mod admission;
mod identity;
mod replication;
mod scanner;

use berth_plugin::{CallContext, Error, Event, EventSink, Plugin, Problem, config, kv};

struct Useful;

impl Plugin for Useful {
    const NAME: &'static str = "test.useful";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn check_config() -> Vec<Problem> {
        let problem = |url: String| Problem::with("url", format!("`{url}` is no URL"));
        config::get("url").filter(|url| !url.contains("://")).map(problem).into_iter().collect()
    }

    fn details() -> Vec<(String, String)> {
        vec![("settings".into(), config::json())]
    }
}

impl EventSink for Useful {
    /// Counts events in its store, and is done with those before one of kind `later`.
    fn deliver(_context: CallContext, events: Vec<Event>) -> Result<u32, Error> {
        let done = events.iter().position(|event| event.kind == "later").unwrap_or(events.len());
        for event in &events[..done] {
            kv::set(&format!("event/{}", event.id), event.json.as_bytes())?;
        }
        u32::try_from(done).map_err(|_| Error::Internal("so many".into()))
    }
}

berth_plugin::export!(Useful: admission, scanner, authenticator, authorizer, replication_target, event_sink);
