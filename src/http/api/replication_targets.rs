//! Replication targets: places that content is copied to.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Input;
use super::moment;
use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;
use crate::meta::{
    ReplicationPlace, ReplicationTarget, TargetCredentials, TargetSettings, TargetWish,
};
use crate::secret::Secret;

/// A place that content is copied to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReplicationTargetView {
    name: String,
    /// `registry` or `plugin`.
    kind: String,
    /// The address of a registry, or the name of a plugin.
    place: String,
    /// What a repository is called there: `{repository}` is its name here, `{name}` the last part of it.
    naming: String,
    /// Who we are there.
    username: Option<String>,
    /// Certificates (PEM) of authorities that are trusted beside the system's.
    authorities: String,
    /// How many blobs are on their way at the same time.
    parallel: u32,
    /// Bytes a second at most, of all blobs together.
    bytes_per_second: Option<u64>,
    /// Blobs are sent in pieces of at most this many bytes.
    chunk_bytes: Option<u64>,
    is_paused: bool,
    created_at: String,
    created_by: String,
}

/// All targets, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReplicationTargets {
    targets: Vec<ReplicationTargetView>,
}

/// A target to be made: with `url` or `plugin`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewReplicationTarget {
    name: String,
    /// The address of another registry: `https://HOST`, or `http://HOST` without TLS.
    url: Option<String>,
    /// The name of an installed plugin.
    plugin: Option<String>,
    naming: Option<String>,
    username: Option<String>,
    password: Option<String>,
    authorities: Option<String>,
    parallel: Option<u32>,
    bytes_per_second: Option<u64>,
    chunk_bytes: Option<u64>,
    #[serde(default)]
    is_paused: bool,
}

/// What of a target is to be changed; what is left out stays. `0` takes a bound away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplicationTargetChange {
    url: Option<String>,
    plugin: Option<String>,
    naming: Option<String>,
    username: Option<String>,
    password: Option<String>,
    authorities: Option<String>,
    parallel: Option<u32>,
    bytes_per_second: Option<u64>,
    chunk_bytes: Option<u64>,
    is_paused: Option<bool>,
}

/// What came of looking whether a target can be used.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CheckedReplicationTarget {
    is_good: bool,
    /// What was found.
    said: String,
}

impl From<ReplicationTarget> for ReplicationTargetView {
    fn from(target: ReplicationTarget) -> Self {
        let (wish, settings) = (target.wish, target.credentials);
        let (kind, place) = match wish.place {
            ReplicationPlace::Registry(url) => ("registry", url),
            ReplicationPlace::Plugin(name) => ("plugin", name),
        };
        Self {
            name: wish.name,
            kind: kind.to_owned(),
            place,
            naming: wish.settings.naming,
            username: settings.map(|known| known.expose().username.clone()),
            authorities: wish.settings.authorities,
            parallel: wish.settings.parallel,
            bytes_per_second: wish.settings.bytes_per_second,
            chunk_bytes: wish.settings.chunk_bytes,
            is_paused: wish.is_paused,
            created_at: moment(target.created_at),
            created_by: target.created_by,
        }
    }
}

fn place(url: Option<String>, plugin: Option<String>) -> Result<Option<ReplicationPlace>, Error> {
    match (url, plugin) {
        (Some(url), None) => Ok(Some(ReplicationPlace::Registry(url))),
        (None, Some(plugin)) => Ok(Some(ReplicationPlace::Plugin(plugin))),
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(Error::invalid("a target has either a `url` or a `plugin`")),
    }
}

fn credentials(
    username: Option<String>,
    password: Option<String>,
) -> Result<Option<Secret<TargetCredentials>>, Error> {
    match (username, password) {
        (Some(username), Some(password)) if !username.is_empty() => {
            let password = Secret::new(password);
            Ok(Some(Secret::new(TargetCredentials::new(username, &password))))
        }
        (None, None) => Ok(None),
        _ => Err(Error::invalid("`username` and `password` are given together")),
    }
}

/// A bound as it is kept: none where it is 0.
fn bound(wish: Option<u64>, known: Option<u64>) -> Option<u64> {
    wish.or(known).filter(|bound| *bound > 0)
}

