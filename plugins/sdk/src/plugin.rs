//! What every plugin is.

pub use crate::bindings::lifecycle::exports::berth::plugin::lifecycle::Problem;

/// A plugin, whatever its hooks are.
pub trait Plugin {
    /// What it is called, as in its `plugin.toml`.
    const NAME: &'static str;
    /// Its version; `env!("CARGO_PKG_VERSION")` is a good one.
    const VERSION: &'static str;

    /// Checks the settings that [`crate::config`] gives. Called when the plugin is installed or configured.
    fn check_config() -> Vec<Problem> {
        Vec::new()
    }

    /// What else there is to say about it: the state of its data, for example.
    fn details() -> Vec<(String, String)> {
        Vec::new()
    }
}

impl Problem {
    /// Something that is wrong with a setting.
    pub fn with(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into() }
    }
}
