//! The layers of an image, one over the other: what a container would see, to be read at random.

use std::cell::Cell;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::error::ImageError;
use super::layers::Layer;
use super::path::{join, normalize, split};
use super::tar::Bounds;
use super::tree::{Tree, follow};

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A file with content.
    Regular,
    /// A folder.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character or block device.
    Device,
    /// A pipe, or a file that cannot be read here.
    Other,
}

/// An entry of the merged filesystem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// What it is.
    pub kind: FileKind,
    /// Bytes of its content.
    pub size: u64,
    /// Permissions.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Where a symbolic link leads, as it is written.
    pub target: Option<Arc<str>>,
    /// Index of the layer that it comes from.
    pub layer: u32,
    /// Where its content is: in which layer's archive, and from where on.
    pub(super) content: Option<(u32, u64)>,
}

/// A merged filesystem.
#[derive(Debug)]
pub struct Rootfs {
    layers: Vec<Arc<Layer>>,
    /// In the order of their paths.
    entries: Vec<(Arc<str>, FileEntry)>,
}

impl Rootfs {
    /// Puts layers one over the other, the base first.
    pub(super) fn merge(layers: Vec<Arc<Layer>>, bounds: Bounds) -> Result<Self, ImageError> {
        let mut tree = Tree::default();
        for layer in &layers {
            tree.add_layer(layer.entries()?, bounds)?;
        }
        let entries = tree.into_entries();
        Ok(Self { layers, entries })
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entry of a path. Links before its last part are followed, the last is not.
    pub fn stat(&self, path: &str) -> Result<(Arc<str>, FileEntry), ImageError> {
        let path = normalize(path);
        let (folder, name) = split(&path);
        let folder = self.resolve(folder)?;
        self.find(&join(&folder, name)).cloned().ok_or_else(|| ImageError::NoSuchFile(path.clone()))
    }

    /// Entries whose path begins with `prefix`, those after `after`.
    pub fn entries<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> impl Iterator<Item = &'a (Arc<str>, FileEntry)> {
        let prefix = prefix.trim_start_matches('/');
        let after = after.map(|after| after.trim_start_matches('/'));
        let begin = self.entries.partition_point(|(path, _)| {
            &**path < prefix || after.is_some_and(|after| &**path <= after)
        });
        self.entries[begin..].iter().take_while(move |(path, _)| path.starts_with(prefix))
    }

    /// A file that can be read: links are followed to its end.
    pub fn open(&self, path: &str) -> Result<OpenFile, ImageError> {
        let resolved = self.resolve(&normalize(path))?;
        let no_such = || ImageError::NoSuchFile(path.to_owned());
        let (_, entry) = self.find(&resolved).ok_or_else(no_such)?;
        match (entry.kind, entry.content) {
            (FileKind::Regular, Some((layer, offset))) => {
                let layer = self.layers.get(layer as usize).ok_or_else(no_such)?;
                Ok(OpenFile { layer: Arc::clone(layer), offset, size: entry.size })
            }
            (FileKind::Directory, _) => Err(ImageError::NotAFile(path.to_owned(), "a folder")),
            _ => Err(ImageError::NotAFile(path.to_owned(), "no regular file")),
        }
    }

    fn find(&self, path: &str) -> Option<&(Arc<str>, FileEntry)> {
        let found = self.entries.binary_search_by(|(known, _)| (**known).cmp(path)).ok()?;
        self.entries.get(found)
    }

    fn resolve(&self, path: &str) -> Result<String, ImageError> {
        let lookup = |path: &str| self.find(path).and_then(|(_, entry)| entry.target.clone());
        follow(path, &Cell::default(), lookup)
            .ok_or_else(|| ImageError::LinkCircle(path.to_owned()))
    }
}

/// A file of a merged filesystem, in the archive that it is in.
#[derive(Clone, Debug)]
pub struct OpenFile {
    layer: Arc<Layer>,
    offset: u64,
    size: u64,
}

