//! Manifests and small blobs, of this registry or of another one.

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;

use crate::auth::{AdminError, Principal};
use crate::oci::manifest::Content as Parts;
use crate::oci::{Descriptor, Digest, Manifest, Reference, RepositoryName};
use crate::registry::{self, Registry};
use crate::remote::Repository;
use crate::remote::transfer::Blob;

/// Where an artifact is.
#[derive(Debug)]
pub(super) enum Place<'a> {
    /// A repository of this registry.
    Own { registry: &'a Registry, principal: Principal, name: RepositoryName },
    /// A repository of another one.
    Other(Repository),
}

/// A manifest as it was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) digest: Digest,
    pub(super) manifest: Manifest,
}

fn invalid(error: impl ToString) -> AdminError {
    AdminError::Invalid(error.to_string())
}

fn of_registry(error: registry::Error) -> AdminError {
    match error {
        registry::Error::Meta(error) => AdminError::Meta(error),
        other => invalid(other),
    }
}

impl Place<'_> {
    /// A manifest, if there is one.
    pub(super) async fn manifest(&self, reference: &Reference) -> Result<Option<Read>, AdminError> {
        let (digest, bytes, media_type) = match self {
            Self::Own { registry, principal, name } => {
                let pull = registry.pull_from(principal, name.clone())?;
                match pull.manifest(reference).await {
                    Ok(found) => {
                        (found.digest.clone(), found.body.clone(), Some(found.media_type.clone()))
                    }
                    Err(registry::Error::ManifestUnknown { .. }) => return Ok(None),
                    Err(error) => return Err(of_registry(error)),
                }
            }
            Self::Other(repository) => {
                match repository.find_manifest(reference).await.map_err(invalid)? {
                    Some(found) => (found.digest, found.bytes, found.media_type),
                    None => return Ok(None),
                }
            }
        };
        let manifest = Manifest::parse(bytes, media_type.as_ref()).map_err(invalid)?;
        Ok(Some(Read { digest, manifest }))
    }

    /// A blob of at most so many bytes, checked against its digest.
    pub(super) async fn blob(&self, wanted: &Descriptor, most: u64) -> Result<Bytes, AdminError> {
        let size = wanted.size.unwrap_or(0);
        if size > most {
            let what = format!("{} has {size} bytes, and {most} at most are taken", wanted.digest);
            return Err(AdminError::Invalid(what));
        }
        let bytes = match self {
            Self::Own { registry, principal, name } => {
                let pull = registry.pull_from(principal, name.clone())?;
                let blob = pull.blob(&wanted.digest).await.map_err(of_registry)?;
                if blob.size > most {
                    let what = format!("{} is larger than {most} bytes", wanted.digest);
                    return Err(AdminError::Invalid(what));
                }
                blob.content.read(blob.size).await.map_err(invalid)?
            }
            Self::Other(repository) => {
                let blob = Blob { digest: wanted.digest.clone(), size };
                let mut stream = repository.read_blob(&blob, 0);
                let mut read = BytesMut::new();
                while let Some(piece) = stream.next().await {
                    read.extend_from_slice(&piece.map_err(invalid)?);
                    if read.len() as u64 > most {
                        let what = format!("{} is larger than {most} bytes", wanted.digest);
                        return Err(AdminError::Invalid(what));
                    }
                }
                read.freeze()
            }
        };
        if wanted.digest.algorithm().digest(&bytes) == wanted.digest {
            return Ok(bytes);
        }
        Err(AdminError::Invalid(format!("what came for {} is something else", wanted.digest)))
    }

    /// What refers to a manifest.
    pub(super) async fn referrers(&self, digest: &Digest) -> Result<Vec<Descriptor>, AdminError> {
        match self {
            Self::Own { registry, principal, name } => {
                let pull = registry.pull_from(principal, name.clone())?;
                let page = pull.referrers(digest, None, 0, 1000).await.map_err(of_registry)?;
                let descriptor = |referrer: crate::meta::Referrer| Descriptor {
                    media_type: referrer.media_type,
                    digest: referrer.digest,
                    size: Some(referrer.size),
                    urls: Vec::new(),
                    artifact_type: referrer.artifact_type,
                    annotations: referrer.annotations,
                    platform: None,
                };
                Ok(page.items.into_iter().map(descriptor).collect())
            }
            Self::Other(repository) => {
                Ok(repository.list_referrers(digest).await.map_err(invalid)?)
            }
        }
    }
}

/// The layers of an artifact.
pub(super) fn layers(manifest: &Manifest) -> &[Descriptor] {
    match manifest.content() {
        Parts::Image { layers, .. } => layers,
        Parts::Index { .. } => &[],
    }
}
