//! Blobs: bytes by digest. This room knows files and buckets; it does not know repositories, nor who may read what.
//!
//! An upload is a list of parts. On a filesystem every request appends to one file, which gets the blob's name in the end;
//! in a bucket each request is an object of its own, and a blob of one part is that object. What a finished upload is
//! called (its [`Location`]) is new each time, so that a deletion can only ever remove the object that it means.
//!
//! Two stores do the work: [`local`] for a directory, [`object`] for everything that `OpenDAL` reaches.

mod bucket_error;
mod buffers;
mod check;
mod depot;
mod directories;
mod error;
mod hasher;
mod listing;
mod local;
mod object;
mod probe;
mod redirect;
mod session;
mod space;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use futures::{Stream, TryStreamExt as _};

pub use crate::meta::Location;
pub use bucket_error::BucketError;
pub use check::Check;
pub use depot::{Bytestream, Depot, Kept};
pub use error::{BodyError, Error};
pub use listing::StoredObject;
pub use object::{Finding, ObjectReader, OpenMultipart};
pub use probe::{Probe, Step};
pub use redirect::Asker;
pub use session::Session;
pub use space::{Free, Space};

use local::LocalStore;
use object::ObjectStore;

use crate::config::{Backend, Storage};
use crate::oci::{ByteRange, Digest, UploadId};
use crate::secret::Secret;

/// All uploads together hold at most about this many received bytes that are not written yet.
const UNWRITTEN_BYTES: usize = 24 << 20;

/// A store of blobs; clones share it.
#[derive(Clone, Debug)]
pub struct BlobStore {
    store: Store,
    space: Arc<Space>,
    active: Arc<AtomicUsize>,
}

#[derive(Clone, Debug)]
enum Store {
    Local(LocalStore),
    Object(Arc<ObjectStore>),
}

/// A blob that was found whole, ready to be read.
#[derive(Clone, Debug)]
pub enum Content {
    /// A file. While this is held its bytes stay readable, even when it is deleted.
    File(Arc<std::fs::File>),
    /// An object in a bucket.
    Object(ObjectReader),
}

impl Content {
    /// All of it, for what is known to be small.
    pub async fn read(self, size: u64) -> std::io::Result<Bytes> {
        match self {
            Self::File(file) => {
                let length = usize::try_from(size).map_err(std::io::Error::other)?;
                let read = move || {
                    let mut bytes = vec![0; length];
                    std::os::unix::fs::FileExt::read_exact_at(&*file, &mut bytes, 0)?;
                    Ok(bytes.into())
                };
                tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other)?
            }
            Self::Object(object) => {
                let range = ByteRange { start: 0, end: size };
                let pieces = object.stream(range).await.map_err(std::io::Error::other)?;
                let whole = pieces.try_fold(BytesMut::new(), |mut whole, piece| async move {
                    whole.extend_from_slice(&piece);
                    Ok(whole)
                });
                Ok(whole.await?.freeze())
            }
        }
    }
}

/// What is to happen with one request's body.
#[derive(Clone, Copy, Debug, Default)]
pub struct Append {
    /// The length that it must have; a body of another one leaves the upload as it was.
    pub exactly: Option<u64>,
    /// The length that the client announced, for the free space.
    pub announced: Option<u64>,
}

impl BlobStore {
    /// Opens the store that the configuration names. This blocks: call it before serving.
    pub fn open(config: &Storage, probe: Probe) -> Result<Self, Error> {
        let store = match config.backend {
            Backend::Fs => Store::Local(LocalStore::open(&config.data, probe)?),
            _ => Store::Object(Arc::new(ObjectStore::open(config, probe)?)),
        };
        let space = Arc::new(Space::open(&config.data, config.reserve)?);
        Ok(Self { store, space, active: Arc::default() })
    }

    /// The disk that the data directory lies on.
    #[must_use]
    pub fn space(&self) -> &Arc<Space> {
        &self.space
    }

    /// Uploads that are receiving bytes now.
    #[must_use]
    pub fn active_uploads(&self) -> usize {
        self.active.load(Ordering::Relaxed)
    }

