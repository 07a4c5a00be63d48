//! Machines that wait for somebody to approve them (RFC 8628). Only the hash of a device code is stored.

use std::sync::Arc;
use std::time::Duration;

use super::tx::{FromColumn, Row, ToValue, Tx, Value};
use super::{Account, Error, Meta, account};
use crate::clock::Timestamp;
use crate::oci::Digest;

/// How far an approval is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceState {
    /// Nobody has decided.
    Waiting,
    /// Somebody let it in.
    Approved,
    /// Somebody refused it.
    Denied,
}

impl DeviceState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Denied => "denied",
        }
    }
}

impl ToValue for DeviceState {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self.as_str())
    }
}

impl FromColumn for DeviceState {
    fn from_column(value: rusqlite::types::ValueRef<'_>) -> Result<Self, String> {
        match String::from_column(value)?.as_str() {
            "waiting" => Ok(Self::Waiting),
            "approved" => Ok(Self::Approved),
            "denied" => Ok(Self::Denied),
            other => Err(format!("`{other}` is no state of an approval")),
        }
    }
}

/// A machine that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceLogin {
    /// SHA-256 of its device code.
    pub hash: Digest,
    /// What people type.
    pub user_code: String,
    /// What it calls itself.
    pub machine: String,
    /// Where it asks from.
    pub address: String,
    /// How far it is.
    pub state: DeviceState,
    /// The time that it has to let pass between two questions.
    pub pause: Duration,
    /// Since when.
    pub created_at: Timestamp,
    /// When it is over.
    pub expires_at: Timestamp,
    account_id: Option<i64>,
    asked_at: Option<Timestamp>,
}

/// A machine that begins to wait.
#[derive(Clone, Debug)]
pub struct NewDeviceLogin {
    /// SHA-256 of its device code.
    pub hash: Digest,
    /// What people type.
    pub user_code: String,
    /// What it calls itself.
    pub machine: String,
    /// Where it asks from.
    pub address: String,
    /// The time that it has to let pass between two questions.
    pub pause: Duration,
    /// When it is over.
    pub expires_at: Timestamp,
}

/// What a machine that asks is told.
#[derive(Clone, Debug)]
pub enum DeviceAsked {
    /// There is no such code.
    Unknown,
    /// It is over.
    Over,
    /// Nobody has decided yet.
    Waiting,
    /// It asks too often, and has to wait longer from now on.
    TooSoon,
    /// It is refused.
    Denied,
    /// It is let in, once, as this one.
    Approved(DeviceLogin, Arc<Account>),
}

/// What was asked more often than it should waits so much longer (RFC 8628 §3.5).
const SLOWER: Duration = Duration::from_secs(5);

const COLUMNS: &str =
    "hash, user_code, machine, address, state, account_id, pause, asked_at, created_at, expires_at";

fn read(row: &Row<'_>) -> Result<DeviceLogin, Error> {
    Ok(DeviceLogin {
        hash: row.get("hash")?,
        user_code: row.get("user_code")?,
        machine: row.get("machine")?,
        address: row.get("address")?,
        state: row.get("state")?,
        account_id: row.get("account_id")?,
        pause: Duration::from_millis(row.get("pause")?),
        asked_at: row.get("asked_at")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
    })
}

