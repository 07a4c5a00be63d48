//! Streams through what blocks: packing and unpacking run on a thread of their own, and bytes pass by in pieces.

use std::io::{self, Read, Write};

use berth_parcel::{Form, Identity, Recipient};
use bytes::{Buf as _, Bytes};
use futures::StreamExt as _;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use crate::blob::Bytestream;
use crate::oci::{Algorithm, Digest};
use crate::remote::Digester;

/// Pieces that wait on either side.
const WAITING: usize = 4;

/// Pieces that are written together.
const PIECE: usize = 256 << 10;

/// What went through a pipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) digest: Digest,
    pub(super) size: u64,
}

/// `None` is the end; a channel that closes without it was given up.
type Piece = Option<io::Result<Bytes>>;

/// Packs a stream: gives what is to be kept, and what was read, once all of that is taken.
pub(super) fn pack(
    source: Bytestream,
    algorithm: Algorithm,
    compressed: bool,
    recipients: Vec<Recipient>,
) -> (Bytestream, JoinHandle<io::Result<Seen>>) {
    let (sink, packed) = channel(WAITING);
    let source = feed(source);
    let packing = tokio::task::spawn_blocking(move || {
        let mut reader = Hashed { inner: source, digester: Digester::new(algorithm), size: 0 };
        let mut writer = ChannelWriter { sink, piece: Vec::with_capacity(PIECE) };
        let packed = berth_parcel::pack(&mut reader, &mut writer, compressed, &recipients);
        writer.end(packed)?;
        Ok(Seen { digest: reader.digester.finish(), size: reader.size })
    });
    (stream(packed), packing)
}

/// Unpacks a stream. That it cannot be opened, or is damaged, is an error in the stream.
pub(super) fn unpack(source: Bytestream, form: Form, identities: Vec<Identity>) -> Bytestream {
    if !form.compressed && !form.encrypted {
        return source;
    }
    let (sink, plain) = channel(WAITING);
    let source = feed(source);
    tokio::task::spawn_blocking(move || {
        let mut writer = ChannelWriter { sink, piece: Vec::with_capacity(PIECE) };
        let unpacked = berth_parcel::unpack(source, form, &identities)
            .and_then(|mut reader| io::copy(&mut reader, &mut writer).map(drop));
        // Whoever reads hears of a failure by the stream.
        let _ = writer.end(unpacked);
    });
    stream(plain)
}

/// Reads a stream to its end.
pub(super) async fn digest(
    mut bytes: Bytestream,
    algorithm: Algorithm,
    mut took: impl FnMut(&Bytes),
) -> io::Result<Seen> {
    let (mut digester, mut size) = (Digester::new(algorithm), 0);
    while let Some(chunk) = bytes.next().await {
        let chunk = chunk?;
        digester.update(&chunk);
        size += chunk.len() as u64;
        took(&chunk);
    }
    Ok(Seen { digest: digester.finish(), size })
}

fn feed(mut source: Bytestream) -> ChannelReader {
    let (sender, receiver) = channel::<Piece>(WAITING);
    tokio::spawn(async move {
        while let Some(piece) = source.next().await {
            if sender.send(Some(piece)).await.is_err() {
                return;
            }
        }
        let _ = sender.send(None).await;
    });
    ChannelReader { source: receiver, piece: Bytes::new(), ended: false }
}

fn stream(receiver: Receiver<Piece>) -> Bytestream {
    let next = |receiver: Option<Receiver<Piece>>| async move {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Some(Ok(piece))) => Some((Ok(piece), Some(receiver))),
            Some(Some(Err(error))) => Some((Err(error), None)),
            Some(None) => None,
            None => Some((Err(io::ErrorKind::BrokenPipe.into()), None)),
        }
    };
    futures::stream::unfold(Some(receiver), next).boxed()
}

struct Hashed<R> {
    inner: R,
    digester: Digester,
    size: u64,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.digester.update(&buffer[..read]);
        self.size += read as u64;
        Ok(read)
    }
}

struct ChannelReader {
    source: Receiver<Piece>,
    piece: Bytes,
    ended: bool,
}

impl Read for ChannelReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() && !self.ended {
            match self.source.blocking_recv() {
                Some(Some(piece)) => self.piece = piece?,
                Some(None) => self.ended = true,
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let count = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

struct ChannelWriter {
    sink: Sender<Piece>,
    piece: Vec<u8>,
}

impl ChannelWriter {
    fn send(&mut self) -> io::Result<()> {
        let piece = Bytes::from(std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE)));
        let sent = self.sink.blocking_send(Some(Ok(piece)));
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// Ends the stream, well or with the failure that stopped it.
    fn end(mut self, result: io::Result<()>) -> io::Result<()> {
        let result = result.and_then(|()| if self.piece.is_empty() { Ok(()) } else { self.send() });
        let last = match &result {
            Ok(()) => None,
            Err(error) => Some(Err(io::Error::new(error.kind(), error.to_string()))),
        };
        let _ = self.sink.blocking_send(last);
        result
    }
}

impl Write for ChannelWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..count]);
        if self.piece.len() == PIECE {
            self.send()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
