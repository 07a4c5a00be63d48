//! Reading a blob once more, to see whether its bytes are what its digest says.

use std::os::unix::fs::FileExt as _;

use futures::TryStreamExt as _;

use super::hasher::Hasher;
use super::{BlobStore, Content, Error, Location, Store, blocking};
use crate::oci::{Algorithm, ByteRange, Digest};

/// Bytes that are read together from a file; what is looked at is not kept in memory for longer.
const FROM_FILE: u64 = 1 << 20;

/// Bytes that are asked of a bucket at once: each piece is a request.
const FROM_BUCKET: u64 = 8 << 20;

/// A blob that is read piece by piece, as fast as whoever reads it wants.
#[derive(Debug)]
pub struct Check {
    content: Content,
    location: Location,
    hasher: Hasher,
    offset: u64,
    size: u64,
}

impl BlobStore {
    /// Begins to read a blob. What is remembered of its object is not relied on.
    ///
    /// # Errors
    /// [`Error::Missing`] if it is not there, cannot be read, or is not of that size.
    pub async fn check_blob(
        &self,
        location: &Location,
        size: u64,
        algorithm: Algorithm,
    ) -> Result<Check, Error> {
        match &self.store {
            Store::Local(local) => local.forget(location),
            Store::Object(object) => object.forget(location),
        }
        let content = self.load(location, size).await.map_err(|error| {
            if error.is_unreadable() {
                // As good as gone.
                tracing::warn!(%error, "{}: {error}", location.as_str());
                return Error::Missing(location.clone());
            }
            error
        })?;
        let hasher = Hasher::new(algorithm);
        Ok(Check { content, location: location.clone(), hasher, offset: 0, size })
    }
}

impl Check {
    /// Reads the next piece; says how many bytes it has, 0 at the end.
    pub async fn next(&mut self) -> Result<u64, Error> {
        let most = match &self.content {
            Content::File(_) => FROM_FILE,
            Content::Object(_) => FROM_BUCKET,
        };
        let range = ByteRange { start: self.offset, end: self.size.min(self.offset + most) };
        if range.start == range.end {
            return Ok(0);
        }
        match &self.content {
            Content::File(file) => {
                let (file, mut hasher) = (file.clone(), self.hasher.clone());
                let location = self.location.clone();
                self.hasher = blocking(move || {
                    let mut piece = vec![0; usize::try_from(range.len()).unwrap_or(0)];
                    // What cannot be read is as good as gone.
                    file.read_exact_at(&mut piece, range.start).map_err(|error| {
                        tracing::warn!(%error, "{}: {error}", location.as_str());
                        Error::Missing(location)
                    })?;
                    hasher.update(&piece);
                    Ok(hasher)
                })
                .await?;
            }
            Content::Object(object) => {
                let stream = object.stream(range).await?;
                let mut stream = std::pin::pin!(stream);
                let mut received = 0;
                while let Some(piece) = stream.try_next().await.map_err(Error::broken)? {
                    received += piece.len() as u64;
                    let mut hasher = self.hasher.clone();
                    self.hasher = blocking(move || {
                        hasher.update(&piece);
                        Ok(hasher)
                    })
                    .await?;
                }
                if received != range.len() {
                    return Err(Error::Missing(self.location.clone()));
                }
            }
        }
        self.offset = range.end;
        Ok(range.len())
    }

    /// The digest of what was read.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.hasher.digest()
    }
}
