//! Reading a repository.

use std::sync::Arc;

use super::{Error, Registry};
use crate::auth::Grant;
use crate::blob::{self, Content};
use crate::clock::Timestamp;
use crate::meta::{
    DayOfTraffic, EventKind, Held, Lock, ManifestDetails, Protection, Referrer, RepositoryTagEvent,
    StoredManifest, Subject, Summary, TagDetails, TagEvent,
};
use crate::oci::{Action, Digest, Reference, RepositoryName, Tag};

/// A page of referrers.
const PAGE_BYTES: usize = 3 << 20;

/// The right to read a repository.
#[derive(Debug)]
pub struct Pull<'r> {
    registry: &'r Registry,
    grant: Grant,
}

/// A blob that is whole and may be read.
#[derive(Debug)]
pub struct Blob {
    /// What it holds.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its bytes.
    pub content: Content,
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Whether more follows.
    pub more: bool,
}

impl<T> Page<T> {
    /// A page of a list that was asked for one item more than fit.
    #[must_use]
    pub fn cut(mut items: Vec<T>, limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        Self { items, more }
    }

    /// Where the next page begins, if there is one: behind the last item of this one.
    #[must_use]
    pub fn next<K>(&self, key: impl Fn(&T) -> K) -> Option<K> {
        self.items.last().filter(|_| self.more).map(key)
    }
}

impl<'r> Pull<'r> {
    pub(super) fn new(registry: &'r Registry, grant: Grant) -> Self {
        Self { registry, grant }
    }

