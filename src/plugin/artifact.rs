//! A plugin as an OCI artifact: what an installation reads.
//!
//! The layout is that of CNCF's working group for Wasm, so that other tools find the component where they look for it, in
//! the first layer. Behind it are two layers of Berth's own, which say what the plugin asks for before it is downloaded.
//! The component has its `plugin.toml` inside: that one counts.

use super::Error;
use crate::oci::manifest::Content;
use crate::oci::{Descriptor, Manifest};

/// The configuration of every Wasm artifact.
pub const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// A component, or a module.
pub const WASM_LAYER: &str = "application/wasm";
/// `plugin.toml`.
pub const MANIFEST_LAYER: &str = "application/vnd.berth.plugin.manifest.v1+toml";
/// The settings that the plugin understands, as `plugin.toml` lists them, in JSON.
pub const SCHEMA_LAYER: &str = "application/vnd.berth.plugin.schema.v1+json";
/// What the artifact as a whole is.
pub const ARTIFACT_TYPE: &str = "application/vnd.berth.plugin.v1";

/// A plugin in the form of an artifact.
#[derive(Clone, Copy, Debug)]
pub struct Artifact;

impl Artifact {
    /// Where in an artifact the component is. Artifacts that other tools made have only that layer.
    pub fn component(manifest: &Manifest) -> Result<&Descriptor, Error> {
        let Content::Image { config, layers } = manifest.content() else {
            return Err(Error::NotAPlugin("it is an index, not an artifact".into()));
        };
        let kind = config.media_type.as_str();
        if kind != WASM_CONFIG {
            return Err(Error::NotAPlugin(format!(
                "its configuration is `{kind}`, not `{WASM_CONFIG}`: `berth plugin push` makes an artifact of a file"
            )));
        }
        let component = layers.iter().find(|layer| layer.media_type.as_str() == WASM_LAYER);
        component.ok_or_else(|| Error::NotAPlugin(format!("it has no layer of `{WASM_LAYER}`")))
    }
}
