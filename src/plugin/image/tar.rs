//! The index of a tar archive: what is in it and where, without its content.
//!
//! It is read as it comes by, in pieces of any size, and never held: a layer of a gigabyte costs what its names cost.
//! Every size in it is somebody else's claim, so names and extensions are bounded before they are kept.

use std::collections::HashMap;

use super::path;

const BLOCK: usize = 512;
/// Longest name, and longest value of an extended header, that is taken: the kernel's own limit.
const LONGEST_NAME: u64 = 4096;
/// Longest extended header.
const LONGEST_HEADER: u64 = 1 << 20;

/// What is in a layer's archive.
#[derive(Clone, Debug)]
pub(super) struct TarEntry {
    /// Normalized.
    pub(super) path: Box<str>,
    pub(super) kind: TarKind,
    /// Where its content begins.
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Of a link, as it is written.
    pub(super) target: Option<Box<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TarKind {
    Regular,
    Directory,
    Symlink,
    Hardlink,
    Device,
    Other,
}

/// How much of an archive, or of all archives of an image, is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Entries.
    pub(super) entries: usize,
    /// Bytes of their paths, and of where links lead.
    pub(super) name_bytes: usize,
}

/// Why something is no tar archive that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TarError {
    #[error("it is no tar archive")]
    NotTar,
    #[error("the tar archive is damaged: {0}")]
    Damaged(&'static str),
    #[error("the tar archive has more than {0} entries")]
    TooMany(usize),
}

/// Reads an archive.
#[derive(Debug)]
pub(super) struct TarIndexer {
    entries: Vec<TarEntry>,
    name_bytes: usize,
    bounds: Bounds,
    at: u64,
    state: State,
    block: Vec<u8>,
    /// From extended headers, for the next entry.
    next: Overrides,
    /// From a global extended header.
    global: Overrides,
    is_first: bool,
}

#[derive(Debug)]
enum State {
    Header,
    /// Content that is of no interest, and its padding.
    Skip(u64),
    /// An extension, and how many bytes of it and of its padding are to come.
    Extension {
        kind: Extension,
        left: u64,
        padding: u64,
        bytes: Vec<u8>,
    },
    /// Further headers of an old sparse file, then its content.
    SparseHeader {
        content: u64,
    },
    /// Behind the end.
    End,
}

#[derive(Clone, Copy, Debug)]
enum Extension {
    LongName,
    LongLink,
    Pax,
    GlobalPax,
}

#[derive(Clone, Debug, Default)]
struct Overrides {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    is_sparse: bool,
}