impl OpenFile {
    /// Bytes of its content.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// A part of it; shorter only where it ends. This reads a file: call it off the executor's threads.
    pub fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let left = self.size.saturating_sub(offset);
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(len);
        self.layer.read_at(self.offset + offset, len)
    }

    /// As [`OpenFile::read_at`], if that needs no disk.
    #[must_use]
    pub fn read_now(&self, offset: u64, len: usize) -> Option<Bytes> {
        let left = self.size.saturating_sub(offset);
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(len);
        self.layer.read_now(self.offset + offset, len)
    }

    pub(in super::super) fn range(&self) -> (&Arc<Layer>, u64, u64) {
        (&self.layer, self.offset, self.offset + self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tar::{TarEntry, TarKind};
    use super::*;

    /// A layer of these entries; a file's content is its offset, so that it can be told from another.
    fn layer(entries: &[(&str, TarKind, &str)]) -> Arc<Layer> {
        let entry = |(index, (path, kind, target)): (usize, &(&str, TarKind, &str))| TarEntry {
            path: normalize(path).into(),
            kind: *kind,
            offset: 100 * index as u64,
            size: if *kind == TarKind::Regular { 10 } else { 0 },
            mode: 0o644,
            uid: 0,
            gid: 0,
            target: (!target.is_empty()).then(|| (*target).into()),
        };
        Arc::new(Layer::of_entries(entries.iter().enumerate().map(entry).collect()))
    }

    const BOUNDS: Bounds = Bounds { entries: 1000, name_bytes: 1 << 20 };

    fn merged(layers: &[&[(&str, TarKind, &str)]]) -> Rootfs {
        Rootfs::merge(layers.iter().map(|entries| layer(entries)).collect(), BOUNDS).unwrap()
    }

    fn paths(rootfs: &Rootfs) -> Vec<&str> {
        rootfs.entries("", None).map(|(path, _)| &**path).collect()
    }

    use TarKind::{Directory, Hardlink, Regular, Symlink};

    #[test]
    fn an_upper_layer_replaces_and_deletes() {
        let rootfs = merged(&[
            &[
                ("etc", Directory, ""),
                ("etc/a", Regular, ""),
                ("etc/b", Regular, ""),
                ("etc/d", Directory, ""),
                ("etc/d/x", Regular, ""),
            ],
            &[
                ("etc/a", Regular, ""),
                ("etc/.wh.b", Regular, ""),
                ("etc/.wh.d", Regular, ""),
                ("etc/.wh.none", Regular, ""),
            ],
        ]);
        assert_eq!(paths(&rootfs), ["etc", "etc/a"]);
        assert_eq!(rootfs.stat("/etc/a").unwrap().1.layer, 1);
        assert!(matches!(rootfs.open("etc/b"), Err(ImageError::NoSuchFile(_))));
        assert!(matches!(rootfs.open("etc"), Err(ImageError::NotAFile(..))));
    }

    #[test]
    fn an_opaque_folder_hides_what_is_below_it_and_not_what_is_beside() {
        let rootfs = merged(&[
            &[("a/old", Regular, ""), ("a/sub/old", Regular, ""), ("ab", Regular, "")],
            // The marker may stand behind the entries that it does not hide.
            &[("a/new", Regular, ""), ("a/.wh..wh..opq", Regular, "")],
        ]);
        assert_eq!(paths(&rootfs), ["a", "a/new", "ab"]);
    }

    #[test]
    fn a_file_takes_the_place_of_a_folder_and_the_other_way_round() {
        let rootfs = merged(&[
            &[("a/x", Regular, ""), ("b", Regular, "")],
            &[("a", Regular, ""), ("b/x", Regular, "")],
        ]);
        assert_eq!(paths(&rootfs), ["a", "b", "b/x"]);
        assert_eq!(rootfs.stat("a").unwrap().1.kind, FileKind::Regular);
        assert_eq!(rootfs.stat("b").unwrap().1.kind, FileKind::Directory);
    }

    #[test]
    fn links_are_followed_inside_the_root() {
        let rootfs = merged(&[
            &[
                ("usr/bin/tool", Regular, ""),
                ("bin", Symlink, "usr/bin"),
                ("etc/os-release", Symlink, "../usr/lib/os-release"),
                ("usr/lib/os-release", Regular, ""),
                ("abs", Symlink, "/usr"),
                ("out", Symlink, "../../../../usr/lib/os-release"),
                ("loop", Symlink, "loop2"),
                ("loop2", Symlink, "loop"),
                ("dangling", Symlink, "nowhere"),
            ],
            // Unpacked through the link, as on a machine whose /bin is one.
            &[("bin/more", Regular, "")],
        ]);
        assert!(rootfs.open("bin/tool").is_ok());
        assert!(rootfs.open("/bin/more").is_ok());
        assert_eq!(&*rootfs.stat("bin/more").unwrap().0, "usr/bin/more");
        assert_eq!(rootfs.stat("bin").unwrap().1.kind, FileKind::Symlink);
        assert!(rootfs.open("etc/os-release").is_ok());
        assert!(rootfs.open("abs/bin/tool").is_ok());
        assert!(rootfs.open("out").is_ok(), "as deep as it goes, it stays below the root");
        assert!(matches!(rootfs.open("loop"), Err(ImageError::LinkCircle(_))));
        assert!(matches!(rootfs.open("dangling"), Err(ImageError::NoSuchFile(_))));
        assert!(matches!(rootfs.open("bin/tool/x"), Err(ImageError::NoSuchFile(_))));
    }

    #[test]
    fn a_hard_link_keeps_what_its_target_was() {
        let rootfs = merged(&[
            &[("a", Regular, ""), ("b", Hardlink, "./a"), ("c", Hardlink, "none")],
            &[("a", Regular, ""), ("d", Hardlink, "b"), (".wh.b", Regular, "")],
        ]);
        assert_eq!(paths(&rootfs), ["a", "c", "d"]);
        let target = |path: &str| {
            let file = rootfs.open(path).unwrap();
            (Arc::ptr_eq(&file.layer, &rootfs.layers[0]), file.offset, file.size)
        };
        assert_eq!(target("a"), (false, 0, 10));
        assert!(rootfs.open("c").is_err());
        // Its target was deleted in the same layer, which takes effect first.
        assert!(rootfs.open("d").is_err());
        let rootfs = merged(&[
            &[("a", Regular, ""), ("b", Hardlink, "a")],
            &[("a", Regular, ""), ("d", Hardlink, "b")],
        ]);
        let file = rootfs.open("d").unwrap();
        assert!(Arc::ptr_eq(&file.layer, &rootfs.layers[0]) && file.size == 10);
    }

    #[test]
    fn a_page_begins_where_the_last_one_ended() {
        let rootfs = merged(&[&[
            ("a/1", Regular, ""),
            ("a/2", Regular, ""),
            ("a-", Regular, ""),
            ("b", Regular, ""),
        ]]);
        let page = |prefix, after| -> Vec<String> {
            rootfs.entries(prefix, after).map(|(path, _)| path.to_string()).collect()
        };
        assert_eq!(page("", None), ["a", "a-", "a/1", "a/2", "b"]);
        assert_eq!(page("/a/", None), ["a/1", "a/2"]);
        assert_eq!(page("a/", Some("a/1")), ["a/2"]);
        assert_eq!(page("", Some("a/1")), ["a/2", "b"]);
        assert_eq!(page("c", None), Vec::<String>::new());
    }

    #[test]
    fn more_entries_than_may_be_are_refused() {
        let entries: Vec<(String, TarKind, &str)> =
            (0..20).map(|number| (format!("d{number}/x"), Regular, "")).collect();
        let entries: Vec<_> =
            entries.iter().map(|(path, kind, to)| (path.as_str(), *kind, *to)).collect();
        let many = Rootfs::merge(vec![layer(&entries)], Bounds { entries: 30, ..BOUNDS });
        assert!(matches!(many, Err(ImageError::TooMany(30))));
    }
}
