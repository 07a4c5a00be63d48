//! The list of repositories.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;

use super::next_page;
use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;
use crate::http::extract::{Paging, Query};

/// Entries of a page whose size the client leaves to us.
const PAGE: u64 = 1000;

/// `GET /v2/_catalog`: repositories that the principal may pull from.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
) -> Result<Response, Error> {
    let catalog = app.registry.catalog(&principal)?;
    let paging = Paging::read(&query, PAGE)?;
    let page = catalog.list(&paging.after, paging.limit).await?;
    let names: Vec<_> = page.items.iter().map(|repository| repository.name.as_str()).collect();
    let link = names.last().filter(|_| page.more).map(|last| {
        next_page(
            "/v2/_catalog",
            &query.encode(&["n", "last"], &[("n", &paging.limit.to_string()), ("last", last)]),
        )
    });
    let body = Json(serde_json::json!({ "repositories": names }));
    Ok((link.map(|link| [(header::LINK, link)]), body).into_response())
}
