//! `/auth/PROVIDER/…`: to a sign-in provider, and back.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, header};

use super::{agent, small_cookie, way_back};
use crate::app::App;
use crate::auth::{Callback, Origin};
use crate::http::Error;
use crate::http::extract::Query;
use crate::http::request::Info;
use crate::http::session;
use crate::secret::Secret;

const fn cookie_name(is_https: bool) -> &'static str {
    if is_https { "__Host-berth_sign_in" } else { "berth_sign_in" }
}

/// Where a provider sends browsers back to; it has to be registered there.
fn redirect_uri(info: &Info, provider: &str) -> String {
    format!("{}/auth/{provider}/callback", info.base)
}

/// `GET /auth/PROVIDER/start?return=/…`
pub(super) async fn start(
    State(app): State<Arc<App>>,
    Extension(info): Extension<Info>,
    Path(provider): Path<String>,
    query: Query,
) -> Result<Response, Error> {
    let back = way_back(query.get("return"));
    let started = app.auth.start_sign_in(&provider, &redirect_uri(&info, &provider), back).await;
    let started = started.map_err(|error| Error::sign_in(&provider, error))?;
    // Lax: the provider sends the browser back from another site.
    let value = started.cookie.expose();
    let cookie = small_cookie(cookie_name(info.is_https), value, "Lax", 600, &info);
    let headers = [
        (header::SET_COOKIE, cookie),
        (header::CACHE_CONTROL, "no-store".parse().map_err(Error::internal)?),
    ];
    Ok((headers, Redirect::to(&started.location)).into_response())
}

/// `GET /auth/PROVIDER/callback`
pub(super) async fn callback(
    State(app): State<Arc<App>>,
    origin: Origin,
    Extension(info): Extension<Info>,
    Path(provider): Path<String>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Error> {
    let name = cookie_name(info.is_https);
    let cookie = Secret::new(session::cookie(&headers, name).unwrap_or_default());
    let text = |key: &str| query.get(key).map(str::to_owned);
    let callback = Callback {
        code: text("code"),
        state: text("state"),
        iss: text("iss"),
        error: text("error"),
    };
    // Whatever comes of it, it is over.
    let over = small_cookie(name, "", "Lax", 0, &info);
    let finished = app.auth.finish_sign_in(&provider, &cookie, &callback, &origin).await;
    let signed_in = match finished {
        Ok(signed_in) => signed_in,
        Err(error) => {
            let mut response = Error::sign_in(&provider, error).into_response();
            response.headers_mut().append(header::SET_COOKIE, over);
            return Ok(response);
        }
    };
    info.set_actor(signed_in.account.name.to_string());
    let started =
        app.auth.start_session(&signed_in.account, &provider, agent(&headers), &origin).await;
    let started = started.map_err(|error| Error::from(error).on_page())?;
    let seconds = app.config.auth.session_lifetime.get().as_secs();
    let mut response = Redirect::to(&signed_in.return_to).into_response();
    let cookies = [session::set(&started, info.is_https, seconds), over];
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}
