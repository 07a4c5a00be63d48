//! Requests to URLs that somebody else has thought up: a plugin's.
//!
//! The name is resolved here, each address is checked against what the caller may reach, and the connection goes to an
//! address that was checked and to no other: a name that resolves to something else a moment later (DNS rebinding) gains
//! nothing. Redirects are handed back and not followed, and there is no proxy, which would resolve names by itself.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{Stream, StreamExt as _};
use http::{Request, Response, Uri};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Body, Client};

use super::networks::Reach;

/// How names are resolved.
#[derive(Clone, Default)]
pub enum Names {
    /// As the machine does.
    #[default]
    System,
    /// By this function.
    By(Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>),
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "System",
            Self::By(_) => "By(..)",
        })
    }
}

/// How such requests are made.
#[derive(Clone, Debug)]
pub struct OutboundOptions {
    /// How names are resolved.
    pub names: Names,
    /// Certificates (PEM) of authorities that are trusted beside the system's.
    pub authorities: Vec<Vec<u8>>,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
}

impl Default for OutboundOptions {
    fn default() -> Self {
        Self {
            names: Names::System,
            authorities: Vec::new(),
            connect_timeout: Duration::from_secs(10),
        }
    }
}

/// A client for such requests; clones share it. Connections are shared only by those who may reach equally far.
#[derive(Clone, Debug)]
pub struct Outbound(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: OutboundOptions,
    clients: Mutex<[Option<Client>; Reach::ALL.len()]>,
}

/// What a request may do.
#[derive(Clone, Debug)]
pub struct Terms {
    /// How far it may reach.
    pub reach: Reach,
    /// Addresses that were allowed one by one: a URL with such an address in it may be used wherever that is.
    pub addresses: HashSet<IpAddr>,
    /// The answer's body is cut with an error behind so many bytes.
    pub max_response: u64,
    /// The answer has to begin within this time.
    pub first_byte: Duration,
    /// The next piece of its body has to come within this time.
    pub between_bytes: Duration,
}

/// A body that is sent as it comes.
pub type RequestBody = Pin<Box<dyn Stream<Item = Result<Bytes, OutboundError>> + Send>>;

/// Why a request was not made, or broke off.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The address is out of reach.
    #[error("{host} is at {address}, which is not in a network that may be reached")]
    Blocked {
        /// The host of the URL.
        host: String,
        /// Where it is.
        address: IpAddr,
    },
    /// The URL cannot be used.
    #[error("`{0}` is no URL that can be used here")]
    Url(String),
    /// The name has no address.
    #[error("{host} cannot be resolved: {cause}")]
    Name {
        /// The host of the URL.
        host: String,
        /// What the resolver said.
        cause: String,
    },
    /// No connection was made.
    #[error("no connection to {host}: {cause}")]
    Connect {
        /// The host of the URL.
        host: String,
        /// What the network said.
        cause: String,
    },
    /// No answer in time.
    #[error("{host} did not answer in time")]
    Timeout {
        /// The host of the URL.
        host: String,
    },
    /// The answer's body is too large.
    #[error("the answer has more than the {0} bytes that are taken")]
    TooLarge(u64),
    /// The connection broke.
    #[error("the connection to {host} broke: {cause}")]
    Broken {
        /// The host of the URL.
        host: String,
        /// What the network said.
        cause: String,
    },
    /// The client cannot be set up.
    #[error("cannot set up an HTTP client: {0}")]
    Setup(String),
}

impl Outbound {
    /// Prepares for requests; nothing is sent yet.
    #[must_use]
    pub fn new(options: OutboundOptions) -> Self {
        Self(Arc::new(Inner { options, clients: Mutex::default() }))
    }

    /// Sends a request and gives the answer's head; the body streams.
    pub async fn send(
        &self,
        request: Request<Option<RequestBody>>,
        terms: &Terms,
    ) -> Result<Response<AnswerBody>, OutboundError> {
        let (head, body) = request.into_parts();
        let host = Destination::of(&head.uri)?.within(terms)?.host;
        let client = self.client(terms.reach)?;
        let mut request = client.request(head.method, head.uri.to_string()).headers(head.headers);
        if let Some(body) = body {
            request = request.body(Body::wrap_stream(body));
        }
        let answered = tokio::time::timeout(terms.first_byte, request.send()).await;
        let response = answered
            .map_err(|_| OutboundError::Timeout { host: host.clone() })?
            .map_err(|error| told(&error, &host))?;
        let (head, body) = Response::<Body>::from(response).into_parts();
        let stream = http_body_util::BodyStream::new(body).boxed();
        let body = AnswerBody {
            host,
            stream,
            left: terms.max_response,
            limit: terms.max_response,
            patience: terms.between_bytes,
            timer: None,
        };
        Ok(Response::from_parts(head, body))
    }

