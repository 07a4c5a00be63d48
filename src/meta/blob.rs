//! Blobs, and which repository may serve which.

use std::sync::Arc;

use super::event::{Actor, EventKind};
use super::guard::Guard;
use super::repository::{self, RepositoryId};
use super::tag::By;
use super::tx::{FromColumn, ToValue, Tx, Value};
use super::{Deleted, Error, Meta, damage, loose};
use crate::clock::Timestamp;
use crate::oci::{Digest, RepositoryName, UploadId};

/// The key of an object in the blob store. Only the blob store makes one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Location(Box<str>);

impl Location {
    /// Wraps a key.
    #[must_use]
    pub fn new(key: impl Into<Box<str>>) -> Self {
        Self(key.into())
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ToValue for Location {
    fn to_value(&self) -> Value<'_> {
        Value::Text(&self.0)
    }
}

impl FromColumn for Location {
    fn from_column(value: rusqlite::types::ValueRef<'_>) -> Result<Self, String> {
        String::from_column(value).map(Self::new)
    }
}

/// A blob that a repository owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBlob {
    /// What it holds.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Where its bytes are.
    pub location: Location,
    /// Since when perhaps no manifest of the repository needs it: then it may be collected.
    pub loose_since: Option<Timestamp>,
    /// Whether its bytes are known to be missing or damaged: then they are not served, and the next push replaces them.
    pub is_damaged: bool,
}

/// A blob to be made visible.
#[derive(Clone, Debug)]
pub struct NewBlob {
    /// What it holds.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Where its bytes are.
    pub location: Location,
    /// Whether these are bytes that were there before, not those of the upload.
    pub is_reused: bool,
    /// An object that is missing or damaged, whose place it takes.
    pub broken: Option<Location>,
}

/// What came of making a blob visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommittedBlob {
    /// It is visible.
    Done {
        /// The location that is not needed: the new one's own if the bytes were there already, or that of the broken object.
        unneeded: Option<Location>,
    },
    /// The bytes that were to be used again have been collected meanwhile; nothing was changed.
    Gone,
}

pub(super) fn is_linked(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    digest: &Digest,
) -> Result<bool, Error> {
    let found = tx.find(
        "SELECT 1 AS one
           FROM blob
           JOIN repository_blob ON repository_blob.blob_id = blob.id
          WHERE blob.digest = $1
            AND repository_blob.repository_id = $2",
        (digest, repository),
        |row| row.get::<i64>("one"),
    )?;
    Ok(found.is_some())
}

/// As [`is_linked`], for a blob whose bytes are not known to be missing or damaged.
pub(super) fn is_usable(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    digest: &Digest,
) -> Result<bool, Error> {
    Ok(is_linked(tx, repository, digest)? && find(tx, digest)?.is_some_and(|row| !row.is_damaged))
}

fn find_linked(
    tx: &mut Tx<'_>,
    name: &RepositoryName,
    digest: &Digest,
) -> Result<Option<StoredBlob>, Error> {
    tx.find(
        "SELECT blob.digest, blob.size, blob.location, repository_blob.loose_since, damaged_blob.blob_id IS NOT NULL AS is_damaged
           FROM repository
           JOIN repository_blob ON repository_blob.repository_id = repository.id
           JOIN blob ON blob.id = repository_blob.blob_id
           LEFT JOIN damaged_blob ON damaged_blob.blob_id = blob.id
          WHERE repository.name = $1
            AND blob.digest = $2",
        (name, digest),
        |row| {
            Ok(StoredBlob {
                digest: row.get("digest")?,
                size: row.get("size")?,
                location: row.get("location")?,
                loose_since: row.get("loose_since")?,
                is_damaged: row.get("is_damaged")?,
            })
        },
    )
}

struct BlobRow {
    id: i64,
    size: u64,
    location: Location,
    is_damaged: bool,
}

fn find(tx: &mut Tx<'_>, digest: &Digest) -> Result<Option<BlobRow>, Error> {
    tx.find(
        "SELECT blob.id, blob.size, blob.location, damaged_blob.blob_id IS NOT NULL AS is_damaged
           FROM blob
           LEFT JOIN damaged_blob ON damaged_blob.blob_id = blob.id
          WHERE blob.digest = $1",
        (digest,),
        |row| {
            Ok(BlobRow {
                id: row.get("id")?,
                size: row.get("size")?,
                location: row.get("location")?,
                is_damaged: row.get("is_damaged")?,
            })
        },
    )
}

fn insert(tx: &mut Tx<'_>, blob: &NewBlob, now: Timestamp) -> Result<i64, Error> {
    let id = tx.find(
        "INSERT INTO blob (digest, size, location, created_at)
         VALUES ($1, $2, $3, $4)
         RETURNING id",
        (&blob.digest, blob.size, &blob.location, now),
        |row| row.get("id"),
    )?;
    id.ok_or_else(|| Error::Corrupt {
        column: "id".into(),
        what: "an insert returned no row".into(),
    })
}

