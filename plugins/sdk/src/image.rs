//! An image, and the filesystem in it.

use std::io::Read as _;

use crate::stream::Reader;
use crate::{Encoding, Error, FileEntry, Image, Rootfs};

/// Entries that are asked for at once.
const PAGE: u32 = 2000;

impl Image {
    /// A layer or the configuration as it is stored.
    pub fn stored(&self, digest: &str) -> Result<Reader, Error> {
        self.open_blob(digest, Encoding::Stored).map(Reader::new)
    }

    /// A layer as it was before it was compressed.
    pub fn uncompressed(&self, digest: &str) -> Result<Reader, Error> {
        self.open_blob(digest, Encoding::Uncompressed).map(Reader::new)
    }
}

impl Rootfs {
    /// Calls `visit` for each entry that matches one of the globs, in the order of their paths.
    pub fn each(
        &self,
        globs: &[&str],
        mut visit: impl FnMut(FileEntry) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let globs: Vec<String> = globs.iter().map(|glob| (*glob).to_owned()).collect();
        let mut after: Option<String> = None;
        loop {
            let page = self.find(&globs, after.as_deref(), PAGE)?;
            let is_last = page.len() < PAGE as usize;
            after = page.last().map(|entry| entry.path.clone());
            page.into_iter().try_for_each(&mut visit)?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// A small file as text; `None` if there is none.
    pub fn read_text(&self, path: &str, most: u32) -> Result<Option<String>, Error> {
        match self.read_file(path, most) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A file as a stream.
    pub fn reader(&self, path: &str) -> Result<Reader, Error> {
        self.open_file(path).map(Reader::new)
    }
}

impl Reader {
    /// The rest of it, if it has at most so many bytes.
    pub fn read_all(&mut self, most: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let read = self.take(most as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|error| Error::Unavailable(error.to_string()))?;
        if bytes.len() > most {
            return Err(Error::LimitExceeded(format!("there are more than {most} bytes")));
        }
        Ok(bytes)
    }
}