impl TarIndexer {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            entries: Vec::new(),
            name_bytes: 0,
            bounds,
            at: 0,
            state: State::Header,
            block: Vec::with_capacity(BLOCK),
            next: Overrides::default(),
            global: Overrides::default(),
            is_first: true,
        }
    }

    /// Takes the next bytes of the archive.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<(), TarError> {
        while !bytes.is_empty() {
            let taken = match &mut self.state {
                State::End => bytes.len(),
                State::Skip(left) => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= taken as u64;
                    if *left == 0 {
                        self.state = State::Header;
                    }
                    taken
                }
                State::Extension { left, padding, bytes: kept, .. } => {
                    let most = usize::try_from(*left + *padding).unwrap_or(usize::MAX);
                    let taken = most.min(bytes.len());
                    let content = usize::try_from(*left).unwrap_or(usize::MAX).min(taken);
                    kept.extend_from_slice(&bytes[..content]);
                    *left -= content as u64;
                    *padding -= (taken - content) as u64;
                    if *left + *padding == 0 {
                        self.extension()?;
                    }
                    taken
                }
                State::Header | State::SparseHeader { .. } => {
                    let taken = (BLOCK - self.block.len()).min(bytes.len());
                    self.block.extend_from_slice(&bytes[..taken]);
                    taken
                }
            };
            self.at += taken as u64;
            bytes = &bytes[taken..];
            if self.block.len() == BLOCK {
                let block = std::mem::take(&mut self.block);
                match self.state {
                    State::SparseHeader { .. } if block[504] != 0 => {}
                    State::SparseHeader { content } => self.skip(content)?,
                    _ => self.header(&block)?,
                }
                self.block = block;
                self.block.clear();
            }
        }
        Ok(())
    }

    /// Ends the archive.
    pub(super) fn finish(self) -> Result<Vec<TarEntry>, TarError> {
        match self.state {
            State::End => Ok(self.entries),
            // Some writers leave the two empty blocks out.
            State::Header if self.block.is_empty() && !self.is_first => Ok(self.entries),
            State::Header if self.is_first => Err(TarError::NotTar),
            _ => Err(TarError::Damaged("it ends in the middle")),
        }
    }

    fn header(&mut self, block: &[u8]) -> Result<(), TarError> {
        if block.iter().all(|byte| *byte == 0) {
            // An archive of nothing is one as well.
            self.state = State::End;
            return Ok(());
        }
        if !checksum_fits(block) {
            let damaged = TarError::Damaged("a header's checksum is wrong");
            return Err(if self.is_first { TarError::NotTar } else { damaged });
        }
        self.is_first = false;
        let written_size =
            number(&block[124..136]).ok_or(TarError::Damaged("a size is no number"))?;
        let extension = match block[156] {
            b'L' => Some(Extension::LongName),
            b'K' => Some(Extension::LongLink),
            b'x' => Some(Extension::Pax),
            b'g' => Some(Extension::GlobalPax),
            _ => None,
        };
        if let Some(kind) = extension {
            let most = if matches!(kind, Extension::LongName | Extension::LongLink) {
                LONGEST_NAME
            } else {
                LONGEST_HEADER
            };
            if written_size > most {
                return Err(TarError::Damaged("a name or header is longer than any should be"));
            }
            self.state = State::Extension {
                kind,
                left: written_size,
                padding: padding(written_size),
                bytes: Vec::new(),
            };
            return if written_size == 0 { self.extension() } else { Ok(()) };
        }
        self.entry(block, written_size)
    }

    fn entry(&mut self, block: &[u8], written_size: u64) -> Result<(), TarError> {
        let next = std::mem::take(&mut self.next);
        let size = next.size.or(self.global.size).unwrap_or(written_size);
        let kind = match block[156] {
            b'0' | 0 | b'7' if !(next.is_sparse || self.global.is_sparse) => TarKind::Regular,
            b'1' => TarKind::Hardlink,
            b'2' => TarKind::Symlink,
            b'3' | b'4' => TarKind::Device,
            b'5' => TarKind::Directory,
            // FIFOs, and sparse files, whose bytes do not lie in a row.
            _ => TarKind::Other,
        };
        let name =
            next.path.or_else(|| self.global.path.clone()).unwrap_or_else(|| short_name(block));
        // Before ustar, a directory was a file whose name ends in a slash.
        let kind = match kind {
            TarKind::Regular if name.ends_with(b"/") => TarKind::Directory,
            kind => kind,
        };
        let has_content = matches!(kind, TarKind::Regular | TarKind::Other);
        let target: Option<Box<str>> =
            matches!(kind, TarKind::Symlink | TarKind::Hardlink).then(|| {
                let link = next.link.or_else(|| self.global.link.clone());
                path::decode(&link.unwrap_or_else(|| until_zero(&block[157..257]).to_vec())).into()
            });
        // Writers set a size for links and directories that have no content; readers go by the kind.
        let content = if has_content { size } else { 0 };
        let path = path::normalize(&path::decode(&name));
        self.name_bytes += path.len() + target.as_deref().map_or(0, str::len);
        if self.entries.len() >= self.bounds.entries || self.name_bytes > self.bounds.name_bytes {
            return Err(TarError::TooMany(self.bounds.entries));
        }
        let owner = |id: Option<u64>, field: &[u8]| {
            let id = id.or_else(|| number(field)).unwrap_or(0);
            u32::try_from(id).unwrap_or(u32::MAX)
        };
        self.entries.push(TarEntry {
            path: path.into(),
            kind,
            offset: self.at,
            size: content,
            mode: u32::try_from(number(&block[100..108]).unwrap_or(0) & 0o7777).unwrap_or(0),
            uid: owner(next.uid.or(self.global.uid), &block[108..116]),
            gid: owner(next.gid.or(self.global.gid), &block[116..124]),
            target,
        });
        if block[156] == b'S' && block[482] != 0 {
            self.state = State::SparseHeader { content };
            return Ok(());
        }
        self.skip(content)
    }

    fn skip(&mut self, content: u64) -> Result<(), TarError> {
        let skip = content
            .checked_add(padding(content))
            .filter(|skip| self.at.checked_add(*skip).is_some())
            .ok_or(TarError::Damaged("a size is too large"))?;
        self.state = if skip == 0 { State::Header } else { State::Skip(skip) };
        Ok(())
    }

    fn extension(&mut self) -> Result<(), TarError> {
        let state = std::mem::replace(&mut self.state, State::Header);
        let State::Extension { kind, bytes, .. } = state else { return Ok(()) };
        match kind {
            Extension::LongName => self.next.path = Some(until_zero(&bytes).to_vec()),
            Extension::LongLink => self.next.link = Some(until_zero(&bytes).to_vec()),
            Extension::Pax => pax(&bytes, &mut self.next)?,
            Extension::GlobalPax => pax(&bytes, &mut self.global)?,
        }
        Ok(())
    }
}

