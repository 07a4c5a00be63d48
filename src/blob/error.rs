//! What can go wrong with bytes.

use std::path::PathBuf;

use super::BucketError;
use crate::config::ByteSize;
use crate::meta::Location;
use crate::oci::Digest;

/// Why a request's body ended before its end.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A failure of the blob store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object is gone, or has another size than when it was stored.
    #[error("the bytes at {} are missing or damaged", .0.as_str())]
    Missing(Location),
    /// The content has another digest than the client says.
    #[error("the content has the digest {actual}, not {expected}")]
    DigestMismatch {
        /// What the client says.
        expected: Digest,
        /// What it is.
        actual: Digest,
    },
    /// The body is shorter or longer than its headers say.
    #[error("the body has {actual} bytes, but its headers say {expected}")]
    SizeMismatch {
        /// What the headers say.
        expected: u64,
        /// What arrived; counting stops one byte too late.
        actual: u64,
    },
    /// The body broke off.
    #[error("the body broke off: {0}")]
    Interrupted(BodyError),
    /// Storing more would use the free space that is kept back.
    #[error(
        "the disk has {:#} free and keeps {:#} back: free some space, or lower `storage.reserve`",
        ByteSize::bytes(*free),
        ByteSize::bytes(*reserve)
    )]
    NoSpace {
        /// Bytes that are free.
        free: u64,
        /// Bytes that are kept back.
        reserve: u64,
    },
    /// A file operation failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Bytes that were received could not be made durable: the upload cannot be continued.
    #[error("{}: the bytes did not reach the disk: {source}", path.display())]
    Lost {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A bucket operation failed.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// A saved session cannot be read.
    #[error("a saved upload cannot be read: {0}")]
    Session(String),
    /// Berth is stopping.
    #[error("Berth is stopping")]
    Stopped,
}

impl Error {
    /// A stream of a bucket that broke off.
    pub(crate) fn broken(error: std::io::Error) -> Self {
        match error.downcast::<BucketError>() {
            Ok(error) => Self::Bucket(error),
            Err(source) => Self::Io { path: PathBuf::new(), source },
        }
    }

    /// Whether the disk is full, whoever noticed it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::NoSpace { .. } => true,
            Self::Io { source, .. } | Self::Lost { source, .. } => {
                matches!(
                    source.kind(),
                    std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
                )
            }
            Self::Bucket(error) => error.is_full(),
            _ => false,
        }
    }

    /// Whether the file itself cannot be read, and no other one is to blame: its sectors, its inode, its rights.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        use rustix::io::Errno;
        let Self::Io { source, .. } = self else { return false };
        source.kind() == std::io::ErrorKind::PermissionDenied
            || [Errno::IO, Errno::UCLEAN, Errno::BADMSG]
                .iter()
                .any(|errno| source.raw_os_error() == Some(errno.raw_os_error()))
    }

    /// Whether it may be gone in a moment: the bucket does not answer.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Bucket(error) if error.is_passing())
    }
}

impl From<opendal::Error> for Error {
    fn from(error: opendal::Error) -> Self {
        Self::Bucket(error.into())
    }
}
