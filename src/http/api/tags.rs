//! Tags and their history.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Input;
use super::scans::SeverityView;
use super::{PAGE, moment};
use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;
use crate::http::extract::{InPath, Paging, Query};
use crate::meta::{TagDetails, TagEvent};
use crate::oci::{Digest, ErrorCode, MediaType, RepositoryName, Tag};

/// A tag, as the API shows it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TagView {
    #[schema(value_type = String)]
    name: Tag,
    #[schema(value_type = String)]
    digest: Digest,
    #[schema(value_type = String)]
    media_type: MediaType,
    size_bytes: u64,
    updated_at: String,
    updated_by: String,
    /// What scanners have found; nothing while none has looked.
    findings: Option<SeverityView>,
}

/// A page of tags.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Tags {
    tags: Vec<TagView>,
    /// The `last` of the next page.
    #[schema(value_type = Option<String>)]
    next: Option<Tag>,
}

/// One step of a tag's history.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TagStep {
    id: u64,
    action: String,
    #[schema(value_type = String)]
    digest: Digest,
    #[schema(value_type = Option<String>)]
    previous: Option<Digest>,
    actor: String,
    at: String,
}

/// A page of a tag's history, the latest step first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct History {
    events: Vec<TagStep>,
    /// The `before` of the next page.
    next: Option<u64>,
}

impl From<TagDetails> for TagView {
    fn from(tag: TagDetails) -> Self {
        Self {
            name: tag.name,
            digest: tag.digest,
            media_type: tag.media_type,
            size_bytes: tag.size_bytes,
            updated_at: moment(tag.updated_at),
            updated_by: tag.updated_by,
            findings: None,
        }
    }
}

impl From<TagEvent> for TagStep {
    fn from(event: TagEvent) -> Self {
        Self {
            id: event.id,
            action: event.action,
            digest: event.digest,
            previous: event.previous,
            actor: event.actor,
            at: moment(event.at),
        }
    }
}

/// List tags
#[utoipa::path(
    get,
    path = "/repositories/{name}/tags",
    tag = "tags",
    params(
        ("name" = String, Path, example = "team%2Fapp"),
        ("n" = Option<u64>, Query),
        ("last" = Option<String>, Query)
    ),
    responses((status = 200, body = Tags))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    query: Query,
) -> Result<Json<Tags>, Error> {
    let pull = app.registry.pull_from(&principal, name)?;
    let paging = Paging::read(&query, PAGE)?;
    let page = pull.tag_details(&paging.after, paging.limit).await?;
    let next = page.items.last().filter(|_| page.more).map(|tag| tag.name.clone());
    let findings = match (page.items.first(), page.items.last()) {
        (Some(first), Some(last)) => pull.tag_findings(&first.name, &last.name).await?,
        _ => BTreeMap::default(),
    };
    let view = |tag: TagDetails| {
        let found = findings.get(&tag.name).copied().map(Into::into);
        TagView { findings: found, ..tag.into() }
    };
    Ok(Json(Tags { tags: page.items.into_iter().map(view).collect(), next }))
}

/// Show a tag
#[utoipa::path(
    get,
    path = "/repositories/{name}/tags/{tag}",
    tag = "tags",
    params(("name" = String, Path, example = "team%2Fapp"), ("tag" = String, Path)),
    responses((status = 200, body = TagView))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    tag: Result<InPath<Tag>, Error>,
) -> Result<Json<TagView>, Error> {
    let pull = app.registry.pull_from(&principal, name)?;
    let InPath(tag) = tag?;
    let findings = pull.tag_findings(&tag, &tag).await?.remove(&tag).map(Into::into);
    Ok(Json(TagView { findings, ..pull.tag(&tag).await?.into() }))
}

/// Where a tag is to point.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    /// A manifest of the repository.
    #[schema(value_type = String)]
    digest: String,
}

/// Point a tag at a manifest that the repository has
///
/// To roll back, to bring a deleted tag back, or to give another name: a push without anything to upload.
#[utoipa::path(
    put,
    path = "/repositories/{name}/tags/{tag}",
    tag = "tags",
    params(("name" = String, Path, example = "team%2Fapp"), ("tag" = String, Path)),
    request_body = Target,
    responses((status = 200, body = TagView))
)]
pub(super) async fn point(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    tag: Result<InPath<Tag>, Error>,
    Input(target): Input<Target>,
) -> Result<Json<TagView>, Error> {
    let push = app.registry.push_to(&principal, name.clone())?;
    let InPath(tag) = tag?;
    let digest: Digest = target.digest.parse().map_err(Error::invalid)?;
    push.point(tag.clone(), &digest).await?;
    // Whoever may push need not be allowed to pull; what they have just written they know.
    Ok(Json(push.tag(&tag).await?.into()))
}

/// Delete a tag
///
/// The manifest stays.
#[utoipa::path(
    delete,
    path = "/repositories/{name}/tags/{tag}",
    tag = "tags",
    params(("name" = String, Path, example = "team%2Fapp"), ("tag" = String, Path)),
    responses((status = 202))
)]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    tag: Result<InPath<Tag>, Error>,
) -> Result<StatusCode, Error> {
    let remove = app.registry.remove_from(&principal, name)?;
    let InPath(tag) = tag?;
    remove.tag(&tag).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Show where a tag pointed before
///
/// The latest step first; the history outlives the tag.
#[utoipa::path(
    get,
    path = "/repositories/{name}/tags/{tag}/history",
    tag = "tags",
    params(
        ("name" = String, Path, example = "team%2Fapp"),
        ("tag" = String, Path),
        ("n" = Option<u64>, Query),
        ("before" = Option<u64>, Query)
    ),
    responses((status = 200, body = History))
)]
pub(super) async fn history(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    tag: Result<InPath<Tag>, Error>,
    query: Query,
) -> Result<Json<History>, Error> {
    let pull = app.registry.pull_from(&principal, name)?;
    let InPath(tag) = tag?;
    let paging = Paging::read(&query, PAGE)?;
    let page = pull.tag_history(&tag, before(&query)?, paging.limit).await?;
    let next = page.items.last().filter(|_| page.more).map(|event| event.id);
    Ok(Json(History { events: page.items.into_iter().map(Into::into).collect(), next }))
}

/// The `before` of a query.
pub(super) fn before(query: &Query) -> Result<Option<u64>, Error> {
    query.get("before").map(str::parse).transpose().map_err(|_| {
        Error::client(
            StatusCode::BAD_REQUEST,
            ErrorCode::Unsupported,
            "`before` is the id of an event",
        )
    })
}
