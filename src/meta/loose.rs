//! Marks of what is perhaps not needed any more, set in the transaction that takes a reference away.
//!
//! A mark says *perhaps*: whoever collects looks at it again. So a change that takes a reference away costs as much as it
//! takes away, however many others there are, and a collection reads what is marked and nothing else.

use super::Error;
use super::guard::Guard;
use super::repository::RepositoryId;
use super::tx::Tx;
use crate::clock::Timestamp;
use crate::oci::Digest;

/// Marks a manifest that has lost a tag.
pub(super) fn manifest(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    id: i64,
    since: Timestamp,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE repository_manifest
            SET loose_since = $1
          WHERE repository_id = $2
            AND manifest_id = $3
            AND (loose_since IS NULL OR loose_since < $1)",
        (since, repository, id),
    )
    .map(drop)
}

/// A manifest has got a tag.
pub(super) fn hold_manifest(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    id: i64,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE repository_manifest
            SET loose_since = NULL
          WHERE repository_id = $1
            AND manifest_id = $2
            AND loose_since IS NOT NULL",
        (repository, id),
    )
    .map(drop)
}

/// Marks what a manifest kept alive: its blobs from now on, as they may just have been announced; its children and its
/// referrers since when it was not needed itself.
pub(super) fn content(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    id: i64,
    since: Timestamp,
    now: Timestamp,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE repository_blob
            SET loose_since = $1
          WHERE repository_id = $2
            AND (loose_since IS NULL OR loose_since < $1)
            AND blob_id IN (SELECT blob.id
                              FROM manifest_reference AS reference
                              JOIN blob ON blob.digest = reference.child
                             WHERE reference.parent_id = $3
                               AND reference.kind <> 'subject')",
        (now, repository, id),
    )?;
    tx.execute(
        "UPDATE repository_manifest
            SET loose_since = $1
          WHERE repository_id = $2
            AND (loose_since IS NULL OR loose_since < $1)
            AND manifest_id IN (SELECT child.id
                                  FROM manifest_reference AS reference
                                  JOIN manifest AS child ON child.digest = reference.child
                                 WHERE reference.parent_id = $3
                                   AND reference.kind = 'manifest')",
        (since, repository, id),
    )?;
    tx.execute(
        "UPDATE repository_manifest
            SET loose_since = $1
          WHERE repository_id = $2
            AND (loose_since IS NULL OR loose_since < $1)
            AND subject = (SELECT digest FROM manifest WHERE id = $3)",
        (since, repository, id),
    )
    .map(drop)
}

/// A repository has got a manifest: it needs its blobs and its children.
pub(super) fn hold_content(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    id: i64,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE repository_blob
            SET loose_since = NULL
          WHERE repository_id = $1
            AND loose_since IS NOT NULL
            AND blob_id IN (SELECT blob.id
                              FROM manifest_reference AS reference
                              JOIN blob ON blob.digest = reference.child
                             WHERE reference.parent_id = $2
                               AND reference.kind <> 'subject')",
        (repository, id),
    )?;
    tx.execute(
        "UPDATE repository_manifest
            SET loose_since = NULL
          WHERE repository_id = $1
            AND loose_since IS NOT NULL
            AND manifest_id IN (SELECT child.id
                                  FROM manifest_reference AS reference
                                  JOIN manifest AS child ON child.digest = reference.child
                                 WHERE reference.parent_id = $2
                                   AND reference.kind = 'manifest')",
        (repository, id),
    )
    .map(drop)
}

/// Marks all blobs of a repository that is about to go.
pub(super) fn blobs_of(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    now: Timestamp,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE blob
            SET loose_since = $1
          WHERE loose_since IS NULL
            AND id IN (SELECT blob_id FROM repository_blob WHERE repository_id = $2)",
        (now, repository),
    )
    .map(drop)
}

/// Marks a blob that a repository has let go of.
pub(super) fn blob(tx: &mut Tx<'_>, id: i64, since: Timestamp) -> Result<(), Error> {
    tx.execute(
        "UPDATE blob SET loose_since = $1 WHERE id = $2 AND loose_since IS NULL",
        (since, id),
    )
    .map(drop)
}

/// Whether a manifest of a repository is reachable from a tag, from what a tag pointed at or from what was deleted and can be
/// brought back: itself, through an index that lists it, or as a referrer.
pub(super) fn is_reachable(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    id: i64,
) -> Result<bool, Error> {
    is_kept_by(tx, repository, id, |tx, manifest| is_root(tx, repository, manifest))
}

