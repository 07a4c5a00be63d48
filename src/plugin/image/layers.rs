//! Unpacked layers: each is decompressed once, into a file without a name, and then read at random by whoever needs it.
//!
//! The files share a bounded room on the disk of the data directory. What nobody uses makes way for what somebody needs,
//! the longest unused first; a crash leaves nothing behind.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use rustix::io::ReadWriteFlags;
use tokio::sync::{OnceCell, Semaphore};

use super::decompress::{Compression, Stored, decompress};
use super::error::ImageError;
use super::rootfs::Rootfs;
use super::source::ImageSource;
use super::tar::{Bounds, TarEntry, TarError, TarIndexer};
use crate::blob::Space;
use crate::oci::Digest;

/// What is unpacked between two looks at the room that is left.
const STEP: u64 = 16 << 20;
/// What is decompressed at once.
const PIECE: usize = 256 << 10;
/// A layer may unpack to so many times its size; only counted behind [`RATIO_FROM`], as small ones do no harm.
const MOST_RATIO: u64 = 250;
const RATIO_FROM: u64 = 512 << 20;

/// How much may be unpacked.
#[derive(Clone, Copy, Debug)]
pub struct LayerBounds {
    /// Bytes of all unpacked layers together.
    pub total: u64,
    /// Bytes of one of them.
    pub layer: u64,
    /// Files of one image.
    pub files: usize,
}

impl Default for LayerBounds {
    fn default() -> Self {
        Self { total: 8 << 30, layer: 4 << 30, files: 500_000 }
    }
}

impl LayerBounds {
    fn index(&self) -> Bounds {
        // A path has 60 bytes or so.
        Bounds { entries: self.files, name_bytes: self.files.saturating_mul(128) }
    }
}

/// All unpacked layers; clones share them.
#[derive(Clone, Debug)]
pub struct Layers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: PathBuf,
    bounds: LayerBounds,
    space: Option<Arc<Space>>,
    threads: tokio::runtime::Handle,
    /// Decompressing takes a processor each.
    turns: Semaphore,
    known: Mutex<Known>,
    merged: Mutex<HashMap<Digest, Weak<Rootfs>>>,
    merging: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    slots: HashMap<Digest, Slot>,
    clock: u64,
    used: u64,
}

#[derive(Debug)]
struct Slot {
    layer: Arc<OnceCell<Arc<Layer>>>,
    last_used: u64,
}

/// A layer that can be read at random.
#[derive(Debug)]
pub(crate) struct Layer {
    digest: Digest,
    file: Arc<File>,
    size: u64,
    index: Result<Vec<TarEntry>, TarError>,
    /// `None`: the store's own file, which was not compressed.
    room: Option<Held>,
}

/// A part of the room on the disk.
#[derive(Debug)]
struct Held {
    inner: Weak<Inner>,
    bytes: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.upgrade() {
            inner.known.lock().used -= self.bytes;
        }
    }
}

impl Layer {
    /// What is in it.
    pub(super) fn entries(&self) -> Result<&[TarEntry], ImageError> {
        self.index.as_deref().map_err(|error| ImageError::NotALayer {
            digest: self.digest.clone(),
            what: error.to_string(),
        })
    }

