//! Looking for findings and packages: of one report, and in all repositories.

use std::collections::BTreeMap;

use berth_advisories::Severity;

use super::scan::{self, ScanFinding, ScanPackage, SeverityCounts, rank, severity_of};
use super::token::from_json;
use super::tx::{Row, Tx};
use super::{Error, Meta, repository};
use crate::oci::{Digest, RepositoryName, Tag};

/// Which findings are wanted; what is not set does not matter.
#[derive(Clone, Debug, Default)]
pub struct FindingFilter {
    /// About this package.
    pub package: Option<String>,
    /// Of this name, such as `CVE-2026-1234`.
    pub name: Option<String>,
    /// At least so bad.
    pub severity: Option<Severity>,
    /// With a version that mends it, or without.
    pub fixed: Option<bool>,
    /// In this repository.
    pub repository: Option<RepositoryName>,
}

/// A place in a list of findings or packages of all repositories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanPlace {
    /// How bad; nothing for packages.
    pub rank: u64,
    /// Which report.
    pub report: i64,
    /// Which finding or package of it.
    pub number: u64,
    /// Which repository that has the image.
    pub repository: i64,
}

/// A finding or a package, and where it is.
#[derive(Clone, Debug)]
pub struct Located<T> {
    /// Where in the list.
    pub place: ScanPlace,
    /// A repository that has the image.
    pub repository: RepositoryName,
    /// The image.
    pub digest: Digest,
    /// Which scanner has found it.
    pub scanner: String,
    /// What was found.
    pub what: T,
}

fn finding(row: &Row<'_>) -> Result<ScanFinding, Error> {
    Ok(ScanFinding {
        name: row.get("finding")?,
        is_matched: row.get("matched")?,
        severity: severity_of(row.get("rank")?),
        package: row.get("package")?,
        version: row.get("version")?,
        fixed_version: row.get("fixed_version")?,
        detail: from_json("detail", &row.get::<String>("detail")?)?,
    })
}

fn package(row: &Row<'_>) -> Result<ScanPackage, Error> {
    Ok(ScanPackage {
        name: row.get("name")?,
        version: row.get("version")?,
        kind: row.get("kind")?,
        detail: from_json("detail", &row.get::<String>("detail")?)?,
    })
}

fn located<T>(row: &Row<'_>, rank: u64, what: T) -> Result<Located<T>, Error> {
    let place = ScanPlace {
        rank,
        report: row.get("report_id")?,
        number: row.get("number")?,
        repository: row.get("repository_id")?,
    };
    let (repository, digest) = (row.get("repository")?, row.get("digest")?);
    Ok(Located { place, repository, digest, scanner: row.get("scanner")?, what })
}

/// Findings of a report in the order of their numbers, from one on.
pub(super) fn findings(
    tx: &mut Tx<'_>,
    report: i64,
    matched: bool,
    from: u64,
    limit: u64,
) -> Result<Vec<ScanFinding>, Error> {
    tx.query(
        "SELECT finding, matched, rank, package, version, fixed_version, detail
           FROM scan_finding
          WHERE report_id = $1
            AND matched >= $2
            AND number >= $3
          ORDER BY number
          LIMIT $4",
        (report, matched, from, limit),
        finding,
    )
}

impl Meta {
    /// Findings of a report that are at least so severe, the worst first: up to `limit` behind the first `skip`.
    pub async fn list_findings(
        &self,
        report: i64,
        at_least: Severity,
        skip: u64,
        limit: u64,
    ) -> Result<Vec<ScanFinding>, Error> {
        self.db
            .read(move |tx| {
                tx.query(
                    "SELECT finding, matched, rank, package, version, fixed_version, detail
                       FROM scan_finding
                      WHERE report_id = $1
                        AND rank <= $2
                      ORDER BY rank, number
                      LIMIT $3
                     OFFSET $4",
                    (report, rank(at_least), limit, skip),
                    finding,
                )
            })
            .await
    }

    /// Packages of a report: up to `limit`, from the one of a number on.
    pub async fn list_packages(
        &self,
        report: i64,
        from: u64,
        limit: u64,
    ) -> Result<Vec<ScanPackage>, Error> {
        self.db
            .read(move |tx| {
                tx.query(
                    "SELECT name, version, kind, detail
                       FROM scan_package
                      WHERE report_id = $1
                        AND number >= $2
                      ORDER BY number
                      LIMIT $3",
                    (report, from, limit),
                    package,
                )
            })
            .await
    }

