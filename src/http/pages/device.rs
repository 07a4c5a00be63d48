//! `/device`: letting a machine in that has no browser of its own (RFC 8628).

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use http::{HeaderMap, StatusCode, header};

use super::layout::{escape, hidden, page};
use super::{check_csrf, login_for, signed_in};
use crate::app::App;
use crate::auth::{BrowserSession, Origin, Principal};
use crate::http::Error;
use crate::http::extract::{Form, Query, encode};
use crate::http::request::Info;
use crate::meta::DeviceLogin;

/// `POST /auth/device`: a machine begins to wait. `machine` is what it calls itself.
pub(super) async fn start(
    State(app): State<Arc<App>>,
    origin: Origin,
    Extension(info): Extension<Info>,
    Form(fields): Form,
) -> Result<Response, Error> {
    let named = fields.get("machine").or_else(|| fields.get("client_id"));
    let machine = named.map(String::as_str).unwrap_or_default();
    let started = app.auth.start_device(machine, &origin).await?;
    let started = started.ok_or_else(Error::too_many_devices)?;
    let page = format!("{}/device", info.base);
    let body = serde_json::json!({
        "device_code": started.device_code.expose(),
        "user_code": started.user_code,
        "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code={}", started.user_code),
        "expires_in": started.expires_in.as_secs(),
        "interval": started.interval.as_secs(),
    });
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

/// `GET /device?user_code=…`
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Extension(info): Extension<Info>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Error> {
    let code = query.get("user_code").unwrap_or_default();
    let Some((principal, session)) =
        signed_in(&app, &headers, &info).await.map_err(Error::on_page)?
    else {
        return Ok(Redirect::to(&login_for(&here(code))).into_response());
    };
    Ok(ask(&principal, &session, code, None))
}

/// This page with a code, as far as it can be one.
fn here(code: &str) -> String {
    let code: String =
        code.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(20).collect();
    if code.is_empty() { "/device".into() } else { format!("/device?user_code={}", encode(&code)) }
}

/// Asks for the code.
fn ask(
    principal: &Principal,
    session: &BrowserSession,
    code: &str,
    wrong: Option<(StatusCode, &str)>,
) -> Response {
    let alert =
        wrong.map(|(_, text)| format!("<p class=\"bad\" role=\"alert\">{}</p>\n", escape(text)));
    let content = format!(
        "{}<p>You are signed in as <strong>{}</strong>. Type the code that the machine shows.</p>\n\
         <form method=\"post\" action=\"/device\">{}{}\n\
         <label for=\"user_code\">Code</label>\n\
         <input id=\"user_code\" name=\"user_code\" class=\"code\" value=\"{}\" autocomplete=\"off\" autocapitalize=\"characters\" spellcheck=\"false\" maxlength=\"20\" required autofocus>\n\
         <button>Continue</button></form>",
        alert.unwrap_or_default(),
        escape(&principal.actor()),
        hidden("csrf", session.csrf.expose()),
        hidden("step", "look"),
        escape(code),
    );
    page(wrong.map_or(StatusCode::OK, |(status, _)| status), "Let a machine in", &content)
}

/// Shows what is to be decided.
fn confirm(principal: &Principal, session: &BrowserSession, login: &DeviceLogin) -> Response {
    let content = format!(
        "<p>A machine wants to use this registry as <strong>{}</strong>, with all that you may do here.</p>\n\
         <dl><dt>Machine</dt><dd>{}</dd><dt>Address</dt><dd>{}</dd><dt>Since</dt><dd>{}</dd><dt>Code</dt><dd class=\"code\">{}</dd></dl>\n\
         <p>Go on only if you have just begun this yourself, and the machine shows the same code.</p>\n\
         <form method=\"post\" action=\"/device\">{}{}\n\
         <button name=\"step\" value=\"approve\">Let it in</button>\n\
         <button name=\"step\" value=\"deny\" class=\"quiet\">Refuse it</button></form>",
        escape(&principal.actor()),
        escape(&login.machine),
        escape(&login.address),
        escape(&login.created_at.to_string()),
        escape(&login.user_code),
        hidden("csrf", session.csrf.expose()),
        hidden("user_code", &login.user_code),
    );
    page(StatusCode::OK, "Let this machine in?", &content)
}

/// `POST /device`
pub(super) async fn decide(
    State(app): State<Arc<App>>,
    origin: Origin,
    Extension(info): Extension<Info>,
    headers: HeaderMap,
    Form(fields): Form,
) -> Result<Response, Error> {
    let field = |name: &str| fields.get(name).map(String::as_str);
    let code = field("user_code").unwrap_or_default();
    let Some((principal, session)) =
        signed_in(&app, &headers, &info).await.map_err(Error::on_page)?
    else {
        return Ok(Redirect::to(&login_for(&here(code))).into_response());
    };
    check_csrf(&session, field("csrf")).map_err(Error::on_page)?;
    let found = app.auth.find_device(&principal, code, &origin).await;
    let Some(login) = found.map_err(|error| Error::from(error).on_page())? else {
        let wrong =
            "No machine waits under this code. It may have waited too long: begin again there.";
        return Ok(ask(&principal, &session, code, Some((StatusCode::NOT_FOUND, wrong))));
    };
    let approve = match field("step") {
        Some("approve") => true,
        Some("deny") => false,
        _ => return Ok(confirm(&principal, &session, &login)),
    };
    let decided = app.auth.decide_device(&principal, &login, approve).await;
    if !decided.map_err(|error| Error::from(error).on_page())? {
        let wrong = "The machine no longer waits.";
        return Ok(ask(&principal, &session, "", Some((StatusCode::NOT_FOUND, wrong))));
    }
    let (title, told) = if approve {
        ("It is let in", "The machine goes on by itself in a few seconds. You can close this page.")
    } else {
        ("It is refused", "The machine is told so. You can close this page.")
    };
    Ok(page(StatusCode::OK, title, &format!("<p>{told}</p>")))
}
