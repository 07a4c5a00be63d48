//! Where content is copied to (targets), and what of it (rules).

use serde::{Deserialize, Serialize};

use super::event::{self, Actor, EventKind, NewEvent};
use super::job::{self, NewJob, hurry};
use super::replication_state::subject;
use super::token::{from_json, to_json};
use super::tx::{Row, Tx};
use super::{Error, Meta};
use crate::clock::Timestamp;
use crate::oci::{Platform, RepositoryName, RepositoryPattern, Tag, TagPattern};
use crate::secret::Secret;

/// What kind of place a target is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplicationPlace {
    /// Another registry, at an address such as `https://registry.example.com`.
    Registry(String),
    /// Wherever a plugin brings it.
    Plugin(String),
}

/// How a target is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TargetSettings {
    /// What a repository is called there; `{repository}` stands for its name here, `{name}` for the last part of it.
    pub naming: String,
    /// Certificates (PEM) of authorities that are trusted beside the system's.
    pub authorities: String,
    /// How many blobs are on their way at the same time.
    pub parallel: u32,
    /// Bytes that are sent each second at most, of all blobs together.
    pub bytes_per_second: Option<u64>,
    /// Blobs are sent in pieces of at most this many bytes.
    pub chunk_bytes: Option<u64>,
}

impl Default for TargetSettings {
    fn default() -> Self {
        Self {
            naming: "{repository}".into(),
            authorities: String::new(),
            parallel: 4,
            bytes_per_second: None,
            chunk_bytes: None,
        }
    }
}

impl TargetSettings {
    /// What a repository is called there, if that is a name.
    #[must_use]
    pub fn name_there(&self, here: &RepositoryName) -> Option<RepositoryName> {
        let last = here.as_str().rsplit('/').next().unwrap_or_default();
        self.naming.replace("{repository}", here.as_str()).replace("{name}", last).parse().ok()
    }
}

/// A name and a password.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TargetCredentials {
    /// Who.
    pub username: String,
    /// What proves it, as it is sealed.
    password: String,
}

impl TargetCredentials {
    /// Puts them together.
    #[must_use]
    pub fn new(username: String, password: &Secret<String>) -> Self {
        Self { username, password: password.expose().clone() }
    }

    /// What proves it.
    #[must_use]
    pub fn password(&self) -> Secret<String> {
        Secret::new(self.password.clone())
    }
}

/// What somebody wants a target to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetWish {
    /// What people call it.
    pub name: String,
    /// Where it is.
    pub place: ReplicationPlace,
    /// How it is used.
    pub settings: TargetSettings,
    /// Whether it is left alone for now.
    pub is_paused: bool,
}

/// A place that content is copied to.
#[derive(Clone, Debug)]
pub struct ReplicationTarget {
    /// Its number.
    pub id: i64,
    /// What it is.
    pub wish: TargetWish,
    /// Who we are there.
    pub credentials: Option<Secret<TargetCredentials>>,
    /// Since when.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

/// What goes to a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuleSettings {
    /// Repositories; none: all.
    pub repositories: Vec<RepositoryPattern>,
    /// Tags; none: all.
    pub tags: Vec<TagPattern>,
    /// Tags that are versions in this range (semver): `>=1.2, <2`.
    pub versions: Option<String>,
    /// Labels of the image, or annotations of its manifest: `key`, or `key=value`; each has to be there.
    pub labels: Vec<String>,
    /// Of an index, only the images for these platforms; none: all.
    pub platforms: Vec<String>,
    /// Whether a push is followed at once.
    pub on_push: bool,
    /// When all of it is looked at again: a cron expression.
    pub schedule: Option<String>,
    /// Whether what is deleted here is deleted there.
    pub deletions: bool,
}

impl Default for RuleSettings {
    fn default() -> Self {
        Self {
            repositories: Vec::new(),
            tags: Vec::new(),
            versions: None,
            labels: Vec::new(),
            platforms: Vec::new(),
            on_push: true,
            schedule: None,
            deletions: false,
        }
    }
}

impl RuleSettings {
    /// Whether a repository is meant.
    #[must_use]
    pub fn covers(&self, repository: &RepositoryName) -> bool {
        self.repositories.is_empty() || self.repositories.iter().any(|one| one.matches(repository))
    }

    /// Whether a tag is meant, as far as its name tells.
    #[must_use]
    pub fn covers_tag(&self, tag: &Tag) -> bool {
        (self.tags.is_empty() || self.tags.iter().any(|one| one.matches(tag)))
            && self.versions.as_deref().is_none_or(|range| is_in_range(range, tag.as_str()))
    }

