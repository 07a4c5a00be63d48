//! `plugin.toml`: what a plugin is, what it can do, and what it asks for.
//!
//! ```toml
//! [plugin]
//! name = "acme.label-policy"
//! version = "1.4.0"
//! api = "0.1"
//! description = "Refuses images without a source label"
//! license = "Apache-2.0"
//! asks = ["image metadata", "http https://api.acme.example", "key-value 1MiB"]
//!
//! [hooks.admission]
//! operations = ["push", "tag"]
//! limits = { deadline = "500ms" }
//!
//! [[settings]]
//! key = "required-label"
//! type = "string"
//! default = "org.opencontainers.image.source"
//! description = "The label that every image must have"
//! ```

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::limits::LimitChanges;
use super::schema::{Schema, Setting};
use super::{Capabilities, Capability, Hook, PluginName};
use crate::config::read_document;

/// The version of `plugins/wit` that this Berth serves.
pub const API: &str = "0.1";

/// A manifest is text for people.
const MAX_BYTES: usize = 64 << 10;

/// What a plugin says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// What it is called.
    pub name: PluginName,
    /// Its own version, for people.
    pub version: String,
    /// One line about it.
    pub description: String,
    /// An SPDX expression.
    pub license: Option<String>,
    /// What it exports, and on what terms.
    pub hooks: BTreeMap<Hook, HookAsk>,
    /// What it would like to use.
    pub asks: Capabilities,
    /// The settings that it understands.
    pub settings: Schema,
    text: String,
}

/// What a plugin says of one of its hooks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct HookAsk {
    /// For admission: the operations that it decides about.
    pub operations: BTreeSet<String>,
    /// For an event sink: the kinds that it wants to know of; none: all.
    pub events: BTreeSet<String>,
    /// What its calls need.
    pub limits: LimitChanges,
}

/// Why a manifest cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("plugin.toml: {0}")]
pub struct InvalidManifest(pub String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    plugin: WirePlugin,
    hooks: BTreeMap<Hook, HookAsk>,
    #[serde(default)]
    settings: Vec<Setting>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePlugin {
    name: PluginName,
    version: String,
    api: String,
    #[serde(default)]
    description: String,
    license: Option<String>,
    #[serde(default)]
    asks: Vec<Capability>,
}

impl Manifest {
    /// Reads a `plugin.toml`.
    pub fn parse(text: &str) -> Result<Self, InvalidManifest> {
        if text.len() > MAX_BYTES {
            return Err(InvalidManifest("it is larger than 64 KiB".into()));
        }
        let wire: Wire = read_document(text).map_err(InvalidManifest)?;
        let plugin = wire.plugin;
        if plugin.api != API {
            return Err(InvalidManifest(format!(
                "it is made for version {} of the plugin API, and this Berth has {API}",
                plugin.api
            )));
        }
        if wire.hooks.is_empty() {
            return Err(InvalidManifest("it has no `[hooks.…]`: say what the plugin does".into()));
        }
        for (hook, ask) in &wire.hooks {
            if *hook == Hook::Admission && ask.operations.is_empty() {
                return Err(InvalidManifest(
                    "`hooks.admission.operations` is empty: name `push`, `tag`, `pull`, `delete` or `replicate`".into(),
                ));
            }
            let misplaced = (*hook != Hook::Admission && !ask.operations.is_empty())
                || (*hook != Hook::EventSink && !ask.events.is_empty());
            if misplaced {
                return Err(InvalidManifest(format!(
                    "`operations` belongs to `hooks.admission` and `events` to `hooks.event-sink`, not to `hooks.{hook}`"
                )));
            }
        }
        if wire.hooks.contains_key(&Hook::Authorizer)
            && !wire.hooks.contains_key(&Hook::Authenticator)
        {
            return Err(InvalidManifest(
                "`hooks.authorizer` comes with `hooks.authenticator`".into(),
            ));
        }
        Ok(Self {
            name: plugin.name,
            version: line(&plugin.version, 64),
            description: line(&plugin.description, 300),
            license: plugin.license.map(|license| line(&license, 100)),
            hooks: wire.hooks,
            asks: plugin.asks.into_iter().collect(),
            settings: Schema::new(wire.settings).map_err(InvalidManifest)?,
            text: text.to_owned(),
        })
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Text that goes into lists and logs.
fn line(text: &str, longest: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(longest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[plugin]
name = "acme.label-policy"
version = "1.4.0"
api = "0.1"
asks = ["image metadata", "key-value 1MiB"]

[hooks.admission]
operations = ["push", "tag"]
limits = { deadline = "500ms" }

[hooks.event-sink]
events = ["push"]

[[settings]]
key = "required-label"
type = "string"
default = "org.opencontainers.image.source"
"#;

    #[test]
    fn a_manifest_is_read_as_it_is_documented() {
        let manifest = Manifest::parse(GOOD).unwrap();
        assert_eq!(manifest.name.as_str(), "acme.label-policy");
        assert_eq!(manifest.asks.iter().count(), 2);
        let admission = &manifest.hooks[&Hook::Admission];
        assert!(admission.operations.contains("tag"));
        assert_eq!(admission.limits.deadline, Some("500ms".parse().unwrap()));
        assert_eq!(manifest.text(), GOOD);
    }

    #[test]
    fn a_mistake_is_told_with_its_line_or_its_key() {
        for (from, to, told) in [
            ("api = \"0.1\"", "api = \"7.0\"", "version 7.0 of the plugin API"),
            ("name = \"acme.label-policy\"", "name = \"Acme\"", "line 3"),
            ("image metadata", "image soul", "line 6"),
            ("operations = [\"push\", \"tag\"]", "", "hooks.admission.operations"),
            ("deadline", "patience", "line 10"),
            ("events = [\"push\"]", "operations = [\"push\"]", "hooks.event-sink"),
            ("type = \"string\"", "type = \"integer\"", "required-label"),
            ("event-sink", "authorizer", "hooks.authorizer"),
            ("[plugin]", "[plugins]", "line 2"),
        ] {
            let error = Manifest::parse(&GOOD.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(told), "{to}: {error}");
        }
    }
}
