//! The log of a SQLite database: pages that were changed and not yet written back. rpm leaves one behind when it is
//! ended early.

use std::collections::HashMap;

const HEADER: usize = 32;
const FRAME: usize = 24;

/// The last committed state of each page in the log.
pub(super) struct Wal<'a> {
    frames: HashMap<u32, &'a [u8]>,
    pages: Option<u64>,
}

impl<'a> Wal<'a> {
    /// Reads the frames up to the first that does not belong to the log any more; a log that is none has no frames.
    pub(super) fn parse(log: &'a [u8], page_size: usize) -> Self {
        let mut wal = Self { frames: HashMap::new(), pages: None };
        let Some(header) = log.get(..HEADER) else { return wal };
        let big_endian = match u32_at(header, 0) {
            0x377f_0682 => false,
            0x377f_0683 => true,
            _ => return wal,
        };
        if usize::try_from(u32_at(header, 8)) != Ok(page_size) {
            return wal;
        }
        let mut sum = checksum((0, 0), &header[..24], big_endian);
        if sum != (u32_at(header, 24), u32_at(header, 28)) {
            return wal;
        }
        let mut pending = Vec::new();
        for frame in log[HEADER..].chunks_exact(FRAME + page_size) {
            let (head, page) = frame.split_at(FRAME);
            sum = checksum(checksum(sum, &head[..8], big_endian), page, big_endian);
            if head[8..16] != header[16..24] || sum != (u32_at(head, 16), u32_at(head, 20)) {
                break;
            }
            pending.push((u32_at(head, 0), page));
            // The last frame of a transaction has the size of the database after it.
            let size = u32_at(head, 4);
            if size != 0 {
                wal.frames.extend(pending.drain(..));
                wal.pages = Some(u64::from(size));
            }
        }
        wal
    }

    pub(super) fn page(&self, number: u32) -> Option<&'a [u8]> {
        self.frames.get(&number).copied()
    }

    /// How many pages the database has, if the log says so.
    pub(super) fn pages(&self) -> Option<u64> {
        self.pages
    }
}

/// The number at a place that is known to be there.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes)
}

fn checksum(start: (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    let number = |bytes: &[u8]| {
        let bytes = bytes.try_into().unwrap_or_default();
        if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    bytes.chunks_exact(8).fold(start, |(one, two), pair| {
        let one = one.wrapping_add(number(&pair[..4])).wrapping_add(two);
        (one, two.wrapping_add(number(&pair[4..])).wrapping_add(one))
    })
}
