//! Files by name, in a directory or below a prefix of a bucket: where backups are kept.
//!
//! Unlike a blob, a file has the name that it is given, and is written once. It is whole or not there: in a directory it gets
//! its name after it is synced, and a bucket shows an object when all of it has arrived.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use opendal::Operator;

use super::bucket_error::BucketError;
use super::directories::sync_directory;
use super::object::{CONTENT_TYPE, bucket_operator};
use super::{Error, blocking, io, lost};
use crate::config::Backend;
use crate::secret::random_text;

/// What is sent to a bucket at once, and read from a file.
const PIECE: usize = 8 << 20;
const READ: usize = 256 << 10;

/// What the names of unfinished files in a directory begin with.
const UNFINISHED: &str = ".unfinished-";

/// A place where files are kept; clones share it.
#[derive(Clone, Debug)]
pub struct Depot {
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Directory(PathBuf),
    Bucket(Operator),
}

/// A file that is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kept {
    /// Its name, with `/` between its parts.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
}

/// The bytes of a file, as they come.
pub type Bytestream = futures::stream::BoxStream<'static, std::io::Result<Bytes>>;

impl Depot {
    /// A directory; it is made when something is written there.
    #[must_use]
    pub fn directory(path: &Path) -> Self {
        Self { kind: Kind::Directory(path.to_owned()) }
    }

    /// A place in a bucket, with the settings that `OpenDAL` takes.
    pub fn bucket(backend: Backend, options: &BTreeMap<String, String>) -> Result<Self, Error> {
        Ok(Self { kind: Kind::Bucket(bucket_operator(backend, options)?) })
    }

    /// All files whose names begin with `prefix`, which ends with `/` or is empty; in no order.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Kept>, Error> {
        match &self.kind {
            Kind::Directory(root) => {
                let (root, prefix) = (root.clone(), prefix.to_owned());
                blocking(move || walk(&root, &prefix)).await
            }
            Kind::Bucket(operator) => {
                let mut found = Vec::new();
                let mut entries = operator.lister_with(prefix).recursive(true).await?;
                while let Some(entry) = entries.try_next().await? {
                    if entry.metadata().is_file() {
                        let (name, size) =
                            (entry.path().to_owned(), entry.metadata().content_length());
                        found.push(Kept { name, size });
                    }
                }
                Ok(found)
            }
        }
    }

    /// The size of a file, if it is there.
    pub async fn size(&self, name: &str) -> Result<Option<u64>, Error> {
        match &self.kind {
            Kind::Directory(root) => {
                let path = root.join(name);
                blocking(move || match std::fs::metadata(&path) {
                    Ok(found) => Ok(Some(found.len())),
                    Err(error) if is_missing(&error) => Ok(None),
                    Err(error) => Err(io(&path)(error)),
                })
                .await
            }
            Kind::Bucket(operator) => match operator.stat(name).await {
                Ok(found) => Ok(Some(found.content_length())),
                Err(error) if error.kind() == opendal::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// Reads a file from its beginning; none if it is not there.
    pub async fn read(&self, name: &str) -> Result<Option<Bytestream>, Error> {
        match &self.kind {
            Kind::Directory(root) => {
                let path = root.join(name);
                let file = match tokio::fs::File::open(&path).await {
                    Ok(file) => file,
                    Err(error) if is_missing(&error) => return Ok(None),
                    Err(error) => return Err(io(&path)(error)),
                };
                let stream = tokio_util::io::ReaderStream::with_capacity(file, READ);
                Ok(Some(stream.boxed()))
            }
            Kind::Bucket(operator) => {
                let Some(size) = self.size(name).await? else { return Ok(None) };
                let reader = operator.reader(name).await?;
                let stream = reader.into_stream(0..size).await?;
                let stream = stream
                    .map_ok(|buffer| buffer.to_bytes())
                    .map_err(|error| std::io::Error::other(BucketError::from(error)));
                Ok(Some(stream.boxed()))
            }
        }
    }

    /// Reads a small file whole; none if it is not there.
    pub async fn read_whole(&self, name: &str, most: usize) -> Result<Option<Vec<u8>>, Error> {
        let Some(mut stream) = self.read(name).await? else { return Ok(None) };
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.try_next().await.map_err(io(Path::new(name)))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > most {
                return Err(io(Path::new(name))(ErrorKind::FileTooLarge.into()));
            }
        }
        Ok(Some(bytes))
    }

    /// Writes a file and says how long it is. When this returns it is durable; when it fails, or is dropped, there is none.
    pub async fn write<S>(&self, name: &str, bytes: S) -> Result<u64, Error>
    where
        S: Stream<Item = std::io::Result<Bytes>> + Unpin + Send,
    {
        match &self.kind {
            Kind::Directory(root) => write_file(root, name, bytes).await,
            Kind::Bucket(operator) => write_object(operator, name, bytes).await,
        }
    }

    /// Writes a small file.
    pub async fn write_whole(&self, name: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let bytes = futures::stream::iter([Ok(Bytes::from(bytes))]);
        self.write(name, bytes).await.map(drop)
    }

    /// Removes a file. Doing so twice is harmless.
    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        match &self.kind {
            Kind::Directory(root) => {
                let path = root.join(name);
                blocking(move || match std::fs::remove_file(&path) {
                    Err(error) if !is_missing(&error) => Err(io(&path)(error)),
                    _ => {
                        // Directories that are empty now go as well; others refuse.
                        let _ = path.parent().map(std::fs::remove_dir);
                        Ok(())
                    }
                })
                .await
            }
            Kind::Bucket(operator) => Ok(operator.delete(name).await?),
        }
    }

    /// Removes what an interrupted write has left in a directory; for whoever is the only one to write there.
    pub async fn tidy(&self) -> Result<(), Error> {
        let Kind::Directory(root) = &self.kind else { return Ok(()) };
        let root = root.clone();
        blocking(move || {
            let Ok(entries) = std::fs::read_dir(&root) else { return Ok(()) };
            for entry in entries.flatten() {
                if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                    let path = entry.path();
                    std::fs::remove_file(&path).map_err(io(&path))?;
                }
            }
            Ok(())
        })
        .await
    }
}

