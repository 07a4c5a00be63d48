//! The end of an archive, its central directory, its entries.

use crate::Error;
use crate::bytes::{u16_at, u32_at, u64_at};
use crate::crc::crc32;
use crate::inflate::inflate;
use crate::source::{Part, ReadAt, read_exactly, read_up_to};

const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const END_64_LOCATOR: u32 = 0x0706_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;

const END_SIZE: usize = 22;
const LOCATOR_SIZE: usize = 20;
const CENTRAL_SIZE: usize = 46;
const LOCAL_SIZE: usize = 30;
/// The longest comment behind the end record.
const MAX_COMMENT: usize = 0xffff;
/// How much of the central directory is read at once. An entry's record is never longer than 46 bytes and three texts
/// of 64 KiB.
const WINDOW: usize = 64 << 10;

/// An archive whose central directory has been found.
pub struct Archive<'a> {
    source: &'a dyn ReadAt,
    /// Where offsets count from: behind what stands before the archive.
    base: u64,
    directory: u64,
    directory_size: u64,
    entries: u64,
}

/// One entry, as the central directory tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// With `/` between its parts; bytes that are not UTF-8 are replaced.
    pub name: String,
    /// Bytes once it is unpacked, as the directory claims.
    pub size: u64,
    compressed: u64,
    method: u16,
    flags: u16,
    crc: u32,
    header: u64,
}

impl std::fmt::Debug for Archive<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archive").field("entries", &self.entries).finish_non_exhaustive()
    }
}

impl Entry {
    /// Whether its bytes are in the archive as they are.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        self.method == 0 && self.flags & 1 == 0 && self.size == self.compressed
    }
}

impl<'a> Archive<'a> {
    /// Finds the end of the archive and what it says.
    pub fn open(source: &'a dyn ReadAt) -> Result<Self, Error> {
        // Most archives have no comment, so that the first, short read is enough.
        for reach in [1 << 10, END_SIZE + MAX_COMMENT + LOCATOR_SIZE] {
            let reach = usize::try_from(source.size()).unwrap_or(usize::MAX).min(reach);
            let start = source.size() - reach as u64;
            let tail = read_exactly(source, start, reach)?;
            if let Some(at) = end_record(&tail) {
                return Self::of_end(source, &tail, start, at);
            }
        }
        Err(Error::Invalid("it has no end record"))
    }

    fn of_end(source: &'a dyn ReadAt, tail: &[u8], start: u64, at: usize) -> Result<Self, Error> {
        let short = Error::Invalid("its end record is cut short");
        let end = &tail[at..];
        let (Some(entries), Some(size), Some(offset)) =
            (u16_at(end, 10), u32_at(end, 12), u32_at(end, 16))
        else {
            return Err(short);
        };
        let mut end_at = start + at as u64;
        let (mut entries, mut size, mut offset) =
            (u64::from(entries), u64::from(size), u64::from(offset));
        if entries == 0xffff || size == 0xffff_ffff || offset == 0xffff_ffff {
            let locator = at.checked_sub(LOCATOR_SIZE).map(|before| &tail[before..at]);
            if let Some(locator) =
                locator.filter(|locator| u32_at(locator, 0) == Some(END_64_LOCATOR))
            {
                let position =
                    u64_at(locator, 8).ok_or(Error::Invalid("its zip64 locator is cut short"))?;
                let record = read_exactly(source, position, 56)?;
                if u32_at(&record, 0) != Some(END_64) {
                    return Err(Error::Invalid("its zip64 end record is not where it should be"));
                }
                let numbers = (u64_at(&record, 32), u64_at(&record, 40), u64_at(&record, 48));
                let (Some(many), Some(long), Some(far)) = numbers else { return Err(short) };
                (entries, size, offset, end_at) = (many, long, far, position);
            }
        }
        // The directory ends where the end record begins, whatever stands before the archive.
        let directory = end_at
            .checked_sub(size)
            .ok_or(Error::Invalid("its directory is larger than itself"))?;
        let base = directory
            .checked_sub(offset)
            .ok_or(Error::Invalid("its directory is not where it should be"))?;
        Ok(Self { source, base, directory, directory_size: size, entries })
    }

