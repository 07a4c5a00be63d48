//! What people look at of a manifest, beside its bytes.

use super::manifest::find_owned;
use super::repository;
use super::tag;
use super::{Error, Meta};
use crate::clock::Timestamp;
use crate::oci::{Digest, RepositoryName, Tag};

/// A manifest as a repository has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestDetails {
    /// The kind of artifact that it is.
    pub artifact_type: Option<String>,
    /// Bytes of all that it describes.
    pub content_bytes: u64,
    /// When it was last pushed to this repository.
    pub pushed_at: Timestamp,
    /// By whom.
    pub pushed_by: String,
    /// What it is a referrer of.
    pub subject: Option<Digest>,
    /// The tags that point at it.
    pub tags: Vec<Tag>,
    /// An index of the repository that lists it, if there is one.
    pub parent: Option<Digest>,
}

impl Meta {
    /// What is known of a manifest; `None` if the repository does not have it.
    pub async fn find_manifest_details(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<ManifestDetails>, Error> {
        let (name, digest) = (name.clone(), digest.clone());
        self.db
            .read(move |tx| {
                let Some(repository) = repository::find(tx, &name)? else { return Ok(None) };
                let Some((id, _)) = find_owned(tx, repository, &digest)? else { return Ok(None) };
                let tags = tag::list_pointing_at(tx, repository, id)?;
                let parent = super::blob::find_parent(tx, repository, &digest)?;
                tx.find(
                    "SELECT manifest.artifact_type, manifest.content_bytes, owned.pushed_at, owned.pushed_by, owned.subject
                       FROM repository_manifest AS owned
                       JOIN manifest ON manifest.id = owned.manifest_id
                      WHERE owned.repository_id = $1
                        AND owned.manifest_id = $2",
                    (repository, id),
                    |row| {
                        Ok(ManifestDetails {
                            artifact_type: row.get("artifact_type")?,
                            content_bytes: row.get("content_bytes")?,
                            pushed_at: row.get("pushed_at")?,
                            pushed_by: row.get("pushed_by")?,
                            subject: row.get("subject")?,
                            tags: tags.clone(),
                            parent: parent.clone(),
                        })
                    },
                )
            })
            .await
    }
}
