//! Counts what quotas limit, in the transactions of the changes.
//!
//! A repository knows its quotas by rows of `quota_repository`, so that where there is no quota nothing is counted. A blob counts
//! once in a quota, however many of its repositories own it.

use super::event::{self, Actor, EventKind, NewEvent};
use super::repository::RepositoryId;
use super::tag::By;
use super::tx::{Params, Tx};
use super::{Error, signed};
use crate::oci::RepositoryName;

/// What a quota limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    /// Bytes that are kept.
    Bytes,
    /// Tags.
    Tags,
    /// Bytes of one blob.
    Upload,
}

impl Limited {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Tags => "tags",
            Self::Upload => "upload size",
        }
    }
}

/// A quota that a change does not fit into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Of which namespace; `*` is the whole registry.
    pub namespace: String,
    /// What it limits.
    pub limited: Limited,
    /// How much there may be.
    pub limit: u64,
    /// How much there is without the change.
    pub used: u64,
    /// How much the change adds.
    pub wanted: u64,
}

/// A quota after it was counted.
struct Counted {
    namespace: String,
    /// Limit, use, and whether it was told that little is left.
    bytes: (Option<u64>, i64, bool),
    tags: (Option<u64>, i64, bool),
}

pub(super) fn quotas_of(tx: &mut Tx<'_>, repository: RepositoryId) -> Result<Vec<i64>, Error> {
    tx.query(
        "SELECT quota_id FROM quota_repository WHERE repository_id = $1",
        (repository,),
        |row| row.get("quota_id"),
    )
}

/// Lets a new repository count in the quotas of the namespaces that it lies in.
pub(super) fn join(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    name: &RepositoryName,
) -> Result<(), Error> {
    for namespace in covering(name.as_str()) {
        tx.execute(
            "INSERT INTO quota_repository (repository_id, quota_id)
             SELECT $1, id
               FROM quota
              WHERE namespace = $2
                 ON CONFLICT DO NOTHING",
            (repository, namespace),
        )?;
    }
    Ok(())
}

/// The namespaces that a repository lies in, the whole registry and itself as well.
pub(super) fn covering(name: &str) -> impl Iterator<Item = &str> {
    let inner = name.match_indices('/').map(|(end, _)| &name[..end]);
    ["*"].into_iter().chain(inner).chain([name])
}

/// Adds to a quota, or takes from it.
fn change(
    tx: &mut Tx<'_>,
    quota: i64,
    bytes: i64,
    tags: i64,
    by: Option<By<'_>>,
) -> Result<(), Error> {
    let counted = tx.find(
        "UPDATE quota
            SET used_bytes = used_bytes + $1, used_tags = used_tags + $2
          WHERE id = $3
         RETURNING namespace, max_bytes, max_tags, used_bytes, used_tags, warned_bytes, warned_tags",
        (bytes, tags, quota),
        |row| {
            Ok(Counted {
                namespace: row.get("namespace")?,
                bytes: (row.get("max_bytes")?, row.get("used_bytes")?, row.get("warned_bytes")?),
                tags: (row.get("max_tags")?, row.get("used_tags")?, row.get("warned_tags")?),
            })
        },
    )?;
    let Some(counted) = counted else { return Ok(()) };
    for (limited, added, (limit, used, _)) in
        [(Limited::Bytes, bytes, counted.bytes), (Limited::Tags, tags, counted.tags)]
    {
        if let Some(limit) = limit
            && added > 0
            && used > signed(limit)
        {
            return Err(Error::Quota(Box::new(Exceeded {
                namespace: counted.namespace,
                limited,
                limit,
                used: (used - added).unsigned_abs(),
                wanted: added.unsigned_abs(),
            })));
        }
    }
    warn(tx, quota, &counted, by)
}

/// Whether little is left: a fifth or less.
fn is_near((limit, used, _): (Option<u64>, i64, bool)) -> bool {
    limit.is_some_and(|limit| i128::from(used) * 5 >= i128::from(limit) * 4)
}

/// Tells once that little is left, until there is more again.
fn warn(tx: &mut Tx<'_>, quota: i64, counted: &Counted, by: Option<By<'_>>) -> Result<(), Error> {
    let (bytes, tags) = (is_near(counted.bytes), is_near(counted.tags));
    if (bytes, tags) == (counted.bytes.2, counted.tags.2) {
        return Ok(());
    }
    let told = by.is_some();
    tx.execute(
        "UPDATE quota SET warned_bytes = $1, warned_tags = $2 WHERE id = $3",
        (bytes && (told || counted.bytes.2), tags && (told || counted.tags.2), quota),
    )?;
    let Some(by) = by else { return Ok(()) };
    for (limited, near, (limit, used, was)) in
        [(Limited::Bytes, bytes, counted.bytes), (Limited::Tags, tags, counted.tags)]
    {
        if near && !was {
            let detail =
                serde_json::json!({ "what": limited.as_str(), "limit": limit, "used": used });
            let event = NewEvent::of(EventKind::QuotaWarn, by.repository, &counted.namespace);
            event::append(tx, event.with(detail), &Actor::internal("quota"), by.now)?;
        }
    }
    Ok(())
}

/// Counts tags and bytes of manifests of a repository.
///
/// # Errors
/// [`Error::Quota`] if they do not fit: the whole change is undone then.
pub(super) fn count(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    bytes: i64,
    tags: i64,
    by: Option<By<'_>>,
) -> Result<(), Error> {
    for quota in quotas_of(tx, repository)? {
        change(tx, quota, bytes, tags, by)?;
    }
    Ok(())
}