fn link(
    tx: &mut Tx<'_>,
    id: i64,
    digest: &Digest,
    size: u64,
    mounted_from: Option<&RepositoryName>,
    by: By<'_>,
) -> Result<(), Error> {
    let repository = repository::ensure(tx, by.repository, by.now)?;
    let linked = tx.execute(
        "INSERT INTO repository_blob (repository_id, blob_id, linked_at, linked_by, loose_since)
         VALUES ($1, $2, $3, $4, $3)
             ON CONFLICT DO NOTHING",
        (repository, id, by.now, &*by.actor.name),
    )?;
    if linked == 0 {
        hold(tx, repository, id, by.now)?;
    }
    if linked == 1 {
        tx.execute(
            "UPDATE blob SET loose_since = NULL WHERE id = $1 AND loose_since IS NOT NULL",
            (id,),
        )?;
        repository::count_blob(tx, repository, id, size, by)?;
        let detail = serde_json::json!({ "size": size, "mounted_from": mounted_from });
        by.note(tx, EventKind::BlobPush, digest.as_str(), detail)?;
    }
    Ok(())
}

/// Begins the grace period of a blob anew, if it is in one.
fn hold(tx: &mut Tx<'_>, repository: RepositoryId, id: i64, now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "UPDATE repository_blob
            SET loose_since = $1
          WHERE repository_id = $2
            AND blob_id = $3
            AND loose_since IS NOT NULL",
        (now, repository, id),
    )
    .map(drop)
}

