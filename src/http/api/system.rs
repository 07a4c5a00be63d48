//! The registry itself: what it is, how it is set, and what asks for somebody's attention.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::{certificates, moment};
use crate::app::App;
use crate::auth::Principal;
use crate::clock::Timestamp;
use crate::config::KEYS;
use crate::http::Error;
use crate::meta::{JobFilter, JobState};

/// A job that failed is told of for so long.
const TELL_FAILED: Duration = Duration::from_hours(48);

/// This Berth.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct System {
    version: String,
    started_at: String,
    /// Where blobs go: `fs`, `memory`, `s3`, `azblob` or `gcs`.
    backend: String,
    /// Bytes of the database file.
    database_bytes: Option<u64>,
    /// Bytes that may still be written to the disk of the data directory.
    disk_free_bytes: Option<u64>,
    /// Bytes of it that pushes leave alone.
    disk_reserve_bytes: Option<u64>,
    /// Whether Berth itself speaks TLS.
    has_tls: bool,
    /// The URL that clients use, if it is set.
    public_url: Option<String>,
}

/// A setting that is in force.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SettingView {
    key: String,
    /// As TOML writes it; secrets are masked.
    value: String,
    /// `default`, a line of the file, a variable of the environment, or a flag.
    source: String,
    /// What it means.
    explanation: String,
}

/// All settings.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Settings {
    settings: Vec<SettingView>,
}

/// Something that asks for attention.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Warning {
    /// `error` when something does not work, `warning` when it will not for long.
    pub(super) severity: String,
    /// `backup`, `certificate`, `disk`, `jobs`, `webhook`, `tls`.
    pub(super) kind: String,
    /// What it is about: a webhook's name, a kind of job, a file; may be empty.
    pub(super) subject: String,
    /// What is wrong, and what to do.
    pub(super) message: String,
}

/// What asks for attention, the worst first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Warnings {
    warnings: Vec<Warning>,
}

/// Show what this Berth is
#[utoipa::path(get, path = "/system", tag = "system", responses((status = 200, body = System)))]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<System>, Error> {
    app.auth.administer(&principal)?;
    let started = app.started().duration_since(UNIX_EPOCH).unwrap_or_default();
    let started = Timestamp::from_millis(i64::try_from(started.as_millis()).unwrap_or(0));
    let disk = disk(&app).await;
    let backend = serde_json::to_value(app.config.storage.backend).map_err(Error::internal)?;
    Ok(Json(System {
        version: env!("CARGO_PKG_VERSION").into(),
        started_at: moment(started),
        backend: backend.as_str().unwrap_or_default().to_owned(),
        database_bytes: app.database_size().await,
        disk_free_bytes: disk.map(|disk| disk.free),
        disk_reserve_bytes: disk.map(|disk| disk.reserve),
        has_tls: app.config.server.tls.certificate.is_some(),
        public_url: app.config.server.public_url.clone(),
    }))
}

async fn disk(app: &App) -> Option<crate::blob::Free> {
    let space = Arc::clone(app.blobs.space());
    tokio::task::spawn_blocking(move || space.free().ok()).await.ok().flatten()
}

/// Show every setting that is in force
///
/// With where it comes from. Secrets are masked.
#[utoipa::path(
    get,
    path = "/system/configuration",
    tag = "system",
    responses((status = 200, body = Settings))
)]
pub(super) async fn configuration(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<Settings>, Error> {
    app.auth.administer(&principal)?;
    let known = app.settings.get().map_or(&[][..], Vec::as_slice);
    let explain = |key: &str| {
        let fits = |known: &str| {
            key == known || key.strip_prefix(known).is_some_and(|rest| rest.starts_with('.'))
        };
        KEYS.iter().find(|(known, _)| fits(known)).map_or("", |(_, text)| *text)
    };
    let settings = known.iter().map(|(key, value, source)| SettingView {
        key: key.clone(),
        value: value.clone(),
        source: source.to_string(),
        explanation: explain(key).to_owned(),
    });
    Ok(Json(Settings { settings: settings.collect() }))
}

/// List what asks for attention
#[utoipa::path(get, path = "/system/warnings", tag = "system", responses((status = 200, body = Warnings)))]
pub(super) async fn warnings(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<Warnings>, Error> {
    app.auth.administer(&principal)?;
    let mut warnings = Vec::new();
    warnings.extend(disk(&app).await.and_then(|disk| disk_warning(disk.free, disk.reserve)));
    warnings.extend(failed_jobs(&app).await?);
    warnings.extend(app.worker.backup_standing().await?.warning.map(|message| Warning {
        severity: "error".into(),
        kind: "backup".into(),
        subject: String::new(),
        message,
    }));
    warnings.extend(ending_certificates(&app).await);
    if app.config.server.tls.certificate.is_none()
        && app.config.server.public_url.is_none()
        && !app.config.server.listen.ip().is_loopback()
    {
        warnings.push(Warning {
            severity: "warning".into(),
            kind: "tls".into(),
            subject: String::new(),
            message: "Passwords travel in the clear: set `server.tls`, or `server.public_url` if a proxy adds it.".into(),
        });
    }
    warnings.sort_by(|a, b| a.severity.cmp(&b.severity));
    Ok(Json(Warnings { warnings }))
}

async fn ending_certificates(app: &App) -> Vec<Warning> {
    let (tls, now) = (app.config.server.tls.clone(), app.clock.now());
    let look = tokio::task::spawn_blocking(move || certificates::warnings(&tls, now));
    look.await.unwrap_or_default()
}

fn disk_warning(free: u64, reserve: u64) -> Option<Warning> {
    let warning = |severity: &str, message: String| Warning {
        severity: severity.to_owned(),
        kind: "disk".into(),
        subject: String::new(),
        message,
    };
    let mib = free >> 20;
    if free <= reserve {
        let message = format!(
            "The disk is full: {mib} MiB are left, which pushes leave alone. Delete what is not needed, or make the disk larger."
        );
        return Some(warning("error", message));
    }
    (free < reserve.saturating_mul(3)).then(|| {
        warning(
            "warning",
            format!("The disk is nearly full: {mib} MiB are left. Pushes are refused soon."),
        )
    })
}

/// Jobs that failed of late, one warning for each kind and what it is about.
async fn failed_jobs(app: &App) -> Result<Vec<Warning>, Error> {
    let filter = JobFilter { state: Some(JobState::Failed), ..JobFilter::default() };
    let failed = app.meta.list_jobs(filter, None, 200).await?;
    let since = app.clock.now() - TELL_FAILED;
    let mut found: Vec<(String, String, u64, String)> = Vec::new();
    for job in failed.into_iter().filter(|job| job.finished_at.is_some_and(|at| at > since)) {
        match found
            .iter_mut()
            .find(|(kind, subject, ..)| *kind == job.kind && *subject == job.subject)
        {
            Some((_, _, count, _)) => *count += 1,
            None => found.push((job.kind, job.subject, 1, job.reason.unwrap_or_default())),
        }
    }
    Ok(found
        .into_iter()
        .map(|(kind, subject, count, reason)| Warning {
            severity: "error".into(),
            kind: "jobs".into(),
            message: format!(
                "{count} failed {}: {kind}{}. {reason}",
                if count == 1 { "job" } else { "jobs" },
                if subject.is_empty() { String::new() } else { format!(" of {subject}") },
            ),
            subject: kind,
        })
        .collect())
}
