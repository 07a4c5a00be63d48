//! Several objects of an upload become one.
//!
//! S3 copies them into a multipart upload and Google composes them, so that no byte travels. On Azure, and where a server
//! cannot do its part of it, they are read and written again.

use futures::TryStreamExt as _;

use super::ObjectStore;
use super::receive::{CONTENT_TYPE, PIECE_BYTES, PIECES_AT_ONCE};
use crate::blob::Error;
use crate::blob::session::Part;
use crate::config::Backend;

/// The bucket copies at most so much with one request, so that each is answered in time.
const COPY_BYTES: u64 = 256 << 20;

/// Joins `parts` in their order to an object of `size` bytes.
pub(super) async fn join(
    store: &ObjectStore,
    parts: &[Part],
    key: &str,
    size: u64,
) -> Result<(), Error> {
    let joined = match store.backend {
        Backend::Gcs => compose(store, parts, key).await,
        Backend::S3 => copy(store, parts, key, size).await,
        Backend::Azblob | Backend::Memory | Backend::Fs => {
            return rewrite(store, parts, key, size).await;
        }
    };
    match joined {
        Ok(()) => whole(store, key, size).await,
        Err(Error::Bucket(error)) if !error.is_passing() && !error.is_missing() => {
            tracing::debug!(%error, "the bucket does not join objects; they are written again: {error}");
            rewrite(store, parts, key, size).await
        }
        Err(error) => Err(gone(error, key)),
    }
}

/// A part that is not there cannot come back: the bytes have to be sent again.
fn gone(error: Error, key: &str) -> Error {
    match error {
        Error::Bucket(error) if error.is_missing() => Error::Lost {
            path: key.into(),
            source: std::io::Error::new(std::io::ErrorKind::NotFound, error.to_string()),
        },
        other => other,
    }
}

/// The joined object has the size that it should have.
async fn whole(store: &ObjectStore, key: &str, size: u64) -> Result<(), Error> {
    let found = store.operator.stat(key).await?.content_length();
    if found == size {
        return Ok(());
    }
    store.operator.delete(key).await?;
    let source = std::io::Error::other(format!("{found} bytes were joined, not {size}"));
    Err(Error::Lost { path: key.into(), source })
}

async fn compose(store: &ObjectStore, parts: &[Part], key: &str) -> Result<(), Error> {
    let composer = store.operator.composer_with(key).content_type(CONTENT_TYPE);
    let mut composer = composer.concurrent(PIECES_AT_ONCE).await?;
    for part in parts {
        composer.compose(part.key.as_str()).await?;
    }
    composer.close().await?;
    Ok(())
}

async fn copy(store: &ObjectStore, parts: &[Part], key: &str, size: u64) -> Result<(), Error> {
    // What is too small to be copied is read; three pieces may be in memory then.
    let _room = store.buffers.take(3 * PIECE_BYTES).await?;
    let mut writer = store.writer(key).await?;
    let mut copied = Ok(());
    'parts: for part in parts {
        let mut start = 0;
        while start < part.size {
            let end = part.size.min(start + COPY_BYTES);
            copied = writer.copy_from(&part.key, start..end).await.map_err(Error::from);
            if copied.is_err() {
                break 'parts;
            }
            start = end;
        }
    }
    if copied.is_ok() {
        copied = store.close(&mut writer, key, size).await;
    }
    if copied.is_err() {
        let _ = writer.abort().await;
    }
    copied
}

async fn rewrite(store: &ObjectStore, parts: &[Part], key: &str, size: u64) -> Result<(), Error> {
    let _room = store.buffers.take((PIECES_AT_ONCE + 2) * PIECE_BYTES).await?;
    let mut writer = store.writer(key).await?;
    let mut written = write_parts(store, parts, &mut writer).await;
    if written.is_ok() {
        written = store.close(&mut writer, key, size).await;
    }
    if written.is_err() {
        let _ = writer.abort().await;
    }
    written.map_err(|error| gone(error, key))
}

async fn write_parts(
    store: &ObjectStore,
    parts: &[Part],
    writer: &mut opendal::Writer,
) -> Result<(), Error> {
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    for part in parts {
        let mut bytes = store.read_part(part).await?;
        while let Some(chunk) = bytes.try_next().await? {
            let mut chunk = &chunk[..];
            while !chunk.is_empty() {
                let (now, later) = chunk.split_at(chunk.len().min(PIECE_BYTES - piece.len()));
                piece.extend_from_slice(now);
                chunk = later;
                if piece.len() == PIECE_BYTES {
                    let full = std::mem::replace(&mut piece, Vec::with_capacity(PIECE_BYTES));
                    writer.write(full).await?;
                }
            }
        }
    }
    if !piece.is_empty() {
        writer.write(piece).await?;
    }
    Ok(())
}