/// Times are kept in milliseconds.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn ask(tx: &mut Tx<'_>, hash: &Digest, now: Timestamp) -> Result<DeviceAsked, Error> {
    let sql = format!("SELECT {COLUMNS} FROM device_login WHERE hash = $1");
    let Some(login) = tx.find(&sql, (hash,), read)? else { return Ok(DeviceAsked::Unknown) };
    if login.expires_at <= now {
        return Ok(DeviceAsked::Over);
    }
    // A little is given: the answer before was on its way for a while.
    let early = login
        .asked_at
        .is_some_and(|asked| now.since(asked) + Duration::from_millis(500) < login.pause);
    let pause = if early { login.pause + SLOWER } else { login.pause };
    tx.execute(
        "UPDATE device_login SET asked_at = $1, pause = $2 WHERE hash = $3",
        (now, millis(pause), hash),
    )?;
    if early {
        return Ok(DeviceAsked::TooSoon);
    }
    let forget = |tx: &mut Tx<'_>| tx.execute("DELETE FROM device_login WHERE hash = $1", (hash,));
    match (login.state, login.account_id) {
        (DeviceState::Waiting, _) => Ok(DeviceAsked::Waiting),
        (DeviceState::Approved, Some(id)) => {
            forget(tx)?;
            match account::find_by_id(tx, id)? {
                Some(account) => Ok(DeviceAsked::Approved(login, Arc::new(account))),
                None => Ok(DeviceAsked::Denied),
            }
        }
        (DeviceState::Denied | DeviceState::Approved, _) => {
            forget(tx)?;
            Ok(DeviceAsked::Denied)
        }
    }
}

impl Meta {
    /// Lets a machine wait, if not too many wait already: at most `most_from_one` from its address, and `most` in all. Says
    /// whether it may.
    pub async fn add_device_login(
        &self,
        new: NewDeviceLogin,
        most_from_one: u64,
        most: u64,
    ) -> Result<bool, Error> {
        let now = self.clock.now();
        self.db
            .write(move |tx| {
                tx.execute("DELETE FROM device_login WHERE expires_at < $1", (now,))?;
                let count = |row: &Row<'_>| row.get::<u64>("number");
                let sql = "SELECT COUNT(*) AS number FROM device_login WHERE address = $1";
                let same = tx.find(sql, (&new.address,), count)?.unwrap_or(0);
                let all = tx.find("SELECT COUNT(*) AS number FROM device_login", (), count)?;
                if same >= most_from_one || all.unwrap_or(0) >= most {
                    return Ok(false);
                }
                let added = tx.execute(
                    "INSERT INTO device_login (hash, user_code, machine, address, state, pause, created_at, expires_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                         ON CONFLICT DO NOTHING",
                    (
                        &new.hash,
                        &new.user_code,
                        &new.machine,
                        &new.address,
                        DeviceState::Waiting,
                        millis(new.pause),
                        now,
                        new.expires_at,
                    ),
                )?;
                Ok(added == 1)
            })
            .await
    }

    /// The machine that waits under a code.
    pub async fn find_device_login(&self, user_code: &str) -> Result<Option<DeviceLogin>, Error> {
        let (code, now) = (user_code.to_owned(), self.clock.now());
        self.db
            .read(move |tx| {
                let sql = format!(
                    "SELECT {COLUMNS}
                       FROM device_login
                      WHERE user_code = $1
                        AND state = 'waiting'
                        AND expires_at > $2"
                );
                tx.find(&sql, (&code, now), read)
            })
            .await
    }

    /// Lets the machine that waits under a code in as somebody, or refuses it. Says whether one waited.
    pub async fn decide_device_login(
        &self,
        user_code: &str,
        approved_by: Option<i64>,
    ) -> Result<bool, Error> {
        let (code, now) = (user_code.to_owned(), self.clock.now());
        let state = if approved_by.is_some() { DeviceState::Approved } else { DeviceState::Denied };
        self.db
            .write(move |tx| {
                let changed = tx.execute(
                    "UPDATE device_login
                        SET state = $1, account_id = $2
                      WHERE user_code = $3
                        AND state = 'waiting'
                        AND expires_at > $4",
                    (state, approved_by, &code, now),
                )?;
                Ok(changed == 1)
            })
            .await
    }

    /// What a machine is told that asks whether it is let in. Being let in happens once.
    pub async fn ask_device_login(&self, hash: &Digest) -> Result<DeviceAsked, Error> {
        let (hash, now) = (hash.clone(), self.clock.now());
        self.db.write(move |tx| ask(tx, &hash, now)).await
    }
}