    /// Appends a request's body to an upload while hashing it.
    ///
    /// When the body breaks off, what arrived before counts: `session` is ahead by it, and the error says why it ended.
    /// When it is of another length than `append.exactly`, or the store fails, the session is as it was.
    pub async fn append<S, E>(
        &self,
        id: &UploadId,
        session: &mut Session,
        body: S,
        append: Append,
    ) -> Result<(), Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin + Send,
        E: Into<BodyError>,
    {
        self.space.check_push(append.announced.or(append.exactly).unwrap_or(0)).await?;
        let _active = Active::begin(&self.active);
        match &self.store {
            Store::Local(local) => {
                let batch = || {
                    let uploads = self.active.load(Ordering::Relaxed).max(1);
                    (UNWRITTEN_BYTES / (2 * uploads)).clamp(32 << 10, 1 << 20)
                };
                local.append(id, session, body, append, batch, &self.space).await
            }
            Store::Object(object) => object.append(id, session, body, append, &self.space).await,
        }
    }

    /// Brings a session that was read from the database in line with what the store really has.
    pub async fn resume(&self, id: &UploadId, session: &mut Session) -> Result<(), Error> {
        match &self.store {
            Store::Local(local) => local.resume(id, session).await,
            Store::Object(object) => object.resume(id, session).await,
        }
    }

    /// Makes a file on this machine an upload without copying its bytes: by a second name, or as a clone where the file
    /// system can share bytes. Says whether it could; if not, nothing is left.
    pub async fn adopt(&self, id: &UploadId, file: &Path) -> Result<bool, Error> {
        match &self.store {
            Store::Local(local) => local.adopt(id, file).await,
            Store::Object(_) => Ok(false),
        }
    }

    /// Compares what was received with `digest`, without moving anything. Reads it all again only if it was hashed with
    /// another algorithm.
    pub async fn verify(
        &self,
        id: &UploadId,
        session: &Session,
        digest: &Digest,
    ) -> Result<(), Error> {
        let actual = if session.hasher.algorithm() == digest.algorithm() {
            session.hasher.digest()
        } else {
            match &self.store {
                Store::Local(local) => local.rehash(id, session.size, digest.algorithm()).await?,
                Store::Object(object) => object.rehash(session, digest.algorithm()).await?,
            }
        };
        if actual == *digest {
            Ok(())
        } else {
            Err(Error::DigestMismatch { expected: digest.clone(), actual })
        }
    }

    /// Makes a verified upload a durable blob and says where it is. No row names it yet: if we stop here, it is garbage.
    /// In a bucket nothing else of the upload is left then.
    pub async fn finish(
        &self,
        id: &UploadId,
        session: &mut Session,
        digest: &Digest,
    ) -> Result<Location, Error> {
        match &self.store {
            Store::Local(local) => local.finish(id, session.size, digest).await,
            Store::Object(object) => object.finish(id, session, digest).await,
        }
    }

    /// Whether a session's row must be written before its first byte: in a bucket, leftovers are found through rows alone.
    #[must_use]
    pub fn needs_row(&self) -> bool {
        matches!(self.store, Store::Object(_))
    }

    /// Reads a blob that was found, from its beginning to its end: for copies of it, which are in no hurry.
    pub async fn read(content: &Content, size: u64) -> Result<Bytestream, Error> {
        match content {
            Content::File(file) => Ok(depot::read_file(Arc::clone(file), size)),
            Content::Object(object) => {
                let all = crate::oci::ByteRange { start: 0, end: size };
                Ok(Box::pin(object.stream(all).await?))
            }
        }
    }

    /// Removes what an upload has left beside the blob that it became. Doing so twice is harmless.
    pub async fn settle(&self, id: &UploadId) -> Result<(), Error> {
        match &self.store {
            Store::Local(local) => local.remove_upload(id).await,
            Store::Object(_) => Ok(()),
        }
    }

