//! Collecting what is not needed, in small transactions: rows first, then the bytes.
//!
//! Each step takes some of what is marked and old enough, looks whether it is needed after all, and takes its mark or its row
//! away. So a step never reads what nobody has let go of.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::event::{Actor, EventKind};
use super::guard::Guard;
use super::repository::{self, RepositoryId};
use super::tag::By;
use super::tx::Tx;
use super::{Error, Location, Meta, hold, loose, signed};
use crate::clock::Timestamp;
use crate::oci::{Digest, RepositoryName};

/// What a collection has done, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Collected {
    /// Marked rows that were looked at.
    pub examined: u64,
    /// Those that turned out to be needed.
    pub kept: u64,
    /// Manifests without a tag that were removed.
    pub manifests: u64,
    /// Blobs that repositories owned and did not need.
    pub links: u64,
    /// Blobs that no repository owned any more.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Tags and manifests whose time in the trash was over.
    pub trash: u64,
    /// Objects that were removed from the blob store.
    pub objects: u64,
}

impl AddAssign for Collected {
    fn add_assign(&mut self, more: Self) {
        self.examined += more.examined;
        self.kept += more.kept;
        self.manifests += more.manifests;
        self.links += more.links;
        self.blobs += more.blobs;
        self.bytes += more.bytes;
        self.trash += more.trash;
        self.objects += more.objects;
    }
}

/// Bytes that no row names any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadObject {
    /// Where they are.
    pub location: Location,
    /// How many.
    pub size: u64,
}

struct LooseManifest {
    repository: RepositoryId,
    name: RepositoryName,
    id: i64,
    digest: Digest,
    size: u64,
    since: Timestamp,
}

impl LooseManifest {
    fn is_locked(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<bool, Error> {
        let guard = Guard::load(tx, &self.name, now)?;
        loose::is_locked(tx, self.repository, self.id, &guard)
    }
}

fn loose_manifests(
    tx: &mut Tx<'_>,
    before: Timestamp,
    limit: u64,
    skip: u64,
) -> Result<Vec<LooseManifest>, Error> {
    tx.query(
        "SELECT owned.repository_id, repository.name, owned.manifest_id, manifest.digest,
                length(manifest.body) AS size, owned.loose_since
           FROM repository_manifest AS owned
           JOIN repository ON repository.id = owned.repository_id
           JOIN manifest ON manifest.id = owned.manifest_id
          WHERE owned.loose_since <= $1
          ORDER BY owned.loose_since
          LIMIT $2 OFFSET $3",
        (before, limit, skip),
        |row| {
            Ok(LooseManifest {
                repository: row.get("repository_id")?,
                name: row.get("name")?,
                id: row.get("manifest_id")?,
                digest: row.get("digest")?,
                size: row.get("size")?,
                since: row.get("loose_since")?,
            })
        },
    )
}

struct LooseLink {
    repository: RepositoryId,
    name: RepositoryName,
    blob: i64,
    digest: Digest,
    size: u64,
}

fn loose_links(
    tx: &mut Tx<'_>,
    before: Timestamp,
    limit: u64,
    skip: u64,
) -> Result<Vec<LooseLink>, Error> {
    tx.query(
        "SELECT owned.repository_id, repository.name, owned.blob_id, blob.digest, blob.size
           FROM repository_blob AS owned
           JOIN repository ON repository.id = owned.repository_id
           JOIN blob ON blob.id = owned.blob_id
          WHERE owned.loose_since <= $1
          ORDER BY owned.loose_since
          LIMIT $2 OFFSET $3",
        (before, limit, skip),
        |row| {
            Ok(LooseLink {
                repository: row.get("repository_id")?,
                name: row.get("name")?,
                blob: row.get("blob_id")?,
                digest: row.get("digest")?,
                size: row.get("size")?,
            })
        },
    )
}

fn loose_blobs(
    tx: &mut Tx<'_>,
    before: Timestamp,
    limit: u64,
    skip: u64,
) -> Result<Vec<(i64, u64)>, Error> {
    tx.query(
        "SELECT id, size FROM blob WHERE loose_since <= $1 ORDER BY loose_since LIMIT $2 OFFSET $3",
        (before, limit, skip),
        |row| Ok((row.get("id")?, row.get("size")?)),
    )
}

/// How many repositories own a blob, counted to two.
fn owners(tx: &mut Tx<'_>, blob: i64) -> Result<usize, Error> {
    let found = tx.query(
        "SELECT repository_id FROM repository_blob WHERE blob_id = $1 LIMIT 2",
        (blob,),
        |row| row.get::<RepositoryId>("repository_id"),
    )?;
    Ok(found.len())
}

/// Removes the row of a blob that nobody owns, and remembers its bytes.
fn bury(tx: &mut Tx<'_>, blob: i64, now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO dead_object (location, size, since)
         SELECT location, size, $1
           FROM blob
          WHERE id = $2
             ON CONFLICT DO NOTHING",
        (now, blob),
    )?;
    tx.execute("DELETE FROM blob WHERE id = $1", (blob,)).map(drop)
}

