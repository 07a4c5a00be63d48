//! Plugins: what is installed, from where, and on what terms.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::input::{Input, LargeInput};
use super::moment;
use super::plugin_views::{
    BundledView, InspectionView, PluginView, Shown, bundled as bundled_views,
};
use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;
use crate::http::extract::Query;
use crate::install::{Asked, PluginChange, PluginWish, Source, Upgrade};
use crate::oci::Digest;
use crate::plugin::{Binding, Capabilities, Capability, Hook, PluginName};
use crate::remote::Credentials;
use crate::secret::Secret;
use crate::signature::PublicKey;

/// All installed plugins.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PluginList {
    plugins: Vec<PluginView>,
}

/// Plugins that come with Berth.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BundledList {
    plugins: Vec<BundledView>,
}

/// A component that somebody brings.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PluginFile {
    /// The bytes of the component in base64, `plugin.toml` inside.
    component: String,
}

/// A component that was kept.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeptFile {
    /// What to give as `source`.
    source: String,
}

/// Where a plugin comes from.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PluginSource {
    /// `bundled:NAME`, a reference such as `registry.example/acme/label-policy:1`, one without a registry for a repository of
    /// this one, or what `POST /plugin-files` gave.
    #[schema(example = "bundled:freeze")]
    source: String,
    /// The digest that it has to have.
    digest: Option<String>,
    /// A public key (PEM) that has to have signed it, instead of one that the configuration trusts.
    key: Option<String>,
    /// A user's name at the other registry.
    username: Option<String>,
    /// Their password there; it is not kept.
    password: Option<String>,
}

/// A plugin to be installed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPlugin {
    /// As of `POST /plugin-inspections`.
    #[schema(example = "bundled:freeze")]
    source: String,
    /// The `digest` that the inspection gave, so that what is installed is what was looked at.
    digest: Option<String>,
    key: Option<String>,
    username: Option<String>,
    password: Option<String>,
    /// What it may use, of what it asks for; has to be there if it asks for anything.
    granted: Option<Vec<String>>,
    #[serde(default)]
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
    /// Values by the names of its secrets.
    #[serde(default)]
    secrets: BTreeMap<String, String>,
    /// By the name of the hook: `fail`, `mode`, `order`, `repositories`, `limits`.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Object>)]
    hooks: BTreeMap<Hook, Binding>,
    /// It is in force, if this is left out.
    is_enabled: Option<bool>,
}

/// What of a plugin is to be changed; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangedPlugin {
    is_enabled: Option<bool>,
    /// All of its settings.
    #[schema(value_type = Option<Object>)]
    settings: Option<Map<String, Value>>,
    /// New values by the names of its secrets; `null` forgets one.
    #[serde(default)]
    secrets: BTreeMap<String, Option<String>>,
    /// All that it may use.
    granted: Option<Vec<String>>,
    /// Hooks that are to be used in another way, each as a whole.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Object>)]
    hooks: BTreeMap<Hook, Binding>,
}

/// Another release of a plugin.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PluginUpgrade {
    /// Where from; where it came from before, if this is left out.
    source: Option<String>,
    digest: Option<String>,
    key: Option<String>,
    username: Option<String>,
    password: Option<String>,
    /// What it may use; has to be there if the release asks for more than the one before.
    granted: Option<Vec<String>>,
}

/// A line of a plugin's log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PluginLine {
    at: String,
    /// The request or the job.
    request_id: String,
    hook: Option<String>,
    /// `trace`, `debug`, `info`, `warn` or `error`.
    level: String,
    message: String,
    /// What there is to search for.
    fields: BTreeMap<String, String>,
}

/// The last lines of a plugin's log, the oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PluginLog {
    lines: Vec<PluginLine>,
}

fn asked(from: PluginSource) -> Result<Asked, Error> {
    let digest = from.digest.as_deref().map(str::parse::<Digest>).transpose();
    let key = from.key.as_deref().map(PublicKey::parse).transpose().map_err(Error::invalid)?;
    let credentials = from.password.map(|password| Credentials::Password {
        username: from.username.unwrap_or_default(),
        password: Secret::new(password),
    });
    Ok(Asked {
        source: from.source.parse::<Source>().map_err(Error::invalid)?,
        digest: digest.map_err(Error::invalid)?,
        key,
        credentials,
    })
}

