//! What scanners say about images: one report for each image and scanner, with its findings and packages.
//!
//! An image that several repositories have is scanned once; who may read its report is whoever may pull it from one of them.

use std::collections::BTreeMap;

use berth_advisories::Severity;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::token::from_json;
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
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Running, Self::Done, Self::Failed];

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
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
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

    pub(super) fn of_mut(&mut self, severity: Severity) -> &mut u64 {
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
    pub(super) fn identity(&self) -> (&str, Option<&str>, Option<&str>) {
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

pub(super) fn manifest_id(tx: &mut Tx<'_>, digest: &Digest) -> Result<Option<i64>, Error> {
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

impl Meta {
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
