//! Manifests and tags.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Extensions, Method, StatusCode};

use super::location;
use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;
use crate::http::body::RequestStream;
use crate::http::extract::{InPath, Query};
use crate::http::request::Peer;
use crate::meta::Precondition;
use crate::oci::manifest::MAX_MANIFEST_BYTES;
use crate::oci::{Digest, ErrorCode, MediaType, Reference, RepositoryName, Tag};
use crate::registry::{self, NewManifest, Pushed};

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");

/// Tags in one request; the specification asks for ten at least.
const MOST_TAGS: usize = 64;

/// `GET /v2/{name}/manifests/{reference}`, and HEAD. What was pushed is answered, whatever `Accept` says: another form
/// would have another digest.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    reference: Result<InPath<Reference>, Error>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let pull = app.registry.pull_from(&principal, name)?;
    let InPath(reference) = reference?;
    let (manifest, warnings) = pull.admitted_manifest(&reference).await?;
    if method == Method::GET {
        pull.count();
    }
    pull.used(&manifest.digest);
    if app.config.audit.pulls && method == Method::GET {
        pull.note(&reference, &manifest.digest);
    }
    let cache = match reference {
        Reference::Digest(_) => "max-age=31536000, immutable",
        Reference::Tag(_) => "no-cache",
    };
    let unchanged = is_unchanged(&headers, &manifest.digest);
    let body = if unchanged { Body::empty() } else { Body::from(manifest.body.clone()) };
    let mut response = Response::new(body);
    let set = response.headers_mut();
    set.insert(CONTENT_DIGEST, plain(manifest.digest.as_str()));
    set.insert(header::ETAG, plain(&format!("\"{}\"", manifest.digest)));
    set.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        set.insert(header::CONTENT_TYPE, plain(manifest.media_type.as_str()));
        set.insert(header::CONTENT_LENGTH, manifest.body.len().into());
    }
    warn(response.headers_mut(), &warnings);
    Ok(response)
}

/// `PUT /v2/{name}/manifests/{reference}`
pub(super) async fn put(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    reference: Result<InPath<Reference>, Error>,
    query: Query,
    headers: HeaderMap,
    extensions: Extensions,
    body: Body,
) -> Result<Response, Error> {
    let push = app.registry.push_to(&principal, name)?;
    let InPath(reference) = reference?;
    let new = NewManifest {
        preconditions: preconditions(&headers, &reference)?,
        reference,
        tags: tags(&query)?,
        media_type: media_type(&headers)?,
        bytes: read(body, &headers, &extensions).await?,
    };
    let asked_for_tags = query.get("tag").is_some();
    let pushed = push.manifest(new).await?;
    Ok(created(push.repository(), &pushed, asked_for_tags))
}

/// `DELETE /v2/{name}/manifests/{reference}`: a tag alone, or a manifest with all its tags.
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    reference: Result<InPath<Reference>, Error>,
    query: Query,
) -> Result<StatusCode, Error> {
    let remove = app.registry.remove_from(&principal, name)?;
    let InPath(reference) = reference?;
    match reference {
        Reference::Tag(tag) => remove.tag(&tag).await?,
        Reference::Digest(digest) => remove.manifest(&digest, query.is_on("force")).await?,
    }
    Ok(StatusCode::ACCEPTED)
}

fn created(name: &RepositoryName, pushed: &Pushed, asked_for_tags: bool) -> Response {
    let path = location(name, &format!("manifests/{}", pushed.digest));
    let mut response = (StatusCode::CREATED, [(header::LOCATION, path)]).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_DIGEST, plain(pushed.digest.as_str()));
    headers.insert(header::ETAG, plain(&format!("\"{}\"", pushed.digest)));
    headers.insert(header::CONTENT_LENGTH, 0.into());
    if let Some(subject) = &pushed.subject {
        headers.insert(OCI_SUBJECT, plain(subject.as_str()));
    }
    if asked_for_tags {
        for tag in &pushed.tags {
            headers.append(OCI_TAG, plain(tag.as_str()));
        }
    }
    warn(headers, &pushed.warnings);
    response
}