/// The headers' own sum, with its field as spaces; some old writers add signed bytes.
fn checksum_fits(block: &[u8]) -> bool {
    let Some(written) = number(&block[148..156]) else { return false };
    let counted = |index: usize| if (148..156).contains(&index) { b' ' } else { block[index] };
    let unsigned: u64 = (0..BLOCK).map(|index| u64::from(counted(index))).sum();
    let signed: i64 = (0..BLOCK).map(|index| i64::from(counted(index).cast_signed())).sum();
    written == unsigned || i64::try_from(written).is_ok_and(|written| written == signed)
}

/// An octal number, or a binary one after GNU.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        // Negative ones, which start with 0xff, mean nothing here.
        let (high, low) = field.split_at(field.len() - 8);
        let rest_is_zero =
            high.iter().enumerate().all(|(index, byte)| *byte == if index == 0 { 0x80 } else { 0 });
        let low: [u8; 8] = low.try_into().ok()?;
        // A field of eight bytes has its mark within the number.
        let value = u64::from_be_bytes(low);
        return if high.is_empty() {
            Some(value & !(1 << 63))
        } else {
            rest_is_zero.then_some(value)
        };
    }
    let text = std::str::from_utf8(until_zero(field)).ok()?.trim();
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

fn until_zero(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    &field[..end]
}

/// The name in the header; ustar has a first part of it elsewhere.
fn short_name(block: &[u8]) -> Vec<u8> {
    let name = until_zero(&block[..100]);
    let prefix = until_zero(&block[345..500]);
    if block[257..263] == *b"ustar\0" && !prefix.is_empty() {
        [prefix, b"/", name].concat()
    } else {
        name.to_vec()
    }
}

