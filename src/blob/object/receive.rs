//! A request's body on its way into the bucket.
//!
//! It is collected into pieces. One piece is sent as a whole object; more of them go as a multipart upload, several at a
//! time, while the next one is collected and the last one is hashed. Memory is what [`Buffers`](crate::blob::buffers) gives.
//! Where there is none, a piece is collected on the disk, and waits for memory when it is complete: then the bucket alone
//! decides how long that takes, not a client. Whoever waits holds no memory, so that not all can wait for each other: each
//! piece is an object of its own then, and they are joined in the end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::spool::Spool;
use super::{Hashing, ObjectStore, new_key};
use crate::blob::buffers::Room;
use crate::blob::probe::Step;
use crate::blob::session::{Part, Session};
use crate::blob::{Append, BodyError, Error, Space};
use crate::config::Backend;
use crate::oci::UploadId;

/// Size of the pieces of a multipart upload; S3 wants at least 5 MiB.
pub(super) const PIECE_BYTES: usize = 8 << 20;

/// Pieces of one body that are sent at the same time.
pub(super) const PIECES_AT_ONCE: usize = 4;

/// An object has at most so many pieces: S3 allows 10,000, Azure 50,000.
const fn most_pieces(backend: Backend) -> usize {
    match backend {
        Backend::Azblob => 49_000,
        Backend::Gcs | Backend::Memory => usize::MAX,
        Backend::S3 | Backend::Fs => 9_000,
    }
}

/// Memory for a piece that takes longer than this goes to whoever waits for it.
const SLOW: Duration = Duration::from_secs(2);

/// Appends a body to an upload: the session is ahead by what arrived, or as it was when the body has a wrong length or the
/// bucket fails.
pub(super) async fn receive<S, E>(
    store: &ObjectStore,
    id: &UploadId,
    session: &mut Session,
    mut body: S,
    append: Append,
    space: &Arc<Space>,
) -> Result<(), Error>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin + Send,
    E: Into<BodyError>,
{
    let mut receiver = Receiver {
        store,
        id,
        space,
        offset: session.size,
        expected: append.exactly.or(append.announced),
        received: 0,
        hashing: Some(Hashing::Idle(Box::new(session.hasher.clone()))),
        parts: Vec::new(),
        filling: None,
        first: None,
        open: None,
        since: Instant::now(),
    };
    match receiver.run(&mut body, append.exactly).await {
        Ok(ended) => {
            let hashing = receiver.hashing.take().ok_or(Error::Stopped)?;
            session.parts.append(&mut receiver.parts);
            session.replace(session.size + receiver.received, hashing.idle().await?);
            ended
        }
        Err(error) => {
            if !receiver.undo().await {
                session.untidy = true;
            }
            Err(error)
        }
    }
}

struct Receiver<'a> {
    store: &'a ObjectStore,
    id: &'a UploadId,
    space: &'a Arc<Space>,
    /// Where in the upload the next object begins.
    offset: u64,
    /// Length of the body, as far as it is known.
    expected: Option<u64>,
    received: u64,
    /// Taken only while it is fed.
    hashing: Option<Hashing>,
    /// Objects that are finished.
    parts: Vec<Part>,
    filling: Option<Filling>,
    /// The first piece of an object: perhaps it is the only one.
    first: Option<Bytes>,
    open: Option<Open>,
    /// When the last piece was complete.
    since: Instant,
}

/// A piece that is being collected.
struct Filling {
    place: Place,
    size: usize,
    limit: usize,
}

enum Place {
    Memory(Vec<u8>, Room),
    Disk(Spool),
}

/// An object that is sent in pieces.
struct Open {
    key: String,
    writer: opendal::Writer,
    size: u64,
    pieces: usize,
}

