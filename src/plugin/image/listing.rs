//! What is in a layer, for people who look: read once from its beginning, and nothing of it is kept on the disk.

use std::io::Read as _;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;

use super::decompress::{Stored, decompress};
use super::tar::{Bounds, TarError, TarIndexer, TarKind};
use crate::blob::Content;
use crate::oci::ByteRange;

/// Entries that are listed at most.
const MOST_ENTRIES: usize = 50_000;
/// Bytes that a layer may unpack to.
const MOST_BYTES: u64 = 8 << 30;
/// A file that is shown.
const MOST_SHOWN: u64 = 1 << 20;
/// How long somebody waits for a list.
const PATIENCE: Duration = Duration::from_mins(1);
/// What is unpacked at once.
const PIECE: usize = 256 << 10;

/// A file of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// Where it is, without a slash at the beginning.
    pub path: String,
    /// `file`, `directory`, `symlink`, `hardlink`, `device` or `other`.
    pub kind: &'static str,
    /// Its bytes.
    pub size: u64,
    /// Its permissions.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Where a link leads.
    pub target: Option<String>,
}

/// Why a layer cannot be looked into.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    /// It is no archive.
    #[error("it is no archive of files: {0}")]
    NotAnArchive(String),
    /// There is no such file in it.
    #[error("there is no file {0} in it")]
    NoSuchFile(String),
    /// It would take too long, or too much.
    #[error("{0}")]
    TooMuch(String),
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] std::io::Error),
}

impl From<TarError> for ListingError {
    fn from(error: TarError) -> Self {
        match error {
            TarError::TooMany(most) => {
                Self::TooMuch(format!("it has more than {most} files, which are not listed"))
            }
            other => Self::NotAnArchive(other.to_string()),
        }
    }
}

const fn word(kind: TarKind) -> &'static str {
    match kind {
        TarKind::Regular => "file",
        TarKind::Directory => "directory",
        TarKind::Symlink => "symlink",
        TarKind::Hardlink => "hardlink",
        TarKind::Device => "device",
        TarKind::Other => "other",
    }
}

/// The files of a layer, in the order in which they stand in it.
pub async fn list_files(content: Content, size: u64) -> Result<Vec<ListedFile>, ListingError> {
    let stored = open(content, size).await?;
    blocking(move || {
        let (_, entries) = walk(stored, |_, _| {})?;
        let listed = entries.into_iter().map(|entry| ListedFile {
            path: entry.path.into(),
            kind: word(entry.kind),
            size: entry.size,
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            target: entry.target.map(Into::into),
        });
        Ok(listed.collect())
    })
    .await
}

/// The beginning of a file of a layer: of up to 1 MiB.
pub async fn read_file(content: Content, size: u64, path: &str) -> Result<Vec<u8>, ListingError> {
    // Where it lies is known when the archive was read; then it is read once more.
    let again = content.clone();
    let stored = open(content, size).await?;
    let entries = blocking(move || Ok(walk(stored, |_, _| {})?.1)).await?;
    let found =
        entries.iter().rfind(|entry| *entry.path == *path && entry.kind == TarKind::Regular);
    let found = found.ok_or_else(|| ListingError::NoSuchFile(path.chars().take(200).collect()))?;
    let (start, end) = (found.offset, found.offset + found.size.min(MOST_SHOWN));
    let stored = open(again, size).await?;
    blocking(move || {
        let mut bytes = Vec::new();
        walk(stored, |at, piece: &[u8]| {
            let piece_end = at + piece.len() as u64;
            if piece_end > start && at < end {
                let from = usize::try_from(start.saturating_sub(at)).unwrap_or(0);
                let until = usize::try_from(end.min(piece_end) - at).unwrap_or(0);
                bytes.extend_from_slice(&piece[from..until]);
            }
        })?;
        Ok(bytes)
    })
    .await
}

async fn open(content: Content, size: u64) -> Result<Stored, ListingError> {
    Ok(match content {
        Content::File(file) => Stored::File { file, at: 0, end: size },
        Content::Object(object) => {
            let stream = object.stream(ByteRange { start: 0, end: size }).await;
            let stream = stream.map_err(std::io::Error::other)?.boxed();
            Stored::Object {
                runtime: tokio::runtime::Handle::current(),
                stream,
                rest: Bytes::new(),
            }
        }
    })
}

/// Unpacks an archive and shows all its bytes; returns how many there were, and what is in it.
fn walk(
    stored: Stored,
    mut show: impl FnMut(u64, &[u8]),
) -> Result<(u64, Vec<super::tar::TarEntry>), ListingError> {
    let began = Instant::now();
    let (_, mut plain) = decompress(stored)?;
    let mut index =
        TarIndexer::new(Bounds { entries: MOST_ENTRIES, name_bytes: MOST_ENTRIES * 128 });
    let (mut buffer, mut at) = (vec![0; PIECE], 0_u64);
    loop {
        let read = plain.read(&mut buffer)?;
        if read == 0 {
            return Ok((at, index.finish()?));
        }
        index.push(&buffer[..read])?;
        show(at, &buffer[..read]);
        at += read as u64;
        if at > MOST_BYTES {
            return Err(ListingError::TooMuch("it unpacks to more than 8 GiB".into()));
        }
        if began.elapsed() > PATIENCE {
            return Err(ListingError::TooMuch("to unpack it takes longer than a minute".into()));
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ListingError> + Send + 'static,
) -> Result<T, ListingError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}
