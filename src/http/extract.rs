//! What handlers take out of a request, refused in the right words.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use http::header::{self, HeaderMap};
use http::request::Parts;
use http::{Method, StatusCode};

use super::Error;
use super::body::RequestStream;
use super::fold_name::Kind;
use super::request::{Info, Peer};
use super::session;
use crate::app::App;
use crate::auth::{self, Credentials, Need, Origin, Principal};
use crate::oci::{Action, Digest, ErrorCode, Reference, RepositoryName, Tag, UploadId};
use crate::registry::Page;

/// Reads `Authorization`.
pub(super) fn credentials(headers: &HeaderMap) -> Credentials {
    match headers.get(header::AUTHORIZATION).map(http::HeaderValue::to_str) {
        None => Credentials::None,
        Some(Ok(value)) => Credentials::read(value),
        Some(Err(_)) => Credentials::Malformed,
    }
}

/// Whoever sends a request that says nothing itself: the one of the connection's certificate, or nobody in particular.
/// Browsers show a certificate with whatever a page makes them send, as they do with a cookie.
pub(super) async fn by_connection(
    app: &Arc<App>,
    parts: &Parts,
    info: &Info,
) -> Result<Principal, auth::Error> {
    let shown = parts.extensions.get::<Peer>().and_then(|peer| peer.certificate.as_ref());
    let credentials = match shown {
        None => Credentials::None,
        Some(_) if !session::is_safe(&parts.method) && session::is_cross_site(&parts.headers) => {
            return Err(auth::Error::Forgery);
        }
        Some(shown) => Credentials::Certificate(Arc::clone(shown.certificate())),
    };
    app.auth.authenticate(&credentials, &info.origin).await
}

impl FromRequestParts<Arc<App>> for Principal {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let info = parts.extensions.get::<Info>().cloned();
        let info = info.ok_or_else(|| Error::internal("a request without its information"))?;
        let authenticated = if parts.extensions.get::<super::local::Machine>().is_some() {
            app.auth.machine().await
        } else {
            match credentials(&parts.headers) {
                // A browser's cookie is looked at where a browser has something to do.
                Credentials::None if info.kind == Kind::Api => {
                    session::principal(app, parts, &info).await
                }
                Credentials::None => by_connection(app, parts, &info).await,
                credentials => app.auth.authenticate(&credentials, &info.origin).await,
            }
        };
        let principal = match authenticated {
            Ok(principal) => principal,
            Err(error) => {
                let error = Error::from(error);
                let need = need_of(parts).await;
                return Err(match need {
                    Some(need) => error.for_need(&need),
                    None => error,
                });
            }
        };
        info.set_actor(principal.actor());
        if app.plugins.authorizes() {
            let names = repositories(parts).await;
            return Ok(app.auth.narrow(principal, &names).await?);
        }
        Ok(principal)
    }
}

/// The repositories that a request is about: the one of its path, and the one that a blob is mounted from.
async fn repositories(parts: &mut Parts) -> Vec<RepositoryName> {
    let in_path = InPath::<RepositoryName>::from_request_parts(parts, &()).await.ok();
    let query = Query::from_request_parts(parts, &()).await.ok();
    let from = query.and_then(|query| query.get("from")?.parse().ok());
    in_path.map(|InPath(name)| name).into_iter().chain(from).collect()
}

impl<S: Send + Sync> FromRequestParts<S> for Origin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let info = parts.extensions.get::<Info>();
        info.map(|info| info.origin.clone())
            .ok_or_else(|| Error::internal("a request without its information"))
    }
}

/// What a request needs, as far as its path and method tell; for the challenge after wrong credentials.
async fn need_of(parts: &mut Parts) -> Option<Need> {
    // The admin API's routes are nested, and see what stands behind `/api/v1`.
    if matches!(parts.uri.path(), "/v2/_catalog" | "/repositories") {
        return Some(Need::Catalog);
    }
    let is_upload = parts.uri.path().contains("/blobs/uploads");
    let InPath(name) = InPath::<RepositoryName>::from_request_parts(parts, &()).await.ok()?;
    let action = match parts.method {
        Method::GET | Method::HEAD if !is_upload => Action::Pull,
        Method::DELETE if !is_upload => Action::Delete,
        _ => Action::Push,
    };
    Some(Need::Repository(action, name))
}

/// Something that stands in the path under a name of its own.
pub(super) trait PathPart: FromStr + Send {
    /// The name in the route.
    const NAME: &'static str;

    /// What to say of text that is none.
    fn refuse(error: <Self as FromStr>::Err, method: &Method) -> Error;
}

impl PathPart for RepositoryName {
    const NAME: &'static str = "name";

    fn refuse(error: <Self as FromStr>::Err, _: &Method) -> Error {
        Error::client(StatusCode::BAD_REQUEST, ErrorCode::NameInvalid, error)
    }
}

impl PathPart for Digest {
    const NAME: &'static str = "digest";

    fn refuse(error: <Self as FromStr>::Err, _: &Method) -> Error {
        Error::client(StatusCode::BAD_REQUEST, ErrorCode::DigestInvalid, error)
    }
}

impl PathPart for UploadId {
    const NAME: &'static str = "upload";

    fn refuse(error: <Self as FromStr>::Err, _: &Method) -> Error {
        Error::client(StatusCode::NOT_FOUND, ErrorCode::BlobUploadUnknown, error)
    }
}

impl PathPart for Tag {
    const NAME: &'static str = "tag";

    fn refuse(error: <Self as FromStr>::Err, method: &Method) -> Error {
        refuse_tag(&error, method)
    }
}

impl PathPart for Reference {
    const NAME: &'static str = "reference";

