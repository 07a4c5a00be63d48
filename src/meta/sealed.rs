//! Every column that holds something sealed, to seal it anew or to forget it.

use super::tx::Tx;
use super::{Error, Meta};
use crate::secret::SealError;

/// Where something sealed is kept.
struct Place {
    table: &'static str,
    /// The column that the place is named by: `TABLE/KEY`. None where the table is the place.
    key: Option<&'static str>,
    column: &'static str,
    /// What makes the row harmless without its secret.
    forget: &'static str,
}

/// All of them. `signing_key` is not among those that are sealed anew here: it may hold keys that never were sealed
/// ([`Meta::reseal_signing_keys`]).
const PLACES: [Place; 6] = [
    Place {
        table: "directory",
        key: Some("id"),
        column: "bind_password",
        forget: "UPDATE directory SET bind_password = NULL",
    },
    Place {
        table: "plugin",
        key: Some("name"),
        column: "secrets",
        forget: "UPDATE plugin SET secrets = NULL, enabled = 0 WHERE secrets IS NOT NULL",
    },
    Place {
        table: "provider",
        key: Some("name"),
        column: "secret",
        forget: "UPDATE provider SET secret = NULL, disabled = 1 WHERE secret IS NOT NULL",
    },
    Place {
        table: "replication_target",
        key: Some("id"),
        column: "credentials",
        forget: "UPDATE replication_target SET credentials = NULL, paused = 1 WHERE credentials IS NOT NULL",
    },
    Place {
        table: "webhook",
        key: Some("id"),
        column: "secret",
        forget: "UPDATE webhook SET secret = NULL, enabled = 0 WHERE secret IS NOT NULL",
    },
    Place { table: "seal_check", key: None, column: "sealed", forget: "DELETE FROM seal_check" },
];

impl Place {
    fn reseal(&self, tx: &mut Tx<'_>) -> Result<u64, Error> {
        let Self { table, column, .. } = self;
        let key = self.key.unwrap_or("one");
        // As text, whatever it is.
        let sql = format!(
            "SELECT CAST({key} AS TEXT) AS id, {column} AS sealed FROM {table} WHERE {column} IS NOT NULL"
        );
        let stored: Vec<(String, Vec<u8>)> =
            tx.query(&sql, (), |row| Ok((row.get("id")?, row.get("sealed")?)))?;
        let mut resealed = 0;
        for (id, sealed) in stored {
            if tx.keys().is_current(&sealed) {
                continue;
            }
            let place = self.key.map_or_else(|| (*table).to_owned(), |_| format!("{table}/{id}"));
            let plain = match tx.keys().open(&place, &sealed) {
                Ok(plain) => plain,
                Err(error @ (SealError::UnknownKey | SealError::Damaged)) => {
                    tracing::error!("the secret of {place} cannot be sealed anew: {error}");
                    continue;
                }
            };
            let anew = tx.keys().seal(&place, plain.expose());
            let sql = format!("UPDATE {table} SET {column} = $1 WHERE CAST({key} AS TEXT) = $2");
            tx.execute(&sql, (&anew[..], &id))?;
            resealed += 1;
        }
        Ok(resealed)
    }
}

/// Makes rows that can be used without the key file: secrets go, and what cannot work without its own is disabled.
pub(super) fn forget(tx: &mut Tx<'_>) -> Result<(), Error> {
    for place in &PLACES {
        tx.execute(place.forget, ())?;
    }
    tx.execute("DELETE FROM signing_key", ()).map(drop)
}

impl Meta {
    /// Seals anew what another key than the first one of the key file has sealed; says how many. Afterwards the old key is
    /// needed only to verify events that were written under it.
    pub async fn reseal_secrets(&self) -> Result<u64, Error> {
        self.db
            .write(|tx| {
                let mut resealed = 0;
                for place in &PLACES {
                    resealed += place.reseal(tx)?;
                }
                Ok(resealed)
            })
            .await
    }
}
