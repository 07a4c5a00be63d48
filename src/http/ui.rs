//! The web UI: static files that are built from `web/` and are part of the program.
//!
//! All of it lies below `/ui/`. What is no file there is a page of the UI, which finds its own way from the path. The files
//! are compressed when they are built, and their names change with what they hold.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{StatusCode, Uri};
use rust_embed::{Embed, EmbeddedFile};

use super::Error;
use super::error::no_such_page;
use crate::app::App;
use crate::oci::{Algorithm, Digest};

#[derive(Embed)]
#[folder = "web/dist"]
struct Files;

/// The page that every path of the UI begins with.
const INDEX: &str = "index.html";
/// Below it, names change with what the files hold.
const HASHED: &str = "assets/";

/// Scripts, styles, pictures and requests of this very host, and nothing that stands in the page itself.
const POLICY: &str = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(root))
        .route("/ui", get(root))
        .route("/ui/", get(index))
        .route("/ui/{*path}", get(file))
}

/// Whether somebody looks at it, instead of a program.
pub(super) fn is_browser(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

/// `GET /`: programs learn where the API is, people see the UI.
async fn root(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    if app.config.ui.enabled && (is_browser(&headers) || uri.path() == "/ui") {
        return Ok(Redirect::to("/ui/").into_response());
    }
    Err(no_such_page(uri).await)
}

/// `GET /ui/`
async fn index(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    serve(&app, uri, INDEX, &headers).await
}

/// `GET /ui/…`
async fn file(
    State(app): State<Arc<App>>,
    Path(path): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let path = if path.starts_with(HASHED) || Files::get(&path).is_some() { &*path } else { INDEX };
    serve(&app, uri, path, &headers).await
}

async fn serve(app: &App, uri: Uri, path: &str, headers: &HeaderMap) -> Result<Response, Error> {
    let found = if app.config.ui.enabled { find(path, headers) } else { None };
    match found {
        Some((file, encoding)) => Ok(answer(path, &file, encoding, headers)),
        None => Err(no_such_page(uri).await),
    }
}

/// The file as this client takes it, and how it is compressed.
fn find(path: &str, headers: &HeaderMap) -> Option<(EmbeddedFile, Option<&'static str>)> {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let accepted = accepted.unwrap_or_default();
    for (encoding, extension) in [("br", "br"), ("gzip", "gz")] {
        if accepts(accepted, encoding)
            && let Some(file) = Files::get(&format!("{path}.{extension}"))
        {
            return Some((file, Some(encoding)));
        }
    }
    Files::get(path).map(|file| (file, None))
}

/// Whether `Accept-Encoding` names an encoding and does not rule it out (RFC 9110 §12.5.3).
fn accepts(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|entry| {
        let (name, weight) = entry.split_once(';').unwrap_or((entry, ""));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case(encoding) && weight.is_none_or(|weight| weight > 0.0)
    })
}

fn answer(
    path: &str,
    file: &EmbeddedFile,
    encoding: Option<&'static str>,
    headers: &HeaderMap,
) -> Response {
    let is_hashed = path.starts_with(HASHED);
    let cache = if is_hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
    let digest: Digest = Algorithm::Sha256.digest(&file.data);
    let tag = format!("\"{}\"", &digest.hex()[..32]);
    let is_known = headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        let value = value.to_str().unwrap_or_default();
        value.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)
    });
    let body = if is_known { Body::empty() } else { Body::from(file.data.to_vec()) };
    let mut response = Response::new(body);
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let fixed = [
        (header::CONTENT_TYPE, content_type(path)),
        (header::CACHE_CONTROL, cache),
        (header::VARY, "accept-encoding"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    let set = response.headers_mut();
    for (name, value) in fixed {
        set.insert(name, HeaderValue::from_static(value));
    }
    if let Some(encoding) = encoding {
        set.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        set.insert(header::ETAG, tag);
    }
    response
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" | "webmanifest" => "application/json",
        "woff2" => "font/woff2",
        "png" => "image/png",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_that_is_ruled_out_is_not_used() {
        assert!(accepts("gzip, deflate, br;q=0.8", "br"));
        assert!(!accepts("br;q=0, gzip", "br"));
        assert!(!accepts("brotli", "br"));
        assert!(!accepts("", "gzip"));
    }
}