    /// The platforms, read.
    #[must_use]
    pub fn read_platforms(&self) -> Vec<Platform> {
        self.platforms.iter().filter_map(|text| text.parse().ok()).collect()
    }
}

/// Whether a tag is a version of a range; a `v` before it does not matter, and `1.2` counts as `1.2.0`.
fn is_in_range(range: &str, tag: &str) -> bool {
    let text = tag.strip_prefix('v').unwrap_or(tag);
    let (core, rest) = text.split_at(text.find(['-', '+']).unwrap_or(text.len()));
    let missing = 2_usize.saturating_sub(core.matches('.').count());
    let whole = format!("{core}{}{rest}", ".0".repeat(missing));
    match (range.parse::<semver::VersionReq>(), whole.parse::<semver::Version>()) {
        (Ok(range), Ok(version)) => range.matches(&version),
        _ => false,
    }
}

/// What somebody wants a rule to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicationWish {
    /// What people call it.
    pub name: String,
    /// The name of the target.
    pub target: String,
    /// What goes there.
    pub settings: RuleSettings,
    /// Whether it is followed at the moment.
    pub is_enabled: bool,
    /// When all of it is looked at next.
    pub next_run_at: Option<Timestamp>,
}

/// What goes where.
#[derive(Clone, Debug)]
pub struct ReplicationRule {
    /// Its number.
    pub id: i64,
    /// Which target, by number.
    pub target_id: i64,
    /// What it is.
    pub wish: ReplicationWish,
    /// The last event before it was there, or enabled again.
    pub since_event: u64,
    /// Since when.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

fn place(id: i64) -> String {
    format!("replication_target/{id}")
}

const TARGET: &str =
    "SELECT id, name, kind, place, settings, credentials, paused, created_at, created_by
       FROM replication_target";

fn read_target(row: &Row<'_>) -> Result<(ReplicationTarget, Option<Vec<u8>>), Error> {
    let (kind, place): (String, String) = (row.get("kind")?, row.get("place")?);
    let target = ReplicationTarget {
        id: row.get("id")?,
        wish: TargetWish {
            name: row.get("name")?,
            place: match kind.as_str() {
                "plugin" => ReplicationPlace::Plugin(place),
                _ => ReplicationPlace::Registry(place),
            },
            settings: from_json("settings", &row.get::<String>("settings")?)?,
            is_paused: row.get("paused")?,
        },
        credentials: None,
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
    };
    Ok((target, row.get("credentials")?))
}

fn open(
    tx: &Tx<'_>,
    (target, sealed): (ReplicationTarget, Option<Vec<u8>>),
) -> Result<ReplicationTarget, Error> {
    let Some(sealed) = sealed else { return Ok(target) };
    let opened = tx.keys().open(&place(target.id), &sealed)?;
    let credentials = serde_json::from_slice(opened.expose()).map_err(|error| Error::Corrupt {
        column: "credentials".into(),
        what: error.to_string(),
    })?;
    Ok(ReplicationTarget { credentials: Some(Secret::new(credentials)), ..target })
}

fn find_target(tx: &mut Tx<'_>, name: &str) -> Result<Option<ReplicationTarget>, Error> {
    let found = tx.find(&format!("{TARGET} WHERE name = $1"), (name,), read_target)?;
    found.map(|found| open(tx, found)).transpose()
}

fn set_credentials(
    tx: &mut Tx<'_>,
    id: i64,
    credentials: &Secret<TargetCredentials>,
) -> Result<(), Error> {
    let sealed = tx.keys().seal(&place(id), to_json(credentials.expose()).as_bytes());
    tx.execute("UPDATE replication_target SET credentials = $1 WHERE id = $2", (&sealed[..], id))
        .map(drop)
}

fn place_columns(place: &ReplicationPlace) -> (&'static str, &str) {
    match place {
        ReplicationPlace::Registry(url) => ("registry", url),
        ReplicationPlace::Plugin(name) => ("plugin", name),
    }
}

fn note_target(
    tx: &mut Tx<'_>,
    wish: &TargetWish,
    what: &str,
    by: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    let (kind, place) = place_columns(&wish.place);
    let detail = serde_json::json!({
        what: true, "kind": kind, "place": place, "naming": wish.settings.naming, "paused": wish.is_paused,
    });
    let event = NewEvent::about(EventKind::ReplicationChange, &wish.name).with(detail);
    event::append(tx, event, by, now).map(drop)
}

const RULE: &str = "SELECT rule.id, rule.target_id, rule.name, rule.settings, rule.enabled, rule.since_event, rule.next_run_at,
            rule.created_at, rule.created_by, target.name AS target
       FROM replication_rule AS rule
       JOIN replication_target AS target ON target.id = rule.target_id";

fn read_rule(row: &Row<'_>) -> Result<ReplicationRule, Error> {
    Ok(ReplicationRule {
        id: row.get("id")?,
        target_id: row.get("target_id")?,
        wish: ReplicationWish {
            name: row.get("name")?,
            target: row.get("target")?,
            settings: from_json("settings", &row.get::<String>("settings")?)?,
            is_enabled: row.get("enabled")?,
            next_run_at: row.get("next_run_at")?,
        },
        since_event: row.get("since_event")?,
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
    })
}

fn find_rule(tx: &mut Tx<'_>, name: &str) -> Result<Option<ReplicationRule>, Error> {
    tx.find(&format!("{RULE} WHERE rule.name = $1"), (name,), read_rule)
}

fn note_rule(
    tx: &mut Tx<'_>,
    wish: &ReplicationWish,
    what: &str,
    by: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    let detail = serde_json::json!({
        what: true, "target": wish.target, "settings": wish.settings, "enabled": wish.is_enabled,
    });
    let event = NewEvent::about(EventKind::ReplicationChange, &wish.name).with(detail);
    event::append(tx, event, by, now).map(drop)
}

impl Meta {
    /// All targets, by name. There are few.
    pub async fn list_replication_targets(&self) -> Result<Vec<ReplicationTarget>, Error> {
        self.db
            .read(|tx| {
                let found = tx.query(&format!("{TARGET} ORDER BY name"), (), read_target)?;
                found.into_iter().map(|found| open(tx, found)).collect()
            })
            .await
    }

