//! Blobs as objects of a bucket, or of memory, through `OpenDAL`.
//!
//! ```text
//! blobs/<upload id>/<offset>.<nonce>       bytes of an upload, from this offset on
//! ```
//!
//! Each request streams into an object of its own ([`receive`]). When an upload ends with one object, that object stays
//! and is the blob; several are joined to one first ([`join`]), and removed. So everything that an upload ever made lies
//! below one prefix, and when its blob's row is committed only the blob is left there. The session's row is written before
//! the first object and removed in the transaction that names the blob: what a crash leaves is found through the rows, and
//! nothing ever walks the bucket.
//!
//! Multipart uploads that a crash leaves open are no objects, and have no row: [`multiparts`] finds them.

mod check;
mod join;
mod multiparts;
mod open;
mod receive;
mod spool;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use opendal::{ErrorKind, Operator};
use tokio::task::JoinHandle;

pub use check::Finding;
pub use multiparts::OpenMultipart;
pub(super) use open::{bare as bare_operator, operator as bucket_operator};
pub(super) use receive::CONTENT_TYPE;

use super::bucket_error::BucketError;
use super::buffers::Buffers;
use super::hasher::Hasher;
use super::probe::{Probe, Step};
use super::redirect::Links;
use super::session::{Part, Session};
use super::{Append, BodyError, Error, Location, Space, blocking, io, lost};
use crate::config::{Backend, Storage};
use crate::oci::{Algorithm, ByteRange, Digest, UploadId};
use crate::secret::random_text;
use multiparts::Multiparts;
use spool::Spools;

/// Sizes of objects that are remembered.
const KNOWN: usize = 4096;

/// An object's size is asked for again after this long, so that one which somebody removed is noticed.
const TRUSTED_FOR: Duration = Duration::from_secs(5);

/// When an object's size was seen, and what it was.
type KnownSizes = quick_cache::sync::Cache<Location, (Instant, u64)>;

#[derive(Debug)]
pub(super) struct ObjectStore {
    operator: Operator,
    /// Without retries.
    hasty: Operator,
    backend: Backend,
    buffers: Buffers,
    spools: Spools,
    multiparts: Option<Multiparts>,
    links: Option<Links>,
    known: KnownSizes,
    probe: Probe,
}

/// An object that was found whole.
#[derive(Clone, Debug)]
pub struct ObjectReader {
    operator: Operator,
    location: Location,
}

impl ObjectReader {
    /// Streams a part of the object.
    pub async fn stream(
        &self,
        range: ByteRange,
    ) -> Result<impl Stream<Item = std::io::Result<Bytes>> + Send + use<>, Error> {
        let reader = self.operator.reader(self.location.as_str()).await?;
        let stream = reader.into_stream(range.start..range.end).await?;
        Ok(stream
            .map_ok(|buffer| buffer.to_bytes())
            .map_err(|error| std::io::Error::other(BucketError::from(error))))
    }

    pub(super) fn location(&self) -> &Location {
        &self.location
    }
}

impl ObjectStore {
    pub(super) fn open(config: &Storage, probe: Probe) -> Result<Self, Error> {
        let operator = open::operator(config.backend, &config.options)?;
        Ok(Self {
            multiparts: Multiparts::open(config)?,
            links: Links::open(config)?,
            // The memory of one is not the memory of another.
            hasty: match config.backend {
                Backend::Memory | Backend::Fs => operator.clone(),
                bucket => open::hasty_operator(bucket, &config.options)?,
            },
            operator,
            backend: config.backend,
            buffers: Buffers::new(config.buffers.get()),
            spools: Spools::open(&config.data)?,
            known: KnownSizes::new(KNOWN),
            probe,
        })
    }

    /// Where links for clients come from, if they are sent to the bucket at all.
    pub(super) fn links(&self) -> Option<&Links> {
        self.links.as_ref()
    }

    /// The way to the bucket.
    pub(super) fn operator(&self) -> &Operator {
        &self.operator
    }

    fn at(&self, step: Step, key: &str) -> Result<(), Error> {
        self.probe.at(step).map_err(io(Path::new(key)))
    }

