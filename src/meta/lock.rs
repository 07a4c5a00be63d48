//! Locks: what somebody holds on to, why, and until when.

use std::fmt;
use std::sync::Arc;

use super::event::{self, Actor, EventKind, NewEvent};
use super::tx::{Row, Tx};
use super::{Error, Meta, manifest, repository, tag};
use crate::clock::Timestamp;
use crate::oci::{Reference, RepositoryName};

/// What a lock forbids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forbidden {
    /// Changing it: moving the tag, pushing to the repository. What is deleted is changed, too.
    pub write: bool,
    /// Deleting it.
    pub delete: bool,
    /// Pulling it.
    pub read: bool,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [(self.write, "writing"), (self.delete, "deletion"), (self.read, "reading")];
        let set: Vec<_> =
            words.iter().filter(|(is_set, _)| *is_set).map(|(_, word)| *word).collect();
        f.write_str(&set.join(" and "))
    }
}

/// A lock to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLock {
    /// In which repository.
    pub repository: RepositoryName,
    /// What is locked there; nothing for the repository as a whole.
    pub reference: Option<Reference>,
    /// What is forbidden.
    pub forbidden: Forbidden,
    /// Why, for people.
    pub why: String,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
}

/// A lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Its number.
    pub id: i64,
    /// What it says.
    pub new: NewLock,
    /// Since when.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

impl NewLock {
    /// What is locked, as people write it.
    #[must_use]
    pub fn target(&self) -> String {
        match &self.reference {
            None => self.repository.to_string(),
            Some(Reference::Tag(tag)) => format!("{}:{tag}", self.repository),
            Some(Reference::Digest(digest)) => format!("{}@{digest}", self.repository),
        }
    }
}

impl Lock {
    /// Whether it holds at this time.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.new.until.is_none_or(|until| until > now)
    }

    /// Whether it is about this tag or digest, or about all of the repository.
    #[must_use]
    pub fn is_about(&self, reference: &Reference) -> bool {
        self.new.reference.as_ref().is_none_or(|locked| locked == reference)
    }
}

fn read(row: &Row<'_>) -> Result<Lock, Error> {
    let reference: String = row.get("reference")?;
    let reference = (!reference.is_empty()).then(|| reference.parse()).transpose();
    Ok(Lock {
        id: row.get("id")?,
        new: NewLock {
            repository: row.get("repository")?,
            reference: reference.map_err(|error: crate::oci::reference::InvalidReference| {
                Error::Corrupt { column: "reference".into(), what: error.to_string() }
            })?,
            forbidden: Forbidden {
                write: row.get("no_write")?,
                delete: row.get("no_delete")?,
                read: row.get("no_read")?,
            },
            why: row.get("why")?,
            until: row.get("ends_at")?,
        },
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
    })
}

const COLUMNS: &str =
    "id, repository, reference, no_write, no_delete, no_read, why, ends_at, created_at, created_by";

/// The locks in a repository that hold now.
pub(super) fn in_force(
    tx: &mut Tx<'_>,
    name: &RepositoryName,
    now: Timestamp,
) -> Result<Vec<Lock>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM lock WHERE repository = $1 AND (ends_at IS NULL OR ends_at > $2)"
    );
    tx.query(&sql, (name, now), read)
}

fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Lock>, Error> {
    tx.find(&format!("SELECT {COLUMNS} FROM lock WHERE id = $1"), (id,), read)
}

fn exists(tx: &mut Tx<'_>, new: &NewLock) -> Result<bool, Error> {
    let Some(repository) = repository::find(tx, &new.repository)? else { return Ok(false) };
    match &new.reference {
        None => Ok(true),
        Some(Reference::Tag(tag)) => Ok(tag::find_target(tx, repository, tag)?.is_some()),
        Some(Reference::Digest(digest)) => manifest::is_owned(tx, repository, digest),
    }
}

fn note(
    tx: &mut Tx<'_>,
    kind: EventKind,
    lock: &NewLock,
    by: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    let Forbidden { write, delete, read } = lock.forbidden;
    let detail = serde_json::json!({
        "no_write": write, "no_delete": delete, "no_read": read, "why": lock.why,
        "until": lock.until.map(|until| until.to_string()),
    });
    let target = lock.reference.as_ref().map(ToString::to_string);
    let event = NewEvent {
        target: target.as_deref(),
        ..NewEvent::of(kind, &lock.repository, "").with(detail)
    };
    tx.touch_locks();
    event::append(tx, event, by, now).map(drop)
}

