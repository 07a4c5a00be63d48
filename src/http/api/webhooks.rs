//! Webhooks: who is told of events.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::{Input, number};
use super::jobs::JobView;
use super::{PAGE, moment};
use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;
use crate::http::extract::{Paging, Query};
use crate::meta::{JobFilter, Webhook, WebhookFormat, WebhookWish};
use crate::oci::RepositoryPattern;
use crate::oci::pattern::InvalidPattern;
use crate::worker;

/// A webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WebhookView {
    id: i64,
    name: String,
    url: String,
    /// `cloudevents` or `distribution`.
    format: String,
    /// Kinds of events that it is told of; nothing for the usual ones.
    kinds: Vec<String>,
    /// Patterns of repositories; nothing for any.
    patterns: Vec<String>,
    /// Names of the headers that are sent besides; what is in them is not shown.
    headers: Vec<String>,
    is_signed: bool,
    is_enabled: bool,
    created_at: String,
    created_by: String,
}

/// All webhooks.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Webhooks {
    webhooks: Vec<WebhookView>,
}

/// A webhook to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWebhook {
    name: String,
    #[schema(example = "https://ci.example.org/hooks/berth")]
    url: String,
    /// `cloudevents` (`CloudEvents` 1.0 in JSON) if it is left out, or `distribution` (the envelope of Docker's distribution).
    #[schema(value_type = Option<String>)]
    format: Option<WebhookFormat>,
    /// `tag.push`, `tag.*` or `*`; nothing for what happens to content.
    #[serde(default)]
    kinds: Vec<String>,
    /// Repositories: `team/**`; nothing for any.
    #[serde(default)]
    patterns: Vec<String>,
    /// Headers to send besides.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// `whsec_` and base64; made if it is left out.
    secret: Option<String>,
    /// It is, if this is left out.
    is_enabled: Option<bool>,
}

/// What of a webhook is to be changed; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookChange {
    url: Option<String>,
    /// `cloudevents` or `distribution`.
    #[schema(value_type = Option<String>)]
    format: Option<WebhookFormat>,
    kinds: Option<Vec<String>>,
    patterns: Option<Vec<String>>,
    headers: Option<BTreeMap<String, String>>,
    /// `whsec_` and base64.
    secret: Option<String>,
    is_enabled: Option<bool>,
}

/// A webhook with its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MadeWebhook {
    webhook: WebhookView,
    /// What deliveries are signed with (Standard Webhooks); shown only now.
    secret: String,
}

/// What a webhook was told, the latest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Deliveries {
    deliveries: Vec<JobView>,
    /// The `before` of the next page.
    next: Option<i64>,
}

/// A delivery that was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Redelivery {
    /// The job that delivers it.
    job: i64,
}

impl From<Webhook> for WebhookView {
    fn from(webhook: Webhook) -> Self {
        let wish = webhook.wish;
        Self {
            id: webhook.id,
            name: wish.name,
            url: wish.url,
            format: wish.format.as_str().to_owned(),
            kinds: wish.kinds,
            patterns: wish.patterns.iter().map(ToString::to_string).collect(),
            headers: wish.headers.into_keys().collect(),
            is_signed: webhook.secret.is_some(),
            is_enabled: wish.is_enabled,
            created_at: moment(webhook.created_at),
            created_by: webhook.created_by,
        }
    }
}

fn patterns(texts: &[String]) -> Result<Vec<RepositoryPattern>, Error> {
    texts
        .iter()
        .map(|text| text.parse().map_err(|error: InvalidPattern| Error::invalid(error)))
        .collect()
}

/// List webhooks
#[utoipa::path(get, path = "/webhooks", tag = "webhooks", responses((status = 200, body = Webhooks)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<Webhooks>, Error> {
    let administer = app.auth.administer(&principal)?;
    let found = app.worker.webhooks(&administer).await?;
    Ok(Json(Webhooks { webhooks: found.into_iter().map(Into::into).collect() }))
}

