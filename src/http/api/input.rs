//! What the admin API takes: JSON bodies, and numbers in paths.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use http::{StatusCode, header};
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::http::Error;
use crate::http::body::RequestStream;
use crate::http::request::Peer;
use crate::oci::ErrorCode;

/// More than any of these bodies needs.
const LARGEST_INPUT: usize = 256 << 10;

/// A JSON body. What is not known in it is refused, so that a misspelt wish is not passed over.
#[derive(Debug)]
pub(super) struct Input<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Input<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<Self, Error> {
        parse(request, LARGEST_INPUT).await.map(Self)
    }
}

/// A JSON body with a file in it.
#[derive(Debug)]
pub(super) struct LargeInput<T>(pub(super) T);

/// A component of 32 MiB in base64.
const LARGEST_FILE: usize = 48 << 20;

impl<T: DeserializeOwned> FromRequest<Arc<App>> for LargeInput<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<Self, Error> {
        parse(request, LARGEST_FILE).await.map(Self)
    }
}

async fn parse<T: DeserializeOwned>(request: Request, largest: usize) -> Result<T, Error> {
    let (parts, body) = request.into_parts();
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    // Also what keeps forms of other sites out: they cannot send it.
    let is_json = content_type
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.split(';').next() == Some("application/json"));
    if !is_json {
        return Err(Error::invalid("send the body as `Content-Type: application/json`"));
    }
    let peer = parts.extensions.get::<Peer>();
    let peer = peer.ok_or_else(|| Error::internal("a request without a peer"))?;
    let bytes = read(body, peer, largest).await?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Error::invalid(format!("the body cannot be used: {error}")))
}

async fn read(body: Body, peer: &Peer, largest: usize) -> Result<bytes::Bytes, Error> {
    let whole = RequestStream::new(body, peer.idle_timeout).read_whole(1024, largest).await;
    let whole = whole.map_err(|error| Error::invalid(format!("the body broke off: {error}")))?;
    whole.ok_or_else(|| {
        let message = format!("the body is larger than {largest} bytes");
        Error::client(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::SizeInvalid, message)
    })
}

/// The number in a path that names something. What is none names nothing.
pub(super) fn number(text: &str) -> Result<i64, Error> {
    text.parse().map_err(|_| {
        Error::not_found(format!(
            "there is nothing of the number `{}`",
            text.chars().take(40).collect::<String>()
        ))
    })
}
