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
        let bytes = read(body, peer).await?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| Error::invalid(format!("the body cannot be used: {error}")))
    }
}

async fn read(body: Body, peer: &Peer) -> Result<bytes::Bytes, Error> {
    let whole = RequestStream::new(body, peer.idle_timeout).read_whole(1024, LARGEST_INPUT).await;
    let whole = whole.map_err(|error| Error::invalid(format!("the body broke off: {error}")))?;
    whole.ok_or_else(|| {
        let message = format!("the body is larger than {LARGEST_INPUT} bytes");
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
