//! Small JSON documents from servers that an administrator named: keys of issuers, answers of sign-in providers.
//!
//! Bodies, times and redirects are bounded. Nothing is sent without TLS, but to this very machine.

use std::time::Duration;

use bytes::BytesMut;
use http::header::{ACCEPT, CACHE_CONTROL, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, StatusCode};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, Url};
use serde_json::Value;

use super::wire::innermost;
use crate::secret::Secret;

/// A document is no larger: the keys of the largest issuers take some 20 KiB.
const LARGEST: usize = 512 << 10;
/// Until there is a connection.
const CONNECT: Duration = Duration::from_secs(3);
/// Until the whole answer is there.
const WHOLE: Duration = Duration::from_secs(8);
/// Redirects in a row that are followed, all to the same server.
const REDIRECTS: usize = 3;

/// Why there is no document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebError {
    /// The address cannot be used.
    #[error(
        "`{0}` is no address that can be used: write `https://HOST/…`, or `http://` for this machine"
    )]
    Address(String),
    /// A certificate authority cannot be used.
    #[error("the certificate authorities cannot be used: {0}")]
    Authorities(String),
    /// The server does not answer in time, or at all.
    #[error("{host} cannot be reached: {cause}")]
    Unreachable {
        /// Which server.
        host: String,
        /// Why not.
        cause: String,
    },
    /// It answers something that is no success.
    #[error("{host} answers {status}{told}")]
    Status {
        /// Which server.
        host: String,
        /// The status.
        status: u16,
        /// What it says of it, after a colon.
        told: String,
    },
    /// It answers something that is no document of this kind.
    #[error("{host} answers in a form that cannot be used: {what}")]
    Form {
        /// Which server.
        host: String,
        /// What is wrong.
        what: String,
    },
}

/// A document.
#[derive(Clone, Debug)]
pub struct Document {
    /// What it says.
    pub body: Value,
    /// How long it is fresh, if the server says so.
    pub fresh_for: Option<Duration>,
}

/// How a client tells who it is, at a token endpoint.
#[derive(Clone, Copy, Debug)]
pub enum ClientSecret<'a> {
    /// It has none.
    None,
    /// In the header (RFC 6749 §2.3.1).
    Basic(&'a Secret<String>),
    /// In the form.
    Form(&'a Secret<String>),
}

/// A client for small documents. Clones share connections.
#[derive(Clone, Debug)]
pub struct Web {
    client: Client,
    /// Whether it may speak to this machine without TLS: only if it was made for a server here.
    is_here: bool,
}

impl Web {
    /// A client for the server at `home` and those that it names, which trusts these authorities (PEM) beside the system's.
    pub fn new(home: &str, authorities: &str) -> Result<Self, WebError> {
        // The program installs the provider at start; a test or another program may not have.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let setup = |error: &dyn std::error::Error| WebError::Authorities(innermost(error));
        let mut builder = Client::builder()
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .pool_idle_timeout(Duration::from_secs(30));
        if !authorities.trim().is_empty() {
            let authorities = reqwest::Certificate::from_pem_bundle(authorities.as_bytes())
                .map_err(|error| setup(&error))?;
            builder = builder.tls_certs_merge(authorities);
        }
        let is_here = checked(home, true).is_ok_and(|url| is_here(&url));
        if is_here {
            builder = builder.no_proxy();
        }
        Ok(Self { client: builder.build().map_err(|error| setup(&error))?, is_here })
    }

    /// Reads a document; with `bearer` as whoever that token stands for.
    pub async fn get(
        &self,
        address: &str,
        bearer: Option<&Secret<String>>,
    ) -> Result<Document, WebError> {
        let start = checked(address, self.is_here)?;
        let mut url = start.clone();
        for _ in 0..=REDIRECTS {
            let mut request = self.client.get(url.clone());
            if let Some(token) = bearer {
                request = request.bearer_auth(token.expose());
            }
            let response = send(request, &url).await?;
            if !response.status().is_redirection() {
                return read(response, &url).await;
            }
            let target = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let next = target.and_then(|target| url.join(target).ok());
            url = next
                .filter(|next| next.origin() == start.origin())
                .ok_or_else(|| form(&url, "it redirects to another server".to_owned()))?;
        }
        Err(form(&url, format!("it redirects more than {REDIRECTS} times")))
    }

    /// Sends a form and reads the answer, as OAuth2 has it.
    pub async fn post(
        &self,
        address: &str,
        fields: &[(&str, &str)],
        client_id: &str,
        secret: ClientSecret<'_>,
    ) -> Result<Value, WebError> {
        let url = checked(address, self.is_here)?;
        let mut fields = fields.to_vec();
        let mut request = self.client.post(url.clone());
        match secret {
            ClientSecret::None => fields.push(("client_id", client_id)),
            ClientSecret::Basic(secret) => {
                let (name, password) = (encode(client_id), encode(secret.expose()));
                request = request.basic_auth(name, Some(password));
            }
            ClientSecret::Form(secret) => {
                fields.extend([("client_id", client_id), ("client_secret", secret.expose())]);
            }
        }
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        let request =
            request.header(http::header::CONTENT_TYPE, form_type).body(form_body(&fields));
        Ok(read(send(request, &url).await?, &url).await?.body)
    }
}

/// Whether an address can be used: TLS, or this machine.
#[must_use]
pub fn is_web_address(address: &str) -> bool {
    checked(address, true).is_ok()
}

fn checked(address: &str, may_be_here: bool) -> Result<Url, WebError> {
    let wrong = || WebError::Address(address.chars().take(200).collect());
    let url = Url::parse(address).map_err(|_| wrong())?;
    let has_login = !url.username().is_empty() || url.password().is_some();
    match url.scheme() {
        "https" if !has_login && url.has_host() => Ok(url),
        "http" if may_be_here && !has_login && is_here(&url) => Ok(url),
        _ => Err(wrong()),
    }
}

/// Whether it is this machine that is meant.
fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.parse::<std::net::Ipv4Addr>();
    matches!(host, "localhost" | "[::1]") || address.is_ok_and(|address| address.is_loopback())
}