    pub(super) async fn append<S, E>(
        &self,
        id: &UploadId,
        session: &mut Session,
        body: S,
        append: Append,
        space: &Arc<Space>,
    ) -> Result<(), Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin + Send,
        E: Into<BodyError>,
    {
        receive::receive(self, id, session, body, append, space).await
    }

    /// Looks at what is in the bucket of an upload whose row was read: objects that the row does not know yet count if they
    /// continue what it knows.
    pub(super) async fn resume(&self, id: &UploadId, session: &mut Session) -> Result<(), Error> {
        let mut found = self.list(id).await?;
        let known = session.parts.len();
        let mut parts = Vec::new();
        let mut size = 0;
        for part in std::mem::take(&mut session.parts) {
            // What is missing takes what is behind it along.
            if !found.iter().any(|object| object.key == part.key && object.size == part.size) {
                break;
            }
            size += part.size;
            found.retain(|object| object.key != part.key);
            parts.push(part);
        }
        let mut hasher = Hasher::new(session.hasher.algorithm());
        let mut unhashed = 0;
        if parts.len() == known && size == session.size {
            hasher = session.hasher.clone();
            unhashed = known;
        }
        while let Some(at) =
            found.iter().position(|object| object.offset == Some(size) && object.size > 0)
        {
            let object = found.swap_remove(at);
            size += object.size;
            parts.push(Part { key: object.key, size: object.size });
        }
        let hasher = self.hash_parts(hasher, &parts[unhashed..]).await?;
        // A request of the process before us may still arrive.
        session.untidy = true;
        session.parts = parts;
        session.replace(size, hasher);
        Ok(())
    }

    pub(super) async fn rehash(
        &self,
        session: &Session,
        algorithm: Algorithm,
    ) -> Result<Digest, Error> {
        Ok(self.hash_parts(Hasher::new(algorithm), &session.parts).await?.digest())
    }

    async fn hash_parts(&self, mut hasher: Hasher, parts: &[Part]) -> Result<Hasher, Error> {
        for part in parts {
            let mut bytes = self.read_part(part).await?;
            while let Some(chunk) = bytes.try_next().await? {
                hasher = hash(hasher, chunk).await?;
            }
        }
        Ok(hasher)
    }

    async fn read_part(
        &self,
        part: &Part,
    ) -> Result<impl Stream<Item = Result<Bytes, Error>> + Unpin + Send + use<>, Error> {
        let path = Path::new(&part.key).to_owned();
        let reader = self.operator.reader(&part.key).await?;
        let stream = reader.into_stream(0..part.size).await?;
        Ok(stream.map_ok(|buffer| buffer.to_bytes()).map_err(move |error| {
            let error = BucketError::from(error);
            if error.is_missing() {
                lost(&path)(std::io::Error::new(std::io::ErrorKind::NotFound, error))
            } else {
                error.into()
            }
        }))
    }

    /// Makes the session's only object the blob; several are joined first.
    pub(super) async fn finish(
        &self,
        id: &UploadId,
        session: &mut Session,
        digest: &Digest,
    ) -> Result<Location, Error> {
        tracing::trace!(upload.id = %id, blob.digest = %digest, "an upload becomes a blob");
        match &session.parts[..] {
            [] => {
                let key = new_key(id, 0);
                self.at(Step::Publish, &key)?;
                self.write(&key, Bytes::new()).await?;
                session.parts = vec![Part { key, size: 0 }];
            }
            [part] => self.at(Step::Publish, &part.key)?,
            parts => {
                let key = new_key(id, 0);
                self.at(Step::Publish, &key)?;
                join::join(self, parts, &key, session.size).await?;
                // From here on the joined object is the upload, and the others are leftovers.
                session.parts = vec![Part { key, size: session.size }];
                session.untidy = true;
            }
        }
        let key = session.parts[0].key.clone();
        if session.untidy {
            self.remove_all(id, Some(&key)).await?;
            session.untidy = false;
        }
        Ok(Location::new(key))
    }

    /// Removes all objects of an upload, other than one.
    pub(super) async fn remove_all(
        &self,
        id: &UploadId,
        except: Option<&str>,
    ) -> Result<(), Error> {
        let objects = self.list(id).await?.into_iter().map(|object| object.key);
        self.remove(objects.filter(|key| except != Some(key))).await
    }

