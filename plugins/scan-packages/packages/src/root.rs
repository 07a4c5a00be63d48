//! What is scanned.

use std::fmt;

use berth_unzip::{ReadAt, SourceError};

/// A root filesystem, merged from whatever it is made of.
///
/// Paths have no leading slash. Where a path is read, symbolic links are followed, and never out of the root.
pub trait Root {
    /// Calls `visit` for every regular file, or hard link to one, whose path matches one of the globs (`**` crosses
    /// directories), in any order, until it returns false. Symbolic links and directories are not visited.
    fn find(&self, globs: &[&str], visit: &mut dyn FnMut(Entry) -> bool) -> Result<(), RootError>;

    /// The whole file; [`RootError::TooLarge`] if it has more bytes than `max`.
    fn read(&self, path: &str, max: usize) -> Result<Vec<u8>, RootError>;

    /// Reads up to as many bytes as the buffer holds, from an offset on; 0 at the end of the file.
    fn read_at(&self, path: &str, offset: u64, buffer: &mut [u8]) -> Result<usize, RootError>;
}

/// A regular file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    pub path: String,
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootError {
    NotFound,
    TooLarge,
    /// Anything else, in words.
    Failed(String),
}

impl fmt::Display for RootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("it is not there"),
            Self::TooLarge => f.write_str("it is too large"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for RootError {}

/// One file of a root, to be read by parts.
pub(crate) struct File<'a> {
    pub(crate) root: &'a dyn Root,
    pub(crate) path: &'a str,
    pub(crate) size: u64,
}

impl ReadAt for File<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError> {
        Ok(self.root.read_at(self.path, offset, buffer)?)
    }
}

/// Reads so many bytes of a source, or fewer at its end.
pub(crate) fn read_up_to(
    source: &dyn ReadAt,
    offset: u64,
    length: usize,
) -> Result<Vec<u8>, SourceError> {
    let there = usize::try_from(source.size().saturating_sub(offset)).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length.min(there)];
    let mut filled = 0;
    while filled < bytes.len() {
        match source.read_at(offset + filled as u64, &mut bytes[filled..])? {
            0 => break,
            count => filled = bytes.len().min(filled + count),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