    /// Up to `limit` findings of all repositories, the worst first, those behind a place.
    pub async fn search_findings(
        &self,
        filter: FindingFilter,
        after: Option<ScanPlace>,
        limit: u64,
    ) -> Result<Vec<Located<ScanFinding>>, Error> {
        self.db
            .read(move |tx| {
                // Each of these has an index that begins with it.
                let (column, value) = match &filter {
                    FindingFilter { package: Some(package), .. } => ("finding.package", package.as_str()),
                    FindingFilter { name: Some(name), .. } => ("finding.finding", name.as_str()),
                    _ => ("'all'", "all"),
                };
                let sql = format!(
                    "SELECT finding.report_id, finding.number, finding.finding, finding.matched, finding.rank, finding.package,
                            finding.version, finding.fixed_version, finding.detail, report.scanner, manifest.digest,
                            repository.id AS repository_id, repository.name AS repository
                       FROM scan_finding AS finding
                       JOIN scan_report AS report ON report.id = finding.report_id
                       JOIN manifest ON manifest.id = report.manifest_id
                       JOIN repository_manifest AS owned ON owned.manifest_id = report.manifest_id
                       JOIN repository ON repository.id = owned.repository_id
                      WHERE {column} = $1
                        AND finding.rank <= $2
                        AND (finding.rank, finding.report_id, finding.number, repository.id) > ($3, $4, $5, $6)
                        AND ($7 IS NULL OR finding.finding = $7)
                        AND ($8 IS NULL OR (finding.fixed_version IS NOT NULL) = $8)
                        AND ($9 IS NULL OR repository.name = $9)
                      ORDER BY finding.rank, finding.report_id, finding.number, repository.id
                      LIMIT $10"
                );
                let place = after.unwrap_or_default();
                let start = if after.is_some() { place.report } else { -1 };
                tx.query(
                    &sql,
                    (
                        value,
                        filter.severity.map_or(u64::MAX, rank),
                        place.rank,
                        start,
                        place.number,
                        place.repository,
                        &filter.name,
                        filter.fixed,
                        &filter.repository,
                        limit,
                    ),
                    |row| {
                        let found = finding(row)?;
                        located(row, rank(found.severity), found)
                    },
                )
            })
            .await
    }

    /// Up to `limit` places where there is a package of this name, in all repositories, those behind a place.
    pub async fn search_packages(
        &self,
        name: &str,
        after: Option<ScanPlace>,
        limit: u64,
    ) -> Result<Vec<Located<ScanPackage>>, Error> {
        let name = name.to_owned();
        self.db
            .read(move |tx| {
                let place = after.unwrap_or_default();
                let start = if after.is_some() { place.report } else { -1 };
                tx.query(
                    "SELECT package.report_id, package.number, package.name, package.version, package.kind, package.detail,
                            report.scanner, manifest.digest, repository.id AS repository_id, repository.name AS repository
                       FROM scan_package AS package
                       JOIN scan_report AS report ON report.id = package.report_id
                       JOIN manifest ON manifest.id = report.manifest_id
                       JOIN repository_manifest AS owned ON owned.manifest_id = report.manifest_id
                       JOIN repository ON repository.id = owned.repository_id
                      WHERE package.name = $1
                        AND (package.report_id, package.number, repository.id) > ($2, $3, $4)
                      ORDER BY package.report_id, package.number, repository.id
                      LIMIT $5",
                    (&name, start, place.number, place.repository, limit),
                    |row| {
                        let found = package(row)?;
                        located(row, 0, found)
                    },
                )
            })
            .await
    }

    /// What scanners have found behind each tag between two, both included; tags that none has looked at are left out. Of an
    /// image for several platforms the largest numbers count.
    pub async fn tag_findings(
        &self,
        name: &RepositoryName,
        first: &Tag,
        last: &Tag,
    ) -> Result<BTreeMap<Tag, SeverityCounts>, Error> {
        let (name, first, last) = (name.clone(), first.clone(), last.clone());
        self.db
            .read(move |tx| {
                let Some(repository) = repository::find(tx, &name)? else {
                    return Ok(BTreeMap::new());
                };
                let rows = tx.query(
                    "SELECT tag.name AS tag, report.manifest_id AS image, report.unknown, report.negligible, report.low,
                            report.medium, report.high, report.critical
                       FROM tag
                       JOIN scan_report AS report ON report.manifest_id = tag.manifest_id
                      WHERE tag.repository_id = $1
                        AND tag.name BETWEEN $2 AND $3
                        AND report.finished_at IS NOT NULL
                      UNION ALL
                     SELECT tag.name, report.manifest_id, report.unknown, report.negligible, report.low,
                            report.medium, report.high, report.critical
                       FROM tag
                       JOIN manifest_reference AS reference ON reference.parent_id = tag.manifest_id
                                                           AND reference.kind = 'manifest'
                       JOIN manifest ON manifest.digest = reference.child
                       JOIN scan_report AS report ON report.manifest_id = manifest.id
                      WHERE tag.repository_id = $1
                        AND tag.name BETWEEN $2 AND $3
                        AND report.finished_at IS NOT NULL",
                    (repository, &first, &last),
                    |row| Ok((row.get::<Tag>("tag")?, row.get::<i64>("image")?, scan::counts(row)?)),
                )?;
                // All scanners of an image together, then the worst image of the tag.
                let mut images: BTreeMap<(Tag, i64), SeverityCounts> = BTreeMap::new();
                for (tag, image, counts) in rows {
                    let sum = images.entry((tag, image)).or_default();
                    *sum = sum.plus(counts);
                }
                let mut tags: BTreeMap<Tag, SeverityCounts> = BTreeMap::new();
                for ((tag, _), counts) in images {
                    let most = tags.entry(tag).or_default();
                    *most = most.or(counts);
                }
                Ok(tags)
            })
            .await
    }
}
