//! Which registry this is: a name that goes along with its rows, through backups and restores.

use super::{Error, Meta};
use crate::secret::random_text;

impl Meta {
    /// The name, made when it is asked for the first time.
    pub async fn instance(&self) -> Result<String, Error> {
        let (fresh, now) = (random_text(12), self.clock.now());
        self.db
            .write(move |tx| {
                tx.execute(
                    "INSERT INTO instance (one, id, created_at) VALUES (1, $1, $2) ON CONFLICT DO NOTHING",
                    (&fresh, now),
                )?;
                let found =
                    tx.find("SELECT id FROM instance WHERE one = 1", (), |row| row.get("id"))?;
                Ok(found.unwrap_or(fresh))
            })
            .await
    }
}