/// Whether a lock is on a manifest of a repository, on an index that lists it, or on what it refers to.
pub(super) fn is_locked(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    id: i64,
    guard: &Guard<'_>,
) -> Result<bool, Error> {
    if guard.is_idle() {
        return Ok(false);
    }
    is_kept_by(tx, repository, id, |tx, manifest| {
        let digest = tx.find("SELECT digest FROM manifest WHERE id = $1", (manifest,), |row| {
            row.get::<Digest>("digest")
        })?;
        Ok(digest.is_some_and(|digest| guard.of_digest(&digest).is_some()))
    })
}

/// Whether a manifest, or anything that keeps it alive, is one of those.
fn is_kept_by(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    id: i64,
    mut is_one: impl FnMut(&mut Tx<'_>, i64) -> Result<bool, Error>,
) -> Result<bool, Error> {
    let mut open = vec![id];
    let mut seen = open.clone();
    while let Some(manifest) = open.pop() {
        if is_one(tx, manifest)? {
            return Ok(true);
        }
        for above in keepers(tx, repository, manifest)? {
            if !seen.contains(&above) {
                // What is so entangled is left alone.
                if seen.len() >= MOST_KEEPERS {
                    return Ok(true);
                }
                seen.push(above);
                open.push(above);
            }
        }
    }
    Ok(false)
}

/// Manifests that a search upwards looks at before it gives up.
const MOST_KEEPERS: usize = 10_000;

fn is_root(tx: &mut Tx<'_>, repository: RepositoryId, id: i64) -> Result<bool, Error> {
    let found = tx.find(
        "SELECT 1 AS one
           FROM tag
          WHERE repository_id = $1
            AND manifest_id = $2
          UNION ALL
         SELECT 1
           FROM trash_tag
          WHERE repository_id = $1
            AND manifest_id = $2
          UNION ALL
         SELECT 1
           FROM trash_manifest
          WHERE repository_id = $1
            AND manifest_id = $2
          LIMIT 1",
        (repository, id),
        |row| row.get::<i64>("one"),
    )?;
    Ok(found.is_some())
}

/// What keeps a manifest alive if it is alive itself: indexes of the repository that list it, and its subject.
fn keepers(tx: &mut Tx<'_>, repository: RepositoryId, id: i64) -> Result<Vec<i64>, Error> {
    tx.query(
        "SELECT reference.parent_id AS id
           FROM manifest
           JOIN manifest_reference AS reference ON reference.child = manifest.digest
                                               AND reference.kind = 'manifest'
          WHERE manifest.id = $1
            AND (EXISTS (SELECT 1
                           FROM repository_manifest
                          WHERE manifest_id = reference.parent_id
                            AND repository_id = $2)
                 OR EXISTS (SELECT 1
                              FROM trash_manifest
                             WHERE manifest_id = reference.parent_id
                               AND repository_id = $2))
          UNION
         SELECT subject.id
           FROM repository_manifest AS owned
           JOIN manifest AS subject ON subject.digest = owned.subject
          WHERE owned.repository_id = $2
            AND owned.manifest_id = $1
            AND (EXISTS (SELECT 1
                           FROM repository_manifest
                          WHERE manifest_id = subject.id
                            AND repository_id = $2)
                 OR EXISTS (SELECT 1
                              FROM trash_manifest
                             WHERE manifest_id = subject.id
                               AND repository_id = $2))",
        (id, repository),
        |row| row.get("id"),
    )
}

/// Whether a manifest of a repository needs a blob, one that was deleted and can be brought back as well.
pub(super) fn is_needed(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    blob: &str,
) -> Result<bool, Error> {
    let found = tx.find(
        "SELECT 1 AS one
           FROM manifest_reference AS reference
          WHERE reference.child = $1
            AND reference.kind <> 'subject'
            AND (EXISTS (SELECT 1
                           FROM repository_manifest
                          WHERE manifest_id = reference.parent_id
                            AND repository_id = $2)
                 OR EXISTS (SELECT 1
                              FROM trash_manifest
                             WHERE manifest_id = reference.parent_id
                               AND repository_id = $2))
          LIMIT 1",
        (blob, repository),
        |row| row.get::<i64>("one"),
    )?;
    Ok(found.is_some())
}
