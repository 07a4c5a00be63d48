//! Who else vouches for people and programs: issuers of tokens, the rules that accept some of these, sign-in providers. All of
//! it is read as a whole, and kept in memory until any of it changes.

use super::event::{self, Actor, EventKind, NewEvent};
use super::tx::Tx;
use super::{Error, FederationRule, Issuer, Meta, Provider, federation, issuer, provider};
use crate::clock::Timestamp;

/// Everything that is trusted beside what is kept here.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Another number whenever any of it has changed.
    pub epoch: u64,
    /// Whose tokens are looked at, by name.
    pub issuers: Vec<Issuer>,
    /// Which of them are accepted, by name.
    pub rules: Vec<FederationRule>,
    /// Where people sign in, by name.
    pub providers: Vec<Provider>,
}

/// What came of changing what is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustChanged {
    /// It is done.
    Done,
    /// There is nothing of this name.
    Unknown,
    /// There is no issuer of the name that a rule gives.
    NoIssuer,
    /// There is no account that a rule could act as.
    NoAccount,
    /// Another issuer has this URL.
    UrlTaken(String),
    /// So many rules are about the issuer.
    InUse(u64),
}

/// Notes a change, in its transaction.
pub(super) fn note(
    tx: &mut Tx<'_>,
    what: &str,
    name: &str,
    detail: serde_json::Value,
    by: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    tx.touch_trust();
    let target = format!("{what} {name}");
    event::append(tx, NewEvent::about(EventKind::TrustChange, &target).with(detail), by, now)
        .map(drop)
}

/// Shuts something of a table out, or lets it in again.
pub(super) fn set_disabled(
    tx: &mut Tx<'_>,
    (table, what): (&str, &str),
    name: &str,
    disabled: bool,
    by: &Actor,
    now: Timestamp,
) -> Result<TrustChanged, Error> {
    let sql = format!("UPDATE {table} SET disabled = $1 WHERE name = $2");
    if tx.execute(&sql, (disabled, name))? == 0 {
        return Ok(TrustChanged::Unknown);
    }
    note(tx, what, name, serde_json::json!({ "disabled": disabled }), by, now)?;
    Ok(TrustChanged::Done)
}

impl Meta {
    /// Everything that is trusted, and the epoch in which it was read.
    pub async fn load_trust(&self) -> Result<Trust, Error> {
        let epoch = self.trust_epoch();
        self.db
            .read(move |tx| {
                Ok(Trust {
                    epoch,
                    issuers: issuer::list(tx)?,
                    rules: federation::list(tx)?,
                    providers: provider::list(tx)?,
                })
            })
            .await
    }

    /// Another number whenever something that is trusted has changed.
    #[must_use]
    pub fn trust_epoch(&self) -> u64 {
        self.db.epochs.at(super::cache::Epochs::TRUST)
    }

    /// Encrypts what a browser keeps for us. `place` says what it is; as anything else it does not open.
    #[must_use]
    pub fn seal(&self, place: &str, plain: &[u8]) -> Vec<u8> {
        self.db.keys().seal(place, plain)
    }

    /// Decrypts what was sealed for `place`; `None` for anything else.
    #[must_use]
    pub fn open_sealed(&self, place: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        self.db.keys().open(place, sealed).ok().map(|plain| plain.expose().clone())
    }
}
