//! Blobs whose bytes are missing or damaged: found by a scrub, in no answer, and mended by the next push of the same blob.

use super::blob;
use super::event::{self, Actor, EventKind, NewEvent};
use super::tx::Tx;
use super::{Error, Location, Meta};
use crate::clock::Timestamp;
use crate::oci::{Digest, RepositoryName};

/// Repositories of a damaged blob that are named.
const NAMED: u64 = 20;

/// A blob as a scrub needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobToCheck {
    /// Its row; rises with time.
    pub id: i64,
    /// What it should hold.
    pub digest: Digest,
    /// How many bytes.
    pub size: u64,
    /// Where they are.
    pub location: Location,
    /// Whether it is known to be damaged.
    pub is_damaged: bool,
}

/// What is wrong with a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Its bytes are gone, cannot be read, or are more or fewer than there should be.
    Missing,
    /// They are others, which have this digest.
    Damaged(Digest),
}

impl Damage {
    /// The word for it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Damaged(_) => "damaged",
        }
    }
}

/// A damaged blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedBlob {
    /// Its row.
    pub id: i64,
    /// What it should hold.
    pub digest: Digest,
    /// How many bytes.
    pub size: u64,
    /// `missing` or `damaged`.
    pub reason: String,
    /// The digest that the bytes have.
    pub actual: Option<Digest>,
    /// When it was found.
    pub found_at: Timestamp,
    /// Repositories that own it, some of them if there are many.
    pub repositories: Vec<RepositoryName>,
}

/// Whether the row still names the object that was looked at.
fn is_at(tx: &mut Tx<'_>, blob: &BlobToCheck) -> Result<bool, Error> {
    let found = tx.find("SELECT location FROM blob WHERE id = $1", (blob.id,), |row| {
        row.get::<Location>("location")
    })?;
    Ok(found.as_ref() == Some(&blob.location))
}

/// Takes a blob as whole again, if it was damaged, and tells of it.
pub(super) fn release(
    tx: &mut Tx<'_>,
    blob: i64,
    digest: &Digest,
    actor: &Actor,
    now: Timestamp,
) -> Result<bool, Error> {
    let gone = tx.execute("DELETE FROM damaged_blob WHERE blob_id = $1", (blob,))?;
    if gone == 0 {
        return Ok(false);
    }
    for owner in blob::owners(tx, blob, u64::MAX)? {
        tx.touch(owner.as_str());
    }
    event::append(tx, NewEvent::about(EventKind::BlobRepair, digest.as_str()), actor, now)?;
    Ok(true)
}

fn mark(
    tx: &mut Tx<'_>,
    blob: &BlobToCheck,
    damage: &Damage,
    actor: &Actor,
    now: Timestamp,
) -> Result<bool, Error> {
    if !is_at(tx, blob)? {
        return Ok(false);
    }
    let actual = match damage {
        Damage::Missing => None,
        Damage::Damaged(actual) => Some(actual),
    };
    let new = tx.execute(
        "INSERT INTO damaged_blob (blob_id, reason, actual, found_at)
         VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
        (blob.id, damage.as_str(), actual, now),
    )?;
    if new == 0 {
        return Ok(true);
    }
    let owners = blob::owners(tx, blob.id, u64::MAX)?;
    for owner in &owners {
        tx.touch(owner.as_str());
    }
    let named: Vec<_> = owners.iter().take(usize::try_from(NAMED).unwrap_or(20)).collect();
    let detail = serde_json::json!({
        "reason": damage.as_str(), "actual": actual, "size": blob.size, "location": blob.location,
        "repositories": named,
    });
    let event = NewEvent::about(EventKind::BlobDamage, blob.digest.as_str()).with(detail);
    event::append(tx, event, actor, now)?;
    Ok(true)
}

impl Meta {
    /// Up to `limit` blobs in the order of their rows, those behind the row `after`.
    pub async fn list_blobs_to_check(
        &self,
        after: i64,
        limit: u64,
    ) -> Result<Vec<BlobToCheck>, Error> {
        self.db
            .read(move |tx| {
                tx.query(
                    "SELECT blob.id, blob.digest, blob.size, blob.location, damaged_blob.blob_id IS NOT NULL AS is_damaged
                       FROM blob
                       LEFT JOIN damaged_blob ON damaged_blob.blob_id = blob.id
                      WHERE blob.id > $1
                      ORDER BY blob.id
                      LIMIT $2",
                    (after, limit),
                    |row| {
                        Ok(BlobToCheck {
                            id: row.get("id")?,
                            digest: row.get("digest")?,
                            size: row.get("size")?,
                            location: row.get("location")?,
                            is_damaged: row.get("is_damaged")?,
                        })
                    },
                )
            })
            .await
    }

    /// Takes a blob out of all answers; says whether it is still there, with the bytes that were looked at.
    pub async fn mark_damaged(
        &self,
        blob: &BlobToCheck,
        damage: Damage,
        actor: &Actor,
    ) -> Result<bool, Error> {
        let (blob, actor, now) = (blob.clone(), actor.clone(), self.clock.now());
        self.db.write(move |tx| mark(tx, &blob, &damage, &actor, now)).await
    }

    /// Takes a blob as whole again whose bytes were found so; says whether it was damaged.
    pub async fn end_damage(&self, blob: &BlobToCheck, actor: &Actor) -> Result<bool, Error> {
        let (blob, actor, now) = (blob.clone(), actor.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                Ok(is_at(tx, &blob)? && release(tx, blob.id, &blob.digest, &actor, now)?)
            })
            .await
    }

    /// Up to `limit` damaged blobs in the order of their rows, those behind the row `after`.
    pub async fn list_damaged(&self, after: i64, limit: u64) -> Result<Vec<DamagedBlob>, Error> {
        self.db
            .read(move |tx| {
                let mut found = tx.query(
                    "SELECT blob.id, blob.digest, blob.size, damaged_blob.reason, damaged_blob.actual, damaged_blob.found_at
                       FROM damaged_blob
                       JOIN blob ON blob.id = damaged_blob.blob_id
                      WHERE damaged_blob.blob_id > $1
                      ORDER BY damaged_blob.blob_id
                      LIMIT $2",
                    (after, limit),
                    |row| {
                        Ok(DamagedBlob {
                            id: row.get("id")?,
                            digest: row.get("digest")?,
                            size: row.get("size")?,
                            reason: row.get("reason")?,
                            actual: row.get("actual")?,
                            found_at: row.get("found_at")?,
                            repositories: Vec::new(),
                        })
                    },
                )?;
                for blob in &mut found {
                    blob.repositories = blob::owners(tx, blob.id, NAMED)?;
                }
                Ok(found)
            })
            .await
    }

    /// How many blobs are damaged.
    pub async fn count_damaged(&self) -> Result<u64, Error> {
        let count = |tx: &mut Tx<'_>| {
            tx.find("SELECT COUNT(*) AS number FROM damaged_blob", (), |row| row.get("number"))
        };
        Ok(self.db.read(count).await?.unwrap_or(0))
    }
}
