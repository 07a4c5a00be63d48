//! Other registries, as a client: the client half of the distribution API on Berth's own types.
//!
//! `berth copy` uses it today; replication and pull-through caching will. It knows nothing of Berth's own storage, of
//! where credentials are kept, or of terminals. [`Outbound`] is beside it: requests to whatever URL a plugin
//! names, as far as they may reach.
//!
//! It is built on reqwest and not on the crate `oci-client`, which was looked at in version 0.18 and does not fit: it
//! hides upload sessions (so an upload cannot be resumed after a cut), asks for a blob's existence with GET, keeps one
//! platform's view of manifests, and leaves retries, `Retry-After`, refresh tokens and the referrers' fallback tag to
//! its caller.

mod auth;
mod blobs;
mod challenge;
mod digester;
mod error;
mod hook;
mod listings;
mod login;
mod manifests;
mod networks;
mod onlooker;
mod outbound;
mod registry;
mod retry;
pub mod transfer;
mod uploads;
mod web;
mod wire;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::Response;

pub use auth::Credentials;
pub use blobs::{BlobStream, byte_stream};
pub use digester::Digester;
pub use error::Error;
pub use hook::{HookAnswer, HookError, Hooks, check_hook_address};
pub use listings::{TagCursor, TagPage};
pub use login::{DeviceLogin, DeviceToken};
pub use manifests::{Fetched, Found, Put};
pub use networks::Reach;
pub use onlooker::{Onlooker, Verdict};
pub use outbound::{
    AnswerBody, Destination, Names, Outbound, OutboundError, OutboundOptions, RequestBody, Terms,
};
pub use registry::{InvalidRegistry, Registry};
pub use retry::RetryPolicy;
pub use uploads::Stored;
pub use web::{ClientSecret, Document, Web, WebError, is_web_address};
pub use wire::{Answer, Options};

use crate::oci::{Action, RepositoryName, Scope};
use auth::Authorizer;
use retry::Patience;
use wire::{Call, Wire};

/// The header in which a Berth says which one it is (`GET /v2/`).
pub const MARK: &str = "berth-mark";

/// Another registry. Clones share connections and tokens.
#[derive(Clone, Debug)]
pub struct Remote(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    wire: Wire,
    auth: Authorizer,
    /// Held while a list of referrers under a fallback tag is rewritten.
    fallback: tokio::sync::Mutex<()>,
}

/// One repository of another registry.
#[derive(Clone, Debug)]
pub struct Repository {
    remote: Remote,
    name: RepositoryName,
}

impl Remote {
    /// Prepares to speak to a registry; nothing is sent yet.
    pub fn new(
        registry: Registry,
        credentials: Option<Credentials>,
        options: &Options,
    ) -> Result<Self, Error> {
        let wire = Wire::new(registry.clone(), options)?;
        let auth = Authorizer::new(registry.clone(), credentials);
        Ok(Self(Arc::new(Inner { registry, wire, auth, fallback: tokio::sync::Mutex::default() })))
    }

