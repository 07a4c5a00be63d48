//! Writing manifests and tags.

use bytes::Bytes;

use super::admission::Admitted;
use super::{Error, Registry};
use crate::auth::Grant;
use crate::meta::{Lock, Precondition, Protection, PutManifest, Refusal, TagDetails};
use crate::oci::{Action, Algorithm, Digest, Manifest, MediaType, Reference, RepositoryName, Tag};

/// The right to write to a repository.
#[derive(Debug)]
pub struct Push<'r> {
    pub(super) registry: &'r Registry,
    pub(super) grant: Grant,
}

/// A manifest as a client sends it.
#[derive(Clone, Debug)]
pub struct NewManifest {
    /// Where to: a tag, or the digest that it must have.
    pub reference: Reference,
    /// More tags to point at it.
    pub tags: Vec<Tag>,
    /// What the client says that it is.
    pub media_type: Option<MediaType>,
    /// Its bytes.
    pub bytes: Bytes,
    /// What the tag must point at now.
    pub preconditions: Vec<Precondition>,
}

/// A manifest that was stored.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// Its digest.
    pub digest: Digest,
    /// What it is a referrer of.
    pub subject: Option<Digest>,
    /// Tags that point at it now.
    pub tags: Vec<Tag>,
    /// Something that the person who pushes should know.
    pub warnings: Vec<String>,
}

impl<'r> Push<'r> {
    pub(super) fn new(registry: &'r Registry, grant: Grant) -> Self {
        Self { registry, grant }
    }

    /// The repository that is written to.
    #[must_use]
    pub fn repository(&self) -> &RepositoryName {
        self.grant.repository()
    }

    pub(super) fn protected(&self, by: Box<Protection>) -> Error {
        Error::Protected { repository: self.repository().clone(), wanted: "push", by }
    }

    /// Refuses what would be pushed for nothing: the manifest is refused in its transaction, but the blobs come before it.
    pub(super) async fn check_open(&self) -> Result<(), Error> {
        let whole = |lock: &Lock| lock.new.forbidden.write && lock.new.reference.is_none();
        match self.registry.meta.lock_against(self.repository(), whole).await? {
            Some(lock) => Err(self.protected(Box::new(Protection::Lock(lock)))),
            None => Ok(()),
        }
    }

    /// Whoever may sign and not push stores nothing but what refers to something else.
    fn check_right(&self, manifest: &Manifest, tags: &[Tag]) -> Result<(), Error> {
        let signs = tags.iter().all(Tag::is_signature)
            && (manifest.subject().is_some() || !tags.is_empty());
        if self.grant.action() == Action::Push || signs {
            return Ok(());
        }
        Err(Error::OnlySignatures(self.repository().clone()))
    }

    /// Points a tag at a manifest that the repository has.
    pub async fn point(&self, tag: Tag, digest: &Digest) -> Result<Pushed, Error> {
        let reference = Reference::Digest(digest.clone());
        let found = self.registry.meta.find_manifest(self.repository(), &reference).await?;
        let stored = found.ok_or_else(|| Error::ManifestUnknown {
            repository: self.repository().clone(),
            reference: reference.clone(),
        })?;
        self.manifest(NewManifest {
            reference,
            tags: vec![tag],
            media_type: Some(stored.media_type.clone()),
            bytes: stored.body.clone(),
            preconditions: Vec::new(),
        })
        .await
    }

    /// What is known of a tag that was just written.
    pub async fn tag(&self, tag: &Tag) -> Result<TagDetails, Error> {
        let found = self.registry.meta.find_tag(self.repository(), tag).await?;
        found.ok_or_else(|| Error::ManifestUnknown {
            repository: self.repository().clone(),
            reference: tag.clone().into(),
        })
    }

    /// Stores a manifest and points tags at it. What it refers to must be in this repository: whether it exists elsewhere
    /// is not asked, or a manifest would be a way to read a stranger's blob (I4).
    pub async fn manifest(&self, new: NewManifest) -> Result<Pushed, Error> {
        let algorithm = match &new.reference {
            Reference::Digest(digest) => digest.algorithm(),
            Reference::Tag(_) => Algorithm::Sha256,
        };
        let actual = algorithm.digest(&new.bytes);
        let mut tags = Vec::new();
        match new.reference {
            Reference::Digest(expected) if expected != actual => {
                return Err(Error::DigestInvalid { expected, actual });
            }
            Reference::Digest(_) => {}
            Reference::Tag(tag) => tags.push(tag),
        }
        for tag in new.tags {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        let manifest = Manifest::parse(new.bytes, new.media_type.as_ref())?;
        self.check_right(&manifest, &tags)?;
        self.registry.blobs.space().check_push(manifest.bytes().len() as u64).await?;
        let Admitted { mut warnings, hold } =
            self.registry.admit_push(&self.grant, &manifest, &actual, &tags).await?;
        let subject = manifest.subject().map(|subject| subject.digest.clone());
        let put = PutManifest {
            manifest,
            digest: actual.clone(),
            tags: tags.clone(),
            preconditions: new.preconditions,
            require_children: self.registry.config.require_children,
            hold,
        };
        match self.registry.meta.put_manifest(self.repository(), put, self.grant.actor()).await? {
            Err(Refusal::Missing(missing)) => Err(Error::ManifestBlobUnknown(missing)),
            Err(Refusal::Protected(by)) => Err(self.protected(by)),
            Err(Refusal::Precondition { tag, current }) => {
                Err(Error::PreconditionFailed { tag, current })
            }
            Ok(stored) => {
                let missing = stored.missing_children.len();
                let warning = (missing > 0).then(|| {
                    let them =
                        if missing == 1 { "one manifest that is" } else { "manifests that are" };
                    format!(
                        "the index lists {them} not in {}: {missing} missing",
                        self.repository()
                    )
                });
                let held = stored.held.filter(|_| !tags.is_empty());
                let held = held.map(|reason| format!("held back: {reason}"));
                warnings.extend(warning.into_iter().chain(held));
                Ok(Pushed { digest: actual, subject, tags, warnings })
            }
        }
    }
}
