//! Every failure becomes a status, a code and a body here, and nowhere else.

use std::fmt::Write as _;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, StatusCode, Uri};

use crate::auth::{self, AdminError, Need, Refusal, SignInError};
use crate::backup;
use crate::meta;
use crate::oci::{ErrorCode, RepositoryName, UploadId};
use crate::plugin::PluginName;
use crate::registry;
use crate::worker::AdvisoryError;

/// A failure on its way to the client.
#[derive(Debug)]
pub struct Error {
    status: StatusCode,
    /// One of the specification's codes; server failures use `UNKNOWN` and `UNAVAILABLE`, as distribution does.
    code: &'static str,
    message: String,
    challenge: Option<Challenge>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// For the audit trail, where access was refused.
    turned: Option<Turned>,
    /// For the log; never for the client.
    cause: Option<String>,
    /// For programs.
    detail: Option<Box<serde_json::Value>>,
    /// The word that OAuth2 has for it, where that is spoken.
    oauth: Option<&'static str>,
    /// Whether a person reads it in a browser.
    is_page: bool,
}

/// Why a request was turned away; it travels beside the response to where the audit trail is written.
#[derive(Clone, Debug)]
pub(super) struct Turned {
    pub(super) repository: Option<RepositoryName>,
    pub(super) wanted: Option<String>,
    pub(super) because: String,
}

impl Turned {
    fn of(need: &Need, because: String) -> Self {
        let repository = need.repository().cloned();
        Self { repository, wanted: Some(need.to_string()), because }
    }
}

/// What a 401 says of how to get in. It travels beside the response to where the host is known that the client used.
#[derive(Clone, Debug)]
pub(super) struct Challenge {
    scope: Option<String>,
    error: Option<&'static str>,
}

/// Why a request failed inside; it travels beside the response to where the log line is written.
#[derive(Clone, Debug)]
pub(super) struct Cause(pub(super) String);

impl Challenge {
    /// The value of `WWW-Authenticate` (RFC 6750 §3; distribution, token specification).
    pub(super) fn header(&self, realm: &str, service: &str) -> String {
        let mut text = format!("Bearer realm=\"{realm}\",service=\"{service}\"");
        for (name, value) in [("scope", self.scope.as_deref()), ("error", self.error)] {
            if let Some(value) = value {
                let _ = write!(text, ",{name}=\"{value}\"");
            }
        }
        text
    }
}

impl Error {
    /// A client's mistake.
    pub(super) fn client(status: StatusCode, code: ErrorCode, message: impl ToString) -> Self {
        Self {
            status,
            code: code.as_str(),
            message: message.to_string(),
            challenge: None,
            headers: Vec::new(),
            turned: None,
            cause: None,
            detail: None,
            oauth: None,
            is_page: false,
        }
    }

    /// What the admin API refuses in words of its own.
    fn admin(status: StatusCode, code: &'static str, message: impl ToString) -> Self {
        Self { code, ..Self::client(status, ErrorCode::Unsupported, message) }
    }

    /// Something that the admin API cannot use.
    pub(super) fn invalid(message: impl ToString) -> Self {
        Self::admin(StatusCode::BAD_REQUEST, "INVALID", message)
    }

