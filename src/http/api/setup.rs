//! The first administrator, who comes by the link that `berth serve` prints.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Json};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Input;
use super::session::begin;
use crate::app::App;
use crate::auth::Origin;
use crate::http::Error;
use crate::http::request::Info;
use crate::http::session;
use crate::secret::Secret;

/// What a set-up link holds.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Link {
    token: String,
}

/// Whether a link is good.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LinkState {
    is_good: bool,
}

/// The first administrator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Setup {
    /// What the link holds, behind its `#`.
    token: String,
    username: String,
    #[schema(format = Password)]
    password: String,
}

/// Ask whether a set-up link is good
#[utoipa::path(
    post,
    path = "/setup/check",
    tag = "session",
    request_body = Link,
    responses((status = 200, body = LinkState))
)]
pub(super) async fn check(
    State(app): State<Arc<App>>,
    Input(link): Input<Link>,
) -> Result<Json<LinkState>, Error> {
    Ok(Json(LinkState { is_good: app.auth.is_setup(&Secret::new(link.token)).await? }))
}

/// Make the first administrator
///
/// By the link that `berth serve` prints on its first start; it is good once, for a day. The browser is signed in.
#[utoipa::path(
    post,
    path = "/setup",
    tag = "session",
    request_body = Setup,
    responses((status = 201, body = super::session::Identity))
)]
pub(super) async fn finish(
    State(app): State<Arc<App>>,
    origin: Origin,
    Extension(info): Extension<Info>,
    headers: HeaderMap,
    Input(wanted): Input<Setup>,
) -> Result<Response, Error> {
    if session::is_cross_site(&headers) {
        return Err(crate::auth::Error::Forgery.into());
    }
    let (token, password) = (Secret::new(wanted.token), Secret::new(wanted.password));
    let made = app.auth.finish_setup(&token, &wanted.username, &password, &origin).await?;
    begin(&app, &made, &origin, &info, &headers).await
}
