//! What scanners say about an image.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use berth_advisories::Severity;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{PAGE, moment};
use crate::app::App;
use crate::auth::{AdminError, Principal};
use crate::http::Error;
use crate::http::extract::{InPath, Paging, Query};
use crate::meta::{ScanFinding, ScanPackage, ScanReport, SeverityCounts};
use crate::oci::{Action, Digest, Reference, RepositoryName};
use crate::registry::Pull;

/// How many findings there are of each severity.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeverityView {
    unknown: u64,
    negligible: u64,
    low: u64,
    medium: u64,
    high: u64,
    critical: u64,
}

/// What one scanner says about one image.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScanReportView {
    /// The image; of an index, one of those that it lists.
    #[schema(value_type = String)]
    digest: Digest,
    scanner: String,
    /// `waiting`, `running`, `done` or `failed`. What was found before stays until something else is.
    state: String,
    /// Why it failed.
    reason: Option<String>,
    requested_at: String,
    started_at: Option<String>,
    /// When the result came that is here; nothing while there is none.
    finished_at: Option<String>,
    scanner_version: Option<String>,
    /// Of the advisories that the packages were matched with.
    generation: u64,
    packages: u64,
    findings: SeverityView,
    /// Findings that a newer version mends.
    fixable: u64,
}

/// What is known of an image.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScansView {
    #[schema(value_type = String)]
    digest: Digest,
    /// Why it is held back, if it is.
    held: Option<String>,
    reports: Vec<ScanReportView>,
}

/// Something that was found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FindingView {
    /// `CVE-2026-1234`, or the scanner's own rule.
    id: String,
    /// `unknown`, `negligible`, `low`, `medium`, `high` or `critical`.
    severity: String,
    package: Option<String>,
    version: Option<String>,
    /// The first version without it.
    fixed_version: Option<String>,
    title: String,
    /// The file that it is about.
    path: Option<String>,
    links: Vec<String>,
    /// Other names of it.
    aliases: Vec<String>,
    /// Whether an advisory says so, and not the scanner itself.
    by_advisory: bool,
}

/// A page of findings, the worst first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScanFindings {
    findings: Vec<FindingView>,
    /// The `last` of the next page.
    next: Option<u64>,
}

/// A package that was found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FoundPackageView {
    name: String,
    version: String,
    /// Whose package it is: `deb`, `npm`, ...
    kind: String,
    purl: Option<String>,
    licenses: Vec<String>,
    locations: Vec<String>,
}

/// A page of packages.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScanPackages {
    packages: Vec<FoundPackageView>,
    /// The `last` of the next page.
    next: Option<u64>,
}

/// What is looked at now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScansRequestedView {
    /// Images.
    #[schema(value_type = Vec<String>)]
    images: Vec<Digest>,
    /// The scanners that look at each of them.
    scanners: Vec<String>,
}

impl From<SeverityCounts> for SeverityView {
    fn from(counts: SeverityCounts) -> Self {
        let SeverityCounts { unknown, negligible, low, medium, high, critical } = counts;
        Self { unknown, negligible, low, medium, high, critical }
    }
}

impl From<ScanReport> for ScanReportView {
    fn from(report: ScanReport) -> Self {
        Self {
            digest: report.digest,
            scanner: report.scanner,
            state: report.state.as_str().to_owned(),
            reason: report.reason,
            requested_at: moment(report.requested_at),
            started_at: report.started_at.map(moment),
            finished_at: report.finished_at.map(moment),
            scanner_version: report.scanner_version,
            generation: report.generation,
            packages: report.packages,
            findings: report.counts.into(),
            fixable: report.fixable,
        }
    }
}

fn conflict(what: String) -> Error {
    AdminError::Conflict(what).into()
}

fn text(value: &serde_json::Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn texts(value: &serde_json::Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(text).collect()
}

impl From<ScanFinding> for FindingView {
    fn from(found: ScanFinding) -> Self {
        let detail = &found.detail;
        let aliases = detail["attributes"]["aliases"].as_str().unwrap_or_default();
        Self {
            severity: found.severity.to_string(),
            title: text(&detail["title"]).unwrap_or_default(),
            path: text(&detail["path"]),
            links: texts(&detail["links"]),
            aliases: aliases.split_whitespace().map(str::to_owned).collect(),
            by_advisory: found.is_matched,
            id: found.name,
            package: found.package,
            version: found.version,
            fixed_version: found.fixed_version,
        }
    }
}

impl From<ScanPackage> for FoundPackageView {
    fn from(found: ScanPackage) -> Self {
        Self {
            purl: text(&found.detail["purl"]),
            licenses: texts(&found.detail["licenses"]),
            locations: texts(&found.detail["locations"]),
            name: found.name,
            version: found.version,
            kind: found.kind,
        }
    }
}

/// Which report is meant: `scanner`, and of an index `image`; without them the first that has a result.
async fn chosen(
    pull: &Pull<'_>,
    reference: &Reference,
    query: &Query,
) -> Result<ScanReport, Error> {
    let (scanner, image) = (query.get("scanner"), query.get("image"));
    let mut reports = pull.scans(reference).await?.reports;
    reports.retain(|report| {
        scanner.is_none_or(|scanner| report.scanner == scanner)
            && image.is_none_or(|image| report.digest.as_str() == image)
    });
    reports.sort_by_key(|report| (report.finished_at.is_none(), report.packages == 0));
    reports.into_iter().next().ok_or_else(|| {
        Error::not_found(format!(
            "no scanner has looked at {}:{reference}: `berth scan` has it looked at",
            pull.repository()
        ))
    })
}

pub(super) fn severity(query: &Query) -> Result<Option<Severity>, Error> {
    let parse = |text: &str| {
        Severity::parse(text).ok_or_else(|| {
            Error::invalid("`severity` is unknown, negligible, low, medium, high or critical")
        })
    };
    query.get("severity").map(parse).transpose()
}

/// Show what scanners say about an image
///
/// Of an index: about each of its images.
#[utoipa::path(
    get,
    path = "/repositories/{name}/scans/{reference}",
    tag = "scans",
    params(
        ("name" = String, Path, example = "team%2Fapp"),
        ("reference" = String, Path, description = "a tag or a digest")
    ),
    responses((status = 200, body = ScansView))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    reference: Result<InPath<Reference>, Error>,
) -> Result<Json<ScansView>, Error> {
    let pull = app.registry.pull_from(&principal, name)?;
    let InPath(reference) = reference?;
    let scans = pull.scans(&reference).await?;
    Ok(Json(ScansView {
        digest: scans.digest,
        held: scans.held.map(|held| held.reason),
        reports: scans.reports.into_iter().map(Into::into).collect(),
    }))
}

