//! Plugins as the API shows them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::moment;
use crate::app::App;
use crate::install::Inspection;
use crate::meta::InstalledPlugin;
use crate::plugin::{
    Binding, Bundled, Capabilities, Capability, Fail, Hook, Manifest, PluginName, Status,
};

/// What can be said of a plugin by its `plugin.toml` alone.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct PluginManifestView {
    name: String,
    version: String,
    description: String,
    license: Option<String>,
    /// What it can do: `admission`, `authenticator`, `authorizer`, `scanner`, `replication-target`, `event-sink`.
    hooks: Vec<String>,
    /// What it would like to use: `http https://api.example`, `secret token`, `key-value 1MiB`, `image metadata`.
    asks: Vec<String>,
    /// Names of the secrets that it would like to read.
    secrets: Vec<String>,
    /// Its settings, as a JSON Schema.
    #[schema(value_type = Object)]
    schema: Value,
}

/// A hook of an installed plugin.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HookView {
    hook: String,
    /// For admission: `push`, `tag`, `pull`, `delete`, `replicate`.
    operations: Vec<String>,
    /// For event sinks: kinds of events; nothing for all.
    events: Vec<String>,
    /// `open` or `closed`: what happens while it has no answer.
    fail: String,
    /// `enforce`, `warn` or `dry-run`.
    mode: String,
    /// Those with lower numbers are asked first.
    order: i32,
    /// Patterns of repositories; nothing for all.
    repositories: Vec<String>,
    /// Other limits than its manifest asks for.
    #[schema(value_type = Object)]
    limits: Value,
    /// Until when it is left alone because it keeps failing.
    resting_until: Option<String>,
    /// Calls that have ended, since Berth was started.
    calls: u64,
    /// Those of them without an answer.
    failures: u64,
    mean_microseconds: u64,
    longest_microseconds: u64,
}

/// A secret of a plugin; its value is never shown.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SecretView {
    name: String,
    is_set: bool,
}

/// An installed plugin.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PluginView {
    name: String,
    version: String,
    description: String,
    license: Option<String>,
    /// `in-force`, `disabled` or `broken`.
    state: String,
    /// Why it is broken.
    problem: Option<String>,
    is_enabled: bool,
    /// Whether the configuration decides about it, so that it cannot be changed here.
    is_declared: bool,
    hooks: Vec<HookView>,
    asks: Vec<String>,
    /// What it may use.
    granted: Vec<String>,
    /// What it asks for and may not use, or not as much.
    not_granted: Vec<String>,
    secrets: Vec<SecretView>,
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
    /// Its settings, as a JSON Schema.
    #[schema(value_type = Object)]
    schema: Value,
    /// Where it came from: a reference, `bundled:NAME` or a file.
    origin: String,
    /// The digest of its component.
    component: String,
    /// The digest of the artifact that it came as.
    artifact: Option<String>,
    /// The key that has signed it.
    signed_by: Option<String>,
    /// The version before the last upgrade, to go back to.
    previous_version: Option<String>,
    installed_at: String,
    installed_by: String,
    changed_at: String,
}

/// What a plugin is and asks for, before it is installed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InspectionView {
    plugin: PluginManifestView,
    origin: String,
    component: String,
    artifact: Option<String>,
    /// What to give as `digest` when it is installed, so that it is this and nothing else.
    digest: String,
    signed_by: Option<String>,
    /// What of `asks` nobody has granted yet.
    beyond: Vec<String>,
    /// The version that is installed, if one is.
    installed_version: Option<String>,
}

/// A plugin that comes with Berth.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BundledView {
    plugin: PluginManifestView,
    /// What to give as `source`.
    source: String,
    is_installed: bool,
}

fn texts<T: ToString>(all: impl IntoIterator<Item = T>) -> Vec<String> {
    all.into_iter().map(|one| one.to_string()).collect()
}

fn secrets(asks: &Capabilities) -> Vec<String> {
    let name = |one: &Capability| match one {
        Capability::Secret(name) => Some(name.clone()),
        _ => None,
    };
    asks.iter().filter_map(name).collect()
}

impl From<&Manifest> for PluginManifestView {
    fn from(manifest: &Manifest) -> Self {
        Self {
            name: manifest.name.to_string(),
            version: manifest.version.clone(),
            description: manifest.description.clone(),
            license: manifest.license.clone(),
            hooks: texts(manifest.hooks.keys()),
            asks: texts(manifest.asks.iter()),
            secrets: secrets(&manifest.asks),
            schema: manifest.settings.to_json_schema(),
        }
    }
}

impl From<Inspection> for InspectionView {
    fn from(found: Inspection) -> Self {
        let component = found.component.to_string();
        let artifact = found.artifact.map(|digest| digest.to_string());
        Self {
            plugin: PluginManifestView::from(&found.manifest),
            origin: found.origin,
            digest: artifact.clone().unwrap_or_else(|| component.clone()),
            component,
            artifact,
            signed_by: found.signed_by,
            beyond: texts(found.beyond),
            installed_version: found.installed,
        }
    }
}

