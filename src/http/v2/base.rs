//! The base of the API: clients ask here whether they must log in.

use axum::response::{IntoResponse, Response};
use http::header;

use crate::auth::{Need, Principal};
use crate::http::Error;

/// `GET /v2/`. Docker takes its answer for all later requests: 200 without credentials would mean that it never logs in.
pub(super) async fn check(principal: Principal) -> Result<Response, Error> {
    principal.decide(&Need::Login)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], "{}").into_response())
}
