//! Writing down what scanners and advisories say: each change with its event, and with what it lets go, in one transaction.

use serde_json::Value as Json;

use super::event::{self, Actor, EventKind, NewEvent};
use super::scan::{
    COLUMNS, ScanFinding, ScanOutcome, ScanPackage, ScanState, SeverityCounts, manifest_id, owned,
    rank, read, severity_of,
};
use super::token::to_json;
use super::tx::Tx;
use super::{Error, Meta, quarantine, repository, scan_search};
use crate::clock::Timestamp;
use crate::oci::{Digest, RepositoryName};

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
    let before = scan_search::findings(tx, report, true, 0, u64::MAX)?;
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
}