    /// A target by name.
    pub async fn find_replication_target(
        &self,
        name: &str,
    ) -> Result<Option<ReplicationTarget>, Error> {
        let name = name.to_owned();
        self.db.read(move |tx| find_target(tx, &name)).await
    }

    /// A target by number.
    pub async fn find_replication_target_by_id(
        &self,
        id: i64,
    ) -> Result<Option<ReplicationTarget>, Error> {
        self.db
            .read(move |tx| {
                let found = tx.find(&format!("{TARGET} WHERE id = $1"), (id,), read_target)?;
                found.map(|found| open(tx, found)).transpose()
            })
            .await
    }

    /// Makes a target; `None` if the name is taken.
    pub async fn add_replication_target(
        &self,
        wish: TargetWish,
        credentials: Option<Secret<TargetCredentials>>,
        by: &Actor,
    ) -> Result<Option<ReplicationTarget>, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let (kind, place) = place_columns(&wish.place);
                let id: Option<i64> = tx.find(
                    "INSERT INTO replication_target (name, kind, place, settings, paused, created_at, created_by)
                     VALUES ($1, $2, $3, $4, $5, $6, $7)
                         ON CONFLICT DO NOTHING
                     RETURNING id",
                    (&wish.name, kind, place, to_json(&wish.settings), wish.is_paused, now, &*by.name),
                    |row| row.get("id"),
                )?;
                let Some(id) = id else { return Ok(None) };
                if let Some(credentials) = &credentials {
                    set_credentials(tx, id, credentials)?;
                }
                note_target(tx, &wish, "made", &by, now)?;
                find_target(tx, &wish.name)
            })
            .await
    }

    /// Changes a target; without credentials it keeps those that it has. What waits for it is tried at once. `None` if there
    /// is none of this name.
    pub async fn change_replication_target(
        &self,
        wish: TargetWish,
        credentials: Option<Secret<TargetCredentials>>,
        by: &Actor,
    ) -> Result<Option<ReplicationTarget>, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(known) = find_target(tx, &wish.name)? else { return Ok(None) };
                let (kind, place) = place_columns(&wish.place);
                tx.execute(
                    "UPDATE replication_target
                        SET kind = $1, place = $2, settings = $3, paused = $4
                      WHERE id = $5",
                    (kind, place, to_json(&wish.settings), wish.is_paused, known.id),
                )?;
                if let Some(credentials) = &credentials {
                    set_credentials(tx, known.id, credentials)?;
                }
                hurry(tx, &subject(known.id), now)?;
                note_target(tx, &wish, "changed", &by, now)?;
                find_target(tx, &wish.name)
            })
            .await
    }

    /// Removes a target with its rules, and forgets what is there; says whether there was one. Nothing is deleted there.
    pub async fn remove_replication_target(&self, name: &str, by: &Actor) -> Result<bool, Error> {
        let (name, by, now) = (name.to_owned(), by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(known) = find_target(tx, &name)? else { return Ok(false) };
                tx.execute("DELETE FROM replication_target WHERE id = $1", (known.id,))?;
                hurry(tx, &subject(known.id), now)?;
                note_target(tx, &known.wish, "removed", &by, now)?;
                Ok(true)
            })
            .await
    }

    /// All rules, by name. There are few.
    pub async fn list_replication_rules(&self) -> Result<Vec<ReplicationRule>, Error> {
        self.db.read(|tx| tx.query(&format!("{RULE} ORDER BY rule.name"), (), read_rule)).await
    }

    /// A rule by name.
    pub async fn find_replication_rule(
        &self,
        name: &str,
    ) -> Result<Option<ReplicationRule>, Error> {
        let name = name.to_owned();
        self.db.read(move |tx| find_rule(tx, &name)).await
    }

    /// Makes a rule; `None` if the name is taken, or there is no such target.
    pub async fn add_replication_rule(
        &self,
        wish: ReplicationWish,
        by: &Actor,
    ) -> Result<Option<ReplicationRule>, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let made: Option<i64> = tx.find(
                    "INSERT INTO replication_rule (name, target_id, settings, enabled, since_event, next_run_at, created_at, created_by)
                     SELECT $1, id, $2, $3, (SELECT id FROM event_head), $4, $5, $6
                       FROM replication_target
                      WHERE name = $7
                         ON CONFLICT DO NOTHING
                     RETURNING id",
                    (
                        &wish.name,
                        to_json(&wish.settings),
                        wish.is_enabled,
                        wish.next_run_at,
                        now,
                        &*by.name,
                        &wish.target,
                    ),
                    |row| row.get("id"),
                )?;
                if made.is_none() {
                    return Ok(None);
                }
                note_rule(tx, &wish, "made", &by, now)?;
                find_rule(tx, &wish.name)
            })
            .await
    }

    /// Changes a rule, but not its target; `None` if there is none of this name.
    pub async fn change_replication_rule(
        &self,
        wish: ReplicationWish,
        by: &Actor,
    ) -> Result<Option<ReplicationRule>, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(known) = find_rule(tx, &wish.name)? else { return Ok(None) };
                tx.execute(
                    "UPDATE replication_rule
                        SET settings = $1,
                            since_event = IIF(enabled, since_event, (SELECT id FROM event_head)),
                            enabled = $2,
                            next_run_at = $3
                      WHERE id = $4",
                    (to_json(&wish.settings), wish.is_enabled, wish.next_run_at, known.id),
                )?;
                note_rule(tx, &wish, "changed", &by, now)?;
                find_rule(tx, &wish.name)
            })
            .await
    }

    /// Adds the job of a rule that was due at `due`, and sets when it is due next, in one transaction. If somebody else has done
    /// so, nothing is changed.
    pub async fn run_replication_rule(
        &self,
        id: i64,
        due: Timestamp,
        next: Timestamp,
        new: NewJob,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        self.db
            .write(move |tx| {
                let moved = tx.execute(
                    "UPDATE replication_rule SET next_run_at = $1 WHERE id = $2 AND next_run_at = $3",
                    (next, id, due),
                )?;
                if moved == 1 {
                    job::add(tx, &new, "schedule", now)?;
                }
                Ok(())
            })
            .await
    }

    /// Removes a rule; says whether there was one. What was copied by it stays where it is.
    pub async fn remove_replication_rule(&self, name: &str, by: &Actor) -> Result<bool, Error> {
        let (name, by, now) = (name.to_owned(), by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(known) = find_rule(tx, &name)? else { return Ok(false) };
                tx.execute("DELETE FROM replication_rule WHERE id = $1", (known.id,))?;
                note_rule(tx, &known.wish, "removed", &by, now)?;
                Ok(true)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_by_their_tags() {
        for (range, tag, fits) in [
            (">=1.2, <2", "v1.2.0", true),
            (">=1.2, <2", "1.9", true),
            (">=1.2, <2", "2.0.0", false),
            (">=1.2, <2", "latest", false),
            ("^1", "1", true),
            ("*", "v3.1.4", true),
            (">=1.0.0", "1.0.0-rc.1", false),
            (">=1.0.0-0", "v1.1-rc.1", false),
            ("=1.1.0-rc.1", "v1.1-rc.1", true),
        ] {
            assert_eq!(is_in_range(range, tag), fits, "{range} {tag}");
        }
    }

    #[test]
    fn a_repository_gets_the_name_that_the_target_gives_it() {
        let named = |naming: &str| {
            let settings = TargetSettings { naming: naming.into(), ..TargetSettings::default() };
            settings.name_there(&"team/app".parse().unwrap()).map(|name| name.to_string())
        };
        assert_eq!(named("{repository}").as_deref(), Some("team/app"));
        assert_eq!(named("mirror/{repository}").as_deref(), Some("mirror/team/app"));
        assert_eq!(named("acme/{name}").as_deref(), Some("acme/app"));
        assert_eq!(named("Acme/{name}"), None);
    }
}
