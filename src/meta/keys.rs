//! The keys that secrets are sealed with, and whether they are the right ones for this database.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};

use super::Error;
use crate::secret::{KeyFileError, Keyring};

/// Where the sample is kept that tells the right keys from others.
const PLACE: &str = "seal_check";
const SAMPLE: &[u8] = b"berth";

/// Reads the key file, or makes one for a database that has nothing sealed yet.
pub(super) fn load(connection: &Connection, path: &Path) -> Result<Keyring, Error> {
    let sealed: Option<Vec<u8>> = connection
        .query_row("SELECT sealed FROM seal_check WHERE one = 1", (), |row| row.get(0))
        .optional()?;
    match (Keyring::load(path)?, sealed) {
        (Some(keys), Some(sealed)) => {
            keys.open(PLACE, &sealed)?;
            Ok(keys)
        }
        (None, Some(_)) => Err(KeyFileError::Missing(path.to_owned()).into()),
        (found, None) => {
            let keys = found.map_or_else(|| Keyring::make(path), Ok)?;
            // Two processes may come here at once; they took the same keys.
            connection.execute(
                "INSERT INTO seal_check (one, sealed) VALUES (1, $1) ON CONFLICT DO NOTHING",
                (keys.seal(PLACE, SAMPLE),),
            )?;
            Ok(keys)
        }
    }
}
