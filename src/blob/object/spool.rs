//! A piece of an upload on the disk of the data directory, while there is no memory for it: a client may take its time
//! with it without anybody else having to wait.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::blob::{Error, blocking, io};
use crate::secret::random_text;

/// Bytes are written in batches of this many.
const BATCH_BYTES: usize = 64 << 10;

/// Where pieces lie. They have no names: what a crash leaves takes no space.
#[derive(Clone, Debug)]
pub(super) struct Spools(Arc<PathBuf>);

/// A piece.
pub(super) struct Spool {
    path: Arc<PathBuf>,
    file: Option<File>,
    batch: Vec<u8>,
    written: usize,
}

impl Spools {
    pub(super) fn open(data: &Path) -> Result<Self, Error> {
        let path = data.join("spool");
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(io(&path)(error));
            }
            _ => {}
        }
        std::fs::create_dir_all(&path).map_err(io(&path))?;
        Ok(Self(Arc::new(path)))
    }

    pub(super) async fn start(&self) -> Result<Spool, Error> {
        let path = Arc::clone(&self.0);
        let file = blocking(move || {
            let name = path.join(random_text(12));
            let mut options = File::options();
            let file = options.read(true).write(true).create_new(true).open(&name);
            let file = file.map_err(io(&name))?;
            std::fs::remove_file(&name).map_err(io(&name))?;
            Ok(file)
        })
        .await?;
        let (path, batch) = (Arc::clone(&self.0), Vec::with_capacity(BATCH_BYTES));
        Ok(Spool { path, file: Some(file), batch, written: 0 })
    }
}

impl Spool {
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.batch.extend_from_slice(bytes);
        if self.batch.len() >= BATCH_BYTES { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), Error> {
        let (path, batch) = (Arc::clone(&self.path), std::mem::take(&mut self.batch));
        let mut file = self.file.take().ok_or(Error::Stopped)?;
        let (file, mut batch) = blocking(move || {
            file.write_all(&batch).map_err(io(&path))?;
            Ok((file, batch))
        })
        .await?;
        self.file = Some(file);
        self.written += batch.len();
        batch.clear();
        // A large one came from memory that was given back.
        if batch.capacity() <= 2 * BATCH_BYTES {
            self.batch = batch;
        }
        Ok(())
    }

    /// All of it, for which there is memory now.
    pub(super) async fn read(mut self) -> Result<Vec<u8>, Error> {
        self.flush().await?;
        let (path, size) = (self.path, self.written);
        let file = self.file.take().ok_or(Error::Stopped)?;
        blocking(move || {
            let mut bytes = vec![0; size];
            file.read_exact_at(&mut bytes, 0).map_err(io(&path))?;
            Ok(bytes)
        })
        .await
    }
}
