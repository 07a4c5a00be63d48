//! `berth doctor`, asked of a running Berth: it looks at itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Principal;
use crate::doctor::{Doctor, Finding, Severity};
use crate::http::Error;

/// Something that was looked at.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DoctorFindingView {
    /// `disk`, `files`, `database`, `blobs`, `clock`, `bucket`, `backup`, `dns`, `tls` or `proxy`.
    check: String,
    /// `good`, `note`, `warning` (it works, and will not for ever or not for everybody) or `problem` (it does not work).
    severity: String,
    /// What was found.
    what: String,
    /// What to do.
    mend: Option<String>,
}

/// All findings, in the order in which somebody would mend them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Diagnosis {
    problems: usize,
    warnings: usize,
    findings: Vec<DoctorFindingView>,
}

impl From<Finding> for DoctorFindingView {
    fn from(found: Finding) -> Self {
        Self {
            check: found.check.to_owned(),
            severity: found.severity.as_str().to_owned(),
            what: found.what,
            mend: found.mend,
        }
    }
}

/// Look at this Berth from all sides
///
/// At its disk, files, database, clock and buckets, and at its public URL as clients see it. It reads the whole database, which
/// may take minutes.
#[utoipa::path(post, path = "/doctor", tag = "doctor", responses((status = 200, body = Diagnosis)))]
pub(super) async fn look(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<Diagnosis>, Error> {
    app.auth.administer(&principal)?;
    let doctor = Doctor {
        config: app.config.clone(),
        now: app.clock.now(),
        offline: false,
        url: None,
        authorities: Vec::new(),
    };
    let findings = Box::pin(doctor.look()).await;
    let number = |severity| findings.iter().filter(|found| found.severity == severity).count();
    Ok(Json(Diagnosis {
        problems: number(Severity::Problem),
        warnings: number(Severity::Warning),
        findings: findings.into_iter().map(Into::into).collect(),
    }))
}
