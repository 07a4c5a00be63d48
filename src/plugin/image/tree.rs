//! A filesystem while it grows, layer by layer, as runtimes unpack: an entry replaces what was there, `.wh.name` deletes what
//! lower layers have, `.wh..wh..opq` empties a folder of it, links on the way are followed inside the root, and a hard link
//! shares what its target was at that moment.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::error::ImageError;
use super::path::{join, normalize, split};
use super::rootfs::{FileEntry, FileKind};
use super::tar::{Bounds, TarEntry, TarKind};

/// Links that are followed before it is taken for a circle; the kernel's number.
const MOST_LINKS: u32 = 40;
/// Parts of a path that are gone through, those of links included.
const MOST_PARTS: u32 = 1000;
/// The same for all entries of an image together, so that no archive keeps a processor busy for long.
const MOST_STEPS: u64 = 20_000_000;
const DELETED: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";

/// Follows symbolic links through all parts of a path, inside the root. `None`: they lead in a circle, or through more
/// parts than any path has. A part that is not there ends nothing: what comes behind it is not there either.
pub(super) fn follow(
    path: &str,
    steps: &Cell<u64>,
    target: impl Fn(&str) -> Option<Arc<str>>,
) -> Option<String> {
    let (mut links, mut parts) = (0, 0);
    let mut done = String::new();
    let mut open: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
    while let Some(part) = open.pop() {
        parts += 1;
        steps.set(steps.get() + 1);
        if parts > MOST_PARTS {
            return None;
        }
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                done.truncate(split(&done).0.len());
                continue;
            }
            _ => {}
        }
        let before = done.len();
        if before > 0 {
            done.push('/');
        }
        done.push_str(&part);
        if let Some(target) = target(&done) {
            links += 1;
            if links > MOST_LINKS {
                return None;
            }
            done.truncate(if target.starts_with('/') { 0 } else { before });
            open.extend(target.split('/').rev().map(str::to_owned));
        }
    }
    Some(done)
}

/// The filesystem while it grows.
#[derive(Debug, Default)]
pub(super) struct Tree {
    entries: BTreeMap<Arc<str>, FileEntry>,
    /// Bytes of all paths that were ever added.
    name_bytes: usize,
    steps: Cell<u64>,
    /// How many layers there are, the one that is added left out.
    layer: u32,
    /// The folder that was resolved last, as it was written and as it is; most entries follow one of the same folder.
    last: Option<(String, String)>,
}

impl Tree {
    /// Puts a layer over those that are there.
    pub(super) fn add_layer(
        &mut self,
        entries: &[TarEntry],
        bounds: Bounds,
    ) -> Result<(), ImageError> {
        self.delete(entries);
        for entry in entries {
            self.add(entry);
            if self.entries.len() > bounds.entries || self.name_bytes > bounds.name_bytes {
                return Err(ImageError::TooMany(bounds.entries));
            }
            if self.steps.get() > MOST_STEPS {
                return Err(ImageError::LinkCircle(entry.path.to_string()));
            }
        }
        self.last = None;
        self.layer += 1;
        Ok(())
    }

    /// All of it, in the order of the paths.
    pub(super) fn into_entries(self) -> Vec<(Arc<str>, FileEntry)> {
        self.entries.into_iter().collect()
    }

    /// What a layer deletes is what lies below it: its own entries are not there yet, wherever its whiteouts stand.
    fn delete(&mut self, entries: &[TarEntry]) {
        for entry in entries {
            let (folder, name) = split(&entry.path);
            if name == OPAQUE {
                let folder = self.resolve(folder);
                self.remove_below(&folder);
            } else if let Some(name) = name.strip_prefix(DELETED)
                && !name.is_empty()
            {
                let path = join(&self.resolve(folder), name);
                self.remove(&path);
            }
        }
    }

    fn add(&mut self, entry: &TarEntry) {
        let (folder, name) = split(&entry.path);
        if name.is_empty() || name.starts_with(DELETED) {
            return;
        }
        let folder = self.folder(folder);
        let path = join(&folder, name);
        let mut added = FileEntry {
            kind: match entry.kind {
                TarKind::Regular | TarKind::Hardlink => FileKind::Regular,
                TarKind::Directory => FileKind::Directory,
                TarKind::Symlink => FileKind::Symlink,
                TarKind::Device => FileKind::Device,
                TarKind::Other => FileKind::Other,
            },
            size: entry.size,
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            target: None,
            layer: self.layer,
            content: (entry.kind == TarKind::Regular).then_some((self.layer, entry.offset)),
        };
        match entry.kind {
            TarKind::Symlink => added.target = entry.target.as_deref().map(Arc::from),
            TarKind::Hardlink => {
                let target = normalize(entry.target.as_deref().unwrap_or_default());
                let (folder, name) = split(&target);
                let target = join(&self.resolve(folder), name);
                match self.entries.get(target.as_str()) {
                    Some(shared) if shared.kind != FileKind::Directory => {
                        added = FileEntry { layer: self.layer, ..shared.clone() };
                    }
                    // A link to nothing: there is an entry, and nothing to read.
                    _ => added.kind = FileKind::Other,
                }
            }
            _ => {}
        }
        // Two folders become one; anything else takes the place of what was there.
        let before = self.entries.get(path.as_str()).map(|old| old.kind);
        match (before, added.kind) {
            (Some(FileKind::Directory), FileKind::Directory) => {}
            (Some(FileKind::Directory), _) => self.remove_below(&path),
            (Some(FileKind::Symlink), _) | (_, FileKind::Symlink) => self.last = None,
            _ => {}
        }
        self.insert(&path, added);
    }

    fn insert(&mut self, path: &str, entry: FileEntry) {
        self.name_bytes += path.len();
        self.entries.insert(path.into(), entry);
    }

    /// Where a folder really is, and makes it if there is none.
    fn folder(&mut self, written: &str) -> String {
        if let Some((known, resolved)) = &self.last
            && known == written
        {
            return resolved.clone();
        }
        let resolved = self.resolve(written);
        let mut end = 0;
        while end < resolved.len() {
            end = resolved[end + 1..].find('/').map_or(resolved.len(), |next| end + 1 + next);
            let part = &resolved[..end];
            let is_folder =
                self.entries.get(part).is_some_and(|entry| entry.kind == FileKind::Directory);
            if !is_folder {
                let made = FileEntry {
                    kind: FileKind::Directory,
                    size: 0,
                    mode: 0o755,
                    uid: 0,
                    gid: 0,
                    target: None,
                    layer: self.layer,
                    content: None,
                };
                self.insert(part, made);
            }
        }
        self.last = Some((written.to_owned(), resolved.clone()));
        resolved
    }

    /// Where a path really is. A circle of links leads nowhere, so the path is taken as it is written.
    fn resolve(&self, path: &str) -> String {
        let lookup = |path: &str| self.entries.get(path).and_then(|entry| entry.target.clone());
        follow(path, &self.steps, lookup).unwrap_or_else(|| path.to_owned())
    }

    fn remove(&mut self, path: &str) {
        self.last = None;
        self.entries.remove(path);
        self.remove_below(path);
    }

    fn remove_below(&mut self, folder: &str) {
        self.last = None;
        let begin = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let range = (Bound::Included(begin.as_str()), Bound::Unbounded);
        let below = self.entries.range::<str, _>(range);
        let below = below.map(|(path, _)| path).take_while(|path| path.starts_with(&begin));
        for path in below.cloned().collect::<Vec<_>>() {
            self.entries.remove(&path);
        }
    }
}
