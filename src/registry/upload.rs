//! Writing blobs: upload sessions, single requests, mounts.
//!
//! Work on a session goes on in a task of its own when the request that asked for it is dropped, so that a client that
//! hangs up leaves neither a half-counted chunk nor a half-finished blob.

use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::sessions::Held;
use super::{Error, Push, Registry, leftovers};
use crate::auth::Grant;
use crate::blob::{self, Append, BodyError, Session};
use crate::meta::{CommittedBlob, Location, NewBlob};
use crate::oci::{Algorithm, ContentRange, Digest, RepositoryName, UploadId};
use bytes::Bytes;
use futures::Stream;

/// A request's body and what its headers say of it.
#[derive(Debug)]
pub struct BodyPart<S> {
    /// The bytes.
    pub stream: S,
    /// `Content-Range`: where the chunk belongs.
    pub range: Option<ContentRange>,
    /// `Content-Length`.
    pub length: Option<u64>,
}

/// What came of asking for a mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mounted {
    /// The repository has the blob now.
    Yes,
    /// It could not be found where the principal may read: a session was started, to push it.
    No(UploadId),
}

impl Push<'_> {
    /// Starts an upload session; `algorithm` is what the client hints that it will close with.
    pub async fn start_upload(&self, algorithm: Algorithm) -> Result<UploadId, Error> {
        self.check_open().await?;
        self.registry.blobs.space().check_push(0).await?;
        self.registry.check_quota(self.repository(), None, 0).await?;
        self.registry.sessions.start(&self.grant, algorithm).await
    }

    /// Gives this repository a blob that another one has, without its bytes being sent again. Only repositories that the
    /// principal may pull from are looked at, or a mount would tell what strangers have.
    pub async fn mount(
        &self,
        digest: &Digest,
        from: Option<RepositoryName>,
    ) -> Result<Mounted, Error> {
        self.check_open().await?;
        let sources = match from {
            Some(source) => vec![source],
            None => self.registry.meta.list_blob_owners(digest, 32).await?,
        };
        for source in sources {
            let Ok(pull) = self.registry.pull_from(self.grant.principal(), source) else {
                continue;
            };
            if pull.blob(digest).await.is_err() {
                continue;
            }
            let meta = &self.registry.meta;
            if meta
                .mount_blob(pull.repository(), self.repository(), digest, self.grant.actor())
                .await?
            {
                return Ok(Mounted::Yes);
            }
        }
        self.start_upload(digest.algorithm()).await.map(Mounted::No)
    }

    /// Bytes that a session has.
    pub async fn upload_size(&self, id: &UploadId) -> Result<u64, Error> {
        Ok(self.registry.sessions.hold(&self.grant, id).await?.session().size())
    }

    /// Appends a chunk to a session; returns the bytes that it has now.
    pub async fn append<S, E>(&self, id: &UploadId, body: BodyPart<S>) -> Result<u64, Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin + Send + 'static,
        E: Into<BodyError> + Send + 'static,
    {
        let mut held = self.registry.sessions.hold(&self.grant, id).await?;
        let (registry, id) = (self.registry.clone(), id.clone());
        let size = held.session().size().saturating_add(body.length.unwrap_or(0));
        registry.check_quota(self.repository(), None, size).await?;
        let name = self.repository().clone();
        on_its_own(async move {
            registry.append(&id, &mut held, body).await?;
            let size = held.session().size();
            registry.check_quota(&name, None, size).await?;
            Ok(size)
        })
        .await
    }

    /// Closes a session, perhaps with a last chunk: what it has becomes a blob of this repository.
    ///
    /// # Errors
    /// A chunk that is out of order leaves the session as it was; a wrong digest ends it.
    pub async fn finish<S, E>(
        &self,
        id: &UploadId,
        body: BodyPart<S>,
        digest: &Digest,
    ) -> Result<(), Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin + Send + 'static,
        E: Into<BodyError> + Send + 'static,
    {
        self.check_open().await?;
        let mut held = self.registry.sessions.hold(&self.grant, id).await?;
        let (registry, id) = (self.registry.clone(), id.clone());
        let (digest, grant) = (digest.clone(), self.grant.clone());
        let size = held.session().size().saturating_add(body.length.unwrap_or(0));
        on_its_own(async move {
            let full = registry.check_quota(grant.repository(), Some(&digest), size).await;
            if let Err(error) = full {
                registry.end(&id, &mut held).await?;
                return Err(error);
            }
            registry.append(&id, &mut held, body).await?;
            let result = match registry.blobs.verify(&id, held.session(), &digest).await {
                Ok(()) => registry.commit(&id, held.session(), &digest, &grant, true).await,
                Err(error) => Err(error.into()),
            };
            match result {
                Ok(()) => {
                    held.end();
                    registry.sessions.forget(&id);
                    Ok(())
                }
                // What was received is not what was meant, or is not there any more.
                Err(
                    error @ (Error::DigestInvalid { .. }
                    | Error::Quota(_)
                    | Error::Blob(blob::Error::Lost { .. })),
                ) => {
                    registry.end(&id, &mut held).await?;
                    Err(error)
                }
                // Whether its row was written is not known.
                Err(error @ (Error::Meta(_) | Error::Full(_))) => {
                    held.rest();
                    Err(error)
                }
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Stores a blob that comes in one request.
    pub async fn put_blob<S, E>(&self, body: BodyPart<S>, digest: &Digest) -> Result<(), Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin + Send + 'static,
        E: Into<BodyError> + Send + 'static,
    {
        self.check_open().await?;
        if self.registry.blobs.needs_row() {
            let id = self.start_upload(digest.algorithm()).await?;
            let finished = self.finish(&id, body, digest).await;
            if finished.is_err() {
                // What cannot be removed now is found through its row, when it expires.
                let _ = self.cancel(&id).await;
            }
            return finished;
        }
        let (registry, digest, grant) = (self.registry.clone(), digest.clone(), self.grant.clone());
        registry.check_quota(grant.repository(), Some(&digest), body.length.unwrap_or(0)).await?;
        let append = Append { exactly: None, announced: body.length };
        on_its_own(async move {
            let id = UploadId::random();
            let mut session = Session::new(digest.algorithm());
            let received = registry.blobs.append(&id, &mut session, body.stream, append).await;
            let received = match received {
                Ok(()) => registry.blobs.verify(&id, &session, &digest).await,
                Err(error) => Err(error),
            };
            if let Err(error) = received {
                registry.blobs.abandon(&id, Some(&session)).await?;
                return Err(error.into());
            }
            // From here on a failure may have come after the row: what is left is for the sweep, which asks the database.
            let committed = registry.commit(&id, &mut session, &digest, &grant, false).await;
            if matches!(committed, Err(Error::Quota(_))) {
                leftovers::discard(&registry.meta, &registry.blobs, &id, Some(&session)).await?;
            }
            committed
        })
        .await
    }

    /// Takes over a file on this machine as a blob, without copying its bytes; they are read, and compared with the digest.
    /// Says whether that could be done: `false` where the file lies on another file system, or blobs lie in a bucket.
    pub async fn adopt_blob(&self, file: &Path, digest: &Digest) -> Result<bool, Error> {
        self.check_open().await?;
        let (registry, digest, grant) = (self.registry.clone(), digest.clone(), self.grant.clone());
        let (id, file) = (UploadId::random(), file.to_owned());
        on_its_own(async move {
            if !registry.blobs.adopt(&id, &file).await? {
                return Ok(false);
            }
            let mut session = Session::new(digest.algorithm());
            let mut read = registry.blobs.resume(&id, &mut session).await;
            if read.is_ok() {
                read = registry.blobs.verify(&id, &session, &digest).await;
            }
            if let Err(error) = read {
                registry.blobs.abandon(&id, Some(&session)).await?;
                return Err(error.into());
            }
            registry.commit(&id, &mut session, &digest, &grant, false).await?;
            Ok(true)
        })
        .await
    }

    /// Cancels a session; what it has is removed.
    pub async fn cancel(&self, id: &UploadId) -> Result<(), Error> {
        let mut held = self.registry.sessions.hold(&self.grant, id).await?;
        let (registry, id) = (self.registry.clone(), id.clone());
        on_its_own(async move { registry.end(&id, &mut held).await }).await
    }
}

impl Registry {
    async fn append<S, E>(
        &self,
        id: &UploadId,
        held: &mut Held,
        body: BodyPart<S>,
    ) -> Result<(), Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin + Send,
        E: Into<BodyError>,
    {
        let session = held.session();
        if let Some(range) = body.range {
            if range.first != session.size() {
                return Err(Error::ChunkOutOfOrder { upload: id.clone(), offset: session.size() });
            }
            if let Some(length) = body.length.filter(|length| *length != range.len()) {
                return Err(Error::SizeInvalid { expected: range.len(), actual: length });
            }
        }
        let append = Append { exactly: body.range.map(ContentRange::len), announced: body.length };
        let before = session.size();
        let result = self.blobs.append(id, session, body.stream, append).await;
        if session.size() != before {
            self.sessions.save(id, session);
        }
        if matches!(result, Err(blob::Error::Lost { .. })) {
            self.end(id, held).await?;
        }
        Ok(result?)
    }

    /// Fails if so many bytes more do not fit into a quota; what is known to count already (by its digest) needs no more room.
    async fn check_quota(
        &self,
        name: &RepositoryName,
        digest: Option<&Digest>,
        size: u64,
    ) -> Result<(), Error> {
        match self.meta.find_full_quota(name, digest, size).await? {
            Some(exceeded) => Err(Error::Quota(Box::new(exceeded))),
            None => Ok(()),
        }
    }

    /// Makes verified bytes a blob: bytes first, then the row that makes them visible; what the row does not need is
    /// removed after it.
    async fn commit(
        &self,
        id: &UploadId,
        session: &mut Session,
        digest: &Digest,
        grant: &Grant,
        has_row: bool,
    ) -> Result<(), Error> {
        self.check_quota(grant.repository(), Some(digest), session.size()).await?;
        let (blob, unneeded) = loop {
            let (location, broken, is_reused) = match self.stored(digest).await? {
                Stored::Whole(location) => (location, None, true),
                Stored::Broken(location) => {
                    (self.blobs.finish(id, session, digest).await?, Some(location), false)
                }
                Stored::Not => (self.blobs.finish(id, session, digest).await?, None, false),
            };
            let size = session.size();
            let blob = NewBlob { digest: digest.clone(), size, location, is_reused, broken };
            let upload = has_row.then(|| id.clone());
            let (name, meta) = (grant.repository(), &self.meta);
            match meta.commit_blob(name, blob.clone(), upload, grant.actor()).await? {
                CommittedBlob::Done { unneeded } => break (blob, unneeded),
                // What was there has just been collected: the upload's own bytes are still here.
                CommittedBlob::Gone => {}
            }
        };
        let location = blob.location;
        // From here on the blob is there. What fails now only leaves something for the sweep to remove.
        if blob.is_reused && has_row {
            // Its own bytes, while its row tells of them.
            self.blobs.abandon(id, Some(session)).await?;
            self.meta.delete_upload(id).await?;
        }
        if let Some(unneeded) = unneeded {
            if let Err(error) = self.blobs.delete(&unneeded).await {
                tracing::error!(%error, "could not remove {}: {error}", unneeded.as_str());
            } else if has_row && unneeded == location {
                self.meta.delete_upload(id).await?;
            }
        }
        if let Err(error) = self.blobs.settle(id).await {
            tracing::error!(%error, upload.id = %id, "could not remove an upload that has ended: {error}");
        }
        Ok(())
    }

    async fn stored(&self, digest: &Digest) -> Result<Stored, Error> {
        let Some(blob) = self.meta.find_blob_anywhere(digest).await? else {
            return Ok(Stored::Not);
        };
        if blob.is_damaged {
            return Ok(Stored::Broken(blob.location));
        }
        match self.blobs.load(&blob.location, blob.size).await {
            Ok(_) => Ok(Stored::Whole(blob.location)),
            Err(blob::Error::Missing(location)) => Ok(Stored::Broken(location)),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends a session that becomes no blob. The files go first: a row without files is read again and ended, files
    /// without a row wait for the next start.
    async fn end(&self, id: &UploadId, held: &mut Held) -> Result<(), Error> {
        leftovers::discard(&self.meta, &self.blobs, id, Some(held.session())).await?;
        self.meta.delete_upload(id).await?;
        held.end();
        self.sessions.forget(id);
        Ok(())
    }
}

/// What is known of a digest, whoever owns it.
enum Stored {
    /// The bytes are there: a second copy is not needed.
    Whole(Location),
    /// A row names bytes that are missing or damaged: this upload mends it (I2).
    Broken(Location),
    Not,
}

/// Runs work to its end even when the request that waits for it is dropped. Until then it runs in the request's own task:
/// the bytes of a large upload need no second task to be woken for each of its pieces.
pub(super) async fn on_its_own<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    OnItsOwn(Some(Box::pin(work))).await
}

type Work<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// Work that goes on elsewhere when nobody waits for it any more.
struct OnItsOwn<T: Send + 'static>(Option<Work<T>>);

impl<T: Send + 'static> Future for OnItsOwn<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // Taken out while it runs: work that panics is not handed on.
        let mut work = self.0.take().expect("work that has ended is not polled again");
        let result = work.as_mut().poll(context);
        if result.is_pending() {
            self.0 = Some(work);
        }
        result
    }
}

impl<T: Send + 'static> Drop for OnItsOwn<T> {
    fn drop(&mut self) {
        if let (Some(work), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}
