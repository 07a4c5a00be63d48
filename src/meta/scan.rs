//! What scanners say about images: one report for each image and scanner, with its findings and packages.
//!
//! An image that several repositories have is scanned once; who may read its report is whoever may pull it from one of them.

use std::collections::BTreeMap;

use berth_advisories::Severity;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::event::{self, Actor, EventKind, NewEvent};
use super::quarantine;
use super::repository;
use super::token::{from_json, to_json};
use super::tx::{FromColumn, Row, ToValue, Tx, Value};
use super::{Error, Meta};
use crate::clock::Timestamp;
use crate::oci::{Digest, RepositoryName};

/// Where a scan stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ScanState {
    /// It waits for its turn.
    Waiting,
    /// A scanner looks at it.
    Running,
    /// The result is there.
    Done,
    /// The scanner has no answer.
    Failed,
}

impl ScanState {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

impl ToValue for ScanState {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self.as_str())
    }
}

impl FromColumn for ScanState {
    fn from_column(value: rusqlite::types::ValueRef<'_>) -> Result<Self, String> {
        let text = String::from_column(value)?;
        let all = [Self::Waiting, Self::Running, Self::Done, Self::Failed];
        let found = all.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is no state of a scan"))
    }
}

/// How many findings there are of each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeverityCounts {
    /// Nobody has said how bad they are.
    pub unknown: u64,
    /// Hardly worth a look.
    pub negligible: u64,
    /// Low.
    pub low: u64,
    /// Medium.
    pub medium: u64,
    /// High.
    pub high: u64,
    /// Critical.
    pub critical: u64,
}

impl SeverityCounts {
    /// Counts one more.
    pub fn add(&mut self, severity: Severity) {
        *self.of_mut(severity) += 1;
    }

    fn of_mut(&mut self, severity: Severity) -> &mut u64 {
        match severity {
            Severity::Unknown => &mut self.unknown,
            Severity::Negligible => &mut self.negligible,
            Severity::Low => &mut self.low,
            Severity::Medium => &mut self.medium,
            Severity::High => &mut self.high,
            Severity::Critical => &mut self.critical,
        }
    }

    /// How many are of this severity or worse. What nobody has judged is below all.
    #[must_use]
    pub fn at_least(mut self, severity: Severity) -> u64 {
        let worse = Severity::ALL.into_iter().filter(|other| *other >= severity);
        worse.map(|other| *self.of_mut(other)).sum()
    }

    /// Both together.
    #[must_use]
    pub fn plus(mut self, mut other: Self) -> Self {
        for severity in Severity::ALL {
            *self.of_mut(severity) += *other.of_mut(severity);
        }
        self
    }

    /// Of each severity the larger number: for images of several platforms, which mostly have the same findings.
    #[must_use]
    pub fn or(mut self, mut other: Self) -> Self {
        for severity in Severity::ALL {
            let most = (*self.of_mut(severity)).max(*other.of_mut(severity));
            *self.of_mut(severity) = most;
        }
        self
    }
}

/// What is known of a scan, without its findings.
#[derive(Clone, Debug, PartialEq)]
pub struct ScanReport {
    /// Its number.
    pub id: i64,
    /// The image.
    pub digest: Digest,
    /// Which scanner.
    pub scanner: String,
    /// Where it stands.
    pub state: ScanState,
    /// Why it failed.
    pub reason: Option<String>,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When the scanner began.
    pub started_at: Option<Timestamp>,
    /// When the result came that is here.
    pub finished_at: Option<Timestamp>,
    /// The scanner's own version.
    pub scanner_version: Option<String>,
    /// The digest of its component.
    pub component: Option<String>,
    /// Of the advisories that its packages were matched with.
    pub generation: u64,
    /// What else the scanner says.
    pub attributes: BTreeMap<String, String>,
    /// How many packages there are.
    pub packages: u64,
    /// How many findings there are.
    pub counts: SeverityCounts,
    /// How many of them have a version that mends them.
    pub fixable: u64,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct ScanFinding {
    /// `CVE-2026-1234`, or the scanner's own rule.
    pub name: String,
    /// Whether an advisory says so, and not the scanner.
    pub is_matched: bool,
    /// How bad it is.
    pub severity: Severity,
    /// The package that it is about.
    pub package: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// The first version without it.
    pub fixed_version: Option<String>,
    /// All of it.
    pub detail: Json,
}

impl ScanFinding {
    /// What makes it the same one in another report.
    fn identity(&self) -> (&str, Option<&str>, Option<&str>) {
        (&self.name, self.package.as_deref(), self.version.as_deref())
    }
}

/// A package that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct ScanPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whose package: `deb`, `npm`, …
    pub kind: String,
    /// All of it.
    pub detail: Json,
}

