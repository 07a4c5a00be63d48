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

    fn settle(&self, deleted: Deleted, unknown: impl FnOnce() -> Error) -> Result<(), Error> {
        match deleted {
            Deleted::Done => Ok(()),
            Deleted::Protected(by) => Err(Error::Protected {
                repository: self.repository().clone(),
                wanted: "delete",
                by,
            }),
            // Whoever asks for what may be needed has looked at that before.
            Deleted::Unknown | Deleted::NeededBy(_) => Err(unknown()),
        }
    }

    /// Removes a tag and nothing else.
    pub async fn tag(&self, tag: &Tag) -> Result<(), Error> {
        self.registry.admit_delete(&self.grant, &tag.clone().into()).await?;
        self.registry.blobs.space().make_room().await;
        let deleted =
            self.registry.meta.delete_tag(self.repository(), tag, self.grant.actor()).await?;
        self.settle(deleted, || Error::ManifestUnknown {
            repository: self.repository().clone(),
            reference: tag.clone().into(),
        })
    }

    /// Removes a manifest and all its tags. One that an index of the repository lists is kept, unless `force`.
    pub async fn manifest(&self, digest: &Digest, force: bool) -> Result<(), Error> {
        self.registry.admit_delete(&self.grant, &Reference::Digest(digest.clone())).await?;
        self.registry.blobs.space().make_room().await;
        let (name, actor) = (self.repository(), self.grant.actor());
        let deleted = self.registry.meta.delete_manifest(name, digest, force, actor).await?;
        if let Deleted::NeededBy(parent) = deleted {
            return Err(Error::InUse { digest: digest.clone(), parent });
        }
        self.settle(deleted, || Error::ManifestUnknown {
            repository: name.clone(),
            reference: Reference::Digest(digest.clone()),
        })
    }

    /// Takes a blob from this repository and no other. One that a manifest needs is kept, unless `force`.
    pub async fn blob(&self, digest: &Digest, force: bool) -> Result<(), Error> {
        self.registry.blobs.space().make_room().await;
        let (name, actor) = (self.repository(), self.grant.actor());
        let deleted = self.registry.meta.delete_blob(name, digest, force, actor).await?;
        if let Deleted::NeededBy(parent) = deleted {
            return Err(Error::InUse { digest: digest.clone(), parent });
        }
        self.settle(deleted, || Error::BlobUnknown {
            repository: name.clone(),
            digest: digest.clone(),
        })
    }

    /// Removes the repository with everything in it.
    pub async fn repository_itself(&self) -> Result<(), Error> {
        self.registry.admit_delete_all(&self.grant).await?;
        self.registry.blobs.space().make_room().await;
        let (name, actor) = (self.repository(), self.grant.actor());
        let deleted = self.registry.meta.delete_repository(name, actor).await?;
        self.settle(deleted, || Error::NameUnknown(name.clone()))
    }
}