/// Removes a manifest's row if no repository has it, nor the trash of one.
pub(super) fn forget_manifest(tx: &mut Tx<'_>, id: i64) -> Result<(), Error> {
    tx.execute(
        "DELETE FROM manifest
          WHERE id = $1
            AND NOT EXISTS (SELECT 1 FROM repository_manifest WHERE manifest_id = $1)
            AND NOT EXISTS (SELECT 1 FROM trash_manifest WHERE manifest_id = $1)
            AND NOT EXISTS (SELECT 1 FROM trash_tag WHERE manifest_id = $1)",
        (id,),
    )
    .map(drop)
}

fn collect_manifests(
    tx: &mut Tx<'_>,
    before: Timestamp,
    limit: u64,
    now: Timestamp,
) -> Result<Collected, Error> {
    let mut done = Collected::default();
    let actor = Actor::internal("gc");
    for found in loose_manifests(tx, before, limit, 0)? {
        done.examined += 1;
        if loose::is_reachable(tx, found.repository, found.id)? {
            loose::hold_manifest(tx, found.repository, found.id)?;
            done.kept += 1;
            continue;
        }
        if found.is_locked(tx, now)? {
            // Its time begins anew, so that it goes some time after the lock.
            loose::manifest(tx, found.repository, found.id, now)?;
            done.kept += 1;
            continue;
        }
        loose::content(tx, found.repository, found.id, found.since, now)?;
        tx.execute(
            "DELETE FROM repository_manifest WHERE repository_id = $1 AND manifest_id = $2",
            (found.repository, found.id),
        )?;
        repository::ensure(tx, &found.name, now)?;
        let by = By { actor: &actor, repository: &found.name, now };
        repository::count(tx, found.repository, 0, -1, -signed(found.size), None)?;
        forget_manifest(tx, found.id)?;
        let detail =
            serde_json::json!({ "size": found.size, "untagged_since": found.since.to_string() });
        by.note(tx, EventKind::ManifestDelete, found.digest.as_str(), detail)?;
        done.manifests += 1;
    }
    Ok(done)
}

fn collect_links(
    tx: &mut Tx<'_>,
    before: Timestamp,
    limit: u64,
    now: Timestamp,
) -> Result<Collected, Error> {
    let mut done = Collected::default();
    for found in loose_links(tx, before, limit, 0)? {
        done.examined += 1;
        if loose::is_needed(tx, found.repository, found.digest.as_str())? {
            tx.execute(
                "UPDATE repository_blob SET loose_since = NULL WHERE repository_id = $1 AND blob_id = $2",
                (found.repository, found.blob),
            )?;
            done.kept += 1;
            continue;
        }
        tx.execute(
            "DELETE FROM repository_blob WHERE repository_id = $1 AND blob_id = $2",
            (found.repository, found.blob),
        )?;
        repository::uncount_blob(tx, found.repository, found.blob, found.size)?;
        tx.touch(found.name.as_str());
        done.links += 1;
        if owners(tx, found.blob)? == 0 {
            bury(tx, found.blob, now)?;
            done.blobs += 1;
            done.bytes += found.size;
        }
    }
    Ok(done)
}

fn collect_blobs(
    tx: &mut Tx<'_>,
    before: Timestamp,
    limit: u64,
    now: Timestamp,
) -> Result<Collected, Error> {
    let mut done = Collected::default();
    for (blob, size) in loose_blobs(tx, before, limit, 0)? {
        done.examined += 1;
        if owners(tx, blob)? > 0 {
            tx.execute("UPDATE blob SET loose_since = NULL WHERE id = $1", (blob,))?;
            done.kept += 1;
            continue;
        }
        bury(tx, blob, now)?;
        done.blobs += 1;
        done.bytes += size;
    }
    Ok(done)
}