/// Reads an open file by offsets, as others read it too.
pub(super) fn read_file(file: Arc<File>, size: u64) -> Bytestream {
    let pieces = futures::stream::try_unfold((file, 0_u64), move |(file, at)| async move {
        let wanted = usize::try_from(size - at).unwrap_or(READ).min(READ);
        if wanted == 0 {
            return Ok(None);
        }
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; wanted];
            file.read_exact_at(&mut piece, at).map(|()| (Bytes::from(piece), file))
        });
        let (piece, file) = read.await.map_err(std::io::Error::other)??;
        Ok(Some((piece, (file, at + wanted as u64))))
    });
    pieces.boxed()
}

fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn walk(root: &Path, prefix: &str) -> Result<Vec<Kept>, Error> {
    let mut found = Vec::new();
    let mut open = vec![root.join(prefix)];
    while let Some(directory) = open.pop() {
        let entries = match std::fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if is_missing(&error) => continue,
            Err(error) => return Err(io(&directory)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(io(&directory))?;
            let path = entry.path();
            let metadata = entry.metadata().map_err(io(&path))?;
            if metadata.is_dir() {
                open.push(path);
            } else if let Ok(name) = path.strip_prefix(root)
                && let Some(name) = name.to_str().filter(|name| !name.starts_with(UNFINISHED))
            {
                found.push(Kept { name: name.to_owned(), size: metadata.len() });
            }
        }
    }
    Ok(found)
}

async fn write_file<S>(root: &Path, name: &str, mut bytes: S) -> Result<u64, Error>
where
    S: Stream<Item = std::io::Result<Bytes>> + Unpin + Send,
{
    let path = root.join(name);
    let unfinished = Unfinished(root.join(format!("{UNFINISHED}{}", random_text(9))));
    let (parent, at) = (path.parent().unwrap_or(root).to_owned(), unfinished.0.clone());
    let base = root.to_owned();
    let mut file = blocking(move || {
        // Backups hold what only some may read.
        let make =
            |path: &Path| std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        make(&parent).map_err(io(&parent))?;
        // The names of new directories have to last as well.
        for directory in parent.ancestors().take_while(|directory| directory.starts_with(&base)) {
            sync_directory(directory)?;
        }
        let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&at);
        made.map_err(io(&at))
    })
    .await?;
    let mut written = 0;
    while let Some(chunk) = bytes.try_next().await.map_err(io(Path::new(name)))? {
        written += chunk.len() as u64;
        let at = unfinished.0.clone();
        file = blocking(move || file.write_all(&chunk).map(|()| file).map_err(io(&at))).await?;
    }
    blocking(move || {
        file.sync_all().map_err(lost(&unfinished.0))?;
        std::fs::rename(&unfinished.0, &path).map_err(io(&path))?;
        path.parent().map_or(Ok(()), sync_directory)
    })
    .await?;
    Ok(written)
}

/// A file that goes unless it gets its name.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn write_object<S>(operator: &Operator, name: &str, mut bytes: S) -> Result<u64, Error>
where
    S: Stream<Item = std::io::Result<Bytes>> + Unpin + Send,
{
    let broken = |error| io(Path::new(name))(error);
    // One request for a small one: most of them are.
    let (mut pieces, mut first) = (Vec::new(), 0);
    let mut ended = false;
    while first < PIECE && !ended {
        match bytes.try_next().await.map_err(broken)? {
            Some(chunk) => {
                first += chunk.len();
                pieces.push(chunk);
            }
            None => ended = true,
        }
    }
    let mut written = first as u64;
    let head: opendal::Buffer = pieces.into_iter().collect();
    if ended {
        operator.write_with(name, head).content_type(CONTENT_TYPE).await?;
        return Ok(written);
    }
    let writer = operator.writer_with(name).content_type(CONTENT_TYPE);
    let mut writer = writer.chunk(PIECE).concurrent(2).await?;
    let sent: Result<u64, Error> = async {
        writer.write(head).await?;
        while let Some(chunk) = bytes.try_next().await.map_err(broken)? {
            written += chunk.len() as u64;
            writer.write(chunk).await?;
        }
        let Err(error) = writer.close().await else { return Ok(written) };
        // When the answer is lost, a second try finds the upload ended.
        match operator.stat(name).await {
            Ok(found) if found.content_length() == written => Ok(written),
            _ => Err(error.into()),
        }
    }
    .await;
    if sent.is_err() {
        let _ = writer.abort().await;
    }
    sent
}
