//! Tags and their history.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;

use super::PAGE;
use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;
use crate::http::extract::{InPath, Paging, Query};
use crate::meta::{TagDetails, TagEvent};
use crate::oci::{Digest, ErrorCode, MediaType, RepositoryName, Tag};

/// A tag, as the API shows it.
#[derive(Debug, Serialize)]
pub(super) struct TagView {
    name: Tag,
    digest: Digest,
    media_type: MediaType,
    size_bytes: u64,
    updated_at: String,
    updated_by: String,
}

/// A page of tags.
#[derive(Debug, Serialize)]
pub(super) struct Tags {
    tags: Vec<TagView>,
    /// The `last` of the next page.
    next: Option<Tag>,
}

/// One step of a tag's history.
#[derive(Debug, Serialize)]
pub(super) struct EventView {
    id: u64,
    action: String,
    digest: Digest,
    previous: Option<Digest>,
    actor: String,
    at: String,
}

/// A page of a tag's history, the latest step first.
#[derive(Debug, Serialize)]
pub(super) struct History {
    events: Vec<EventView>,
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
            updated_at: tag.updated_at.to_string(),
            updated_by: tag.updated_by,
        }
    }
}

impl From<TagEvent> for EventView {
    fn from(event: TagEvent) -> Self {
        Self {
            id: event.id,
            action: event.action,
            digest: event.digest,
            previous: event.previous,
            actor: event.actor,
            at: event.at.to_string(),
        }
    }
}

/// `GET /api/v1/repositories/{name}/tags?n=&last=`
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
    Ok(Json(Tags { tags: page.items.into_iter().map(Into::into).collect(), next }))
}

/// `GET /api/v1/repositories/{name}/tags/{tag}`
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    tag: Result<InPath<Tag>, Error>,
) -> Result<Json<TagView>, Error> {
    let pull = app.registry.pull_from(&principal, name)?;
    let InPath(tag) = tag?;
    Ok(Json(pull.tag(&tag).await?.into()))
}

/// `DELETE /api/v1/repositories/{name}/tags/{tag}`: the manifest stays.
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

/// `GET /api/v1/repositories/{name}/tags/{tag}/history?n=&before=`: it outlives the tag.
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
    let before = query.get("before").map(str::parse).transpose().map_err(|_| {
        Error::client(
            StatusCode::BAD_REQUEST,
            ErrorCode::Unsupported,
            "`before` is the id of an event",
        )
    })?;
    let page = pull.tag_history(&tag, before, paging.limit).await?;
    let next = page.items.last().filter(|_| page.more).map(|event| event.id);
    Ok(Json(History { events: page.items.into_iter().map(Into::into).collect(), next }))
}
