//! Zip archives, read by parts: jars in an image, advisories in an export.
//!
//! Only the end, the central directory and the entries that are asked for are read, so that a large archive is never held
//! whole. What is read may be hostile: sizes are checked before memory is taken, and nothing panics.
//!
//! Read are stored and deflated entries, zip64, and archives behind something else (an executable jar). Encrypted ones
//! and archives in several files are not.

#![forbid(unsafe_code)]

mod archive;
mod bytes;
mod crc;
mod inflate;
mod source;

pub use archive::{Archive, Entry};
pub use source::{Part, ReadAt, SourceError};

/// Why something could not be read.
#[derive(Debug)]
pub enum Error {
    /// The bytes could not be had.
    Source(SourceError),
    /// It is not a zip archive, or is damaged.
    Invalid(&'static str),
    /// It is a zip archive of a kind that is not read.
    Unsupported(&'static str),
    /// It is larger than the caller wants to have.
    TooLarge,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Source(error) => write!(f, "{error}"),
            Self::Invalid(what) => write!(f, "the zip archive is damaged: {what}"),
            Self::Unsupported(what) => write!(f, "the zip archive is not supported: {what}"),
            Self::TooLarge => f.write_str("an entry of the zip archive is too large"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Source(error) => Some(error.as_ref()),
            _ => None,
        }
    }
}

impl From<SourceError> for Error {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}
