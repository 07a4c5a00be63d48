//! A plain socket that hands parts of files to the kernel.
//!
//! Hyper writes what a body gives it. For a large blob the body gives memory that is *mapped* from the file and never
//! touched; when such memory comes by here, the bytes behind it are sent with `sendfile(2)` instead, so that they are not
//! copied through this process. Anything else, and anything that is not recognised, is written as it is: the mapping
//! holds the same bytes, so a window that is missed costs time and nothing else.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{BufMut as _, Bytes};
use memmap2::{Mmap, MmapOptions};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use crate::metrics::Traffic;

/// One call hands at most this many bytes to the kernel, so that one connection does not keep a thread.
const LARGEST_SEND: usize = 1 << 20;

/// How HTTP/2 begins (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// All connections that receive large bodies read at most about this many bytes at a time together, so that hyper, which
/// sizes its buffers by what the last reads brought, does not take 128 KiB for each of hundreds of uploads.
const RECEIVED_AT_ONCE: usize = 8 << 20;

/// A read that brings this much is one of a large body.
const BULK: usize = 16 << 10;

/// However many uploads there are, each may read this much.
const SMALLEST_READ: usize = 16 << 10;

/// Parts of files that are on their way through one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Windows(Arc<Registry>);

#[derive(Debug, Default)]
struct Registry {
    open: AtomicUsize,
    windows: Mutex<VecDeque<Window>>,
}

#[derive(Clone, Debug)]
struct Window {
    start: usize,
    len: usize,
    offset: u64,
    file: Arc<File>,
}

/// Mapped memory that takes its window with it when it goes, so that no later memory at the same address is mistaken
/// for it.
struct Mapped {
    map: Mmap,
    windows: Windows,
}

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        &self.map
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        let start = self.map.as_ptr() as usize;
        self.windows.lock().retain(|window| window.start != start);
        self.windows.0.open.fetch_sub(1, Ordering::Release);
    }
}

impl Windows {
    /// Memory that stands for a part of a file.
    #[expect(unsafe_code, reason = "mapping a file: see the comment inside")]
    pub(super) fn open(&self, file: &Arc<File>, offset: u64, len: u64) -> io::Result<Bytes> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        // SAFETY: the memory would change, or vanish, if the file were written to or cut. A blob's file never is: it is
        // complete before it has the name by which it was opened, and is only ever removed as a whole, which leaves an
        // open file as it is.
        let map = unsafe { MmapOptions::new().offset(offset).len(len).map(&**file)? };
        let window = Window { start: map.as_ptr() as usize, len, offset, file: Arc::clone(file) };
        self.lock().push_back(window);
        self.0.open.fetch_add(1, Ordering::Release);
        Ok(Bytes::from_owner(Mapped { map, windows: self.clone() }))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Window>> {
        self.0.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file and the offset that `memory` stands for.
    fn find(&self, memory: &[u8]) -> Option<(Arc<File>, u64)> {
        if self.0.open.load(Ordering::Acquire) == 0 {
            return None;
        }
        let start = memory.as_ptr() as usize;
        let windows = self.lock();
        let window = windows.iter().find(|window| {
            start >= window.start && start + memory.len() <= window.start + window.len
        })?;
        Some((Arc::clone(&window.file), window.offset + (start - window.start) as u64))
    }
}

/// A socket that knows windows, counts bytes, and gives up on a reader that takes nothing for too long.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    windows: Windows,
    traffic: Arc<Traffic>,
    idle_timeout: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    /// Whether a large body is being received; counted in `traffic`.
    bulk: bool,
}

impl Socket {
    pub(super) fn new(
        stream: TcpStream,
        windows: Windows,
        traffic: Arc<Traffic>,
        idle_timeout: Duration,
    ) -> Self {
        Self { stream, windows, traffic, idle_timeout, stalled: None, bulk: false }
    }

    /// Reads no more than this connection's share.
    fn poll_read_share(
        &self,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let share = (RECEIVED_AT_ONCE / self.traffic.bulk().max(1)).max(SMALLEST_READ);
        loop {
            ready!(self.stream.poll_read_ready(context))?;
            match self.stream.try_read_buf(&mut (&mut *buf).limit(share)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result.map(drop)),
            }
        }
    }

    fn set_bulk(&mut self, bulk: bool) {
        if bulk != self.bulk {
            self.bulk = bulk;
            self.traffic.set_bulk(bulk);
        }
    }

    /// Waits for the first bytes and says whether they begin HTTP/2: no method begins like its preface, so two bytes
    /// tell; all of it must be there before anybody is asked to read it.
    pub(super) async fn speaks_http2(&self) -> io::Result<bool> {
        let mut first = [0; PREFACE.len()];
        loop {
            let there = match self.stream.peek(&mut first).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                there => &first[..there],
            };
            if !PREFACE.starts_with(&there[..there.len().min(2)]) {
                return Ok(false);
            }
            if there.len() == PREFACE.len() {
                return Ok(there == PREFACE);
            }
            // What is there already is found again at once: wait for more.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn poll_send_file(
        &self,
        context: &mut Context<'_>,
        file: &File,
        offset: u64,
        len: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(context))?;
            let send = || {
                let mut offset = offset;
                let sent = rustix::fs::sendfile(
                    &self.stream,
                    file,
                    Some(&mut offset),
                    len.min(LARGEST_SEND),
                )?;
                if sent == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(sent) }
            };
            match self.stream.try_io(Interest::WRITABLE, send) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Counts what was written, and how long nothing could be.
    fn watch(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(result) => {
                self.stalled = None;
                // Whoever is answered has sent what there was to send.
                self.set_bulk(false);
                if let Ok(bytes) = &result {
                    self.traffic.sent(*bytes);
                }
                Poll::Ready(result)
            }
            Poll::Pending => {
                let limit = self.idle_timeout;
                let stalled = self.stalled.get_or_insert_with(|| {
                    Box::pin(tokio::time::sleep_until(Instant::now() + limit))
                });
                ready!(stalled.as_mut().poll(context));
                Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the client takes nothing",
                )))
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let crowded = self.bulk && self.traffic.bulk() * buf.remaining() > RECEIVED_AT_ONCE;
        let result = if crowded {
            self.poll_read_share(context, buf)
        } else {
            Pin::new(&mut self.stream).poll_read(context, buf)
        };
        if result.is_pending() {
            return result;
        }
        let read = buf.filled().len() - before;
        self.traffic.received(read);
        self.set_bulk(read >= BULK);
        result
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.set_bulk(false);
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = match self.windows.find(buf) {
            Some((file, offset)) => self.poll_send_file(context, &file, offset, buf.len()),
            None => Pin::new(&mut self.stream).poll_write(context, buf),
        };
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // What comes before a window is written first, by itself.
        let window = bufs.iter().enumerate().find_map(|(index, buf)| {
            let found = (!buf.is_empty()).then(|| self.windows.find(buf))?;
            found.map(|found| (index, found))
        });
        let written = match window {
            Some((index, (file, offset))) if bufs[..index].iter().all(|buf| buf.is_empty()) => {
                self.poll_send_file(context, &file, offset, bufs[index].len())
            }
            Some((index, _)) => {
                Pin::new(&mut self.stream).poll_write_vectored(context, &bufs[..index])
            }
            None => Pin::new(&mut self.stream).poll_write_vectored(context, bufs),
        };
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
