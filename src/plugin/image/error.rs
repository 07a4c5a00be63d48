//! What can go wrong with an image that a plugin looks into.

use crate::blob;
use crate::meta;
use crate::oci::Digest;

/// Why a part of an image cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The repository does not have it.
    #[error("there is no {0}")]
    Unknown(String),
    /// It does not hang on the manifest that the call is about.
    #[error("{0} is no part of this image")]
    Foreign(Digest),
    /// There is no such file.
    #[error("there is no file {0}")]
    NoSuchFile(String),
    /// It has no content that could be read.
    #[error("{0} is {1}")]
    NotAFile(String, &'static str),
    /// Symbolic links lead in a circle.
    #[error("the links on the way to {0} lead in a circle")]
    LinkCircle(String),
    /// The layers are no filesystem.
    #[error("{digest} is no layer of a filesystem: {what}")]
    NotALayer {
        /// Which layer.
        digest: Digest,
        /// What is wrong with it.
        what: String,
    },
    /// The manifest has no layers to merge.
    #[error("this is no image with a filesystem")]
    NoLayers,
    /// More than is read at once.
    #[error("{what} has {size} bytes, which is more than {most}")]
    TooLarge {
        /// What.
        what: String,
        /// Its size.
        size: u64,
        /// The limit.
        most: u64,
    },
    /// More files than are indexed.
    #[error("the image has more than {0} files")]
    TooMany(usize),
    /// It unpacks to more than a layer may.
    #[error("{digest} unpacks to more than {most} bytes, or to much more than it is")]
    Bomb {
        /// Which layer.
        digest: Digest,
        /// The limit.
        most: u64,
    },
    /// No room for unpacked layers, as others use it.
    #[error("there is no room to unpack {0} just now")]
    NoRoom(Digest),
    /// The stored bytes cannot be read.
    #[error("cannot read {what}: {cause}")]
    Io {
        /// What.
        what: String,
        /// Why.
        cause: String,
    },
    /// The database failed.
    #[error(transparent)]
    Meta(#[from] meta::Error),
    /// The blob store failed.
    #[error(transparent)]
    Blob(#[from] blob::Error),
}
