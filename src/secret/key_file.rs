//! The file that holds the keys of a [`Keyring`]: it lies beside the database, or better elsewhere, so that a copy of the
//! database alone gives no secret away.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::keyring::{KEY_BYTES, Keyring, random_key};

/// What stands before each key.
const PREFIX: &str = "berth-key-1:";

const EXPLANATION: &str = "\
# Berth seals the secrets in its database with the first of these keys; the others open what they once sealed.
# Without this file those secrets are lost: keep a copy apart from the backups of the database.
";

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It is not there, and the database holds what it sealed.
    #[error(
        "the key file {} is missing, and the database holds secrets that it sealed: bring it back, or name it in `storage.key_file`",
        .0.display()
    )]
    Missing(PathBuf),
    /// A line is no key.
    #[error("line {line} of the key file {} is no key: it begins with `{PREFIX}` and 43 characters follow", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// It holds no key.
    #[error("the key file {} holds no key", .0.display())]
    Empty(PathBuf),
    /// It cannot be read or made.
    #[error("cannot use the key file {}: {source}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl Keyring {
    /// Reads a key file; `None` if there is none.
    pub fn load(path: &Path) -> Result<Option<Self>, KeyFileError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(KeyFileError::Unusable { path: path.to_owned(), source }),
        };
        let mut keys = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = line.strip_prefix(PREFIX).and_then(decode);
            let malformed = || KeyFileError::Malformed { path: path.to_owned(), line: index + 1 };
            keys.push(key.ok_or_else(malformed)?);
        }
        if keys.is_empty() {
            return Err(KeyFileError::Empty(path.to_owned()));
        }
        Ok(Some(Self::new(&keys)))
    }

    /// Makes a key file that only its owner can read, durably: what is sealed must not outlive its key. One that another
    /// process made meanwhile is taken as it is.
    pub fn make(path: &Path) -> Result<Self, KeyFileError> {
        let unusable = |source| KeyFileError::Unusable { path: path.to_owned(), source };
        let temporary = path.with_extension(format!("new-{}", super::random_text(6)));
        let written = write_new(&temporary, &random_key())
            // A link fails where a rename would take another process's key away.
            .and_then(|()| match std::fs::hard_link(&temporary, path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => Ok(()),
            })
            .and_then(|()| sync_parent(path));
        let _ = std::fs::remove_file(&temporary);
        written.map_err(unusable)?;
        Self::load(path)?.ok_or_else(|| KeyFileError::Missing(path.to_owned()))
    }
}

fn decode(text: &str) -> Option<[u8; KEY_BYTES]> {
    STANDARD_NO_PAD.decode(text).ok()?.try_into().ok()
}

fn write_new(path: &Path, key: &[u8; KEY_BYTES]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{EXPLANATION}{PREFIX}{}", STANDARD_NO_PAD.encode(key))?;
    file.sync_all()
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_file_is_made_once_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("berth.key");
        assert!(Keyring::load(&path).unwrap().is_none());
        let sealed = Keyring::make(&path).unwrap().seal("place", b"hush");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = Keyring::make(&path).unwrap();
        assert_eq!(again.open("place", &sealed).unwrap().expose(), b"hush");
        let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn what_is_no_key_is_named_by_its_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("berth.key");
        let said = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Keyring::load(&path).unwrap_err().to_string()
        };
        assert!(said("# nothing\n").contains("holds no key"));
        assert!(said("# a comment\nberth-key-1:short\n").contains("line 2 of the key file"));
    }
}
