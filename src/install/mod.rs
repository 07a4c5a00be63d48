//! Which plugins are installed: from where, who has signed them, and on what terms. The room `plugin` runs them; this one
//! fetches them, asks for what they may use to be granted, writes the rows, and has them put in force.

mod bytes;
mod change;
mod declared;
mod signature;
mod source;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub use change::{Inspection, PluginChange, PluginWish, Upgrade};
pub use declared::DeclaredError;
pub use source::{Asked, Source};

use crate::auth::{AdminError, Administer, Auth};
use crate::clock::Clock;
use crate::config;
use crate::meta::{InstalledPlugin, Meta};
use crate::plugin::{self, Plugins};
use crate::registry::Registry;
use crate::secret::Secret;

/// What installs plugins; clones share it.
#[derive(Clone, Debug)]
pub struct Installer {
    /// Rows.
    pub meta: Meta,
    /// The time.
    pub clock: Clock,
    /// What runs them.
    pub plugins: Plugins,
    /// This registry, which plugins may come from.
    pub registry: Registry,
    /// Who may do what.
    pub auth: Auth,
    /// Where this registry is, as references may name it.
    pub own_hosts: Vec<String>,
    /// What `berth.toml` says of plugins.
    pub config: config::Plugins,
}

/// Values by the names of secrets.
pub type Secrets = BTreeMap<String, Secret<String>>;

/// Settings of a plugin.
pub type Settings = Map<String, Value>;

fn refused(error: plugin::Error) -> AdminError {
    match error {
        plugin::Error::Meta(error) => AdminError::Meta(error),
        other => AdminError::Invalid(other.to_string()),
    }
}

fn unknown(name: &str) -> AdminError {
    AdminError::Unknown { what: "plugin", name: name.chars().take(100).collect() }
}

impl Installer {
    /// All installed plugins, by name.
    pub async fn list(&self, _: &Administer<'_>) -> Result<Vec<InstalledPlugin>, AdminError> {
        Ok(self.meta.list_installed_plugins().await?)
    }

    /// One of them.
    pub async fn find(
        &self,
        _: &Administer<'_>,
        name: &str,
    ) -> Result<InstalledPlugin, AdminError> {
        self.meta.find_installed_plugin(name).await?.ok_or_else(|| unknown(name))
    }
}