/// List replication targets
#[utoipa::path(
    get,
    path = "/replication/targets",
    tag = "replication",
    responses((status = 200, body = ReplicationTargets))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<ReplicationTargets>, Error> {
    let administer = app.auth.administer(&principal)?;
    let found = app.worker.replication_targets(&administer).await?;
    Ok(Json(ReplicationTargets { targets: found.into_iter().map(Into::into).collect() }))
}

/// Make a replication target
///
/// Nothing goes there before a rule says so. The password is sealed, and never shown.
#[utoipa::path(
    post,
    path = "/replication/targets",
    tag = "replication",
    request_body = NewReplicationTarget,
    responses((status = 201, body = ReplicationTargetView))
)]
pub(super) async fn add(
    State(app): State<Arc<App>>,
    principal: Principal,
    Input(new): Input<NewReplicationTarget>,
) -> Result<(StatusCode, Json<ReplicationTargetView>), Error> {
    let administer = app.auth.administer(&principal)?;
    let place = place(new.url, new.plugin)?
        .ok_or_else(|| Error::invalid("a target has either a `url` or a `plugin`"))?;
    let usual = TargetSettings::default();
    let wish = TargetWish {
        name: new.name,
        place,
        settings: TargetSettings {
            naming: new.naming.unwrap_or(usual.naming),
            authorities: new.authorities.unwrap_or_default(),
            parallel: new.parallel.unwrap_or(usual.parallel),
            bytes_per_second: bound(new.bytes_per_second, None),
            chunk_bytes: bound(new.chunk_bytes, None),
        },
        is_paused: new.is_paused,
    };
    let credentials = credentials(new.username, new.password)?;
    let made = app.worker.add_replication_target(&administer, wish, credentials).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Show a replication target
#[utoipa::path(
    get,
    path = "/replication/targets/{name}",
    tag = "replication",
    params(("name" = String, Path)),
    responses((status = 200, body = ReplicationTargetView))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<Json<ReplicationTargetView>, Error> {
    let administer = app.auth.administer(&principal)?;
    Ok(Json(app.worker.replication_target(&administer, &name).await?.into()))
}

/// Change a replication target
///
/// What waits for it is tried at once.
#[utoipa::path(
    patch,
    path = "/replication/targets/{name}",
    tag = "replication",
    params(("name" = String, Path)),
    request_body = ReplicationTargetChange,
    responses((status = 200, body = ReplicationTargetView))
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
    Input(change): Input<ReplicationTargetChange>,
) -> Result<Json<ReplicationTargetView>, Error> {
    let administer = app.auth.administer(&principal)?;
    let known = app.worker.replication_target(&administer, &name).await?.wish;
    let settings = known.settings;
    let wish = TargetWish {
        name,
        place: place(change.url, change.plugin)?.unwrap_or(known.place),
        settings: TargetSettings {
            naming: change.naming.unwrap_or(settings.naming),
            authorities: change.authorities.unwrap_or(settings.authorities),
            parallel: change.parallel.unwrap_or(settings.parallel),
            bytes_per_second: bound(change.bytes_per_second, settings.bytes_per_second),
            chunk_bytes: bound(change.chunk_bytes, settings.chunk_bytes),
        },
        is_paused: change.is_paused.unwrap_or(known.is_paused),
    };
    let credentials = credentials(change.username, change.password)?;
    let changed = app.worker.change_replication_target(&administer, wish, credentials).await?;
    Ok(Json(changed.into()))
}

/// Remove a replication target, with its rules
///
/// What was copied there stays there.
#[utoipa::path(
    delete,
    path = "/replication/targets/{name}",
    tag = "replication",
    params(("name" = String, Path)),
    responses((status = 204))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<StatusCode, Error> {
    let administer = app.auth.administer(&principal)?;
    app.worker.remove_replication_target(&administer, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Look whether a replication target can be used
#[utoipa::path(
    post,
    path = "/replication/targets/{name}/check",
    tag = "replication",
    params(("name" = String, Path)),
    responses((status = 200, body = CheckedReplicationTarget))
)]
pub(super) async fn check(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<Json<CheckedReplicationTarget>, Error> {
    let administer = app.auth.administer(&principal)?;
    let checked = app.worker.check_replication_target(&administer, &name).await?;
    Ok(Json(CheckedReplicationTarget { is_good: checked.is_good, said: checked.said }))
}