fn dead_objects(tx: &mut Tx<'_>, limit: u64) -> Result<Vec<DeadObject>, Error> {
    tx.query("SELECT location, size FROM dead_object LIMIT $1", (limit,), |row| {
        Ok(DeadObject { location: row.get("location")?, size: row.get("size")? })
    })
}

/// A kind of what is collected, in the order in which one lets go of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Garbage {
    /// Manifests that no tag leads to.
    Manifests,
    /// Blobs that a repository owns and does not need.
    Links,
    /// Blobs that no repository owns.
    Blobs,
}

impl Meta {
    /// Collects up to `limit` of what is marked since before a moment; nothing of that kind is left when nothing was examined.
    pub async fn collect(
        &self,
        kind: Garbage,
        before: Timestamp,
        limit: u64,
    ) -> Result<Collected, Error> {
        let now = self.clock.now();
        self.db
            .write(move |tx| match kind {
                Garbage::Manifests => collect_manifests(tx, before, limit, now),
                Garbage::Links => collect_links(tx, before, limit, now),
                Garbage::Blobs => collect_blobs(tx, before, limit, now),
            })
            .await
    }

    /// What [`Meta::collect`] would do with up to `limit` marked rows behind the first `skip`; nothing is changed. What would
    /// follow from it is not counted.
    pub async fn preview_collection(
        &self,
        kind: Garbage,
        before: Timestamp,
        limit: u64,
        skip: u64,
    ) -> Result<Collected, Error> {
        let now = self.clock.now();
        self.db
            .read(move |tx| {
                let mut seen = Collected::default();
                match kind {
                    Garbage::Manifests => {
                        for found in loose_manifests(tx, before, limit, skip)? {
                            seen.examined += 1;
                            let kept = loose::is_reachable(tx, found.repository, found.id)?
                                || found.is_locked(tx, now)?;
                            seen.kept += u64::from(kept);
                            seen.manifests += u64::from(!kept);
                        }
                    }
                    Garbage::Links => {
                        for found in loose_links(tx, before, limit, skip)? {
                            seen.examined += 1;
                            if loose::is_needed(tx, found.repository, found.digest.as_str())? {
                                seen.kept += 1;
                                continue;
                            }
                            seen.links += 1;
                            if owners(tx, found.blob)? == 1 {
                                seen.blobs += 1;
                                seen.bytes += found.size;
                            }
                        }
                    }
                    Garbage::Blobs => {
                        for (blob, size) in loose_blobs(tx, before, limit, skip)? {
                            seen.examined += 1;
                            if owners(tx, blob)? > 0 {
                                seen.kept += 1;
                            } else {
                                seen.blobs += 1;
                                seen.bytes += size;
                            }
                        }
                    }
                }
                Ok(seen)
            })
            .await
    }

    /// Up to `limit` objects whose bytes are to be removed.
    pub async fn list_dead_objects(&self, limit: u64) -> Result<Vec<DeadObject>, Error> {
        self.db.read(move |tx| dead_objects(tx, limit)).await
    }

    /// The same of those that may go now: none while somebody copies blobs ([`Meta::hold_blobs`]). Looked at in one
    /// transaction: what was buried before a hold began is in no copy that begins after it.
    pub async fn list_removable_objects(&self, limit: u64) -> Result<Vec<DeadObject>, Error> {
        let now = self.clock.now();
        self.db
            .read(
                move |tx| {
                    if hold::is_held(tx, now)? { Ok(Vec::new()) } else { dead_objects(tx, limit) }
                },
            )
            .await
    }

    /// Forgets objects whose bytes are gone.
    pub async fn forget_dead_objects(&self, gone: Vec<Location>) -> Result<(), Error> {
        self.db
            .write(move |tx| {
                for location in &gone {
                    tx.execute("DELETE FROM dead_object WHERE location = $1", (location,))?;
                }
                Ok(())
            })
            .await
    }

    /// Up to `limit` locations that rows of blobs name, in the order of the rows, those behind the row `after`.
    pub async fn list_locations(
        &self,
        after: i64,
        limit: u64,
    ) -> Result<Vec<(i64, Location)>, Error> {
        self.db
            .read(move |tx| {
                tx.query(
                    "SELECT id, location FROM blob WHERE id > $1 ORDER BY id LIMIT $2",
                    (after, limit),
                    |row| Ok((row.get("id")?, row.get("location")?)),
                )
            })
            .await
    }
}
