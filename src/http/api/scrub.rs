//! Scrubs: beginning one, what the latest did, and what they found.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::gc::UpkeepRuns;
use super::input::{Input, number};
use super::jobs::JobView;
use super::{PAGE, moment};
use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;
use crate::http::extract::{Paging, Query};
use crate::meta::{DamagedBlob, UpkeepKind};
use crate::oci::{Digest, RepositoryName};
use crate::registry::Page;

/// Runs that are shown.
const RUNS: u64 = 50;

/// What is wanted of a scrub: nothing can be chosen yet.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScrubWish {}

/// A blob whose bytes are missing or damaged. It is in no answer until it is pushed again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DamagedBlobView {
    #[schema(value_type = String)]
    digest: Digest,
    size_bytes: u64,
    /// `missing` or `damaged`.
    reason: String,
    /// The digest that the bytes have.
    #[schema(value_type = Option<String>)]
    actual: Option<Digest>,
    found_at: String,
    /// Repositories that have it, at most 20.
    #[schema(value_type = Vec<String>)]
    repositories: Vec<RepositoryName>,
}

/// A page of damaged blobs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DamagedBlobs {
    blobs: Vec<DamagedBlobView>,
    /// The `last` of the next page.
    next: Option<String>,
}

impl From<DamagedBlob> for DamagedBlobView {
    fn from(blob: DamagedBlob) -> Self {
        Self {
            digest: blob.digest,
            size_bytes: blob.size,
            reason: blob.reason,
            actual: blob.actual,
            found_at: moment(blob.found_at),
            repositories: blob.repositories,
        }
    }
}

/// Show what the latest scrubs did
///
/// `done` has `blobs` and `bytes` that were read, those that are `damaged` or `missing`, and those that are `whole_again`.
#[utoipa::path(get, path = "/scrub", tag = "upkeep", responses((status = 200, body = UpkeepRuns)))]
pub(super) async fn status(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<UpkeepRuns>, Error> {
    let administer = app.auth.administer(&principal)?;
    let runs = app.worker.upkeep(&administer, UpkeepKind::Scrub, RUNS).await?;
    Ok(Json(runs.into()))
}

/// Begin a scrub
///
/// It is a job; if one waits already, that one is answered.
#[utoipa::path(
    post,
    path = "/scrub/run",
    tag = "upkeep",
    request_body = ScrubWish,
    responses((status = 202, body = JobView))
)]
pub(super) async fn run(
    State(app): State<Arc<App>>,
    principal: Principal,
    Input(ScrubWish {}): Input<ScrubWish>,
) -> Result<(StatusCode, Json<JobView>), Error> {
    let administer = app.auth.administer(&principal)?;
    let job = app.worker.begin_scrub(&administer).await?;
    Ok((StatusCode::ACCEPTED, Json(job.into())))
}

/// List blobs whose bytes are missing or damaged
#[utoipa::path(
    get,
    path = "/scrub/damaged",
    tag = "upkeep",
    params(("n" = Option<u64>, Query), ("last" = Option<String>, Query)),
    responses((status = 200, body = DamagedBlobs))
)]
pub(super) async fn damaged(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
) -> Result<Json<DamagedBlobs>, Error> {
    let administer = app.auth.administer(&principal)?;
    let paging = Paging::read(&query, PAGE)?;
    let after = query.get("last").map_or(Ok(0), number)?;
    let found = app.worker.damaged(&administer, after, paging.limit_and_one()).await?;
    let page = Page::cut(found, paging.limit);
    let next = page.next(|blob| blob.id.to_string());
    Ok(Json(DamagedBlobs { blobs: page.items.into_iter().map(Into::into).collect(), next }))
}
