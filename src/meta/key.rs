//! Keys that sign registry tokens. Their private parts are sealed.

use super::event::{self, Actor, EventKind, NewEvent};
use super::tx::Tx;
use super::{Error, Meta};
use crate::clock::Timestamp;
use crate::secret::Secret;

/// A key pair, ES256.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// Its name in a token's `kid`.
    pub id: String,
    /// PKCS #8.
    pub private: Secret<Vec<u8>>,
    /// The uncompressed point: `04`, x, y.
    pub public: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When another took its place; it still verifies what it signed.
    pub retired_at: Option<Timestamp>,
}

/// Where a key is kept, for its seal.
fn place(id: &str) -> String {
    format!("signing_key/{id}")
}

fn seal(tx: &Tx<'_>, key: &SigningKey) -> Vec<u8> {
    tx.keys().seal(&place(&key.id), key.private.expose())
}

/// Whether a private key is stored as it is, as the first versions did: a PKCS #8 structure begins with the tag of a
/// sequence, which nothing sealed does.
fn is_plain(private: &[u8]) -> bool {
    private.first() == Some(&0x30)
}

impl Meta {
    /// All keys that are in use or were retired after `since`, the newest first.
    pub async fn list_signing_keys(&self, since: Timestamp) -> Result<Vec<SigningKey>, Error> {
        self.db
            .read(move |tx| {
                tx.query(
                    "SELECT id, private, public, created_at, retired_at
                       FROM signing_key
                      WHERE retired_at IS NULL
                         OR retired_at > $1
                      ORDER BY created_at DESC, id",
                    (since,),
                    |row| {
                        Ok(SigningKey {
                            id: row.get("id")?,
                            private: Secret::new(row.get("private")?),
                            public: row.get("public")?,
                            created_at: row.get("created_at")?,
                            retired_at: row.get("retired_at")?,
                        })
                    },
                )?
                .into_iter()
                .map(|key| {
                    let private = if is_plain(key.private.expose()) {
                        key.private
                    } else {
                        tx.keys().open(&place(&key.id), key.private.expose())?
                    };
                    Ok(SigningKey { private, ..key })
                })
                .collect()
            })
            .await
    }

    /// Seals what was stored before there was a key file, or under a key that is no longer the first; says how many.
    pub async fn reseal_signing_keys(&self) -> Result<u64, Error> {
        self.db
            .write(|tx| {
                let stored: Vec<(String, Vec<u8>)> =
                    tx.query("SELECT id, private FROM signing_key ORDER BY id", (), |row| {
                        Ok((row.get("id")?, row.get("private")?))
                    })?;
                let mut resealed = 0;
                for (id, private) in stored {
                    let plain = if is_plain(&private) {
                        Secret::new(private)
                    } else if tx.keys().is_current(&private) {
                        continue;
                    } else {
                        tx.keys().open(&place(&id), &private)?
                    };
                    let sealed = tx.keys().seal(&place(&id), plain.expose());
                    tx.execute(
                        "UPDATE signing_key SET private = $1 WHERE id = $2",
                        (&sealed[..], &id),
                    )?;
                    resealed += 1;
                }
                Ok(resealed)
            })
            .await
    }

    /// Adds a key and retires all others.
    pub async fn rotate_signing_key(&self, key: SigningKey, by: &Actor) -> Result<(), Error> {
        let by = by.clone();
        self.db
            .write(move |tx| {
                tx.execute(
                    "UPDATE signing_key SET retired_at = $1 WHERE retired_at IS NULL",
                    (key.created_at,),
                )?;
                tx.execute(
                    "INSERT INTO signing_key (id, private, public, created_at)
                     VALUES ($1, $2, $3, $4)",
                    (&key.id, &seal(tx, &key)[..], &key.public[..], key.created_at),
                )?;
                let event = NewEvent::about(EventKind::KeyRotate, &key.id);
                event::append(tx, event, &by, key.created_at).map(drop)
            })
            .await
    }
}
