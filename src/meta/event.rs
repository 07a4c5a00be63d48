//! What happened: one row for each change, in the transaction of the change; for each refused request; and for each pull
//! where that is wanted. The same rows are the audit trail and the outbox that webhooks and jobs are fed from.
//!
//! Rows are only ever added. Each carries a link, an HMAC over itself and the link before, so that a row that was changed
//! or taken away is noticed ([`Meta::verify_events`]).

use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

use super::tx::{FromColumn, Row, ToValue, Tx, Value};
use super::{Error, Meta};
use crate::clock::Timestamp;
use crate::oci::RepositoryName;
use crate::secret::SealError;

/// Who does something, from where, and by which rule they may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The name to write down.
    pub name: Arc<str>,
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The request's id.
    pub request: Option<Arc<str>>,
    /// What allowed it.
    pub rule: Option<Arc<str>>,
}

impl Actor {
    /// Somebody who does not come by a request: a task of Berth's own, or the command line.
    #[must_use]
    pub fn internal(name: &str) -> Self {
        Self { name: name.into(), address: None, request: None, rule: None }
    }
}

/// What kinds of events there are. Names are `what.verb`; new ones may come, none ever changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A blob became a repository's, by being pushed or mounted.
    BlobPush,
    /// A blob was taken from a repository.
    BlobDelete,
    /// A blob was found missing or damaged.
    BlobDamage,
    /// A blob that was missing or damaged is whole again.
    BlobRepair,
    /// A manifest was stored.
    ManifestPush,
    /// A manifest was removed.
    ManifestDelete,
    /// A manifest was read; only where `audit.pulls` is on.
    ManifestPull,
    /// A tag was made or moved.
    TagPush,
    /// A tag was removed.
    TagDelete,
    /// A repository was removed with everything in it.
    RepositoryDelete,
    /// An account was made.
    AccountAdd,
    /// An account was changed, or its password.
    AccountChange,
    /// An account was removed.
    AccountRemove,
    /// A group was made, changed or removed, or its members.
    GroupChange,
    /// A token was made.
    TokenAdd,
    /// A token was changed or got a new secret.
    TokenChange,
    /// A token was revoked.
    TokenRemove,
    /// A rule was made.
    BindingAdd,
    /// A rule was removed.
    BindingRemove,
    /// A role was made, changed or removed.
    RoleChange,
    /// A trusted issuer, a federation rule or a sign-in provider was made, changed or removed.
    TrustChange,
    /// The key that signs registry tokens was replaced.
    KeyRotate,
    /// A webhook was made, changed or removed.
    WebhookChange,
    /// Somebody signed in with a browser.
    SessionStart,
    /// Somebody signed out.
    SessionEnd,
    /// Garbage was collected.
    GarbageCollect,
    /// A quota was set, changed or removed.
    QuotaChange,
    /// Four fifths of a quota are used.
    QuotaWarn,
    /// All blobs were read again.
    ScrubEnd,
    /// A request was refused: not logged in, wrong credentials, not allowed, or too many failures.
    RequestRefuse,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 30] = [
        Self::BlobPush,
        Self::BlobDelete,
        Self::BlobDamage,
        Self::BlobRepair,
        Self::ManifestPush,
        Self::ManifestDelete,
        Self::ManifestPull,
        Self::TagPush,
        Self::TagDelete,
        Self::RepositoryDelete,
        Self::AccountAdd,
        Self::AccountChange,
        Self::AccountRemove,
        Self::GroupChange,
        Self::TokenAdd,
        Self::TokenChange,
        Self::TokenRemove,
        Self::BindingAdd,
        Self::BindingRemove,
        Self::RoleChange,
        Self::TrustChange,
        Self::KeyRotate,
        Self::WebhookChange,
        Self::SessionStart,
        Self::SessionEnd,
        Self::GarbageCollect,
        Self::QuotaChange,
        Self::QuotaWarn,
        Self::ScrubEnd,
        Self::RequestRefuse,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BlobPush => "blob.push",
            Self::BlobDelete => "blob.delete",
            Self::BlobDamage => "blob.damage",
            Self::BlobRepair => "blob.repair",
            Self::ManifestPush => "manifest.push",
            Self::ManifestDelete => "manifest.delete",
            Self::ManifestPull => "manifest.pull",
            Self::TagPush => "tag.push",
            Self::TagDelete => "tag.delete",
            Self::RepositoryDelete => "repository.delete",
            Self::AccountAdd => "account.add",
            Self::AccountChange => "account.change",
            Self::AccountRemove => "account.remove",
            Self::GroupChange => "group.change",
            Self::TokenAdd => "token.add",
            Self::TokenChange => "token.change",
            Self::TokenRemove => "token.remove",
            Self::BindingAdd => "binding.add",
            Self::BindingRemove => "binding.remove",
            Self::RoleChange => "role.change",
            Self::TrustChange => "trust.change",
            Self::KeyRotate => "key.rotate",
            Self::WebhookChange => "webhook.change",
            Self::SessionStart => "session.start",
            Self::SessionEnd => "session.end",
            Self::GarbageCollect => "garbage.collect",
            Self::QuotaChange => "quota.change",
            Self::QuotaWarn => "quota.warn",
            Self::ScrubEnd => "scrub.end",
            Self::RequestRefuse => "request.refuse",
        }
    }
}