/// What came of a scan.
#[derive(Clone, Debug, Default)]
pub struct ScanOutcome {
    /// The scanner's own version.
    pub scanner_version: String,
    /// The digest of its component.
    pub component: String,
    /// Of the advisories.
    pub generation: u64,
    /// What else the scanner says.
    pub attributes: BTreeMap<String, String>,
    /// All packages.
    pub packages: Vec<ScanPackage>,
    /// All findings.
    pub findings: Vec<ScanFinding>,
}

/// The place of a severity in an order that begins with the worst.
pub(super) fn rank(severity: Severity) -> u64 {
    Severity::Critical as u64 - severity as u64
}

pub(super) fn severity_of(rank: u64) -> Severity {
    Severity::ALL.into_iter().find(|severity| self::rank(*severity) == rank).unwrap_or_default()
}

pub(super) const COLUMNS: &str = "report.id, manifest.digest, report.scanner, report.state, report.reason, report.requested_at, \
     report.started_at, report.finished_at, report.scanner_version, report.component, report.generation, report.attributes, \
     report.packages, report.unknown, report.negligible, report.low, report.medium, report.high, report.critical, report.fixable";

pub(super) fn counts(row: &Row<'_>) -> Result<SeverityCounts, Error> {
    Ok(SeverityCounts {
        unknown: row.get("unknown")?,
        negligible: row.get("negligible")?,
        low: row.get("low")?,
        medium: row.get("medium")?,
        high: row.get("high")?,
        critical: row.get("critical")?,
    })
}

pub(super) fn read(row: &Row<'_>) -> Result<ScanReport, Error> {
    Ok(ScanReport {
        id: row.get("id")?,
        digest: row.get("digest")?,
        scanner: row.get("scanner")?,
        state: row.get("state")?,
        reason: row.get("reason")?,
        requested_at: row.get("requested_at")?,
        started_at: row.get("started_at")?,
        finished_at: row.get("finished_at")?,
        scanner_version: row.get("scanner_version")?,
        component: row.get("component")?,
        generation: row.get("generation")?,
        attributes: from_json("attributes", &row.get::<String>("attributes")?)?,
        packages: row.get("packages")?,
        counts: counts(row)?,
        fixable: row.get("fixable")?,
    })
}

fn find(tx: &mut Tx<'_>, digest: &Digest, scanner: &str) -> Result<Option<ScanReport>, Error> {
    let sql = format!(
        "SELECT {COLUMNS}
           FROM manifest
           JOIN scan_report AS report ON report.manifest_id = manifest.id
          WHERE manifest.digest = $1
            AND report.scanner = $2"
    );
    tx.find(&sql, (digest, scanner), read)
}

/// The reports of an image, or of those that an index lists.
pub(super) fn list(tx: &mut Tx<'_>, manifest: i64) -> Result<Vec<ScanReport>, Error> {
    let sql = format!(
        "SELECT {COLUMNS}
           FROM scan_report AS report
           JOIN manifest ON manifest.id = report.manifest_id
          WHERE report.manifest_id = $1
          UNION
         SELECT {COLUMNS}
           FROM manifest_reference AS reference
           JOIN manifest ON manifest.digest = reference.child
           JOIN scan_report AS report ON report.manifest_id = manifest.id
          WHERE reference.parent_id = $1
            AND reference.kind = 'manifest'
          ORDER BY 2, 3
          LIMIT 1000"
    );
    tx.query(&sql, (manifest,), read)
}

fn manifest_id(tx: &mut Tx<'_>, digest: &Digest) -> Result<Option<i64>, Error> {
    tx.find("SELECT id FROM manifest WHERE digest = $1", (digest,), |row| row.get("id"))
}

/// The manifest, if the repository owns it.
pub(super) fn owned(
    tx: &mut Tx<'_>,
    name: &RepositoryName,
    digest: &Digest,
) -> Result<Option<i64>, Error> {
    tx.find(
        "SELECT manifest.id
           FROM repository
           JOIN repository_manifest AS owned ON owned.repository_id = repository.id
           JOIN manifest ON manifest.id = owned.manifest_id
          WHERE repository.name = $1
            AND manifest.digest = $2",
        (name, digest),
        |row| row.get("id"),
    )
}

