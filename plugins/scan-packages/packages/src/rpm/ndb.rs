//! rpm's own database, `Packages.db`: slots that say where each package's header is.

use berth_unzip::ReadAt;

use super::DatabaseError;
use super::pages::Pages;

const MAGIC: u32 = u32::from_le_bytes(*b"RpmP");
const SLOT: u32 = u32::from_le_bytes(*b"Slot");
const BLOB: u32 = u32::from_le_bytes(*b"BlbS");
const SLOT_SIZE: usize = 16;
const PAGE: usize = 4096;
/// Offsets count in these.
const BLOCK: u64 = 16;
/// More pages of slots than this are of no distribution.
const MAX_PAGES: u32 = 2048;

/// Calls `visit` with the header of each package.
pub(super) fn blobs(
    source: &dyn ReadAt,
    max: usize,
    visit: &mut dyn FnMut(&[u8]),
) -> Result<(), DatabaseError> {
    let mut pages = Pages::new(source);
    let mut head = [0; 32];
    pages.read(0, &mut head)?;
    let version = u32_at(&head, 4);
    if u32_at(&head, 0) != MAGIC || version != 0 {
        return Err("it is no database of rpm in a version that is known".into());
    }
    let count = u32_at(&head, 12);
    if count > MAX_PAGES {
        return Err("it has too many slots".into());
    }
    let mut budget = pages.size();
    let mut damaged = 0usize;
    let mut page = vec![0; PAGE];
    for number in 0..count {
        pages.read(u64::from(number) * PAGE as u64, &mut page)?;
        // The first two places are the file's own header.
        let first = if number == 0 { 2 } else { 0 };
        for slot in page.chunks_exact(SLOT_SIZE).skip(first) {
            let (package, block) = (u32_at(slot, 4), u32_at(slot, 8));
            if u32_at(slot, 0) != SLOT {
                return Err("a slot is damaged".into());
            }
            if package == 0 {
                continue;
            }
            let mut head = [0; 16];
            let at = u64::from(block) * BLOCK;
            pages.read(at, &mut head)?;
            let length = usize::try_from(u32_at(&head, 12))?;
            if u32_at(&head, 0) != BLOB || u32_at(&head, 4) != package || length > max {
                damaged += 1;
                continue;
            }
            budget =
                budget.checked_sub(length as u64).ok_or("its headers are longer than itself")?;
            let mut blob = vec![0; length];
            pages.read(at + 16, &mut blob)?;
            visit(&blob);
        }
    }
    if damaged > 0 {
        return Err(format!("{damaged} headers are damaged or too long").into());
    }
    Ok(())
}

/// The number at a place that is known to be there.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes)
}
