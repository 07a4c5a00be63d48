//! A repository of another registry, as the target of a copy.

use std::sync::Arc;

use super::ways::Way;
use crate::meta::{Meta, TargetSettings};
use crate::oci::{Digest, RepositoryName, Tag};
use crate::remote::transfer::{Blob, Source, Target};
use crate::remote::{Error, Fetched, Repository, Stored};

/// Where a copy goes.
#[derive(Debug)]
pub(super) struct RegistryTarget {
    pub(super) meta: Meta,
    /// The target's number.
    pub(super) id: i64,
    pub(super) settings: TargetSettings,
    /// What the repository is called here.
    pub(super) here: RepositoryName,
    pub(super) there: Repository,
    pub(super) way: Way,
}

impl Target for RegistryTarget {
    async fn has_blob(&self, blob: &Blob) -> Result<bool, Error> {
        Ok(self.there.find_blob(&blob.digest).await?.is_some())
    }

    async fn put_blob<S: Source>(
        &self,
        blob: &Blob,
        source: &S,
        moved: Arc<dyn Fn(u64) + Send + Sync>,
    ) -> Result<Stored, Error> {
        let _place = self.way.blobs.acquire().await.expect("the semaphore is never closed");
        // Another repository that went there has it, most likely; if it does not, the registry asks for the bytes.
        let neighbour =
            self.meta.find_replicated_neighbour(self.id, &self.here, &blob.digest).await;
        let neighbour = neighbour.map_err(|error| Error::Layout(error.to_string()))?;
        let neighbour = neighbour.and_then(|name| self.settings.name_there(&name));
        let neighbour = neighbour.filter(|name| name != self.there.name());
        let open = async |from| Ok(self.way.paced(source.open_blob(blob, from).await?));
        self.there.upload_blob(blob, neighbour.as_ref(), open, moved).await
    }

    async fn put_manifest(&self, manifest: &Fetched, tag: Option<&Tag>) -> Result<(), Error> {
        self.there.put_manifest(manifest, tag).await.map(drop)
    }

    async fn put_referrer(&self, subject: &Digest, referrer: &Fetched) -> Result<(), Error> {
        self.there.keep_referrer(subject, referrer).await
    }
}
