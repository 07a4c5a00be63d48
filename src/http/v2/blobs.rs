//! Blobs.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Extensions, Method, StatusCode};

use super::manifests::{is_unchanged, plain, wants_body};
use crate::app::App;
use crate::auth::Principal;
use crate::blob::Asker;
use crate::http::Error;
use crate::http::body::{Piece, blob_body};
use crate::http::extract::{InPath, Query};
use crate::http::request::{Info, Peer};
use crate::oci::range::{self, Requested};
use crate::oci::{ByteRange, Digest, ErrorCode, RepositoryName};
use crate::registry::Blob;
use crate::secret::random_text;

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// `GET /v2/{name}/blobs/{digest}`, and HEAD, with ranges (RFC 9110 §14). The bytes are never encoded in another way,
/// whatever `Accept-Encoding` says.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    digest: Result<InPath<Digest>, Error>,
    method: Method,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<Response, Error> {
    let pull = app.registry.pull_from(&principal, name)?;
    let InPath(digest) = digest?;
    let blob = pull.blob(&digest).await?;
    let mut response = Response::new(Body::empty());
    let set = response.headers_mut();
    set.insert(CONTENT_DIGEST, plain(blob.digest.as_str()));
    set.insert(header::ETAG, plain(&format!("\"{}\"", blob.digest)));
    set.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=31536000, immutable"));
    set.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if is_unchanged(&headers, &blob.digest) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    let requested = requested(&headers, &blob);
    // Buckets neither answer several ranges nor know our tags.
    let may_redirect = wants_body(&method)
        && matches!(requested, Requested::Whole | Requested::One(_))
        && !headers.contains_key(header::IF_RANGE);
    if may_redirect && let Some(link) = link(&app, &blob, &headers, &extensions).await {
        set.insert(header::LOCATION, link);
        set.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        set.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        return Ok(response);
    }
    let pieces = match requested {
        Requested::Whole => {
            set.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
            whole(blob.size)
        }
        Requested::Unsatisfiable => {
            let message =
                format!("the blob has {} bytes, and none of them was asked for", blob.size);
            let error =
                Error::client(StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::SizeInvalid, message);
            return Err(error.with_header(header::CONTENT_RANGE, &format!("bytes */{}", blob.size)));
        }
        Requested::One(range) => {
            set.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
            set.insert(header::CONTENT_RANGE, plain(&content_range(range, blob.size)));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            VecDeque::from([Piece::Range(range)])
        }
        Requested::Many(ranges) => {
            let boundary = random_text(18);
            set.insert(
                header::CONTENT_TYPE,
                plain(&format!("multipart/byteranges; boundary={boundary}")),
            );
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            multipart(&ranges, blob.size, &boundary)
        }
    };
    let length: u64 = pieces.iter().map(length).sum();
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    if wants_body(&method) {
        let windows = extensions.get::<Peer>().and_then(|peer| peer.windows.clone());
        *response.body_mut() =
            blob_body(blob.content, pieces, windows).await.map_err(Error::internal)?;
    }
    Ok(response)
}

/// `DELETE /v2/{name}/blobs/{digest}`: takes it from this repository and no other.
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    digest: Result<InPath<Digest>, Error>,
    query: Query,
) -> Result<StatusCode, Error> {
    let remove = app.registry.remove_from(&principal, name)?;
    let InPath(digest) = digest?;
    remove.blob(&digest, query.is_on("force")).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Where the bucket serves this blob, if the client is to fetch it there. Without a link Berth serves it itself.
async fn link(
    app: &App,
    blob: &Blob,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Option<HeaderValue> {
    let address = extensions.get::<Info>()?.origin.address;
    let client = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let asker = Asker { address, client, size: blob.size };
    let link = match app.blobs.link(&blob.content, &asker).await {
        Ok(link) => link?,
        Err(error) => {
            tracing::warn!(%error, blob.digest = %blob.digest, "a pull could not be redirected: {error}");
            return None;
        }
    };
    let mut link = HeaderValue::from_str(link.expose()).ok()?;
    link.set_sensitive(true);
    Some(link)
}

/// What the headers ask for; `If-Range` with another digest asks for the whole.
fn requested(headers: &HeaderMap, blob: &Blob) -> Requested {
    let Some(value) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else {
        return Requested::Whole;
    };
    let current = headers.get(header::IF_RANGE).is_none_or(|tag| {
        tag.to_str().is_ok_and(|tag| tag.trim_matches('"') == blob.digest.as_str())
    });
    if current { range::requested(value, blob.size) } else { Requested::Whole }
}

fn whole(size: u64) -> VecDeque<Piece> {
    if size == 0 {
        VecDeque::new()
    } else {
        VecDeque::from([Piece::Range(ByteRange { start: 0, end: size })])
    }
}

fn content_range(range: ByteRange, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end - 1)
}

/// Exactly the parts that were asked for, in their order: containers/image counts them.
fn multipart(ranges: &[ByteRange], size: u64, boundary: &str) -> VecDeque<Piece> {
    let mut pieces = VecDeque::new();
    for range in ranges {
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: {}\r\n\r\n",
            content_range(*range, size)
        );
        pieces.push_back(Piece::Bytes(Bytes::from(head)));
        pieces.push_back(Piece::Range(*range));
    }
    pieces.push_back(Piece::Bytes(Bytes::from(format!("\r\n--{boundary}--\r\n"))));
    pieces
}

fn length(piece: &Piece) -> u64 {
    match piece {
        Piece::Bytes(bytes) => bytes.len() as u64,
        Piece::Range(range) => range.len(),
    }
}