fn insert_findings(
    tx: &mut Tx<'_>,
    report: i64,
    from: u64,
    findings: &[ScanFinding],
) -> Result<(), Error> {
    for (number, finding) in (from..).zip(findings) {
        tx.execute(
            "INSERT INTO scan_finding (report_id, number, matched, finding, rank, package, version, fixed_version, detail)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            (
                report,
                number,
                finding.is_matched,
                &finding.name,
                rank(finding.severity),
                &finding.package,
                &finding.version,
                &finding.fixed_version,
                finding.detail.to_string(),
            ),
        )?;
    }
    Ok(())
}

fn insert_packages(tx: &mut Tx<'_>, report: i64, packages: &[ScanPackage]) -> Result<(), Error> {
    for (number, package) in packages.iter().enumerate() {
        tx.execute(
            "INSERT INTO scan_package (report_id, number, name, version, kind, detail)
             VALUES ($1, $2, $3, $4, $5, $6)",
            (
                report,
                number,
                &package.name,
                &package.version,
                &package.kind,
                package.detail.to_string(),
            ),
        )?;
    }
    Ok(())
}

/// Writes down how many findings a report has now.
fn count(tx: &mut Tx<'_>, report: i64) -> Result<(SeverityCounts, u64), Error> {
    let (mut counts, mut fixable) = (SeverityCounts::default(), 0);
    let all = tx.query(
        "SELECT rank, COUNT(*) AS number, COUNT(fixed_version) AS fixable
           FROM scan_finding
          WHERE report_id = $1
          GROUP BY rank",
        (report,),
        |row| Ok((row.get::<u64>("rank")?, row.get::<u64>("number")?, row.get::<u64>("fixable")?)),
    )?;
    for (rank, number, with_fix) in all {
        *counts.of_mut(severity_of(rank)) += number;
        fixable += with_fix;
    }
    tx.execute(
        "UPDATE scan_report
            SET unknown = $1, negligible = $2, low = $3, medium = $4, high = $5, critical = $6, fixable = $7
          WHERE id = $8",
        (
            counts.unknown,
            counts.negligible,
            counts.low,
            counts.medium,
            counts.high,
            counts.critical,
            fixable,
            report,
        ),
    )?;
    Ok((counts, fixable))
}

/// Tells of a scan in every repository that has the image.
fn tell(
    tx: &mut Tx<'_>,
    manifest: i64,
    kind: EventKind,
    digest: &Digest,
    detail: &Json,
    by: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    for name in repository::list_owners(tx, manifest)? {
        let event = NewEvent::of(kind, &name, digest.as_str()).with(detail.clone());
        event::append(tx, event, by, now)?;
        tx.touch(name.as_str());
    }
    Ok(())
}

fn finish(
    tx: &mut Tx<'_>,
    digest: &Digest,
    scanner: &str,
    outcome: &ScanOutcome,
    by: &Actor,
    now: Timestamp,
) -> Result<bool, Error> {
    let Some(manifest) = manifest_id(tx, digest)? else { return Ok(false) };
    let report: Option<i64> = tx.find(
        "INSERT INTO scan_report (manifest_id, scanner, state, requested_at, finished_at, scanner_version, component, generation,
                                  attributes, packages)
         VALUES ($1, $2, 'done', $3, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (manifest_id, scanner) DO UPDATE
            SET state = excluded.state, reason = NULL, finished_at = excluded.finished_at,
                scanner_version = excluded.scanner_version, component = excluded.component,
                generation = excluded.generation, attributes = excluded.attributes, packages = excluded.packages
         RETURNING id",
        (
            manifest,
            scanner,
            now,
            &outcome.scanner_version,
            &outcome.component,
            outcome.generation,
            to_json(&outcome.attributes),
            outcome.packages.len(),
        ),
        |row| row.get("id"),
    )?;
    let Some(report) = report else { return Ok(false) };
    tx.execute("DELETE FROM scan_finding WHERE report_id = $1", (report,))?;
    tx.execute("DELETE FROM scan_package WHERE report_id = $1", (report,))?;
    insert_findings(tx, report, 0, &outcome.findings)?;
    insert_packages(tx, report, &outcome.packages)?;
    let (counts, fixable) = count(tx, report)?;
    let detail = serde_json::json!({
        "scanner": scanner, "version": outcome.scanner_version, "packages": outcome.packages.len(),
        "findings": counts, "fixable": fixable, "generation": outcome.generation,
    });
    tell(tx, manifest, EventKind::ScanComplete, digest, &detail, by, now)?;
    quarantine::settle(tx, manifest, by, now)?;
    Ok(true)
}

