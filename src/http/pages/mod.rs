//! Pages for browsers, until the UI takes them over: signing in, and letting machines in.
//!
//! They run no script and load nothing. What changes something is a form that repeats a token which other sites cannot know.

mod device;
mod layout;
mod login;
mod sign_in;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use http::header::{self, HeaderMap, HeaderValue};

use super::Error;
use super::extract::encode;
use super::request::Info;
use super::session;
use crate::app::App;
use crate::auth::{self, BrowserSession, Principal, is_own_path};
use crate::secret::{Secret, random_text};

pub(super) use layout::failure;

/// Where whoever wants to go nowhere else goes.
const HOME: &str = "/login";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/login", get(login::show).post(login::sign_in))
        .route("/logout", post(login::sign_out))
        .route("/device", get(device::show).post(device::decide))
        .route("/auth/device", post(device::start))
        .route("/auth/{provider}/start", get(sign_in::start))
        .route("/auth/{provider}/callback", get(sign_in::callback))
}

/// Where somebody wants to go, if that is here.
fn way_back(wanted: Option<&str>) -> &str {
    wanted.filter(|path| is_own_path(path)).unwrap_or(HOME)
}

/// The sign-in page, for whoever wants to go on to `path`.
fn login_for(path: &str) -> String {
    format!("/login?return={}", encode(path))
}

/// Whoever the browser is signed in as.
async fn signed_in(
    app: &App,
    headers: &HeaderMap,
    info: &Info,
) -> Result<Option<(Principal, BrowserSession)>, Error> {
    let found = session::find(app, headers, info).await?;
    if let Some((principal, _)) = &found {
        info.set_actor(principal.actor());
    }
    Ok(found)
}

/// Refuses a form that does not repeat the session's token.
fn check_csrf(session: &BrowserSession, given: Option<&str>) -> Result<(), Error> {
    let given = Secret::new(given.unwrap_or_default().to_owned());
    if given == session.csrf { Ok(()) } else { Err(auth::Error::Forgery.into()) }
}

/// What protects forms of those who are not signed in yet: a cookie that their form repeats.
struct FormToken(String);

impl FormToken {
    const fn name(is_https: bool) -> &'static str {
        if is_https { "__Host-berth_form" } else { "berth_form" }
    }

    /// The browser's own, or a new one.
    fn of(headers: &HeaderMap, info: &Info) -> Self {
        let known = session::cookie(headers, Self::name(info.is_https));
        let is_ours = |text: &String| {
            text.len() == 32
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        Self(known.filter(is_ours).unwrap_or_else(|| random_text(24)))
    }

    fn cookie(&self, info: &Info) -> HeaderValue {
        small_cookie(Self::name(info.is_https), &self.0, "Strict", 3600, info)
    }

    fn check(headers: &HeaderMap, info: &Info, given: Option<&str>) -> Result<(), Error> {
        let known = session::cookie(headers, Self::name(info.is_https)).unwrap_or_default();
        let given = Secret::new(given.unwrap_or_default().to_owned());
        let repeats = !known.is_empty() && given == Secret::new(known);
        if repeats && !session::is_cross_site(headers) {
            Ok(())
        } else {
            Err(auth::Error::Forgery.into())
        }
    }
}

/// A cookie for one purpose and a short time.
fn small_cookie(name: &str, value: &str, site: &str, seconds: u64, info: &Info) -> HeaderValue {
    let secure = if info.is_https { "; Secure" } else { "" };
    let text =
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite={site}{secure}");
    HeaderValue::from_str(&text).expect("a cookie is written in the URL-safe alphabet")
}

fn agent(headers: &HeaderMap) -> &str {
    headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
