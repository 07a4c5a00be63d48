//! Blobs as files in the data directory.
//!
//! `OpenDAL`'s own filesystem service syncs a file but not the directory that names it, copies every write through
//! another buffer, and opens a file anew for each read; the promise of I1 and the cost of a pull are why files are
//! handled here directly.
//!
//! ```text
//! uploads/<upload id>                      bytes of an upload under way
//! blobs/sha256/ab/<hex>.<upload id>        a blob; the last part makes the name unique
//! ```
//!
//! A finished upload has both names until its row is committed. What a crash leaves is therefore found among the
//! uploads, without looking through the blobs.

use std::cmp::Ordering;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, IoSlice, Read, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use tokio::task::JoinHandle;

use super::directories::{Shards, make_directories, sync_directory};
use super::hasher::Hasher;
use super::probe::{Probe, Step};
use super::session::Session;
use super::space::Space;
use super::{Append, BodyError, Error, Location, blocking, io, lost};
use crate::oci::{Algorithm, Digest, UploadId};

/// Open files that are kept for the next reader.
const OPEN_FILES: usize = 512;

/// A file is looked up by its name again after this long, so that one which somebody removed is noticed.
const TRUSTED_FOR: Duration = Duration::from_secs(5);

/// Written bytes are sent to the disk in strides of this many while more arrive, so that the last sync is short.
const SYNC_STRIDE: u64 = 32 << 20;

/// A piece may stand in a receive buffer of 128 KiB, which it keeps from being freed. Smaller ones than this are copied, so
/// that what waits to be written is what is counted.
const SMALL_PIECE: usize = 24 << 10;

/// How often a long upload looks at the free space.
const SPACE_STRIDE: u64 = 16 << 20;

/// When a file was opened, its size, and itself.
type OpenFiles = quick_cache::sync::Cache<Location, (Instant, u64, Arc<File>)>;

#[derive(Clone, Debug)]
pub(super) struct LocalStore {
    root: Arc<PathBuf>,
    open: Arc<OpenFiles>,
    shards: Arc<Shards>,
    probe: Probe,
}

impl LocalStore {
    pub(super) fn open(root: &Path, probe: Probe) -> Result<Self, Error> {
        make_directories(root)?;
        let open = quick_cache::sync::Cache::new(OPEN_FILES);
        Ok(Self {
            root: Arc::new(root.to_owned()),
            open: Arc::new(open),
            shards: Arc::new(Shards::new()),
            probe,
        })
    }

    /// The data directory.
    pub(super) fn root(&self) -> Arc<PathBuf> {
        Arc::clone(&self.root)
    }

    fn upload_path(&self, id: &UploadId) -> PathBuf {
        self.root.join("uploads").join(id.as_str())
    }

    fn path(&self, location: &Location) -> PathBuf {
        self.root.join(location.as_str())
    }

