//! The five ways to push a blob.

use berth::oci::{Algorithm, Digest};
use reqwest::Method;

use super::closing;
use crate::support::{Answer, Client};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// `POST ?digest=` with the blob.
    PostOnly,
    /// `POST`, then `PUT` with the blob: containerd.
    PostPut,
    /// Three chunks with their ranges, then an empty `PUT`.
    Chunked,
    /// The last chunk comes with the `PUT`.
    ChunkedPut,
    /// One `PATCH` of unknown length: Docker, podman.
    Stream,
}

impl Style {
    pub(crate) const ALL: [Self; 5] =
        [Self::PostOnly, Self::PostPut, Self::Chunked, Self::ChunkedPut, Self::Stream];

    /// Pushes `bytes` and claims that they have `digest`; returns the last answer.
    pub(crate) async fn push(
        self,
        client: &Client,
        repository: &str,
        bytes: &[u8],
        digest: &Digest,
        hint: Option<Algorithm>,
    ) -> Answer {
        let start = format!("/v2/{repository}/blobs/uploads/");
        if self == Self::PostOnly {
            return client.post(&closing(&start, digest), bytes.to_vec()).await;
        }
        let start = match hint {
            Some(algorithm) => format!("{start}?digest-algorithm={algorithm}"),
            None => start,
        };
        let started = client.post(&start, "").await.status(202);
        let location = started.header("location");
        match self {
            Self::PostOnly | Self::PostPut => {
                client.put(&closing(location, digest), bytes.to_vec()).await
            }
            Self::Stream => {
                let chunks: Vec<_> = bytes
                    .chunks(10_000)
                    .map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()))
                    .collect();
                let body = reqwest::Body::wrap_stream(futures::stream::iter(chunks));
                let appended = client.patch(location, body).await.status(202);
                client.put(&closing(appended.header("location"), digest), "").await
            }
            Self::Chunked => {
                let location = append_chunks(client, location, bytes, 0).await;
                client.put(&closing(&location, digest), "").await
            }
            Self::ChunkedPut => {
                let size = bytes.len() / 3 + 1;
                let last = (bytes.len().saturating_sub(1) / size) * size;
                let location = append_chunks(client, location, &bytes[..last], size).await;
                send_chunk(
                    client,
                    Method::PUT,
                    &closing(&location, digest),
                    bytes,
                    last,
                    bytes.len(),
                )
                .await
            }
        }
    }
}

/// Sends `bytes[from..to]` with the range that says so.
pub(crate) async fn send_chunk(
    client: &Client,
    method: Method,
    location: &str,
    bytes: &[u8],
    from: usize,
    to: usize,
) -> Answer {
    let request = client.request(method, location).body(bytes[from..to].to_vec());
    // A chunk of nothing has no range that could be written.
    let request = if from < to {
        request.header("content-range", format!("{from}-{}", to - 1))
    } else {
        request
    };
    client.send(request).await
}

/// Sends all of `bytes` in chunks (three if `size` is zero); returns where to go on.
async fn append_chunks(client: &Client, location: &str, bytes: &[u8], size: usize) -> String {
    let size = if size == 0 { bytes.len() / 3 + 1 } else { size };
    let (mut location, mut from) = (location.to_owned(), 0);
    while from < bytes.len() {
        let to = (from + size).min(bytes.len());
        let answer =
            send_chunk(client, Method::PATCH, &location, bytes, from, to).await.status(202);
        assert_eq!(answer.header("range"), format!("0-{}", to - 1), "the last byte of the whole");
        answer.header("location").clone_into(&mut location);
        from = to;
    }
    location
}
