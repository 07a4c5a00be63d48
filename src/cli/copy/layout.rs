//! An OCI image layout in a directory, as a source and as a target (image-spec, `image-layout.md`).
//!
//! A blob is written to `<hex>.part` and renamed when it is complete and right; a later copy continues such a file.

use std::collections::HashMap;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _, BufWriter};
use tokio::sync::{Mutex, OnceCell};

use super::index::LayoutIndex;
use crate::oci::manifest::MAX_MANIFEST_BYTES;
use crate::oci::{Descriptor, Digest, Reference, RepositoryName, Tag};
use crate::remote::transfer::{Blob, Source, Target};
use crate::remote::{BlobStream, Digester, Error, Fetched, Registry, Stored, byte_stream};

pub(super) const LAYOUT_FILE: &str = "oci-layout";
pub(super) const INDEX_FILE: &str = "index.json";
pub(super) const LAYOUT_CONTENT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// A directory with an image layout.
#[derive(Debug)]
pub(in crate::cli) struct Layout {
    directory: PathBuf,
    /// Held while `index.json` is rewritten.
    index: Mutex<()>,
    referrers: OnceCell<HashMap<Digest, Vec<Descriptor>>>,
}

impl Layout {
    /// Opens a layout that is there.
    pub(super) fn open(directory: &Path) -> Result<Self, Error> {
        for file in [LAYOUT_FILE, INDEX_FILE] {
            if !directory.join(file).is_file() {
                return Err(Error::Layout(format!(
                    "{} is no image layout: it has no file `{file}`",
                    directory.display()
                )));
            }
        }
        Ok(Self::at(directory))
    }

    /// Opens a layout, and makes it if there is none. A directory with something else in it is left alone.
    pub(super) fn create(directory: &Path) -> Result<Self, Error> {
        let layout_file = directory.join(LAYOUT_FILE);
        if !layout_file.exists() {
            let make = || -> io::Result<bool> {
                std::fs::create_dir_all(directory)?;
                if std::fs::read_dir(directory)?.next().is_some() {
                    return Ok(false);
                }
                std::fs::create_dir(directory.join("blobs"))?;
                std::fs::write(directory.join(INDEX_FILE), LayoutIndex::default().to_bytes())?;
                std::fs::write(&layout_file, LAYOUT_CONTENT)?;
                Ok(true)
            };
            let is_new = make().map_err(|cause| failed("make", directory, cause))?;
            if !is_new {
                return Err(Error::Layout(format!(
                    "{} is neither empty nor an image layout; nothing was written there",
                    directory.display()
                )));
            }
        }
        Ok(Self::at(directory))
    }

