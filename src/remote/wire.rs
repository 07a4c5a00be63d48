//! One HTTP exchange with another registry: connections, redirects, time limits, and what went wrong in plain words.
//!
//! Redirects are followed here and not by reqwest, because the rules matter: `Authorization` never follows to another
//! host (distribution-spec, Redirects; CVE-2020-15157), and an encrypted request never becomes a plain one.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::redirect::Policy;
use reqwest::{Body, Client, Response, Url};

use super::error::{Complaint, Error};
use super::registry::Registry;
use super::retry::RetryPolicy;

const MAX_REDIRECTS: usize = 5;
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// How to speak to registries.
#[derive(Clone, Debug)]
pub struct Options {
    /// Registries that are spoken to without TLS; those on this machine always are.
    pub insecure_http: Vec<Registry>,
    /// Registries that are spoken to over TLS although they are on this machine.
    pub tls: Vec<Registry>,
    /// Certificates (PEM) of authorities that are trusted beside the system's.
    pub authorities: Vec<Vec<u8>>,
    /// A certificate (PEM) with its key, to be shown to registries that want to see one.
    pub identity: Option<Vec<u8>>,
    /// Whether any certificate will do: for questions of which nothing depends on who answers.
    pub any_certificate: bool,
    /// How persistent to be.
    pub retry: RetryPolicy,
    /// A transfer on which nothing moves for this long is taken for dead.
    pub idle_timeout: Duration,
    /// Blobs are uploaded in pieces of at most this size; without it, in one.
    pub chunk_size: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            insecure_http: Vec::new(),
            tls: Vec::new(),
            authorities: Vec::new(),
            identity: None,
            any_certificate: false,
            retry: RetryPolicy::default(),
            idle_timeout: Duration::from_mins(1),
            chunk_size: None,
        }
    }
}

/// A request that can be sent again.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Call {
    pub(super) fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Bytes::new() }
    }
}

/// An answer with its body, for all that is small.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, up to the limit that the caller set.
    pub body: Bytes,
    /// Where it came from in the end; what its relative links are relative to.
    pub(super) url: Url,
}