    /// Each reach has its own pool: a connection that one was allowed to make is not there for others.
    fn client(&self, reach: Reach) -> Result<Client, OutboundError> {
        let mut clients = self.0.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut clients[reach as usize];
        if let Some(client) = slot {
            return Ok(client.clone());
        }
        // The program installs the provider at start; a test or another program may not have.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let setup = |error: reqwest::Error| OutboundError::Setup(innermost(&error));
        let options = &self.0.options;
        let mut builder = Client::builder()
            .user_agent(concat!("berth/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(Guard { names: options.names.clone(), reach }))
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(options.connect_timeout)
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(8);
        for pem in &options.authorities {
            let authorities = reqwest::Certificate::from_pem_bundle(pem).map_err(setup)?;
            builder = builder.tls_certs_merge(authorities);
        }
        let client = builder.build().map_err(setup)?;
        Ok(slot.insert(client).clone())
    }
}

/// Where a URL leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Whether it is encrypted.
    pub is_tls: bool,
    /// A name in lower case, or an address; IPv6 in brackets.
    pub host: String,
    /// The port, if only the scheme's own.
    pub port: u16,
}

impl Destination {
    /// Reads a URL as the client will: `http://2130706433/` leads to 127.0.0.1.
    pub fn of(uri: &Uri) -> Result<Self, OutboundError> {
        let unusable = || OutboundError::Url(uri.to_string().chars().take(200).collect());
        let url = reqwest::Url::parse(&uri.to_string()).map_err(|_| unusable())?;
        let is_tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(unusable()),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(unusable());
        }
        let host = url.host_str().ok_or_else(unusable)?.to_owned();
        Ok(Self { is_tls, host, port: url.port_or_known_default().ok_or_else(unusable)? })
    }

    /// The address, if the URL has one instead of a name.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// An address never comes by the resolver, so it is checked here.
    fn within(self, terms: &Terms) -> Result<Self, OutboundError> {
        match self.address() {
            Some(address)
                if !terms.addresses.contains(&address) && !terms.reach.includes(address) =>
            {
                Err(OutboundError::Blocked { host: self.host, address })
            }
            _ => Ok(self),
        }
    }
}

/// Resolves names and leaves out addresses that are out of reach.
struct Guard {
    names: Names,
    reach: Reach,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (names, reach, host) = (self.names.clone(), self.reach, name.as_str().to_owned());
        Box::pin(async move {
            let found = match names {
                Names::System => tokio::net::lookup_host((host.as_str(), 0))
                    .await
                    .map(|found| found.map(|address| address.ip()).collect()),
                Names::By(resolve) => resolve(host.clone()).await,
            };
            let found: Vec<IpAddr> = found.map_err(|error| OutboundError::Name {
                host: host.clone(),
                cause: error.to_string(),
            })?;
            let within = found.iter().copied().filter(|address| reach.includes(*address));
            let within: Vec<SocketAddr> = within.map(|address| (address, 0).into()).collect();
            match (within.is_empty(), found.first()) {
                (false, _) => Ok(Box::new(within.into_iter()) as Addrs),
                (true, Some(address)) => {
                    Err(OutboundError::Blocked { host, address: *address }.into())
                }
                (true, None) => {
                    Err(OutboundError::Name { host, cause: "it has no address".into() }.into())
                }
            }
        })
    }
}

/// The body of an answer.
pub struct AnswerBody {
    host: String,
    stream: futures::stream::BoxStream<'static, Result<http_body::Frame<Bytes>, reqwest::Error>>,
    left: u64,
    limit: u64,
    patience: Duration,
    timer: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerBody").field("host", &self.host).finish_non_exhaustive()
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = OutboundError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, OutboundError>>> {
        let this = &mut *self;
        if let Poll::Ready(next) = this.stream.poll_next_unpin(context) {
            this.timer = None;
            return Poll::Ready(next.map(|frame| {
                let frame = frame.map_err(|error| told(&error, &this.host))?;
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                this.left =
                    this.left.checked_sub(length).ok_or(OutboundError::TooLarge(this.limit))?;
                Ok(frame)
            }));
        }
        let patience = this.patience;
        let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        match timer.as_mut().poll(context) {
            Poll::Ready(()) => {
                Poll::Ready(Some(Err(OutboundError::Timeout { host: this.host.clone() })))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

/// What went wrong, as it was said where it went wrong.
fn told(error: &reqwest::Error, host: &str) -> OutboundError {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(ours) = error.downcast_ref::<OutboundError>() {
            return ours.clone();
        }
        next = error.source();
    }
    let (host, cause) = (host.to_owned(), innermost(error));
    if error.is_timeout() {
        OutboundError::Timeout { host }
    } else if error.is_connect() {
        OutboundError::Connect { host, cause }
    } else {
        OutboundError::Broken { host, cause }
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, reach: Reach, addresses: &[&str]) -> Result<Destination, OutboundError> {
        let terms = Terms {
            reach,
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
            max_response: 1 << 20,
            first_byte: Duration::from_secs(5),
            between_bytes: Duration::from_secs(5),
        };
        Destination::of(&url.parse().unwrap())?.within(&terms)
    }

    #[test]
    fn an_address_in_the_url_is_checked_however_it_is_written() {
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001:80/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://169.254.169.254/latest/meta-data",
            "http://10.0.0.1/",
        ] {
            let refused = check(url, Reach::Public, &[]);
            assert!(matches!(refused, Err(OutboundError::Blocked { .. })), "{url}: {refused:?}");
        }
        assert!(check("http://10.0.0.1/", Reach::Private, &[]).is_ok());
        assert!(check("http://10.0.0.1/", Reach::Public, &["10.0.0.1"]).is_ok());
        assert!(check("http://10.0.0.1/", Reach::Public, &["10.0.0.2"]).is_err());
        let name = check("https://Example.com/x", Reach::Public, &[]).unwrap();
        let expected = Destination { is_tls: true, host: "example.com".into(), port: 443 };
        assert_eq!((name.address(), name), (None, expected));
    }

    #[test]
    fn what_is_no_url_of_http_is_refused() {
        for url in
            ["ftp://example.com/", "http://user@example.com/", "http://:a@example.com", "/path"]
        {
            let refused = check(url, Reach::Public, &[]);
            assert!(matches!(refused, Err(OutboundError::Url(_))), "{url}: {refused:?}");
        }
    }
}
