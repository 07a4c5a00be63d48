//! Bringing back what was deleted.

use super::{Error, Page, Registry};
use crate::auth::Grant;
use crate::meta::{RollBack, TrashEntry, TrashPlace, Undeleted};
use crate::oci::{Digest, Reference, RepositoryName, Tag};

/// The right to bring back what was deleted from a repository: that of pushing to it.
#[derive(Debug)]
pub struct Undo<'r> {
    registry: &'r Registry,
    grant: Grant,
}

/// What is there again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The manifest.
    pub digest: Digest,
    /// Tags that point at it again.
    pub tags: Vec<Tag>,
}

impl<'r> Undo<'r> {
    pub(super) fn new(registry: &'r Registry, grant: Grant) -> Self {
        Self { registry, grant }
    }

    fn repository(&self) -> &RepositoryName {
        self.grant.repository()
    }

    fn answer(&self, undeleted: Undeleted, what: Reference) -> Result<Restored, Error> {
        let repository = self.repository().clone();
        match undeleted {
            Undeleted::Done { digest, tags } => Ok(Restored { digest, tags }),
            Undeleted::Unknown => Err(Error::NotInTrash { repository, reference: what }),
            Undeleted::Exists(digest) => {
                Err(Error::IsThere { repository, reference: what, digest })
            }
            Undeleted::Missing(missing) => Err(Error::CannotRestore(missing)),
            Undeleted::Protected(by) => Err(Error::Protected { repository, wanted: "push", by }),
        }
    }

    /// Brings back a tag that was deleted, or a manifest with the tags that went with it.
    pub async fn undelete(&self, what: Reference) -> Result<Restored, Error> {
        let (meta, actor) = (&self.registry.meta, self.grant.actor());
        let undeleted = match &what {
            Reference::Tag(tag) => meta.undelete_tag(self.repository(), tag, actor).await?,
            Reference::Digest(digest) => {
                meta.undelete_manifest(self.repository(), digest, actor).await?
            }
        };
        self.answer(undeleted, what)
    }

    /// Points a tag where it pointed before.
    pub async fn roll_back(&self, tag: &Tag, back: RollBack) -> Result<Restored, Error> {
        let (meta, actor) = (&self.registry.meta, self.grant.actor());
        let undeleted = meta.roll_back_tag(self.repository(), tag, back, actor).await?;
        self.answer(undeleted, tag.clone().into())
    }

    /// What can be brought back, the latest first.
    pub async fn list(
        &self,
        behind: Option<TrashPlace>,
        limit: u64,
    ) -> Result<Page<TrashEntry>, Error> {
        let (meta, limit_and_one) = (&self.registry.meta, limit.saturating_add(1));
        let found = meta.list_trash(Some(self.repository()), behind, limit_and_one).await?;
        Ok(Page::cut(found, limit))
    }
}
