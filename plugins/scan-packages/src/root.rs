//! The filesystem that Berth lends, as the readers of packages want it.

use berth_packages::{Entry, Root, RootError};
use berth_plugin::{Error, FileKind, Rootfs};

/// Entries that are asked for at once.
const PAGE: u32 = 5000;

pub(crate) struct Lent(pub(crate) Rootfs);

impl Root for Lent {
    fn find(&self, globs: &[&str], visit: &mut dyn FnMut(Entry) -> bool) -> Result<(), RootError> {
        let globs: Vec<String> = globs.iter().map(|glob| (*glob).to_owned()).collect();
        // Everything is a range of the index; a glob is compared with each path.
        let is_everything = globs.iter().any(|glob| glob == "**");
        let mut after: Option<String> = None;
        loop {
            let page = if is_everything {
                self.0.entries("", after.as_deref(), PAGE)
            } else {
                self.0.find(&globs, after.as_deref(), PAGE)
            };
            let page = page.map_err(told)?;
            let is_last = page.len() < PAGE as usize;
            after = page.last().map(|entry| entry.path.clone());
            for entry in page {
                if entry.kind == FileKind::Regular {
                    let entry = Entry { path: entry.path, size: entry.size, mode: entry.mode };
                    if !visit(entry) {
                        return Ok(());
                    }
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    fn read(&self, path: &str, max: usize) -> Result<Vec<u8>, RootError> {
        self.0.read_file(path, u32::try_from(max).unwrap_or(u32::MAX)).map_err(told)
    }

    fn read_at(&self, path: &str, offset: u64, buffer: &mut [u8]) -> Result<usize, RootError> {
        let length = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        let bytes = self.0.read_file_at(path, offset, length).map_err(told)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

fn told(error: Error) -> RootError {
    match error {
        Error::NotFound(_) => RootError::NotFound,
        Error::LimitExceeded(_) => RootError::TooLarge,
        Error::Unavailable(why)
        | Error::Invalid(why)
        | Error::Denied(why)
        | Error::Internal(why) => RootError::Failed(why),
    }
}
