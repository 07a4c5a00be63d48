//! What plugins say to what a registry does, before it does it.
//!
//! Where no plugin decides, each of these is one look at one number.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Error, Registry};
use crate::auth::{Grant, Principal};
use crate::meta::{Hold, StoredManifest};
use crate::oci::{Descriptor, Digest, Manifest, Reference, RepositoryName, Tag};
use crate::plugin::{
    AdmissionRequest, CallContext, ImageSource, Operation, Outcome, Person, Plugins,
};

/// What is about to happen.
struct Deed<'a> {
    operation: Operation,
    repository: &'a RepositoryName,
    reference: Option<Reference>,
    target: Option<Descriptor>,
    previous: Option<Descriptor>,
    image: Option<ImageSource>,
    attributes: BTreeMap<String, String>,
}

impl<'a> Deed<'a> {
    fn new(
        operation: Operation,
        repository: &'a RepositoryName,
        reference: Option<&Reference>,
    ) -> Self {
        Self {
            operation,
            repository,
            reference: reference.cloned(),
            target: None,
            previous: None,
            image: None,
            attributes: BTreeMap::new(),
        }
    }
}

/// What plugins said to a push that may go on.
#[derive(Debug, Default)]
pub(super) struct Admitted {
    /// For the client.
    pub(super) warnings: Vec<String>,
    /// Take it, and serve it only when somebody lets it go.
    pub(super) hold: Option<Hold>,
}

/// A manifest as others refer to it.
fn descriptor(manifest: &Manifest, digest: &Digest) -> Descriptor {
    Descriptor {
        media_type: manifest.media_type().clone(),
        digest: digest.clone(),
        size: Some(manifest.bytes().len() as u64),
        urls: Vec::new(),
        artifact_type: manifest.artifact_type().map(str::to_owned),
        annotations: None,
        platform: None,
    }
}

/// Who asks, as plugins see it.
fn context(principal: &Principal) -> CallContext {
    let Some(origin) = principal.origin() else { return CallContext::new("internal") };
    let mut context = CallContext::new(Arc::clone(&origin.request));
    context.traceparent = origin.traceparent.as_deref().map(str::to_owned);
    context.attributes.insert("client.address".into(), origin.address.to_string());
    context
}

impl Registry {
    /// The plugins.
    #[must_use]
    pub fn plugins(&self) -> &Plugins {
        &self.plugins
    }

    async fn ask(
        &self,
        deed: Deed<'_>,
        context: CallContext,
        person: Option<Person>,
    ) -> Result<Vec<String>, Error> {
        let request = AdmissionRequest {
            context,
            operation: deed.operation,
            repository: deed.repository.clone(),
            reference: deed.reference,
            target: deed.target,
            previous: deed.previous,
            person,
            attributes: deed.attributes,
        };
        let verdict = self.plugins.admit(&request, deed.image.as_ref()).await;
        match verdict.outcome {
            Outcome::Allowed => Ok(verdict.warnings),
            Outcome::Denied { plugin, rule, message, detail } => {
                Err(Error::DeniedByPlugin { plugin, rule, message, detail })
            }
            Outcome::Held { plugin, reason } => Err(Error::HeldByPlugin { plugin, reason }),
            Outcome::Unavailable { plugin, error, retry_after } => {
                Err(Error::PluginUnavailable { plugin, error, retry_after })
            }
        }
    }

    async fn ask_for(&self, grant: &Grant, deed: Deed<'_>) -> Result<Vec<String>, Error> {
        let principal = grant.principal();
        self.ask(deed, context(principal), principal.as_person()).await
    }

    fn image(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        manifest: Arc<Manifest>,
        reference: &Reference,
    ) -> ImageSource {
        let (meta, blobs) = (self.meta.clone(), self.blobs.clone());
        ImageSource::in_registry(meta, blobs, name.clone(), digest.clone(), manifest)
            .with_reference(Some(reference.clone()))
    }