    /// How many entries it claims to have.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.entries
    }

    /// Calls `visit` for each entry, in the order of the directory, until it fails or says that it has seen enough.
    pub fn visit<E: From<Error>>(
        &self,
        mut visit: impl FnMut(Entry) -> Result<bool, E>,
    ) -> Result<(), E> {
        let mut window = Vec::new();
        let mut used = 0;
        let mut next = self.directory;
        let mut unread = self.directory_size;
        let mut seen = 0;
        // The directory's size counts: some writers count entries in 16 bits, and begin anew behind 65535.
        while used < window.len() || unread > 0 {
            // The texts of an entry make its record longer than its fixed part.
            let length = loop {
                let rest = &window[used..];
                // Behind the last entry there may be a signature.
                let strange = rest.len() >= 4 && u32_at(rest, 0) != Some(CENTRAL);
                if strange && seen >= self.entries {
                    return Ok(());
                }
                let needed = record_length(rest)?;
                if rest.len() >= needed {
                    break needed;
                }
                if unread == 0 {
                    return Err(Error::Invalid("its directory ends too early").into());
                }
                window.drain(..used);
                used = 0;
                let wanted = WINDOW.max(needed).min(usize::try_from(unread).unwrap_or(usize::MAX));
                let more = read_exactly(self.source, next, wanted)?;
                next += more.len() as u64;
                unread -= more.len() as u64;
                window.extend_from_slice(&more);
            };
            let entry = entry(&window[used..used + length])
                .ok_or(Error::Invalid("its directory is damaged"))?;
            used += length;
            seen += 1;
            if !visit(entry)? {
                return Ok(());
            }
        }
        if seen < self.entries {
            return Err(Error::Invalid("its directory has fewer entries than it should").into());
        }
        Ok(())
    }

    /// The bytes of an entry, unpacked and checked; fails if they are more than `max`.
    pub fn read(&self, entry: &Entry, max: usize) -> Result<Vec<u8>, Error> {
        if entry.flags & 1 == 1 {
            return Err(Error::Unsupported("it is encrypted"));
        }
        // Deflate never makes bytes more by much than a thousandth.
        let packed = usize::try_from(entry.compressed).map_err(|_| Error::TooLarge)?;
        if entry.size > max as u64 || packed > max.saturating_add(max / 500).saturating_add(1024) {
            return Err(Error::TooLarge);
        }
        let (head, start) = self.local(entry, packed)?;
        let at = self.base.checked_add(entry.header).and_then(|at| at.checked_add(start as u64));
        let at = at.ok_or(Error::Invalid("an offset is too large"))?;
        let size = usize::try_from(entry.size).map_err(|_| Error::TooLarge)?;
        // Small ones have come with their header.
        let here = head.get(start..start + packed);
        let bytes = match entry.method {
            0 => match here {
                Some(data) => data.to_vec(),
                None => read_exactly(self.source, at, packed)?,
            },
            8 => inflate(self.source, at, packed, here, size)?,
            _ => return Err(Error::Unsupported("an entry is neither stored nor deflated")),
        };
        if bytes.len() != size || crc32(&bytes) != entry.crc {
            return Err(Error::Invalid("an entry is not what its checksum says"));
        }
        Ok(bytes)
    }

    /// The part of the archive that a stored entry is.
    pub fn part(&self, entry: &Entry) -> Result<Part<'a>, Error> {
        if !entry.is_stored() {
            return Err(Error::Unsupported("the entry is packed"));
        }
        let (_, start) = self.local(entry, 0)?;
        let at = self.base.checked_add(entry.header).and_then(|at| at.checked_add(start as u64));
        Ok(Part::new(self.source, at.ok_or(Error::Invalid("an offset is too large"))?, entry.size))
    }

    /// The bytes from an entry's local header on, with what follows if that is little, and where its data starts.
    fn local(&self, entry: &Entry, packed: usize) -> Result<(Vec<u8>, usize), Error> {
        let at =
            self.base.checked_add(entry.header).ok_or(Error::Invalid("an offset is too large"))?;
        // The local header has fields of its own, mostly short ones: one read for most entries.
        let guess = LOCAL_SIZE + entry.name.len() + 64;
        let with_data = if packed <= WINDOW { guess + packed } else { guess };
        let head = read_up_to(self.source, at, with_data)?;
        if u32_at(&head, 0) != Some(LOCAL) {
            return Err(Error::Invalid("an entry is not where it should be"));
        }
        let lengths = u16_at(&head, 26).zip(u16_at(&head, 28));
        let (name, extra) = lengths.ok_or(Error::Invalid("an entry is cut short"))?;
        Ok((head, LOCAL_SIZE + usize::from(name) + usize::from(extra)))
    }
}

/// Where the end record is in the last bytes of an archive.
fn end_record(tail: &[u8]) -> Option<usize> {
    let last = tail.len().checked_sub(END_SIZE)?;
    let fits = |at: &usize| {
        u32_at(tail, *at) == Some(END)
            && u16_at(tail, at + 20)
                .is_some_and(|comment| at + END_SIZE + usize::from(comment) <= tail.len())
    };
    (0..=last).rev().find(fits)
}

/// How long a record of the directory is, as far as its beginning tells.
fn record_length(rest: &[u8]) -> Result<usize, Error> {
    if rest.len() < CENTRAL_SIZE {
        return Ok(CENTRAL_SIZE);
    }
    if u32_at(rest, 0) != Some(CENTRAL) {
        return Err(Error::Invalid("its directory is damaged"));
    }
    let texts = [28, 30, 32].map(|at| usize::from(u16_at(rest, at).unwrap_or(0)));
    Ok(CENTRAL_SIZE + texts.iter().sum::<usize>())
}

fn entry(record: &[u8]) -> Option<Entry> {
    let name = usize::from(u16_at(record, 28)?);
    let extra = usize::from(u16_at(record, 30)?);
    let mut compressed = u64::from(u32_at(record, 20)?);
    let mut size = u64::from(u32_at(record, 24)?);
    let mut header = u64::from(u32_at(record, 42)?);
    let mut rest = record.get(CENTRAL_SIZE + name..CENTRAL_SIZE + name + extra)?;
    while let Some((tag, length)) = u16_at(rest, 0).zip(u16_at(rest, 2)) {
        let field = rest.get(4..4 + usize::from(length))?;
        if tag == 1 {
            // Only what did not fit into its place above is here, in this order.
            let mut at = 0;
            for value in [&mut size, &mut compressed, &mut header] {
                if *value == 0xffff_ffff {
                    *value = u64_at(field, at)?;
                    at += 8;
                }
            }
            break;
        }
        rest = &rest[4 + usize::from(length)..];
    }
    Some(Entry {
        name: String::from_utf8_lossy(record.get(CENTRAL_SIZE..CENTRAL_SIZE + name)?).into_owned(),
        size,
        compressed,
        method: u16_at(record, 10)?,
        flags: u16_at(record, 8)?,
        crc: u32_at(record, 16)?,
        header,
    })
}
