//! The ways in which clients push a blob.

use berth::oci::Algorithm;
use futures::StreamExt as _;
use reqwest::header::HeaderMap;
use reqwest::{Body, Method, RequestBuilder};

use super::{Blob, Client};

/// How a blob is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// `POST`, one `PATCH`, `PUT`: Docker and containers/image.
    Streamed,
    /// `POST`, `PUT` with the whole: containerd, crane, oras.
    Monolithic,
    /// `POST` with the whole.
    Single,
    /// `POST`, a `PATCH` with `Content-Range` for each third, `PUT`.
    Chunked,
    /// `POST`, `PATCH` with the first half, `PUT` with the second.
    Halves,
}

impl Style {
    pub(crate) const ALL: [Self; 5] =
        [Self::Streamed, Self::Monolithic, Self::Single, Self::Chunked, Self::Halves];
}

/// What came back without its body, or nothing when the connection broke.
pub(crate) type Reply = Option<(u16, HeaderMap)>;

async fn ask(request: RequestBuilder) -> Reply {
    let response = request.send().await.ok()?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    response.bytes().await.ok()?;
    Some((status, headers))
}

/// A body that is sent in pieces, as from a slow disk; `sent` hears of each.
fn dribble(bytes: &[u8], sent: impl Fn() + Send + Sync + 'static) -> Body {
    let size = bytes.len().div_ceil(4).max(1);
    let pieces: Vec<Vec<u8>> = bytes.chunks(size).map(<[u8]>::to_vec).collect();
    Body::wrap_stream(futures::stream::iter(pieces).map(move |piece| {
        sent();
        Ok::<_, std::io::Error>(piece)
    }))
}

/// A push of one blob that can be followed, and may end at any moment.
pub(crate) struct Push<'a> {
    pub(crate) client: &'a Client,
    pub(crate) repository: &'a str,
    pub(crate) blob: &'a Blob,
    /// Where its session is, as soon as there is one.
    pub(crate) session: Option<String>,
}

impl Push<'_> {
    /// Sends it; the last status, or none when the connection broke. `step` hears of each thing that was done.
    pub(crate) async fn send(
        &mut self,
        style: Style,
        step: impl Fn() + Clone + Send + Sync + 'static,
    ) -> Option<u16> {
        let (blob, name) = (self.blob, self.repository);
        let start = format!("/v2/{name}/blobs/uploads/");
        if style == Style::Single {
            let request = self
                .client
                .request(Method::POST, &format!("{start}?digest={}", blob.digest))
                .body(dribble(&blob.bytes, step.clone()));
            return ask(request).await.map(|(status, _)| status);
        }
        let hint = match blob.digest.algorithm() {
            Algorithm::Sha512 => "?digest-algorithm=sha512",
            Algorithm::Sha256 => "",
        };
        let (status, headers) =
            ask(self.client.request(Method::POST, &format!("{start}{hint}"))).await?;
        step();
        if status != 202 {
            return Some(status);
        }
        let session = headers["location"].to_str().unwrap().to_owned();
        self.session = Some(session.clone());
        let (patches, rest) = match style {
            Style::Single | Style::Monolithic => (Vec::new(), &blob.bytes[..]),
            Style::Streamed => (vec![&blob.bytes[..]], &[][..]),
            Style::Chunked => {
                (blob.bytes.chunks(blob.bytes.len().div_ceil(3).max(1)).collect(), &[][..])
            }
            Style::Halves => {
                let (first, second) = blob.bytes.split_at(blob.bytes.len() / 2);
                (vec![first], second)
            }
        };
        let mut offset = 0;
        for patch in patches {
            let mut request = self.client.request(Method::PATCH, &session);
            if style == Style::Chunked {
                let range = format!("{offset}-{}", offset + patch.len() - 1);
                request = request.header("content-range", range);
            }
            offset += patch.len();
            let (status, _) = ask(request.body(dribble(patch, step.clone()))).await?;
            step();
            if status != 202 {
                return Some(status);
            }
        }
        let close = self
            .client
            .request(Method::PUT, &format!("{session}?digest={}", blob.digest))
            .body(dribble(rest, step.clone()));
        ask(close).await.map(|(status, _)| status)
    }
}

impl Client {
    /// Pushes a blob in one of the ways; the last status.
    pub(crate) async fn push_blob_in(&self, repository: &str, blob: &Blob, style: Style) -> u16 {
        let mut push = Push { client: self, repository, blob, session: None };
        push.send(style, || ()).await.expect("the connection holds")
    }
}
