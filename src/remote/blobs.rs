//! Blobs of another registry: found, and read as a stream that survives cut connections and lets no wrong byte through.

use std::io;

use bytes::{Buf as _, Bytes};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, RANGE};
use http::{HeaderValue, Method, StatusCode};
use reqwest::Response;
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;

use super::retry::Patience;
use super::transfer::Blob;
use super::{Digester, Error, Repository};
use crate::oci::Digest;

/// A blob's bytes as they arrive.
pub type BlobStream = BoxStream<'static, Result<Bytes, Error>>;

impl Repository {
    /// Whether the repository has a blob, and its size.
    pub async fn find_blob(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        let call = self.call(Method::HEAD, &format!("blobs/{digest}"));
        let answer = self.remote.ask(call, &self.pull_scope(), 0).await?;
        match answer.status {
            StatusCode::OK => {
                let length = answer.header(CONTENT_LENGTH).and_then(|length| length.parse().ok());
                length.map(Some).ok_or_else(|| {
                    self.wire().protocol(format!("it does not tell the size of {digest}"))
                })
            }
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.wire().failure(&answer)),
        }
    }

    /// Reads a blob from `from` to its end. A cut connection is taken up again where it broke. The number of bytes is
    /// checked, and, where the blob is read from its beginning, the digest: the last piece is held back until it is
    /// known to be right, so whoever passes the bytes on never completes a wrong blob.
    #[must_use]
    pub fn read_blob(&self, blob: &Blob, from: u64) -> BlobStream {
        let reading = Reading {
            repository: self.clone(),
            blob: blob.clone(),
            at: from,
            digester: (from == 0).then(|| Digester::new(blob.digest.algorithm())),
            response: None,
            patience: Patience::new(self.wire().options.retry),
            held: None,
            done: false,
        };
        futures::stream::try_unfold(reading, |mut reading| async move {
            Ok(reading.next().await?.map(|bytes| (bytes, reading)))
        })
        .boxed()
    }
}

struct Reading {
    repository: Repository,
    blob: Blob,
    at: u64,
    digester: Option<Digester>,
    /// The answer under way, and how many of its bytes we already have.
    response: Option<(Response, u64)>,
    patience: Patience,
    held: Option<Bytes>,
    done: bool,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        while !self.done {
            match self.receive().await {
                Ok(Some(bytes)) => {
                    self.patience.renew();
                    if let Some(earlier) = self.held.replace(bytes) {
                        return Ok(Some(earlier));
                    }
                }
                Ok(None) => {
                    self.verify()?;
                    self.done = true;
                }
                Err(error) => {
                    self.response = None;
                    self.patience.wait(error).await?;
                }
            }
        }
        Ok(self.held.take())
    }

    /// The next bytes from the network; `None` when the blob is complete.
    async fn receive(&mut self) -> Result<Option<Bytes>, Error> {
        if self.at == self.blob.size {
            return Ok(None);
        }
        if self.response.is_none() {
            self.response = Some(self.connect().await?);
        }
        let (response, skip) = self.response.as_mut().expect("it was set a line above");
        let bytes = loop {
            let Some(mut bytes) = self.repository.wire().chunk(response).await? else {
                return Err(Error::Interrupted {
                    registry: self.repository.registry().clone(),
                    cause: format!("it ended after {} of {} bytes", self.at, self.blob.size),
                });
            };
            let passed = (*skip).min(bytes.len() as u64);
            *skip -= passed;
            bytes.advance(usize::try_from(passed).expect("no more than the bytes at hand"));
            if !bytes.is_empty() {
                break bytes;
            }
        };
        self.at += bytes.len() as u64;
        if self.at > self.blob.size {
            return Err(self.wrong_size(self.at));
        }
        if let Some(digester) = &mut self.digester {
            digester.update(&bytes);
        }
        Ok(Some(bytes))
    }

    /// Asks for the blob from where we are; with it comes how many bytes lie before that.
    async fn connect(&self) -> Result<(Response, u64), Error> {
        let repository = &self.repository;
        let mut call = repository.call(Method::GET, &format!("blobs/{}", self.blob.digest));
        if self.at > 0 {
            let range = HeaderValue::from_str(&format!("bytes={}-", self.at))
                .expect("a range is a valid header");
            call.headers.insert(RANGE, range);
        }
        let response = repository.remote.open(&call, &repository.pull_scope()).await?;
        match response.status() {
            StatusCode::OK if self.at == 0 => match response.content_length() {
                Some(length) if length != self.blob.size => Err(self.wrong_size(length)),
                _ => Ok((response, 0)),
            },
            // A registry without ranges sends the blob from its beginning: what we have is passed over.
            StatusCode::OK => Ok((response, self.at)),
            StatusCode::PARTIAL_CONTENT => {
                let range = response.headers().get(CONTENT_RANGE).and_then(|v| v.to_str().ok());
                match range {
                    Some(range) if range.starts_with(&format!("bytes {}-", self.at)) => {
                        Ok((response, 0))
                    }
                    _ => Err(repository.wire().protocol(format!(
                        "it sent another part of {} than was asked for",
                        self.blob.digest
                    ))),
                }
            }
            StatusCode::NOT_FOUND => Err(Error::BlobUnknown {
                registry: repository.registry().clone(),
                repository: repository.name.clone(),
                digest: self.blob.digest.clone(),
            }),
            _ => {
                let answer = repository.wire().read(response, 64 * 1024).await?;
                Err(repository.wire().failure(&answer))
            }
        }
    }

    fn verify(&mut self) -> Result<(), Error> {
        let Some(digester) = self.digester.take() else { return Ok(()) };
        let actual = digester.finish();
        if actual == self.blob.digest {
            return Ok(());
        }
        self.held = None;
        Err(Error::DigestMismatch {
            origin: self.repository.to_string(),
            expected: self.blob.digest.clone(),
            actual,
        })
    }

    fn wrong_size(&self, actual: u64) -> Error {
        Error::SizeMismatch {
            origin: self.repository.to_string(),
            digest: self.blob.digest.clone(),
            expected: self.blob.size,
            actual,
        }
    }
}

/// A file, or a part of one, as a blob's bytes.
pub fn byte_stream(reader: impl AsyncRead + Send + 'static, what: &str) -> BlobStream {
    let what = what.to_owned();
    ReaderStream::with_capacity(reader, 256 * 1024)
        .map(move |bytes: io::Result<Bytes>| bytes.map_err(|cause| Error::io(&what, cause)))
        .boxed()
}
