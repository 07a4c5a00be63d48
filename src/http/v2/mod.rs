//! The distribution API, one file per resource.

mod base;
mod blobs;
mod catalog;
mod manifests;
mod referrers;
mod tags;
mod token;
mod uploads;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v2", get(base::check))
        .route("/v2/", get(base::check))
        .route("/token", get(token::get).post(token::post))
        .route("/.well-known/jwks.json", get(token::jwks))
        .route("/v2/_catalog", get(catalog::list))
        .route("/v2/{name}/tags/list", get(tags::list))
        .route("/v2/{name}/referrers/{digest}", get(referrers::list))
        .route(
            "/v2/{name}/manifests/{reference}",
            get(manifests::get).put(manifests::put).delete(manifests::delete),
        )
        .route("/v2/{name}/blobs/{digest}", get(blobs::get).delete(blobs::delete))
        .route("/v2/{name}/blobs/uploads", post(uploads::start))
        .route("/v2/{name}/blobs/uploads/", post(uploads::start))
        .route(
            "/v2/{name}/blobs/uploads/{upload}",
            get(uploads::status)
                .patch(uploads::append)
                .put(uploads::finish)
                .delete(uploads::cancel),
        )
}

/// The path of something in a repository; relative, so that no proxy can get the scheme or the host wrong.
fn location(name: &crate::oci::RepositoryName, tail: &str) -> String {
    format!("/v2/{name}/{tail}")
}

/// `Link` to the next page of a list (RFC 8288).
fn next_page(path: &str, query: &str) -> String {
    format!("<{path}?{query}>; rel=\"next\"")
}
