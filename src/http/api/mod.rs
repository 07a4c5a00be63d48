//! The admin API, `/api/v1`: JSON, one file per resource. What the command line and the UI can do, a script can.

mod repositories;
mod tags;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::app::App;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/repositories", get(repositories::list))
        .route("/repositories/{name}", get(repositories::show).delete(repositories::delete))
        .route("/repositories/{name}/tags", get(tags::list))
        .route("/repositories/{name}/tags/{tag}", get(tags::show).delete(tags::delete))
        .route("/repositories/{name}/tags/{tag}/history", get(tags::history))
}

/// Entries of a page whose size the client leaves to us, and the most that it may ask for.
const PAGE: u64 = 1000;