fn capabilities(lines: Option<Vec<String>>) -> Result<Option<Capabilities>, Error> {
    let read = |lines: Vec<String>| {
        lines.iter().map(|line| line.parse::<Capability>().map_err(Error::invalid)).collect()
    };
    lines.map(read).transpose()
}

/// List installed plugins
#[utoipa::path(get, path = "/plugins", tag = "plugins", responses((status = 200, body = PluginList)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<PluginList>, Error> {
    let administer = app.auth.administer(&principal)?;
    let found = app.installer.list(&administer).await?;
    let shown = Shown::new(&app);
    Ok(Json(PluginList { plugins: found.into_iter().map(|one| shown.view(one)).collect() }))
}

/// List plugins that come with Berth
#[utoipa::path(
    get,
    path = "/bundled-plugins",
    tag = "plugins",
    responses((status = 200, body = BundledList))
)]
pub(super) async fn bundled(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<BundledList>, Error> {
    let administer = app.auth.administer(&principal)?;
    let installed = app.installer.list(&administer).await?;
    Ok(Json(BundledList { plugins: bundled_views(&installed) }))
}

/// Bring a component as a file
///
/// It is compiled and kept, and not in force: what is answered is what to install it by.
#[utoipa::path(
    post,
    path = "/plugin-files",
    tag = "plugins",
    request_body = PluginFile,
    responses((status = 201, body = KeptFile))
)]
pub(super) async fn upload(
    State(app): State<Arc<App>>,
    principal: Principal,
    LargeInput(file): LargeInput<PluginFile>,
) -> Result<(StatusCode, Json<KeptFile>), Error> {
    let administer = app.auth.administer(&principal)?;
    let component = STANDARD.decode(file.component);
    let component = component.map_err(|_| Error::invalid("`component` is no base64"))?;
    let digest = app.installer.upload(&administer, component.into()).await?;
    Ok((StatusCode::CREATED, Json(KeptFile { source: digest.to_string() })))
}

/// Look what a plugin is and asks for, without installing it
#[utoipa::path(
    post,
    path = "/plugin-inspections",
    tag = "plugins",
    request_body = PluginSource,
    responses((status = 200, body = InspectionView))
)]
pub(super) async fn inspect(
    State(app): State<Arc<App>>,
    principal: Principal,
    Input(from): Input<PluginSource>,
) -> Result<Json<InspectionView>, Error> {
    let administer = app.auth.administer(&principal)?;
    Ok(Json(app.installer.inspect(&administer, &asked(from)?).await?.into()))
}

/// Install a plugin
///
/// If it asks for anything, `granted` has to say what it may use: 409 tells what it asks for.
#[utoipa::path(
    post,
    path = "/plugins",
    tag = "plugins",
    request_body = NewPlugin,
    responses((status = 201, body = PluginView))
)]
pub(super) async fn install(
    State(app): State<Arc<App>>,
    principal: Principal,
    Input(new): Input<NewPlugin>,
) -> Result<(StatusCode, Json<PluginView>), Error> {
    let administer = app.auth.administer(&principal)?;
    let NewPlugin { source, digest, key, username, password, .. } = new;
    let secrets = new.secrets.into_iter().map(|(name, value)| (name, Secret::new(value)));
    let wish = PluginWish {
        asked: asked(PluginSource { source, digest, key, username, password })?,
        granted: capabilities(new.granted)?,
        settings: new.settings,
        secrets: secrets.collect(),
        hooks: new.hooks,
        is_enabled: new.is_enabled.unwrap_or(true),
        is_declared: false,
    };
    let installed = app.installer.install(&administer, wish).await?;
    Ok((StatusCode::CREATED, Json(Shown::new(&app).view(installed))))
}

