//! An OCI image layout in a tar file, as a source: it is read where it lies, nothing is unpacked.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::OnceCell;

use super::index::LayoutIndex;
use super::layout::{INDEX_FILE, checked, failed};
use super::own::pieces;
use super::packed;
use crate::oci::manifest::MAX_MANIFEST_BYTES;
use crate::oci::{Algorithm, Descriptor, Digest, Reference, RepositoryName};
use crate::remote::transfer::{Blob, Source};
use crate::remote::{BlobStream, Error, Fetched, Registry};

/// Where a file of the archive begins, and its size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) start: u64,
    pub(super) size: u64,
}

/// A tar file with an image layout.
#[derive(Debug)]
pub(in crate::cli) struct Archive {
    path: PathBuf,
    file: Arc<File>,
    blobs: HashMap<Digest, Extent>,
    index: LayoutIndex,
    referrers: OnceCell<HashMap<Digest, Vec<Descriptor>>>,
}

impl Archive {
    /// Opens an archive and finds out what is where. Only the headers are read.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = packed::open(path)?;
        let files = scan(&file).map_err(|cause| failed("read", path, cause))?;
        let no_layout = |why: &str| Error::Layout(format!("{} {why}", path.display()));
        let Some(index) = files.get(INDEX_FILE) else {
            return Err(if files.contains_key("manifest.json") {
                no_layout(
                    "was written by `docker save` before Docker 25: read it as `docker-archive:`",
                )
            } else {
                no_layout("is no image layout: it has no file `index.json`")
            });
        };
        let bytes = read_extent(&file, *index).map_err(|cause| failed("read", path, cause))?;
        let index =
            LayoutIndex::read(&bytes).map_err(|why| no_layout(&format!("is broken: {why}")))?;
        let blobs = files.iter().filter_map(|(name, extent)| Some((blob_of(name)?, *extent)));
        Ok(Self {
            path: path.to_owned(),
            blobs: blobs.collect(),
            index,
            file,
            referrers: OnceCell::new(),
        })
    }

    pub(super) fn index(&self) -> &LayoutIndex {
        &self.index
    }

    fn load_blob(&self, digest: &Digest) -> Result<Option<Bytes>, Error> {
        let Some(extent) = self.blobs.get(digest) else { return Ok(None) };
        let bytes =
            read_extent(&self.file, *extent).map_err(|cause| failed("read", &self.path, cause))?;
        checked(digest, bytes.into(), &self.path.display().to_string()).map(Some)
    }
}

/// The digest that a file's name stands for.
pub(super) fn blob_of(name: &str) -> Option<Digest> {
    let (algorithm, hex) = name.strip_prefix("blobs/")?.split_once('/')?;
    algorithm.parse::<Algorithm>().ok()?;
    format!("{algorithm}:{hex}").parse().ok()
}

/// All regular files of a tar file by name, the last one where a name is there twice.
pub(super) fn scan(file: &File) -> io::Result<HashMap<String, Extent>> {
    let mut found = HashMap::new();
    let mut archive = tar::Archive::new(file);
    for entry in archive.entries_with_seek()? {
        let entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path_bytes();
        let Ok(name) = std::str::from_utf8(&path) else { continue };
        let name = name.strip_prefix("./").unwrap_or(name).to_owned();
        let extent = Extent { start: entry.raw_file_position(), size: entry.size() };
        found.insert(name, extent);
    }
    Ok(found)
}

/// Reads a small file of the archive whole.
pub(super) fn read_extent(file: &File, extent: Extent) -> io::Result<Vec<u8>> {
    if extent.size > MAX_MANIFEST_BYTES as u64 {
        return Err(io::Error::other("a manifest in it is larger than 4 MiB"));
    }
    let mut bytes = vec![0; usize::try_from(extent.size).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, extent.start)?;
    Ok(bytes)
}

/// Streams a part of a file from an offset within the part.
pub(super) fn stream_extent(file: &Arc<File>, extent: Extent, from: u64) -> BlobStream {
    pieces(Arc::clone(file), extent.start + from, extent.start + extent.size)
}

impl Source for Archive {
    async fn find_manifest(&self, reference: &Reference) -> Result<Option<Fetched>, Error> {
        self.index.find_manifest(reference, |digest| self.load_blob(digest))
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        Ok(self.blobs.get(digest).map(|extent| extent.size))
    }

    async fn open_blob(&self, blob: &Blob, from: u64) -> Result<BlobStream, Error> {
        let origin = || self.path.display().to_string();
        let Some(extent) = self.blobs.get(&blob.digest) else {
            return Err(Error::Layout(format!("{} lacks the blob {}", origin(), blob.digest)));
        };
        if extent.size != blob.size {
            return Err(Error::SizeMismatch {
                origin: origin(),
                digest: blob.digest.clone(),
                expected: blob.size,
                actual: extent.size,
            });
        }
        Ok(stream_extent(&self.file, *extent, from))
    }

    async fn list_referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, Error> {
        let find = || async { self.index.referrers(|digest| self.load_blob(digest)) };
        let all = self.referrers.get_or_try_init(find).await?;
        Ok(all.get(subject).cloned().unwrap_or_default())
    }

    fn repository(&self) -> Option<(&Registry, &RepositoryName)> {
        None
    }
}