/// Puts what advisories say now in the place of what they said before. Gives what is new of it.
fn rematch(
    tx: &mut Tx<'_>,
    report: i64,
    generation: u64,
    matched: &[ScanFinding],
    by: &Actor,
    now: Timestamp,
) -> Result<Option<Vec<String>>, Error> {
    let sql = format!(
        "SELECT {COLUMNS}
           FROM scan_report AS report
           JOIN manifest ON manifest.id = report.manifest_id
          WHERE report.id = $1"
    );
    let Some(known) = tx.find(&sql, (report,), read)? else { return Ok(None) };
    let before = super::scan_search::findings(tx, report, true, 0, u64::MAX)?;
    tx.execute("UPDATE scan_report SET generation = $1 WHERE id = $2", (generation, report))?;
    if before == matched {
        return Ok(Some(Vec::new()));
    }
    let seen: Vec<_> = before.iter().map(ScanFinding::identity).collect();
    let new: Vec<&ScanFinding> =
        matched.iter().filter(|finding| !seen.contains(&finding.identity())).collect();
    tx.execute("DELETE FROM scan_finding WHERE report_id = $1 AND matched = 1", (report,))?;
    let behind = tx.find(
        "SELECT COALESCE(MAX(number) + 1, 0) AS next FROM scan_finding WHERE report_id = $1",
        (report,),
        |row| row.get::<u64>("next"),
    )?;
    insert_findings(tx, report, behind.unwrap_or(0), matched)?;
    let (counts, fixable) = count(tx, report)?;
    let mut names: Vec<String> = new.iter().map(|finding| finding.name.clone()).collect();
    names.dedup();
    if let Some(manifest) = manifest_id(tx, &known.digest)? {
        let mut new_counts = SeverityCounts::default();
        new.iter().for_each(|finding| new_counts.add(finding.severity));
        let detail = serde_json::json!({
            "scanner": known.scanner, "findings": counts, "fixable": fixable, "generation": generation,
            "new": new_counts, "names": names.iter().take(100).collect::<Vec<_>>(),
        });
        tell(tx, manifest, EventKind::ScanChange, &known.digest, &detail, by, now)?;
        quarantine::settle(tx, manifest, by, now)?;
    }
    Ok(Some(names))
}

