//! A repository of a target, whatever kind of place that is.

use std::sync::Arc;

use super::plugin::PluginTarget;
use super::registry::RegistryTarget;
use crate::oci::{Digest, Reference, Tag};
use crate::remote::transfer::{Blob, Source, Target};
use crate::remote::{Error, Fetched, Stored};

/// Where a copy goes.
#[derive(Debug)]
pub(super) enum There {
    Registry(RegistryTarget),
    Plugin(PluginTarget),
}

/// What is under a tag or digest there.
#[derive(Debug)]
pub(super) enum Found {
    Nothing,
    /// Something, whose digest was not told.
    Something,
    This(Digest),
}

impl There {
    pub(super) async fn find(&self, reference: &Reference) -> Result<Found, Error> {
        let digest = match self {
            Self::Registry(target) => match target.there.head_manifest(reference).await? {
                Some(found) => found.digest,
                None => return Ok(Found::Nothing),
            },
            Self::Plugin(target) => match target.find_manifest(reference).await? {
                Some(digest) => Some(digest),
                None => return Ok(Found::Nothing),
            },
        };
        Ok(digest.map_or(Found::Something, Found::This))
    }

    pub(super) async fn delete(&self, reference: &Reference) -> Result<(), Error> {
        match self {
            Self::Registry(target) => target.there.delete_manifest(reference).await.map(drop),
            Self::Plugin(target) => target.delete(reference).await,
        }
    }
}

impl Target for There {
    async fn has_blob(&self, blob: &Blob) -> Result<bool, Error> {
        match self {
            Self::Registry(target) => target.has_blob(blob).await,
            Self::Plugin(target) => target.has_blob(blob).await,
        }
    }

    async fn put_blob<S: Source>(
        &self,
        blob: &Blob,
        source: &S,
        moved: Arc<dyn Fn(u64) + Send + Sync>,
    ) -> Result<Stored, Error> {
        match self {
            Self::Registry(target) => target.put_blob(blob, source, moved).await,
            Self::Plugin(target) => target.put_blob(blob, source, moved).await,
        }
    }

    async fn put_manifest(&self, manifest: &Fetched, tag: Option<&Tag>) -> Result<(), Error> {
        match self {
            Self::Registry(target) => target.put_manifest(manifest, tag).await,
            Self::Plugin(target) => target.put_manifest(manifest, tag).await,
        }
    }

    async fn put_referrer(&self, subject: &Digest, referrer: &Fetched) -> Result<(), Error> {
        match self {
            Self::Registry(target) => target.put_referrer(subject, referrer).await,
            Self::Plugin(target) => target.put_referrer(subject, referrer).await,
        }
    }
}
