//! Repositories.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Input;
use super::tags::before;
use super::{PAGE, moment};
use crate::app::App;
use crate::auth::{Need, Principal};
use crate::http::Error;
use crate::http::extract::{InPath, Paging, Query};
use crate::meta::{RepositoryTagEvent, Summary};
use crate::oci::{Digest, RepositoryName, RepositoryPattern};

/// A repository, as the API shows it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Repository {
    #[schema(value_type = String)]
    name: RepositoryName,
    tags: u64,
    manifests: u64,
    /// What its own blobs and manifests take; blobs that it shares with others count in each.
    size_bytes: u64,
    /// Whether anybody may pull, logged in or not.
    is_public: bool,
    created_at: String,
    updated_at: String,
    /// When a manifest was last pushed.
    pushed_at: Option<String>,
    /// When a manifest was last pulled.
    pulled_at: Option<String>,
    /// What it is about, as Markdown.
    description: String,
}

/// A page of repositories.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Repositories {
    repositories: Vec<Repository>,
    /// The `last` of the next page.
    #[schema(value_type = Option<String>)]
    next: Option<RepositoryName>,
}

/// What of a repository is to be changed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RepositoryChange {
    /// Whether anybody may pull: makes or removes the rule that lets everyone read this one repository.
    #[serde(default)]
    is_public: Option<bool>,
    /// What it is about, as Markdown; for a repository that exists.
    #[serde(default)]
    description: Option<String>,
}

/// A step of some tag's history.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TimelineStep {
    id: u64,
    tag: String,
    /// `push` or `delete`.
    action: String,
    #[schema(value_type = String)]
    digest: Digest,
    #[schema(value_type = Option<String>)]
    previous: Option<Digest>,
    actor: String,
    at: String,
}

/// A page of the history of all tags, the latest step first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Timeline {
    events: Vec<TimelineStep>,
    /// The `before` of the next page.
    next: Option<u64>,
}

/// What the one who asks may do to a repository.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Access {
    /// `pull`, `push`, `delete`, `sign`, `manage`.
    actions: Vec<String>,
    is_public: bool,
}

impl Repository {
    fn new(summary: Summary, principal: &Principal) -> Self {
        Self {
            is_public: principal.is_public(&summary.name),
            name: summary.name,
            tags: summary.tags,
            manifests: summary.manifests,
            size_bytes: summary.size_bytes,
            created_at: moment(summary.created_at),
            updated_at: moment(summary.updated_at),
            pushed_at: summary.pushed_at.map(moment),
            pulled_at: summary.pulled_at.map(moment),
            description: summary.description,
        }
    }
}

/// List repositories
///
/// Those that the one who asks may pull from.
#[utoipa::path(
    get,
    path = "/repositories",
    tag = "repositories",
    params(("n" = Option<u64>, Query), ("last" = Option<String>, Query)),
    responses((status = 200, body = Repositories))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
) -> Result<Json<Repositories>, Error> {
    let catalog = app.registry.catalog(&principal)?;
    let paging = Paging::read(&query, PAGE)?;
    let page = catalog.list(&paging.after, paging.limit).await?;
    let next = page.next(|repository| repository.name.clone());
    let show = |summary| Repository::new(summary, &principal);
    Ok(Json(Repositories { repositories: page.items.into_iter().map(show).collect(), next }))
}

/// Show a repository
#[utoipa::path(
    get,
    path = "/repositories/{name}",
    tag = "repositories",
    params(("name" = String, Path, example = "team%2Fapp")),
    responses((status = 200, body = Repository))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
) -> Result<Json<Repository>, Error> {
    let summary = app.registry.pull_from(&principal, name)?.summary().await?;
    Ok(Json(Repository::new(summary, &principal)))
}

/// Change who may pull from a repository, and what is said of it
///
/// Needs `manage`; to make it public it need not exist yet.
#[utoipa::path(
    patch,
    path = "/repositories/{name}",
    tag = "repositories",
    params(("name" = String, Path, example = "team%2Fapp")),
    request_body = RepositoryChange,
    responses((status = 200, body = Access))
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    Input(wanted): Input<RepositoryChange>,
) -> Result<Json<Access>, Error> {
    let manage = app.auth.manage(&principal, RepositoryPattern::exactly(&name))?;
    if wanted.is_public.is_none() && wanted.description.is_none() {
        return Err(Error::invalid("nothing is to be changed: give `is_public` or `description`"));
    }
    if let Some(is_public) = wanted.is_public {
        manage.set_public(&name, is_public).await?;
    }
    if let Some(description) = wanted.description {
        manage.describe(&name, description).await?;
    }
    let principal = app.auth.renewed(&principal).await?;
    Ok(Json(Access::of(&principal, &name)))
}

/// What one may do to a repository
///
/// The same whether it exists or not.
#[utoipa::path(
    get,
    path = "/repositories/{name}/access",
    tag = "repositories",
    params(("name" = String, Path, example = "team%2Fapp")),
    responses((status = 200, body = Access))
)]
pub(super) async fn access(
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
) -> Result<Json<Access>, Error> {
    principal.decide(&Need::Login)?;
    Ok(Json(Access::of(&principal, &name)))
}

impl Access {
    fn of(principal: &Principal, name: &RepositoryName) -> Self {
        Self {
            actions: principal.allowed_on(name).iter().map(|action| action.to_string()).collect(),
            is_public: principal.is_public(name),
        }
    }
}

/// Show what happened to the tags of a repository
///
/// The latest step first.
#[utoipa::path(
    get,
    path = "/repositories/{name}/timeline",
    tag = "repositories",
    params(
        ("name" = String, Path, example = "team%2Fapp"),
        ("n" = Option<u64>, Query),
        ("before" = Option<u64>, Query)
    ),
    responses((status = 200, body = Timeline))
)]
pub(super) async fn timeline(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    query: Query,
) -> Result<Json<Timeline>, Error> {
    let pull = app.registry.pull_from(&principal, name)?;
    let paging = Paging::read(&query, PAGE)?;
    let page = pull.history(before(&query)?, paging.limit).await?;
    let next = page.next(|step| step.event.id);
    let show = |RepositoryTagEvent { tag, event }: RepositoryTagEvent| TimelineStep {
        id: event.id,
        tag: tag.to_string(),
        action: event.action,
        digest: event.digest,
        previous: event.previous,
        actor: event.actor,
        at: moment(event.at),
    };
    Ok(Json(Timeline { events: page.items.into_iter().map(show).collect(), next }))
}

/// Delete a repository
///
/// With all its tags, their history and its manifests. Rules about its name stay.
#[utoipa::path(
    delete,
    path = "/repositories/{name}",
    tag = "repositories",
    params(("name" = String, Path, example = "team%2Fapp")),
    responses((status = 202))
)]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
) -> Result<StatusCode, Error> {
    app.registry.remove_from(&principal, name)?.repository_itself().await?;
    Ok(StatusCode::ACCEPTED)
}