/// `Warning: 299` (RFC 7234 §5.5) for each of them. What they say may come from a plugin, in any language.
fn warn(headers: &mut HeaderMap, warnings: &[String]) {
    for warning in warnings {
        let text = warning.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_bytes(format!("299 - \"{text}\"").as_bytes()) {
            headers.append(header::WARNING, value);
        }
    }
}

/// Text that is known to be plain ASCII: digests, tags, media types, our own words.
pub(super) fn plain(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Whether the client has this already (`If-None-Match`).
pub(super) fn is_unchanged(headers: &HeaderMap, digest: &Digest) -> bool {
    let Some(value) = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    value.split(',').map(str::trim).any(|tag| {
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        tag == "*" || tag.trim_matches('"') == digest.as_str()
    })
}

/// `If-Match` and `If-None-Match` on a tag: compare-and-swap.
fn preconditions(headers: &HeaderMap, reference: &Reference) -> Result<Vec<Precondition>, Error> {
    if matches!(reference, Reference::Digest(_)) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for (name, any, these) in [
        (header::IF_MATCH, Precondition::Exists, Precondition::PointsAt as fn(_) -> _),
        (header::IF_NONE_MATCH, Precondition::Absent, Precondition::PointsElsewhere as fn(_) -> _),
    ] {
        let Some(value) = headers.get(&name) else { continue };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            found.push(any);
            continue;
        }
        let digests: Result<Vec<Digest>, _> = text
            .split(',')
            .map(|tag| tag.trim().trim_start_matches("W/").trim_matches('"').parse())
            .collect();
        let digests = digests.map_err(|error| {
            let message = format!("`{name}` takes `*` or digests in quotes: {error}");
            Error::client(StatusCode::BAD_REQUEST, ErrorCode::ManifestInvalid, message)
        })?;
        found.push(these(digests));
    }
    Ok(found)
}

fn tags(query: &Query) -> Result<Vec<Tag>, Error> {
    let invalid = |message: String| {
        Error::client(StatusCode::BAD_REQUEST, ErrorCode::ManifestInvalid, message)
    };
    let tags: Vec<Tag> = query
        .all("tag")
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(|error: <Tag as std::str::FromStr>::Err| invalid(error.to_string()))?;
    if tags.len() > MOST_TAGS {
        let message = format!("{} tags in one request; {MOST_TAGS} are the most", tags.len());
        return Err(Error::client(StatusCode::URI_TOO_LONG, ErrorCode::ManifestInvalid, message));
    }
    Ok(tags)
}

fn media_type(headers: &HeaderMap) -> Result<Option<MediaType>, Error> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(None) };
    let text = value.to_str().unwrap_or("not ASCII");
    text.parse()
        .map(Some)
        .map_err(|error| Error::client(StatusCode::BAD_REQUEST, ErrorCode::ManifestInvalid, error))
}

/// The body, whole: manifests are the only bodies that are, up to their limit.
async fn read(body: Body, headers: &HeaderMap, extensions: &Extensions) -> Result<Bytes, Error> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let idle = extensions.get::<Peer>().map(|peer| peer.idle_timeout);
    if announced.is_some_and(|length| length > MAX_MANIFEST_BYTES) {
        return Err(registry::Error::ManifestTooLarge.into());
    }
    let idle = idle.ok_or_else(|| Error::internal("a request without a peer"))?;
    let whole = RequestStream::new(body, idle)
        .read_whole(announced.unwrap_or(4096), MAX_MANIFEST_BYTES)
        .await;
    Ok(whole.map_err(registry::Error::Interrupted)?.ok_or(registry::Error::ManifestTooLarge)?)
}

/// Whether the body of an answer is wanted.
pub(super) fn wants_body(method: &Method) -> bool {
    *method != Method::HEAD
}
