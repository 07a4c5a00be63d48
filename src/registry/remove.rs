//! Removing from a repository.

use super::{Error, Registry};
use crate::auth::Grant;
use crate::meta::Deleted;
use crate::oci::{Digest, Reference, RepositoryName, Tag};

/// The right to remove from a repository.
#[derive(Debug)]
pub struct Remove<'r> {
    registry: &'r Registry,
    grant: Grant,
}

impl<'r> Remove<'r> {
    pub(super) fn new(registry: &'r Registry, grant: Grant) -> Self {
        Self { registry, grant }
    }

    fn repository(&self) -> &RepositoryName {
        self.grant.repository()
    }

    /// Removes a tag and nothing else.
    pub async fn tag(&self, tag: &Tag) -> Result<(), Error> {
        self.registry.admit_delete(&self.grant, &tag.clone().into()).await?;
        self.registry.blobs.space().make_room().await;
        if self.registry.meta.delete_tag(self.repository(), tag, self.grant.actor()).await? {
            return Ok(());
        }
        Err(Error::ManifestUnknown {
            repository: self.repository().clone(),
            reference: tag.clone().into(),
        })
    }

    /// Removes a manifest and all its tags. One that an index of the repository lists is kept, unless `force`.
    pub async fn manifest(&self, digest: &Digest, force: bool) -> Result<(), Error> {
        self.registry.admit_delete(&self.grant, &Reference::Digest(digest.clone())).await?;
        self.registry.blobs.space().make_room().await;
        match self
            .registry
            .meta
            .delete_manifest(self.repository(), digest, force, self.grant.actor())
            .await?
        {
            Deleted::Done => Ok(()),
            Deleted::NeededBy(parent) => Err(Error::InUse { digest: digest.clone(), parent }),
            Deleted::Unknown => {
                let reference = Reference::Digest(digest.clone());
                Err(Error::ManifestUnknown { repository: self.repository().clone(), reference })
            }
        }
    }

    /// Takes a blob from this repository and no other. One that a manifest needs is kept, unless `force`.
    pub async fn blob(&self, digest: &Digest, force: bool) -> Result<(), Error> {
        self.registry.blobs.space().make_room().await;
        match self
            .registry
            .meta
            .delete_blob(self.repository(), digest, force, self.grant.actor())
            .await?
        {
            Deleted::Done => Ok(()),
            Deleted::NeededBy(parent) => Err(Error::InUse { digest: digest.clone(), parent }),
            Deleted::Unknown => Err(Error::BlobUnknown {
                repository: self.repository().clone(),
                digest: digest.clone(),
            }),
        }
    }

    /// Removes the repository with everything in it.
    pub async fn repository_itself(&self) -> Result<(), Error> {
        self.registry.admit_delete_all(&self.grant).await?;
        self.registry.blobs.space().make_room().await;
        if self.registry.meta.delete_repository(self.repository(), self.grant.actor()).await? {
            return Ok(());
        }
        Err(Error::NameUnknown(self.repository().clone()))
    }
}
