//! Listening to what happens.

pub use crate::bindings::events::exports::berth::plugin::event_hook::Event;
use crate::{CallContext, Error, Plugin};

/// Takes events: in order for each repository, each at least once.
pub trait EventSink: Plugin {
    /// Takes some; returns how many of them, from the first, are done with. The others come again.
    fn deliver(context: CallContext, events: Vec<Event>) -> Result<u32, Error>;
}
