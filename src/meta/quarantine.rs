//! Images that are held back: pushed, and not served under their tags until a scan or a person lets them go.
//!
//! What is held is an image in a repository. Once it is released it stays so, whatever tags point at it.

use bytes::Bytes;

use berth_advisories::Severity;

use super::event::{self, Actor, EventKind, NewEvent};
use super::repository::{self, RepositoryId};
use super::scan::{self, ScanState, SeverityCounts};
use super::tag::By;
use super::token::{from_json, to_json};
use super::tx::{FromColumn, Row, ToValue, Tx, Value};
use super::{Error, Meta};
use crate::clock::Timestamp;
use crate::oci::{Digest, Manifest, MediaType, RepositoryName, RepositoryPattern, Tag};

/// A rule that holds pushed images back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineRule {
    /// Its name.
    pub name: String,
    /// The repositories that it is about.
    pub repositories: Vec<RepositoryPattern>,
    /// Findings of this severity or worse hold an image; without it, to be scanned is enough.
    pub severity: Option<Severity>,
    /// Who may pull what is held, by digest: `robot:trivy`, `group:security`.
    pub scanners: Vec<String>,
    /// When it was made or changed.
    pub made_at: Timestamp,
    /// Who made it.
    pub made_by: String,
}

/// Why an image is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// For people.
    pub reason: String,
    /// Who may pull it by digest meanwhile.
    pub scanners: Vec<String>,
}

/// An image that is held back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldImage {
    /// Where.
    pub repository: RepositoryName,
    /// Which.
    pub digest: Digest,
    /// Tags that point at it.
    pub tags: Vec<Tag>,
    /// By which rule.
    pub rule: String,
    /// Why, for people.
    pub reason: String,
    /// Since when.
    pub held_at: Timestamp,
    position: (i64, i64),
}

/// That a plugin wants an image held back, whatever rules there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Who wants it: `plugin:NAME`.
    pub by: String,
    /// Why, for people.
    pub reason: String,
}

impl ToValue for Severity {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self.as_str())
    }
}

impl FromColumn for Severity {
    fn from_column(value: rusqlite::types::ValueRef<'_>) -> Result<Self, String> {
        let text = String::from_column(value)?;
        Self::ALL
            .into_iter()
            .find(|severity| severity.as_str() == text)
            .ok_or_else(|| format!("`{text}` is no severity"))
    }
}

const UNSCANNED: &str = "it was not scanned yet";

fn rule(row: &Row<'_>) -> Result<QuarantineRule, Error> {
    Ok(QuarantineRule {
        name: row.get("name")?,
        repositories: from_json("repositories", &row.get::<String>("repositories")?)?,
        severity: row.get("severity")?,
        scanners: from_json("scanners", &row.get::<String>("scanners")?)?,
        made_at: row.get("made_at")?,
        made_by: row.get("made_by")?,
    })
}

fn rules(tx: &mut Tx<'_>) -> Result<Vec<QuarantineRule>, Error> {
    tx.query(
        "SELECT name, repositories, severity, scanners, made_at, made_by
           FROM quarantine_rule
          ORDER BY name
          LIMIT 1000",
        (),
        rule,
    )
}

/// Holds an image back that a tag points at from now on, if a rule or a plugin wants it and nobody has decided about it
/// before; gives why.
pub(super) fn consider(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    id: i64,
    manifest: &Manifest,
    wish: Option<&Hold>,
    by: By<'_>,
) -> Result<Option<String>, Error> {
    let is_image = manifest.is_image() || !manifest.children().is_empty();
    let wanted = match wish {
        Some(hold) => Some((hold.by.clone(), None, Vec::new(), hold.reason.clone())),
        None if is_image => rules(tx)?
            .into_iter()
            .find(|rule| rule.repositories.iter().any(|glob| glob.matches(by.repository)))
            .map(|rule| (rule.name, rule.severity, rule.scanners, UNSCANNED.to_owned())),
        None => None,
    };
    let Some((name, severity, scanners, reason)) = wanted else { return Ok(None) };
    let added = tx.execute(
        "INSERT INTO quarantine (repository_id, manifest_id, rule, severity, scanners, by_scan, state, reason, held_at)
         VALUES ($1, $2, $3, $4, $5, $6, 'held', $7, $8)
             ON CONFLICT DO NOTHING",
        (repository, id, &name, severity, to_json(&scanners), is_image, &reason, by.now),
    )?;
    if added == 0 {
        return Ok(find(tx, repository, id)?.map(|held| held.reason));
    }
    tx.touch(by.repository.as_str());
    let digest = digest_of(tx, id)?;
    let detail = serde_json::json!({ "rule": name, "reason": reason });
    by.note(tx, EventKind::QuarantineHold, &digest, detail)?;
    // It may have been scanned already, in this repository or another one.
    settle(tx, id, by.actor, by.now)?;
    Ok(find(tx, repository, id)?.map(|held| held.reason))
}

