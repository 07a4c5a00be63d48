//! What happens to every request, whatever it asks for: an id, the route, the challenge, the log line, the figures.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use tower::ServiceExt as _;

use super::client_certificates::PeerCertificate;
use super::error::{Cause, Challenge, Error, Turned};
use super::fold_name::{self, Kind};
use super::forwarded::{self, Client};
use super::socket::Windows;
use crate::app::App;
use crate::auth::{self, Origin, Principal, Refused, SERVICE};
use crate::secret::random_text;

/// What is known of the connection that a request came by.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    pub(super) is_tls: bool,
    /// What the client showed in its greeting.
    pub(super) certificate: Option<Arc<PeerCertificate>>,
    /// Where files may be handed to the kernel instead of being read (see [`super::socket`]).
    pub(super) windows: Option<Windows>,
    /// A body without progress for this long is given up.
    pub(super) idle_timeout: Duration,
}

/// What is known of a request while it is answered.
#[derive(Clone, Debug)]
pub(super) struct Info {
    pub(super) origin: Origin,
    /// What the path is about.
    pub(super) kind: Kind,
    /// Whether the client speaks TLS, with us or with a proxy that is trusted.
    pub(super) is_https: bool,
    /// How the client reaches us: scheme and host, without a slash at the end.
    pub(super) base: Arc<str>,
    actor: Arc<OnceLock<String>>,
}

impl Info {
    /// Notes who asks, for the log and the audit trail.
    pub(super) fn set_actor(&self, name: String) {
        let _ = self.actor.set(name);
    }

    fn actor(&self) -> Option<&str> {
        self.actor.get().map(String::as_str)
    }
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// Answers one request.
pub(super) async fn answer(
    router: Router,
    app: &App,
    peer: &Peer,
    mut request: Request<Body>,
) -> Response {
    let start = Instant::now();
    let path = request.uri().clone();
    let kind = fold_name::fold(request.uri_mut());
    let server = &app.config.server;
    let client = forwarded::client(
        peer.address.ip(),
        peer.is_tls,
        request.headers(),
        &server.trusted_proxies,
    );
    let origin = Origin {
        address: client.address,
        request: request_id(request.headers()),
        traceparent: traceparent(request.headers()),
    };
    let is_https = client.is_https;
    let base: Arc<str> =
        base_url(server.public_url.as_deref(), &client, request.uri(), request.headers()).into();
    let info = Info { origin, kind, is_https, base: Arc::clone(&base), actor: Arc::default() };
    let method = request.method().clone();
    let is_question = kind == Kind::Base && !request.headers().contains_key(header::AUTHORIZATION);
    request.extensions_mut().insert(peer.clone());
    request.extensions_mut().insert(info.clone());

    let is_turned_away =
        peer.certificate.as_ref().is_some_and(|certificate| !certificate.is_still_good());
    let mut response = if is_turned_away {
        Error::from(auth::Error::Certificate).into_response()
    } else {
        // A router is always ready, and never fails.
        router.oneshot(request).await.unwrap_or_else(|never| match never {})
    };

    if let Some(challenge) = response.extensions_mut().remove::<Challenge>() {
        // Tokens are had for a password; the same goes for pages that Prometheus and people ask for.
        let value = match kind {
            Kind::Token | Kind::Other => format!("Basic realm=\"{SERVICE}\""),
            _ => challenge.header(&format!("{base}/token"), SERVICE),
        };
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
    }
    // Old Docker clients look for it on every answer, also where there is nothing.
    if matches!(kind, Kind::Base | Kind::Token) || path.path().starts_with("/v2/") {
        response.headers_mut().insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
    }
    if let Ok(id) = HeaderValue::from_str(&info.origin.request) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    if let Some(turned) = response.extensions_mut().remove::<Turned>()
        // Clients ask the base of the API how to log in: to tell them is no refusal.
        && !is_question
    {
        let refused = Refused {
            actor: info.actor().unwrap_or(Principal::ANONYMOUS).to_owned(),
            address: info.origin.address,
            repository: turned.repository,
            wanted: turned.wanted.unwrap_or_else(|| format!("{method} {}", shortened(&path))),
            because: turned.because,
            status: response.status().as_u16(),
        };
        app.auth.audit.refused(refused, &info.origin.request);
    }
    let elapsed = start.elapsed();
    app.metrics.request(known(&method), kind.as_str(), response.status().as_u16(), elapsed);
    log(&info, &method, &path, &mut response, elapsed);
    response
}

fn log(info: &Info, method: &Method, uri: &Uri, response: &mut Response, elapsed: Duration) {
    let status = response.status().as_u16();
    if let Some(Cause(cause)) = response.extensions_mut().remove::<Cause>() {
        let id = &*info.origin.request;
        tracing::error!(request.id = id, http.method = %method, http.path = uri.path(), http.status = status, "{method} {} failed: {cause}", uri.path());
    }
    // Health checks and scrapes come every few seconds and say nothing.
    if matches!(uri.path(), "/healthz" | "/readyz" | "/metrics")
        && response.status() == StatusCode::OK
    {
        return;
    }
    let id = &*info.origin.request;
    let address = info.origin.address;
    let user = info.actor().unwrap_or("-");
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

/// A path for a record that must not grow with it.
fn shortened(uri: &Uri) -> String {
    uri.path().chars().take(200).collect()
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

/// `traceparent`, if it is one: `00-TRACE-PARENT-FLAGS` in hexadecimal digits (W3C Trace Context, 3.2).
fn traceparent(headers: &HeaderMap) -> Option<Arc<str>> {
    let given = headers.get(TRACEPARENT)?.to_str().ok()?;
    let is_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let lengths: Vec<usize> = given.split('-').map(str::len).collect();
    (lengths == [2, 32, 16, 2] && given.split('-').all(is_hex)).then(|| given.into())
}

/// Where we are. With `server.public_url` it is that; else the host that the client itself named, if it is one: what it says
/// then only ever reaches the same client.
fn base_url(public_url: Option<&str>, client: &Client, uri: &Uri, headers: &HeaderMap) -> String {
    if let Some(url) = public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let scheme = if client.is_https { "https" } else { "http" };
    let named = client
        .host
        .as_deref()
        .or_else(|| uri.authority().map(http::uri::Authority::as_str))
        .or_else(|| headers.get(header::HOST).and_then(|host| host.to_str().ok()));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".:-[]_".contains(&byte);
    let host =
        named.filter(|host| !host.is_empty() && host.len() <= 255 && host.bytes().all(plain));
    format!("{scheme}://{}", host.unwrap_or("localhost"))
}
