//! The outside: routes, parsing, answers. No decisions: those are made in `auth` and `registry`.

mod api;
mod body;
mod client_certificates;
mod connection;
mod error;
mod extract;
mod figures;
mod fold_name;
mod forwarded;
mod local;
mod ops;
mod pages;
mod request;
mod server;
mod session;
mod socket;
mod stall;
mod tls;
mod ui;
mod v2;

use std::sync::Arc;

use axum::Router;

pub use error::Error;
pub use local::LocalApi;
pub use server::{Server, StartError};

use crate::app::App;

/// Everything that Berth answers to. Names of repositories have been folded into one segment before
/// (see [`fold_name`]).
fn router(app: Arc<App>) -> Router {
    Router::new()
        .merge(v2::routes())
        .nest("/api/v1", api::routes())
        .merge(pages::routes())
        .merge(ui::routes())
        .merge(ops::routes())
        .fallback(error::no_such_page)
        .method_not_allowed_fallback(error::no_such_method)
        .with_state(app)
}
