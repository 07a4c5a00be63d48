//! A root filesystem in a directory.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Component, Path, PathBuf};

use crate::memory::matches;
use crate::root::{Entry, Root, RootError};

/// Links on a path are followed this often.
const MAX_LINKS: usize = 40;

/// A root filesystem that is unpacked in a directory. Links are followed inside of it only. Files whose names are not
/// UTF-8 are not seen.
#[derive(Clone, Debug)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// The directory is read when something is asked for.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn resolve(&self, path: &str) -> Result<PathBuf, RootError> {
        let mut done: Vec<String> = Vec::new();
        let mut open: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut links = 0;
        while let Some(part) = open.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    done.pop();
                    continue;
                }
                _ => {}
            }
            done.push(part);
            let here = self.root.join(done.join("/"));
            if fs::symlink_metadata(&here).map_err(|error| failed(&error))?.is_symlink() {
                links += 1;
                if links > MAX_LINKS {
                    return Err(RootError::Failed("its links never end".to_owned()));
                }
                let target = fs::read_link(&here).map_err(|error| failed(&error))?;
                done.pop();
                if target.is_absolute() {
                    done.clear();
                }
                let parts = target.components().rev().filter_map(|part| match part {
                    Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
                    Component::ParentDir => Some("..".to_owned()),
                    _ => None,
                });
                open.extend(parts);
            }
        }
        Ok(self.root.join(done.join("/")))
    }

    fn open(&self, path: &str) -> Result<fs::File, RootError> {
        let path = self.resolve(path)?;
        if !fs::metadata(&path).map_err(|error| failed(&error))?.is_file() {
            return Err(RootError::Failed("it is no regular file".to_owned()));
        }
        fs::File::open(path).map_err(|error| failed(&error))
    }
}

fn failed(error: &io::Error) -> RootError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => RootError::NotFound,
        _ => RootError::Failed(error.to_string()),
    }
}

impl Root for Directory {
    fn find(&self, globs: &[&str], visit: &mut dyn FnMut(Entry) -> bool) -> Result<(), RootError> {
        let mut open = vec![String::new()];
        while let Some(directory) = open.pop() {
            let entries = match fs::read_dir(self.root.join(&directory)) {
                Ok(entries) => entries,
                Err(error) if directory.is_empty() => return Err(failed(&error)),
                Err(_) => continue,
            };
            for entry in entries.flatten() {
                let (Some(name), Ok(metadata)) =
                    (entry.file_name().to_str().map(str::to_owned), entry.metadata())
                else {
                    continue;
                };
                let path = if directory.is_empty() { name } else { format!("{directory}/{name}") };
                if metadata.is_dir() {
                    open.push(path);
                } else if metadata.is_file() && globs.iter().any(|glob| matches(glob, &path)) {
                    let mode = metadata.mode() & 0o7777;
                    if !visit(Entry { path, size: metadata.len(), mode }) {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    fn read(&self, path: &str, max: usize) -> Result<Vec<u8>, RootError> {
        let mut bytes = Vec::new();
        let file = self.open(path)?;
        file.take(max as u64 + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
        if bytes.len() > max { Err(RootError::TooLarge) } else { Ok(bytes) }
    }

    fn read_at(&self, path: &str, offset: u64, buffer: &mut [u8]) -> Result<usize, RootError> {
        self.open(path)?.read_at(buffer, offset).map_err(|error| failed(&error))
    }
}

impl AsRef<Path> for Directory {
    fn as_ref(&self) -> &Path {
        &self.root
    }
}
