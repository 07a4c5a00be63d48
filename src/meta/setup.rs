//! The link that the first administrator comes by.

use super::account;
use super::event::Actor;
use super::{AccountKind, Error, Meta, NewAccount};
use crate::clock::Timestamp;
use crate::oci::Digest;

/// What came of using the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetupFinished {
    /// There is an administrator now, and no link any more.
    Done,
    /// There is no such link: it was used, another took its place, or it is over.
    Unknown,
    /// Another account has the name.
    NameTaken,
}

impl Meta {
    /// Keeps a link, in place of the one before. Without `is_first` only where one was kept that nobody has
    /// used, and nobody has signed in in another way.
    pub async fn keep_setup(
        &self,
        hash: Digest,
        expires_at: Timestamp,
        is_first: bool,
    ) -> Result<bool, Error> {
        self.db
            .write(move |tx| {
                let changed = if is_first {
                    tx.execute(
                        "INSERT INTO setup (one, hash, expires_at)
                         VALUES (1, $1, $2)
                             ON CONFLICT (one) DO UPDATE
                            SET hash = excluded.hash, expires_at = excluded.expires_at",
                        (&hash, expires_at),
                    )?
                } else {
                    tx.execute(
                        "UPDATE setup
                            SET hash = $1, expires_at = $2
                          WHERE NOT EXISTS (SELECT 1 FROM account WHERE last_login_at IS NOT NULL)",
                        (&hash, expires_at),
                    )?
                };
                Ok(changed > 0)
            })
            .await
    }

    /// Whether a link is good.
    pub async fn is_setup(&self, hash: Digest) -> Result<bool, Error> {
        let now = self.clock.now();
        let sql = "SELECT 1 AS one FROM setup WHERE hash = $1 AND expires_at > $2";
        self.db
            .read(move |tx| Ok(tx.find(sql, (&hash, now), |row| row.get::<i64>("one"))?.is_some()))
            .await
    }

    /// Makes the administrator who came by the link, and forgets the link. `replaces` is the account that was made before
    /// anybody came: it goes, unless it is the one that they would like to have, or somebody has signed in with it.
    pub async fn finish_setup(
        &self,
        hash: Digest,
        new: NewAccount,
        replaces: &'static str,
        by: &Actor,
    ) -> Result<SetupFinished, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let found = tx.find(
                    "SELECT 1 AS one FROM setup WHERE hash = $1 AND expires_at > $2",
                    (&hash, now),
                    |row| row.get::<i64>("one"),
                )?;
                if found.is_none() {
                    return Ok(SetupFinished::Unknown);
                }
                let unused = account::find(tx, replaces)?.is_some_and(|account| {
                    account.kind == AccountKind::User && account.last_login_at.is_none()
                });
                if !(unused && new.name == replaces) && account::find(tx, &new.name)?.is_some() {
                    return Ok(SetupFinished::NameTaken);
                }
                if new.name == replaces {
                    account::replace_password(tx, &new, &by, now)?;
                } else {
                    account::insert(tx, &new, &by, now)?;
                    if unused {
                        account::remove(tx, replaces, &by, now)?;
                    }
                }
                tx.execute("DELETE FROM setup", ())?;
                Ok(SetupFinished::Done)
            })
            .await
    }
}
