//! Backups: those that are there, how they stand, and taking one.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Input;
use super::jobs::JobView;
use super::moment;
use crate::app::App;
use crate::auth::Principal;
use crate::backup::Listed;
use crate::http::Error;
use crate::meta::{BackupFailure, LastBackup};
use crate::worker::{BackupStanding, SnapshotState};

/// A backup.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BackupView {
    /// Its name; those of later ones sort behind it.
    #[schema(example = "20261125T031500Z-1f0a2b")]
    id: String,
    /// Why nothing else is known of it; `null` if it can be read.
    error: Option<String>,
    /// The moment that it shows.
    at: Option<String>,
    repositories: Option<u64>,
    tags: Option<u64>,
    manifests: Option<u64>,
    blobs: Option<u64>,
    /// Bytes of all blobs in it.
    blob_bytes: Option<u64>,
    /// Bytes that had to be sent for it.
    sent_bytes: Option<u64>,
    is_encrypted: Option<bool>,
    /// Whether the key file is in it.
    has_key: Option<bool>,
    /// Blobs that the registry itself could not read.
    damaged: Option<u64>,
}

/// Backups, the latest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Backups {
    backups: Vec<BackupView>,
}

/// The last backup that was taken.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LastBackupView {
    id: String,
    /// When it was complete.
    at: String,
    blobs: u64,
    blob_bytes: u64,
    sent_bytes: u64,
    /// Blobs that the registry itself could not read.
    damaged: u64,
}

/// Something that failed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BackupFailureView {
    at: String,
    reason: String,
}

/// Snapshots of the database in the bucket of the blobs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SnapshotsView {
    /// The last one.
    id: Option<String>,
    /// The moment that it shows.
    at: Option<String>,
    /// Why none can be written.
    failure: Option<String>,
}

/// How backups stand.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BackupStandingView {
    /// Where backups go; `null`: nowhere, as `backup.directory` and `backup.backend` are not set.
    place: Option<String>,
    /// `backup.schedule`; `null`: only when somebody asks.
    schedule: Option<String>,
    next_run_at: Option<String>,
    /// How many are kept; 0: all.
    keep: u32,
    is_encrypted: bool,
    last: Option<LastBackupView>,
    /// What has failed since the last one.
    failure: Option<BackupFailureView>,
    /// When one was last looked through, and found good.
    verified_at: Option<String>,
    /// The job that takes one, or is about to.
    job: Option<JobView>,
    /// `null` where blobs are files, or with `backup.snapshot_every = "0s"`.
    snapshots: Option<SnapshotsView>,
    /// What somebody should look at, in words.
    warning: Option<String>,
}

/// How to look a backup through.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct BackupVerification {
    /// Only whether every file is there, and as long as it was.
    quick: bool,
}

impl From<Listed> for BackupView {
    fn from(listed: Listed) -> Self {
        let (manifest, error) = match listed.manifest {
            Ok(manifest) => (Some(manifest), None),
            Err(error) => (None, Some(error)),
        };
        let of = manifest.as_ref();
        let summary = of.map(|manifest| &manifest.summary);
        Self {
            id: listed.id,
            error,
            at: of.map(|manifest| moment(manifest.at)),
            repositories: summary.map(|summary| summary.repositories),
            tags: summary.map(|summary| summary.tags),
            manifests: summary.map(|summary| summary.manifests),
            blobs: summary.map(|summary| summary.blobs),
            blob_bytes: summary.map(|summary| summary.blob_bytes),
            sent_bytes: of.map(|manifest| manifest.sent_bytes),
            is_encrypted: of.map(crate::backup::Manifest::is_encrypted),
            has_key: of.map(|manifest| manifest.key.is_some()),
            damaged: of.map(|manifest| manifest.damaged.len() as u64),
        }
    }
}

impl From<LastBackup> for LastBackupView {
    fn from(last: LastBackup) -> Self {
        let LastBackup { id, at, blobs, blob_bytes, sent_bytes, damaged } = last;
        Self { id, at: moment(at), blobs, blob_bytes, sent_bytes, damaged }
    }
}

impl From<BackupFailure> for BackupFailureView {
    fn from(failure: BackupFailure) -> Self {
        Self { at: moment(failure.at), reason: failure.reason }
    }
}

impl From<SnapshotState> for SnapshotsView {
    fn from(state: SnapshotState) -> Self {
        Self { id: state.id, at: state.at.map(moment), failure: state.failure }
    }
}

impl From<BackupStanding> for BackupStandingView {
    fn from(standing: BackupStanding) -> Self {
        Self {
            place: standing.place,
            schedule: standing.schedule.map(Into::into),
            next_run_at: standing.next_run_at.map(moment),
            keep: standing.keep,
            is_encrypted: standing.is_encrypted,
            last: standing.record.last.map(Into::into),
            failure: standing.record.failure.map(Into::into),
            verified_at: standing.record.verified_at.map(moment),
            job: standing.job.map(Into::into),
            snapshots: standing.snapshots.map(Into::into),
            warning: standing.warning,
        }
    }
}

/// List the backups that are there
///
/// Their place is asked, which may take a while.
#[utoipa::path(get, path = "/backups", tag = "backups", responses((status = 200, body = Backups)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<Backups>, Error> {
    let administer = app.auth.administer(&principal)?;
    let mut listed = app.worker.list_backups(&administer).await?;
    listed.reverse();
    Ok(Json(Backups { backups: listed.into_iter().map(Into::into).collect() }))
}

/// Show how backups stand
///
/// By what Berth has written down: their place is not asked.
#[utoipa::path(
    get,
    path = "/backups/standing",
    tag = "backups",
    responses((status = 200, body = BackupStandingView))
)]
pub(super) async fn standing(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<BackupStandingView>, Error> {
    app.auth.administer(&principal)?;
    Ok(Json(app.worker.backup_standing().await?.into()))
}

/// Take a backup
///
/// It is a job, or the one that waits to begin; backups that are too many go afterwards.
#[utoipa::path(
    post,
    path = "/backups",
    tag = "backups",
    responses((status = 202, body = JobView), (status = 409, description = "there is no place for it"))
)]
pub(super) async fn start(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<(StatusCode, Json<JobView>), Error> {
    let administer = app.auth.administer(&principal)?;
    Ok((StatusCode::ACCEPTED, Json(app.worker.start_backup(&administer).await?.into())))
}

/// Look a backup through
///
/// A job that rehearses a restore, and fails if not all of it could be restored; its log says what. Of an encrypted backup it
/// compares names and sizes alone: this machine cannot read it. `latest` is the latest.
#[utoipa::path(
    post,
    path = "/backups/{id}/verify",
    tag = "backups",
    params(("id" = String, Path)),
    request_body = BackupVerification,
    responses((status = 202, body = JobView))
)]
pub(super) async fn verify(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
    Input(wish): Input<BackupVerification>,
) -> Result<(StatusCode, Json<JobView>), Error> {
    let administer = app.auth.administer(&principal)?;
    let id = (id != "latest").then_some(id);
    let job = app.worker.start_verify(&administer, id, wish.quick).await?;
    Ok((StatusCode::ACCEPTED, Json(job.into())))
}