    pub(in super::super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Bytes of its archive.
    pub(in super::super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let mut buffer = BytesMut::zeroed(len);
        self.file.read_exact_at(&mut buffer, offset)?;
        Ok(buffer.freeze())
    }

    pub(super) fn read_now(&self, offset: u64, len: usize) -> Option<Bytes> {
        read_now(&self.file, offset, len)
    }

    #[cfg(test)]
    pub(super) fn of_entries(entries: Vec<TarEntry>) -> Self {
        use crate::oci::Algorithm;
        let file = Arc::new(File::open("/dev/null").expect("there is a /dev/null"));
        let digest = Algorithm::Sha256.digest(b"");
        Self { digest, file, size: 0, index: Ok(entries), room: None }
    }
}

/// All of a part of a file, if it is in memory.
pub(in super::super) fn read_now(file: &File, offset: u64, len: usize) -> Option<Bytes> {
    let mut buffer = BytesMut::zeroed(len);
    let mut slices = [io::IoSliceMut::new(&mut buffer)];
    let read = rustix::io::preadv2(file, &mut slices, offset, ReadWriteFlags::NOWAIT).ok()?;
    (read == len).then(|| buffer.freeze())
}

impl Layers {
    /// A room for unpacked layers in `directory`, on `space`'s disk. The work is done on the blocking threads of
    /// `threads`. This blocks: call it before serving.
    pub(crate) fn open(
        directory: &Path,
        bounds: LayerBounds,
        space: Option<Arc<Space>>,
        threads: tokio::runtime::Handle,
    ) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self(Arc::new(Inner {
            directory: directory.to_owned(),
            bounds,
            space,
            threads,
            turns: Semaphore::new((processors / 2).max(1)),
            known: Mutex::default(),
            merged: Mutex::default(),
            merging: tokio::sync::Mutex::default(),
        })))
    }

    /// The merged filesystem of an image. Who asks for the same one meanwhile shares it.
    pub async fn rootfs(&self, image: &ImageSource) -> Result<Arc<Rootfs>, ImageError> {
        let digests = image.filesystem_layers()?;
        let known = || self.0.merged.lock().get(image.digest()).and_then(Weak::upgrade);
        if let Some(rootfs) = known() {
            // Somebody else may have had the right to these layers; this image needs it as well (I4).
            for digest in &digests {
                image.open_blob(digest).await?;
            }
            return Ok(rootfs);
        }
        let unpacking = digests.iter().map(|digest| self.layer(image, digest));
        let layers = futures::future::try_join_all(unpacking).await?;
        let _turn = self.0.merging.lock().await;
        if let Some(rootfs) = known() {
            return Ok(rootfs);
        }
        let bounds = self.0.bounds.index();
        let merged = self.run(move || Rootfs::merge(layers, bounds)).await?;
        let rootfs = Arc::new(merged);
        let mut merged = self.0.merged.lock();
        merged.retain(|_, rootfs| rootfs.strong_count() > 0);
        merged.insert(image.digest().clone(), Arc::downgrade(&rootfs));
        Ok(rootfs)
    }

    /// One layer, unpacked. Whoever comes meanwhile waits for the same work, which goes on when nobody waits any more.
    pub(crate) async fn layer(
        &self,
        image: &ImageSource,
        digest: &Digest,
    ) -> Result<Arc<Layer>, ImageError> {
        // Opened also if it is unpacked already: whether this image may have it is decided there.
        let (stored, size) = image.open_stored(digest, &self.0.threads).await?;
        let cell = self.0.touch(digest);
        if let Some(layer) = cell.get() {
            return Ok(Arc::clone(layer));
        }
        let (this, digest) = (self.clone(), digest.clone());
        let unpacked = self.0.threads.spawn(async move {
            let unpack = || async {
                let _turn = this.0.turns.acquire().await;
                let (inner, digest) = (Arc::clone(&this.0), digest.clone());
                this.run(move || inner.unpack(&digest, stored, size)).await.map(Arc::new)
            };
            let layer = cell.get_or_try_init(unpack).await.cloned();
            if layer.is_err() {
                this.0.forget(&digest);
            }
            layer
        });
        unpacked.await.map_err(|_| stopped())?
    }

    /// Bytes of unpacked layers.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.0.known.lock().used
    }

    /// Runs blocking work among the plugins' own threads.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ImageError> + Send + 'static,
    ) -> Result<T, ImageError> {
        self.0.threads.spawn_blocking(work).await.map_err(|_| stopped())?
    }
}

fn stopped() -> ImageError {
    ImageError::Io { what: "the layers".into(), cause: "Berth is stopping".into() }
}

impl Inner {
    /// The slot of a layer, noted as used.
    fn touch(&self, digest: &Digest) -> Arc<OnceCell<Arc<Layer>>> {
        let mut known = self.known.lock();
        known.clock += 1;
        let now = known.clock;
        let slot = known
            .slots
            .entry(digest.clone())
            .or_insert_with(|| Slot { layer: Arc::default(), last_used: now });
        slot.last_used = now;
        Arc::clone(&slot.layer)
    }

