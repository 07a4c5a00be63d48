//! Exports: a zip archive with a file for each record, as OSV publishes for each ecosystem, or one record alone.

use std::fmt;

use berth_unzip::{Archive, Error as ZipError, ReadAt};

use crate::advisory::{Advisory, InvalidAdvisory, MAX_RECORD};

/// How many records were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub read: usize,
    /// Records that were left out, each of which was told.
    pub invalid: usize,
}

/// Why an export was not read to its end.
#[derive(Debug)]
pub enum Error<E> {
    /// The archive is damaged, or cannot be read.
    Archive(ZipError),
    /// What the caller said.
    Caller(E),
}

impl<E> From<ZipError> for Error<E> {
    fn from(error: ZipError) -> Self {
        Self::Archive(error)
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive(error) => write!(f, "the export cannot be read: {error}"),
            Self::Caller(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Archive(error) => Some(error),
            Self::Caller(error) => error.source(),
        }
    }
}

/// Whether bytes begin as a zip archive does.
#[must_use]
pub fn is_archive(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
}

/// Calls `visit` with each record of a zip archive, one at a time: its name, and the advisory or why it is none. Memory
/// is needed for one record.
pub fn visit<E>(
    source: &dyn ReadAt,
    mut visit: impl FnMut(&str, Result<Advisory, InvalidAdvisory>) -> Result<(), E>,
) -> Result<Summary, Error<E>> {
    let archive = Archive::open(source)?;
    let mut summary = Summary::default();
    archive.visit(|entry| {
        let extension = entry.name.rsplit_once('.').map(|(_, extension)| extension);
        if extension.is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
            let advisory = match archive.read(&entry, MAX_RECORD) {
                Ok(record) => Advisory::parse(&record),
                Err(ZipError::TooLarge) => Err(InvalidAdvisory::TooLarge),
                Err(error) => return Err(Error::Archive(error)),
            };
            match advisory {
                Ok(_) => summary.read += 1,
                Err(_) => summary.invalid += 1,
            }
            visit(&entry.name, advisory).map_err(Error::Caller)?;
        }
        Ok(true)
    })?;
    Ok(summary)
}
