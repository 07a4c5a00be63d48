//! What can go wrong with rows.

use std::path::PathBuf;

/// A failure of the database. None of them is a client's fault.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system has no room for another row.
    #[error("the database cannot grow: the disk that holds it is full")]
    Full,
    /// Another process holds the database for too long.
    #[error("the database is locked by another process")]
    Busy,
    /// A value is not of the kind that Berth stores there.
    #[error("the database holds a value in `{column}` that is not Berth's: {what}")]
    Corrupt {
        /// The column, as the statement names it.
        column: String,
        /// What is wrong with it.
        what: String,
    },
    /// Any other failure of SQLite.
    #[error("the database failed: {0}")]
    Sqlite(#[source] rusqlite::Error),
    /// A change does not fit into a quota, and was undone.
    #[error("the quota of {} does not allow it", .0.namespace)]
    Quota(Box<super::Exceeded>),
    /// A change was undone together with others of its group.
    #[error("the database failed while it committed a group of changes: {0}")]
    Group(String),
    /// The database is closed, because Berth is stopping.
    #[error("the database is closed")]
    Closed,
    /// The data directory belongs to a later version of Berth.
    #[error("{} was made by a later version of Berth (schema {found}; this version knows {known}): use that version", path.display())]
    NewerSchema {
        /// The database file.
        path: PathBuf,
        /// The version in the file.
        found: i64,
        /// The latest version that this program knows.
        known: i64,
    },
    /// A migration that this database has seen has changed since.
    #[error("{} was made by a different build of Berth: migration {version} is not the same", path.display())]
    ChangedMigration {
        /// The database file.
        path: PathBuf,
        /// The number of the migration.
        version: i64,
    },
    /// The file with the keys of the database's secrets cannot be used.
    #[error(transparent)]
    KeyFile(#[from] crate::secret::KeyFileError),
    /// A secret in the database cannot be opened.
    #[error(transparent)]
    Seal(#[from] crate::secret::SealError),
    /// The directory of the database cannot be used.
    #[error("cannot use {}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        match error.sqlite_error_code() {
            Some(Code::DiskFull) => Self::Full,
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => Self::Busy,
            _ => Self::Sqlite(error),
        }
    }
}

impl From<super::tx::ColumnError> for Error {
    fn from(error: super::tx::ColumnError) -> Self {
        Self::Corrupt { column: error.column, what: error.what }
    }
}
