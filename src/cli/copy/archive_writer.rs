//! An OCI image layout in a tar file, as a target.
//!
//! A blob's size is known before its first byte, so its place in the file can be, too: several blobs are written at a
//! time, each into its own place. The file is called `<name>.part` until all is in it. A later copy takes over what is
//! whole at the beginning of such a file; what comes behind the first incomplete blob is fetched again.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::BytesMut;
use futures::StreamExt as _;
use parking_lot::Mutex;

use super::archive::{Extent, blob_of};
use super::index::LayoutIndex;
use super::layout::{INDEX_FILE, LAYOUT_CONTENT, LAYOUT_FILE, blocking, failed, sync_parent};
use crate::oci::{Digest, Tag};
use crate::remote::transfer::{Blob, Source, Target};
use crate::remote::{BlobStream, Digester, Error, Fetched, Stored};

/// The unit of a tar file.
const BLOCK: u64 = 512;

/// So much is collected before it is written.
const WRITE: usize = 1 << 20;

/// A tar file in the making.
#[derive(Debug)]
pub(in crate::cli) struct ArchiveWriter {
    path: PathBuf,
    part: PathBuf,
    file: Arc<File>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    end: u64,
    blobs: HashMap<Digest, Extent>,
    index: LayoutIndex,
}

impl ArchiveWriter {
    /// Begins an archive, or goes on with one that was not finished.
    pub(super) async fn create(path: &Path) -> Result<Self, Error> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let part = path.with_file_name(name);
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(false).open(&part);
        let file = file.map_err(|cause| failed("open", &part, cause))?;
        if file.try_lock().is_err() {
            let busy = format!("{} is being written by another copy", part.display());
            return Err(Error::Layout(busy));
        }
        let file = Arc::new(file);
        let (scanned, shown) = (file.clone(), part.clone());
        let (end, blobs) = blocking(move || {
            let (end, blobs) = whole_blobs(&scanned);
            scanned.set_len(end).map_err(|cause| failed("write", &shown, cause))?;
            Ok((end, blobs))
        })
        .await?;
        let state = Mutex::new(State { end, blobs, index: LayoutIndex::default() });
        Ok(Self { path: path.to_owned(), part, file, state })
    }

    /// Adds a manifest to the archive's index.
    pub(super) fn add(&self, manifest: &Fetched, tag: Option<&Tag>) {
        self.state.lock().index.add(manifest, tag);
    }

    /// Writes the index and the end of the file, and gives it its name. A file that had the name is replaced.
    pub(super) async fn finish(&self) -> Result<(), Error> {
        let index = self.state.lock().index.to_bytes();
        self.write_file(LAYOUT_FILE, LAYOUT_CONTENT).await?;
        self.write_file(INDEX_FILE, &index).await?;
        let end = self.state.lock().end;
        let (file, path, part) = (self.file.clone(), self.path.clone(), self.part.clone());
        blocking(move || {
            let finish = || {
                file.set_len(end + 2 * BLOCK)?;
                file.sync_all()?;
                std::fs::rename(&part, &path)?;
                sync_parent(&path)
            };
            finish().map_err(|cause| failed("finish", &path, cause))
        })
        .await
    }

    /// Takes a place for a file at the end of the archive and writes the header before it.
    async fn reserve(&self, name: &str, size: u64) -> Result<u64, Error> {
        let header = header_of(name, size).map_err(|cause| failed("write", &self.part, cause))?;
        let length = header.len() as u64;
        let at = {
            let mut state = self.state.lock();
            let at = state.end;
            state.end = at + length + size.next_multiple_of(BLOCK);
            at
        };
        self.write_at(header, at).await?;
        Ok(at + length)
    }

    async fn write_file(&self, name: &str, bytes: &[u8]) -> Result<Extent, Error> {
        let size = bytes.len() as u64;
        let start = self.reserve(name, size).await?;
        self.write_at(bytes.to_vec(), start).await?;
        Ok(Extent { start, size })
    }

    async fn write_at(&self, bytes: Vec<u8>, at: u64) -> Result<(), Error> {
        let (file, part) = (self.file.clone(), self.part.clone());
        blocking(move || {
            file.write_all_at(&bytes, at).map_err(|cause| failed("write", &part, cause))
        })
        .await
    }

    async fn receive(
        &self,
        blob: &Blob,
        stream: &mut BlobStream,
        start: u64,
        moved: &Arc<dyn Fn(u64) + Send + Sync>,
    ) -> Result<(), Error> {
        let mut digester = Digester::new(blob.digest.algorithm());
        let mut buffer = BytesMut::with_capacity(WRITE);
        let (mut received, mut written) = (0_u64, 0_u64);
        while let Some(piece) = stream.next().await {
            let piece = piece?;
            received += piece.len() as u64;
            if received > blob.size {
                break;
            }
            digester.update(&piece);
            buffer.extend_from_slice(&piece);
            if buffer.len() >= WRITE {
                let full = buffer.split().to_vec();
                let at = start + written;
                written += full.len() as u64;
                self.write_at(full, at).await?;
            }
            moved(received);
        }
        self.write_at(buffer.to_vec(), start + written).await?;
        let actual = digester.finish();
        if received == blob.size && actual == blob.digest {
            return Ok(());
        }
        let origin = "the source".to_owned();
        Err(Error::DigestMismatch { origin, expected: blob.digest.clone(), actual })
    }
}

