//! Installed plugins. The values of their secrets are sealed.
//!
//! What a manifest, a capability or a binding is, the room `plugin` knows; here they are text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::event::{self, Actor, EventKind, NewEvent};
use super::token::{from_json, to_json};
use super::tx::{Row, Tx};
use super::{Error, Meta};
use crate::clock::Timestamp;
use crate::oci::Digest;
use crate::secret::Secret;

/// What was installed: a component with its manifest, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginRelease {
    /// Its own version.
    pub version: String,
    /// The digest of its component.
    pub component: Digest,
    /// Its `plugin.toml`.
    pub manifest: String,
    /// Where it came from: a reference, `bundled:NAME`, or a file's name.
    pub origin: String,
    /// The digest of the artifact in a registry.
    pub artifact: Option<Digest>,
    /// The key that has signed it, if that was checked.
    pub signed_by: Option<String>,
    /// When it was installed.
    pub at: Timestamp,
}

/// The release before, to go back to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousRelease {
    /// What it was.
    pub release: PluginRelease,
    /// What it was granted.
    pub granted: Vec<String>,
}

/// An installed plugin.
#[derive(Clone, Debug)]
pub struct InstalledPlugin {
    /// What it is called.
    pub name: String,
    /// Another number with each change; given by the database.
    pub revision: u64,
    /// What it is.
    pub release: PluginRelease,
    /// What it was before the last upgrade.
    pub previous: Option<PreviousRelease>,
    /// Capabilities, as they are written.
    pub granted: Vec<String>,
    /// Its settings.
    pub settings: Map<String, Value>,
    /// The values of its secrets.
    pub secrets: BTreeMap<String, Secret<String>>,
    /// How its hooks are used.
    pub hooks: Map<String, Value>,
    /// Whether it is in force.
    pub is_enabled: bool,
    /// Whether `berth.toml` says all of this.
    pub is_declared: bool,
    /// Since when.
    pub installed_at: Timestamp,
    /// Who did it.
    pub installed_by: String,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

fn place(name: &str) -> String {
    format!("plugin/{name}")
}

const COLUMNS: &str = "name, revision, release, previous, granted, settings, secrets, hooks, enabled, declared, installed_at, \
     installed_by, changed_at";

fn read(row: &Row<'_>) -> Result<(InstalledPlugin, Option<Vec<u8>>), Error> {
    let previous: Option<String> = row.get("previous")?;
    let plugin = InstalledPlugin {
        name: row.get("name")?,
        revision: row.get("revision")?,
        release: from_json("release", &row.get::<String>("release")?)?,
        previous: previous.map(|text| from_json("previous", &text)).transpose()?,
        granted: from_json("granted", &row.get::<String>("granted")?)?,
        settings: from_json("settings", &row.get::<String>("settings")?)?,
        secrets: BTreeMap::new(),
        hooks: from_json("hooks", &row.get::<String>("hooks")?)?,
        is_enabled: row.get("enabled")?,
        is_declared: row.get("declared")?,
        installed_at: row.get("installed_at")?,
        installed_by: row.get("installed_by")?,
        changed_at: row.get("changed_at")?,
    };
    Ok((plugin, row.get("secrets")?))
}

fn open(
    tx: &Tx<'_>,
    (plugin, sealed): (InstalledPlugin, Option<Vec<u8>>),
) -> Result<InstalledPlugin, Error> {
    let Some(sealed) = sealed else { return Ok(plugin) };
    let opened = tx.keys().open(&place(&plugin.name), &sealed)?;
    let text = String::from_utf8_lossy(opened.expose());
    let values: BTreeMap<String, String> = from_json("secrets", &text)?;
    let secrets = values.into_iter().map(|(name, value)| (name, Secret::new(value))).collect();
    Ok(InstalledPlugin { secrets, ..plugin })
}

fn find(tx: &mut Tx<'_>, name: &str) -> Result<Option<InstalledPlugin>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM plugin WHERE name = $1");
    let found = tx.find(&sql, (name,), read)?;
    found.map(|found| open(tx, found)).transpose()
}

fn put(tx: &mut Tx<'_>, plugin: &InstalledPlugin, now: Timestamp) -> Result<(), Error> {
    let values: BTreeMap<&str, &str> = plugin
        .secrets
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose().as_str()))
        .collect();
    let seal = || tx.keys().seal(&place(&plugin.name), to_json(&values).as_bytes());
    let sealed = (!values.is_empty()).then(seal);
    tx.execute("UPDATE plugin_revision SET last = last + 1 WHERE one = 1", ())?;
    tx.execute(
        "INSERT INTO plugin (name, revision, release, previous, granted, settings, secrets, hooks, enabled, declared,
                             installed_at, installed_by, changed_at)
         VALUES ($1, (SELECT last FROM plugin_revision WHERE one = 1), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             ON CONFLICT (name) DO UPDATE
            SET revision = excluded.revision, release = excluded.release, previous = excluded.previous,
                granted = excluded.granted, settings = excluded.settings, secrets = excluded.secrets,
                hooks = excluded.hooks, enabled = excluded.enabled, declared = excluded.declared,
                changed_at = excluded.changed_at",
        (
            &plugin.name,
            to_json(&plugin.release),
            plugin.previous.as_ref().map(to_json),
            to_json(&plugin.granted),
            to_json(&plugin.settings),
            sealed.as_deref(),
            to_json(&plugin.hooks),
            plugin.is_enabled,
            plugin.is_declared,
            plugin.installed_at,
            &plugin.installed_by,
            now,
        ),
    )?;
    Ok(())
}