    fn refuse(error: <Self as FromStr>::Err, method: &Method) -> Error {
        use crate::oci::reference::InvalidReference as E;
        match error {
            E::Digest(error) => {
                Error::client(StatusCode::BAD_REQUEST, ErrorCode::DigestInvalid, error)
            }
            E::Tag(error) => refuse_tag(&error, method),
        }
    }
}

/// What cannot be a tag cannot be found either; it only is a mistake where something is written.
fn refuse_tag(error: &dyn std::fmt::Display, method: &Method) -> Error {
    let status =
        if *method == Method::PUT { StatusCode::BAD_REQUEST } else { StatusCode::NOT_FOUND };
    let code = if *method == Method::PUT {
        ErrorCode::ManifestInvalid
    } else {
        ErrorCode::ManifestUnknown
    };
    Error::client(status, code, error)
}

/// A part of the path as a type of the specification.
pub(super) struct InPath<T>(pub(super) T);

impl<T: PathPart, S: Send + Sync> FromRequestParts<S> for InPath<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let method = parts.method.clone();
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|error| {
            Error::client(StatusCode::BAD_REQUEST, ErrorCode::NameInvalid, error)
        })?;
        let text = params
            .iter()
            .find(|(name, _)| *name == T::NAME)
            .map(|(_, text)| text)
            .unwrap_or_default();
        text.parse().map(Self).map_err(|error| T::refuse(error, &method))
    }
}

/// The query, with repeated keys.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// The first value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.all(key).next()
    }

    /// All values of a key.
    pub(super) fn all<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let key = key.to_owned();
        self.0.iter().filter(move |(name, _)| *name == key).map(|(_, value)| value.as_str())
    }

    /// Whether a switch is on: `force=true`, `force=1` or `force`.
    pub(super) fn is_on(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| matches!(value, "" | "1" | "true"))
    }

    /// Those keys and values that are not in `without`, encoded; for links to the next page.
    pub(super) fn encode(&self, without: &[&str], with: &[(&str, &str)]) -> String {
        let kept = self.0.iter().filter(|(key, _)| !without.contains(&key.as_str()));
        let pairs =
            kept.map(|(key, value)| (key.as_str(), value.as_str())).chain(with.iter().copied());
        pairs
            .map(|(key, value)| format!("{}={}", encode(key), encode(value)))
            .collect::<Vec<_>>()
            .join("&")
    }
}

/// Percent-encodes all that is not plain in a query.
pub(super) fn encode(text: &str) -> percent_encoding::PercentEncode<'_> {
    const PLAIN: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~')
        .remove(b':')
        .remove(b'/');
    percent_encoding::utf8_percent_encode(text, PLAIN)
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map(|query| Self(query.0))
            .map_err(|error| Error::client(StatusCode::BAD_REQUEST, ErrorCode::Unsupported, error))
    }
}

/// `n` and `last`: which part of a list is wanted.
pub(super) struct Paging {
    /// At most so many.
    pub(super) limit: u64,
    /// Behind this one, which need not exist.
    pub(super) after: String,
}

impl Paging {
    /// Reads the query; without `n` the page holds up to `most`, and never more.
    pub(super) fn read(query: &Query, most: u64) -> Result<Self, Error> {
        let limit = match query.get("n") {
            None => most,
            Some(text) => text.parse::<u64>().map_err(|_| {
                let message = format!(
                    "`n` is a number of entries, not `{}`",
                    text.chars().take(40).collect::<String>()
                );
                Error::client(StatusCode::BAD_REQUEST, ErrorCode::Unsupported, message)
            })?,
        };
        let after = query.get("last").unwrap_or_default().to_owned();
        Ok(Self { limit: limit.min(most), after })
    }

    /// One more than fits on the page, to know whether another one follows.
    pub(super) fn limit_and_one(&self) -> u64 {
        self.limit.saturating_add(1)
    }

    /// `last` where it is a number; 0 without it.
    pub(super) fn after_number(&self) -> Result<i64, Error> {
        if self.after.is_empty() {
            return Ok(0);
        }
        self.after.parse().map_err(|_| Error::invalid("`last` is a number here"))
    }

    /// The page, of a list that was asked for one item more.
    pub(super) fn cut<T>(&self, items: Vec<T>) -> Page<T> {
        Page::cut(items, self.limit)
    }
}

/// A form holds a password or a token, and scopes.
const LARGEST_FORM: usize = 64 << 10;

/// What a form says.
pub(super) struct Form(pub(super) HashMap<String, String>);

impl FromRequest<Arc<App>> for Form {
    type Rejection = Error;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<Self, Error> {
        let bad =
            |message: &str| Error::client(StatusCode::BAD_REQUEST, ErrorCode::Unsupported, message);
        let (parts, body) = request.into_parts();
        let peer = parts.extensions.get::<Peer>();
        let peer = peer.ok_or_else(|| Error::internal("a request without a peer"))?;
        let body = RequestStream::new(body, peer.idle_timeout).read_whole(1024, LARGEST_FORM).await;
        let body = body.map_err(|error| bad(&format!("the body broke off: {error}")))?;
        let form = body.and_then(|body| read_form(&body));
        form.map(Self).ok_or_else(|| bad("the body is not a form"))
    }
}

/// Reads a form, as OAuth2 sends it: the same encoding as a query.
fn read_form(body: &[u8]) -> Option<HashMap<String, String>> {
    let uri: http::Uri = format!("/?{}", std::str::from_utf8(body).ok()?.trim()).parse().ok()?;
    let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri).ok()?;
    Some(pairs.0.into_iter().collect())
}