    fn at(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            index: Mutex::default(),
            referrers: OnceCell::new(),
        }
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.directory.join("blobs").join(digest.algorithm().as_str()).join(digest.hex())
    }

    pub(super) fn read_index(&self) -> Result<LayoutIndex, Error> {
        let path = self.directory.join(INDEX_FILE);
        let bytes = std::fs::read(&path).map_err(|cause| failed("read", &path, cause))?;
        LayoutIndex::read(&bytes)
            .map_err(|error| Error::Layout(format!("{}: {error}", path.display())))
    }

    /// Changes `index.json` in one step, and alone: other programs may be at work in the same layout.
    pub(super) async fn change_index(
        &self,
        change: impl FnOnce(&mut LayoutIndex),
    ) -> Result<(), Error> {
        let _alone = self.index.lock().await;
        let lock_path = self.directory.join(LAYOUT_FILE);
        let lock =
            std::fs::File::open(&lock_path).map_err(|cause| failed("open", &lock_path, cause))?;
        lock.lock().map_err(|cause| failed("lock", &lock_path, cause))?;
        let mut index = self.read_index()?;
        change(&mut index);
        let path = self.directory.join(INDEX_FILE);
        write_whole(&path, &index.to_bytes()).map_err(|cause| failed("write", &path, cause))
    }

    fn load_blob(&self, digest: &Digest) -> Result<Option<Bytes>, Error> {
        let path = self.blob_path(digest);
        let read = || -> io::Result<Option<Vec<u8>>> {
            let file = match std::fs::File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                opened => opened?,
            };
            let mut bytes = Vec::new();
            file.take(MAX_MANIFEST_BYTES as u64 + 1).read_to_end(&mut bytes)?;
            Ok(Some(bytes))
        };
        let Some(bytes) = read().map_err(|cause| failed("read", &path, cause))? else {
            return Ok(None);
        };
        if bytes.len() > MAX_MANIFEST_BYTES {
            let too_large = format!("{} is larger than a manifest may be", path.display());
            return Err(Error::Layout(too_large));
        }
        checked(digest, bytes.into(), &path.display().to_string()).map(Some)
    }

    async fn all_referrers(&self) -> Result<&HashMap<Digest, Vec<Descriptor>>, Error> {
        let find = || async {
            let index = self.read_index()?;
            index.referrers(|digest| self.load_blob(digest))
        };
        self.referrers.get_or_try_init(find).await
    }

    /// Takes what `stream` gives behind the `at` bytes that the file has.
    async fn append(
        file: &mut BufWriter<tokio::fs::File>,
        stream: &mut BlobStream,
        digester: &mut Digester,
        at: &mut u64,
        moved: &Arc<dyn Fn(u64) + Send + Sync>,
    ) -> Result<(), Error> {
        while let Some(piece) = stream.next().await {
            let piece = piece?;
            digester.update(&piece);
            file.write_all(&piece)
                .await
                .map_err(|cause| Error::Io { what: "cannot write a blob".into(), cause })?;
            *at += piece.len() as u64;
            moved(*at);
        }
        Ok(())
    }
}

impl Source for Layout {
    async fn find_manifest(&self, reference: &Reference) -> Result<Option<Fetched>, Error> {
        self.read_index()?.find_manifest(reference, |digest| self.load_blob(digest))
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        Ok(std::fs::metadata(self.blob_path(digest)).ok().map(|file| file.len()))
    }

    async fn open_blob(&self, blob: &Blob, from: u64) -> Result<BlobStream, Error> {
        let path = self.blob_path(&blob.digest);
        let open = async {
            let mut file = tokio::fs::File::open(&path).await?;
            let size = file.metadata().await?.len();
            file.seek(SeekFrom::Start(from)).await?;
            Ok((file, size))
        };
        let (file, size) = open.await.map_err(|cause| failed("read", &path, cause))?;
        if size != blob.size {
            return Err(Error::SizeMismatch {
                origin: self.directory.display().to_string(),
                digest: blob.digest.clone(),
                expected: blob.size,
                actual: size,
            });
        }
        Ok(byte_stream(file, &format!("cannot read {}", path.display())))
    }

    async fn list_referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, Error> {
        Ok(self.all_referrers().await?.get(subject).cloned().unwrap_or_default())
    }

    fn repository(&self) -> Option<(&Registry, &RepositoryName)> {
        None
    }

    fn blob_file(&self, blob: &Blob) -> Option<PathBuf> {
        let path = self.blob_path(&blob.digest);
        // A link may lead anywhere, and what it leads to may change.
        let found = std::fs::symlink_metadata(&path);
        found.is_ok_and(|file| file.is_file() && file.len() == blob.size).then_some(path)
    }
}

impl Target for Layout {
    async fn has_blob(&self, blob: &Blob) -> Result<bool, Error> {
        let found = std::fs::metadata(self.blob_path(&blob.digest));
        Ok(found.is_ok_and(|file| file.len() == blob.size))
    }

