//! The list of a repository's tags.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;

use super::{location, next_page};
use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;
use crate::http::extract::{InPath, Paging, Query};
use crate::oci::RepositoryName;

/// Tags of a page whose size the client leaves to us: more than clients that do not follow `Link` are likely to need.
const PAGE: u64 = 10_000;

/// `GET /v2/{name}/tags/list`
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    query: Query,
) -> Result<Response, Error> {
    let pull = app.registry.pull_from(&principal, name)?;
    let paging = Paging::read(&query, PAGE)?;
    let page = pull.tags(&paging.after, paging.limit).await?;
    // `n=0` asks for nothing, and a link would lead nowhere.
    let link = page.items.last().filter(|_| page.more).map(|last| {
        let path = location(pull.repository(), "tags/list");
        next_page(
            &path,
            &query.encode(
                &["n", "last"],
                &[("n", &paging.limit.to_string()), ("last", last.as_str())],
            ),
        )
    });
    let body = Json(serde_json::json!({ "name": pull.repository(), "tags": page.items }));
    Ok((link.map(|link| [(header::LINK, link)]), body).into_response())
}
