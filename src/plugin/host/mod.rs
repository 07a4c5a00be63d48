//! What Berth lends plugins: the imports of `plugins/wit`, one file for each interface.

pub(super) mod clock;
mod config;
pub(super) mod http;
pub(super) mod image;
mod key_value;
mod log;
mod metrics;
pub(super) mod stdio;
pub(super) mod stream;

use super::bindings::berth::plugin::types::{Descriptor, Error, Platform};
use super::state::{Desk, State};
use super::trace::Level;
use crate::oci;

impl super::bindings::berth::plugin::types::Host for State {}
impl super::bindings::berth::plugin::report::Host for State {}

impl Desk {
    /// Refuses what was not granted, by name, and says so in both logs.
    fn refuse(&self, capability: &str) -> Error {
        let message = format!("`{capability}` was not granted");
        tracing::warn!(plugin.name = %self.guest.name, capability, "the plugin {} wanted what it was not granted: {capability}", self.guest.name);
        self.trace.log(self.guest.clock.now(), Level::Warn, message.clone(), Vec::new());
        Error::Denied(message)
    }
}

/// A descriptor as plugins see it.
pub(super) fn descriptor(descriptor: &oci::Descriptor) -> Descriptor {
    Descriptor {
        media_type: descriptor.media_type.as_str().to_owned(),
        digest: descriptor.digest.as_str().to_owned(),
        size: descriptor.size.unwrap_or(0),
        artifact_type: descriptor.artifact_type.clone(),
        annotations: descriptor.annotations.clone().unwrap_or_default().into_iter().collect(),
        platform: descriptor.platform.as_deref().and_then(|platform| read_platform(platform.get())),
    }
}

fn read_platform(json: &str) -> Option<Platform> {
    #[derive(serde::Deserialize)]
    struct Wire {
        os: String,
        architecture: String,
        variant: Option<String>,
        #[serde(rename = "os.version")]
        os_version: Option<String>,
    }
    let wire: Wire = serde_json::from_str(json).ok()?;
    Some(Platform {
        os: wire.os,
        architecture: wire.architecture,
        variant: wire.variant,
        os_version: wire.os_version,
    })
}