fn digest_of(tx: &mut Tx<'_>, manifest: i64) -> Result<String, Error> {
    let found =
        tx.find("SELECT digest FROM manifest WHERE id = $1", (manifest,), |row| row.get("digest"))?;
    Ok(found.unwrap_or_default())
}

fn held(row: &Row<'_>) -> Result<Held, Error> {
    Ok(Held {
        reason: row.get("reason")?,
        scanners: from_json("scanners", &row.get::<String>("scanners")?)?,
    })
}

/// Why a repository does not serve a manifest. Images that only held indexes list are held with them.
pub(super) fn find(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    manifest: i64,
) -> Result<Option<Held>, Error> {
    let own = tx.find(
        "SELECT state, reason, scanners FROM quarantine WHERE repository_id = $1 AND manifest_id = $2",
        (repository, manifest),
        |row| Ok((row.get::<String>("state")? == "held", held(row)?)),
    )?;
    if let Some((is_held, held)) = own {
        return Ok(is_held.then_some(held));
    }
    tx.find(
        "SELECT quarantine.reason, quarantine.scanners
           FROM quarantine
           JOIN manifest_reference AS reference ON reference.parent_id = quarantine.manifest_id
                                               AND reference.kind = 'manifest'
           JOIN manifest ON manifest.digest = reference.child
          WHERE quarantine.repository_id = $1
            AND quarantine.state = 'held'
            AND manifest.id = $2
            AND NOT EXISTS (SELECT 1
                              FROM manifest_reference AS other
                              JOIN repository_manifest AS owned ON owned.manifest_id = other.parent_id
                                                               AND owned.repository_id = $1
                             WHERE other.child = manifest.digest
                               AND other.kind = 'manifest'
                               AND NOT EXISTS (SELECT 1
                                                 FROM quarantine AS its
                                                WHERE its.repository_id = $1
                                                  AND its.manifest_id = other.parent_id
                                                  AND its.state = 'held'))
          LIMIT 1",
        (repository, manifest),
        held,
    )
}

/// What is held, and may be let go by a scan of a manifest.
struct Waiting {
    repository: RepositoryId,
    name: RepositoryName,
    manifest: i64,
    severity: Option<Severity>,
    reason: String,
}

enum Verdict {
    Release(String),
    Hold(String),
}

/// Looks whether what is known of a manifest by now lets something go: itself, or indexes that list it.
pub(super) fn settle(
    tx: &mut Tx<'_>,
    manifest: i64,
    by: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    let waiting = tx.query(
        "SELECT quarantine.repository_id, repository.name, quarantine.manifest_id, quarantine.severity, quarantine.reason
           FROM quarantine
           JOIN repository ON repository.id = quarantine.repository_id
          WHERE quarantine.state = 'held'
            AND quarantine.by_scan = 1
            AND quarantine.manifest_id IN (SELECT $1
                                            UNION ALL
                                           SELECT reference.parent_id
                                             FROM manifest
                                             JOIN manifest_reference AS reference ON reference.child = manifest.digest
                                                                                 AND reference.kind = 'manifest'
                                            WHERE manifest.id = $1)
          LIMIT 10000",
        (manifest,),
        |row| {
            Ok(Waiting {
                repository: row.get("repository_id")?,
                name: row.get("name")?,
                manifest: row.get("manifest_id")?,
                severity: row.get("severity")?,
                reason: row.get("reason")?,
            })
        },
    )?;
    for one in waiting {
        match judge(tx, &one)? {
            Verdict::Release(reason) => {
                release(tx, one.repository, &one.name, one.manifest, &reason, by, now)?;
            }
            Verdict::Hold(reason) if reason != one.reason => {
                tx.execute(
                    "UPDATE quarantine SET reason = $1 WHERE repository_id = $2 AND manifest_id = $3",
                    (&reason, one.repository, one.manifest),
                )?;
                tx.touch(one.name.as_str());
            }
            Verdict::Hold(_) => {}
        }
    }
    Ok(())
}