/// A size as a difference.
pub(super) fn signed(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// A manifest of the repository that needs `digest`, if there is one.
pub(super) fn find_parent(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    child: &Digest,
) -> Result<Option<Digest>, Error> {
    tx.find(
        "SELECT parent.digest AS digest
           FROM manifest_reference AS reference
           JOIN repository_manifest AS owned ON owned.manifest_id = reference.parent_id
                                            AND owned.repository_id = $1
           JOIN manifest AS parent ON parent.id = reference.parent_id
          WHERE reference.child = $2
            AND reference.kind <> 'subject'
          LIMIT 1",
        (repository, child),
        |row| row.get("digest"),
    )
}

impl Meta {
    /// A blob of this repository, from memory when its row has not changed.
    pub async fn find_blob(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Arc<StoredBlob>>, Error> {
        let key = format!("{name}\0{digest}");
        let epoch = self.db.epochs.of(name.as_str());
        if let Some(blob) = self.blobs.get(&key, epoch) {
            return Ok(Some(blob));
        }
        let (name, digest) = (name.clone(), digest.clone());
        let found = self.db.read(move |tx| find_linked(tx, &name, &digest)).await?.map(Arc::new);
        if let Some(blob) = &found {
            self.blobs.put(&key, epoch, Arc::clone(blob));
        }
        Ok(found)
    }

    /// Where the bytes of a blob are, whoever owns it. For deciding whether an upload's own copy is needed, never for
    /// telling a client.
    pub async fn find_blob_anywhere(&self, digest: &Digest) -> Result<Option<StoredBlob>, Error> {
        let digest = digest.clone();
        self.db
            .read(move |tx| {
                let found = find(tx, &digest)?;
                Ok(found.map(|row| StoredBlob {
                    digest,
                    size: row.size,
                    location: row.location,
                    loose_since: None,
                    is_damaged: row.is_damaged,
                }))
            })
            .await
    }

    /// Begins the grace period of a blob anew, as it is about to be announced; says whether the repository still has it.
    pub async fn hold_blob(&self, name: &RepositoryName, digest: &Digest) -> Result<bool, Error> {
        let (name, digest, now) = (name.clone(), digest.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(repository) = repository::find(tx, &name)? else { return Ok(false) };
                let Some(row) = find(tx, &digest)? else { return Ok(false) };
                if !is_linked(tx, repository, &digest)? {
                    return Ok(false);
                }
                hold(tx, repository, row.id, now)?;
                tx.touch(name.as_str());
                Ok(true)
            })
            .await
    }

    /// Makes a finished blob visible in a repository, and ends the upload that brought it.
    ///
    /// If the upload's own bytes are not needed, its row stays until [`Meta::delete_upload`], as it may be all that tells of
    /// them.
    pub async fn commit_blob(
        &self,
        name: &RepositoryName,
        blob: NewBlob,
        upload: Option<UploadId>,
        actor: &Actor,
    ) -> Result<CommittedBlob, Error> {
        let (name, actor, now) = (name.clone(), actor.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let existing = find(tx, &blob.digest)?;
                let own = blob.location.clone();
                let (id, unneeded) = match existing {
                    None if blob.is_reused => return Ok(CommittedBlob::Gone),
                    Some(row) if blob.is_reused && (row.is_damaged || row.location != own) => {
                        return Ok(CommittedBlob::Gone);
                    }
                    None => (insert(tx, &blob, now)?, None),
                    Some(row) if row.is_damaged || blob.broken.as_ref() == Some(&row.location) => {
                        tx.execute(
                            "UPDATE blob SET location = $1, size = $2 WHERE id = $3",
                            (&blob.location, blob.size, row.id),
                        )?;
                        for owner in owners(tx, row.id, u64::MAX)? {
                            tx.touch(owner.as_str());
                        }
                        damage::release(tx, row.id, &blob.digest, &actor, now)?;
                        (row.id, Some(row.location))
                    }
                    Some(row) if row.location == blob.location => (row.id, None),
                    Some(row) => (row.id, Some(blob.location)),
                };
                let by = By { actor: &actor, repository: &name, now };
                link(tx, id, &blob.digest, blob.size, None, by)?;
                if let Some(upload) = upload
                    && unneeded.as_ref() != Some(&own)
                    && !blob.is_reused
                {
                    super::upload::delete(tx, &upload)?;
                }
                Ok(CommittedBlob::Done { unneeded })
            })
            .await
    }

    /// Repositories that own a blob, at most `limit`.
    pub async fn list_blob_owners(
        &self,
        digest: &Digest,
        limit: u64,
    ) -> Result<Vec<RepositoryName>, Error> {
        let digest = digest.clone();
        self.db
            .read(move |tx| match find(tx, &digest)? {
                Some(row) => owners(tx, row.id, limit),
                None => Ok(Vec::new()),
            })
            .await
    }

    /// Gives a blob that `source` owns to `target` as well; says whether `source` owns it. The caller may read `source`.
    pub async fn mount_blob(
        &self,
        source: &RepositoryName,
        target: &RepositoryName,
        digest: &Digest,
        actor: &Actor,
    ) -> Result<bool, Error> {
        let (source, target, digest) = (source.clone(), target.clone(), digest.clone());
        let (actor, now) = (actor.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(owner) = repository::find(tx, &source)? else { return Ok(false) };
                if !is_linked(tx, owner, &digest)? {
                    return Ok(false);
                }
                let Some(row) = find(tx, &digest)? else { return Ok(false) };
                if row.is_damaged {
                    return Ok(false);
                }
                let by = By { actor: &actor, repository: &target, now };
                link(tx, row.id, &digest, row.size, Some(&source), by)?;
                Ok(true)
            })
            .await
    }

    /// Takes a blob from a repository; its bytes stay until no repository owns it and the collector comes by. Refused
    /// while a manifest of the repository needs it, unless `force`.
    pub async fn delete_blob(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        force: bool,
        actor: &Actor,
    ) -> Result<Deleted, Error> {
        let (name, digest, actor, now) =
            (name.clone(), digest.clone(), actor.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(repository) = repository::find(tx, &name)? else {
                    return Ok(Deleted::Unknown);
                };
                if !is_linked(tx, repository, &digest)? {
                    return Ok(Deleted::Unknown);
                }
                if !force && let Some(parent) = find_parent(tx, repository, &digest)? {
                    return Ok(Deleted::NeededBy(parent));
                }
                let guard = Guard::load(tx, &name, now)?;
                if let Some(hold) = guard.of_content(tx, repository, &digest)? {
                    return Ok(Deleted::Protected(hold));
                }
                let Some(row) = find(tx, &digest)? else { return Ok(Deleted::Unknown) };
                tx.execute(
                    "DELETE FROM repository_blob WHERE repository_id = $1 AND blob_id = $2",
                    (repository, row.id),
                )?;
                loose::blob(tx, row.id, now)?;
                repository::ensure(tx, &name, now)?;
                repository::uncount_blob(tx, repository, row.id, row.size)?;
                let by = By { actor: &actor, repository: &name, now };
                let detail = serde_json::json!({ "size": row.size, "force": force });
                by.note(tx, EventKind::BlobDelete, digest.as_str(), detail)?;
                Ok(Deleted::Done)
            })
            .await
    }
}

pub(super) fn owners(tx: &mut Tx<'_>, blob: i64, limit: u64) -> Result<Vec<RepositoryName>, Error> {
    tx.query(
        "SELECT repository.name
           FROM repository_blob
           JOIN repository ON repository.id = repository_blob.repository_id
          WHERE repository_blob.blob_id = $1
          LIMIT $2",
        (blob, limit),
        |row| row.get("name"),
    )
}
