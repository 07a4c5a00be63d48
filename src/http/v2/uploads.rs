//! Upload sessions, mounts, and blobs in one request.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderMap, HeaderName};
use http::{Extensions, StatusCode};

use super::location;
use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;
use crate::http::body::RequestStream;
use crate::http::error::upload_range;
use crate::http::extract::{InPath, Query};
use crate::http::request::Peer;
use crate::oci::{Algorithm, ContentRange, Digest, ErrorCode, RepositoryName, UploadId};
use crate::registry::{BodyPart, Mounted};

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");

/// `POST /v2/{name}/blobs/uploads/`: starts a session; with `mount` the repository may get the blob at once, with
/// `digest` the body is the blob.
pub(super) async fn start(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    query: Query,
    headers: HeaderMap,
    extensions: Extensions,
    body: Body,
) -> Result<Response, Error> {
    let push = app.registry.push_to(&principal, name.clone())?;
    if let Some(mount) = query.get("mount") {
        let digest = parse_digest(mount)?;
        let from = match query.get("from") {
            // A name that no repository can have is like one that does not exist.
            Some(from) => match from.parse() {
                Ok(from) => Some(from),
                Err(_) => {
                    return Ok(accepted(&name, &push.start_upload(digest.algorithm()).await?, 0));
                }
            },
            None => None,
        };
        return Ok(match push.mount(&digest, from).await? {
            Mounted::Yes => created(&name, &digest),
            Mounted::No(upload) => accepted(&name, &upload, 0),
        });
    }
    if let Some(digest) = query.get("digest") {
        let digest = parse_digest(digest)?;
        push.put_blob(part(body, &headers, &extensions)?, &digest).await?;
        return Ok(created(&name, &digest));
    }
    let algorithm = match query.get("digest-algorithm") {
        Some(text) => text.parse().map_err(|error| {
            Error::client(StatusCode::BAD_REQUEST, ErrorCode::DigestInvalid, error)
        })?,
        None => Algorithm::Sha256,
    };
    Ok(accepted(&name, &push.start_upload(algorithm).await?, 0))
}

/// `GET /v2/{name}/blobs/uploads/{upload}`: how far it has come.
pub(super) async fn status(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    upload: Result<InPath<UploadId>, Error>,
) -> Result<Response, Error> {
    let push = app.registry.push_to(&principal, name.clone())?;
    let InPath(upload) = upload?;
    let size = push.upload_size(&upload).await?;
    let mut response = accepted(&name, &upload, size);
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().remove(header::CONTENT_LENGTH);
    Ok(response)
}

/// `PATCH /v2/{name}/blobs/uploads/{upload}`: appends a chunk. Without `Content-Range` it belongs to the end.
pub(super) async fn append(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    upload: Result<InPath<UploadId>, Error>,
    headers: HeaderMap,
    extensions: Extensions,
    body: Body,
) -> Result<Response, Error> {
    let push = app.registry.push_to(&principal, name.clone())?;
    let InPath(upload) = upload?;
    let size = push.append(&upload, part(body, &headers, &extensions)?).await?;
    Ok(accepted(&name, &upload, size))
}

/// `PUT /v2/{name}/blobs/uploads/{upload}?digest=`: closes the session, perhaps with a last chunk.
pub(super) async fn finish(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    upload: Result<InPath<UploadId>, Error>,
    query: Query,
    headers: HeaderMap,
    extensions: Extensions,
    body: Body,
) -> Result<Response, Error> {
    let push = app.registry.push_to(&principal, name.clone())?;
    let InPath(upload) = upload?;
    let digest = query.get("digest").ok_or_else(|| {
        Error::client(
            StatusCode::BAD_REQUEST,
            ErrorCode::DigestInvalid,
            "closing an upload needs `?digest=`",
        )
    })?;
    let digest = parse_digest(digest)?;
    push.finish(&upload, part(body, &headers, &extensions)?, &digest).await?;
    Ok(created(&name, &digest))
}

/// `DELETE /v2/{name}/blobs/uploads/{upload}`: cancels it. Who may push may do so.
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    upload: Result<InPath<UploadId>, Error>,
) -> Result<StatusCode, Error> {
    let push = app.registry.push_to(&principal, name)?;
    let InPath(upload) = upload?;
    push.cancel(&upload).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn parse_digest(text: &str) -> Result<Digest, Error> {
    text.parse()
        .map_err(|error| Error::client(StatusCode::BAD_REQUEST, ErrorCode::DigestInvalid, error))
}

fn part(
    body: Body,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<BodyPart<RequestStream>, Error> {
    let peer =
        extensions.get::<Peer>().ok_or_else(|| Error::internal("a request without a peer"))?;
    let stream = RequestStream::new(body, peer.idle_timeout);
    let range = match headers.get(header::CONTENT_RANGE) {
        Some(value) => {
            Some(value.to_str().unwrap_or_default().parse::<ContentRange>().map_err(|error| {
                Error::client(StatusCode::BAD_REQUEST, ErrorCode::BlobUploadInvalid, error)
            })?)
        }
        None => None,
    };
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    Ok(BodyPart { stream, range, length })
}

fn accepted(name: &RepositoryName, upload: &UploadId, size: u64) -> Response {
    let path = location(name, &format!("blobs/uploads/{upload}"));
    (
        StatusCode::ACCEPTED,
        [
            (header::LOCATION, path),
            (header::RANGE, upload_range(size)),
            (UPLOAD_UUID, upload.to_string()),
            (header::CONTENT_LENGTH, "0".to_owned()),
        ],
    )
        .into_response()
}

fn created(name: &RepositoryName, digest: &Digest) -> Response {
    let path = location(name, &format!("blobs/{digest}"));
    (
        StatusCode::CREATED,
        [
            (header::LOCATION, path),
            (CONTENT_DIGEST, digest.to_string()),
            (header::CONTENT_LENGTH, "0".to_owned()),
        ],
    )
        .into_response()
}