fn judge(tx: &mut Tx<'_>, waiting: &Waiting) -> Result<Verdict, Error> {
    let mut counts = SeverityCounts::default();
    for image in images(tx, waiting.repository, waiting.manifest)? {
        let reports = scan::list(tx, image)?;
        if reports.is_empty() {
            return Ok(Verdict::Hold(UNSCANNED.to_owned()));
        }
        for report in reports {
            match report.state {
                ScanState::Waiting | ScanState::Running => {
                    return Ok(Verdict::Hold(UNSCANNED.to_owned()));
                }
                ScanState::Failed => {
                    let why = report.reason.unwrap_or_default();
                    return Ok(Verdict::Hold(format!(
                        "the scan by {} failed: {why}",
                        report.scanner
                    )));
                }
                ScanState::Done => counts = counts.plus(report.counts),
            }
        }
    }
    let Some(severity) = waiting.severity else {
        return Ok(Verdict::Release("it was scanned".into()));
    };
    Ok(match counts.at_least(severity) {
        0 => Verdict::Release(format!("no finding is {severity} or worse")),
        1 => Verdict::Hold(format!("a finding is {severity} or worse")),
        many => Verdict::Hold(format!("{many} findings are {severity} or worse")),
    })
}

/// The images that have to be scanned: itself, or those of an index that the repository has.
fn images(tx: &mut Tx<'_>, repository: RepositoryId, manifest: i64) -> Result<Vec<i64>, Error> {
    let rows = tx.query(
        "SELECT manifest.id, owned.media_type, manifest.body
           FROM repository_manifest AS owned
           JOIN manifest ON manifest.id = owned.manifest_id
          WHERE owned.repository_id = $1
            AND (owned.manifest_id = $2
                 OR manifest.digest IN (SELECT child FROM manifest_reference WHERE parent_id = $2 AND kind = 'manifest'))
          LIMIT 10000",
        (repository, manifest),
        |row| {
            let (id, kind): (i64, MediaType) = (row.get("id")?, row.get("media_type")?);
            Ok((id, kind, Bytes::from(row.get::<Vec<u8>>("body")?)))
        },
    )?;
    let is_image = |(id, kind, body): (i64, MediaType, Bytes)| {
        Manifest::parse(body, Some(&kind)).ok().filter(Manifest::is_image).map(|_| id)
    };
    Ok(rows.into_iter().filter_map(is_image).collect())
}

fn release(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    name: &RepositoryName,
    manifest: i64,
    reason: &str,
    by: &Actor,
    now: Timestamp,
) -> Result<bool, Error> {
    let released = tx.execute(
        "UPDATE quarantine
            SET state = 'released', reason = $1, decided_at = $2, decided_by = $3
          WHERE repository_id = $4
            AND manifest_id = $5
            AND state = 'held'",
        (reason, now, &*by.name, repository, manifest),
    )?;
    if released == 0 {
        return Ok(false);
    }
    let digest = digest_of(tx, manifest)?;
    let event = NewEvent::of(EventKind::QuarantineRelease, name, &digest)
        .with(serde_json::json!({ "reason": reason }));
    event::append(tx, event, by, now)?;
    tx.touch(name.as_str());
    Ok(true)
}

impl Meta {
    /// All rules that hold images back.
    pub async fn list_quarantine_rules(&self) -> Result<Vec<QuarantineRule>, Error> {
        self.db.read(rules).await
    }

