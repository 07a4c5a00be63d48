//! ELF files, read by parts: their headers first, then the one section that is asked for.

use berth_unzip::{ReadAt, SourceError};

use crate::root::read_up_to;

/// Enough for the header and, mostly, all segments.
const HEAD: usize = 4 << 10;
const MAX_SECTIONS: usize = 4096;
const MAX_SEGMENTS: usize = 256;
const MAX_NAMES: usize = 1 << 20;
/// The names of sections mostly stand right before the table of sections: both are read at once.
const BEFORE_TABLE: u64 = 2 << 10;

/// A file that has been recognised.
pub(crate) struct Elf<'a> {
    pub(crate) source: &'a dyn ReadAt,
    pub(crate) layout: Layout,
    sections: Vec<Section>,
    segments: Vec<Segment>,
}

/// How numbers are written.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) wide: bool,
    pub(crate) big_endian: bool,
}

/// Where a named section is.
pub(crate) struct Section {
    name: String,
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

/// What is mapped into memory from where.
pub(crate) struct Segment {
    offset: u64,
    address: u64,
    file_size: u64,
    writable: bool,
}

impl Layout {
    pub(crate) fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    pub(crate) fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    pub(crate) fn u64(self, bytes: &[u8], at: usize) -> Option<u64> {
        let bytes = bytes.get(at..at.checked_add(8)?)?.try_into().ok()?;
        Some(if self.big_endian { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
    }

    /// An address or offset, in the file's own width.
    pub(crate) fn word(self, bytes: &[u8], at: usize) -> Option<u64> {
        if self.wide { self.u64(bytes, at) } else { self.u32(bytes, at).map(u64::from) }
    }
}

impl<'a> Elf<'a> {
    /// Reads the headers; `None` if it is no ELF file, or one whose headers make no sense.
    pub(crate) fn open(source: &'a dyn ReadAt) -> Result<Option<Self>, SourceError> {
        let head = read_up_to(source, 0, HEAD)?;
        let Some(layout) = layout(&head) else { return Ok(None) };
        let mut elf = Self { source, layout, sections: Vec::new(), segments: Vec::new() };
        elf.segments = elf.read_segments(&head).unwrap_or_default();
        elf.sections = elf.read_sections(&head)?.unwrap_or_default();
        Ok(Some(elf))
    }

    pub(crate) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The bytes of a section, at most `max`.
    pub(crate) fn read(&self, section: &Section, max: usize) -> Result<Vec<u8>, SourceError> {
        let size = usize::try_from(section.size).unwrap_or(usize::MAX).min(max);
        read_up_to(self.source, section.offset, size)
    }

    /// Whether there is no table of sections: somebody has cut it off.
    pub(crate) fn is_bare(&self) -> bool {
        self.sections.is_empty()
    }

    /// Where the first segment that may be written to is in the file, and how long.
    pub(crate) fn data(&self) -> Option<(u64, u64)> {
        let segment =
            self.segments.iter().find(|segment| segment.writable && segment.file_size > 0)?;
        Some((segment.offset, segment.file_size))
    }

    /// The bytes at an address.
    pub(crate) fn read_address(
        &self,
        address: u64,
        length: usize,
    ) -> Result<Option<Vec<u8>>, SourceError> {
        let within = |segment: &&Segment| {
            address.checked_sub(segment.address).is_some_and(|at| at < segment.file_size)
        };
        let Some(segment) = self.segments.iter().find(within) else { return Ok(None) };
        let at = address - segment.address;
        let there = usize::try_from(segment.file_size - at).unwrap_or(usize::MAX);
        let Some(offset) = segment.offset.checked_add(at) else { return Ok(None) };
        let bytes = read_up_to(self.source, offset, length.min(there))?;
        Ok((bytes.len() == length).then_some(bytes))
    }

    fn read_segments(&self, head: &[u8]) -> Option<Vec<Segment>> {
        let layout = self.layout;
        let (table, size, count) = if layout.wide {
            (layout.u64(head, 32)?, layout.u16(head, 54)?, layout.u16(head, 56)?)
        } else {
            (layout.u64_of_u32(head, 28)?, layout.u16(head, 42)?, layout.u16(head, 44)?)
        };
        let (size, count) = (usize::from(size), usize::from(count).min(MAX_SEGMENTS));
        let table = usize::try_from(table).ok()?;
        // Segments far behind the header are those of no program that is made today.
        let bytes = head.get(table..head.len().min(table.checked_add(size * count)?))?;
        let segments = bytes.chunks_exact(size.max(32)).filter_map(|entry| {
            const LOAD: u32 = 1;
            const WRITE: u32 = 2;
            let flags = layout.u32(entry, if layout.wide { 4 } else { 24 })?;
            let numbers = if layout.wide { [8, 16, 32] } else { [4, 8, 16] };
            (layout.u32(entry, 0)? == LOAD).then_some(())?;
            Some(Segment {
                offset: layout.word(entry, numbers[0])?,
                address: layout.word(entry, numbers[1])?,
                file_size: layout.word(entry, numbers[2])?,
                writable: flags & WRITE != 0,
            })
        });
        Some(segments.collect())
    }

    fn read_sections(&self, head: &[u8]) -> Result<Option<Vec<Section>>, SourceError> {
        let layout = self.layout;
        let at = if layout.wide { [40, 58, 60, 62] } else { [32, 46, 48, 50] };
        let numbers = (
            layout.word(head, at[0]),
            layout.u16(head, at[1]),
            layout.u16(head, at[2]),
            layout.u16(head, at[3]),
        );
        let (Some(table), Some(size), Some(count), Some(names)) = numbers else { return Ok(None) };
        let (size, count, names) = (usize::from(size), usize::from(count), usize::from(names));
        let smallest = if layout.wide { 64 } else { 40 };
        if table == 0 || size < smallest || count == 0 || count > MAX_SECTIONS || names >= count {
            return Ok(None);
        }
        let start = table.saturating_sub(BEFORE_TABLE);
        let before = usize::try_from(table - start).unwrap_or(0);
        let bytes = read_up_to(self.source, start, before + size * count)?;
        let Some(entries) = bytes.get(before..) else { return Ok(None) };
        let entry = |index: usize| {
            let entry = entries.get(index * size..(index + 1) * size)?;
            let place = if layout.wide { [24, 32] } else { [16, 20] };
            Some((
                layout.u32(entry, 0)?,
                layout.word(entry, place[0])?,
                layout.word(entry, place[1])?,
            ))
        };
        let Some((_, offset, length)) = entry(names) else { return Ok(None) };
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(MAX_NAMES);
        let seen = offset.checked_sub(start).and_then(|at| usize::try_from(at).ok());
        let seen = seen.and_then(|at| bytes.get(at..at.checked_add(length)?));
        let texts = match seen {
            Some(seen) => seen.to_vec(),
            None => read_up_to(self.source, offset, length)?,
        };
        let sections = (0..count).filter_map(|index| {
            let (name, offset, size) = entry(index)?;
            let name = texts.get(usize::try_from(name).ok()?..)?.split(|byte| *byte == 0).next()?;
            // Only short names are asked for.
            let name = std::str::from_utf8(name.get(..name.len().min(64))?).ok()?.to_owned();
            Some(Section { name, offset, size })
        });
        Ok(Some(sections.collect()))
    }
}

impl Layout {
    fn u64_of_u32(self, bytes: &[u8], at: usize) -> Option<u64> {
        self.u32(bytes, at).map(u64::from)
    }
}

fn layout(head: &[u8]) -> Option<Layout> {
    let rest = head.strip_prefix(b"\x7fELF")?;
    let wide = match rest.first()? {
        1 => false,
        2 => true,
        _ => return None,
    };
    let big_endian = match rest.get(1)? {
        1 => false,
        2 => true,
        _ => return None,
    };
    Some(Layout { wide, big_endian })
}