    /// Something that the admin API does not have.
    pub(super) fn not_found(message: impl ToString) -> Self {
        Self::admin(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    }

    /// Our own failure: the client learns that it happened, the log why.
    pub(super) fn internal(cause: impl ToString) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "UNKNOWN",
            message: "something went wrong inside the registry; its log says what, under this request's id".into(),
            challenge: None,
            headers: Vec::new(),
            turned: None,
            cause: Some(cause.to_string()),
            detail: None,
            oauth: None,
            is_page: false,
        }
    }

    pub(super) fn unavailable(message: &str, cause: impl ToString) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "UNAVAILABLE",
            message: message.into(),
            ..Self::internal(cause)
        }
        .with_retry_after(Duration::from_secs(1))
    }

    /// What OAuth2 calls it (RFC 6749 §5.2, RFC 8628 §3.5).
    pub(super) fn oauth(word: &'static str, message: impl ToString) -> Self {
        Self::client(StatusCode::BAD_REQUEST, ErrorCode::Unsupported, message).in_oauth(word)
    }

    /// The same where OAuth2 is spoken: what proves nothing is a mistake in the form there, and no reason to ask for a login.
    pub(super) fn in_oauth(mut self, word: &'static str) -> Self {
        if self.status == StatusCode::UNAUTHORIZED {
            self.status = StatusCode::BAD_REQUEST;
            self.challenge = None;
        }
        Self { oauth: Some(word), ..self }
    }

    /// Too many machines wait for somebody to let them in.
    pub(super) fn too_many_devices() -> Self {
        let message = "too many machines wait to be let in: try again later";
        Self::client(StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooManyRequests, message)
            .with_retry_after(Duration::from_mins(1))
    }

    /// The same as a page for a browser, which must not ask for a password in a window of its own.
    pub(super) fn on_page(self) -> Self {
        Self { is_page: true, challenge: None, ..self }
    }

    /// Why somebody could not sign in by a provider.
    pub(super) fn sign_in(provider: &str, error: SignInError) -> Self {
        use SignInError as E;
        let name: String = provider.chars().take(100).collect();
        let turned = Turned {
            repository: None,
            wanted: Some(format!("sign in by {name}")),
            because: error.to_string(),
        };
        let refused = |status| Self::client(status, ErrorCode::Denied, &error);
        let answer = match error {
            E::Unknown(_) => refused(StatusCode::NOT_FOUND),
            E::NotBegun => refused(StatusCode::BAD_REQUEST),
            E::Refused { .. } | E::Token { .. } | E::NotAllowed(_) | E::Name(_) | E::Disabled => {
                refused(StatusCode::FORBIDDEN)
            }
            E::NameTaken(_) => refused(StatusCode::CONFLICT),
            E::Provider { ref provider, .. } => Self {
                status: StatusCode::BAD_GATEWAY,
                code: "UNAVAILABLE",
                message: format!(
                    "{provider} cannot be used now; the log of this registry says why"
                ),
                ..Self::internal(&error)
            },
            E::Auth(error) => return Self::from(error).on_page(),
        };
        answer.turned(turned).on_page()
    }

    /// Its status.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// What happened, in words for the client.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Gives an answer that tells of it in its own way what goes with it.
    pub(super) fn dress(self, mut response: Response) -> Response {
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        if let Some(challenge) = self.challenge {
            response.extensions_mut().insert(challenge);
        }
        if let Some(turned) = self.turned {
            response.extensions_mut().insert(turned);
        }
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(Cause(cause));
        }
        response
    }

    pub(super) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    fn with_retry_after(mut self, after: Duration) -> Self {
        self.headers.retain(|(name, _)| *name != header::RETRY_AFTER);
        self.with_header(header::RETRY_AFTER, &after.as_secs().max(1).to_string())
    }

    /// Adds what to ask a token for. What a refused request needs is known from its path even when the credentials were
    /// wrong.
    pub(super) fn for_need(mut self, need: &Need) -> Self {
        if let Some(turned) = &mut self.turned {
            *turned = Turned::of(need, std::mem::take(&mut turned.because));
        }
        if let Some(challenge) = &mut self.challenge
            && challenge.scope.is_none()
        {
            challenge.scope = need.scope().map(|scope| scope.to_string());
        }
        self
    }

    fn with_detail(mut self, detail: serde_json::Value) -> Self {
        self.detail = Some(Box::new(detail));
        self
    }

    fn turned(mut self, turned: Turned) -> Self {
        self.turned = Some(turned);
        self
    }

    fn unauthorized(
        message: impl ToString,
        scope: Option<String>,
        error: Option<&'static str>,
    ) -> Self {
        Self {
            challenge: Some(Challenge { scope, error }),
            ..Self::client(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized, message)
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let scope = |need: &Need| need.scope().map(|scope| scope.to_string());
        let turned = Turned::of(refusal.need(), refusal.label());
        let error = match &refusal {
            Refusal::Unauthenticated(need) => Self::unauthorized(&refusal, scope(need), None),
            Refusal::InsufficientScope(need) => {
                Self::unauthorized(&refusal, scope(need), Some("insufficient_scope"))
            }
            Refusal::Denied { .. } => {
                Self::client(StatusCode::FORBIDDEN, ErrorCode::Denied, &refusal)
            }
        };
        error.turned(turned)
    }
}

