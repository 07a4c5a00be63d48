//! The base of the API: clients ask here whether they must log in.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;

use crate::app::App;
use crate::auth::{Need, Principal};
use crate::http::Error;
use crate::remote::MARK;

/// `GET /v2/`. Docker takes its answer for all later requests: 200 without credentials would mean that it never logs in.
/// Whoever replicates sees whether it is itself that answers.
pub(super) async fn check(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Response, Error> {
    principal.decide(&Need::Login)?;
    let mark = app.meta.mark().await.map_err(Error::internal)?;
    let headers = [(header::CONTENT_TYPE.as_str(), "application/json".to_owned()), (MARK, mark)];
    Ok((headers, "{}").into_response())
}
