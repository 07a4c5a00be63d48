//! The plugin's log: `berth plugin logs NAME` shows it.

use crate::bindings::host::berth::plugin::log as host;
pub use host::Level;

/// Writes a line, with fields to search for.
pub fn write(level: Level, message: &str, fields: &[(String, String)]) {
    host::log(level, message, fields);
}

/// Whether a line of this level is kept: otherwise it need not be put together.
pub fn is_enabled(level: Level) -> bool {
    host::enabled(level)
}

/// For whoever looks for a mistake.
pub fn debug(message: &str) {
    write(Level::Debug, message, &[]);
}

/// What happens.
pub fn info(message: &str) {
    write(Level::Info, message, &[]);
}

/// What is not as it should be.
pub fn warn(message: &str) {
    write(Level::Warn, message, &[]);
}

/// What a person should look at.
pub fn error(message: &str) {
    write(Level::Error, message, &[]);
}
