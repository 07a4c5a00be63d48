//! Bodies that stream: what clients send, and the bytes of blobs.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::{FutureExt as _, Stream, StreamExt as _};
use http::HeaderMap;
use http::header;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use rustix::io::ReadWriteFlags;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep};

use super::socket::Windows;
use crate::blob::{BodyError, Content, ObjectReader};
use crate::oci::ByteRange;

/// Blobs up to this size are read at once and sent with their headers.
const SMALL: u64 = 64 << 10;
/// How much of a file is read at a time where it cannot be handed to the kernel.
const CHUNK: usize = 64 << 10;
/// How much of a file is handed to the kernel at a time.
const WINDOW: u64 = 2 << 20;
/// How far apart a window is probed for being in memory; the kernel reads ahead at least as far.
const PROBE_STRIDE: u64 = 128 << 10;

/// After an answer that did not need the whole body, so much of it is still read, so that the client sees the answer
/// instead of a reset connection.
const DRAIN_BYTES: u64 = 16 << 20;
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// The body of every request, as it comes in. What a handler leaves of it is read and thrown away, within limits.
pub(super) struct Incoming {
    body: Option<hyper::body::Incoming>,
    /// Somebody wants it: a client that waits for `100 Continue` has been told to go on.
    is_wanted: bool,
}

impl Incoming {
    pub(super) fn new(body: hyper::body::Incoming, headers: &HeaderMap) -> Self {
        Self { body: Some(body), is_wanted: !headers.contains_key(header::EXPECT) }
    }
}

impl http_body::Body for Incoming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.is_wanted = true;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), http_body::Body::size_hint)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // To ask for a body only to throw it away would make a client send gigabytes for nothing.
        let unread =
            self.body.take().filter(|body| self.is_wanted && !http_body::Body::is_end_stream(body));
        if let (Some(body), Ok(runtime)) = (unread, tokio::runtime::Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(DRAIN_TIME, drain(body)));
        }
    }
}

async fn drain(mut body: hyper::body::Incoming) {
    let mut left = DRAIN_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(0, |bytes| bytes.len() as u64));
        if left == 0 {
            return;
        }
    }
}

/// A request's body, given up when nothing arrives for too long. There is no limit on the whole.
pub(super) struct RequestStream {
    body: Body,
    limit: Duration,
    idle: Pin<Box<Sleep>>,
    /// Since the last piece somebody asked for more: only then the client is the one who dawdles.
    is_waiting: bool,
}

impl RequestStream {
    pub(super) fn new(body: Body, idle_timeout: Duration) -> Self {
        let idle = Box::pin(tokio::time::sleep(idle_timeout));
        Self { body, limit: idle_timeout, idle, is_waiting: false }
    }

    /// The whole body; `None` if it is longer than `most`.
    pub(super) async fn read_whole(
        mut self,
        expected: usize,
        most: usize,
    ) -> Result<Option<Bytes>, BodyError> {
        let mut bytes = BytesMut::with_capacity(expected.min(most));
        while let Some(chunk) = self.next().await {
            bytes.extend_from_slice(&chunk?);
            if bytes.len() > most {
                return Ok(None);
            }
        }
        Ok(Some(bytes.freeze()))
    }
}

impl Stream for RequestStream {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            match http_body::Body::poll_frame(Pin::new(&mut this.body), context) {
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers say nothing that is needed.
                    let Ok(bytes) = frame.into_data() else { continue };
                    this.is_waiting = false;
                    return Poll::Ready(Some(Ok(bytes)));
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {
                    if !this.is_waiting {
                        this.is_waiting = true;
                        this.idle.as_mut().reset(Instant::now() + this.limit);
                    }
                    ready!(this.idle.as_mut().poll(context));
                    let message = format!("nothing arrived for {} s", this.limit.as_secs());
                    return Poll::Ready(Some(Err(message.into())));
                }
            }
        }
    }
}

/// A piece of an answer.
#[derive(Debug)]
pub(super) enum Piece {
    /// These very bytes.
    Bytes(Bytes),
    /// A part of the blob.
    Range(ByteRange),
}