/// Show a plugin
#[utoipa::path(
    get,
    path = "/plugins/{name}",
    tag = "plugins",
    params(("name" = String, Path)),
    responses((status = 200, body = PluginView))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<Json<PluginView>, Error> {
    let administer = app.auth.administer(&principal)?;
    let found = app.installer.find(&administer, &name).await?;
    Ok(Json(Shown::new(&app).view(found)))
}

/// Change a plugin: whether it is in force, its settings, secrets, grants and hooks
#[utoipa::path(
    patch,
    path = "/plugins/{name}",
    tag = "plugins",
    params(("name" = String, Path)),
    request_body = ChangedPlugin,
    responses((status = 200, body = PluginView))
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
    Input(change): Input<ChangedPlugin>,
) -> Result<Json<PluginView>, Error> {
    let administer = app.auth.administer(&principal)?;
    let secrets = change.secrets.into_iter().map(|(name, value)| (name, value.map(Secret::new)));
    let change = PluginChange {
        is_enabled: change.is_enabled,
        settings: change.settings,
        secrets: secrets.collect(),
        granted: capabilities(change.granted)?,
        hooks: change.hooks,
    };
    let changed = app.installer.change(&administer, &name, change).await?;
    Ok(Json(Shown::new(&app).view(changed)))
}

/// Remove a plugin
///
/// With `keep-data=true` what it keeps stays, for when it comes back.
#[utoipa::path(
    delete,
    path = "/plugins/{name}",
    tag = "plugins",
    params(("name" = String, Path), ("keep-data" = Option<bool>, Query)),
    responses((status = 204))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
    query: Query,
) -> Result<StatusCode, Error> {
    let administer = app.auth.administer(&principal)?;
    app.installer.remove(&administer, &name, query.is_on("keep-data")).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Put another release of a plugin in place of the one that is there
///
/// What the release asks for beyond the one before has to be granted: 409 tells what that is.
#[utoipa::path(
    post,
    path = "/plugins/{name}/upgrade",
    tag = "plugins",
    params(("name" = String, Path)),
    request_body = PluginUpgrade,
    responses((status = 200, body = PluginView))
)]
pub(super) async fn upgrade(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
    Input(wish): Input<PluginUpgrade>,
) -> Result<Json<PluginView>, Error> {
    let administer = app.auth.administer(&principal)?;
    let PluginUpgrade { source, digest, key, username, password, granted } = wish;
    let source = match source {
        Some(source) => source,
        None => app.installer.find(&administer, &name).await?.release.origin,
    };
    let upgrade = Upgrade {
        asked: asked(PluginSource { source, digest, key, username, password })?,
        granted: capabilities(granted)?,
    };
    let upgraded = app.installer.upgrade(&administer, &name, upgrade).await?;
    Ok(Json(Shown::new(&app).view(upgraded)))
}

/// Go back to the release before the last upgrade
#[utoipa::path(
    post,
    path = "/plugins/{name}/rollback",
    tag = "plugins",
    params(("name" = String, Path)),
    responses((status = 200, body = PluginView))
)]
pub(super) async fn roll_back(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<Json<PluginView>, Error> {
    let administer = app.auth.administer(&principal)?;
    let back = app.installer.roll_back(&administer, &name).await?;
    Ok(Json(Shown::new(&app).view(back)))
}

/// Show the last lines of a plugin's log
#[utoipa::path(
    get,
    path = "/plugins/{name}/logs",
    tag = "plugins",
    params(("name" = String, Path)),
    responses((status = 200, body = PluginLog))
)]
pub(super) async fn logs(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<Json<PluginLog>, Error> {
    app.auth.administer(&principal)?;
    let name = name.parse::<PluginName>().map_err(Error::not_found)?;
    let lines = app.plugins.log(&name).into_iter().map(|line| PluginLine {
        at: moment(line.at),
        request_id: line.request_id.to_string(),
        hook: line.hook.map(|hook| hook.to_string()),
        level: line.level.as_str().to_owned(),
        message: line.message.clone(),
        fields: line.fields.iter().cloned().collect(),
    });
    Ok(Json(PluginLog { lines: lines.collect() }))
}
