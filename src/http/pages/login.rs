//! `/login`: the way in for people.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode, header};

use super::layout::{escape, hidden, page};
use super::{FormToken, agent, check_csrf, signed_in, way_back};
use crate::app::App;
use crate::auth::{BrowserSession, Origin, Principal};
use crate::http::Error;
use crate::http::extract::{Form, Query, encode};
use crate::http::request::Info;
use crate::http::{session, ui};
use crate::secret::Secret;

/// `GET /login?return=/…`
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Extension(info): Extension<Info>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Error> {
    let back = way_back(query.get("return"));
    // The UI has a page for it; this one is for browsers without scripts.
    if app.config.ui.enabled && ui::is_browser(&headers) && query.get("plain").is_none() {
        let to = format!("/ui/sign-in?return={}", encode(back));
        return Ok(Redirect::to(&to).into_response());
    }
    if let Some((principal, session)) =
        signed_in(&app, &headers, &info).await.map_err(Error::on_page)?
    {
        if query.get("return").is_some() {
            return Ok(Redirect::to(back).into_response());
        }
        return Ok(welcome(&principal, &session));
    }
    form(&app, &headers, &info, back, "", None).await
}

fn welcome(principal: &Principal, session: &BrowserSession) -> Response {
    let content = format!(
        "<p>You are signed in as <strong>{}</strong>.</p>\n\
         <p><a class=\"button quiet\" href=\"/device\">Let a machine in</a></p>\n\
         <form method=\"post\" action=\"/logout\">{}<button>Sign out</button></form>",
        escape(&principal.actor()),
        hidden("csrf", session.csrf.expose()),
    );
    page(StatusCode::OK, "Signed in", &content)
}

/// The form, perhaps once more with what was wrong.
async fn form(
    app: &App,
    headers: &HeaderMap,
    info: &Info,
    back: &str,
    name: &str,
    wrong: Option<&Error>,
) -> Result<Response, Error> {
    let token = FormToken::of(headers, info);
    let choices = app.auth.sign_in_choices().await.map_err(|error| Error::from(error).on_page())?;
    let mut content = String::new();
    if let Some(error) = wrong {
        let _ =
            writeln!(content, "<p class=\"bad\" role=\"alert\">{}</p>", escape(error.message()));
    }
    for choice in &choices {
        let href = format!("/auth/{}/start?return={}", choice.name, encode(back));
        let _ = writeln!(
            content,
            "<a class=\"button\" href=\"{}\">Continue with {}</a>",
            escape(&href),
            escape(&choice.title)
        );
    }
    if !choices.is_empty() {
        content.push_str("<hr>\n");
    }
    let quiet = if choices.is_empty() { "" } else { " class=\"quiet\"" };
    let focus = if choices.is_empty() { " autofocus" } else { "" };
    let _ = write!(
        content,
        "<form method=\"post\" action=\"/login\">{}{}\n\
         <label for=\"username\">User name</label>\n\
         <input id=\"username\" name=\"username\" value=\"{}\" autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\" required{focus}>\n\
         <label for=\"password\">Password</label>\n\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required>\n\
         <button{quiet}>Sign in with a password</button></form>",
        hidden("form", &token.0),
        hidden("return", back),
        escape(name),
    );
    let status = wrong.map_or(StatusCode::OK, Error::status);
    let mut response = page(status, "Sign in", &content);
    response.headers_mut().append(header::SET_COOKIE, token.cookie(info));
    Ok(response)
}

/// `POST /login`
pub(super) async fn sign_in(
    State(app): State<Arc<App>>,
    origin: Origin,
    Extension(info): Extension<Info>,
    headers: HeaderMap,
    Form(fields): Form,
) -> Result<Response, Error> {
    let field = |name: &str| fields.get(name).map(String::as_str);
    FormToken::check(&headers, &info, field("form")).map_err(Error::on_page)?;
    let back = way_back(field("return"));
    let name = field("username").unwrap_or_default();
    let password = Secret::new(field("password").unwrap_or_default().to_owned());
    let account = match app.auth.login(name, &password, &origin).await {
        Ok(account) => account,
        Err(error) => {
            let error = Error::from(error).on_page();
            if error.status().is_server_error() {
                return Err(error);
            }
            let page = form(&app, &headers, &info, back, name, Some(&error)).await?;
            return Ok(error.dress(page));
        }
    };
    info.set_actor(account.name.to_string());
    let started = app.auth.start_session(&account, "password", agent(&headers), &origin).await;
    let started = started.map_err(|error| Error::from(error).on_page())?;
    let cookie =
        session::set(&started, info.is_https, app.config.auth.session_lifetime.get().as_secs());
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(back)).into_response())
}

/// `POST /logout`
pub(super) async fn sign_out(
    State(app): State<Arc<App>>,
    Extension(info): Extension<Info>,
    headers: HeaderMap,
    Form(fields): Form,
) -> Result<Response, Error> {
    if let Some((principal, browser)) =
        signed_in(&app, &headers, &info).await.map_err(Error::on_page)?
    {
        check_csrf(&browser, fields.get("csrf").map(String::as_str)).map_err(Error::on_page)?;
        let ended = app.auth.end_session(&principal, &browser).await;
        ended.map_err(|error| Error::from(error).on_page())?;
    }
    let cookie = session::clear(info.is_https);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/login")).into_response())
}