impl Target for ArchiveWriter {
    async fn has_blob(&self, blob: &Blob) -> Result<bool, Error> {
        Ok(self.state.lock().blobs.contains_key(&blob.digest))
    }

    async fn put_blob<S: Source>(
        &self,
        blob: &Blob,
        source: &S,
        moved: Arc<dyn Fn(u64) + Send + Sync>,
    ) -> Result<Stored, Error> {
        let mut stream = source.open_blob(blob, 0).await?;
        let start = self.reserve(&name_of(&blob.digest), blob.size).await?;
        self.receive(blob, &mut stream, start, &moved).await?;
        self.state.lock().blobs.insert(blob.digest.clone(), Extent { start, size: blob.size });
        Ok(Stored::Transferred)
    }

    async fn put_manifest(&self, manifest: &Fetched, tag: Option<&Tag>) -> Result<(), Error> {
        if !self.state.lock().blobs.contains_key(&manifest.digest) {
            let extent = self.write_file(&name_of(&manifest.digest), &manifest.bytes).await?;
            self.state.lock().blobs.insert(manifest.digest.clone(), extent);
        }
        if tag.is_some() {
            self.add(manifest, tag);
        }
        Ok(())
    }

    async fn put_referrer(&self, _subject: &Digest, referrer: &Fetched) -> Result<(), Error> {
        self.add(referrer, None);
        Ok(())
    }
}

fn name_of(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}

/// The blocks before a file's content: more than one where the name is long, as with SHA-512.
fn header_of(name: &str, size: u64) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_entry_type(tar::EntryType::Regular);
    // No time: the same images make the same archive.
    header.set_mtime(0);
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header, name, io::empty())?;
    Ok(builder.get_ref().clone())
}

/// The blobs at the beginning of an unfinished archive that are there and right, and where they end.
fn whole_blobs(file: &File) -> (u64, HashMap<Digest, Extent>) {
    let (mut end, mut found) = (0, HashMap::new());
    let length = file.metadata().map(|file| file.len()).unwrap_or_default();
    let mut archive = tar::Archive::new(file);
    let Ok(entries) = archive.entries_with_seek() else { return (end, found) };
    for entry in entries {
        let Ok(entry) = entry else { break };
        let path = entry.path_bytes().into_owned();
        let Some(digest) = std::str::from_utf8(&path).ok().and_then(blob_of) else { break };
        let extent = Extent { start: entry.raw_file_position(), size: entry.size() };
        let after = extent.start + extent.size.next_multiple_of(BLOCK);
        if extent.start + extent.size > length || !is_right(file, &digest, extent) {
            break;
        }
        end = after;
        found.insert(digest, extent);
    }
    (end, found)
}

fn is_right(file: &File, digest: &Digest, extent: Extent) -> bool {
    let mut digester = Digester::new(digest.algorithm());
    let mut buffer = vec![0; WRITE];
    let (mut at, end) = (extent.start, extent.start + extent.size);
    while at < end {
        let wanted = usize::try_from(end - at).unwrap_or(WRITE).min(WRITE);
        match file.read_at(&mut buffer[..wanted], at) {
            Ok(0) | Err(_) => return false,
            Ok(read) => {
                digester.update(&buffer[..read]);
                at += read as u64;
            }
        }
    }
    digester.finish() == *digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::copy::archive::scan;
    use crate::oci::Algorithm;

    #[test]
    fn headers_name_files_of_every_length_and_size() {
        for (name, size) in [
            (name_of(&Algorithm::Sha256.digest(b"a")), 0),
            (name_of(&Algorithm::Sha512.digest(b"a")), 20_u64 << 30),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("a.tar");
            let header = header_of(&name, size).unwrap();
            std::fs::write(&path, &header).unwrap();
            let file = File::options().read(true).write(true).open(&path).unwrap();
            file.set_len(header.len() as u64 + size + 2 * BLOCK).unwrap();
            let found = scan(&file).unwrap();
            assert_eq!(found[&name].size, size);
            assert_eq!(found[&name].start, header.len() as u64);
        }
    }

    #[test]
    fn an_unfinished_archive_is_taken_over_up_to_its_first_fault() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.tar.part");
        let mut bytes = Vec::new();
        let mut ends = Vec::new();
        for (content, promised) in
            [("one", "one"), ("two", "two"), ("bad", "other"), ("four", "four")]
        {
            let digest = Algorithm::Sha256.digest(promised.as_bytes());
            bytes.extend(header_of(&name_of(&digest), content.len() as u64).unwrap());
            bytes.extend(content.as_bytes());
            bytes.resize(bytes.len().next_multiple_of(512), 0);
            ends.push(bytes.len() as u64);
        }
        std::fs::write(&path, &bytes).unwrap();
        let (end, found) = whole_blobs(&File::open(&path).unwrap());
        assert_eq!((end, found.len()), (ends[1], 2));
        // Cut in the middle of the second one's content.
        std::fs::write(&path, &bytes[..=1024 + 512]).unwrap();
        let (end, found) = whole_blobs(&File::open(&path).unwrap());
        assert_eq!((end, found.len()), (ends[0], 1));
        std::fs::write(&path, b"no archive").unwrap();
        assert_eq!(whole_blobs(&File::open(&path).unwrap()).0, 0);
    }
}