    /// Which registry it is.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// Where it is, such as `https://example.com/`.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.0.wire.url("").to_string()
    }

    /// One of its repositories, whether it exists or not.
    #[must_use]
    pub fn repository(&self, name: RepositoryName) -> Repository {
        Repository { remote: self.clone(), name }
    }

    /// Asks whether it is a registry, and whether it accepts our credentials (`GET /v2/`).
    pub async fn ping(&self) -> Result<(), Error> {
        let answer =
            self.ask(Call::new(Method::GET, self.0.wire.url("v2/")), &[], 64 * 1024).await?;
        match answer.status {
            StatusCode::OK => Ok(()),
            StatusCode::NOT_FOUND => {
                Err(self.0.wire.protocol("there is no registry API at this address".into()))
            }
            _ => Err(self.0.wire.failure(&answer)),
        }
    }

    /// Asks as [`Remote::ping`] does, and says which Berth it is, if it is one.
    pub async fn find_mark(&self) -> Result<Option<String>, Error> {
        let answer =
            self.ask(Call::new(Method::GET, self.0.wire.url("v2/")), &[], 64 * 1024).await?;
        match answer.status {
            StatusCode::OK => Ok(answer.header(MARK).map(str::to_owned)),
            _ => Err(self.0.wire.failure(&answer)),
        }
    }

    /// Calls an API of the registry beside the distribution API, with a JSON body or none. Any answer other than 401 is
    /// given back for the caller to judge.
    pub async fn call_api(
        &self,
        method: Method,
        path: &str,
        json: Option<Bytes>,
    ) -> Result<Answer, Error> {
        let mut call = Call::new(method, self.0.wire.url(path));
        call.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(json) = json {
            call.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            call.body = json;
        }
        let mut patience = Patience::new(self.0.wire.options.retry);
        let mut authorization = self.0.auth.preemptive()?;
        let mut challenged = false;
        loop {
            match self.0.wire.ask_once(&call, authorization.clone(), 8 * 1024 * 1024).await {
                Ok(answer) if answer.status == StatusCode::UNAUTHORIZED => {
                    let again =
                        self.0.auth.challenged(&answer.headers, &[], authorization.as_ref()).await;
                    if challenged || !again {
                        return Err(self.unauthorized(&answer));
                    }
                    challenged = true;
                    authorization = self.0.auth.header(&self.0.wire, &[]).await?;
                }
                Ok(answer) => return Ok(answer),
                Err(error) => patience.wait(error).await?,
            }
        }
    }

    /// What an answer of [`Remote::call_api`] means that is no success.
    #[must_use]
    pub fn failure(&self, answer: &Answer) -> Error {
        self.0.wire.failure(answer)
    }

    fn unauthorized(&self, answer: &Answer) -> Error {
        self.0.auth.refused(error::Complaint::read(answer.status, &answer.body).message)
    }

    /// Sends a call until there is an answer other than "not now" and "who are you?", and reads it.
    async fn ask(&self, call: Call, scopes: &[Scope], limit: usize) -> Result<Answer, Error> {
        let mut patience = Patience::new(self.0.wire.options.retry);
        let mut challenged = false;
        loop {
            let once = async {
                let authorization = self.authorization(&call, scopes).await?;
                let answer = self.0.wire.ask_once(&call, authorization.clone(), limit).await?;
                Ok((answer, authorization))
            };
            match once.await {
                Ok((answer, sent)) if answer.status == StatusCode::UNAUTHORIZED => {
                    let again =
                        self.0.auth.challenged(&answer.headers, scopes, sent.as_ref()).await;
                    if challenged || !again {
                        return Err(self.unauthorized(&answer));
                    }
                    challenged = true;
                }
                Ok((answer, _)) => return Ok(answer),
                Err(error) => patience.wait(error).await?,
            }
        }
    }

    /// Sends a call once, with one more try if it was a matter of authorization, and leaves the body to the caller.
    async fn open(&self, call: &Call, scopes: &[Scope]) -> Result<Response, Error> {
        let mut challenged = false;
        loop {
            let authorization = self.authorization(call, scopes).await?;
            let response = self.0.wire.send(call, authorization.clone()).await?;
            if response.status() != StatusCode::UNAUTHORIZED {
                return Ok(response);
            }
            let again =
                self.0.auth.challenged(response.headers(), scopes, authorization.as_ref()).await;
            if challenged || !again {
                return Err(self.unauthorized(&self.0.wire.read(response, 64 * 1024).await?));
            }
            challenged = true;
        }
    }

    /// The header for a call, if it goes to the registry itself.
    async fn authorization(
        &self,
        call: &Call,
        scopes: &[Scope],
    ) -> Result<Option<HeaderValue>, Error> {
        if !self.0.wire.is_ours(&call.url) {
            return Ok(None);
        }
        self.0.auth.header(&self.0.wire, scopes).await
    }
}

impl Repository {
    /// The registry that it is in.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        self.remote.registry()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &RepositoryName {
        &self.name
    }

    fn wire(&self) -> &Wire {
        &self.remote.0.wire
    }

    /// A call to `/v2/<name>/<rest>`.
    fn call(&self, method: Method, rest: &str) -> Call {
        Call::new(method, self.wire().url(&format!("v2/{}/{rest}", self.name)))
    }

    fn pull_scope(&self) -> [Scope; 1] {
        [Scope::repository(self.name.as_str(), [Action::Pull])]
    }

    fn push_scope(&self) -> [Scope; 1] {
        [Scope::repository(self.name.as_str(), [Action::Pull, Action::Push])]
    }
}

/// The digest that an answer names, if it names one that we can read.
fn named_digest(headers: &HeaderMap) -> Option<crate::oci::Digest> {
    headers.get("docker-content-digest")?.to_str().ok()?.parse().ok()
}

impl std::fmt::Display for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.registry(), self.name)
    }
}
