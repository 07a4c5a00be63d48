//! A repository of a data directory on this machine, as a source and as a target: nothing goes over the network.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt as _, stream};

use crate::app::App;
use crate::auth::Principal;
use crate::blob::Content;
use crate::oci::{ByteRange, Descriptor, Digest, Reference, RepositoryName, Tag};
use crate::registry::{self, BodyPart, Mounted, NewManifest, Pull, Push};
use crate::remote::transfer::{Blob, Source, Target};
use crate::remote::{BlobStream, Error, Fetched, Registry, Stored};

/// A repository here.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Own {
    app: Arc<App>,
    principal: Principal,
    name: RepositoryName,
}

/// Referrers that are asked for together.
const PAGE: u64 = 500;
/// Bytes of a blob that are read at once.
const PIECE: u64 = 1 << 20;

fn told(error: impl std::fmt::Display) -> Error {
    Error::Layout(error.to_string())
}

impl Own {
    pub(in crate::cli) async fn new(app: Arc<App>, name: RepositoryName) -> anyhow::Result<Self> {
        let principal = app.auth.machine().await?;
        Ok(Self { app, principal, name })
    }

    fn pull(&self) -> Result<Pull<'_>, Error> {
        self.app.registry.pull_from(&self.principal, self.name.clone()).map_err(told)
    }

    fn push(&self) -> Result<Push<'_>, Error> {
        self.app.registry.push_to(&self.principal, self.name.clone()).map_err(told)
    }

    /// The repository has it from another one, whose bytes are here.
    async fn mount(&self, digest: &Digest) -> Result<bool, Error> {
        if self.app.meta.find_blob_anywhere(digest).await.map_err(told)?.is_none() {
            return Ok(false);
        }
        let push = self.push()?;
        match push.mount(digest, None).await.map_err(told)? {
            Mounted::Yes => Ok(true),
            Mounted::No(upload) => {
                push.cancel(&upload).await.map_err(told)?;
                Ok(false)
            }
        }
    }
}

impl Source for Own {
    async fn find_manifest(&self, reference: &Reference) -> Result<Option<Fetched>, Error> {
        match self.pull()?.manifest(reference).await {
            Ok(found) => Ok(Some(Fetched {
                digest: found.digest.clone(),
                media_type: Some(found.media_type.clone()),
                bytes: found.body.clone(),
            })),
            Err(registry::Error::ManifestUnknown { .. }) => Ok(None),
            Err(error) => Err(told(error)),
        }
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        match self.pull()?.blob(digest).await {
            Ok(blob) => Ok(Some(blob.size)),
            Err(registry::Error::BlobUnknown { .. }) => Ok(None),
            Err(error) => Err(told(error)),
        }
    }

    async fn open_blob(&self, blob: &Blob, from: u64) -> Result<BlobStream, Error> {
        let found = self.pull()?.blob(&blob.digest).await.map_err(told)?;
        match found.content {
            Content::File(file) => Ok(pieces(file, from, found.size)),
            Content::Object(object) => {
                if from >= found.size {
                    return Ok(stream::empty().boxed());
                }
                let range = ByteRange { start: from, end: found.size };
                let opened = object.stream(range).await.map_err(told)?;
                Ok(opened.map(|piece| piece.map_err(told)).boxed())
            }
        }
    }

    async fn list_referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, Error> {
        let (pull, mut found, mut after) = (self.pull()?, Vec::new(), 0);
        loop {
            let page = pull.referrers(subject, None, after, PAGE).await.map_err(told)?;
            for referrer in &page.items {
                after = referrer.position;
                let descriptor = serde_json::json!({
                    "mediaType": referrer.media_type, "digest": referrer.digest, "size": referrer.size,
                    "artifactType": referrer.artifact_type,
                });
                found.push(serde_json::from_value(descriptor).map_err(told)?);
            }
            if !page.more {
                return Ok(found);
            }
        }
    }

    fn repository(&self) -> Option<(&Registry, &RepositoryName)> {
        None
    }
}

/// A file read where it is up to a place, so that two who read it are not in each other's way.
pub(super) fn pieces(file: Arc<std::fs::File>, from: u64, end: u64) -> BlobStream {
    use std::os::unix::fs::FileExt as _;
    stream::try_unfold(from, move |at| {
        let file = Arc::clone(&file);
        async move {
            if at >= end {
                return Ok(None);
            }
            let length = usize::try_from(PIECE.min(end - at)).unwrap_or(usize::MAX);
            let read = tokio::task::spawn_blocking(move || {
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, at).map(|()| Bytes::from(bytes))
            });
            let bytes = read.await.map_err(told)?;
            let bytes =
                bytes.map_err(|cause| Error::Io { what: "cannot read a blob".into(), cause })?;
            let next = at + bytes.len() as u64;
            Ok(Some((bytes, next)))
        }
    })
    .boxed()
}

impl Target for Own {
    async fn has_blob(&self, blob: &Blob) -> Result<bool, Error> {
        match self.pull()?.blob(&blob.digest).await {
            Ok(found) => Ok(found.size == blob.size),
            // What is damaged is mended by what comes.
            Err(registry::Error::BlobUnknown { .. } | registry::Error::BlobDamaged { .. }) => {
                Ok(false)
            }
            Err(error) => Err(told(error)),
        }
    }

    async fn put_blob<S: Source>(
        &self,
        blob: &Blob,
        source: &S,
        moved: Arc<dyn Fn(u64) + Send + Sync>,
    ) -> Result<Stored, Error> {
        if self.mount(&blob.digest).await? {
            return Ok(Stored::Mounted);
        }
        let push = self.push()?;
        if let Some(file) = source.blob_file(blob)
            && push.adopt_blob(&file, &blob.digest).await.map_err(told)?
        {
            // Its bytes were read, to be compared with the digest, and not copied.
            return Ok(Stored::Mounted);
        }
        let mut at = 0;
        let stream = source.open_blob(blob, 0).await?.map(move |piece| {
            piece.inspect(|bytes| {
                at += bytes.len() as u64;
                moved(at);
            })
        });
        let body = BodyPart { stream, range: None, length: Some(blob.size) };
        push.put_blob(body, &blob.digest).await.map_err(told)?;
        Ok(Stored::Transferred)
    }

    async fn put_manifest(&self, manifest: &Fetched, tag: Option<&Tag>) -> Result<(), Error> {
        let new = NewManifest {
            reference: Reference::Digest(manifest.digest.clone()),
            tags: tag.cloned().into_iter().collect(),
            media_type: manifest.media_type.clone(),
            bytes: manifest.bytes.clone(),
            preconditions: Vec::new(),
        };
        self.push()?.manifest(new).await.map(drop).map_err(told)
    }

    async fn put_referrer(&self, _subject: &Digest, _referrer: &Fetched) -> Result<(), Error> {
        Ok(())
    }
}