    async fn put_blob<S: Source>(
        &self,
        blob: &Blob,
        source: &S,
        moved: Arc<dyn Fn(u64) + Send + Sync>,
    ) -> Result<Stored, Error> {
        let path = self.blob_path(&blob.digest);
        let part = path.with_extension("part");
        let (file, mut digester, mut at) = {
            let (part, blob) = (part.clone(), blob.clone());
            blocking(move || open_part(&part, &blob)).await?
        };
        moved(at);
        let mut file = BufWriter::with_capacity(1 << 20, tokio::fs::File::from_std(file));
        let mut stream = source.open_blob(blob, at).await?;
        let received = Self::append(&mut file, &mut stream, &mut digester, &mut at, &moved).await;
        // Also after a failure: what is in the file by now need not come again.
        let flushed = file.flush().await.map_err(|cause| failed("write", &part, cause));
        received.and(flushed)?;
        file.into_inner().sync_all().await.map_err(|cause| failed("write", &part, cause))?;
        let actual = digester.finish();
        if actual != blob.digest || at != blob.size {
            let _ = std::fs::remove_file(&part);
            let origin = "the source".to_owned();
            let expected = blob.digest.clone();
            return Err(Error::DigestMismatch { origin, expected, actual });
        }
        std::fs::rename(&part, &path).map_err(|cause| failed("rename", &part, cause))?;
        sync_parent(&path).map_err(|cause| failed("write", &path, cause))?;
        Ok(Stored::Transferred)
    }

    async fn put_manifest(&self, manifest: &Fetched, tag: Option<&Tag>) -> Result<(), Error> {
        let path = self.blob_path(&manifest.digest);
        if !path.is_file() {
            let write = || {
                std::fs::create_dir_all(path.parent().unwrap_or(&self.directory))?;
                write_whole(&path, &manifest.bytes)
            };
            write().map_err(|cause| failed("write", &path, cause))?;
        }
        match tag {
            Some(tag) => self.change_index(|index| index.add(manifest, Some(tag))).await,
            None => Ok(()),
        }
    }

    async fn put_referrer(&self, _subject: &Digest, referrer: &Fetched) -> Result<(), Error> {
        self.change_index(|index| index.add(referrer, None)).await
    }
}

/// Opens the unfinished file of a blob, and takes what is there into the digest.
fn open_part(part: &Path, blob: &Blob) -> Result<(std::fs::File, Digester, u64), Error> {
    let open = || -> io::Result<(std::fs::File, Digester, u64)> {
        if let Some(parent) = part.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(part)?;
        file.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => io::Error::other("another copy is writing it"),
            std::fs::TryLockError::Error(error) => error,
        })?;
        let mut digester = Digester::new(blob.digest.algorithm());
        let mut at = 0;
        if file.metadata()?.len() <= blob.size {
            let mut buffer = vec![0; 1 << 20];
            loop {
                let read = file.read(&mut buffer)?;
                if read == 0 {
                    break;
                }
                digester.update(&buffer[..read]);
                at += read as u64;
            }
        } else {
            file.set_len(0)?;
        }
        file.seek(SeekFrom::Start(at))?;
        Ok((file, digester, at))
    };
    open().map_err(|cause| failed("open", part, cause))
}

/// Gives the bytes on if they are what their name says.
pub(super) fn checked(digest: &Digest, bytes: Bytes, origin: &str) -> Result<Bytes, Error> {
    let actual = digest.algorithm().digest(&bytes);
    if actual == *digest {
        return Ok(bytes);
    }
    Err(Error::DigestMismatch { origin: origin.to_owned(), expected: digest.clone(), actual })
}

/// Writes a file so that its name never shows a part of it.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension(format!("tmp{}", std::process::id()));
    std::fs::write(&temporary, bytes)?;
    std::fs::File::open(&temporary)?.sync_all()?;
    std::fs::rename(&temporary, path)?;
    sync_parent(path)
}

pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => std::fs::File::open(parent)?.sync_all(),
        _ => std::fs::File::open(".")?.sync_all(),
    }
}

pub(super) fn failed(verb: &str, path: &Path, cause: io::Error) -> Error {
    Error::Io { what: format!("cannot {verb} {}", path.display()), cause }
}

/// Runs what waits for the disk where it may wait.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::Layout(format!("a thread died: {error}")))?
}