impl Receiver<'_> {
    async fn run<S, E>(
        &mut self,
        body: &mut S,
        exactly: Option<u64>,
    ) -> Result<Result<(), Error>, Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin + Send,
        E: Into<BodyError>,
    {
        self.store.at(Step::Open, self.id.as_str())?;
        let mut slow = interval_at(Instant::now() + SLOW, SLOW);
        slow.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ended = loop {
            let chunk = tokio::select! {
                biased;
                chunk = body.next() => chunk,
                _ = slow.tick() => {
                    self.make_way().await?;
                    continue;
                }
            };
            match chunk {
                None => break Ok(()),
                Some(Err(error)) => break Err(Error::Interrupted(error.into())),
                Some(Ok(bytes)) => {
                    self.received += bytes.len() as u64;
                    if let Some(expected) = exactly.filter(|expected| self.received > *expected) {
                        return Err(Error::SizeMismatch { expected, actual: self.received });
                    }
                    self.take(bytes).await?;
                }
            }
        };
        if let Some(expected) = exactly
            && ended.is_ok()
            && self.received != expected
        {
            return Err(Error::SizeMismatch { expected, actual: self.received });
        }
        self.close().await?;
        Ok(ended)
    }

    async fn take(&mut self, mut bytes: Bytes) -> Result<(), Error> {
        while !bytes.is_empty() {
            let mut filling = match self.filling.take() {
                Some(filling) => filling,
                None => self.begin(bytes.len()).await?,
            };
            let now = bytes.split_to(bytes.len().min(filling.limit - filling.size));
            match &mut filling.place {
                Place::Memory(piece, _) => piece.extend_from_slice(&now),
                Place::Disk(spool) => spool.write(&now).await?,
            }
            filling.size += now.len();
            let is_full = filling.size == filling.limit;
            self.filling = Some(filling);
            if is_full {
                self.push().await?;
            }
        }
        Ok(())
    }

    /// Begins the next piece, of which `arrived` bytes are there.
    async fn begin(&mut self, arrived: usize) -> Result<Filling, Error> {
        let before = self.received - arrived as u64;
        let left = self.expected.map_or(u64::MAX, |expected| expected.saturating_sub(before));
        let limit = usize::try_from(left).unwrap_or(usize::MAX).max(arrived).min(PIECE_BYTES);
        let place = match self.store.buffers.try_take(limit) {
            Some(room) => Place::Memory(room.buffer(limit), room),
            None => {
                self.space.check_push(limit as u64).await?;
                Place::Disk(self.store.spools.start().await?)
            }
        };
        Ok(Filling { place, size: 0, limit })
    }

    /// Gives memory back that is used slowly, if somebody waits for it.
    async fn make_way(&mut self) -> Result<(), Error> {
        if self.since.elapsed() < SLOW || !self.store.buffers.are_wanted() {
            return Ok(());
        }
        if let Some(Filling { place, .. }) = &mut self.filling
            && let Place::Memory(bytes, _) = place
        {
            let mut spool = self.store.spools.start().await?;
            spool.write(bytes).await?;
            *place = Place::Disk(spool);
        }
        self.close_object().await
    }

    /// Sends what was collected, and hashes it meanwhile.
    async fn push(&mut self) -> Result<(), Error> {
        let Some(filling) = self.filling.take() else { return Ok(()) };
        self.since = Instant::now();
        self.store.at(Step::Write, self.id.as_str())?;
        let bytes = match filling.place {
            Place::Memory(bytes, room) => room.hold(bytes),
            Place::Disk(spool) => {
                self.close_object().await?;
                let room = self.store.buffers.take(filling.size).await?;
                room.hold(spool.read().await?)
            }
        };
        let hashing = self.hashing.take().ok_or(Error::Stopped)?;
        self.hashing = Some(hashing.update(bytes.clone()).await?);
        match (&mut self.open, self.first.take()) {
            (None, None) => self.first = Some(bytes),
            (None, Some(first)) => {
                let key = new_key(self.id, self.offset);
                let writer = self.store.writer(&key).await?;
                let open = self.open.insert(Open { key, writer, size: 0, pieces: 0 });
                open.write(first).await?;
                open.write(bytes).await?;
            }
            (Some(open), _) => open.write(bytes).await?,
        }
        let most = most_pieces(self.store.backend);
        let is_long = self.open.as_ref().is_some_and(|open| open.pieces >= most);
        if is_long || self.store.buffers.are_wanted() {
            self.close_object().await?;
        }
        Ok(())
    }

    /// Makes an object of all that has arrived.
    async fn close(&mut self) -> Result<(), Error> {
        self.push().await?;
        self.close_object().await
    }

    /// Makes an object of the pieces that are complete.
    async fn close_object(&mut self) -> Result<(), Error> {
        let part = match (self.open.take(), self.first.take()) {
            (Some(mut open), _) => {
                let closed = self.store.close(&mut open.writer, &open.key, open.size).await;
                if let Err(error) = closed {
                    self.open = Some(open);
                    return Err(error);
                }
                Part { key: open.key, size: open.size }
            }
            (None, Some(bytes)) => {
                let (key, size) = (new_key(self.id, self.offset), bytes.len() as u64);
                self.store.at(Step::Sync, &key)?;
                self.store.write(&key, bytes).await?;
                Part { key, size }
            }
            (None, None) => return Ok(()),
        };
        self.offset += part.size;
        self.parts.push(part);
        Ok(())
    }

    /// Removes what this request has brought; says whether all of it is gone.
    async fn undo(&mut self) -> bool {
        let mut is_gone = true;
        if let Some(mut open) = self.open.take() {
            is_gone &= open.writer.abort().await.is_ok();
        }
        let keys: Vec<String> = self.parts.drain(..).map(|part| part.key).collect();
        is_gone & self.store.remove(keys.into_iter()).await.is_ok()
    }
}

impl Open {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        let size = bytes.len() as u64;
        self.writer.write(bytes).await?;
        self.size += size;
        self.pieces += 1;
        Ok(())
    }
}

/// What clients that are redirected get to see.
pub(in crate::blob) const CONTENT_TYPE: &str = "application/octet-stream";

impl ObjectStore {
    /// Writes an object with one request.
    pub(super) async fn write(&self, key: &str, bytes: Bytes) -> Result<(), Error> {
        self.operator.write_with(key, bytes).content_type(CONTENT_TYPE).await?;
        Ok(())
    }

    /// A writer of one large object.
    pub(super) async fn writer(&self, key: &str) -> Result<opendal::Writer, Error> {
        let writer = self.operator.writer_with(key).content_type(CONTENT_TYPE);
        let writer = writer.concurrent(PIECES_AT_ONCE);
        let writer = match self.backend {
            // A resumable session ends by itself when it is left, while the parts of a multipart upload stay and cost.
            Backend::Gcs => writer.if_not_exists(true),
            _ => writer,
        };
        Ok(writer.await?)
    }

    /// Ends an object that was sent in pieces. When the answer is lost, a second try finds the upload ended: whether the
    /// object is there counts.
    pub(super) async fn close(
        &self,
        writer: &mut opendal::Writer,
        key: &str,
        size: u64,
    ) -> Result<(), Error> {
        self.at(Step::Sync, key)?;
        let Err(error) = writer.close().await else { return Ok(()) };
        match self.operator.stat(key).await {
            Ok(found) if found.content_length() == size => Ok(()),
            _ => Err(error.into()),
        }
    }
}
