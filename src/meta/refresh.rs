//! Refresh tokens, which `docker login` keeps instead of a password. Only their hash is stored.

use super::{Error, Meta};
use crate::clock::Timestamp;
use crate::oci::Digest;

/// A refresh token's row.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    /// SHA-256 of the token; a random token of 256 bits needs no slow hash.
    pub hash: Digest,
    /// Whose it is.
    pub user_id: i64,
    /// The token that it was issued for, and ends with.
    pub token_id: Option<i64>,
    /// The `client_id` that asked for it.
    pub client: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Meta {
    /// Keeps a new refresh token, and drops those that are over.
    pub async fn add_refresh_token(&self, token: RefreshToken) -> Result<(), Error> {
        let now = self.clock.now();
        self.db
            .write(move |tx| {
                tx.execute("DELETE FROM refresh_token WHERE expires_at < $1", (now,))?;
                tx.execute(
                    "INSERT INTO refresh_token (hash, user_id, token_id, client, created_at, expires_at)
                     VALUES ($1, $2, $3, $4, $5, $6)",
                    (
                        &token.hash,
                        token.user_id,
                        token.token_id,
                        &token.client,
                        now,
                        token.expires_at,
                    ),
                )
                .map(drop)
            })
            .await
    }

    /// A refresh token that is not over.
    pub async fn find_refresh_token(&self, hash: &Digest) -> Result<Option<RefreshToken>, Error> {
        let (hash, now) = (hash.clone(), self.clock.now());
        self.db
            .read(move |tx| {
                tx.find(
                    "SELECT hash, user_id, token_id, client, expires_at
                       FROM refresh_token
                      WHERE hash = $1
                        AND expires_at >= $2",
                    (&hash, now),
                    |row| {
                        Ok(RefreshToken {
                            hash: row.get("hash")?,
                            user_id: row.get("user_id")?,
                            token_id: row.get("token_id")?,
                            client: row.get("client")?,
                            expires_at: row.get("expires_at")?,
                        })
                    },
                )
            })
            .await
    }
}
