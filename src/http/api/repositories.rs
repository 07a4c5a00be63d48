//! Repositories.

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
use crate::meta::Summary;
use crate::oci::RepositoryName;

/// A repository, as the API shows it.
#[derive(Debug, Serialize)]
pub(super) struct Repository {
    name: RepositoryName,
    tags: u64,
    manifests: u64,
    size_bytes: u64,
    created_at: String,
    updated_at: String,
}

/// A page of repositories.
#[derive(Debug, Serialize)]
pub(super) struct Repositories {
    repositories: Vec<Repository>,
    /// The `last` of the next page.
    next: Option<RepositoryName>,
}

impl From<Summary> for Repository {
    fn from(summary: Summary) -> Self {
        Self {
            name: summary.name,
            tags: summary.tags,
            manifests: summary.manifests,
            size_bytes: summary.size_bytes,
            created_at: summary.created_at.to_string(),
            updated_at: summary.updated_at.to_string(),
        }
    }
}

/// `GET /api/v1/repositories?n=&last=`
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
) -> Result<Json<Repositories>, Error> {
    let catalog = app.registry.catalog(&principal)?;
    let paging = Paging::read(&query, PAGE)?;
    let page = catalog.list(&paging.after, paging.limit).await?;
    let next = page.items.last().filter(|_| page.more).map(|repository| repository.name.clone());
    Ok(Json(Repositories { repositories: page.items.into_iter().map(Into::into).collect(), next }))
}

/// `GET /api/v1/repositories/{name}`
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
) -> Result<Json<Repository>, Error> {
    Ok(Json(app.registry.pull_from(&principal, name)?.summary().await?.into()))
}

/// `DELETE /api/v1/repositories/{name}`: with all its tags, their history and its manifests.
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
) -> Result<StatusCode, Error> {
    app.registry.remove_from(&principal, name)?.repository_itself().await?;
    Ok(StatusCode::ACCEPTED)
}