impl From<auth::Error> for Error {
    fn from(error: auth::Error) -> Self {
        use auth::Error as E;
        let turned = Turned { repository: None, wanted: None, because: error.to_string() };
        let answer = match error {
            E::Credentials => Self::unauthorized(&error, None, None),
            E::Foreign(auth::Flaw::NoKeys(cause)) => {
                let message = "the keys of the token's issuer cannot be fetched now; try again";
                return Self::unavailable(message, cause);
            }
            E::Token | E::Foreign(_) | E::Stale(_) => {
                Self::unauthorized(&error, None, Some("invalid_token"))
            }
            E::Address | E::Forgery | E::Certificate => {
                Self::client(StatusCode::FORBIDDEN, ErrorCode::Denied, &error)
            }
            E::Throttled { wait, .. } => {
                Self::client(StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooManyRequests, &error)
                    .with_retry_after(wait)
            }
            E::Refused(refusal) => return refusal.into(),
            E::Meta(cause) => return cause.into(),
            E::Signing(_) => return Self::internal(error),
            E::Plugin { ref cause, retry_after, .. } => {
                return Self::unavailable(&error.to_string(), cause).with_retry_after(retry_after);
            }
            E::Directory(ref cause) => return Self::unavailable(&error.to_string(), cause),
        };
        answer.turned(turned)
    }
}

impl From<backup::Error> for Error {
    fn from(error: backup::Error) -> Self {
        use backup::Error as E;
        match error {
            E::Meta(cause) => cause.into(),
            E::Unknown { .. } => Self::admin(StatusCode::NOT_FOUND, "NOT_FOUND", error),
            E::NotConfigured | E::NoPlace(_) | E::OtherRegistry { .. } | E::Busy(_) => {
                Self::admin(StatusCode::CONFLICT, "CONFLICT", error)
            }
            cause => {
                Self::unavailable("the place of backups cannot be read; the log says why", cause)
            }
        }
    }
}

impl From<AdminError> for Error {
    fn from(error: AdminError) -> Self {
        use AdminError as E;
        match error {
            E::InvalidName { .. }
            | E::ShortPassword
            | E::WrongPassword
            | E::NoPasswordHere { .. }
            | E::Invalid(_) => Self::admin(StatusCode::BAD_REQUEST, "INVALID", error),
            E::Unknown { .. } => Self::admin(StatusCode::NOT_FOUND, "NOT_FOUND", error),
            E::NameTaken { .. }
            | E::LastAdministrator(_)
            | E::BuiltInRole(_)
            | E::Conflict(_)
            | E::RoleInUse { .. } => Self::admin(StatusCode::CONFLICT, "CONFLICT", error),
            E::Refused(refusal) => refusal.into(),
            E::Meta(cause) => cause.into(),
        }
    }
}

impl From<AdvisoryError> for Error {
    fn from(error: AdvisoryError) -> Self {
        use AdvisoryError as E;
        match error {
            E::Meta(cause) => cause.into(),
            E::Io { .. } | E::Stopped => Self::internal(error),
            other => Self::invalid(other),
        }
    }
}

impl From<meta::Error> for Error {
    fn from(error: meta::Error) -> Self {
        match error {
            meta::Error::Full => full(&error),
            meta::Error::Busy | meta::Error::Closed => {
                Self::unavailable("the registry is busy; try again", error)
            }
            other => Self::internal(other),
        }
    }
}

/// What the audit trail says of an operation that a plugin denied.
fn by_plugin(plugin: &PluginName, rule: &str) -> Turned {
    Turned { repository: None, wanted: None, because: format!("plugin {plugin}: {rule}") }
}

/// 507, with `DENIED`: the code that clients print with the message, and do not take for a missing blob.
fn full(message: &dyn std::fmt::Display) -> Error {
    tracing::error!("a request was refused: {message}");
    Error::client(StatusCode::INSUFFICIENT_STORAGE, ErrorCode::Denied, message)
}

