//! Browsers that are signed in: the cookie, and what protects it.
//!
//! The cookie alone is good for reading. What changes something has to repeat the session's CSRF token in a header, which
//! no other site can make a browser send.

use std::sync::Arc;

use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;

use super::extract;
use super::request::Info;
use crate::app::App;
use crate::auth::{self, BrowserSession, Principal, SignedIn};
use crate::secret::Secret;

/// The header that repeats the session's CSRF token.
pub(super) const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");

/// With the prefix, browsers take it from nobody but this very host, over TLS (RFC 6265bis §4.1.3.2).
const SECURE_COOKIE: &str = "__Host-berth_session";
/// Without TLS, as on a machine of one's own.
const PLAIN_COOKIE: &str = "berth_session";

const fn cookie_name(is_https: bool) -> &'static str {
    if is_https { SECURE_COOKIE } else { PLAIN_COOKIE }
}

/// A cookie of a request (RFC 6265 §4.2).
pub(super) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|pair| {
            let (found, value) = pair.trim().split_once('=')?;
            (found == name).then(|| value.trim_matches('"').to_owned())
        })
}

/// Whoever the cookie belongs to; nobody without one, or with one that is over.
pub(super) async fn principal(
    app: &Arc<App>,
    parts: &mut Parts,
    info: &Info,
) -> Result<Principal, auth::Error> {
    let Some((principal, session)) = find(app, &parts.headers, info).await? else {
        return extract::by_connection(app, parts, info).await;
    };
    if !is_safe(&parts.method) && !repeats(&parts.headers, &session) {
        return Err(auth::Error::Forgery);
    }
    parts.extensions.insert(session);
    Ok(principal)
}

/// The session that the cookie belongs to, if there is one.
pub(super) async fn find(
    app: &App,
    headers: &HeaderMap,
    info: &Info,
) -> Result<Option<(Principal, BrowserSession)>, auth::Error> {
    match cookie(headers, cookie_name(info.is_https)) {
        Some(value) => app.auth.find_session(&Secret::new(value), &info.origin).await,
        None => Ok(None),
    }
}

pub(super) const fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn repeats(headers: &HeaderMap, session: &BrowserSession) -> bool {
    let given = headers.get(CSRF_TOKEN).and_then(|value| value.to_str().ok());
    given.is_some_and(|given| Secret::new(given.to_owned()) == session.csrf)
}

/// Whether a page of another site sent this request. Browsers say so; programs say nothing.
pub(super) fn is_cross_site(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    site.is_some_and(|site| !matches!(site, "same-origin" | "none"))
}

/// Sets the cookie.
pub(super) fn set(signed_in: &SignedIn, is_https: bool, seconds: u64) -> HeaderValue {
    write(signed_in.cookie.expose(), is_https, seconds)
}

/// Takes the cookie away.
pub(super) fn clear(is_https: bool) -> HeaderValue {
    write("", is_https, 0)
}

fn write(value: &str, is_https: bool, seconds: u64) -> HeaderValue {
    let secure = if is_https { "; Secure" } else { "" };
    let name = cookie_name(is_https);
    // Lax: whoever comes back from a sign-in provider has to be recognised.
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&text).expect("a cookie is written in the URL-safe alphabet")
}