impl Meta {
    /// Writes down that scanners are to look at an image; those that look at it already go on. Says whether the repository
    /// has it.
    pub async fn request_scans(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        scanners: Vec<String>,
    ) -> Result<bool, Error> {
        let (name, digest, now) = (name.clone(), digest.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(manifest) = owned(tx, &name, &digest)? else { return Ok(false) };
                for scanner in &scanners {
                    tx.execute(
                        "INSERT INTO scan_report (manifest_id, scanner, state, requested_at)
                         VALUES ($1, $2, 'waiting', $3)
                             ON CONFLICT (manifest_id, scanner) DO UPDATE
                            SET state = excluded.state, reason = NULL, requested_at = excluded.requested_at
                          WHERE scan_report.state NOT IN ('waiting', 'running')",
                        (manifest, scanner, now),
                    )?;
                }
                Ok(true)
            })
            .await
    }

    /// Writes down that a scanner looks at an image now; says whether it was asked to.
    pub async fn begin_scan(&self, digest: &Digest, scanner: &str) -> Result<bool, Error> {
        let (digest, scanner, now) = (digest.clone(), scanner.to_owned(), self.clock.now());
        self.db
            .write(move |tx| {
                let changed = tx.execute(
                    "UPDATE scan_report
                        SET state = 'running', started_at = $1, reason = NULL
                      WHERE manifest_id = (SELECT id FROM manifest WHERE digest = $2)
                        AND scanner = $3",
                    (now, &digest, &scanner),
                )?;
                Ok(changed > 0)
            })
            .await
    }

    /// Writes down that a scan waits for another attempt, or has failed for good. What was found before stays.
    pub async fn fail_scan(
        &self,
        digest: &Digest,
        scanner: &str,
        reason: &str,
        is_final: bool,
        by: &Actor,
    ) -> Result<(), Error> {
        let (digest, scanner) = (digest.clone(), scanner.to_owned());
        let (reason, by, now) = (reason.to_owned(), by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let state = if is_final { ScanState::Failed } else { ScanState::Waiting };
                tx.execute(
                    "UPDATE scan_report
                        SET state = $1, reason = $2
                      WHERE manifest_id = (SELECT id FROM manifest WHERE digest = $3)
                        AND scanner = $4",
                    (state, &reason, &digest, &scanner),
                )?;
                let Some(manifest) = manifest_id(tx, &digest)?.filter(|_| is_final) else {
                    return Ok(());
                };
                let detail = serde_json::json!({ "scanner": scanner, "reason": reason });
                tell(tx, manifest, EventKind::ScanFail, &digest, &detail, &by, now)?;
                quarantine::settle(tx, manifest, &by, now)
            })
            .await
    }

    /// Keeps what a scanner has found; says whether the image is still there.
    pub async fn finish_scan(
        &self,
        digest: &Digest,
        scanner: &str,
        outcome: ScanOutcome,
        by: &Actor,
    ) -> Result<bool, Error> {
        let (digest, scanner) = (digest.clone(), scanner.to_owned());
        let (by, now) = (by.clone(), self.clock.now());
        self.db.write(move |tx| finish(tx, &digest, &scanner, &outcome, &by, now)).await
    }

    /// Takes back that a scanner should look at an image, as there is nothing for it to look at.
    pub async fn forget_scan(&self, digest: &Digest, scanner: &str) -> Result<(), Error> {
        let (digest, scanner) = (digest.clone(), scanner.to_owned());
        self.db
            .write(move |tx| {
                tx.execute(
                    "DELETE FROM scan_report
                      WHERE manifest_id = (SELECT id FROM manifest WHERE digest = $1)
                        AND scanner = $2
                        AND finished_at IS NULL",
                    (&digest, &scanner),
                )
                .map(drop)
            })
            .await
    }

    /// When a repository got a manifest.
    pub async fn find_pushed_at(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Timestamp>, Error> {
        let (name, digest) = (name.clone(), digest.clone());
        self.db
            .read(move |tx| {
                tx.find(
                    "SELECT owned.pushed_at
                       FROM repository
                       JOIN repository_manifest AS owned ON owned.repository_id = repository.id
                       JOIN manifest ON manifest.id = owned.manifest_id
                      WHERE repository.name = $1
                        AND manifest.digest = $2",
                    (&name, &digest),
                    |row| row.get("pushed_at"),
                )
            })
            .await
    }

    /// The report of a scanner about an image.
    pub async fn find_scan(
        &self,
        digest: &Digest,
        scanner: &str,
    ) -> Result<Option<ScanReport>, Error> {
        let (digest, scanner) = (digest.clone(), scanner.to_owned());
        self.db.read(move |tx| find(tx, &digest, &scanner)).await
    }

    /// All reports about an image of a repository, or about the images that an index lists.
    pub async fn list_scans(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<Vec<ScanReport>, Error> {
        let (name, digest) = (name.clone(), digest.clone());
        self.db
            .read(move |tx| match owned(tx, &name, &digest)? {
                Some(manifest) => list(tx, manifest),
                None => Ok(Vec::new()),
            })
            .await
    }

    /// Up to `limit` reports whose packages were matched with older advisories than these, those behind `after`.
    pub async fn list_scans_behind(
        &self,
        generation: u64,
        after: i64,
        limit: u64,
    ) -> Result<Vec<ScanReport>, Error> {
        self.db
            .read(move |tx| {
                let sql = format!(
                    "SELECT {COLUMNS}
                       FROM scan_report AS report
                       JOIN manifest ON manifest.id = report.manifest_id
                      WHERE report.packages > 0
                        AND report.generation < $1
                        AND report.id > $2
                      ORDER BY report.id
                      LIMIT $3"
                );
                tx.query(&sql, (generation, after, limit), read)
            })
            .await
    }

    /// Replaces what advisories say of a report's packages; gives the names of what is new, `None` if the report is gone.
    pub async fn rematch_scan(
        &self,
        report: i64,
        generation: u64,
        matched: Vec<ScanFinding>,
        by: &Actor,
    ) -> Result<Option<Vec<String>>, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db.write(move |tx| rematch(tx, report, generation, &matched, &by, now)).await
    }

    /// How many scans are in each state.
    pub async fn count_scans(&self) -> Result<Vec<(ScanState, u64)>, Error> {
        self.db
            .read(|tx| {
                tx.query(
                    "SELECT state, COUNT(*) AS number FROM scan_report GROUP BY state ORDER BY state",
                    (),
                    |row| Ok((row.get("state")?, row.get("number")?)),
                )
            })
            .await
    }
}