    /// Removes the objects that a session knows of.
    pub(super) async fn remove_parts(&self, session: &Session) -> Result<(), Error> {
        self.remove(session.parts.iter().map(|part| part.key.clone())).await
    }

    async fn remove(&self, keys: impl Iterator<Item = String>) -> Result<(), Error> {
        for key in keys {
            self.at(Step::Delete, &key)?;
            self.operator.delete(&key).await?;
        }
        Ok(())
    }

    async fn list(&self, id: &UploadId) -> Result<Vec<Object>, Error> {
        let prefix = prefix(id);
        let mut found = Vec::new();
        let mut entries = self.operator.lister(&prefix).await?;
        while let Some(entry) = entries.try_next().await? {
            let key = entry.path();
            if let Some(name) = key.strip_prefix(&prefix).filter(|name| !name.is_empty()) {
                let offset = name.split('.').next().and_then(|offset| offset.parse().ok());
                let size = entry.metadata().content_length();
                found.push(Object { key: key.to_owned(), offset, size });
            }
        }
        Ok(found)
    }

    /// Asks the bucket anew the next time.
    pub(super) fn forget(&self, location: &Location) {
        self.known.remove(location);
    }

    pub(super) async fn load(&self, location: &Location, size: u64) -> Result<ObjectReader, Error> {
        let reader = ObjectReader { operator: self.operator.clone(), location: location.clone() };
        if let Some((seen, known)) = self.known.get(location)
            && seen.elapsed() < TRUSTED_FOR
            && known == size
        {
            return Ok(reader);
        }
        self.at(Step::Load, location.as_str())?;
        match self.operator.stat(location.as_str()).await {
            Ok(found) if found.content_length() == size => {
                self.known.insert(location.clone(), (Instant::now(), size));
                Ok(reader)
            }
            Ok(_) => Err(Error::Missing(location.clone())),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(Error::Missing(location.clone()))
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn delete(&self, location: &Location) -> Result<(), Error> {
        self.known.remove(location);
        self.remove(std::iter::once(location.as_str().to_owned())).await
    }

    pub(super) async fn ping(&self) -> Result<(), Error> {
        Ok(self.hasty.check().await?)
    }

    pub(super) async fn open_multiparts(&self) -> Result<Vec<OpenMultipart>, Error> {
        match &self.multiparts {
            Some(multiparts) => multiparts.list().await,
            None => Ok(Vec::new()),
        }
    }

    pub(super) async fn end_multipart(&self, multipart: &OpenMultipart) -> Result<(), Error> {
        match &self.multiparts {
            Some(multiparts) => multiparts.end(multipart).await,
            None => Ok(()),
        }
    }
}

/// What lies below an upload's prefix.
struct Object {
    key: String,
    /// Where its bytes belong, as far as its name tells.
    offset: Option<u64>,
    size: u64,
}

fn prefix(id: &UploadId) -> String {
    format!("blobs/{id}/")
}

/// A name that nobody has used: a request that comes late, or a second time, meets no other one's object.
fn new_key(id: &UploadId, offset: u64) -> String {
    format!("{}{offset}.{}", prefix(id), random_text(6))
}

async fn hash(mut hasher: Hasher, bytes: Bytes) -> Result<Hasher, Error> {
    blocking(move || {
        hasher.update(&bytes);
        Ok(hasher)
    })
    .await
}

/// Bytes are hashed beside being sent.
enum Hashing {
    Idle(Box<Hasher>),
    Busy(JoinHandle<Hasher>),
}

impl Hashing {
    async fn idle(self) -> Result<Hasher, Error> {
        match self {
            Self::Idle(hasher) => Ok(*hasher),
            Self::Busy(hashing) => hashing.await.map_err(|_| Error::Stopped),
        }
    }

    async fn update(self, bytes: Bytes) -> Result<Self, Error> {
        let mut hasher = self.idle().await?;
        Ok(Self::Busy(tokio::task::spawn_blocking(move || {
            hasher.update(&bytes);
            hasher
        })))
    }
}
