//! Users.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::tx::{FromColumn, Row, ToValue, Tx, Value};
use super::{Error, Meta};
use crate::clock::Timestamp;
use crate::oci::Algorithm;
use crate::secret::Secret;

/// What a user may do, everywhere. Rules per repository come later and narrow or widen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Administrator,
    /// Pull and push.
    Writer,
    /// Pull.
    Reader,
}

impl Role {
    /// All of them, the mightiest first.
    pub const ALL: [Self; 3] = [Self::Administrator, Self::Writer, Self::Reader];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Writer => "writer",
            Self::Reader => "reader",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| {
            format!("`{text}` is no role: use `administrator`, `writer` or `reader`")
        })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl ToValue for Role {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self.as_str())
    }
}

impl FromColumn for Role {
    fn from_column(value: rusqlite::types::ValueRef<'_>) -> Result<Self, String> {
        String::from_column(value)?.parse()
    }
}

/// Somebody with a password.
#[derive(Clone, Debug)]
pub struct User {
    /// The row.
    pub id: i64,
    /// The name that they log in with.
    pub name: String,
    /// Argon2id, as a PHC string.
    pub password_hash: Secret<String>,
    /// Another one with each password. Tokens carry it, so that they end with the password that they were issued for.
    pub login: Arc<str>,
    /// What they may do.
    pub role: Role,
    /// Since when.
    pub created_at: Timestamp,
}

fn read(row: &Row<'_>) -> Result<User, Error> {
    let password_hash: String = row.get("password_hash")?;
    // The hash is salted, so a part of its digest tells nothing of the password.
    let login = Algorithm::Sha256.digest(password_hash.as_bytes()).hex()[..16].into();
    Ok(User {
        id: row.get("id")?,
        name: row.get("name")?,
        password_hash: Secret::new(password_hash),
        login,
        role: row.get("role")?,
        created_at: row.get("created_at")?,
    })
}

fn find(tx: &mut Tx<'_>, name: &str) -> Result<Option<User>, Error> {
    tx.find(
        "SELECT id, name, password_hash, role, created_at FROM account WHERE name = $1",
        (name,),
        read,
    )
}

/// Users share the epochs of repositories; no repository's name holds a space.
fn epoch_name(name: &str) -> String {
    format!("user {name}")
}

impl Meta {
    /// A user by name, from memory when the row has not changed.
    pub async fn find_user(&self, name: &str) -> Result<Option<Arc<User>>, Error> {
        let epoch = self.db.epochs.of(&epoch_name(name));
        if let Some(user) = self.users.get(name, epoch) {
            return Ok(Some(user));
        }
        let key = name.to_owned();
        let found = self.db.read(move |tx| find(tx, &key)).await?.map(Arc::new);
        if let Some(user) = &found {
            self.users.put(name, epoch, Arc::clone(user));
        }
        Ok(found)
    }

    /// A user by row.
    pub async fn find_user_by_id(&self, id: i64) -> Result<Option<User>, Error> {
        self.db
            .read(move |tx| {
                tx.find(
                    "SELECT id, name, password_hash, role, created_at FROM account WHERE id = $1",
                    (id,),
                    read,
                )
            })
            .await
    }

    /// Up to `limit` users in the order of their names, those after `after`.
    pub async fn list_users(&self, after: &str, limit: u64) -> Result<Vec<User>, Error> {
        let after = after.to_owned();
        self.db
            .read(move |tx| {
                tx.query(
                    "SELECT id, name, password_hash, role, created_at
                       FROM account
                      WHERE name > $1
                      ORDER BY name
                      LIMIT $2",
                    (&after, limit),
                    read,
                )
            })
            .await
    }

    /// How many administrators there are.
    pub async fn count_administrators(&self) -> Result<u64, Error> {
        self.db
            .read(|tx| {
                let sql = "SELECT COUNT(*) AS number FROM account WHERE role = 'administrator'";
                Ok(tx.find(sql, (), |row| row.get("number"))?.unwrap_or(0))
            })
            .await
    }

    /// Makes a user; says whether the name was free.
    pub async fn add_user(
        &self,
        name: &str,
        password_hash: Secret<String>,
        role: Role,
    ) -> Result<bool, Error> {
        let (name, now) = (name.to_owned(), self.clock.now());
        self.db
            .write(move |tx| {
                tx.touch(&epoch_name(&name));
                let added = tx.execute(
                    "INSERT INTO account (name, password_hash, role, created_at, updated_at)
                     VALUES ($1, $2, $3, $4, $4)
                         ON CONFLICT DO NOTHING",
                    (&name, password_hash.expose(), role, now),
                )?;
                Ok(added == 1)
            })
            .await
    }

    /// Changes a password and ends every refresh token; says whether there is such a user.
    pub async fn set_password(
        &self,
        name: &str,
        password_hash: Secret<String>,
    ) -> Result<bool, Error> {
        let (name, now) = (name.to_owned(), self.clock.now());
        self.db
            .write(move |tx| {
                tx.touch(&epoch_name(&name));
                let changed = tx.execute(
                    "UPDATE account SET password_hash = $1, updated_at = $2 WHERE name = $3",
                    (password_hash.expose(), now, &name),
                )?;
                tx.execute(
                    "DELETE FROM refresh_token WHERE user_id IN (SELECT id FROM account WHERE name = $1)",
                    (&name,),
                )?;
                Ok(changed == 1)
            })
            .await
    }

    /// Removes a user; says whether there was one. Their refresh tokens go along; what they pushed stays.
    pub async fn remove_user(&self, name: &str) -> Result<bool, Error> {
        let name = name.to_owned();
        self.db
            .write(move |tx| {
                tx.touch(&epoch_name(&name));
                Ok(tx.execute("DELETE FROM account WHERE name = $1", (&name,))? == 1)
            })
            .await
    }
}
