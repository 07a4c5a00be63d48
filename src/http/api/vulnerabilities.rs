//! Findings and packages of all repositories: where something is.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::PAGE;
use super::scans::{FindingView, FoundPackageView, severity};
use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;
use crate::http::extract::{Paging, Query};
use crate::meta::{FindingFilter, Located, ScanPlace};
use crate::oci::{Digest, RepositoryName};

/// Something that was found, and where.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Vulnerability {
    #[schema(value_type = String)]
    repository: RepositoryName,
    /// The image.
    #[schema(value_type = String)]
    digest: Digest,
    scanner: String,
    finding: FindingView,
}

/// A page of findings of all repositories, the worst first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Vulnerabilities {
    vulnerabilities: Vec<Vulnerability>,
    /// The `last` of the next page.
    next: Option<String>,
}

/// A package, and where it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlacedPackage {
    #[schema(value_type = String)]
    repository: RepositoryName,
    /// The image.
    #[schema(value_type = String)]
    digest: Digest,
    scanner: String,
    package: FoundPackageView,
}

/// A page of places where a package is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlacedPackages {
    packages: Vec<PlacedPackage>,
    /// The `last` of the next page.
    next: Option<String>,
}

/// A place as text that goes into a query.
fn cursor<T>(found: &Located<T>) -> String {
    let ScanPlace { rank, report, number, repository } = found.place;
    format!("{rank}.{report}.{number}.{repository}")
}

fn place(text: &str) -> Result<Option<ScanPlace>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    let numbers: Vec<i64> = text.split('.').filter_map(|part| part.parse().ok()).collect();
    let [rank, report, number, repository] = numbers[..] else {
        return Err(Error::invalid("`last` is what the page before gave as `next`"));
    };
    let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
    let (rank, number) = (unsigned(rank), unsigned(number));
    Ok(Some(ScanPlace { rank, report, number, repository }))
}

/// List what was found in all repositories
///
/// In those that one may pull from, the worst first.
#[utoipa::path(
    get,
    path = "/vulnerabilities",
    tag = "scans",
    params(
        ("package" = Option<String>, Query, description = "in this package"),
        ("id" = Option<String>, Query, description = "of this name, such as `CVE-2026-1234`"),
        ("severity" = Option<String>, Query, description = "at least so bad"),
        ("fixed" = Option<bool>, Query, description = "with a version that mends it, or without"),
        ("repository" = Option<String>, Query),
        ("n" = Option<u64>, Query),
        ("last" = Option<String>, Query)
    ),
    responses((status = 200, body = Vulnerabilities))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
) -> Result<Json<Vulnerabilities>, Error> {
    let catalog = app.registry.catalog(&principal)?;
    let paging = Paging::read(&query, PAGE)?;
    let repository = query.get("repository").map(str::parse::<RepositoryName>).transpose();
    let fixed = query.get("fixed").map(|text| match text {
        "true" | "1" | "" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(Error::invalid("`fixed` is true or false")),
    });
    let filter = FindingFilter {
        package: query.get("package").map(str::to_owned),
        name: query.get("id").map(str::to_owned),
        severity: severity(&query)?,
        fixed: fixed.transpose()?,
        repository: repository.map_err(|error| Error::invalid(error.to_string()))?,
    };
    let page = catalog.findings(filter, place(&paging.after)?, paging.limit).await?;
    let next = page.next(cursor);
    let view = |found: Located<_>| Vulnerability {
        repository: found.repository,
        digest: found.digest,
        scanner: found.scanner,
        finding: FindingView::from(found.what),
    };
    Ok(Json(Vulnerabilities { vulnerabilities: page.items.into_iter().map(view).collect(), next }))
}

/// Find a package in all repositories
///
/// In those that one may pull from.
#[utoipa::path(
    get,
    path = "/packages",
    tag = "scans",
    params(
        ("name" = Option<String>, Query, description = "the package, such as `openssl`"),
        ("n" = Option<u64>, Query),
        ("last" = Option<String>, Query)
    ),
    responses((status = 200, body = PlacedPackages))
)]
pub(super) async fn packages(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
) -> Result<Json<PlacedPackages>, Error> {
    let catalog = app.registry.catalog(&principal)?;
    let paging = Paging::read(&query, PAGE)?;
    let name = query.get("name").unwrap_or_default();
    let page = catalog.packages(name, place(&paging.after)?, paging.limit).await?;
    let next = page.next(cursor);
    let view = |found: Located<_>| PlacedPackage {
        repository: found.repository,
        digest: found.digest,
        scanner: found.scanner,
        package: FoundPackageView::from(found.what),
    };
    Ok(Json(PlacedPackages { packages: page.items.into_iter().map(view).collect(), next }))
}
