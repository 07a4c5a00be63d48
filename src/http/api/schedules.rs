//! What Berth does again and again.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::jobs::JobView;
use super::moment;
use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;
use crate::worker::ScheduleState;

/// Something that is done again and again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScheduleView {
    name: String,
    /// The setting that says when.
    #[schema(example = "gc.schedule")]
    key: String,
    /// As a crontab has it, and a time zone; `null`: only when somebody asks.
    #[schema(example = "0 3 * * * Europe/Berlin")]
    rule: Option<String>,
    /// `null` if it is off, or nobody has served since it was set.
    next_run_at: Option<String>,
    /// When it was last due.
    last_run_at: Option<String>,
    /// What came of that, as long as it is kept.
    last_job: Option<JobView>,
}

/// All of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Schedules {
    schedules: Vec<ScheduleView>,
}

impl From<ScheduleState> for ScheduleView {
    fn from(state: ScheduleState) -> Self {
        Self {
            name: state.scheduled.name.to_owned(),
            key: state.scheduled.key.to_owned(),
            rule: state.scheduled.rule.map(Into::into),
            next_run_at: state.next_run_at.map(moment),
            last_run_at: state.last_run_at.map(moment),
            last_job: state.last_job.map(Into::into),
        }
    }
}

/// List what Berth does again and again
///
/// With when it was last due, what came of that, and when it is due next.
#[utoipa::path(get, path = "/schedules", tag = "jobs", responses((status = 200, body = Schedules)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<Schedules>, Error> {
    let administer = app.auth.administer(&principal)?;
    let schedules = app.worker.schedules(&administer).await?;
    Ok(Json(Schedules { schedules: schedules.into_iter().map(Into::into).collect() }))
}
