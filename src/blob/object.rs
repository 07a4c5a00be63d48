//! Blobs as objects of a bucket, or of memory, through `OpenDAL`.
//!
//! ```text
//! uploads/<upload id>/<n>                  the nth request of an upload; with one request it stays the blob
//! blobs/sha256/ab/<hex>.<upload id>        a blob that was joined from several
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use opendal::layers::{RetryLayer, TimeoutLayer};
use opendal::{ErrorKind, Operator, services};

use super::hasher::Hasher;
use super::probe::{Probe, Step};
use super::session::{Part, Session};
use super::{Append, BodyError, Error, Location, blocking, io};
use crate::config::Backend;
use crate::oci::{Algorithm, ByteRange, Digest, UploadId};

/// Size of the pieces that a bucket's multipart upload has; S3 wants at least 5 MiB.
const PIECE_BYTES: usize = 8 << 20;

#[derive(Clone, Debug)]
pub(super) struct ObjectStore {
    operator: Operator,
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
        Ok(reader.into_bytes_stream(range.start..range.end).await?)
    }
}

impl ObjectStore {
    pub(super) fn open(
        backend: Backend,
        options: &BTreeMap<String, String>,
        probe: Probe,
    ) -> Result<Self, Error> {
        let options = options.iter().map(|(key, value)| (key.clone(), value.clone()));
        let operator = match backend {
            Backend::Fs | Backend::Memory => Operator::from_iter::<services::Memory>(options)?,
            Backend::S3 => Operator::from_iter::<services::S3>(options)?,
            Backend::Azblob => Operator::from_iter::<services::Azblob>(options)?,
            Backend::Gcs => Operator::from_iter::<services::Gcs>(options)?,
        };
        let operator = operator.layer(TimeoutLayer::new()).layer(RetryLayer::new().with_jitter());
        Ok(Self { operator, probe })
    }

    fn at(&self, step: Step, key: &str) -> Result<(), Error> {
        self.probe.at(step).map_err(io(Path::new(key)))
    }

    pub(super) async fn append<S, E>(
        &self,
        id: &UploadId,
        session: &mut Session,
        mut body: S,
        append: Append,
        batch_bytes: impl Fn() -> usize,
    ) -> Result<(), Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin + Send,
        E: Into<BodyError>,
    {
        let key = format!("uploads/{id}/{}", session.parts.len());
        self.at(Step::Open, &key)?;
        let mut writer = self.operator.writer_with(&key).chunk(PIECE_BYTES).await?;
        let mut hasher = session.hasher.clone();
        let (mut batch, mut batched, mut size) = (Vec::new(), 0, 0u64);
        let mut ended = Ok(());
        loop {
            let chunk = match body.next().await {
                Some(Ok(chunk)) => Some(chunk),
                Some(Err(error)) => {
                    ended = Err(Error::Interrupted(error.into()));
                    None
                }
                None => None,
            };
            let last = chunk.is_none();
            if let Some(chunk) = chunk {
                size += chunk.len() as u64;
                batched += chunk.len();
                batch.push(chunk);
            }
            if append.exactly.is_some_and(|expected| size > expected) {
                break;
            }
            if last || batched >= batch_bytes() {
                let bytes = std::mem::take(&mut batch);
                batched = 0;
                self.at(Step::Write, &key)?;
                let written = bytes.clone();
                let (advanced, ()) =
                    tokio::try_join!(hash(hasher, bytes), write_all(&mut writer, written))?;
                hasher = advanced;
            }
            if last {
                break;
            }
        }
        if let Some(expected) = append.exactly
            && ended.is_ok()
            && size != expected
        {
            writer.abort().await?;
            return Err(Error::SizeMismatch { expected, actual: size });
        }
        if size == 0 {
            writer.abort().await?;
            return ended;
        }
        self.at(Step::Sync, &key)?;
        writer.close().await?;
        session.parts.push(Part { key, size });
        session.replace(session.size + size, hasher);
        ended
    }

    pub(super) async fn rehash(
        &self,
        session: &Session,
        algorithm: Algorithm,
    ) -> Result<Digest, Error> {
        let mut hasher = Hasher::new(algorithm);
        for part in &session.parts {
            let mut bytes =
                self.operator.reader(&part.key).await?.into_bytes_stream(0..part.size).await?;
            while let Some(chunk) = bytes.try_next().await.map_err(io(Path::new(&part.key)))? {
                hasher = hash(hasher, vec![chunk]).await?;
            }
        }
        Ok(hasher.digest())
    }

    pub(super) async fn finish(
        &self,
        id: &UploadId,
        session: &Session,
        digest: &Digest,
    ) -> Result<Location, Error> {
        if let [part] = &session.parts[..] {
            self.at(Step::Publish, &part.key)?;
            return Ok(Location::new(part.key.as_str()));
        }
        let hex = digest.hex();
        let key = format!("blobs/{}/{}/{hex}.{id}", digest.algorithm(), &hex[..2]);
        self.at(Step::Publish, &key)?;
        if session.parts.is_empty() {
            self.operator.write(&key, Bytes::new()).await?;
            return Ok(Location::new(key));
        }
        let mut writer = self.operator.writer_with(&key).chunk(PIECE_BYTES).await?;
        for part in &session.parts {
            let mut bytes =
                self.operator.reader(&part.key).await?.into_bytes_stream(0..part.size).await?;
            while let Some(chunk) = bytes.try_next().await.map_err(io(Path::new(&part.key)))? {
                writer.write(chunk).await?;
            }
        }
        writer.close().await?;
        Ok(Location::new(key))
    }

    /// Removes the parts, other than one that became the blob.
    pub(super) async fn remove_parts(
        &self,
        session: &Session,
        except: Option<&Location>,
    ) -> Result<(), Error> {
        for part in &session.parts {
            if except.is_some_and(|blob| blob.as_str() == part.key) {
                continue;
            }
            self.at(Step::Delete, &part.key)?;
            self.operator.delete(&part.key).await?;
        }
        Ok(())
    }

    pub(super) async fn load(&self, location: &Location, size: u64) -> Result<ObjectReader, Error> {
        self.at(Step::Load, location.as_str())?;
        match self.operator.stat(location.as_str()).await {
            Ok(found) if found.content_length() == size => {
                Ok(ObjectReader { operator: self.operator.clone(), location: location.clone() })
            }
            Ok(_) => Err(Error::Missing(location.clone())),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(Error::Missing(location.clone()))
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn delete(&self, location: &Location) -> Result<(), Error> {
        self.at(Step::Delete, location.as_str())?;
        Ok(self.operator.delete(location.as_str()).await?)
    }

    pub(super) async fn ping(&self) -> Result<(), Error> {
        Ok(self.operator.check().await?)
    }
}

async fn hash(mut hasher: Hasher, batch: Vec<Bytes>) -> Result<Hasher, Error> {
    blocking(move || {
        batch.iter().for_each(|bytes| hasher.update(bytes));
        Ok(hasher)
    })
    .await
}

async fn write_all(writer: &mut opendal::Writer, batch: Vec<Bytes>) -> Result<(), Error> {
    for bytes in batch {
        writer.write(bytes).await?;
    }
    Ok(())
}