impl ToValue for EventKind {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self.as_str())
    }
}

/// An event on its way into the database.
#[derive(Clone, Debug)]
pub struct NewEvent<'a> {
    /// What kind of event it is.
    pub kind: EventKind,
    /// The repository that it is about.
    pub repository: Option<&'a RepositoryName>,
    /// What was done to: a tag, a digest, a user.
    pub target: Option<&'a str>,
    /// More of it, as JSON.
    pub detail: Option<serde_json::Value>,
}

impl<'a> NewEvent<'a> {
    /// Something that happened in a repository.
    #[must_use]
    pub fn of(kind: EventKind, repository: &'a RepositoryName, target: &'a str) -> Self {
        Self { kind, repository: Some(repository), target: Some(target), detail: None }
    }

    /// Something that happened to what is in no repository.
    #[must_use]
    pub fn about(kind: EventKind, target: &'a str) -> Self {
        Self { kind, repository: None, target: Some(target), detail: None }
    }

    /// The same with more of it.
    #[must_use]
    pub fn with(mut self, detail: serde_json::Value) -> Self {
        self.detail = Some(detail);
        self
    }
}

/// An event as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Its place in the order; there is no gap.
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// What kind of event.
    pub kind: String,
    /// In which repository.
    pub repository: Option<String>,
    /// What it was done to.
    pub target: Option<String>,
    /// By whom.
    pub actor: String,
    /// From where.
    pub address: Option<String>,
    /// In which request.
    pub request: Option<String>,
    /// What allowed or refused it.
    pub rule: Option<String>,
    /// More of it: JSON.
    pub detail: Option<String>,
    #[serde(skip)]
    link: Vec<u8>,
}

impl Event {
    /// All of the row but the link, so that two different rows never give the same bytes.
    fn record(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend(self.id.to_le_bytes());
        bytes.extend(self.at.as_millis().to_le_bytes());
        let fields = [
            Some(&self.kind),
            self.repository.as_ref(),
            self.target.as_ref(),
            Some(&self.actor),
            self.address.as_ref(),
            self.request.as_ref(),
            self.rule.as_ref(),
            self.detail.as_ref(),
        ];
        for field in fields {
            match field {
                None => bytes.extend(u64::MAX.to_le_bytes()),
                Some(text) => {
                    bytes.extend((text.len() as u64).to_le_bytes());
                    bytes.extend(text.as_bytes());
                }
            }
        }
        bytes
    }
}

/// The last event: its place, and the link that holds all before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventHead {
    /// Its id; 0 if nothing ever happened.
    pub id: u64,
    /// Its link.
    pub link: Vec<u8>,
}

/// Something wrong with the chain of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventFault {
    /// Where.
    pub id: u64,
    /// What.
    pub what: EventFaultKind,
}

/// What can be wrong with the chain of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventFaultKind {
    /// The row is not there.
    Missing,
    /// The row, or the one before it, is not as it was written.
    Changed,
    /// It was written under a key that is not in the key file.
    UnknownKey,
}

/// What [`Meta::verify_events`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsVerified {
    /// Rows that were looked at.
    pub events: u64,
    /// The last one.
    pub head: EventHead,
    /// What is wrong, at most [`MOST_FAULTS`] of it.
    pub faults: Vec<EventFault>,
}

/// Faults that a verification names; it counts no further.
pub(super) const MOST_FAULTS: usize = 1000;