impl From<registry::Error> for Error {
    fn from(error: registry::Error) -> Self {
        use registry::Error as E;
        let client = |status, code| Self::client(status, code, &error);
        match &error {
            E::OnlySignatures(name) => {
                let turned = Turned {
                    repository: Some(name.clone()),
                    wanted: Some(format!("push on {name}")),
                    because: "may only sign".into(),
                };
                client(StatusCode::FORBIDDEN, ErrorCode::Denied).turned(turned)
            }
            E::Protected { repository, wanted, by } => {
                let turned = Turned {
                    repository: Some(repository.clone()),
                    wanted: Some(format!("{wanted} on {repository}")),
                    because: by.label(),
                };
                client(StatusCode::FORBIDDEN, ErrorCode::Denied).turned(turned)
            }
            E::NotInTrash { .. } => Self::admin(StatusCode::NOT_FOUND, "NOT_FOUND", error),
            E::IsThere { .. } | E::CannotRestore(_) => {
                Self::admin(StatusCode::CONFLICT, "CONFLICT", error)
            }
            E::NameUnknown(_) => client(StatusCode::NOT_FOUND, ErrorCode::NameUnknown),
            E::ManifestUnknown { .. } => client(StatusCode::NOT_FOUND, ErrorCode::ManifestUnknown),
            E::BlobUnknown { .. } | E::BlobDamaged { .. } => {
                client(StatusCode::NOT_FOUND, ErrorCode::BlobUnknown)
            }
            E::UploadUnknown(_) => client(StatusCode::NOT_FOUND, ErrorCode::BlobUploadUnknown),
            E::UploadBusy => client(StatusCode::CONFLICT, ErrorCode::BlobUploadInvalid)
                .with_retry_after(Duration::from_secs(5)),
            E::TooManyUploads => client(StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooManyRequests)
                .with_retry_after(Duration::from_mins(1)),
            E::ChunkOutOfOrder { upload, offset } => {
                let known = client(StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::BlobUploadInvalid);
                known.with_header(header::RANGE, &upload_range(*offset)).with_upload(upload)
            }
            E::SizeInvalid { .. } => client(StatusCode::BAD_REQUEST, ErrorCode::SizeInvalid),
            E::DigestInvalid { .. } => client(StatusCode::BAD_REQUEST, ErrorCode::DigestInvalid),
            E::Interrupted(_) => client(StatusCode::BAD_REQUEST, ErrorCode::BlobUploadInvalid),
            E::ManifestInvalid(_) => client(StatusCode::BAD_REQUEST, ErrorCode::ManifestInvalid),
            E::ManifestTooLarge => {
                client(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::ManifestInvalid)
            }
            E::ManifestBlobUnknown(_) => {
                client(StatusCode::BAD_REQUEST, ErrorCode::ManifestBlobUnknown)
            }
            E::PreconditionFailed { .. } => {
                client(StatusCode::PRECONDITION_FAILED, ErrorCode::Denied)
            }
            E::InUse { .. } => client(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Denied),
            E::DeniedByPlugin { plugin, rule, detail, .. } => {
                let more = serde_json::json!({ "plugin": plugin, "rule": rule, "detail": detail });
                client(StatusCode::FORBIDDEN, ErrorCode::Denied)
                    .with_detail(more)
                    .turned(by_plugin(plugin, rule))
            }
            E::HeldByPlugin { plugin, .. } => {
                let more = serde_json::json!({ "plugin": plugin, "rule": "hold" });
                client(StatusCode::FORBIDDEN, ErrorCode::Denied)
                    .with_detail(more)
                    .turned(by_plugin(plugin, "hold"))
            }
            E::PluginUnavailable { plugin, error: cause, retry_after } => {
                Self::unavailable(&error.to_string(), format!("{plugin}: {cause}"))
                    .with_retry_after(*retry_after)
            }
            E::Full(_) => full(&error),
            E::Held { .. } | E::Quota(_) => client(StatusCode::FORBIDDEN, ErrorCode::Denied),
            E::Refused(_) | E::Meta(_) | E::Blob(_) => match error {
                E::Refused(refusal) => refusal.into(),
                E::Meta(cause) => cause.into(),
                E::Blob(cause) if cause.is_passing() => {
                    Self::unavailable("the blob store does not answer; try again", cause)
                }
                other => Self::internal(other),
            },
        }
    }
}

impl Error {
    fn with_upload(self, upload: &UploadId) -> Self {
        self.with_header(HeaderName::from_static("docker-upload-uuid"), upload.as_str())
    }
}

/// How far an upload has come, as `Range` says it: the last byte, so that nothing and one byte look alike
/// (distribution-spec, Pushing a blob in chunks).
pub(super) fn upload_range(size: u64) -> String {
    format!("0-{}", size.saturating_sub(1))
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if self.is_page {
            let page = super::pages::failure(self.status, &self.message);
            return self.dress(page);
        }
        let mut body = serde_json::json!({
            "errors": [{ "code": self.code, "message": self.message, "detail": self.detail }]
        });
        if let Some(word) = self.oauth {
            body["error"] = word.into();
            body["error_description"] = self.message.as_str().into();
        }
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.dress(response)
    }
}

/// 404 for a path that is none of ours.
pub(super) async fn no_such_page(uri: Uri) -> Error {
    let message = format!("there is nothing at {}; the registry API begins at /v2/", shown(&uri));
    Error::client(StatusCode::NOT_FOUND, ErrorCode::Unsupported, message)
}

/// 405; axum adds `Allow`.
pub(super) async fn no_such_method(method: Method, uri: Uri) -> Error {
    let message = format!("{method} is not supported at {}", shown(&uri));
    Error::client(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Unsupported, message)
}

fn shown(uri: &Uri) -> String {
    // Names were folded for the routes (see `fold_name`).
    uri.path().replace("%2F", "/").chars().take(200).collect()
}