/// Streams pieces of a blob.
pub(super) async fn blob_body(
    content: Content,
    pieces: VecDeque<Piece>,
    windows: Option<Windows>,
) -> io::Result<Body> {
    let left = pieces.iter().map(piece_len).sum();
    if let ([Piece::Range(range)], Content::File(file)) = (pieces.as_slices().0, &content)
        && range.len() <= SMALL
    {
        return read_small(Arc::clone(file), *range).await.map(Body::from);
    }
    Ok(Body::new(BlobBody { content, pieces, windows, left, state: State::Between }))
}

fn piece_len(piece: &Piece) -> u64 {
    match piece {
        Piece::Bytes(bytes) => bytes.len() as u64,
        Piece::Range(range) => range.len(),
    }
}

/// Reads a small range: at once if it is in memory, else on a blocking thread.
async fn read_small(file: Arc<File>, range: ByteRange) -> io::Result<Bytes> {
    let len = usize::try_from(range.len()).map_err(io::Error::other)?;
    if let Some(bytes) = read_now(&file, range.start, len)
        && bytes.len() == len
    {
        return Ok(bytes);
    }
    tokio::task::spawn_blocking(move || read_blocking(&file, range.start, len))
        .await
        .map_err(io::Error::other)?
}

/// Reads what is in memory already; `None` if the disk would be needed (I8).
fn read_now(file: &File, offset: u64, len: usize) -> Option<Bytes> {
    let mut buffer = BytesMut::zeroed(len);
    let mut slices = [io::IoSliceMut::new(&mut buffer)];
    let read = rustix::io::preadv2(file, &mut slices, offset, ReadWriteFlags::NOWAIT)
        .ok()
        .filter(|read| *read > 0)?;
    buffer.truncate(read);
    Some(buffer.freeze())
}

fn read_blocking(file: &File, offset: u64, len: usize) -> io::Result<Bytes> {
    let mut buffer = BytesMut::zeroed(len);
    file.read_exact_at(&mut buffer, offset)?;
    Ok(buffer.freeze())
}

/// Whether a part of a file is in memory, as far as a probe every 128 KiB tells.
fn is_in_memory(file: &File, range: ByteRange) -> bool {
    let mut byte = [0];
    let mut offset = range.start;
    while offset < range.end {
        let mut slices = [io::IoSliceMut::new(&mut byte)];
        if !matches!(rustix::io::preadv2(file, &mut slices, offset, ReadWriteFlags::NOWAIT), Ok(1))
        {
            return false;
        }
        offset += PROBE_STRIDE;
    }
    true
}

/// Reads a part of a file into the kernel's memory.
fn warm(file: &File, range: ByteRange) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut offset = range.start;
    while offset < range.end {
        match file.read_at(&mut buffer, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => offset += read as u64,
        }
    }
    Ok(())
}

struct BlobBody {
    content: Content,
    pieces: VecDeque<Piece>,
    windows: Option<Windows>,
    left: u64,
    state: State,
}

enum State {
    Between,
    /// A range of a file, chunk by chunk.
    Reading(ByteRange, Option<JoinHandle<io::Result<Bytes>>>),
    /// A range of a file, window by window: the memory that stands for what is left of it.
    Mapped(ByteRange, Bytes, Option<JoinHandle<io::Result<()>>>),
    Opening(
        futures::future::BoxFuture<
            'static,
            io::Result<futures::stream::BoxStream<'static, io::Result<Bytes>>>,
        >,
    ),
    Streaming(futures::stream::BoxStream<'static, io::Result<Bytes>>),
}

impl BlobBody {
    fn start(&self, range: ByteRange) -> io::Result<State> {
        match (&self.content, &self.windows) {
            (Content::File(file), Some(windows)) if range.len() > SMALL => {
                Ok(State::Mapped(range, windows.open(file, range.start, range.len())?, None))
            }
            (Content::File(_), _) => Ok(State::Reading(range, None)),
            (Content::Object(object), _) => {
                Ok(State::Opening(open_object(object.clone(), range).boxed()))
            }
        }
    }

