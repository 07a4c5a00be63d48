//! Berkeley DB, as rpm used it until 2020: a hash table whose values, the headers, are in chains of pages of their own.

use berth_unzip::ReadAt;

use super::DatabaseError;
use super::pages::Pages;

const HASH_MAGIC: u32 = 0x0006_1561;
/// What every page begins with.
const HEADER: usize = 26;
const TYPE: usize = 25;
const HASH_UNSORTED: u8 = 2;
const OVERFLOW: u8 = 7;
const HASH: u8 = 13;
/// The item is a reference to a chain of pages.
const ITEM_OFF_PAGE: u8 = 3;

/// Calls `visit` with the header of each package.
pub(super) fn blobs(
    source: &dyn ReadAt,
    max: usize,
    visit: &mut dyn FnMut(&[u8]),
) -> Result<(), DatabaseError> {
    let mut pages = Pages::new(source);
    let mut head = [0; 72];
    pages.read(0, &mut head)?;
    let big_endian = match (u32_at(&head, 12, false), u32_at(&head, 12, true)) {
        (HASH_MAGIC, _) => false,
        (_, HASH_MAGIC) => true,
        _ => return Err("it is no Berkeley database with a hash table".into()),
    };
    if head[24] != 0 {
        return Err("it is encrypted".into());
    }
    let size = usize::try_from(u32_at(&head, 20, big_endian))?;
    if !size.is_power_of_two() || !(512..=65536).contains(&size) {
        return Err("its page size is invalid".into());
    }
    let mut budget = pages.size();
    let count = u32::try_from(pages.size() / size as u64)?;
    let mut damaged = 0usize;
    let mut page = vec![0; size];
    for number in 1..count {
        pages.read(u64::from(number) * size as u64, &mut page)?;
        if page[TYPE] != HASH && page[TYPE] != HASH_UNSORTED {
            continue;
        }
        let items = usize::from(u16_at(&page, 20, big_endian));
        // Keys and values take turns.
        for index in (1..items).step_by(2) {
            let at = HEADER + 2 * index;
            if at + 2 > size {
                damaged += 1;
                break;
            }
            let Some(item) = page.get(usize::from(u16_at(&page, at, big_endian))..) else {
                damaged += 1;
                continue;
            };
            if item.len() < 12 || item[0] != ITEM_OFF_PAGE {
                continue; // a count, or rpm's own
            }
            let (first, length) = (u32_at(item, 4, big_endian), u32_at(item, 8, big_endian));
            let length = usize::try_from(length)?;
            if length > max {
                damaged += 1;
                continue;
            }
            budget =
                budget.checked_sub(length as u64).ok_or("its headers are longer than itself")?;
            match chain(&mut pages, first, length, size, big_endian)? {
                Some(blob) => visit(&blob),
                None => damaged += 1,
            }
        }
    }
    if damaged > 0 {
        return Err(format!("{damaged} headers are damaged or too long").into());
    }
    Ok(())
}

fn chain(
    pages: &mut Pages<'_>,
    first: u32,
    length: usize,
    size: usize,
    big_endian: bool,
) -> Result<Option<Vec<u8>>, DatabaseError> {
    let mut blob = Vec::new();
    let mut page = vec![0; size];
    let mut number = first;
    while blob.len() < length {
        pages.read(u64::from(number) * size as u64, &mut page)?;
        let used = usize::from(u16_at(&page, 22, big_endian));
        let Some(data) = page.get(HEADER..HEADER + used).filter(|data| !data.is_empty()) else {
            return Ok(None);
        };
        // Every page but the last is full.
        let last = data.len() >= length - blob.len();
        if page[TYPE] != OVERFLOW || (!last && used < size - HEADER) {
            return Ok(None);
        }
        blob.extend_from_slice(&data[..data.len().min(length - blob.len())]);
        number = u32_at(&page, 16, big_endian);
    }
    Ok(Some(blob))
}

/// The numbers at places that are known to be there.
fn u16_at(bytes: &[u8], at: usize, big_endian: bool) -> u16 {
    let bytes = bytes.get(at..at + 2).and_then(|bytes| bytes.try_into().ok()).unwrap_or_default();
    if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
}

fn u32_at(bytes: &[u8], at: usize, big_endian: bool) -> u32 {
    let bytes = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).unwrap_or_default();
    if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}