    pub(super) fn registry(&self) -> &'r Registry {
        self.registry
    }

    /// The repository that is read.
    #[must_use]
    pub fn repository(&self) -> &RepositoryName {
        self.grant.repository()
    }

    /// Refuses what a lock keeps from being read.
    async fn check_open(&self, is_about: impl Fn(&Lock) -> bool) -> Result<(), Error> {
        let forbids = |lock: &Lock| lock.new.forbidden.read && is_about(lock);
        match self.registry.meta.lock_against(self.repository(), forbids).await? {
            Some(lock) => Err(Error::Protected {
                repository: self.repository().clone(),
                wanted: "pull",
                by: Box::new(Protection::Lock(lock)),
            }),
            None => Ok(()),
        }
    }

    /// Locks in this repository, also those that are over; at most so many, those after the number `after`.
    pub async fn locks(&self, after: i64, limit: u64) -> Result<Page<Lock>, Error> {
        let (meta, wanted) = (&self.registry.meta, limit.saturating_add(1));
        let found = meta.list_locks(Some(self.repository()), after, wanted).await?;
        Ok(Page::cut(found, limit))
    }

    /// A manifest with its bytes.
    pub async fn manifest(&self, reference: &Reference) -> Result<Arc<StoredManifest>, Error> {
        let found = self.find(reference).await?;
        let may = |held: &Held| self.may_scan(reference, held);
        self.unless_held(reference, found, may)
    }

    /// A manifest for whoever looks at it, and pulls nothing: who may let go what is held has to see what it is.
    pub async fn manifest_to_look_at(
        &self,
        reference: &Reference,
    ) -> Result<Arc<StoredManifest>, Error> {
        let found = self.find(reference).await?;
        let actions = self.grant.principal().allowed_on(self.repository());
        self.unless_held(reference, found, |_| actions.has(Action::Manage))
    }

    async fn find(&self, reference: &Reference) -> Result<Arc<StoredManifest>, Error> {
        let found = self.registry.meta.find_manifest(self.repository(), reference).await?;
        let found = found.ok_or_else(|| Error::ManifestUnknown {
            repository: self.repository().clone(),
            reference: reference.clone(),
        })?;
        let digest = Reference::Digest(found.digest.clone());
        self.check_open(|lock| lock.is_about(reference) || lock.is_about(&digest)).await?;
        Ok(found)
    }

    fn unless_held(
        &self,
        reference: &Reference,
        found: Arc<StoredManifest>,
        may: impl Fn(&Held) -> bool,
    ) -> Result<Arc<StoredManifest>, Error> {
        match &found.held {
            Some(held) if !may(held) => Err(Error::Held {
                repository: self.repository().clone(),
                reference: reference.clone(),
                digest: found.digest.clone(),
                reason: held.reason.clone(),
            }),
            _ => Ok(found),
        }
    }

    /// What is held is there for scanners, by digest.
    fn may_scan(&self, reference: &Reference, held: &Held) -> bool {
        let subjects = self.grant.principal().subjects();
        let is_scanner = |subject: &Subject| held.scanners.contains(&subject.to_string());
        matches!(reference, Reference::Digest(_)) && subjects.iter().any(is_scanner)
    }

    /// A manifest for a client, if no plugin has anything against it; with what plugins want to be said.
    pub async fn admitted_manifest(
        &self,
        reference: &Reference,
    ) -> Result<(Arc<StoredManifest>, Vec<String>), Error> {
        let stored = self.manifest(reference).await?;
        let warnings = self.registry.admit_pull(&self.grant, reference, &stored).await?;
        Ok((stored, warnings))
    }

    /// Notes in memory that a manifest was pulled just now, for retention.
    pub fn used(&self, digest: &Digest) {
        let key = (self.repository().clone(), digest.clone());
        self.registry.pulls.lock().insert(key, self.registry.clock.now());
    }

    /// What people look at of a manifest, beside its bytes.
    pub async fn manifest_details(&self, digest: &Digest) -> Result<ManifestDetails, Error> {
        let found = self.registry.meta.find_manifest_details(self.repository(), digest).await?;
        found.ok_or_else(|| Error::ManifestUnknown {
            repository: self.repository().clone(),
            reference: digest.clone().into(),
        })
    }

    /// Counts a pull, for those who ask how much something is used.
    pub fn count(&self) {
        self.registry.meta.note_pull(self.repository());
    }

    /// Pulls and pushes of each day since `since` on which there were any.
    pub async fn traffic(&self, since: Timestamp) -> Result<Vec<DayOfTraffic>, Error> {
        Ok(self.registry.meta.list_traffic(Some(self.repository().clone()), since).await?)
    }

    /// Steps of the history of all tags, the latest first.
    pub async fn history(
        &self,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Page<RepositoryTagEvent>, Error> {
        let limit_and_one = limit.saturating_add(1);
        let events =
            self.registry.meta.list_repository_tag_events(self.repository(), before, limit_and_one);
        Ok(Page::cut(events.await?, limit))
    }

    /// Writes down that a manifest was pulled.
    pub fn note(&self, reference: &Reference, digest: &Digest) {
        self.registry.meta.note_event(
            EventKind::ManifestPull,
            Some(self.repository().clone()),
            Some(reference.to_string()),
            Some(serde_json::json!({ "digest": digest })),
            self.grant.actor().clone(),
        );
    }

    /// A blob, opened: one that is missing or damaged is not announced (I2).
    pub async fn blob(&self, digest: &Digest) -> Result<Blob, Error> {
        let unknown =
            || Error::BlobUnknown { repository: self.repository().clone(), digest: digest.clone() };
        let row =
            self.registry.meta.find_blob(self.repository(), digest).await?.ok_or_else(unknown)?;
        if row.is_damaged {
            return Err(Error::BlobDamaged {
                repository: self.repository().clone(),
                digest: digest.clone(),
            });
        }
        let reference = Reference::Digest(digest.clone());
        self.check_open(|lock| lock.is_about(&reference)).await?;
        // What may be collected soon is kept for as long again: the client may rely on it.
        if let Some(since) = row.loose_since
            && self.registry.clock.now().since(since) > self.registry.grace / 8
            && !self.registry.meta.hold_blob(self.repository(), digest).await?
        {
            return Err(unknown());
        }
        match self.registry.blobs.load(&row.location, row.size).await {
            Ok(content) => Ok(Blob { digest: row.digest.clone(), size: row.size, content }),
            Err(error @ blob::Error::Missing(_)) => {
                tracing::error!(blob.digest = %digest, repo.name = %self.repository(), "{digest}: {error}; push it again");
                Err(unknown())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Up to `limit` tags behind `after`, in the order of their bytes.
    pub async fn tags(&self, after: &str, limit: u64) -> Result<Page<Tag>, Error> {
        let found =
            self.registry.meta.list_tags(self.repository(), after, limit.saturating_add(1)).await?;
        let tags = found.ok_or_else(|| Error::NameUnknown(self.repository().clone()))?;
        Ok(Page::cut(tags, limit))
    }

    /// As [`Pull::tags`], with what is known of each.
    pub async fn tag_details(&self, after: &str, limit: u64) -> Result<Page<TagDetails>, Error> {
        let found = self
            .registry
            .meta
            .list_tag_details(self.repository(), after, limit.saturating_add(1))
            .await?;
        let tags = found.ok_or_else(|| Error::NameUnknown(self.repository().clone()))?;
        Ok(Page::cut(tags, limit))
    }

    /// What is known of one tag.
    pub async fn tag(&self, tag: &Tag) -> Result<TagDetails, Error> {
        let found = self.registry.meta.find_tag(self.repository(), tag).await?;
        found.ok_or_else(|| Error::ManifestUnknown {
            repository: self.repository().clone(),
            reference: tag.clone().into(),
        })
    }

    /// Steps of a tag's history, the latest first; it outlives the tag.
    pub async fn tag_history(
        &self,
        tag: &Tag,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Page<TagEvent>, Error> {
        let limit_and_one = limit.saturating_add(1);
        let events = self
            .registry
            .meta
            .list_tag_events(self.repository(), tag, before, limit_and_one)
            .await?;
        if events.is_empty() && before.is_none() {
            let reference = tag.clone().into();
            return Err(Error::ManifestUnknown {
                repository: self.repository().clone(),
                reference,
            });
        }
        Ok(Page::cut(events, limit))
    }

    /// Up to `limit` referrers of a manifest that need not exist, those behind the position `after`. A page holds about
    /// 3 MiB at most: clients read it like a manifest.
    pub async fn referrers(
        &self,
        subject: &Digest,
        artifact_type: Option<String>,
        after: u64,
        limit: u64,
    ) -> Result<Page<Referrer>, Error> {
        self.check_open(|lock| lock.new.reference.is_none()).await?;
        let meta = &self.registry.meta;
        let page = meta.list_referrers(
            self.repository(),
            subject,
            artifact_type,
            after,
            limit,
            PAGE_BYTES,
        );
        let (items, more) = page.await?;
        Ok(Page { items, more })
    }

    /// What a list of repositories tells of this one.
    pub async fn summary(&self) -> Result<Summary, Error> {
        let found = self.registry.meta.find_repository(self.repository()).await?;
        found.ok_or_else(|| Error::NameUnknown(self.repository().clone()))
    }
}
