//! Keys that sign registry tokens.

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
                )
            })
            .await
    }

    /// Adds a key and retires all others.
    pub async fn rotate_signing_key(&self, key: SigningKey) -> Result<(), Error> {
        self.db
            .write(move |tx| {
                tx.execute(
                    "UPDATE signing_key SET retired_at = $1 WHERE retired_at IS NULL",
                    (key.created_at,),
                )?;
                tx.execute(
                    "INSERT INTO signing_key (id, private, public, created_at)
                     VALUES ($1, $2, $3, $4)",
                    (&key.id, &key.private.expose()[..], &key.public[..], key.created_at),
                )
                .map(drop)
            })
            .await
    }
}
