//! `/healthz`, `/readyz`, `/metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header;

use super::Error;
use super::figures::figures;
use crate::app::App;
use crate::auth::{Need, Principal};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
}

/// `GET /healthz`: the process answers.
async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the database reads and writes, and the blob store answers.
async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str, Error> {
    match app.ready().await {
        Ok(()) => Ok("ready\n"),
        Err(cause) => Err(Error::unavailable("the registry is not ready; its log says why", cause)),
    }
}

/// `GET /metrics`: for whoever may log in, unless `metrics.public`.
async fn metrics(
    State(app): State<Arc<App>>,
    principal: Result<Principal, Error>,
) -> Result<Response, Error> {
    if !app.config.metrics.public {
        principal?.decide(&Need::Login)?;
    }
    let text = app.metrics.render(&figures(&app).await).map_err(Error::internal)?;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type)], text).into_response())
}
