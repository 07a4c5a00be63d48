//! A request and its answer, byte by byte: what stands between a client and Berth shows in how it is answered, and by whom.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::PATIENCE;

/// The longest head of an answer.
const LONGEST: usize = 64 << 10;

/// What is sent of a body at once.
const PIECE: usize = 64 << 10;

/// A connection, plain or through TLS.
pub(super) trait Line: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Line for T {}

/// The head of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    fields: Vec<(String, String)>,
}

impl Head {
    /// A field, whatever the case of its name.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Whether a registry has answered, and nobody before it.
    pub(super) fn is_of_a_registry(&self) -> bool {
        self.field("docker-distribution-api-version").is_some()
    }

    fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
        let field = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim().to_owned(), value.trim().to_owned()))
        };
        Some(Self { status, fields: lines.filter_map(field).collect() })
    }
}

/// Sends the head of a request and reads that of the answer.
pub(super) async fn ask(line: &mut dyn Line, request: &str) -> io::Result<Head> {
    within(PATIENCE, async {
        line.write_all(request.as_bytes()).await?;
        line.flush().await?;
        read_head(line).await
    })
    .await
}

/// Sends a request with a body of zeros, as fast as it is taken; reads the answer, also one that comes before all is sent.
pub(super) async fn send(line: &mut dyn Line, request: &str, size: usize) -> io::Result<Head> {
    within(4 * PATIENCE, async {
        line.write_all(request.as_bytes()).await?;
        let (piece, mut left) = (vec![0; PIECE], size);
        while left > 0 {
            let next = left.min(PIECE);
            // Whoever has heard enough answers and takes no more.
            if line.write_all(&piece[..next]).await.is_err() {
                break;
            }
            left -= next;
        }
        let _ = line.flush().await;
        read_head(line).await
    })
    .await
}

async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, "there was no answer in time");
    tokio::time::timeout(limit, work).await.map_err(|_| late())?
}

async fn read_head(line: &mut dyn Line) -> io::Result<Head> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        if text.len() >= LONGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its answer has no end"));
        }
        text.push(line.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&text);
    Head::read(&text)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it does not speak HTTP"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read() {
        let head = Head::read("HTTP/1.1 401 Unauthorized\r\nDate: now\r\nA: b: c\r\n\r\n").unwrap();
        assert_eq!(
            (head.status, head.field("date"), head.field("a")),
            (401, Some("now"), Some("b: c"))
        );
        assert!(!head.is_of_a_registry() && head.field("none").is_none());
        assert_eq!(Head::read("SSH-2.0-OpenSSH\r\n"), None);
    }
}