    /// Makes or changes a rule. What is held already stays as it is.
    pub async fn put_quarantine_rule(
        &self,
        wish: QuarantineRule,
        by: &Actor,
    ) -> Result<QuarantineRule, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        let rule = QuarantineRule { made_at: now, made_by: by.name.to_string(), ..wish };
        self.db
            .write(move |tx| {
                tx.execute(
                    "INSERT INTO quarantine_rule (name, repositories, severity, scanners, made_at, made_by)
                     VALUES ($1, $2, $3, $4, $5, $6)
                         ON CONFLICT (name) DO UPDATE
                        SET repositories = excluded.repositories, severity = excluded.severity,
                            scanners = excluded.scanners, made_at = excluded.made_at, made_by = excluded.made_by",
                    (
                        &rule.name,
                        to_json(&rule.repositories),
                        rule.severity,
                        to_json(&rule.scanners),
                        now,
                        &rule.made_by,
                    ),
                )?;
                let detail = serde_json::json!({
                    "repositories": rule.repositories, "severity": rule.severity, "scanners": rule.scanners,
                });
                let event = NewEvent::about(EventKind::QuarantineChange, &rule.name).with(detail);
                event::append(tx, event, &by, now)?;
                Ok(rule)
            })
            .await
    }

    /// Removes a rule; says whether there was one. What is held already stays so.
    pub async fn remove_quarantine_rule(&self, name: &str, by: &Actor) -> Result<bool, Error> {
        let (name, by, now) = (name.to_owned(), by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                if tx.execute("DELETE FROM quarantine_rule WHERE name = $1", (&name,))? == 0 {
                    return Ok(false);
                }
                let event = NewEvent::about(EventKind::QuarantineChange, &name)
                    .with(serde_json::json!({ "removed": true }));
                event::append(tx, event, &by, now)?;
                Ok(true)
            })
            .await
    }

    /// Up to `limit` images that are held, those that came first before others, behind another one.
    pub async fn list_held(
        &self,
        after: Option<(Timestamp, (i64, i64))>,
        limit: u64,
    ) -> Result<Vec<HeldImage>, Error> {
        let (since, (repository, manifest)) =
            after.unwrap_or((Timestamp::from_millis(i64::MIN), (0, 0)));
        self.db
            .read(move |tx| {
                let mut found = tx.query(
                    "SELECT repository.name AS repository, manifest.digest, quarantine.rule, quarantine.reason, quarantine.held_at,
                            quarantine.repository_id, quarantine.manifest_id
                       FROM quarantine
                       JOIN repository ON repository.id = quarantine.repository_id
                       JOIN manifest ON manifest.id = quarantine.manifest_id
                      WHERE quarantine.state = 'held'
                        AND (quarantine.held_at, quarantine.repository_id, quarantine.manifest_id) > ($1, $2, $3)
                      ORDER BY quarantine.held_at, quarantine.repository_id, quarantine.manifest_id
                      LIMIT $4",
                    (since, repository, manifest, limit),
                    |row| {
                        Ok(HeldImage {
                            repository: row.get("repository")?,
                            digest: row.get("digest")?,
                            tags: Vec::new(),
                            rule: row.get("rule")?,
                            reason: row.get("reason")?,
                            held_at: row.get("held_at")?,
                            position: (row.get("repository_id")?, row.get("manifest_id")?),
                        })
                    },
                )?;
                for image in &mut found {
                    image.tags = tx.query(
                        "SELECT name FROM tag WHERE repository_id = $1 AND manifest_id = $2 ORDER BY name LIMIT 100",
                        image.position,
                        |row| row.get("name"),
                    )?;
                }
                Ok(found)
            })
            .await
    }

    /// Lets an image go; says whether it was held.
    pub async fn release_held(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        reason: &str,
        by: &Actor,
    ) -> Result<bool, Error> {
        let (name, digest) = (name.clone(), digest.clone());
        let (reason, by, now) = (reason.to_owned(), by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(repository) = repository::find(tx, &name)? else { return Ok(false) };
                let Some(manifest) = scan::owned(tx, &name, &digest)? else { return Ok(false) };
                release(tx, repository, &name, manifest, &reason, &by, now)
            })
            .await
    }

    /// How many images are held.
    pub async fn count_held(&self) -> Result<u64, Error> {
        let count = "SELECT COUNT(*) AS number FROM quarantine WHERE state = 'held'";
        let found = self.db.read(move |tx| tx.find(count, (), |row| row.get("number"))).await?;
        Ok(found.unwrap_or(0))
    }
}

impl HeldImage {
    /// Its place in the list.
    #[must_use]
    pub fn place(&self) -> (Timestamp, (i64, i64)) {
        (self.held_at, self.position)
    }
}