pub(super) fn head(tx: &mut Tx<'_>) -> Result<EventHead, Error> {
    let found = tx.find("SELECT id, link FROM event_head WHERE one = 1", (), |row| {
        Ok(EventHead { id: row.get("id")?, link: row.get("link")? })
    })?;
    found.ok_or_else(|| Error::Corrupt {
        column: "event_head.id".into(),
        what: "the row is missing".into(),
    })
}

/// Writes down what happens in this transaction.
pub(super) fn append(
    tx: &mut Tx<'_>,
    new: NewEvent<'_>,
    by: &Actor,
    at: Timestamp,
) -> Result<u64, Error> {
    let head = head(tx)?;
    let mut event = Event {
        id: head.id + 1,
        at,
        kind: new.kind.as_str().to_owned(),
        repository: new.repository.map(|name| name.as_str().to_owned()),
        target: new.target.map(str::to_owned),
        actor: by.name.to_string(),
        address: by.address.map(|address| address.to_canonical().to_string()),
        request: by.request.as_deref().map(str::to_owned),
        rule: by.rule.as_deref().map(str::to_owned),
        detail: new.detail.map(|detail| detail.to_string()),
        link: Vec::new(),
    };
    event.link = tx.keys().link(&head.link, &event.record());
    tx.execute(
        "INSERT INTO event (id, at, kind, repository, target, actor, address, request, rule, detail, link)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        (
            event.id,
            event.at,
            &event.kind,
            &event.repository,
            &event.target,
            &event.actor,
            &event.address,
            &event.request,
            &event.rule,
            &event.detail,
            &event.link[..],
        ),
    )?;
    tx.execute(
        "UPDATE event_head SET id = $1, link = $2 WHERE one = 1",
        (event.id, &event.link[..]),
    )?;
    tx.touch_events();
    Ok(event.id)
}

fn read(row: &Row<'_>) -> Result<Event, Error> {
    Ok(Event {
        id: row.get("id")?,
        at: row.get("at")?,
        kind: row.get("kind")?,
        repository: row.get("repository")?,
        target: row.get("target")?,
        actor: row.get("actor")?,
        address: row.get("address")?,
        request: row.get("request")?,
        rule: row.get("rule")?,
        detail: row.get("detail")?,
        link: row.get("link")?,
    })
}

/// Which events are wanted; what is not set does not matter.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Of this repository.
    pub repository: Option<String>,
    /// By this one.
    pub actor: Option<String>,
    /// Of this kind.
    pub kind: Option<String>,
    /// Not before this moment.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

/// Where in the order of events, and which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// From the latest one backwards.
    Latest,
    /// From the one before this one backwards.
    Before(u64),
    /// From the one after this one forwards.
    After(u64),
}

/// One of the filters chooses the index to walk: the others look at what it gives.
fn list(
    tx: &mut Tx<'_>,
    filter: &EventFilter,
    place: Place,
    limit: u64,
) -> Result<Vec<Event>, Error> {
    let (column, value) = match filter {
        EventFilter { repository: Some(name), .. } => ("repository", name.as_str()),
        EventFilter { actor: Some(name), .. } => ("actor", name.as_str()),
        EventFilter { kind: Some(name), .. } => ("kind", name.as_str()),
        _ => ("'all'", "all"),
    };
    let last = head(tx)?.id;
    let from = filter.since.map_or(Ok(0), |since| first_since(tx, since, last))?;
    let to = filter.until.map_or(Ok(u64::MAX), |until| first_since(tx, until, last))?;
    let (from, to, order) = match place {
        Place::Latest => (from, to, "DESC"),
        Place::Before(id) => (from, to.min(id), "DESC"),
        Place::After(id) => (from.max(id.saturating_add(1)), to, "ASC"),
    };
    let sql = format!(
        "SELECT id, at, kind, repository, target, actor, address, request, rule, detail, link
           FROM event
          WHERE {column} = $1
            AND id >= $2
            AND id < $3
            AND ($4 IS NULL OR actor = $4)
            AND ($5 IS NULL OR kind = $5)
          ORDER BY id {order}
          LIMIT $6"
    );
    tx.query(&sql, (value, from, to, &filter.actor, &filter.kind, limit), read)
}