/// Have an image scanned
///
/// By every scanner that covers the repository, also if they have looked at it before. Whoever may push may have it scanned.
#[utoipa::path(
    post,
    path = "/repositories/{name}/scans/{reference}",
    tag = "scans",
    params(
        ("name" = String, Path, example = "team%2Fapp"),
        ("reference" = String, Path, description = "a tag or a digest")
    ),
    responses((status = 202, body = ScansRequestedView))
)]
pub(super) async fn request(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    reference: Result<InPath<Reference>, Error>,
) -> Result<(StatusCode, Json<ScansRequestedView>), Error> {
    let grant = principal.grant(Action::Push, name.clone())?;
    let pull = app.registry.pull_from(&principal, name)?;
    let InPath(reference) = reference?;
    let digest = pull.scans(&reference).await?.digest;
    let requested = app.worker.request_scans(&grant, &digest).await?;
    if requested.scanners.is_empty() {
        return Err(conflict(format!(
            "no scanner looks at images of {}: enable a plugin that does, such as scan-packages",
            grant.repository()
        )));
    }
    if requested.images.is_empty() {
        return Err(conflict(format!("{reference} is no image that could be scanned")));
    }
    let view = ScansRequestedView { images: requested.images, scanners: requested.scanners };
    Ok((StatusCode::ACCEPTED, Json(view)))
}

/// List what was found in an image
///
/// The worst first.
#[utoipa::path(
    get,
    path = "/repositories/{name}/scans/{reference}/findings",
    tag = "scans",
    params(
        ("name" = String, Path, example = "team%2Fapp"),
        ("reference" = String, Path, description = "a tag or a digest"),
        ("scanner" = Option<String>, Query, description = "by this one; without it, the first that has a result"),
        ("image" = Option<String>, Query, description = "of an index: which of its images"),
        ("severity" = Option<String>, Query, description = "at least so bad"),
        ("n" = Option<u64>, Query),
        ("last" = Option<u64>, Query)
    ),
    responses((status = 200, body = ScanFindings))
)]
pub(super) async fn findings(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    reference: Result<InPath<Reference>, Error>,
    query: Query,
) -> Result<Json<ScanFindings>, Error> {
    let pull = app.registry.pull_from(&principal, name)?;
    let InPath(reference) = reference?;
    let paging = Paging::read(&query, PAGE)?;
    let skip = u64::try_from(paging.after_number()?).unwrap_or(0);
    let report = chosen(&pull, &reference, &query).await?;
    let at_least = severity(&query)?.unwrap_or_default();
    let page = pull.findings(&report, at_least, skip, paging.limit).await?;
    let next = page.more.then_some(skip + page.items.len() as u64);
    Ok(Json(ScanFindings { findings: page.items.into_iter().map(Into::into).collect(), next }))
}

/// List the packages of an image
#[utoipa::path(
    get,
    path = "/repositories/{name}/scans/{reference}/packages",
    tag = "scans",
    params(
        ("name" = String, Path, example = "team%2Fapp"),
        ("reference" = String, Path, description = "a tag or a digest"),
        ("scanner" = Option<String>, Query, description = "by this one; without it, the first that has a result"),
        ("image" = Option<String>, Query, description = "of an index: which of its images"),
        ("n" = Option<u64>, Query),
        ("last" = Option<u64>, Query)
    ),
    responses((status = 200, body = ScanPackages))
)]
pub(super) async fn packages(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    reference: Result<InPath<Reference>, Error>,
    query: Query,
) -> Result<Json<ScanPackages>, Error> {
    let pull = app.registry.pull_from(&principal, name)?;
    let InPath(reference) = reference?;
    let paging = Paging::read(&query, PAGE)?;
    let skip = u64::try_from(paging.after_number()?).unwrap_or(0);
    let report = chosen(&pull, &reference, &query).await?;
    let page = pull.packages(&report, skip, paging.limit).await?;
    let next = page.more.then_some(skip + page.items.len() as u64);
    Ok(Json(ScanPackages { packages: page.items.into_iter().map(Into::into).collect(), next }))
}
