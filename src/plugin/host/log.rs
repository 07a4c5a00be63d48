//! `log`: a plugin's own lines.

use super::super::bindings::berth::plugin::log::{Host, Level as WitLevel};
use super::super::state::State;
use super::super::trace::Level;

impl Host for State {
    fn enabled(&mut self, level: WitLevel) -> wasmtime::Result<bool> {
        Ok(kept(level).is_some())
    }

    fn log(
        &mut self,
        level: WitLevel,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        if let Some(level) = kept(level) {
            self.desk.trace.log(self.desk.guest.clock.now(), level, message, fields);
        }
        Ok(())
    }
}

/// The level of a line that is kept.
fn kept(level: WitLevel) -> Option<Level> {
    match level {
        WitLevel::Trace => None,
        WitLevel::Debug => Some(Level::Debug),
        WitLevel::Info => Some(Level::Info),
        WitLevel::Warn => Some(Level::Warn),
        WitLevel::Error => Some(Level::Error),
    }
}