    pub(super) async fn append<S, E>(
        &self,
        id: &UploadId,
        session: &mut Session,
        mut body: S,
        append: Append,
        batch_bytes: impl Fn() -> usize,
        space: &Arc<Space>,
    ) -> Result<(), Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin + Send,
        E: Into<BodyError>,
    {
        let mut writer = Writer::Idle(Box::new(Part {
            path: self.upload_path(id),
            start: session.size,
            file: None,
            hasher: session.hasher.clone(),
            written: 0,
            synced: 0,
            syncing: Vec::new(),
            probe: self.probe.clone(),
        }));
        let (mut batch, mut batched, mut received, mut checked) = (Vec::new(), 0, 0u64, 0u64);
        let mut ended: Result<(), Error> = Ok(());
        while let Some(chunk) = body.next().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => {
                    ended = Err(Error::Interrupted(error.into()));
                    break;
                }
            };
            received += chunk.len() as u64;
            if append.exactly.is_some_and(|expected| received > expected) {
                break;
            }
            batched += chunk.len();
            batch.push(if chunk.len() < SMALL_PIECE {
                Bytes::copy_from_slice(&chunk)
            } else {
                chunk
            });
            if batched >= batch_bytes() {
                writer = writer.write(std::mem::take(&mut batch)).await?;
                batched = 0;
                if received - checked >= SPACE_STRIDE {
                    checked = received;
                    if let Err(error) = space.check_push(0).await {
                        ended = Err(error);
                        break;
                    }
                }
            }
        }
        let mut part = writer.write(batch).await?.idle().await?;
        part.settle().await?;
        if let Some(expected) = append.exactly
            && ended.is_ok()
            && received != expected
        {
            part.roll_back().await?;
            return Err(Error::SizeMismatch { expected, actual: received });
        }
        session.replace(part.start + part.written, part.hasher.clone());
        ended
    }

    /// A file of somebody else's under an upload's name. It is not written to: whoever adopts it finishes it at once.
    pub(super) async fn adopt(&self, id: &UploadId, file: &Path) -> Result<bool, Error> {
        let (from, to) = (file.to_owned(), self.upload_path(id));
        blocking(move || Ok(std::fs::hard_link(&from, &to).is_ok() || clone_file(&from, &to))).await
    }

    pub(super) async fn resume(&self, id: &UploadId, session: &mut Session) -> Result<(), Error> {
        let path = self.upload_path(id);
        let trusted = session.is_of_this_boot();
        let (size, hasher) = (session.size, session.hasher.clone());
        let (size, hasher) = blocking(move || {
            let mut file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Ok((0, Hasher::new(hasher.algorithm())));
                }
                Err(error) => return Err(io(&path)(error)),
            };
            let length = file.metadata().map_err(io(&path))?.len();
            // Bytes behind the saved size arrived before the process was killed; after a power cut any may be lost.
            let (start, mut hasher) = if trusted && size <= length {
                (size, hasher)
            } else {
                (0, Hasher::new(hasher.algorithm()))
            };
            file.seek(SeekFrom::Start(start)).map_err(io(&path))?;
            hash_rest(&mut file, &mut hasher).map_err(io(&path))?;
            Ok((length, hasher))
        })
        .await?;
        session.replace(size, hasher);
        Ok(())
    }

    pub(super) async fn rehash(
        &self,
        id: &UploadId,
        size: u64,
        algorithm: Algorithm,
    ) -> Result<Digest, Error> {
        let path = self.upload_path(id);
        blocking(move || {
            let mut hasher = Hasher::new(algorithm);
            match File::open(&path) {
                Ok(file) => hash_rest(&mut file.take(size), &mut hasher).map_err(io(&path))?,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(io(&path)(error)),
            }
            Ok(hasher.digest())
        })
        .await
    }

    pub(super) async fn finish(
        &self,
        id: &UploadId,
        size: u64,
        digest: &Digest,
    ) -> Result<Location, Error> {
        let (from, probe) = (self.upload_path(id), self.probe.clone());
        let location = location(id, digest);
        let (to, root) = (self.path(&location), Arc::clone(&self.root));
        let (shards, digest) = (Arc::clone(&self.shards), digest.clone());
        blocking(move || {
            // An upload of nothing has no file yet; any other one that lacks its bytes must not become a blob.
            let mut options = OpenOptions::new();
            let file = match options.write(true).create(size == 0).truncate(false).open(&from) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Err(lost(&from)(error));
                }
                file => file.map_err(io(&from))?,
            };
            match file.metadata().map_err(io(&from))?.len().cmp(&size) {
                Ordering::Less => return Err(lost(&from)(ErrorKind::UnexpectedEof.into())),
                Ordering::Equal => {}
                // A request that failed has left bytes that do not count.
                Ordering::Greater => file.set_len(size).map_err(io(&from))?,
            }
            let shard = &shards.ensure(&root, &digest)?;
            probe.at(Step::Publish).map_err(io(&to))?;
            link(&from, &to)?;
            // The name comes first: on a journalling file system one commit then carries the bytes and the name, and
            // the directory's sync has nothing left to do. No row names the file before both have returned.
            // A second sync after a failed one would succeed without having written: then the bytes must come again.
            probe.at(Step::Sync).map_err(lost(&to))?;
            file.sync_all().map_err(lost(&to))?;
            probe.at(Step::SyncDirectory).map_err(lost(shard))?;
            sync_directory(shard)
        })
        .await?;
        Ok(location)
    }

    pub(super) async fn remove_upload(&self, id: &UploadId) -> Result<(), Error> {
        self.remove(self.upload_path(id)).await
    }

    pub(super) async fn delete(&self, location: &Location) -> Result<(), Error> {
        self.open.remove(location);
        self.remove(self.path(location)).await
    }

    async fn remove(&self, path: PathBuf) -> Result<(), Error> {
        let probe = self.probe.clone();
        blocking(move || {
            probe.at(Step::Delete).map_err(io(&path))?;
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(io(&path)(error)),
                _ => Ok(()),
            }
        })
        .await
    }

    /// Opens it anew the next time.
    pub(super) fn forget(&self, location: &Location) {
        self.open.remove(location);
    }

    pub(super) async fn load(&self, location: &Location, size: u64) -> Result<Arc<File>, Error> {
        if let Some((opened, known, file)) = self.open.get(location)
            && opened.elapsed() < TRUSTED_FOR
            && known == size
        {
            return Ok(file);
        }
        let (path, probe, missing) = (self.path(location), self.probe.clone(), location.clone());
        let file = blocking(move || {
            probe.at(Step::Load).map_err(io(&path))?;
            let file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Err(Error::Missing(missing));
                }
                Err(error) => return Err(io(&path)(error)),
            };
            let length = file.metadata().map_err(io(&path))?.len();
            if length == size { Ok(Arc::new(file)) } else { Err(Error::Missing(missing)) }
        })
        .await;
        match &file {
            Ok(file) => {
                self.open.insert(location.clone(), (Instant::now(), size, Arc::clone(file)));
            }
            Err(_) => drop(self.open.remove(location)),
        }
        file
    }

    pub(super) async fn ping(&self) -> Result<(), Error> {
        let path = self.root.join("blobs");
        blocking(move || std::fs::metadata(&path).map(drop).map_err(io(&path))).await
    }

    /// Upload files last written before `before`.
    pub(super) async fn leftovers(&self, before: SystemTime) -> Result<Vec<UploadId>, Error> {
        let directory = self.root.join("uploads");
        blocking(move || {
            let mut found = Vec::new();
            for entry in std::fs::read_dir(&directory).map_err(io(&directory))? {
                let entry = entry.map_err(io(&directory))?;
                let id = entry.file_name().to_str().and_then(|name| name.parse::<UploadId>().ok());
                let modified = entry.metadata().and_then(|metadata| metadata.modified());
                if let (Some(id), Ok(modified)) = (id, modified)
                    && modified < before
                {
                    found.push(id);
                }
            }
            Ok(found)
        })
        .await
    }

    /// Names as blobs that an upload has beside its own: its end was interrupted, before or after its row was committed.
    pub(super) async fn published(&self, id: &UploadId) -> Result<Vec<(Digest, Location)>, Error> {
        let (store, id, path) = (self.clone(), id.clone(), self.upload_path(id));
        blocking(move || {
            match std::fs::metadata(&path) {
                Ok(found) if found.nlink() > 1 => {}
                _ => return Ok(Vec::new()),
            }
            let named = digests(&path)?.into_iter().map(|digest| {
                let location = location(&id, &digest);
                (digest, location)
            });
            Ok(named.filter(|(_, location)| store.path(location).exists()).collect())
        })
        .await
    }
}