fn put(tx: &mut Tx<'_>, new: &NewLock, by: &Actor, now: Timestamp) -> Result<Option<Lock>, Error> {
    if !exists(tx, new)? {
        return Ok(None);
    }
    let reference = new.reference.as_ref().map(ToString::to_string).unwrap_or_default();
    let forbidden = new.forbidden;
    let id = tx.find(
        "INSERT INTO lock (repository, reference, no_write, no_delete, no_read, why, ends_at, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (repository, reference) DO UPDATE
            SET no_write = excluded.no_write, no_delete = excluded.no_delete, no_read = excluded.no_read,
                why = excluded.why, ends_at = excluded.ends_at,
                created_at = excluded.created_at, created_by = excluded.created_by
         RETURNING id",
        (
            &new.repository,
            &reference,
            forbidden.write,
            forbidden.delete,
            forbidden.read,
            &new.why,
            new.until,
            now,
            &*by.name,
        ),
        |row| row.get::<i64>("id"),
    )?;
    note(tx, EventKind::LockAdd, new, by, now)?;
    id.map_or(Ok(None), |id| find(tx, id))
}

/// Locks by repository, as they are kept in memory.
pub(super) type Locks = (u64, Arc<std::collections::HashMap<RepositoryName, Vec<Lock>>>);

impl Meta {
    /// Locks something, or changes its lock; `None` if there is no such thing.
    pub async fn put_lock(&self, new: NewLock, by: &Actor) -> Result<Option<Lock>, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db.write(move |tx| put(tx, &new, &by, now)).await
    }

    /// Takes a lock off; says which one.
    pub async fn remove_lock(&self, id: i64, by: &Actor) -> Result<Option<Lock>, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(lock) = find(tx, id)? else { return Ok(None) };
                tx.execute("DELETE FROM lock WHERE id = $1", (id,))?;
                note(tx, EventKind::LockRemove, &lock.new, &by, now)?;
                Ok(Some(lock))
            })
            .await
    }

    /// A lock by its number.
    pub async fn find_lock(&self, id: i64) -> Result<Option<Lock>, Error> {
        self.db.read(move |tx| find(tx, id)).await
    }

    /// Up to `limit` locks in the order of their numbers, those after `after`, also those that are over; of one repository
    /// or of all.
    pub async fn list_locks(
        &self,
        repository: Option<&RepositoryName>,
        after: i64,
        limit: u64,
    ) -> Result<Vec<Lock>, Error> {
        let repository = repository.cloned();
        self.db
            .read(move |tx| {
                let sql = format!(
                    "SELECT {COLUMNS}
                       FROM lock
                      WHERE ($1 IS NULL OR repository = $1)
                        AND id > $2
                      ORDER BY id
                      LIMIT $3"
                );
                tx.query(&sql, (repository.as_ref(), after, limit), read)
            })
            .await
    }

    /// Whether a lock in a repository forbids something now, by what is in memory: for requests that change no row. A
    /// change asks the rows themselves, in its transaction.
    pub async fn lock_against(
        &self,
        name: &RepositoryName,
        forbids: impl Fn(&Lock) -> bool,
    ) -> Result<Option<Lock>, Error> {
        let locks = self.locks().await?;
        let Some(locks) = locks.get(name) else { return Ok(None) };
        let now = self.clock.now();
        Ok(locks.iter().find(|lock| lock.holds(now) && forbids(lock)).cloned())
    }

    async fn locks(
        &self,
    ) -> Result<Arc<std::collections::HashMap<RepositoryName, Vec<Lock>>>, Error> {
        let epoch = self.db.epochs.at(super::cache::Epochs::LOCKS);
        if let Some((read_in, locks)) = &*self.locks.read()
            && *read_in == epoch
        {
            return Ok(Arc::clone(locks));
        }
        let sql = format!("SELECT {COLUMNS} FROM lock");
        let found = self.db.read(move |tx| tx.query(&sql, (), read)).await?;
        let mut locks = std::collections::HashMap::<_, Vec<Lock>>::new();
        for lock in found {
            locks.entry(lock.new.repository.clone()).or_default().push(lock);
        }
        let locks = Arc::new(locks);
        *self.locks.write() = Some((epoch, Arc::clone(&locks)));
        Ok(locks)
    }
}
