//! Installing a plugin and changing it. Each change is one row, written only if nobody else has changed it meanwhile, and in
//! force when it is acknowledged.

use std::collections::BTreeMap;

use super::source::{Asked, Offer};
use super::{Installer, Secrets, Settings, refused, unknown};
use crate::auth::{AdminError, Administer};
use crate::meta::{InstalledPlugin, PluginRelease, PreviousRelease};
use crate::oci::Digest;
use crate::plugin::{
    Binding, Capabilities, Capability, Hook, Manifest, PluginName, Prepared, Terms,
};

/// What a plugin is, asks for and would change, before it is installed.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// What it says of itself.
    pub manifest: Manifest,
    /// The digest of its component.
    pub component: Digest,
    /// The digest of the artifact, if it comes from a registry.
    pub artifact: Option<Digest>,
    /// Where it comes from.
    pub origin: String,
    /// The key that has signed it.
    pub signed_by: Option<String>,
    /// What of its wishes nobody has granted.
    pub beyond: Vec<Capability>,
    /// The version that is installed.
    pub installed: Option<String>,
}

/// A plugin that is to be installed.
#[derive(Clone, Debug)]
pub struct PluginWish {
    /// Where from.
    pub asked: Asked,
    /// What it may use; `None`: nobody has looked at what it asks for.
    pub granted: Option<Capabilities>,
    /// Its settings.
    pub settings: Settings,
    /// Its secrets.
    pub secrets: Secrets,
    /// How its hooks are used.
    pub hooks: BTreeMap<Hook, Binding>,
    /// Whether it comes into force at once.
    pub is_enabled: bool,
    /// Whether `berth.toml` wants it.
    pub is_declared: bool,
}

/// What of a plugin is to be changed; what is not set stays.
#[derive(Clone, Debug, Default)]
pub struct PluginChange {
    /// Whether it is in force.
    pub is_enabled: Option<bool>,
    /// All of its settings.
    pub settings: Option<Settings>,
    /// Secrets: a new value, or `None` to forget one.
    pub secrets: BTreeMap<String, Option<crate::secret::Secret<String>>>,
    /// What it may use.
    pub granted: Option<Capabilities>,
    /// How some of its hooks are used.
    pub hooks: BTreeMap<Hook, Binding>,
}

/// A release that takes the place of another.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// Where from.
    pub asked: Asked,
    /// What it may use; it has to be said anew if the release asks for more than the one before.
    pub granted: Option<Capabilities>,
}

/// Fails with all that was not granted, so that somebody looks at it.
fn check_granted(manifest: &Manifest, missing: &[Capability]) -> Result<(), AdminError> {
    if missing.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = missing.iter().map(|one| format!("`{one}`")).collect();
    Err(AdminError::Conflict(format!(
        "{} {} asks for {}: say what it may use (`--grant`, or `granted` in the API)",
        manifest.name,
        manifest.version,
        list.join(", ")
    )))
}

fn lines(granted: &Capabilities) -> Vec<String> {
    granted.iter().map(ToString::to_string).collect()
}

fn capabilities(lines: &[String]) -> Capabilities {
    lines.iter().filter_map(|line| line.parse::<Capability>().ok()).collect()
}

/// Secrets and hooks that the plugin does not have are mistakes.
fn check_names(
    manifest: &Manifest,
    secrets: impl Iterator<Item = String>,
    hooks: impl Iterator<Item = Hook>,
) -> Result<(), AdminError> {
    for name in secrets {
        if !manifest.asks.secret(&name) {
            let message = format!("{} asks for no secret `{name}`", manifest.name);
            return Err(AdminError::Invalid(message));
        }
    }
    for hook in hooks {
        if !manifest.hooks.contains_key(&hook) {
            return Err(AdminError::Invalid(format!("{} has no hook `{hook}`", manifest.name)));
        }
    }
    Ok(())
}

