//! Quotas: how much namespaces may hold, and how much they do.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Input;
use super::{PAGE, moment};
use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;
use crate::http::extract::{Paging, Query};
use crate::meta::{Quota, QuotaLimits};
use crate::registry::Page;

/// A quota, and how much of it is used.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct QuotaView {
    /// `team` is the repository `team` and all below `team/`; `*` is the whole registry.
    #[schema(example = "team")]
    namespace: String,
    /// Bytes of blobs and manifests; `null`: no limit.
    bytes: Option<u64>,
    tags: Option<u64>,
    /// Bytes of one blob.
    upload_bytes: Option<u64>,
    /// A blob counts once, however many repositories of the namespace have it.
    used_bytes: u64,
    used_tags: u64,
    updated_at: String,
    updated_by: String,
}

/// A page of quotas, in the order of their namespaces.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Quotas {
    quotas: Vec<QuotaView>,
    /// The `last` of the next page.
    next: Option<String>,
}

/// What a namespace may hold; what is not named is not limited.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct QuotaWish {
    /// `team` is the repository `team` and all below `team/`; `*` is the whole registry.
    namespace: String,
    /// Bytes of blobs and manifests.
    bytes: Option<u64>,
    tags: Option<u64>,
    /// Bytes of one blob.
    upload_bytes: Option<u64>,
}

impl From<Quota> for QuotaView {
    fn from(quota: Quota) -> Self {
        let QuotaLimits { bytes, tags, upload_bytes } = quota.limits;
        Self {
            namespace: quota.namespace,
            bytes,
            tags,
            upload_bytes,
            used_bytes: quota.used_bytes,
            used_tags: quota.used_tags,
            updated_at: moment(quota.updated_at),
            updated_by: quota.updated_by,
        }
    }
}

/// List quotas and what is used of them
#[utoipa::path(
    get,
    path = "/quotas",
    tag = "upkeep",
    params(("n" = Option<u64>, Query), ("last" = Option<String>, Query)),
    responses((status = 200, body = Quotas))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
) -> Result<Json<Quotas>, Error> {
    let administer = app.auth.administer(&principal)?;
    let paging = Paging::read(&query, PAGE)?;
    let last = query.get("last").unwrap_or_default();
    let found = app.worker.quotas(&administer, last, paging.limit_and_one()).await?;
    let page = Page::cut(found, paging.limit);
    let next = page.next(|quota| quota.namespace.clone());
    Ok(Json(Quotas { quotas: page.items.into_iter().map(Into::into).collect(), next }))
}

/// Set what a namespace may hold
///
/// What is there already stays, also if it is more.
#[utoipa::path(
    put,
    path = "/quotas",
    tag = "upkeep",
    request_body = QuotaWish,
    responses((status = 200, body = QuotaView))
)]
pub(super) async fn set(
    State(app): State<Arc<App>>,
    principal: Principal,
    Input(wish): Input<QuotaWish>,
) -> Result<Json<QuotaView>, Error> {
    let administer = app.auth.administer(&principal)?;
    let limits =
        QuotaLimits { bytes: wish.bytes, tags: wish.tags, upload_bytes: wish.upload_bytes };
    let quota = app.worker.set_quota(&administer, &wish.namespace, limits).await?;
    Ok(Json(quota.into()))
}

/// Remove a quota
#[utoipa::path(
    delete,
    path = "/quotas",
    tag = "upkeep",
    params(("namespace" = String, Query)),
    responses((status = 204))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
) -> Result<StatusCode, Error> {
    let administer = app.auth.administer(&principal)?;
    let namespace = query
        .get("namespace")
        .ok_or_else(|| Error::invalid("`namespace` says which quota to remove"))?;
    app.worker.remove_quota(&administer, namespace).await?;
    Ok(StatusCode::NO_CONTENT)
}
