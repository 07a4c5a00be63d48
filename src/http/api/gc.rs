//! Garbage collection: beginning one, and what the latest did.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Input;
use super::jobs::JobView;
use super::moment;
use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;
use crate::meta::{Upkeep, UpkeepKind};
use crate::worker::CollectWish;

/// Runs that are shown.
const RUNS: u64 = 50;

/// What is wanted of a collection.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GcWish {
    /// Only say what would go.
    #[serde(default)]
    dry_run: bool,
    /// Look for objects that no row knows, instead; with `dry_run` they are only listed, in the log of the job.
    #[serde(default)]
    orphans: bool,
}

/// A run.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UpkeepRunView {
    id: i64,
    /// The job that did it; jobs are forgotten sooner than runs.
    job: i64,
    started_at: String,
    /// `null` if it runs, or waits to go on.
    finished_at: Option<String>,
    /// What it did: rows that were `examined` and those of them that were `kept`, `manifests`, `links` (blobs that repositories
    /// let go of), `blobs` with their `bytes`, entries of the `trash` whose time was over, and `objects` that were removed.
    #[schema(value_type = Object)]
    done: serde_json::Value,
}

/// The latest runs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UpkeepRuns {
    runs: Vec<UpkeepRunView>,
}

impl From<Upkeep> for UpkeepRunView {
    fn from(run: Upkeep) -> Self {
        Self {
            id: run.id,
            job: run.job,
            started_at: moment(run.started_at),
            finished_at: run.finished_at.map(moment),
            done: run.detail,
        }
    }
}

impl From<Vec<Upkeep>> for UpkeepRuns {
    fn from(runs: Vec<Upkeep>) -> Self {
        Self { runs: runs.into_iter().map(Into::into).collect() }
    }
}

/// Show what the latest collections did
#[utoipa::path(get, path = "/gc", tag = "upkeep", responses((status = 200, body = UpkeepRuns)))]
pub(super) async fn status(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<UpkeepRuns>, Error> {
    let administer = app.auth.administer(&principal)?;
    let runs = app.worker.upkeep(&administer, UpkeepKind::Gc, RUNS).await?;
    Ok(Json(runs.into()))
}

/// Begin a collection
///
/// It is a job; if one of the kind waits already, that one is answered.
#[utoipa::path(
    post,
    path = "/gc/run",
    tag = "upkeep",
    request_body = GcWish,
    responses((status = 202, body = JobView))
)]
pub(super) async fn run(
    State(app): State<Arc<App>>,
    principal: Principal,
    Input(wish): Input<GcWish>,
) -> Result<(StatusCode, Json<JobView>), Error> {
    let administer = app.auth.administer(&principal)?;
    let wish = CollectWish { dry_run: wish.dry_run, orphans: wish.orphans };
    let job = app.worker.begin_collection(&administer, wish).await?;
    Ok((StatusCode::ACCEPTED, Json(job.into())))
}