/// Make a webhook
///
/// It is told of what happens from now on. Its secret is in the answer, and nowhere else ever again.
#[utoipa::path(
    post,
    path = "/webhooks",
    tag = "webhooks",
    request_body = NewWebhook,
    responses((status = 201, body = MadeWebhook))
)]
pub(super) async fn add(
    State(app): State<Arc<App>>,
    principal: Principal,
    Input(new): Input<NewWebhook>,
) -> Result<(StatusCode, Json<MadeWebhook>), Error> {
    let administer = app.auth.administer(&principal)?;
    let wish = WebhookWish {
        name: new.name,
        url: new.url,
        format: new.format.unwrap_or(WebhookFormat::CloudEvents),
        kinds: new.kinds,
        patterns: patterns(&new.patterns)?,
        headers: new.headers,
        is_enabled: new.is_enabled.unwrap_or(true),
    };
    let secret = new.secret.as_deref();
    let (webhook, secret) = app.worker.add_webhook(&administer, wish, secret).await?;
    Ok((StatusCode::CREATED, Json(MadeWebhook { webhook: webhook.into(), secret })))
}

/// Show a webhook
#[utoipa::path(
    get,
    path = "/webhooks/{name}",
    tag = "webhooks",
    params(("name" = String, Path)),
    responses((status = 200, body = WebhookView))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<Json<WebhookView>, Error> {
    let administer = app.auth.administer(&principal)?;
    Ok(Json(app.worker.webhook(&administer, &name).await?.into()))
}

/// Change a webhook
#[utoipa::path(
    patch,
    path = "/webhooks/{name}",
    tag = "webhooks",
    params(("name" = String, Path)),
    request_body = WebhookChange,
    responses((status = 200, body = WebhookView))
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
    Input(change): Input<WebhookChange>,
) -> Result<Json<WebhookView>, Error> {
    let administer = app.auth.administer(&principal)?;
    let known = app.worker.webhook(&administer, &name).await?.wish;
    let patterns = change.patterns.map(|texts| patterns(&texts)).transpose()?;
    let wish = WebhookWish {
        url: change.url.unwrap_or(known.url),
        format: change.format.unwrap_or(known.format),
        kinds: change.kinds.unwrap_or(known.kinds),
        patterns: patterns.unwrap_or(known.patterns),
        headers: change.headers.unwrap_or(known.headers),
        is_enabled: change.is_enabled.unwrap_or(known.is_enabled),
        name,
    };
    Ok(Json(app.worker.change_webhook(&administer, wish, change.secret.as_deref()).await?.into()))
}

/// Remove a webhook
///
/// What it was not told yet, it will not be.
#[utoipa::path(
    delete,
    path = "/webhooks/{name}",
    tag = "webhooks",
    params(("name" = String, Path)),
    responses((status = 204))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<StatusCode, Error> {
    let administer = app.auth.administer(&principal)?;
    app.worker.remove_webhook(&administer, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List what a webhook was told, and what it answered
#[utoipa::path(
    get,
    path = "/webhooks/{name}/deliveries",
    tag = "webhooks",
    params(
        ("name" = String, Path),
        ("n" = Option<u64>, Query),
        ("before" = Option<i64>, Query)
    ),
    responses((status = 200, body = Deliveries))
)]
pub(super) async fn deliveries(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
    query: Query,
) -> Result<Json<Deliveries>, Error> {
    let administer = app.auth.administer(&principal)?;
    let paging = Paging::read(&query, PAGE)?;
    let before = query.get("before").map(number).transpose()?;
    let webhook = app.worker.webhook(&administer, &name).await?;
    let filter = JobFilter { subject: Some(worker::subject(webhook.id)), ..JobFilter::default() };
    let page =
        paging.cut(app.worker.jobs(&administer, filter, before, paging.limit_and_one()).await?);
    let next = page.next(|job| job.id);
    Ok(Json(Deliveries { deliveries: page.items.into_iter().map(Into::into).collect(), next }))
}

/// Tell a webhook of an event once more
#[utoipa::path(
    post,
    path = "/webhooks/{name}/deliveries/{event}",
    tag = "webhooks",
    params(("name" = String, Path), ("event" = u64, Path)),
    responses((status = 201, body = Redelivery))
)]
pub(super) async fn redeliver(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path((name, event)): Path<(String, String)>,
) -> Result<(StatusCode, Json<Redelivery>), Error> {
    let administer = app.auth.administer(&principal)?;
    let event = event.parse().map_err(|_| Error::not_found("there is no such event"))?;
    let job = app.worker.redeliver(&administer, &name, event).await?;
    Ok((StatusCode::CREATED, Json(Redelivery { job })))
}
