//! Bytes on their way to a plugin, as `wasi:io` has them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynInputStream, InputStream, Pollable, StreamError, StreamResult};

use crate::blob::{self, Content};
use crate::oci::ByteRange;
use crate::plugin::image::read_now;

/// What a plugin gets at once; larger pieces fall out of the processor's cache.
const PIECE: usize = 64 << 10;
/// What is read from a disk at once.
const AHEAD: usize = 1 << 20;

/// A part of a file.
pub(super) fn file(file: Arc<File>, begin: u64, end: u64) -> DynInputStream {
    Box::new(FileStream { file, at: begin, end, ahead: Bytes::new(), failed: None })
}

/// A blob as it is stored.
pub(in super::super) async fn content(
    content: Content,
    size: u64,
) -> Result<DynInputStream, blob::Error> {
    match content {
        Content::File(content) => Ok(file(content, 0, size)),
        // An empty object has no ranges.
        Content::Object(_) if size == 0 => Ok(Box::new(ObjectStream {
            stream: futures::stream::empty().boxed(),
            ahead: Some(Ok(Bytes::new())),
        })),
        Content::Object(object) => {
            let stream = object.stream(ByteRange { start: 0, end: size }).await?.boxed();
            Ok(Box::new(ObjectStream { stream, ahead: Some(Ok(Bytes::new())) }))
        }
    }
}

struct FileStream {
    file: Arc<File>,
    at: u64,
    end: u64,
    /// Read from the disk, and not taken yet.
    ahead: Bytes,
    failed: Option<io::Error>,
}

impl FileStream {
    fn left(&self) -> usize {
        usize::try_from(self.end - self.at).unwrap_or(usize::MAX)
    }
}

#[async_trait]
impl InputStream for FileStream {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if let Some(error) = self.failed.take() {
            return Err(StreamError::LastOperationFailed(error.into()));
        }
        let size = size.min(PIECE);
        if !self.ahead.is_empty() {
            let taken = size.min(self.ahead.len());
            return Ok(self.ahead.split_to(taken));
        }
        if self.at == self.end {
            return Err(StreamError::Closed);
        }
        // Nothing that would wait for a disk (I8); then it is read when the plugin waits for it.
        let piece = read_now(&self.file, self.at, size.min(self.left())).unwrap_or_default();
        self.at += piece.len() as u64;
        Ok(piece)
    }
}

#[async_trait]
impl Pollable for FileStream {
    async fn ready(&mut self) {
        if !self.ahead.is_empty() || self.failed.is_some() || self.at == self.end {
            return;
        }
        let (file, at, len) = (Arc::clone(&self.file), self.at, self.left().min(AHEAD));
        let read = tokio::task::spawn_blocking(move || {
            let mut buffer = BytesMut::zeroed(len);
            file.read_exact_at(&mut buffer, at).map(|()| buffer.freeze())
        });
        match read.await.map_err(io::Error::other).flatten() {
            Ok(ahead) => {
                self.at += ahead.len() as u64;
                self.ahead = ahead;
            }
            Err(error) => self.failed = Some(error),
        }
    }
}

struct ObjectStream {
    stream: BoxStream<'static, io::Result<Bytes>>,
    /// The piece that is being taken; `None` behind the last.
    ahead: Option<io::Result<Bytes>>,
}

#[async_trait]
impl InputStream for ObjectStream {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        match &mut self.ahead {
            None => Err(StreamError::Closed),
            Some(Ok(ahead)) => {
                let taken = size.min(PIECE).min(ahead.len());
                Ok(ahead.split_to(taken))
            }
            Some(Err(_)) => match self.ahead.take() {
                Some(Err(error)) => Err(StreamError::LastOperationFailed(error.into())),
                _ => Err(StreamError::Closed),
            },
        }
    }
}

#[async_trait]
impl Pollable for ObjectStream {
    async fn ready(&mut self) {
        while matches!(&self.ahead, Some(Ok(ahead)) if ahead.is_empty()) {
            self.ahead = self.stream.next().await;
        }
    }
}
