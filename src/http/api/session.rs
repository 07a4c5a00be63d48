//! Who is asking: signing a browser in and out.

use std::sync::Arc;

use axum::Extension;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Input;
use super::moment;
use crate::app::App;
use crate::auth::{BrowserSession, Need, Origin, Principal};
use crate::http::Error;
use crate::http::request::Info;
use crate::http::session;
use crate::meta::Account;
use crate::secret::Secret;

/// Who is asking.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Identity {
    /// The name in the audit trail; `anonymous` for nobody.
    name: String,
    /// Whether anybody is logged in.
    is_authenticated: bool,
    /// Whether they administer the registry.
    is_administrator: bool,
    /// Whom rules may be about when they ask: `user:ann`, `group:devs`, `everyone`.
    subjects: Vec<String>,
    /// Their name as people write it.
    full_name: Option<String>,
    /// Their address.
    email: Option<String>,
    /// Who vouches for them; nobody for those with a password here.
    provider: Option<String>,
    /// The browser's session, if it is one that asks.
    session: Option<SessionView>,
}

/// A browser that is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionView {
    /// What every change has to repeat in the header `X-CSRF-Token`.
    csrf_token: String,
    /// `password`, or the provider that vouched for them.
    method: String,
    /// When it ends.
    expires_at: String,
}

/// Signing in with a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    username: String,
    #[schema(value_type = String, format = Password)]
    password: String,
}

fn identity(principal: &Principal, session: Option<SessionView>) -> Identity {
    let account = principal.account();
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Identity {
        name: principal.actor(),
        is_authenticated: !principal.is_anonymous(),
        is_administrator: principal.decide(&Need::Administer).is_ok(),
        subjects: principal.subjects().iter().map(ToString::to_string).collect(),
        full_name: account.and_then(|account| filled(&account.full_name)),
        email: account.and_then(|account| filled(&account.email)),
        provider: account.and_then(|account| account.provider.as_deref().map(str::to_owned)),
        session,
    }
}

fn view(session: &BrowserSession) -> SessionView {
    SessionView {
        csrf_token: session.csrf.expose().clone(),
        method: session.method.clone(),
        expires_at: moment(session.expires_at),
    }
}

/// Who is asking
///
/// With a session's cookie the answer holds the CSRF token that its changes have to repeat.
#[utoipa::path(get, path = "/session", tag = "session", responses((status = 200, body = Identity)))]
pub(super) async fn show(
    principal: Principal,
    session: Option<Extension<BrowserSession>>,
) -> Json<Identity> {
    Json(identity(&principal, session.map(|Extension(session)| view(&session))))
}

/// Sign a browser in with a password
///
/// Sets the session's cookie.
#[utoipa::path(
    post,
    path = "/session",
    tag = "session",
    request_body = SignIn,
    responses((status = 201, body = Identity))
)]
pub(super) async fn sign_in(
    State(app): State<Arc<App>>,
    origin: Origin,
    Extension(info): Extension<Info>,
    headers: HeaderMap,
    Input(input): Input<SignIn>,
) -> Result<Response, Error> {
    if session::is_cross_site(&headers) {
        return Err(crate::auth::Error::Forgery.into());
    }
    let account = app.auth.login(&input.username, &Secret::new(input.password), &origin).await?;
    begin(&app, &account, &origin, &info, &headers).await
}

/// Signs a browser in as somebody who has proved who they are.
pub(super) async fn begin(
    app: &App,
    account: &Account,
    origin: &Origin,
    info: &Info,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    info.set_actor(account.name.to_string());
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let signed_in =
        app.auth.start_session(account, "password", agent.unwrap_or_default(), origin).await?;
    let found = app.auth.find_session(&signed_in.cookie, origin).await?;
    let (principal, browser) =
        found.ok_or_else(|| Error::internal("a session that was just made is not there"))?;
    let seconds = app.config.auth.session_lifetime.get().as_secs();
    let cookie = session::set(&signed_in, info.is_https, seconds);
    let body = Json(identity(&principal, Some(view(&browser))));
    Ok((StatusCode::CREATED, [(header::SET_COOKIE, cookie)], body).into_response())
}

/// Sign the browser out
#[utoipa::path(delete, path = "/session", tag = "session", responses((status = 204)))]
pub(super) async fn sign_out(
    State(app): State<Arc<App>>,
    principal: Principal,
    session: Option<Extension<BrowserSession>>,
    Extension(info): Extension<Info>,
) -> Result<Response, Error> {
    if let Some(Extension(browser)) = session {
        app.auth.end_session(&principal, &browser).await?;
    }
    let cookie = session::clear(info.is_https);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}
