//! What can go wrong with backups.

use std::path::PathBuf;

use crate::blob;
use crate::meta;

/// Why a backup was not taken, looked through or restored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no place for them.
    #[error(
        "there is no place for backups: set `backup.directory`, or a bucket by `backup.backend` and `backup.options`, or name one"
    )]
    NotConfigured,
    /// The place cannot be understood.
    #[error(
        "`{0}` names no place for backups: write a directory, or `s3://BUCKET/ROOT`, `azblob://CONTAINER/ROOT` or `gcs://BUCKET/ROOT`"
    )]
    NoPlace(String),
    /// Another one runs.
    #[error("another backup of {} runs: wait until it has ended", .0.display())]
    Busy(PathBuf),
    /// The place holds somebody else's.
    #[error(
        "{place} holds the backups of another registry ({theirs}; this one is {ours}): use another directory or another `root`"
    )]
    OtherRegistry {
        /// The place.
        place: String,
        /// Whose it is.
        theirs: String,
        /// Who we are.
        ours: String,
    },
    /// There is none of this name.
    #[error("there is no backup {id} in {place}; `berth backup list` shows those that are there")]
    Unknown {
        /// What was asked for.
        id: String,
        /// Where.
        place: String,
    },
    /// There is none that is old enough, or none at all.
    #[error(
        "there is no backup in {0} to restore; a backup that was never finished does not count"
    )]
    None(String),
    /// A file of the backup is not what the manifest says.
    #[error("{name}: {what}")]
    File {
        /// Which file.
        name: String,
        /// What is wrong with it.
        what: String,
    },
    /// Nothing is ever overwritten.
    #[error("{} is not empty: name a directory that does not exist yet, or is empty", .0.display())]
    NotEmpty(PathBuf),
    /// The registry would not start.
    #[error(
        "the backup does not hold the key file, without which its sealed secrets cannot be opened: give the copy that you keep with --key-file, or restore without these secrets with --forget-secrets"
    )]
    NoKey,
    /// The key file is another registry's.
    #[error(
        "{} does not open the secrets of this backup: it is another registry's key file, or lacks the key that was in use then",
        .0.display()
    )]
    WrongKey(PathBuf),
    /// A file operation failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It was told to end.
    #[error("it was told to end")]
    Stopped,
    /// The place, or the blob store, failed.
    #[error(transparent)]
    Blob(#[from] blob::Error),
    /// The database failed.
    #[error(transparent)]
    Meta(#[from] meta::Error),
    /// The key file cannot be used.
    #[error(transparent)]
    KeyFile(#[from] crate::secret::KeyFileError),
}

impl Error {
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    pub(super) fn file(name: &str, what: impl std::fmt::Display) -> Self {
        Self::File { name: name.to_owned(), what: what.to_string() }
    }
}