/// A file's digest under each algorithm.
fn digests(path: &Path) -> Result<Vec<Digest>, Error> {
    let mut found = Vec::new();
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let mut hasher = Hasher::new(algorithm);
        File::open(path)
            .and_then(|mut file| hash_rest(&mut file, &mut hasher))
            .map_err(io(path))?;
        found.push(hasher.digest());
    }
    Ok(found)
}

/// The name of a finished upload.
fn location(id: &UploadId, digest: &Digest) -> Location {
    let hex = digest.hex();
    Location::new(format!("blobs/{}/{}/{hex}.{id}", digest.algorithm(), &hex[..2]))
}

/// An upload that is ended a second time has its name already.
fn link(from: &Path, to: &Path) -> Result<(), Error> {
    match std::fs::hard_link(from, to) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(io(to)(error)),
        _ => Ok(()),
    }
}

/// A file that shares its bytes with another one, where the file system can do that.
fn clone_file(from: &Path, to: &Path) -> bool {
    let clone = || -> std::io::Result<()> {
        let source = File::open(from)?;
        let target = OpenOptions::new().write(true).create_new(true).open(to)?;
        Ok(rustix::fs::ioctl_ficlone(&target, &source)?)
    };
    let is_cloned = clone().is_ok();
    if !is_cloned {
        // A clone that failed has left an empty file.
        let _ = std::fs::remove_file(to);
    }
    is_cloned
}