impl Answer {
    /// A header as text.
    #[must_use]
    pub fn header(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// The way to one registry.
#[derive(Debug)]
pub(super) struct Wire {
    registry: Registry,
    client: Client,
    base: Url,
    answered: AtomicBool,
    pub(super) options: Options,
}

impl Wire {
    pub(super) fn new(registry: Registry, options: &Options) -> Result<Self, Error> {
        // The program installs the provider at start; a test or another program may not have.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let setup = |cause: &dyn std::error::Error| Error::Setup(innermost(cause));
        let mut builder = Client::builder()
            .user_agent(concat!("berth/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .referer(false)
            .http2_adaptive_window(true)
            .connect_timeout(Duration::from_secs(10).min(options.idle_timeout))
            .pool_idle_timeout(Duration::from_secs(30));
        for pem in &options.authorities {
            let authorities =
                reqwest::Certificate::from_pem_bundle(pem).map_err(|error| setup(&error))?;
            builder = builder.tls_certs_merge(authorities);
        }
        if let Some(pem) = &options.identity {
            let identity = reqwest::Identity::from_pem(pem).map_err(|error| setup(&error))?;
            builder = builder.identity(identity);
        }
        if options.any_certificate {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        if registry.is_loopback() {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| setup(&error))?;
        let plain = (registry.is_loopback() || options.insecure_http.contains(&registry))
            && !options.tls.contains(&registry);
        let scheme = if plain { "http" } else { "https" };
        let base = Url::parse(&format!("{scheme}://{}/", registry.api_host()))
            .map_err(|error| setup(&error))?;
        Ok(Self {
            registry,
            client,
            base,
            answered: AtomicBool::new(false),
            options: options.clone(),
        })
    }

    /// The URL of a path such as `v2/`; its parts are ours or checked, so nothing in them needs encoding.
    pub(super) fn url(&self, path: &str) -> Url {
        self.base.join(path).expect("a path of checked parts is well-formed")
    }

    /// Reads a URL that the registry gave us. A registry behind a proxy that ends TLS often calls itself `http`.
    pub(super) fn follow(&self, from: &Url, link: &str) -> Result<Url, Error> {
        let mut url = from.join(link).map_err(|error| Error::Protocol {
            registry: self.registry.clone(),
            what: format!("`{}` is no URL: {error}", link.chars().take(200).collect::<String>()),
        })?;
        let same_host = url.host_str() == self.base.host_str();
        let port_fits = url.port() == self.base.port() || url.port() == Some(80);
        if self.base.scheme() == "https" && url.scheme() == "http" && same_host && port_fits {
            let _ = url.set_scheme("https");
            let _ = url.set_port(self.base.port());
        }
        Ok(url)
    }

    /// Whether `url` belongs to the registry itself.
    pub(super) fn is_ours(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// Whether a password may be sent to a token server: over TLS, or as openly as the registry itself is spoken to.
    pub(super) fn may_see_credentials(&self, url: &Url) -> bool {
        url.scheme() == "https" || self.base.scheme() == "http"
    }

    /// Sends a call once and reads the answer. "Not now" (429, 5xx) is an error that may be tried again.
    pub(super) async fn ask_once(
        &self,
        call: &Call,
        authorization: Option<HeaderValue>,
        limit: usize,
    ) -> Result<Answer, Error> {
        let response = self.send(call, authorization).await?;
        let answer = self.read(response, limit).await?;
        match self.failure(&answer) {
            error if answer.status.as_u16() >= 429 && error.is_transient() => Err(error),
            _ => Ok(answer),
        }
    }

    /// Sends a call once and follows redirects; the body is left to the caller. The authorization goes along for as
    /// long as the redirects stay where the call was sent to.
    pub(super) async fn send(
        &self,
        call: &Call,
        authorization: Option<HeaderValue>,
    ) -> Result<Response, Error> {
        let mut url = call.url.clone();
        let mut method = call.method.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut request =
                self.client.request(method.clone(), url.clone()).headers(call.headers.clone());
            if let Some(authorization) = &authorization
                && url.origin() == call.url.origin()
            {
                request = request.header(AUTHORIZATION, authorization.clone());
            }
            if !call.body.is_empty() && method == call.method {
                request = request.body(call.body.clone());
            } else if matches!(method, Method::POST | Method::PUT | Method::PATCH) {
                request = request.header(CONTENT_LENGTH, 0);
            }
            let response = tokio::time::timeout(self.options.idle_timeout, request.send())
                .await
                .map_err(|_| self.stalled())?
                .map_err(|error| self.broken(&error))?;
            self.answered.store(true, Ordering::Relaxed);
            let Some(target) = redirect_target(&response) else { return Ok(response) };
            let next = self.follow(&url, &target)?;
            if url.scheme() == "https" && next.scheme() != "https" {
                return Err(
                    self.protocol(format!("it redirects to `{next}`, which is not encrypted"))
                );
            }
            if response.status() == StatusCode::SEE_OTHER && method != Method::HEAD {
                method = Method::GET;
            }
            url = next;
        }
        Err(self.protocol(format!("more than {MAX_REDIRECTS} redirects in a row")))
    }

    /// Sends a body that can be sent only once. `moved` counts its bytes as they leave, so that a slow transfer can be
    /// told from a dead one.
    pub(super) async fn send_stream(
        &self,
        call: &Call,
        body: Body,
        moved: &AtomicU64,
        authorization: Option<HeaderValue>,
    ) -> Result<Response, Error> {
        let mut request = self
            .client
            .request(call.method.clone(), call.url.clone())
            .headers(call.headers.clone());
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let mut sending = std::pin::pin!(request.body(body).send());
        let mut before = moved.load(Ordering::Relaxed);
        // The registry may need a while to store what it got, so an answer is waited for longer than a next byte.
        let mut silent_rounds = 0;
        loop {
            let answered = tokio::time::timeout(self.options.idle_timeout, &mut sending).await;
            if let Ok(answered) = answered {
                let response = answered.map_err(|error| self.broken(&error))?;
                return match redirect_target(&response) {
                    Some(target) => {
                        Err(self.protocol(format!("it redirects an upload to `{target}`")))
                    }
                    None => Ok(response),
                };
            }
            let now = moved.load(Ordering::Relaxed);
            silent_rounds = if now == before { silent_rounds + 1 } else { 0 };
            before = now;
            if silent_rounds >= 5 {
                return Err(self.stalled());
            }
        }
    }

    /// The next piece of a body; `None` at its end.
    pub(super) async fn chunk(&self, response: &mut Response) -> Result<Option<Bytes>, Error> {
        tokio::time::timeout(self.options.idle_timeout, response.chunk())
            .await
            .map_err(|_| self.stalled())?
            .map_err(|error| Error::Interrupted {
                registry: self.registry.clone(),
                cause: innermost(&error),
            })
    }

    /// Reads an answer whole. Of an error, only the beginning is read; an answer over the limit is refused.
    pub(super) async fn read(&self, mut response: Response, limit: usize) -> Result<Answer, Error> {
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let url = response.url().clone();
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk(&mut response).await? {
            if status.is_success() && body.len() + chunk.len() > limit {
                return Err(
                    self.protocol(format!("it sent more than the {limit} bytes that are taken"))
                );
            }
            body.extend_from_slice(&chunk);
            if !status.is_success() && body.len() > MAX_ERROR_BYTES {
                break;
            }
        }
        Ok(Answer { status, headers, body: body.freeze(), url })
    }

    /// What an answer means that is no success.
    pub(super) fn failure(&self, answer: &Answer) -> Error {
        let registry = self.registry.clone();
        let message = Complaint::read(answer.status, &answer.body).message;
        let retry_after = answer.header(RETRY_AFTER).and_then(retry_after);
        match answer.status.as_u16() {
            401 => Error::Unauthorized { registry, anonymous: false, message },
            403 => Error::Denied { registry, message },
            429 => Error::TooManyRequests { registry, retry_after },
            status @ 500.. => Error::Server { registry, status, message, retry_after },
            status @ ..=399 => {
                let what = format!("it answered {} with status {status}", answer.url.path());
                Error::Protocol { registry, what }
            }
            status => Error::Refused { registry, status, message },
        }
    }

    pub(super) fn protocol(&self, what: String) -> Error {
        Error::Protocol { registry: self.registry.clone(), what }
    }

    fn stalled(&self) -> Error {
        Error::Stalled { registry: self.registry.clone(), after: self.options.idle_timeout }
    }

    fn broken(&self, error: &reqwest::Error) -> Error {
        let registry = self.registry.clone();
        let cause = innermost(error);
        // A TLS alert, read as an answer.
        if self.base.scheme() == "http" && cause.starts_with("invalid HTTP version") {
            let hint = format!("it does not speak plain HTTP; for TLS, write `https://{registry}`");
            self.protocol(hint)
        } else if is_tls(error) {
            Error::Tls { registry, cause }
        } else if error.is_connect() || error.is_timeout() {
            Error::Unreachable {
                registry,
                cause,
                answered_before: self.answered.load(Ordering::Relaxed),
            }
        } else {
            Error::Interrupted { registry, cause }
        }
    }
}

fn redirect_target(response: &Response) -> Option<String> {
    let moved = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    if !moved {
        return None;
    }
    response.headers().get(LOCATION)?.to_str().ok().map(str::to_owned)
}

/// `Retry-After` in seconds. Its other form, a date, is rare among registries, and a wrong clock would misread it.
fn retry_after(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(Duration::from_secs)
}

/// The first cause, which is the one that says something: "connection refused", not "error sending request".
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

fn is_tls(error: &reqwest::Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if error.is::<rustls::Error>() {
            return true;
        }
        // An `io::Error` names its cause's cause as its source, and not its cause.
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(registry: &str) -> Wire {
        Wire::new(registry.parse().unwrap(), &Options::default()).unwrap()
    }

    #[test]
    fn the_scheme_is_plain_only_for_this_machine_or_on_demand() {
        assert_eq!(wire("localhost:5000").url("v2/").as_str(), "http://localhost:5000/v2/");
        assert_eq!(wire("docker.io").url("v2/").as_str(), "https://registry-1.docker.io/v2/");
        let registry: Registry = "build:5000".parse().unwrap();
        let options = Options { insecure_http: vec![registry.clone()], ..Options::default() };
        let wire = Wire::new(registry, &options).unwrap();
        assert_eq!(wire.url("v2/").as_str(), "http://build:5000/v2/");
        let registry: Registry = "localhost:5000".parse().unwrap();
        let options = Options { tls: vec![registry.clone()], ..Options::default() };
        let wire = Wire::new(registry, &options).unwrap();
        assert_eq!(wire.url("v2/").as_str(), "https://localhost:5000/v2/");
    }

    #[test]
    fn a_location_is_resolved_and_a_misconfigured_scheme_forgiven() {
        let wire = wire("example.com");
        let from = wire.url("v2/a/blobs/uploads/");
        for (link, expected, ours) in [
            (
                "/v2/a/blobs/uploads/1?_state=x",
                "https://example.com/v2/a/blobs/uploads/1?_state=x",
                true,
            ),
            ("http://example.com/v2/u/1", "https://example.com/v2/u/1", true),
            ("http://example.com:80/v2/u/1", "https://example.com/v2/u/1", true),
            ("https://storage.example.com/x", "https://storage.example.com/x", false),
            ("https://example.com:444/x", "https://example.com:444/x", false),
        ] {
            let url = wire.follow(&from, link).unwrap();
            assert_eq!((url.as_str(), wire.is_ours(&url)), (expected, ours), "{link}");
        }
    }

    #[test]
    fn passwords_go_over_tls_or_to_a_registry_that_is_spoken_to_openly() {
        let realm = |text: &str| Url::parse(text).unwrap();
        assert!(wire("example.com").may_see_credentials(&realm("https://auth.example.com/token")));
        assert!(!wire("example.com").may_see_credentials(&realm("http://example.com/token")));
        assert!(wire("localhost:5000").may_see_credentials(&realm("http://localhost:5000/token")));
    }
}