/// The first event at `time` or later; one behind the last if there is none. Times rise with ids, apart from a clock that
/// was set back, so this needs no index of its own.
fn first_since(tx: &mut Tx<'_>, time: Timestamp, last: u64) -> Result<u64, Error> {
    let (mut low, mut high) = (1, last + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let at = tx.find("SELECT at FROM event WHERE id = $1", (middle,), |row| {
            row.get::<Timestamp>("at")
        })?;
        if at.is_none_or(|at| at < time) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

impl Meta {
    /// Writes down something that changes nothing else, such as a refusal, without waiting: the last moments before a
    /// crash may be lost.
    pub fn note_event(
        &self,
        kind: EventKind,
        repository: Option<RepositoryName>,
        target: Option<String>,
        detail: Option<serde_json::Value>,
        by: Actor,
    ) {
        let now = self.clock.now();
        self.db.write_behind(move |tx| {
            let new = NewEvent {
                kind,
                repository: repository.as_ref(),
                target: target.as_deref(),
                detail,
            };
            append(tx, new, &by, now).map(drop)
        });
    }

    /// Up to `limit` events at a place in their order.
    pub async fn list_events(
        &self,
        filter: EventFilter,
        place: Place,
        limit: u64,
    ) -> Result<Vec<Event>, Error> {
        self.db.read(move |tx| list(tx, &filter, place, limit)).await
    }

    /// The last event.
    pub async fn event_head(&self) -> Result<EventHead, Error> {
        self.db.read(head).await
    }

    /// Goes through all events and compares each with its link. `known` is a head that was noted before, somewhere else:
    /// without it, nobody can tell whether somebody who has the key wrote all anew.
    pub async fn verify_events(&self, known: Option<EventHead>) -> Result<EventsVerified, Error> {
        const PAGE: u64 = 5000;
        let head = self.event_head().await?;
        let mut verified = EventsVerified { events: 0, head: head.clone(), faults: Vec::new() };
        let mut before: (u64, Vec<u8>) = (0, Vec::new());
        loop {
            let place = Place::After(before.0);
            let page = self.list_events(EventFilter::default(), place, PAGE).await?;
            // What came after the head was read is for the next time.
            let page: Vec<_> = page.into_iter().filter(|event| event.id <= head.id).collect();
            if page.is_empty() {
                break;
            }
            for event in page {
                verified.compare(&event, &mut before, self.db.keys());
                if let Some(known) = known.as_ref().filter(|known| known.id == event.id)
                    && known.link != event.link
                {
                    verified.fault(event.id, EventFaultKind::Changed);
                }
            }
            if verified.faults.len() >= MOST_FAULTS {
                return Ok(verified);
            }
        }
        let last = before.0;
        if last < head.id {
            for id in (last + 1)..=head.id.min(last + MOST_FAULTS as u64) {
                verified.fault(id, EventFaultKind::Missing);
            }
        } else if before.1 != head.link {
            verified.fault(head.id, EventFaultKind::Changed);
        }
        if let Some(known) = known.filter(|known| known.id > head.id) {
            verified.fault(known.id, EventFaultKind::Missing);
        }
        Ok(verified)
    }
}

impl EventsVerified {
    fn fault(&mut self, id: u64, what: EventFaultKind) {
        let fault = EventFault { id, what };
        if self.faults.len() < MOST_FAULTS && !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    fn compare(
        &mut self,
        event: &Event,
        before: &mut (u64, Vec<u8>),
        keys: &crate::secret::Keyring,
    ) {
        self.events += 1;
        let gap = event.id - before.0 - 1;
        for missing in (before.0 + 1..event.id).take(MOST_FAULTS) {
            self.fault(missing, EventFaultKind::Missing);
        }
        match keys.verify_link(&before.1, &event.record(), &event.link) {
            Ok(()) => {}
            // Without the rows before it nothing can be said of this one.
            Err(_) if gap > 0 => {}
            Err(SealError::UnknownKey) => self.fault(event.id, EventFaultKind::UnknownKey),
            Err(SealError::Damaged) => self.fault(event.id, EventFaultKind::Changed),
        }
        *before = (event.id, event.link.clone());
    }
}

/// Text of an address that a column holds.
impl FromColumn for IpAddr {
    fn from_column(value: rusqlite::types::ValueRef<'_>) -> Result<Self, String> {
        let text = String::from_column(value)?;
        text.parse().map_err(|_| format!("`{text}` is no address"))
    }
}