/// The body of a form.
pub(super) fn form_body(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter().map(|(key, value)| format!("{key}={}", encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// RFC 6749 has names and secrets encoded as in a form, before they are put into a header as well.
fn encode(text: &str) -> String {
    const PLAIN: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    percent_encoding::utf8_percent_encode(text, PLAIN).to_string()
}

fn host(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn form(url: &Url, what: String) -> WebError {
    WebError::Form { host: host(url), what }
}

async fn send(request: RequestBuilder, url: &Url) -> Result<Response, WebError> {
    let agent = HeaderValue::from_static(concat!("berth/", env!("CARGO_PKG_VERSION")));
    let json = HeaderValue::from_static("application/json");
    let request = request.header(USER_AGENT, agent).header(ACCEPT, json);
    request.send().await.map_err(|error| unreachable(url, &error))
}

fn unreachable(url: &Url, error: &reqwest::Error) -> WebError {
    let cause = if error.is_timeout() { "it takes too long".into() } else { innermost(error) };
    WebError::Unreachable { host: host(url), cause }
}

async fn read(mut response: Response, url: &Url) -> Result<Document, WebError> {
    let status = response.status();
    let fresh_for = max_age(response.headers());
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(url, &error))? {
        if body.len() + chunk.len() > LARGEST {
            return Err(form(url, format!("it sends more than {LARGEST} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    let parsed = serde_json::from_slice::<Value>(&body);
    if status != StatusCode::OK && status != StatusCode::CREATED {
        let told = parsed.map(|body| complaint(&body)).unwrap_or_default();
        return Err(WebError::Status { host: host(url), status: status.as_u16(), told });
    }
    let body = parsed.map_err(|error| form(url, error.to_string()))?;
    Ok(Document { body, fresh_for })
}

/// What an OAuth2 error says (RFC 6749 §5.2); nothing else of an answer is repeated.
fn complaint(body: &Value) -> String {
    let said = [&body["error"], &body["error_description"]];
    let said = said.iter().filter_map(|value| value.as_str());
    let plain = |text: &str| text.chars().filter(|c| !c.is_control()).take(200).collect::<String>();
    said.fold(String::new(), |told, text| told + ": " + &plain(text))
}

/// `Cache-Control: max-age`; zero for what must not be kept.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(CACHE_CONTROL)?.to_str().ok()?.to_ascii_lowercase();
    let mut directives = value.split(',').map(str::trim);
    if directives.clone().any(|directive| matches!(directive, "no-store" | "no-cache")) {
        return Some(Duration::ZERO);
    }
    let seconds = directives.find_map(|directive| directive.strip_prefix("max-age="))?;
    seconds.trim_matches('"').parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tls_and_this_machine_are_spoken_to() {
        for good in
            ["https://a.example/x", "http://127.0.0.1:1/x", "http://localhost/", "http://[::1]/"]
        {
            assert!(is_web_address(good), "{good}");
        }
        for bad in [
            "http://a.example/",
            "http://127.0.0.1.a.example/",
            "http://localhost.a.example/",
            "https://user:password@a.example/",
            "http://169.254.169.254/",
            "file:///etc/passwd",
            "ftp://127.0.0.1/",
            "a.example",
            "",
        ] {
            assert!(!is_web_address(bad), "{bad}");
        }
    }

    #[test]
    fn a_server_says_how_long_its_answer_is_fresh() {
        for (value, seconds) in [
            ("max-age=300", Some(300)),
            ("public, Max-Age=\"60\", must-revalidate", Some(60)),
            ("no-store, max-age=300", Some(0)),
            ("private", None),
            ("max-age=soon", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CACHE_CONTROL, value.parse().unwrap());
            assert_eq!(max_age(&headers), seconds.map(Duration::from_secs), "{value}");
        }
        assert_eq!(max_age(&HeaderMap::new()), None);
    }
}
