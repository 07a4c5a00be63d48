//! What was deleted, and bringing it back.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Input;
use super::{PAGE, moment};
use crate::app::App;
use crate::auth::Principal;
use crate::clock::Timestamp;
use crate::http::Error;
use crate::http::extract::{InPath, Paging, Query};
use crate::meta::{RollBack, TrashEntry, TrashPlace};
use crate::oci::{Digest, Reference, RepositoryName, Tag};
use crate::registry::{Page, Restored};

/// Something that can be brought back.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TrashView {
    #[schema(value_type = String, example = "team/app")]
    repository: RepositoryName,
    /// The tag; `null` for a manifest.
    #[schema(value_type = Option<String>)]
    tag: Option<Tag>,
    /// What the tag pointed at, or the manifest.
    #[schema(value_type = String)]
    digest: Digest,
    /// Bytes of the manifest and of everything that it describes.
    size_bytes: u64,
    /// `moved` or `deleted`.
    reason: String,
    deleted_at: String,
    deleted_by: String,
    /// Until when it can be brought back.
    until: String,
}

/// A page of the trash, the latest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Trash {
    trash: Vec<TrashView>,
    /// The `before` of the next page.
    next: Option<String>,
}

/// What was done to the trash.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Emptied {
    /// Entries that cannot be brought back any more. Their bytes go with later collections.
    entries: u64,
}

/// What is to be brought back: one of both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Undelete {
    #[schema(value_type = Option<String>)]
    tag: Option<Tag>,
    #[schema(value_type = Option<String>)]
    digest: Option<Digest>,
}

/// Where a tag is to point again: neither of both means where it pointed before its last step.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WhereTo {
    /// At this manifest.
    #[schema(value_type = Option<String>)]
    to: Option<Digest>,
    /// Where it pointed at this moment.
    #[schema(example = "2026-11-24T10:05:09Z")]
    at: Option<String>,
}

/// What is there again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RestoredView {
    #[schema(value_type = String)]
    digest: Digest,
    #[schema(value_type = Vec<String>)]
    tags: Vec<Tag>,
}

impl From<Restored> for RestoredView {
    fn from(restored: Restored) -> Self {
        Self { digest: restored.digest, tags: restored.tags }
    }
}

fn view(app: &App, entry: TrashEntry) -> TrashView {
    TrashView {
        repository: entry.repository,
        tag: entry.tag,
        digest: entry.digest,
        size_bytes: entry.size_bytes,
        reason: entry.reason,
        deleted_at: moment(entry.deleted_at),
        deleted_by: entry.deleted_by,
        until: moment(entry.deleted_at + app.config.trash.keep.get()),
    }
}

fn place(query: &Query) -> Result<Option<TrashPlace>, Error> {
    let Some(text) = query.get("before") else { return Ok(None) };
    let read = || {
        let (at, id) = text.split_once('.')?;
        let at = Timestamp::from_millis(at.parse().ok()?);
        Some(TrashPlace { at, id: id.parse().ok()? })
    };
    read().map(Some).ok_or_else(|| Error::invalid("`before` is the `next` of another page"))
}

fn page(app: &App, page: Page<TrashEntry>) -> Json<Trash> {
    let next =
        page.next(|entry| format!("{}.{}", entry.position.at.as_millis(), entry.position.id));
    Json(Trash { trash: page.items.into_iter().map(|entry| view(app, entry)).collect(), next })
}

/// List what can be brought back
///
/// Of all repositories, the latest first.
#[utoipa::path(
    get,
    path = "/trash",
    tag = "upkeep",
    params(("n" = Option<u64>, Query), ("before" = Option<String>, Query)),
    responses((status = 200, body = Trash))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
) -> Result<Json<Trash>, Error> {
    let administer = app.auth.administer(&principal)?;
    let (paging, behind) = (Paging::read(&query, PAGE)?, place(&query)?);
    let found = app.worker.trash(&administer, behind, paging.limit_and_one()).await?;
    Ok(page(&app, Page::cut(found, paging.limit)))
}

/// Empty the trash
///
/// What is in it cannot be brought back then.
#[utoipa::path(delete, path = "/trash", tag = "upkeep", responses((status = 200, body = Emptied)))]
pub(super) async fn empty(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<Emptied>, Error> {
    let administer = app.auth.administer(&principal)?;
    Ok(Json(Emptied { entries: app.worker.empty_trash(&administer, None).await? }))
}

/// List what can be brought back to a repository
///
/// For those who may push to it.
#[utoipa::path(
    get,
    path = "/repositories/{name}/trash",
    tag = "upkeep",
    params(
        ("name" = String, Path, example = "team%2Fapp"),
        ("n" = Option<u64>, Query),
        ("before" = Option<String>, Query)
    ),
    responses((status = 200, body = Trash))
)]
pub(super) async fn list_of(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    query: Query,
) -> Result<Json<Trash>, Error> {
    let undo = app.registry.undo_in(&principal, name)?;
    let (paging, behind) = (Paging::read(&query, PAGE)?, place(&query)?);
    Ok(page(&app, undo.list(behind, paging.limit).await?))
}

/// Empty the trash of a repository
#[utoipa::path(
    delete,
    path = "/repositories/{name}/trash",
    tag = "upkeep",
    params(("name" = String, Path, example = "team%2Fapp")),
    responses((status = 200, body = Emptied))
)]
pub(super) async fn empty_of(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
) -> Result<Json<Emptied>, Error> {
    let administer = app.auth.administer(&principal)?;
    Ok(Json(Emptied { entries: app.worker.empty_trash(&administer, Some(&name)).await? }))
}

/// Bring something back
///
/// A tag that was deleted, with its manifest if that was deleted, too; or a manifest, with the tags that went with it.
#[utoipa::path(
    post,
    path = "/repositories/{name}/undelete",
    tag = "upkeep",
    params(("name" = String, Path, example = "team%2Fapp")),
    request_body = Undelete,
    responses((status = 200, body = RestoredView))
)]
pub(super) async fn undelete(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    Input(wish): Input<Undelete>,
) -> Result<Json<RestoredView>, Error> {
    let undo = app.registry.undo_in(&principal, name)?;
    let what = match (wish.tag, wish.digest) {
        (Some(tag), None) => Reference::Tag(tag),
        (None, Some(digest)) => Reference::Digest(digest),
        _ => return Err(Error::invalid("name either a `tag` or a `digest`")),
    };
    Ok(Json(undo.undelete(what).await?.into()))
}

/// Point a tag where it pointed before
///
/// What it pointed at is brought back if it was deleted.
#[utoipa::path(
    post,
    path = "/repositories/{name}/tags/{tag}/rollback",
    tag = "upkeep",
    params(("name" = String, Path, example = "team%2Fapp"), ("tag" = String, Path)),
    request_body = WhereTo,
    responses((status = 200, body = RestoredView))
)]
pub(super) async fn roll_back(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    tag: Result<InPath<Tag>, Error>,
    Input(wish): Input<WhereTo>,
) -> Result<Json<RestoredView>, Error> {
    let undo = app.registry.undo_in(&principal, name)?;
    let InPath(tag) = tag?;
    let back = match (wish.to, wish.at) {
        (None, None) => RollBack::Before,
        (Some(digest), None) => RollBack::To(digest),
        (None, Some(text)) => RollBack::At(text.parse().map_err(Error::invalid)?),
        _ => return Err(Error::invalid("name either `to` or `at`")),
    };
    Ok(Json(undo.roll_back(&tag, back).await?.into()))
}