    fn file(&self) -> io::Result<Arc<File>> {
        match &self.content {
            Content::File(file) => Ok(Arc::clone(file)),
            Content::Object(_) => Err(io::Error::other("an object is not a file")),
        }
    }

    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Between) {
                State::Between => match self.pieces.pop_front() {
                    None => return Poll::Ready(None),
                    Some(Piece::Bytes(bytes)) => return Poll::Ready(Some(Ok(bytes))),
                    Some(Piece::Range(range)) => self.state = self.start(range)?,
                },
                State::Reading(range, _) if range.start == range.end => {}
                State::Reading(range, reading) => {
                    let len = usize::try_from(range.len()).unwrap_or(CHUNK).min(CHUNK);
                    let file = self.file()?;
                    let bytes = match reading {
                        None => match read_now(&file, range.start, len) {
                            Some(bytes) => bytes,
                            None => {
                                let read = move || read_blocking(&file, range.start, len);
                                self.state =
                                    State::Reading(range, Some(tokio::task::spawn_blocking(read)));
                                continue;
                            }
                        },
                        Some(mut reading) => match reading.poll_unpin(context) {
                            Poll::Pending => {
                                self.state = State::Reading(range, Some(reading));
                                return Poll::Pending;
                            }
                            Poll::Ready(done) => done.map_err(io::Error::other)??,
                        },
                    };
                    let start = range.start + bytes.len() as u64;
                    self.state = State::Reading(ByteRange { start, end: range.end }, None);
                    return Poll::Ready(Some(Ok(bytes)));
                }
                State::Mapped(range, _, _) if range.start == range.end => {}
                State::Mapped(range, mut memory, warming) => {
                    let window =
                        ByteRange { start: range.start, end: range.end.min(range.start + WINDOW) };
                    let file = self.file()?;
                    match warming {
                        None if !is_in_memory(&file, window) => {
                            let warming = tokio::task::spawn_blocking(move || warm(&file, window));
                            self.state = State::Mapped(range, memory, Some(warming));
                            continue;
                        }
                        None => {}
                        Some(mut warming) => match warming.poll_unpin(context) {
                            Poll::Pending => {
                                self.state = State::Mapped(range, memory, Some(warming));
                                return Poll::Pending;
                            }
                            Poll::Ready(done) => done.map_err(io::Error::other)??,
                        },
                    }
                    let bytes =
                        memory.split_to(usize::try_from(window.len()).map_err(io::Error::other)?);
                    self.state = State::Mapped(
                        ByteRange { start: window.end, end: range.end },
                        memory,
                        None,
                    );
                    return Poll::Ready(Some(Ok(bytes)));
                }
                State::Opening(mut opening) => match opening.as_mut().poll(context) {
                    Poll::Pending => {
                        self.state = State::Opening(opening);
                        return Poll::Pending;
                    }
                    Poll::Ready(stream) => self.state = State::Streaming(stream?),
                },
                State::Streaming(mut stream) => match stream.as_mut().poll_next(context) {
                    Poll::Pending => {
                        self.state = State::Streaming(stream);
                        return Poll::Pending;
                    }
                    Poll::Ready(Some(chunk)) => {
                        self.state = State::Streaming(stream);
                        return Poll::Ready(Some(chunk));
                    }
                    Poll::Ready(None) => {}
                },
            }
        }
    }
}

async fn open_object(
    object: ObjectReader,
    range: ByteRange,
) -> io::Result<futures::stream::BoxStream<'static, io::Result<Bytes>>> {
    Ok(object.stream(range).await.map_err(io::Error::other)?.boxed())
}

impl http_body::Body for BlobBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let chunk = ready!(self.poll_chunk(context));
        Poll::Ready(chunk.map(|chunk| {
            let bytes =
                chunk.inspect_err(|error| tracing::error!(%error, "a pull broke off: {error}"))?;
            self.left = self.left.saturating_sub(bytes.len() as u64);
            Ok(Frame::data(bytes))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
