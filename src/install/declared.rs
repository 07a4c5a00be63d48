//! `[plugins.NAME]`: plugins that the configuration wants. At the start, the rows become what it says.
//!
//! What is installed already is not fetched again, unless another source or digest is named: a start needs no network.

use std::collections::BTreeMap;

use super::change::{PluginChange, PluginWish, Upgrade};
use super::{Asked, Installer, Secrets, Source};
use crate::config::DeclaredPlugin;
use crate::meta::{Actor, InstalledPlugin};
use crate::oci::Digest;
use crate::plugin::{Binding, Bundled, Capabilities, Capability, Hook};
use crate::secret::Secret;
use crate::signature::PublicKey;

/// Who is written down for what the configuration wants.
const ACTOR: &str = "berth.toml";

/// Why a plugin that the configuration wants is not there.
#[derive(Debug, thiserror::Error)]
#[error("`[plugins.{name}]`: {what}")]
pub struct DeclaredError {
    name: String,
    what: String,
}

/// All that a section says, read.
struct Declared {
    asked: Asked,
    granted: Capabilities,
    secrets: Secrets,
    hooks: BTreeMap<Hook, Binding>,
}

fn read(name: &str, declared: &DeclaredPlugin) -> Result<Declared, String> {
    let source = declared.source.clone().unwrap_or_else(|| format!("{}{name}", Bundled::SCHEME));
    let digest = declared.digest.as_deref().map(str::parse::<Digest>).transpose();
    let key = declared.key.as_ref().map(|path| {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
        PublicKey::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
    });
    let granted: Result<Capabilities, String> = declared
        .granted
        .iter()
        .map(|line| line.parse::<Capability>().map_err(|error| error.to_string()))
        .collect();
    let hooks = serde_json::from_value(declared.hooks.clone().into());
    let secrets = declared.secrets.iter().map(|(name, from)| Ok((name.clone(), secret(from)?)));
    Ok(Declared {
        asked: Asked {
            source: source.parse::<Source>()?,
            digest: digest.map_err(|error| error.to_string())?,
            key: key.transpose()?,
            credentials: None,
        },
        granted: granted?,
        secrets: secrets.collect::<Result<_, String>>()?,
        hooks: hooks.map_err(|error| format!("hooks: {error}"))?,
    })
}

/// `env:NAME` or `file:PATH`.
fn secret(from: &str) -> Result<Secret<String>, String> {
    let value = match from.split_once(':') {
        Some(("env", name)) => {
            #[expect(
                clippy::disallowed_methods,
                reason = "the configuration names the variable that holds a secret"
            )]
            let value = std::env::var(name);
            value.map_err(|_| format!("the environment has no variable {name}"))?
        }
        Some(("file", path)) => {
            let text = std::fs::read_to_string(path);
            text.map_err(|error| format!("{path}: {error}"))?.trim_end_matches('\n').to_owned()
        }
        _ => return Err("a secret comes from `env:NAME` or `file:PATH`".into()),
    };
    Ok(Secret::new(value))
}

impl Installer {
    /// Makes the rows what the configuration says.
    pub async fn declare(&self) -> Result<(), DeclaredError> {
        let by = Actor::internal(ACTOR);
        let rows = self.meta.list_installed_plugins().await;
        let failed = |name: &str, what: String| DeclaredError { name: name.to_owned(), what };
        let rows = rows.map_err(|error| failed("*", error.to_string()))?;
        for row in rows.iter().filter(|row| row.is_declared) {
            if !self.config.named.contains_key(&row.name) {
                let left = InstalledPlugin { is_declared: false, ..row.clone() };
                let change = PluginChange { is_enabled: Some(false), ..PluginChange::default() };
                let done = self.change_by(left, change, &by).await;
                done.map_err(|error| failed(&row.name, error.to_string()))?;
            }
        }
        for (name, declared) in &self.config.named {
            let row = rows.iter().find(|row| row.name == *name);
            let done = self.declare_one(name, declared, row, &by).await;
            done.map_err(|what| failed(name, what))?;
        }
        Ok(())
    }

    async fn declare_one(
        &self,
        name: &str,
        declared: &DeclaredPlugin,
        row: Option<&InstalledPlugin>,
        by: &Actor,
    ) -> Result<(), String> {
        let said = read(name, declared)?;
        let Some(row) = row else {
            let wish = PluginWish {
                asked: said.asked,
                granted: Some(said.granted),
                settings: declared.settings.clone(),
                secrets: said.secrets,
                hooks: said.hooks,
                is_enabled: declared.enabled,
                is_declared: true,
            };
            let installed = self.install_by(wish, by).await.map_err(|error| error.to_string())?;
            if installed.name == name {
                return Ok(());
            }
            self.remove_by(&installed.name, false, by).await.map_err(|error| error.to_string())?;
            return Err(format!("what is there calls itself {}: name it so", installed.name));
        };
        let mut row = row.clone();
        if !Self::is_there(&row, &said.asked)? {
            let upgrade = Upgrade { asked: said.asked, granted: Some(said.granted.clone()) };
            let upgraded = self.upgrade_by(row, upgrade, by).await;
            row = upgraded.map_err(|error| error.to_string())?;
        }
        let forgotten = row.secrets.keys().filter(|name| !said.secrets.contains_key(*name));
        let mut secrets: BTreeMap<_, _> = forgotten.map(|name| (name.clone(), None)).collect();
        secrets
            .extend(said.secrets.iter().map(|(name, value)| (name.clone(), Some(value.clone()))));
        let change = PluginChange {
            is_enabled: Some(declared.enabled),
            settings: Some(declared.settings.clone()),
            secrets,
            granted: Some(said.granted),
            hooks: said.hooks,
        };
        let mut wanted = row;
        wanted.hooks.clear();
        wanted.is_declared = true;
        self.change_by(wanted, change, by).await.map(drop).map_err(|error| error.to_string())
    }

    /// Whether what is installed is what the configuration means.
    fn is_there(row: &InstalledPlugin, asked: &Asked) -> Result<bool, String> {
        let release = &row.release;
        let is_pinned = asked.digest.as_ref().is_none_or(|digest| {
            Some(digest) == release.artifact.as_ref() || *digest == release.component
        });
        if let Source::Bundled(name) = &asked.source {
            let Some(bundled) = Bundled::find(name) else {
                return Err(format!("no plugin `{name}` comes with Berth"));
            };
            let package = bundled.package().map_err(|error| error.to_string())?;
            return Ok(*package.digest() == release.component);
        }
        Ok(is_pinned && release.origin == asked.source.to_string())
    }
}
