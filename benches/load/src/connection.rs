//! One HTTP/1.1 connection, as cheap as it gets: the load program shares the machine with the server it measures.
//!
//! Bodies are dropped into one buffer per thread. There is no pipelining, no redirect, no retry.

use std::{cell::RefCell, io, net::SocketAddr};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

use crate::noise::{Blob, Noise};

/// Large enough that a bulk pull costs few calls, small enough to stay in the processor's cache.
const SCRATCH: usize = 256 << 10;
const HEAD: usize = 16 << 10;

thread_local! {
    static SCRATCH_BYTES: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH]);
}

/// What a request carries.
#[derive(Clone, Copy)]
pub(crate) enum Body<'a> {
    None,
    Bytes(&'a [u8]),
    Blob(&'a Noise, Blob),
}

impl Body<'_> {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::None => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Blob(_, blob) => blob.size,
        }
    }
}

/// What came back, its body aside.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    /// The `Content-Length`, also of a HEAD; the bytes received where there was none.
    pub(crate) length: u64,
    pub(crate) close: bool,
    chunked: bool,
    /// The body's beginning if the status is an error.
    pub(crate) complaint: String,
}

pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// The part of `buffer` that was received and not yet used.
    unread: std::ops::Range<usize>,
}

impl Connection {
    /// Connects; with `window`, the kernel holds at most about that much for a reader that does not read.
    pub(crate) async fn open(address: SocketAddr, window: Option<u32>) -> Result<Self> {
        let socket = TcpSocket::new_v4().context("cannot make a socket")?;
        if let Some(bytes) = window {
            socket.set_recv_buffer_size(bytes).context("cannot set the receive buffer")?;
        }
        let stream = socket
            .connect(address)
            .await
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true).context("cannot set TCP_NODELAY")?;
        Ok(Self { stream, buffer: vec![0; HEAD], unread: 0..0 })
    }

    /// Sends a request. `head` is complete but for the empty line; what fits goes out in one write.
    pub(crate) async fn send(&mut self, head: &mut Vec<u8>, body: Body<'_>) -> io::Result<()> {
        head.extend_from_slice(b"\r\n");
        match body {
            Body::None => self.stream.write_all(head).await,
            Body::Bytes(bytes) => {
                head.extend_from_slice(bytes);
                self.stream.write_all(head).await
            }
            Body::Blob(noise, blob) => {
                for piece in noise.pieces(blob) {
                    head.extend_from_slice(&piece.stamp);
                    if piece.rest.len() < HEAD {
                        head.extend_from_slice(piece.rest);
                        self.stream.write_all(head).await?;
                    } else {
                        self.write_both(head, piece.rest).await?;
                    }
                    head.clear();
                }
                Ok(())
            }
        }
    }

    async fn write_both(&mut self, first: &[u8], second: &[u8]) -> io::Result<()> {
        let mut sent = 0;
        while sent < first.len() {
            let slices = [io::IoSlice::new(&first[sent..]), io::IoSlice::new(second)];
            match self.stream.write_vectored(&slices).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => sent += written,
            }
        }
        self.stream.write_all(&second[sent - first.len()..]).await
    }

    /// Receives an answer whole; `sink` sees the bytes of a body that is not an error's.
    pub(crate) async fn receive(
        &mut self,
        bodiless: bool,
        sink: &mut (impl FnMut(&[u8]) + ?Sized),
    ) -> Result<Response> {
        let mut response = self.receive_head().await?;
        if bodiless || matches!(response.status, 204 | 304) {
            return Ok(response);
        }
        let mut complaint = Vec::new();
        let failed = response.status >= 400;
        let mut take = |bytes: &[u8]| {
            if failed {
                complaint.extend_from_slice(bytes);
            } else {
                sink(bytes);
            }
        };
        if response.chunked {
            response.length = self.receive_chunks(&mut take).await?;
        } else {
            self.receive_exactly(response.length, &mut take).await?;
        }
        complaint.truncate(400);
        response.complaint = String::from_utf8_lossy(&complaint).into_owned();
        Ok(response)
    }

    /// Receives the status line and header fields, and leaves the body where it is.
    pub(crate) async fn receive_head(&mut self) -> Result<Response> {
        loop {
            let seen = &self.buffer[self.unread.clone()];
            if let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
                let response = parse_head(&seen[..end])?;
                self.unread.start += end + 4;
                return Ok(response);
            }
            self.fill().await?;
        }
    }

    /// Takes up to `most` bytes of a body; for readers in no hurry.
    pub(crate) async fn receive_some(&mut self, most: usize) -> Result<usize> {
        if self.unread.is_empty() {
            self.fill().await?;
        }
        let taken = most.min(self.unread.len());
        self.unread.start += taken;
        Ok(taken)
    }

    async fn receive_exactly(&mut self, length: u64, sink: &mut impl FnMut(&[u8])) -> Result<()> {
        let at_hand = self.unread.len().min(usize::try_from(length).unwrap_or(usize::MAX));
        let start = self.unread.start;
        sink(&self.buffer[start..start + at_hand]);
        self.unread.start += at_hand;
        let mut missing = length - at_hand as u64;
        while missing > 0 {
            self.stream.readable().await?;
            let most = SCRATCH.min(usize::try_from(missing).unwrap_or(usize::MAX));
            let read = SCRATCH_BYTES.with_borrow_mut(|scratch| {
                let read = self.stream.try_read(&mut scratch[..most])?;
                sink(&scratch[..read]);
                io::Result::Ok(read)
            });
            match read {
                Ok(0) => bail!("the connection ended {missing} bytes before the body did"),
                Ok(read) => missing -= read as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error).context("cannot read a body"),
            }
        }
        Ok(())
    }

    async fn receive_chunks(&mut self, sink: &mut impl FnMut(&[u8])) -> Result<u64> {
        let mut total = 0;
        loop {
            let line = self.receive_line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16)
                .with_context(|| format!("{line:?} is not the size of a chunk"))?;
            if size > 0 {
                self.receive_exactly(size, sink).await?;
            }
            ensure!(self.receive_line().await?.is_empty(), "a chunk does not end where it should");
            if size == 0 {
                return Ok(total);
            }
            total += size;
        }
    }

    async fn receive_line(&mut self) -> Result<String> {
        loop {
            let seen = &self.buffer[self.unread.clone()];
            if let Some(end) = seen.windows(2).position(|two| two == b"\r\n") {
                let line = String::from_utf8_lossy(&seen[..end]).into_owned();
                self.unread.start += end + 2;
                return Ok(line);
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<()> {
        if self.unread.is_empty() {
            self.unread = 0..0;
        } else if self.unread.end == self.buffer.len() {
            ensure!(self.unread.start > 0, "a header section is larger than {HEAD} bytes");
            self.buffer.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
        }
        let read = self.stream.read(&mut self.buffer[self.unread.end..]).await?;
        ensure!(read > 0, "the server closed the connection without an answer");
        self.unread.end += read;
        Ok(())
    }
}

fn parse_head(head: &[u8]) -> Result<Response> {
    let head = std::str::from_utf8(head).context("a header section is not text")?;
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.with_context(|| format!("{first:?} is not a status line"))?;
    let (location, complaint) = (None, String::new());
    let mut response =
        Response { status, location, length: 0, close: false, chunked: false, complaint };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            response.length = value.parse().context("a Content-Length is not a number")?;
        } else if name.eq_ignore_ascii_case("location") {
            response.location = Some(value.to_owned());
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            response.chunked = value.eq_ignore_ascii_case("chunked");
        } else if name.eq_ignore_ascii_case("connection") {
            response.close = value.eq_ignore_ascii_case("close");
        }
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_gives_status_length_and_location() {
        let head =
            b"HTTP/1.1 202 Accepted\r\ncontent-LENGTH: 7\r\nLocation: /v2/a:b\r\nConnection: close";

        let response = parse_head(head).unwrap();

        assert_eq!((response.status, response.length, response.close), (202, 7, true));
        assert_eq!(response.location.as_deref(), Some("/v2/a:b"));
    }

    #[test]
    fn what_is_not_http_is_refused() {
        assert!(parse_head(b"SSH-2.0-OpenSSH_9.2").is_err());
    }
}