    /// Lets go of a layer. Not under the lock, which giving its room back takes as well.
    fn forget(&self, digest: &Digest) {
        let removed = self.known.lock().slots.remove(digest);
        drop(removed);
    }

    fn unpack(
        self: &Arc<Self>,
        digest: &Digest,
        stored: Stored,
        size: u64,
    ) -> Result<Layer, ImageError> {
        let whole = match &stored {
            Stored::File { file, .. } => Some(Arc::clone(file)),
            Stored::Object { .. } => None,
        };
        let failed = |cause: io::Error| ImageError::Io {
            what: digest.to_string(),
            cause: cause.to_string(),
        };
        let damaged = |cause: io::Error| ImageError::NotALayer {
            digest: digest.clone(),
            what: format!("it cannot be decompressed: {cause}"),
        };
        let (compression, mut plain) = decompress(stored).map_err(failed)?;
        // What is not compressed lies in the store as it is needed.
        let kept = whole.filter(|_| compression == Compression::None);
        let mut room = Held { inner: Arc::downgrade(self), bytes: 0 };
        let file = match &kept {
            Some(file) => Arc::clone(file),
            None => Arc::new(self.nameless().map_err(failed)?),
        };
        let mut index = Ok(TarIndexer::new(self.bounds.index()));
        let (mut at, mut buffer) = (0, vec![0; PIECE]);
        loop {
            let read = match plain.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(damaged(error)),
            };
            let piece = &buffer[..read];
            at += read as u64;
            let is_too_much = at > RATIO_FROM && at / MOST_RATIO > size;
            if at > self.bounds.layer || is_too_much {
                return Err(ImageError::Bomb { digest: digest.clone(), most: self.bounds.layer });
            }
            if kept.is_none() {
                if at > room.bytes {
                    self.make_room(digest, &mut room)?;
                }
                (&*file).write_all(piece).map_err(failed)?;
            }
            if let Ok(indexer) = &mut index
                && let Err(error) = indexer.push(piece)
            {
                index = Err(error);
            }
            // Whether or not it is an archive, it may be wanted as a stream of bytes.
        }
        let room = kept.is_none().then(|| {
            self.give_back(&mut room, at);
            room
        });
        let index = index.and_then(TarIndexer::finish);
        Ok(Layer { digest: digest.clone(), file, size: at, index, room })
    }

    /// A file that is gone when it is closed, whatever happens.
    fn nameless(&self) -> io::Result<File> {
        use rustix::fs::{CWD, Mode, OFlags, openat};
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        if let Ok(file) = openat(CWD, &self.directory, flags, Mode::RUSR | Mode::WUSR) {
            return Ok(file.into());
        }
        // Some file systems have no such files.
        let path = self.directory.join(crate::secret::random_text(12));
        let mut options = File::options();
        let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(file)
    }

    /// Takes another step of room, at the cost of layers that nobody uses.
    fn make_room(&self, digest: &Digest, held: &mut Held) -> Result<(), ImageError> {
        if let Some(space) = &self.space {
            let disk = space.free()?;
            if disk.free.saturating_sub(STEP) < disk.reserve {
                return Err(ImageError::NoRoom(digest.clone()));
            }
        }
        loop {
            let mut known = self.known.lock();
            if known.used + STEP <= self.bounds.total {
                known.used += STEP;
                held.bytes += STEP;
                return Ok(());
            }
            let unused = known.slots.iter().filter(|(_, slot)| {
                let only_here =
                    |layer: &Arc<Layer>| Arc::strong_count(layer) == 1 && layer.room.is_some();
                slot.layer.get().is_some_and(only_here)
            });
            let oldest =
                unused.min_by_key(|(_, slot)| slot.last_used).map(|(digest, _)| digest.clone());
            let Some(oldest) = oldest else { return Err(ImageError::NoRoom(digest.clone())) };
            let removed = known.slots.remove(&oldest);
            // Its room is given back under the same lock.
            drop(known);
            drop(removed);
        }
    }

    fn give_back(&self, held: &mut Held, needed: u64) {
        let spare = held.bytes.saturating_sub(needed);
        held.bytes -= spare;
        self.known.lock().used -= spare;
    }
}
