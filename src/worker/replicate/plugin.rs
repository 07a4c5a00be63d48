//! A repository of wherever a plugin brings content, as the target of a copy.

use std::sync::Arc;

use super::source::Here;
use super::ways::Way;
use crate::oci::{Descriptor, Digest, MediaType, Reference, RepositoryName, Tag};
use crate::plugin::{CallContext, CallError, ReplicationTarget};
use crate::remote::transfer::{Blob, Source, Target};
use crate::remote::{Error, Fetched, Stored};

/// Where a copy goes.
#[derive(Debug)]
pub(super) struct PluginTarget {
    pub(super) target: ReplicationTarget,
    pub(super) context: CallContext,
    /// What the repository is called there.
    pub(super) there: RepositoryName,
    pub(super) here: Here,
    pub(super) way: Way,
}

fn failed(error: CallError) -> Error {
    Error::Layout(error.to_string())
}

fn descriptor(digest: &Digest, media_type: MediaType, size: u64) -> Descriptor {
    Descriptor {
        media_type,
        digest: digest.clone(),
        size: Some(size),
        urls: Vec::new(),
        artifact_type: None,
        annotations: None,
        platform: None,
    }
}

impl PluginTarget {
    pub(super) async fn find_manifest(
        &self,
        reference: &Reference,
    ) -> Result<Option<Digest>, Error> {
        self.target.find_manifest(&self.context, &self.there, reference).await.map_err(failed)
    }

    pub(super) async fn delete(&self, reference: &Reference) -> Result<(), Error> {
        self.target.delete(&self.context, &self.there, reference).await.map_err(failed)
    }
}

impl Target for PluginTarget {
    async fn has_blob(&self, blob: &Blob) -> Result<bool, Error> {
        let asked = std::slice::from_ref(&blob.digest);
        let missing = self.target.missing(&self.context, &self.there, asked).await;
        Ok(!missing.map_err(failed)?.contains(&blob.digest))
    }

    /// The bytes go from the store to the plugin's request without passing through a stream of ours.
    async fn put_blob<S: Source>(
        &self,
        blob: &Blob,
        _source: &S,
        moved: Arc<dyn Fn(u64) + Send + Sync>,
    ) -> Result<Stored, Error> {
        let _place = self.way.blobs.acquire().await.expect("the semaphore is never closed");
        let (content, size) = self.here.open(&blob.digest).await?;
        let octets = "application/octet-stream".parse().expect("a constant is well-formed");
        let described = descriptor(&blob.digest, octets, size);
        self.target
            .put_blob(&self.context, &self.there, &described, content, size)
            .await
            .map_err(failed)?;
        moved(size);
        Ok(Stored::Transferred)
    }

    async fn put_manifest(&self, manifest: &Fetched, tag: Option<&Tag>) -> Result<(), Error> {
        let parsed = manifest.parse()?;
        let size = manifest.bytes.len() as u64;
        let mut described = descriptor(&manifest.digest, parsed.media_type().clone(), size);
        described.artifact_type = parsed.artifact_type().map(str::to_owned);
        let reference = match tag {
            Some(tag) => Reference::Tag(tag.clone()),
            None => Reference::Digest(manifest.digest.clone()),
        };
        let put = self
            .target
            .put_manifest(&self.context, &self.there, &reference, &described, &manifest.bytes)
            .await
            .map_err(failed)?;
        if put == manifest.digest {
            Ok(())
        } else {
            let (expected, origin) = (manifest.digest.clone(), "the target".to_owned());
            Err(Error::DigestMismatch { origin, expected, actual: put })
        }
    }

    /// A plugin sees the subject in the manifest, and lists it as its place needs.
    async fn put_referrer(&self, _subject: &Digest, _referrer: &Fetched) -> Result<(), Error> {
        Ok(())
    }
}
