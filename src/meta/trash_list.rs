//! What is in the trash, and how much.

use super::tx::Row;
use super::{Error, Meta};
use crate::clock::Timestamp;
use crate::oci::{Digest, RepositoryName, Tag};

/// Something that can be brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrashEntry {
    /// Its place in the list.
    pub position: TrashPlace,
    /// Where it was.
    pub repository: RepositoryName,
    /// The tag; `None` for a manifest.
    pub tag: Option<Tag>,
    /// What the tag pointed at, or the manifest.
    pub digest: Digest,
    /// Bytes of the manifest and of what it describes.
    pub size_bytes: u64,
    /// `moved` or `deleted`.
    pub reason: String,
    /// When.
    pub deleted_at: Timestamp,
    /// By whom.
    pub deleted_by: String,
}

/// Where an entry stands in a list of the trash: the latest come first, tags before manifests of the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrashPlace {
    /// When it was deleted.
    pub at: Timestamp,
    /// The row.
    pub id: i64,
}

/// How much there is in the trash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrashCount {
    /// Tags that were moved or deleted.
    pub tags: u64,
    /// Manifests that were deleted.
    pub manifests: u64,
}

fn entry(row: &Row<'_>) -> Result<TrashEntry, Error> {
    Ok(TrashEntry {
        position: TrashPlace { at: row.get("deleted_at")?, id: row.get("place")? },
        repository: row.get("repository")?,
        tag: row.get("tag")?,
        digest: row.get("digest")?,
        size_bytes: row.get::<u64>("content_bytes")? + row.get::<u64>("body_bytes")?,
        reason: row.get("reason")?,
        deleted_at: row.get("deleted_at")?,
        deleted_by: row.get("deleted_by")?,
    })
}

impl Meta {
    /// Up to `limit` entries of the trash, the latest first, those behind a place; of one repository or of all.
    pub async fn list_trash(
        &self,
        repository: Option<&RepositoryName>,
        behind: Option<TrashPlace>,
        limit: u64,
    ) -> Result<Vec<TrashEntry>, Error> {
        let name = repository.map(|name| name.as_str().to_owned());
        let behind =
            behind.unwrap_or(TrashPlace { at: Timestamp::from_millis(i64::MAX), id: i64::MAX });
        self.db
            .read(move |tx| {
                // Manifests have negative places, so that tags come before them.
                tx.query(
                    "SELECT trash.id AS place, repository.name AS repository, trash.name AS tag, manifest.digest,
                            manifest.content_bytes, length(manifest.body) AS body_bytes, trash.reason,
                            trash.deleted_at, trash.deleted_by
                       FROM trash_tag AS trash
                       JOIN repository ON repository.id = trash.repository_id
                       JOIN manifest ON manifest.id = trash.manifest_id
                      WHERE ($1 IS NULL OR repository.name = $1)
                        AND (trash.deleted_at < $2 OR (trash.deleted_at = $2 AND trash.id < $3))
                      UNION ALL
                     SELECT -trash.manifest_id AS place, repository.name AS repository, NULL AS tag, manifest.digest,
                            manifest.content_bytes, length(manifest.body) AS body_bytes, 'deleted' AS reason,
                            trash.deleted_at, trash.deleted_by
                       FROM trash_manifest AS trash
                       JOIN repository ON repository.id = trash.repository_id
                       JOIN manifest ON manifest.id = trash.manifest_id
                      WHERE ($1 IS NULL OR repository.name = $1)
                        AND (trash.deleted_at < $2 OR (trash.deleted_at = $2 AND -trash.manifest_id < $3))
                      ORDER BY deleted_at DESC, place DESC
                      LIMIT $4",
                    (&name, behind.at, behind.id, limit),
                    entry,
                )
            })
            .await
    }

    /// How much of the trash was deleted before a moment.
    pub async fn count_old_trash(&self, before: Timestamp) -> Result<u64, Error> {
        self.db
            .read(move |tx| {
                let found = tx.find(
                    "SELECT (SELECT COUNT(*) FROM trash_tag WHERE deleted_at <= $1)
                            + (SELECT COUNT(*) FROM trash_manifest WHERE deleted_at <= $1) AS number",
                    (before,),
                    |row| row.get("number"),
                )?;
                Ok(found.unwrap_or_default())
            })
            .await
    }

    /// How much there is in the trash.
    pub async fn count_trash(&self) -> Result<TrashCount, Error> {
        self.db
            .read(|tx| {
                let found = tx.find(
                    "SELECT (SELECT COUNT(*) FROM trash_tag) AS tags,
                            (SELECT COUNT(*) FROM trash_manifest) AS manifests",
                    (),
                    |row| {
                        Ok(TrashCount { tags: row.get("tags")?, manifests: row.get("manifests")? })
                    },
                )?;
                Ok(found.unwrap_or_default())
            })
            .await
    }
}
