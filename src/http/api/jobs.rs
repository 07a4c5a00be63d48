//! Jobs: work that waits, runs, has ended or failed.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::input::number;
use super::{PAGE, moment};
use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;
use crate::http::extract::{Paging, Query};
use crate::meta::{Job, JobFilter, JobLine, JobState};

/// A piece of work.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobView {
    id: i64,
    kind: String,
    /// `blocked` behind another of its lane, `waiting`, `running`, `done`, `failed`, or `cancelled`.
    state: String,
    /// What it is about, such as `webhook/7`; may be empty.
    subject: String,
    /// Jobs of one lane run one after another; empty for those beside all others.
    lane: String,
    /// What to do; what is in here depends on the kind.
    #[schema(value_type = Object)]
    payload: serde_json::Value,
    attempts: u32,
    most_attempts: u32,
    /// Not before.
    run_at: String,
    /// Why the last attempt failed, or what came of it.
    reason: Option<String>,
    /// How far it has come; what is in here depends on the kind.
    #[schema(value_type = Option<Object>)]
    progress: Option<serde_json::Value>,
    /// Whether it was told to end.
    wants_cancel: bool,
    /// The event that it follows from.
    event_id: Option<u64>,
    created_at: String,
    created_by: String,
    started_at: Option<String>,
    finished_at: Option<String>,
}

/// A line of what a job said.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Line {
    at: String,
    message: String,
}

/// A job, and what it said.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WholeJob {
    job: JobView,
    /// The last 1,000 lines.
    log: Vec<Line>,
}

/// A page of jobs, the latest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Jobs {
    jobs: Vec<JobView>,
    /// The `before` of the next page.
    next: Option<i64>,
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        Self {
            id: job.id,
            kind: job.kind,
            state: job.state.as_str().to_owned(),
            subject: job.subject,
            lane: job.lane,
            payload: job.payload,
            attempts: job.attempts,
            most_attempts: job.most_attempts,
            run_at: moment(job.run_at),
            reason: job.reason,
            progress: job.progress,
            wants_cancel: job.wants_cancel,
            event_id: job.event_id,
            created_at: moment(job.created_at),
            created_by: job.created_by,
            started_at: job.started_at.map(moment),
            finished_at: job.finished_at.map(moment),
        }
    }
}

impl From<JobLine> for Line {
    fn from(line: JobLine) -> Self {
        Self { at: moment(line.at), message: line.message }
    }
}

/// List jobs
///
/// The latest first.
#[utoipa::path(
    get,
    path = "/jobs",
    tag = "jobs",
    params(
        ("kind" = Option<String>, Query),
        ("state" = Option<String>, Query),
        ("subject" = Option<String>, Query, description = "about this, such as `webhook/7`"),
        ("n" = Option<u64>, Query),
        ("before" = Option<i64>, Query)
    ),
    responses((status = 200, body = Jobs))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
) -> Result<Json<Jobs>, Error> {
    let administer = app.auth.administer(&principal)?;
    let paging = Paging::read(&query, PAGE)?;
    let before = query.get("before").map(number).transpose()?;
    let state = query.get("state").map(|text| {
        JobState::parse(text).ok_or_else(|| {
            Error::invalid("`state` is blocked, waiting, running, done, failed or cancelled")
        })
    });
    let filter = JobFilter {
        kind: query.get("kind").map(str::to_owned),
        state: state.transpose()?,
        subject: query.get("subject").map(str::to_owned),
    };
    let found = app.worker.jobs(&administer, filter, before, paging.limit_and_one()).await?;
    let page = paging.cut(found);
    let next = page.next(|job| job.id);
    Ok(Json(Jobs { jobs: page.items.into_iter().map(Into::into).collect(), next }))
}

/// Show a job, and what it said
#[utoipa::path(
    get,
    path = "/jobs/{id}",
    tag = "jobs",
    params(("id" = i64, Path)),
    responses((status = 200, body = WholeJob))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<WholeJob>, Error> {
    let administer = app.auth.administer(&principal)?;
    let (job, log) = app.worker.job(&administer, number(&id)?).await?;
    Ok(Json(WholeJob { job: job.into(), log: log.into_iter().map(Into::into).collect() }))
}

/// Cancel a job
///
/// At once if it waits; one that runs is told to end.
#[utoipa::path(
    post,
    path = "/jobs/{id}/cancel",
    tag = "jobs",
    params(("id" = i64, Path)),
    responses((status = 200, body = JobView))
)]
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<JobView>, Error> {
    let administer = app.auth.administer(&principal)?;
    Ok(Json(app.worker.cancel_job(&administer, number(&id)?).await?.into()))
}

/// Try a job again
///
/// One that failed or was cancelled, from its first attempt.
#[utoipa::path(
    post,
    path = "/jobs/{id}/retry",
    tag = "jobs",
    params(("id" = i64, Path)),
    responses((status = 200, body = JobView))
)]
pub(super) async fn retry(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<JobView>, Error> {
    let administer = app.auth.administer(&principal)?;
    Ok(Json(app.worker.retry_job(&administer, number(&id)?).await?.into()))
}
