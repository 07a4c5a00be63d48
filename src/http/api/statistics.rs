//! How much is stored, pulled and pushed, over time.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::moment;
use crate::app::App;
use crate::auth::Principal;
use crate::clock::Timestamp;
use crate::http::Error;
use crate::http::extract::{InPath, Query};
use crate::meta::{DayOfGrowth, DayOfTraffic};
use crate::oci::RepositoryName;

/// Days that are shown if nobody says how many.
const DAYS: u64 = 30;

/// Pulls and pushes of one day, in UTC.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Traffic {
    day: String,
    /// Manifests that were pulled.
    pulls: u64,
    /// Manifests that were pushed.
    pushes: u64,
}

/// How much there was at the end of a day, or is now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Growth {
    at: String,
    /// Blobs, each counted once.
    blobs: u64,
    blob_bytes: u64,
    repositories: u64,
    manifests: u64,
    tags: u64,
}

/// The registry over time. Days without anything are left out.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Statistics {
    traffic: Vec<Traffic>,
    /// Counted every minute; the last entry is of today.
    growth: Vec<Growth>,
}

/// A repository over time. Days without anything are left out.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RepositoryStatistics {
    traffic: Vec<Traffic>,
}

impl From<DayOfTraffic> for Traffic {
    fn from(day: DayOfTraffic) -> Self {
        Self { day: moment(day.day), pulls: day.pulls, pushes: day.pushes }
    }
}

impl From<DayOfGrowth> for Growth {
    fn from(day: DayOfGrowth) -> Self {
        Self {
            at: moment(day.at),
            blobs: day.blobs,
            blob_bytes: day.blob_bytes,
            repositories: day.repositories,
            manifests: day.manifests,
            tags: day.tags,
        }
    }
}

/// Since when, as `days` says.
fn since(app: &App, query: &Query) -> Result<Timestamp, Error> {
    let days = match query.get("days") {
        None => DAYS,
        Some(text) => text.parse().map_err(|_| Error::invalid("`days` is a number"))?,
    };
    // Today is one of them.
    let days = days.clamp(1, 3660) - 1;
    Ok(app.clock.now() - Duration::from_secs(days * 86_400))
}

/// Show how the registry grows and is used
#[utoipa::path(
    get,
    path = "/statistics",
    tag = "system",
    params(("days" = Option<u64>, Query)),
    responses((status = 200, body = Statistics))
)]
pub(super) async fn registry(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
) -> Result<Json<Statistics>, Error> {
    app.auth.administer(&principal)?;
    let since = since(&app, &query)?;
    let traffic = app.meta.list_traffic(None, since).await?;
    let growth = app.meta.list_growth(since).await?;
    Ok(Json(Statistics {
        traffic: traffic.into_iter().map(Into::into).collect(),
        growth: growth.into_iter().map(Into::into).collect(),
    }))
}

/// Show how a repository is used
#[utoipa::path(
    get,
    path = "/repositories/{name}/statistics",
    tag = "repositories",
    params(("name" = String, Path, example = "team%2Fapp"), ("days" = Option<u64>, Query)),
    responses((status = 200, body = RepositoryStatistics))
)]
pub(super) async fn repository(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    query: Query,
) -> Result<Json<RepositoryStatistics>, Error> {
    let traffic = app.registry.pull_from(&principal, name)?.traffic(since(&app, &query)?).await?;
    Ok(Json(RepositoryStatistics { traffic: traffic.into_iter().map(Into::into).collect() }))
}
