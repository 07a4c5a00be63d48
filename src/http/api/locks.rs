//! Locks: what somebody holds on to.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::{Input, number};
use super::{PAGE, moment};
use crate::app::App;
use crate::auth::Principal;
use crate::clock::Timestamp;
use crate::http::Error;
use crate::http::extract::{Paging, Query};
use crate::meta::{Forbidden, Lock, NewLock};
use crate::oci::{Reference, RepositoryName};

/// A lock.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of JSON of its own")]
pub(super) struct LockView {
    id: i64,
    repository: String,
    /// A tag or a digest; nothing for the repository as a whole.
    reference: Option<String>,
    /// It cannot be changed: tags stay where they are, a repository takes no push. It cannot be deleted either.
    no_write: bool,
    no_delete: bool,
    /// It cannot be pulled.
    no_read: bool,
    why: String,
    /// When it ends by itself.
    until: Option<String>,
    /// Whether it has ended.
    is_over: bool,
    created_at: String,
    created_by: String,
}

/// A page of locks.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Locks {
    locks: Vec<LockView>,
    /// The `last` of the next page.
    next: Option<i64>,
}

/// A lock to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LockWish {
    #[schema(example = "team/app")]
    repository: String,
    /// A tag or a digest; nothing for the repository as a whole.
    #[schema(example = "v1.0")]
    reference: Option<String>,
    /// Whether it must not be changed. Without any of the three it must neither be changed nor deleted.
    #[serde(default)]
    no_write: bool,
    /// Whether it must not be deleted.
    #[serde(default)]
    no_delete: bool,
    /// Whether it must not be pulled.
    #[serde(default)]
    no_read: bool,
    /// Whoever is stopped by it reads this.
    why: String,
    /// When it ends by itself: RFC 3339.
    until: Option<String>,
}

impl LockView {
    fn new(lock: Lock, now: Timestamp) -> Self {
        Self {
            id: lock.id,
            is_over: !lock.holds(now),
            repository: lock.new.repository.to_string(),
            reference: lock.new.reference.map(|reference| reference.to_string()),
            no_write: lock.new.forbidden.write,
            no_delete: lock.new.forbidden.delete,
            no_read: lock.new.forbidden.read,
            why: lock.new.why,
            until: lock.new.until.map(moment),
            created_at: moment(lock.created_at),
            created_by: lock.created_by,
        }
    }
}

/// List locks
///
/// Those of one repository for whoever may pull from it, those of all for administrators.
#[utoipa::path(
    get,
    path = "/locks",
    tag = "locks",
    params(
        ("repository" = Option<String>, Query),
        ("n" = Option<u64>, Query),
        ("last" = Option<i64>, Query)
    ),
    responses((status = 200, body = Locks))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
) -> Result<Json<Locks>, Error> {
    let paging = Paging::read(&query, PAGE)?;
    let after = if paging.after.is_empty() { 0 } else { number(&paging.after)? };
    let page = match query.get("repository") {
        Some(name) => {
            let name: RepositoryName = name.parse().map_err(Error::invalid)?;
            app.registry.pull_from(&principal, name)?.locks(after, paging.limit).await?
        }
        None => {
            let administer = app.auth.administer(&principal)?;
            paging.cut(administer.locks(after, paging.limit_and_one()).await?)
        }
    };
    let (next, now) = (page.next(|lock| lock.id), app.clock.now());
    let locks = page.items.into_iter().map(|lock| LockView::new(lock, now)).collect();
    Ok(Json(Locks { locks, next }))
}

/// Lock a repository, a tag or a digest
///
/// Needs `manage`. What is locked already gets the new lock instead.
#[utoipa::path(
    post,
    path = "/locks",
    tag = "locks",
    request_body = LockWish,
    responses((status = 201, body = LockView))
)]
pub(super) async fn add(
    State(app): State<Arc<App>>,
    principal: Principal,
    Input(wish): Input<LockWish>,
) -> Result<(StatusCode, Json<LockView>), Error> {
    let repository: RepositoryName = wish.repository.parse().map_err(Error::invalid)?;
    let keep = app.auth.keep_one(&principal, &repository)?;
    let reference = wish.reference.map(|text| text.parse::<Reference>()).transpose();
    let until = wish.until.map(|text| text.parse::<Timestamp>()).transpose();
    let nothing = !(wish.no_write || wish.no_delete || wish.no_read);
    let lock = keep.lock(NewLock {
        repository,
        reference: reference.map_err(Error::invalid)?,
        forbidden: Forbidden {
            write: wish.no_write || nothing,
            delete: wish.no_delete || nothing,
            read: wish.no_read,
        },
        why: wish.why,
        until: until.map_err(Error::invalid)?,
    });
    Ok((StatusCode::CREATED, Json(LockView::new(lock.await?, app.clock.now()))))
}

/// Show a lock
#[utoipa::path(
    get,
    path = "/locks/{id}",
    tag = "locks",
    params(("id" = i64, Path)),
    responses((status = 200, body = LockView))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<LockView>, Error> {
    let lock = find(&app, &principal, &id).await?;
    Ok(Json(LockView::new(lock, app.clock.now())))
}

/// Take a lock off
///
/// Needs `manage`.
#[utoipa::path(
    delete,
    path = "/locks/{id}",
    tag = "locks",
    params(("id" = i64, Path)),
    responses((status = 204))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<StatusCode, Error> {
    let lock = find(&app, &principal, &id).await?;
    app.auth.keep_one(&principal, &lock.new.repository)?.unlock(&lock).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A lock of a repository that the one who asks manages. Who manages none learns of none.
async fn find(app: &App, principal: &Principal, id: &str) -> Result<Lock, Error> {
    principal.decide(&crate::auth::Need::Login)?;
    let lock = app.auth.find_lock(number(id)?).await?;
    if app.auth.keep_one(principal, &lock.new.repository).is_err() {
        return Err(Error::not_found(format!("there is no lock `{}`", lock.id)));
    }
    Ok(lock)
}