/// What one request appends.
struct Part {
    path: PathBuf,
    /// Size of the upload before it.
    start: u64,
    file: Option<File>,
    hasher: Hasher,
    written: u64,
    synced: u64,
    syncing: Vec<JoinHandle<std::io::Result<()>>>,
    probe: Probe,
}

/// While one batch is hashed and written on a blocking thread, the next one is received.
enum Writer {
    Idle(Box<Part>),
    Busy(JoinHandle<(Box<Part>, Result<(), Error>)>),
}

impl Writer {
    async fn idle(self) -> Result<Box<Part>, Error> {
        let (mut part, written) = match self {
            Self::Idle(part) => return Ok(part),
            Self::Busy(writing) => writing.await.map_err(|_| Error::Stopped)?,
        };
        match written {
            Ok(()) => Ok(part),
            Err(error) => {
                // A lost sync is the graver news: it may be about bytes of earlier requests.
                part.settle().await?;
                Err(error)
            }
        }
    }

    async fn write(self, batch: Vec<Bytes>) -> Result<Self, Error> {
        let mut part = self.idle().await?;
        if batch.is_empty() {
            return Ok(Self::Idle(part));
        }
        Ok(Self::Busy(tokio::task::spawn_blocking(move || {
            let written = part.write(&batch);
            (part, written)
        })))
    }
}

impl Part {
    fn write(&mut self, batch: &[Bytes]) -> Result<(), Error> {
        let written = self.write_batch(batch);
        if let (Err(_), Some(file)) = (&written, &self.file) {
            // On a full disk the bytes that do not count are what keeps it full.
            let _ = file.set_len(self.start);
        }
        written
    }

    fn write_batch(&mut self, batch: &[Bytes]) -> Result<(), Error> {
        self.probe.at(Step::Write).map_err(io(&self.path))?;
        if self.file.is_none() {
            self.file = Some(self.open()?);
        }
        let file = self.file.as_mut().expect("the file was just opened");
        write_all(file, batch).map_err(io(&self.path))?;
        for bytes in batch {
            self.hasher.update(bytes);
            self.written += bytes.len() as u64;
        }
        // Starts the disk early; the promise is kept by the sync in `finish`. The kernel tells of a failed write only
        // once, perhaps here, so nothing counts before each of these has ended well.
        let idle = self.syncing.last().is_none_or(JoinHandle::is_finished);
        if idle && self.written - self.synced >= SYNC_STRIDE {
            self.synced = self.written;
            let file = file.try_clone().map_err(io(&self.path))?;
            self.syncing.push(tokio::task::spawn_blocking(move || file.sync_data()));
        }
        Ok(())
    }

    /// Opens the upload's file behind the bytes that count; what a failed write left there is cut off.
    fn open(&self) -> Result<File, Error> {
        self.probe.at(Step::Open).map_err(io(&self.path))?;
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.path)
            .map_err(io(&self.path))?;
        match file.metadata().map_err(io(&self.path))?.len().cmp(&self.start) {
            // To make it longer would put zeros where the client's bytes were.
            Ordering::Less => return Err(lost(&self.path)(ErrorKind::UnexpectedEof.into())),
            Ordering::Equal => {}
            Ordering::Greater => file.set_len(self.start).map_err(io(&self.path))?,
        }
        file.seek(SeekFrom::Start(self.start)).map_err(io(&self.path))?;
        Ok(file)
    }

    /// Waits for the disk to have taken what was sent early.
    async fn settle(&mut self) -> Result<(), Error> {
        for sync in self.syncing.drain(..) {
            sync.await.map_err(|_| Error::Stopped)?.map_err(lost(&self.path))?;
        }
        Ok(())
    }

    async fn roll_back(self: Box<Self>) -> Result<(), Error> {
        blocking(move || match &self.file {
            Some(file) => file.set_len(self.start).map_err(io(&self.path)),
            None => Ok(()),
        })
        .await
    }
}

/// Writes a batch in as few calls as the kernel takes, so that its pages are made in large pieces.
fn write_all(file: &mut File, batch: &[Bytes]) -> std::io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = batch.iter().map(|bytes| IoSlice::new(bytes)).collect();
    let mut left = &mut slices[..];
    while !left.is_empty() {
        match file.write_vectored(left) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut left, written),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn hash_rest(file: &mut impl Read, hasher: &mut Hasher) -> std::io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            read => hasher.update(&buffer[..read]),
        }
    }
}