fn as_map(hooks: &BTreeMap<Hook, Binding>) -> serde_json::Map<String, serde_json::Value> {
    let hooks = hooks.iter().map(|(hook, binding)| {
        let value = serde_json::to_value(binding).expect("a binding is representable in JSON");
        (hook.to_string(), value)
    });
    hooks.collect()
}

fn moved(name: &str) -> AdminError {
    AdminError::Conflict(format!("somebody else is changing the plugin {name}: try again"))
}

impl Installer {
    /// Fetches a plugin and looks what it is and asks for; nothing is installed.
    pub async fn inspect(
        &self,
        _: &Administer<'_>,
        asked: &Asked,
    ) -> Result<Inspection, AdminError> {
        let offer = self.fetch(asked).await?;
        let manifest = offer.package.manifest().clone();
        let known = self.meta.find_installed_plugin(manifest.name.as_str()).await?;
        let granted = known.as_ref().map(|known| capabilities(&known.granted)).unwrap_or_default();
        Ok(Inspection {
            component: offer.package.digest().clone(),
            artifact: offer.artifact,
            origin: offer.origin,
            signed_by: offer.signed_by,
            beyond: manifest.asks.beyond(&granted).cloned().collect(),
            installed: known.map(|known| known.release.version),
            manifest,
        })
    }

    /// Installs a plugin.
    pub async fn install(
        &self,
        administer: &Administer<'_>,
        wish: PluginWish,
    ) -> Result<InstalledPlugin, AdminError> {
        self.install_by(wish, administer.actor()).await
    }

    pub(super) async fn install_by(
        &self,
        wish: PluginWish,
        by: &crate::meta::Actor,
    ) -> Result<InstalledPlugin, AdminError> {
        let offer = self.fetch(&wish.asked).await?;
        let manifest = offer.package.manifest().clone();
        let name = manifest.name.as_str().to_owned();
        if self.meta.find_installed_plugin(&name).await?.is_some() {
            return Err(AdminError::Conflict(format!(
                "the plugin {name} is installed already: `upgrade` brings another version of it"
            )));
        }
        if wish.granted.is_none() {
            let asks: Vec<_> = manifest.asks.iter().cloned().collect();
            check_granted(&manifest, &asks)?;
        }
        check_names(&manifest, wish.secrets.keys().cloned(), wish.hooks.keys().copied())?;
        let prepared = self.plugins.prepare(&offer.package).await.map_err(refused)?;
        let now = self.clock.now();
        let plugin = InstalledPlugin {
            name: name.clone(),
            revision: 0,
            release: release(offer, now),
            previous: None,
            granted: lines(&manifest.asks.within(&wish.granted.unwrap_or_default())),
            settings: wish.settings,
            secrets: wish.secrets,
            hooks: as_map(&wish.hooks),
            is_enabled: wish.is_enabled,
            is_declared: wish.is_declared,
            installed_at: now,
            installed_by: by.name.to_string(),
            changed_at: now,
        };
        self.put(plugin, None, &prepared, "installed", by).await
    }

    /// Changes on what terms a plugin is used.
    pub async fn change(
        &self,
        administer: &Administer<'_>,
        name: &str,
        change: PluginChange,
    ) -> Result<InstalledPlugin, AdminError> {
        let plugin = self.own(administer, name).await?;
        self.change_by(plugin, change, administer.actor()).await
    }