/// Plugins that come with Berth.
pub(super) fn bundled(installed: &[InstalledPlugin]) -> Vec<BundledView> {
    let names: BTreeSet<&str> = installed.iter().map(|plugin| plugin.name.as_str()).collect();
    let view = |one: Bundled| {
        let package = one.package().ok()?;
        Some(BundledView {
            plugin: PluginManifestView::from(package.manifest()),
            source: format!("{}{}", Bundled::SCHEME, one.name()),
            is_installed: names.contains(one.name()),
        })
    };
    Bundled::all().filter_map(view).collect()
}

/// What the views of all plugins share.
pub(super) struct Shown<'a> {
    app: &'a App,
    in_force: BTreeMap<PluginName, Status>,
    broken: BTreeMap<PluginName, String>,
}

impl<'a> Shown<'a> {
    pub(super) fn new(app: &'a App) -> Self {
        let in_force = app.plugins.list().into_iter().map(|status| (status.name.clone(), status));
        let broken = app.plugins.broken().into_iter().collect();
        Self { app, in_force: in_force.collect(), broken }
    }

    pub(super) fn view(&self, plugin: InstalledPlugin) -> PluginView {
        let name = plugin.name.parse::<PluginName>().ok();
        let status = name.as_ref().and_then(|name| self.in_force.get(name));
        let mut problem = name.as_ref().and_then(|name| self.broken.get(name)).cloned();
        let manifest = match Manifest::parse(&plugin.release.manifest) {
            Ok(manifest) => Some(manifest),
            Err(error) => {
                problem = Some(error.to_string());
                None
            }
        };
        let state = match (plugin.is_enabled, status, &problem) {
            (_, _, Some(_)) => "broken",
            (false, ..) => "disabled",
            (true, ..) => "in-force",
        };
        let about = manifest.as_ref().map(PluginManifestView::from).unwrap_or_default();
        let granted: Capabilities =
            plugin.granted.iter().filter_map(|line| line.parse::<Capability>().ok()).collect();
        let not_granted = manifest.as_ref().map(|known| texts(known.asks.beyond(&granted)));
        let is_set = |name: String| SecretView { is_set: plugin.secrets.contains_key(&name), name };
        let hooks = manifest.as_ref().map(|known| self.hooks(known, &plugin, status));
        PluginView {
            state: state.to_owned(),
            problem,
            is_enabled: plugin.is_enabled,
            is_declared: plugin.is_declared,
            hooks: hooks.unwrap_or_default(),
            not_granted: not_granted.unwrap_or_default(),
            secrets: about.secrets.into_iter().map(is_set).collect(),
            description: about.description,
            license: about.license,
            asks: about.asks,
            schema: about.schema,
            name: plugin.name,
            version: plugin.release.version,
            granted: plugin.granted,
            settings: plugin.settings,
            origin: plugin.release.origin,
            component: plugin.release.component.to_string(),
            artifact: plugin.release.artifact.map(|digest| digest.to_string()),
            signed_by: plugin.release.signed_by,
            previous_version: plugin.previous.map(|previous| previous.release.version),
            installed_at: moment(plugin.installed_at),
            installed_by: plugin.installed_by,
            changed_at: moment(plugin.changed_at),
        }
    }

    fn hooks(
        &self,
        manifest: &Manifest,
        plugin: &InstalledPlugin,
        status: Option<&Status>,
    ) -> Vec<HookView> {
        let bindings: BTreeMap<Hook, Binding> =
            serde_json::from_value(plugin.hooks.clone().into()).unwrap_or_default();
        let calls = self.app.metrics.plugin_calls();
        let view = |(hook, ask): (&Hook, &crate::plugin::HookAsk)| {
            let binding = bindings.get(hook).cloned().unwrap_or_default();
            let rests = status.and_then(|status| {
                status.hooks.iter().find(|(known, _)| known == hook).and_then(|(_, until)| *until)
            });
            let total = calls.total(&plugin.name, hook.as_str());
            let micros =
                |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
            let mean = total.took.checked_div(u32::try_from(total.calls).unwrap_or(u32::MAX));
            HookView {
                hook: hook.to_string(),
                operations: ask.operations.iter().cloned().collect(),
                events: ask.events.iter().cloned().collect(),
                fail: word(&binding.fail.unwrap_or_else(|| Fail::default_for(*hook))),
                mode: word(&binding.mode),
                order: binding.order,
                repositories: texts(&binding.repositories),
                limits: serde_json::to_value(&binding.limits).unwrap_or_default(),
                resting_until: rests.map(moment),
                calls: total.calls,
                failures: total.failures,
                mean_microseconds: micros(mean.unwrap_or_default()),
                longest_microseconds: micros(total.longest),
            }
        };
        manifest.hooks.iter().map(view).collect()
    }
}

/// A value that is written as one word.
fn word(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}