const fn padding(size: u64) -> u64 {
    (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64
}

/// Records of an extended header: `length key=value\n`, the length in decimal and of all of it.
fn pax(mut bytes: &[u8], into: &mut Overrides) -> Result<(), TarError> {
    const DAMAGED: TarError = TarError::Damaged("an extended header cannot be read");
    let mut records: HashMap<&[u8], &[u8]> = HashMap::new();
    while !until_zero(bytes).is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ').ok_or(DAMAGED)?;
        let length: usize = std::str::from_utf8(&bytes[..space])
            .ok()
            .and_then(|length| length.parse().ok())
            .ok_or(DAMAGED)?;
        let record = bytes.get(space + 1..length).ok_or(DAMAGED)?;
        let record = record.strip_suffix(b"\n").ok_or(DAMAGED)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or(DAMAGED)?;
        records.insert(&record[..equals], &record[equals + 1..]);
        bytes = &bytes[length..];
    }
    let text = |value: &[u8]| {
        let fits = value.len() as u64 <= LONGEST_NAME;
        if fits { Ok(Some(value.to_vec())) } else { Err(DAMAGED) }
    };
    let decimal = |value: &[u8]| {
        // Owners may have a fraction after their number; nothing of ours does.
        let value = std::str::from_utf8(value).ok().and_then(|value| value.trim().parse().ok());
        value.map(Some).ok_or(DAMAGED)
    };
    for (key, value) in records {
        match key {
            b"path" => into.path = text(value)?,
            b"linkpath" => into.link = text(value)?,
            b"size" => into.size = decimal(value)?,
            b"uid" => into.uid = decimal(value)?,
            b"gid" => into.gid = decimal(value)?,
            key if key.starts_with(b"GNU.sparse.") => into.is_sparse = true,
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive that the crate `tar` has written.
    fn archive(add: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        add(&mut builder);
        builder.into_inner().unwrap()
    }

    fn file(builder: &mut tar::Builder<Vec<u8>>, path: &str, content: &[u8]) {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_uid(7);
        builder.append_data(&mut header, path, content).unwrap();
    }

    fn index(bytes: &[u8], step: usize) -> Result<Vec<TarEntry>, TarError> {
        let mut indexer = TarIndexer::new(Bounds { entries: 100, name_bytes: 1 << 20 });
        for piece in bytes.chunks(step) {
            indexer.push(piece)?;
        }
        indexer.finish()
    }

    #[test]
    fn entries_are_found_whatever_the_pieces_are() {
        let long = format!("{}/name", "folder".repeat(40));
        let bytes = archive(|builder| {
            file(builder, "./etc/os-release", b"ID=debian\n");
            file(builder, &long, &[b'x'; 1025]);
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            builder.append_link(&mut header, "bin", format!("usr/{}", "b".repeat(150))).unwrap();
            builder
                .append_pax_extensions([("path", &b"caf\xe9"[..]), ("uid", b"3000000000")])
                .unwrap();
            file(builder, "replaced", b"last");
        });
        for step in [1, 7, 512, 1000, bytes.len()] {
            let entries = index(&bytes, step).unwrap();
            let paths: Vec<&str> = entries.iter().map(|entry| &*entry.path).collect();
            assert_eq!(paths, ["etc/os-release", &long, "bin", "caf%E9"]);
            let content = |entry: &TarEntry| {
                let begin = usize::try_from(entry.offset).unwrap();
                bytes[begin..begin + usize::try_from(entry.size).unwrap()].to_vec()
            };
            assert_eq!(content(&entries[0]), b"ID=debian\n");
            assert_eq!(content(&entries[1]), [b'x'; 1025]);
            assert_eq!(entries[2].kind, TarKind::Symlink);
            assert_eq!(entries[2].target.as_ref().unwrap().len(), 154);
            assert_eq!((content(&entries[3]), entries[3].uid), (b"last".to_vec(), 3_000_000_000));
            assert_eq!((entries[0].mode, entries[0].uid), (0o644, 7));
        }
    }

    #[test]
    fn what_is_no_archive_is_told_from_what_is_damaged() {
        let bytes = archive(|builder| file(builder, "a", b"content"));
        assert_eq!(index(b"{\"mediaType\":\"x\"}", 10).unwrap_err(), TarError::NotTar);
        assert_eq!(index(&[b'x'; 2000], 512).unwrap_err(), TarError::NotTar);
        assert_eq!(index(b"", 1).unwrap_err(), TarError::NotTar);
        assert_eq!(index(&[0; 1024], 512).unwrap().len(), 0);
        // Without the two blocks at the end it is still one, but not cut in its content.
        assert_eq!(index(&bytes[..1024], 512).unwrap().len(), 1);
        assert!(matches!(index(&bytes[..800], 512), Err(TarError::Damaged(_))));
        let mut broken = [&bytes[..1024], &bytes[..]].concat();
        broken[1024] ^= 1;
        assert!(matches!(index(&broken, 512), Err(TarError::Damaged(_))));
    }

    #[test]
    fn claims_cost_nothing_until_they_are_paid() {
        // A long name that is said to have 4 GiB.
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::GNULongName);
        header.set_size(4 << 30);
        header.set_path("././@LongLink").unwrap();
        header.set_cksum();
        assert!(matches!(index(header.as_bytes(), 512), Err(TarError::Damaged(_))));
        // More entries than may be.
        let bytes = archive(|builder| (0..101).for_each(|n| file(builder, &n.to_string(), b"")));
        assert_eq!(index(&bytes, 512).unwrap_err(), TarError::TooMany(100));
        // A size that no file has.
        let mut header = tar::Header::new_gnu();
        header.set_path("a").unwrap();
        header.set_size(u64::MAX - 100);
        header.set_cksum();
        assert!(matches!(index(header.as_bytes(), 512), Err(TarError::Damaged(_))));
    }

    #[test]
    fn nonsense_in_extended_headers_is_refused() {
        for bad in ["x", "5 a=b", "99 path=a\n", "3 a\n", "0 path=x\n", "11 size=big\n"] {
            assert!(pax(bad.as_bytes(), &mut Overrides::default()).is_err(), "{bad}");
        }
        let mut read = Overrides::default();
        pax(b"10 path=a\n20 GNU.sparse.size=1\n", &mut read).unwrap_err();
        pax(b"10 path=a\n21 GNU.sparse.size=1\n", &mut read).unwrap();
        assert!(read.is_sparse && read.path.as_deref() == Some(b"a"));
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_is_written_makes_it_panic(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..2000),
            at in 0usize..2048,
            step in 1usize..700,
        ) {
            // On a header that is right, so that more than its checksum is read.
            let mut archive = archive(|builder| {
                builder.append_pax_extensions([("path", &b"long"[..])]).unwrap();
                file(builder, "a", b"content");
            });
            let at = at.min(archive.len());
            let end = (at + bytes.len()).min(archive.len());
            archive.splice(at..end, bytes);
            for begin in (0..archive.len() / BLOCK).map(|block| block * BLOCK) {
                seal(&mut archive[begin..begin + BLOCK]);
            }
            let shown = |read: Result<Vec<TarEntry>, TarError>| format!("{read:?}");
            proptest::prop_assert_eq!(
                shown(index(&archive, step)),
                shown(index(&archive, archive.len().max(1)))
            );
        }

        #[test]
        fn extended_headers_never_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = pax(&bytes, &mut Overrides::default());
        }
    }

    /// Gives a block the checksum of a header.
    fn seal(block: &mut [u8]) {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}