    /// Whether a manifest may be stored, and its tags be pointed at it. A plugin that would rather wait has it taken and held
    /// back, as a rule of quarantine does.
    pub(super) async fn admit_push(
        &self,
        grant: &Grant,
        manifest: &Manifest,
        digest: &Digest,
        tags: &[Tag],
    ) -> Result<Admitted, Error> {
        let mut admitted = Admitted::default();
        // What Berth writes beside an image (SBOMs) is no push of anybody: what holds for images would keep it out.
        let asks = |operation| !grant.is_of_task() && self.plugins.decides_about(operation);
        if !asks(Operation::Push) && !asks(Operation::Tag) {
            return Ok(admitted);
        }
        let (name, shared) = (grant.repository(), Arc::new(manifest.clone()));
        let first = tags.first().map_or_else(|| digest.clone().into(), |tag| tag.clone().into());
        let mut deeds = vec![(Operation::Push, first)];
        deeds.extend(tags.iter().map(|tag| (Operation::Tag, tag.clone().into())));
        for (operation, reference) in deeds {
            if !asks(operation) {
                continue;
            }
            let mut deed = Deed::new(operation, name, Some(&reference));
            if let Reference::Tag(_) = &reference {
                let found = self.meta.find_manifest(name, &reference).await?;
                deed.previous = found.map(|found| stored_descriptor(&found));
            }
            deed.target = Some(descriptor(manifest, digest));
            deed.image = Some(self.image(name, digest, Arc::clone(&shared), &reference));
            match self.ask_for(grant, deed).await {
                Ok(warnings) => admitted.warnings.extend(warnings),
                Err(Error::HeldByPlugin { plugin, reason }) => {
                    let by = format!("plugin:{plugin}");
                    admitted.hold.get_or_insert(Hold { by, reason });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(admitted)
    }

    /// Whether a manifest may be read.
    pub(super) async fn admit_pull(
        &self,
        grant: &Grant,
        reference: &Reference,
        stored: &StoredManifest,
    ) -> Result<Vec<String>, Error> {
        if !self.plugins.decides_about(Operation::Pull) {
            return Ok(Vec::new());
        }
        let deed = self.about(Operation::Pull, grant.repository(), reference, stored)?;
        self.ask_for(grant, deed).await
    }

    /// Whether a manifest or a tag may be removed.
    pub(super) async fn admit_delete(
        &self,
        grant: &Grant,
        reference: &Reference,
    ) -> Result<(), Error> {
        if grant.is_of_task() || !self.plugins.decides_about(Operation::Delete) {
            return Ok(());
        }
        // What is not there is told by who removes it.
        let found = self.meta.find_manifest(grant.repository(), reference).await?;
        let Some(stored) = found else { return Ok(()) };
        let deed = self.about(Operation::Delete, grant.repository(), reference, &stored)?;
        self.ask_for(grant, deed).await.map(drop)
    }

    /// Whether a repository may be removed with everything in it.
    pub(super) async fn admit_delete_all(&self, grant: &Grant) -> Result<(), Error> {
        if !self.plugins.decides_about(Operation::Delete) {
            return Ok(());
        }
        let mut deed = Deed::new(Operation::Delete, grant.repository(), None);
        deed.attributes.insert("extent".into(), "repository".into());
        self.ask_for(grant, deed).await.map(drop)
    }

    /// Whether a manifest may be copied to another place, for whoever replicates; `request` is the job's name, `target` that of
    /// the place.
    pub async fn admit_replication(
        &self,
        request: &str,
        repository: &RepositoryName,
        reference: &Reference,
        target: &str,
    ) -> Result<Vec<String>, Error> {
        if !self.plugins.decides_about(Operation::Replicate) {
            return Ok(Vec::new());
        }
        let found = self.meta.find_manifest(repository, reference).await?;
        let stored = found.ok_or_else(|| Error::ManifestUnknown {
            repository: repository.clone(),
            reference: reference.clone(),
        })?;
        let mut deed = self.about(Operation::Replicate, repository, reference, &stored)?;
        deed.attributes.insert("replication.target".into(), target.to_owned());
        self.ask(deed, CallContext::new(request), None).await
    }

    fn about<'a>(
        &self,
        operation: Operation,
        name: &'a RepositoryName,
        reference: &Reference,
        stored: &StoredManifest,
    ) -> Result<Deed<'a>, Error> {
        let manifest = Manifest::parse(stored.body.clone(), Some(&stored.media_type))?;
        let manifest = Arc::new(manifest);
        Ok(Deed {
            target: Some(descriptor(&manifest, &stored.digest)),
            image: Some(self.image(name, &stored.digest, manifest, reference)),
            ..Deed::new(operation, name, Some(reference))
        })
    }
}

fn stored_descriptor(stored: &StoredManifest) -> Descriptor {
    Descriptor {
        media_type: stored.media_type.clone(),
        digest: stored.digest.clone(),
        size: Some(stored.body.len() as u64),
        urls: Vec::new(),
        artifact_type: None,
        annotations: None,
        platform: None,
    }
}