/// A repository has got a blob.
///
/// # Errors
/// [`Error::Quota`] if it does not fit: the whole change is undone then.
pub(super) fn link(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    blob: i64,
    size: u64,
    by: By<'_>,
) -> Result<(), Error> {
    for quota in quotas_of(tx, repository)? {
        let owners = tx.find(
            "INSERT INTO quota_blob (quota_id, blob_id, repositories)
             VALUES ($1, $2, 1)
                 ON CONFLICT (quota_id, blob_id) DO UPDATE SET repositories = quota_blob.repositories + 1
             RETURNING repositories",
            (quota, blob),
            |row| row.get::<i64>("repositories"),
        )?;
        if owners == Some(1) {
            change(tx, quota, signed(size), 0, Some(by))?;
        }
    }
    Ok(())
}

/// A repository has let go of a blob.
pub(super) fn unlink(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    blob: i64,
    size: u64,
) -> Result<(), Error> {
    for quota in quotas_of(tx, repository)? {
        let owners = tx.find(
            "UPDATE quota_blob
                SET repositories = repositories - 1
              WHERE quota_id = $1
                AND blob_id = $2
             RETURNING repositories",
            (quota, blob),
            |row| row.get::<i64>("repositories"),
        )?;
        if owners == Some(0) {
            tx.execute(
                "DELETE FROM quota_blob WHERE quota_id = $1 AND blob_id = $2",
                (quota, blob),
            )?;
            change(tx, quota, -signed(size), 0, None)?;
        }
    }
    Ok(())
}

fn sum(tx: &mut Tx<'_>, sql: &str, ids: impl Params) -> Result<i64, Error> {
    Ok(tx.find(sql, ids, |row| row.get("total"))?.unwrap_or(0))
}

/// A repository goes as a whole: to be called while its rows are there.
pub(super) fn leave(tx: &mut Tx<'_>, repository: RepositoryId) -> Result<(), Error> {
    for quota in quotas_of(tx, repository)? {
        let blobs = sum(
            tx,
            "SELECT COALESCE(SUM(blob.size), 0) AS total
               FROM repository_blob AS owned
               JOIN quota_blob AS counted ON counted.blob_id = owned.blob_id
               JOIN blob ON blob.id = owned.blob_id
              WHERE owned.repository_id = $1
                AND counted.quota_id = $2
                AND counted.repositories = 1",
            (repository, quota),
        )?;
        let manifests = sum(
            tx,
            "SELECT COALESCE(SUM(length(manifest.body)), 0) AS total
               FROM repository_manifest AS owned
               JOIN manifest ON manifest.id = owned.manifest_id
              WHERE owned.repository_id = $1",
            (repository,),
        )?;
        let tags =
            sum(tx, "SELECT COUNT(*) AS total FROM tag WHERE repository_id = $1", (repository,))?;
        tx.execute(
            "DELETE FROM quota_blob
              WHERE quota_id = $1
                AND repositories = 1
                AND blob_id IN (SELECT blob_id FROM repository_blob WHERE repository_id = $2)",
            (quota, repository),
        )?;
        tx.execute(
            "UPDATE quota_blob
                SET repositories = repositories - 1
              WHERE quota_id = $1
                AND blob_id IN (SELECT blob_id FROM repository_blob WHERE repository_id = $2)",
            (quota, repository),
        )?;
        change(tx, quota, -(blobs + manifests), -tags, None)?;
    }
    Ok(())
}

/// Counts everything that a new quota covers, from the rows themselves.
pub(super) fn begin(tx: &mut Tx<'_>, quota: i64, namespace: &str) -> Result<(), Error> {
    let (from, until) = (format!("{namespace}/"), format!("{namespace}0"));
    tx.execute(
        "INSERT INTO quota_repository (repository_id, quota_id)
         SELECT id, $1
           FROM repository
          WHERE $2 = '*' OR name = $2 OR (name >= $3 AND name < $4)",
        (quota, namespace, &from, &until),
    )?;
    tx.execute(
        "INSERT INTO quota_blob (quota_id, blob_id, repositories)
         SELECT $1, owned.blob_id, COUNT(*)
           FROM quota_repository AS counted
           JOIN repository_blob AS owned ON owned.repository_id = counted.repository_id
          WHERE counted.quota_id = $1
          GROUP BY owned.blob_id",
        (quota,),
    )?;
    tx.execute(
        "UPDATE quota
            SET used_bytes = (SELECT COALESCE(SUM(blob.size), 0)
                                FROM quota_blob AS counted
                                JOIN blob ON blob.id = counted.blob_id
                               WHERE counted.quota_id = $1)
                           + (SELECT COALESCE(SUM(length(manifest.body)), 0)
                                FROM quota_repository AS counted
                                JOIN repository_manifest AS owned ON owned.repository_id = counted.repository_id
                                JOIN manifest ON manifest.id = owned.manifest_id
                               WHERE counted.quota_id = $1),
                used_tags = (SELECT COUNT(*)
                               FROM quota_repository AS counted
                               JOIN tag ON tag.repository_id = counted.repository_id
                              WHERE counted.quota_id = $1)
          WHERE id = $1",
        (quota,),
    )
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_lies_in_each_namespace_above_it() {
        let of = |name| covering(name).collect::<Vec<_>>();
        assert_eq!(of("app"), ["*", "app"]);
        assert_eq!(of("team/sub/app"), ["*", "team", "team/sub", "team/sub/app"]);
    }

    #[test]
    fn little_is_left_from_four_fifths_on() {
        for (limit, used, near) in
            [(None, 9, false), (Some(10), 7, false), (Some(10), 8, true), (Some(0), 0, true)]
        {
            assert_eq!(is_near((limit, used, false)), near, "{used} of {limit:?}");
        }
    }
}
