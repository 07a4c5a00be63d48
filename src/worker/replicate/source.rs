//! A repository of this registry, as the source of a copy.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;

use crate::blob::{BlobStore, Content};
use crate::meta::Meta;
use crate::oci::{ByteRange, Descriptor, Digest, Reference, RepositoryName};
use crate::remote::transfer::{Blob, Source};
use crate::remote::{BlobStream, Error, Fetched, Registry};
use crate::worker::Worker;

/// What is read from a file at once.
const PIECE: u64 = 128 << 10;

/// Referrers that are read together, and about how many bytes of them.
const REFERRERS: (u64, usize) = (500, 3 << 20);

/// A repository here.
#[derive(Clone, Debug)]
pub(super) struct Here {
    meta: Meta,
    blobs: BlobStore,
    name: RepositoryName,
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Layout(error.to_string())
}

impl Here {
    pub(super) fn new(worker: &Worker, name: RepositoryName) -> Self {
        Self { meta: worker.meta.clone(), blobs: worker.blobs.clone(), name }
    }

    /// A blob, and its size.
    pub(super) async fn open(&self, digest: &Digest) -> Result<(Content, u64), Error> {
        let row = self.meta.find_blob(&self.name, digest).await.map_err(failed)?;
        let row = row.ok_or_else(|| failed(format!("{} has no blob {digest}", self.name)))?;
        if row.is_damaged {
            let what = format!("the blob {digest} is missing or damaged here: push it again");
            return Err(failed(what));
        }
        let content = self.blobs.load(&row.location, row.size).await;
        let content = content.map_err(|error| failed(format!("{digest}: {error}")))?;
        Ok((content, row.size))
    }

    /// A small blob whole, if it is one.
    pub(super) async fn read_small(&self, digest: &Digest) -> Result<Option<Bytes>, Error> {
        const LARGEST: u64 = 4 << 20;
        let Some(size) = self.blob_size(digest).await?.filter(|size| *size <= LARGEST) else {
            return Ok(None);
        };
        let mut stream = self.open_blob(&Blob { digest: digest.clone(), size }, 0).await?;
        let mut whole = BytesMut::new();
        while let Some(piece) = stream.next().await {
            whole.extend_from_slice(&piece?);
        }
        Ok(Some(whole.freeze()))
    }
}

impl Source for Here {
    async fn find_manifest(&self, reference: &Reference) -> Result<Option<Fetched>, Error> {
        let found = self.meta.find_manifest(&self.name, reference).await.map_err(failed)?;
        Ok(found.map(|found| Fetched {
            digest: found.digest.clone(),
            media_type: Some(found.media_type.clone()),
            bytes: found.body.clone(),
        }))
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        let found = self.meta.find_blob(&self.name, digest).await.map_err(failed)?;
        Ok(found.map(|found| found.size))
    }

    async fn open_blob(&self, blob: &Blob, from: u64) -> Result<BlobStream, Error> {
        let (content, size) = self.open(&blob.digest).await?;
        match content {
            Content::File(file) => Ok(read_file(file, from, size)),
            Content::Object(_) if from >= size => Ok(futures::stream::empty().boxed()),
            Content::Object(object) => {
                let stream = object.stream(ByteRange { start: from, end: size }).await;
                let stream = stream.map_err(failed)?;
                Ok(stream.map(|piece| piece.map_err(failed)).boxed())
            }
        }
    }

    async fn list_referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, Error> {
        let (mut found, mut after) = (Vec::new(), 0);
        loop {
            let (limit, bytes) = REFERRERS;
            let page = self.meta.list_referrers(&self.name, subject, None, after, limit, bytes);
            let (page, more) = page.await.map_err(failed)?;
            after = page.last().map_or(after, |last| last.position);
            found.extend(page.into_iter().map(|one| Descriptor {
                media_type: one.media_type,
                digest: one.digest,
                size: Some(one.size),
                urls: Vec::new(),
                artifact_type: one.artifact_type,
                annotations: one.annotations,
                platform: None,
            }));
            if !more {
                return Ok(found);
            }
        }
    }

    /// Blobs are mounted from what the target has, which it knows itself.
    fn repository(&self) -> Option<(&Registry, &RepositoryName)> {
        None
    }
}

/// A file that others read at the same time, from a place on.
fn read_file(file: Arc<File>, from: u64, size: u64) -> BlobStream {
    futures::stream::try_unfold((file, from), move |(file, at)| async move {
        let len = usize::try_from(size.saturating_sub(at).min(PIECE)).unwrap_or(0);
        if len == 0 {
            return Ok(None);
        }
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = BytesMut::zeroed(len);
            file.read_exact_at(&mut piece, at).map(|()| (piece.freeze(), file))
        });
        let (piece, file) = read.await.map_err(failed)?.map_err(failed)?;
        let next = at + piece.len() as u64;
        Ok(Some((piece, (file, next))))
    })
    .boxed()
}