    pub(super) async fn change_by(
        &self,
        plugin: InstalledPlugin,
        change: PluginChange,
        by: &crate::meta::Actor,
    ) -> Result<InstalledPlugin, AdminError> {
        let manifest = Manifest::parse(&plugin.release.manifest);
        let manifest = manifest.map_err(|error| AdminError::Invalid(error.to_string()))?;
        check_names(&manifest, change.secrets.keys().cloned(), change.hooks.keys().copied())?;
        let what = match change.is_enabled {
            Some(true) if !plugin.is_enabled => "enabled",
            Some(false) if plugin.is_enabled => "disabled",
            _ if change.granted.is_some() => "granted",
            _ => "configured",
        };
        let mut changed = plugin.clone();
        changed.is_enabled = change.is_enabled.unwrap_or(plugin.is_enabled);
        changed.settings = change.settings.unwrap_or(changed.settings);
        for (name, value) in change.secrets {
            match value {
                Some(value) => drop(changed.secrets.insert(name, value)),
                None => drop(changed.secrets.remove(&name)),
            }
        }
        if let Some(granted) = change.granted {
            changed.granted = lines(&manifest.asks.within(&granted));
        }
        changed.hooks.extend(as_map(&change.hooks));
        // Whoever only shuts it off must be able to, whatever is wrong with it.
        if !changed.is_enabled {
            return self.write(changed, Some(plugin.revision), what, by).await;
        }
        let prepared = self.plugins.load_release(&changed.release).await.map_err(refused)?;
        self.put(changed, Some(plugin.revision), &prepared, what, by).await
    }

    /// Puts another release in place of one; what the plugin keeps stays.
    pub async fn upgrade(
        &self,
        administer: &Administer<'_>,
        name: &str,
        upgrade: Upgrade,
    ) -> Result<InstalledPlugin, AdminError> {
        let plugin = self.own(administer, name).await?;
        self.upgrade_by(plugin, upgrade, administer.actor()).await
    }

    pub(super) async fn upgrade_by(
        &self,
        plugin: InstalledPlugin,
        upgrade: Upgrade,
        by: &crate::meta::Actor,
    ) -> Result<InstalledPlugin, AdminError> {
        let offer = self.fetch(&upgrade.asked).await?;
        let manifest = offer.package.manifest().clone();
        if manifest.name.as_str() != plugin.name {
            return Err(AdminError::Invalid(format!(
                "{} is the plugin {}, and not {}",
                upgrade.asked.source, manifest.name, plugin.name
            )));
        }
        if *offer.package.digest() == plugin.release.component {
            return Ok(plugin);
        }
        let granted = match upgrade.granted {
            Some(granted) => granted,
            None => {
                // What was asked for before and not granted was looked at then.
                let before = Manifest::parse(&plugin.release.manifest).map(|known| known.asks);
                let before = before.unwrap_or_default();
                let granted = capabilities(&plugin.granted);
                let is_new = |one: &&Capability| {
                    let alone: Capabilities = std::iter::once((*one).clone()).collect();
                    alone.beyond(&before).next().is_some()
                };
                let missing: Vec<_> =
                    manifest.asks.beyond(&granted).filter(is_new).cloned().collect();
                check_granted(&manifest, &missing)?;
                granted
            }
        };
        let prepared = self.plugins.prepare(&offer.package).await.map_err(refused)?;
        let mut upgraded = plugin.clone();
        upgraded.previous = Some(PreviousRelease {
            release: plugin.release.clone(),
            granted: plugin.granted.clone(),
        });
        upgraded.release = release(offer, self.clock.now());
        upgraded.granted = lines(&manifest.asks.within(&granted));
        upgraded.hooks.retain(|hook, _| manifest.hooks.keys().any(|known| known.as_str() == hook));
        upgraded.secrets.retain(|name, _| manifest.asks.secret(name));
        let forgotten = plugin.previous.map(|previous| previous.release.component);
        let put = self.put(upgraded, Some(plugin.revision), &prepared, "upgraded", by).await?;
        self.forget(forgotten).await;
        Ok(put)
    }

    /// Goes back to the release before the last upgrade, with what that was granted.
    pub async fn roll_back(
        &self,
        administer: &Administer<'_>,
        name: &str,
    ) -> Result<InstalledPlugin, AdminError> {
        let plugin = self.own(administer, name).await?;
        let Some(previous) = plugin.previous.clone() else {
            return Err(AdminError::Conflict(format!(
                "the plugin {name} was not upgraded: there is nothing to go back to"
            )));
        };
        let mut back = plugin.clone();
        back.previous = Some(PreviousRelease { release: back.release, granted: back.granted });
        back.release = previous.release;
        back.granted = previous.granted;
        let prepared = self.plugins.load_release(&back.release).await.map_err(refused)?;
        self.put(back, Some(plugin.revision), &prepared, "rolled back", administer.actor()).await
    }

