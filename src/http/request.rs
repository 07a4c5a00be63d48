//! What happens to every request, whatever it asks for: an id, the route, the challenge, the log line, the figures.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use tower::ServiceExt as _;

use super::error::{Cause, Challenge};
use super::fold_name::{self, Kind};
use super::socket::Windows;
use crate::auth::SERVICE;
use crate::metrics::Metrics;
use crate::secret::random_text;

/// What is known of the connection that a request came by.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    pub(super) is_tls: bool,
    /// Where files may be handed to the kernel instead of being read (see [`super::socket`]).
    pub(super) windows: Option<Windows>,
    /// A body without progress for this long is given up.
    pub(super) idle_timeout: Duration,
}

/// What is known of a request while it is answered.
#[derive(Clone, Debug)]
pub(super) struct Info {
    id: Arc<str>,
    actor: Arc<OnceLock<String>>,
}

impl Info {
    /// Notes who asks, for the log.
    pub(super) fn set_actor(&self, name: &str) {
        let _ = self.actor.set(name.to_owned());
    }
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// Answers one request.
pub(super) async fn answer(
    router: Router,
    metrics: &Metrics,
    public_url: Option<&str>,
    peer: &Peer,
    mut request: Request<Body>,
) -> Response {
    let start = Instant::now();
    let path = request.uri().clone();
    let kind = fold_name::fold(request.uri_mut());
    let info = Info { id: request_id(request.headers()), actor: Arc::default() };
    let realm = realm(public_url, peer, request.uri(), request.headers());
    let method = request.method().clone();
    request.extensions_mut().insert(peer.clone());
    request.extensions_mut().insert(info.clone());

    // A router is always ready, and never fails.
    let mut response = router.oneshot(request).await.unwrap_or_else(|never| match never {});

    if let Some(challenge) = response.extensions_mut().remove::<Challenge>() {
        // Tokens are had for a password; the same goes for pages that Prometheus and people ask for.
        let value = match kind {
            Kind::Token | Kind::Other => format!("Basic realm=\"{SERVICE}\""),
            _ => challenge.header(&realm, SERVICE),
        };
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
    }
    // Old Docker clients look for it on every answer, also where there is nothing.
    if matches!(kind, Kind::Base | Kind::Token) || path.path().starts_with("/v2/") {
        response.headers_mut().insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
    }
    if let Ok(id) = HeaderValue::from_str(&info.id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let elapsed = start.elapsed();
    metrics.request(known(&method), kind.as_str(), response.status().as_u16(), elapsed);
    log(&info, peer, &method, &path, &mut response, elapsed);
    response
}

fn log(
    info: &Info,
    peer: &Peer,
    method: &Method,
    uri: &Uri,
    response: &mut Response,
    elapsed: Duration,
) {
    let status = response.status().as_u16();
    if let Some(Cause(cause)) = response.extensions_mut().remove::<Cause>() {
        let id = &*info.id;
        tracing::error!(request.id = id, http.method = %method, http.path = uri.path(), http.status = status, "{method} {} failed: {cause}", uri.path());
    }
    // Health checks and scrapes come every few seconds and say nothing.
    if matches!(uri.path(), "/healthz" | "/readyz" | "/metrics")
        && response.status() == StatusCode::OK
    {
        return;
    }
    let id = &*info.id;
    let address = peer.address.ip();
    let user = info.actor.get().map_or("-", String::as_str);
    let duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        target: "berth::access",
        {
            request.id = id, client.address = %address, user.name = user, http.method = %method,
            http.path = uri.path(), http.status = status, duration_ms
        },
        "{method} {} {status}", uri.path()
    );
}

/// Methods outside the API share a label: clients may send any.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

/// The client's own id if it is short and plain, else a new one.
fn request_id(headers: &HeaderMap) -> Arc<str> {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|id| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    });
    match given {
        Some(id) => id.into(),
        None => random_text(9).into(),
    }
}

/// Where tokens are to be had. With `server.public_url` it is that; else the host that the client itself named, if it is
/// one: what it says then only ever reaches the same client.
fn realm(public_url: Option<&str>, peer: &Peer, uri: &Uri, headers: &HeaderMap) -> String {
    if let Some(url) = public_url {
        return format!("{url}/token");
    }
    let scheme = if peer.is_tls { "https" } else { "http" };
    let named = uri
        .authority()
        .map(http::uri::Authority::as_str)
        .or_else(|| headers.get(header::HOST).and_then(|host| host.to_str().ok()));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".:-[]_".contains(&byte);
    let host =
        named.filter(|host| !host.is_empty() && host.len() <= 255 && host.bytes().all(plain));
    format!("{scheme}://{}/token", host.unwrap_or("localhost"))
}