    /// Removes all that an upload has left, other than names as a blob ([`BlobStore::published`]). Doing so twice is
    /// harmless.
    pub async fn abandon(&self, id: &UploadId, session: Option<&Session>) -> Result<(), Error> {
        match (&self.store, session) {
            (Store::Local(local), _) => local.remove_upload(id).await,
            (Store::Object(object), Some(session)) if !session.untidy => {
                object.remove_parts(session).await
            }
            (Store::Object(object), _) => object.remove_all(id, None).await,
        }
    }

    /// Whether a pull is to be made from the bucket itself: a signed link, for one who may read the blob.
    pub async fn link(
        &self,
        content: &Content,
        asker: &Asker<'_>,
    ) -> Result<Option<Secret<String>>, Error> {
        match (&self.store, content) {
            (Store::Object(store), Content::Object(object)) => match store.links() {
                Some(links) if links.wants(asker) => links.link(object.location()).await.map(Some),
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// What a bucket cannot do although Berth needs it; a directory has been tried when it was opened.
    pub async fn check(&self) -> Vec<Finding> {
        match &self.store {
            Store::Local(_) => Vec::new(),
            Store::Object(object) => object.check().await,
        }
    }

    /// Names as blobs that an upload has already although it has not ended: something went wrong around its commit. Only
    /// the database knows whether a row has one of them; those that no row has are to be deleted.
    pub async fn published(&self, id: &UploadId) -> Result<Vec<(Digest, Location)>, Error> {
        match &self.store {
            Store::Local(local) => local.published(id).await,
            // In a bucket the row of the session and the one of the blob change places in one transaction.
            Store::Object(_) => Ok(Vec::new()),
        }
    }

    /// Opens a blob of `size` bytes.
    ///
    /// # Errors
    /// [`Error::Missing`] if it is not there, or not of that size: a blob that is damaged must not be announced (I2).
    pub async fn load(&self, location: &Location, size: u64) -> Result<Content, Error> {
        match &self.store {
            Store::Local(local) => local.load(location, size).await.map(Content::File),
            Store::Object(object) => object.load(location, size).await.map(Content::Object),
        }
    }

    /// Removes an object that no row names any more. Doing so twice is harmless.
    pub async fn delete(&self, location: &Location) -> Result<(), Error> {
        match &self.store {
            Store::Local(local) => local.delete(location).await,
            Store::Object(object) => object.delete(location).await,
        }
    }

    /// Whether the store answers.
    pub async fn ping(&self) -> Result<(), Error> {
        match &self.store {
            Store::Local(local) => local.ping().await,
            Store::Object(object) => object.ping().await,
        }
    }

    /// Multipart uploads to a bucket that have not ended: those of requests under way, and what a crash has left.
    pub async fn open_multiparts(&self) -> Result<Vec<OpenMultipart>, Error> {
        match &self.store {
            Store::Local(_) => Ok(Vec::new()),
            Store::Object(object) => object.open_multiparts().await,
        }
    }

    /// Ends a multipart upload that no request is writing to, and removes its parts. Doing so twice is harmless.
    pub async fn end_multipart(&self, multipart: &OpenMultipart) -> Result<(), Error> {
        match &self.store {
            Store::Local(_) => Ok(()),
            Store::Object(object) => object.end_multipart(multipart).await,
        }
    }

    /// Uploads of which a crash before `before` may have left something. A bucket has nothing of the kind: each of its
    /// uploads has a row.
    pub async fn leftover_uploads(&self, before: SystemTime) -> Result<Vec<UploadId>, Error> {
        match &self.store {
            Store::Local(local) => local.leftovers(before).await,
            Store::Object(_) => Ok(Vec::new()),
        }
    }
}

/// Counts an upload for as long as it receives.
struct Active<'a>(&'a AtomicUsize);

impl<'a> Active<'a> {
    fn begin(active: &'a AtomicUsize) -> Self {
        active.fetch_add(1, Ordering::Relaxed);
        Self(active)
    }
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs blocking work off the executor's threads (I8).
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Stopped)?
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Error + '_ {
    move |source| Error::Io { path: path.to_owned(), source }
}

/// As [`io`], for bytes that were taken and may not be there.
fn lost(path: &Path) -> impl FnOnce(std::io::Error) -> Error + '_ {
    move |source| Error::Lost { path: path.to_owned(), source }
}
