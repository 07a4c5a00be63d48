//! Sends each event to an address, and is done with those that were taken there.

use berth_plugin::{CallContext, Error, Event, EventSink, Plugin, config, http};

struct Sink;

impl Plugin for Sink {
    const NAME: &'static str = "test.sink";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
}

impl EventSink for Sink {
    fn deliver(_context: CallContext, events: Vec<Event>) -> Result<u32, Error> {
        let url = config::get("url").unwrap_or_default();
        let taken = |event: &Event| {
            let sent = http::Request::post(url.clone()).body(event.json.clone()).send();
            sent.is_ok_and(|answer| answer.status < 300)
        };
        let done = events.iter().take_while(|event| taken(event)).count();
        u32::try_from(done).map_err(|_| Error::Internal("so many".into()))
    }
}

berth_plugin::export!(Sink: event_sink);
