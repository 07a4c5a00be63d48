//! What is installed comes into force: the rows say which plugins, and on what terms.
//!
//! It is done at the start, after each change, and whenever another process has changed a row. What cannot be loaded is not
//! passed over: where it has to be asked, there is no answer, and its binding says what that means.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::admission::Operation;
use super::binding::{Binding, Fail, Mode, Terms};
use super::{Bundled, Capability, Error, Hook, Manifest, Package, PluginName, Plugins, Prepared};
use crate::meta::{self, InstalledPlugin, PluginRelease};
use crate::oci::RepositoryName;

/// How soon what could not be loaded is tried again.
const TRIED_EVERY: Duration = Duration::from_mins(1);

/// A plugin that should be in force and cannot be loaded.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) name: PluginName,
    /// Why.
    pub(super) reason: String,
    /// What it would be asked about; empty: anything, as its manifest cannot be read either.
    operations: BTreeSet<String>,
    pub(super) hooks: BTreeMap<Hook, Binding>,
    /// What its manifest names.
    asked: Option<BTreeSet<Hook>>,
}

impl Broken {
    /// Whether it has a hook, as far as that is known.
    pub(super) fn has(&self, hook: Hook) -> bool {
        self.asked.as_ref().is_none_or(|asked| asked.contains(&hook))
    }

    pub(super) fn decides_about(&self, operation: Operation) -> bool {
        self.has(Hook::Admission)
            && (self.operations.is_empty() || self.operations.contains(operation.as_str()))
    }

    /// Whether it being broken stops something in a repository.
    pub(super) fn stops(&self, hook: Hook, repository: Option<&RepositoryName>) -> bool {
        let usual = Binding::default();
        let binding = self.hooks.get(&hook).unwrap_or(&usual);
        binding.mode == Mode::Enforce
            && binding.fail.unwrap_or_else(|| Fail::default_for(hook)) == Fail::Closed
            && repository.is_none_or(|repository| binding.covers(repository))
    }
}

/// What of the rows has come into force.
#[derive(Debug, Default)]
pub(super) struct Followed {
    revisions: BTreeMap<PluginName, u64>,
}

impl Terms {
    /// What a row says.
    pub fn of(plugin: &InstalledPlugin) -> Result<Self, Error> {
        let corrupt = |what: String| Error::Row(plugin.name.clone(), what);
        let granted: Result<Vec<Capability>, _> =
            plugin.granted.iter().map(|line| line.parse()).collect();
        let hooks = serde_json::from_value(plugin.hooks.clone().into());
        Ok(Self {
            granted: granted.map_err(|error| corrupt(error.to_string()))?.into_iter().collect(),
            secrets: plugin.secrets.clone(),
            config: plugin.settings.clone(),
            hooks: hooks.map_err(|error| corrupt(error.to_string()))?,
        })
    }
}

impl Plugins {
    /// Puts in force what the rows say. What is broken is kept as such, with the reason, and not an error.
    pub async fn follow_rows(&self) -> Result<(), meta::Error> {
        let mut followed = self.0.followed.lock().await;
        let rows = self.0.meta().list_installed_plugins().await?;
        let mut wanted = BTreeMap::new();
        for row in rows {
            // Names were checked before they were written.
            let Ok(name) = row.name.parse::<PluginName>() else { continue };
            if row.is_enabled {
                wanted.insert(name, row);
            }
        }
        let gone: Vec<PluginName> =
            followed.revisions.keys().filter(|name| !wanted.contains_key(*name)).cloned().collect();
        for name in gone {
            self.deactivate(&name).await;
            followed.revisions.remove(&name);
        }
        for (name, row) in wanted {
            let is_known = followed.revisions.get(&name) == Some(&row.revision);
            if is_known && !self.is_broken(&name) {
                continue;
            }
            if let Err(error) = self.put_in_force(&row).await {
                tracing::error!(plugin.name = %name, "the plugin {name} is not in force: {error}");
                self.0.set_broken(broken(name.clone(), &row, &error)).await;
            }
            followed.revisions.insert(name, row.revision);
        }
        Ok(())
    }

    /// Follows the rows until `stop` is cancelled.
    pub async fn keep_following_rows(self, stop: CancellationToken) {
        let mut changes = self.0.meta().watch_plugins();
        loop {
            changes.mark_unchanged();
            if let Err(error) = self.follow_rows().await {
                tracing::error!(%error, "could not look which plugins are installed: {error}");
            }
            let has_broken = !self.0.active().broken.is_empty();
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(TRIED_EVERY), if has_broken => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn put_in_force(&self, row: &InstalledPlugin) -> Result<(), Error> {
        let terms = Terms::of(row)?;
        let prepared = self.load_release(&row.release).await?;
        self.activate(&prepared, &terms).await
    }

    /// A release that was installed before. One that comes with Berth and is not on the disk is taken from the program.
    pub async fn load_release(&self, release: &PluginRelease) -> Result<Prepared, Error> {
        let manifest = Manifest::parse(&release.manifest)?;
        match self.load(manifest.clone(), &release.component).await {
            Err(Error::ComponentUnknown(digest)) => {
                let bundled = Bundled::find(manifest.name.as_str());
                match bundled.map(|bundled| bundled.package()).transpose()? {
                    Some(package) if *package.digest() == digest => {
                        self.prepare(&Package::new(manifest, package.component().clone())?).await
                    }
                    _ => Err(Error::ComponentUnknown(digest)),
                }
            }
            loaded => loaded,
        }
    }

    /// Plugins that should be in force and cannot be loaded, with the reason.
    #[must_use]
    pub fn broken(&self) -> Vec<(PluginName, String)> {
        let active = self.0.active();
        active.broken.values().map(|one| (one.name.clone(), one.reason.clone())).collect()
    }

    fn is_broken(&self, name: &PluginName) -> bool {
        self.0.active().broken.contains_key(name)
    }
}

fn broken(name: PluginName, row: &InstalledPlugin, error: &Error) -> Arc<Broken> {
    let manifest = Manifest::parse(&row.release.manifest).ok();
    let operations = manifest
        .as_ref()
        .and_then(|manifest| manifest.hooks.get(&Hook::Admission))
        .map(|ask| ask.operations.clone())
        .unwrap_or_default();
    Arc::new(Broken {
        name,
        reason: error.to_string(),
        operations,
        hooks: Terms::of(row).map(|terms| terms.hooks).unwrap_or_default(),
        asked: manifest.map(|manifest| manifest.hooks.keys().copied().collect()),
    })
}