/// What the audit trail tells of a change. Settings may hold what is nobody's business, and only their names are told.
fn note(
    tx: &mut Tx<'_>,
    plugin: &InstalledPlugin,
    what: &str,
    by: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    tx.touch_plugins();
    let release = &plugin.release;
    let settings: Vec<&String> = plugin.settings.keys().collect();
    let secrets: Vec<&String> = plugin.secrets.keys().collect();
    let detail = serde_json::json!({
        "what": what, "version": release.version, "component": release.component, "origin": release.origin,
        "signed_by": release.signed_by, "granted": plugin.granted, "settings": settings, "secrets": secrets,
        "hooks": plugin.hooks, "enabled": plugin.is_enabled,
    });
    let event = NewEvent::about(EventKind::PluginChange, &plugin.name).with(detail);
    event::append(tx, event, by, now).map(drop)
}

impl Meta {
    /// Another number whenever an installed plugin has changed.
    #[must_use]
    pub fn plugins_epoch(&self) -> u64 {
        self.db.epochs.at(super::cache::Epochs::PLUGINS)
    }

    /// Installed plugins, by name. There are few.
    pub async fn list_installed_plugins(&self) -> Result<Vec<InstalledPlugin>, Error> {
        self.db
            .read(|tx| {
                let sql = format!("SELECT {COLUMNS} FROM plugin ORDER BY name");
                let found = tx.query(&sql, (), read)?;
                found.into_iter().map(|found| open(tx, found)).collect()
            })
            .await
    }

    /// An installed plugin.
    pub async fn find_installed_plugin(
        &self,
        name: &str,
    ) -> Result<Option<InstalledPlugin>, Error> {
        let name = name.to_owned();
        self.db.read(move |tx| find(tx, &name)).await
    }

    /// Installs a plugin, or changes it, and notes `what` was done. `known` is the revision that the change is made of, `None`
    /// for a plugin that is new: `None` is given if somebody else was faster.
    pub async fn put_installed_plugin(
        &self,
        plugin: InstalledPlugin,
        known: Option<u64>,
        what: &'static str,
        by: &Actor,
    ) -> Result<Option<InstalledPlugin>, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let found = find(tx, &plugin.name)?;
                if found.map(|found| found.revision) != known {
                    return Ok(None);
                }
                // What happened before is not told to a sink that is new.
                tx.execute(
                    "INSERT INTO reader (name, event_id) SELECT $1, id FROM event_head WHERE true ON CONFLICT DO NOTHING",
                    (place(&plugin.name),),
                )?;
                put(tx, &plugin, now)?;
                note(tx, &plugin, what, &by, now)?;
                find(tx, &plugin.name)
            })
            .await
    }

    /// Removes a plugin; gives what it was.
    pub async fn remove_installed_plugin(
        &self,
        name: &str,
        by: &Actor,
    ) -> Result<Option<InstalledPlugin>, Error> {
        let (name, by, now) = (name.to_owned(), by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(found) = find(tx, &name)? else { return Ok(None) };
                tx.execute("DELETE FROM plugin WHERE name = $1", (&name,))?;
                tx.execute("DELETE FROM reader WHERE name = $1", (place(&name),))?;
                note(tx, &found, "removed", &by, now)?;
                Ok(Some(found))
            })
            .await
    }
}