    /// Removes a plugin, and what it keeps unless that is wanted. Calls that run go on to their end.
    pub async fn remove(
        &self,
        administer: &Administer<'_>,
        name: &str,
        keep_data: bool,
    ) -> Result<(), AdminError> {
        self.own(administer, name).await?;
        self.remove_by(name, keep_data, administer.actor()).await
    }

    pub(super) async fn remove_by(
        &self,
        name: &str,
        keep_data: bool,
        by: &crate::meta::Actor,
    ) -> Result<(), AdminError> {
        let removed = self.meta.remove_installed_plugin(name, by).await?;
        let removed = removed.ok_or_else(|| unknown(name))?;
        self.plugins.follow_rows().await?;
        if !keep_data && let Ok(name) = name.parse::<PluginName>() {
            self.plugins.forget_data(&name).await.map_err(refused)?;
        }
        self.forget(Some(removed.release.component)).await;
        self.forget(removed.previous.map(|previous| previous.release.component)).await;
        Ok(())
    }

    /// A plugin that is not the configuration's.
    async fn own(
        &self,
        administer: &Administer<'_>,
        name: &str,
    ) -> Result<InstalledPlugin, AdminError> {
        let plugin = self.find(administer, name).await?;
        if plugin.is_declared {
            return Err(AdminError::Conflict(format!(
                "`[plugins.{name}]` of the configuration decides about this plugin: change it there, and start Berth again"
            )));
        }
        Ok(plugin)
    }

    /// Looks whether a plugin takes its settings, writes its row and puts it in force.
    async fn put(
        &self,
        plugin: InstalledPlugin,
        known: Option<u64>,
        prepared: &Prepared,
        what: &'static str,
        by: &crate::meta::Actor,
    ) -> Result<InstalledPlugin, AdminError> {
        if plugin.is_enabled {
            let terms = Terms::of(&plugin).map_err(refused)?;
            let problems = self.plugins.check_config(prepared, &terms).await.map_err(refused)?;
            if !problems.is_empty() {
                return Err(refused(crate::plugin::Error::Settings(problems)));
            }
        }
        self.write(plugin, known, what, by).await
    }

    async fn write(
        &self,
        plugin: InstalledPlugin,
        known: Option<u64>,
        what: &'static str,
        by: &crate::meta::Actor,
    ) -> Result<InstalledPlugin, AdminError> {
        let name = plugin.name.clone();
        let written = self.meta.put_installed_plugin(plugin, known, what, by).await?;
        let written = written.ok_or_else(|| moved(&name))?;
        self.plugins.follow_rows().await?;
        Ok(written)
    }

    /// Removes a component that nobody uses any more. A file that is left behind harms nobody.
    async fn forget(&self, component: Option<Digest>) {
        let Some(component) = component else { return };
        let forgotten = async {
            let plugins = self.meta.list_installed_plugins().await.map_err(|e| e.to_string())?;
            let uses = |release: &PluginRelease| release.component == component;
            let is_used = plugins.iter().any(|plugin| {
                uses(&plugin.release)
                    || plugin.previous.as_ref().is_some_and(|before| uses(&before.release))
            });
            if is_used {
                return Ok(());
            }
            self.plugins.forget_component(&component).await.map_err(|e| e.to_string())
        };
        if let Err(error) = forgotten.await {
            tracing::warn!(%component, "the component {component} could not be removed: {error}");
        }
    }
}

fn release(offer: Offer, at: crate::clock::Timestamp) -> PluginRelease {
    let manifest = offer.package.manifest();
    PluginRelease {
        version: manifest.version.clone(),
        component: offer.package.digest().clone(),
        manifest: manifest.text().to_owned(),
        origin: offer.origin,
        artifact: offer.artifact,
        signed_by: offer.signed_by,
        at,
    }
}
