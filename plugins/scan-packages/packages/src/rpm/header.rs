//! The header of one package: an index of tags, then their data.

use crate::text;

/// Parts of this size say where a tag's data is.
const ENTRY: usize = 16;
/// rpm itself takes no more.
const MAX_ENTRIES: usize = 0xffff;

/// All paths of one package together.
const MAX_PATHS: usize = 256 << 20;

const INT32: u32 = 4;
const STRING: u32 = 6;
const STRING_ARRAY: u32 = 8;
const I18N_STRING: u32 = 9;

/// A header whose sizes have been checked.
pub(crate) struct Header<'a> {
    index: &'a [u8],
    data: &'a [u8],
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

impl<'a> Header<'a> {
    pub(crate) const NAME: u32 = 1000;
    pub(crate) const VERSION: u32 = 1001;
    pub(crate) const RELEASE: u32 = 1002;
    pub(crate) const EPOCH: u32 = 1003;
    pub(crate) const LICENSE: u32 = 1014;
    pub(crate) const ARCHITECTURE: u32 = 1022;
    const OLD_FILE_NAMES: u32 = 1027;
    pub(crate) const SOURCE: u32 = 1044;
    const DIRECTORY_INDEXES: u32 = 1116;
    const BASE_NAMES: u32 = 1117;
    const DIRECTORY_NAMES: u32 = 1118;

    /// Reads what a database keeps: the number of tags and of bytes, the index, the data.
    pub(crate) fn parse(blob: &'a [u8]) -> Option<Self> {
        let entries =
            usize::try_from(u32_at(blob, 0)?).ok().filter(|entries| *entries <= MAX_ENTRIES)?;
        let length = usize::try_from(u32_at(blob, 4)?).ok()?;
        let rest = blob.get(8..)?;
        let (index, rest) = rest.split_at_checked(entries * ENTRY)?;
        Some(Self { index, data: rest.get(..length)? })
    }

    /// Type, number and data of a tag; the data may be longer.
    fn find(&self, tag: u32) -> Option<(u32, usize, &'a [u8])> {
        let entry = self.index.chunks_exact(ENTRY).find(|entry| u32_at(entry, 0) == Some(tag))?;
        let offset = usize::try_from(u32_at(entry, 8)?).ok()?;
        let count = usize::try_from(u32_at(entry, 12)?).ok()?;
        Some((u32_at(entry, 4)?, count, self.data.get(offset..)?))
    }

    pub(crate) fn text(&self, tag: u32) -> Option<String> {
        let (kind, _, data) = self.find(tag)?;
        let text = [STRING, STRING_ARRAY, I18N_STRING]
            .contains(&kind)
            .then(|| strings(data).next())
            .flatten()?;
        text::owned(&String::from_utf8_lossy(text))
    }

    pub(crate) fn number(&self, tag: u32) -> Option<u32> {
        let (kind, count, data) = self.find(tag)?;
        (kind == INT32 && count > 0).then(|| u32_at(data, 0)).flatten()
    }

    /// Calls `visit` with the path of each file.
    pub(crate) fn files(&self, visit: &mut dyn FnMut(&str)) {
        let texts = |tag: u32| {
            let (kind, count, data) = self.find(tag).unwrap_or((STRING_ARRAY, 0, &[]));
            let count = if kind == STRING_ARRAY { count } else { 0 };
            strings(data).take(count)
        };
        for path in texts(Self::OLD_FILE_NAMES) {
            visit(&String::from_utf8_lossy(path));
        }
        let directories: Vec<&[u8]> = texts(Self::DIRECTORY_NAMES).collect();
        let Some((INT32, _, indexes)) = self.find(Self::DIRECTORY_INDEXES) else { return };
        let mut path = String::new();
        // Many names of one long directory are much text.
        let mut left = MAX_PATHS;
        for (name, index) in texts(Self::BASE_NAMES).zip(indexes.chunks_exact(4)) {
            let index = u32_at(index, 0).and_then(|index| usize::try_from(index).ok());
            let Some(directory) = index.and_then(|index| directories.get(index)) else { continue };
            let Some(rest) = left.checked_sub(directory.len() + name.len() + 1) else { return };
            left = rest;
            if directory.len() + name.len() <= 4096 {
                path.clear();
                path.push_str(&String::from_utf8_lossy(directory));
                path.push_str(&String::from_utf8_lossy(name));
                visit(&path);
            }
        }
    }
}

/// Texts that end with a zero byte each; what is not ended is none.
fn strings(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let end = rest.iter().position(|byte| *byte == 0)?;
        let text = &rest[..end];
        rest = &rest[end + 1..];
        Some(text)
    })
}
