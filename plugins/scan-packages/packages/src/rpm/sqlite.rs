//! SQLite, as much as it takes to read one column of one table: no indexes, no SQL, no writing.
//!
//! After <https://sqlite.org/fileformat2.html>. Every number that the file gives is checked against the file's size.

use berth_unzip::ReadAt;

use super::DatabaseError;
use super::pages::Pages;
use super::wal::Wal;

const MAGIC: &[u8] = b"SQLite format 3\0";
const TABLE: &[u8] = b"Packages";
/// Trees of a database of any size are lower.
const MAX_DEPTH: usize = 20;

/// A database whose first page has been read.
struct Database<'a> {
    pages: Pages<'a>,
    wal: Wal<'a>,
    page_size: usize,
    /// What a page has for cells: its size without what is reserved at its end.
    usable: usize,
    count: u64,
    /// Bytes of rows that may still be read: in a sound file they are no more than the file.
    budget: u64,
}

/// Calls `visit` with the blob of each row in `Packages`.
pub(super) fn blobs(
    source: &dyn ReadAt,
    log: &[u8],
    max: usize,
    visit: &mut dyn FnMut(&[u8]),
) -> Result<(), DatabaseError> {
    let mut database = Database::open(source, log)?;
    let mut root = None;
    database.rows(1, max, &mut |record| {
        // type, name, table, root page, SQL
        let mut columns = Columns::of(record)?;
        let (kind, name) = (columns.next()?, columns.next()?);
        let (Value::Bytes(b"table"), Value::Bytes(TABLE)) = (kind, name) else { return Some(()) };
        columns.next()?;
        if let Value::Number(page) = columns.next()? {
            root = u32::try_from(page).ok();
        }
        Some(())
    })?;
    let root = root.ok_or("it has no table of packages")?;
    database.rows(root, max, &mut |record| {
        let mut columns = Columns::of(record)?;
        columns.next()?; // the row's number
        if let Value::Bytes(blob) = columns.next()? {
            visit(blob);
        }
        Some(())
    })
}

impl<'a> Database<'a> {
    fn open(source: &'a dyn ReadAt, log: &'a [u8]) -> Result<Self, DatabaseError> {
        let mut pages = Pages::new(source);
        let mut head = [0; 100];
        pages.read(0, &mut head)?;
        if !head.starts_with(MAGIC) {
            return Err("it is no SQLite database".into());
        }
        let page_size = match u16_at(&head, 16) {
            Some(1) => 65536,
            Some(size) if size >= 512 && size.is_power_of_two() => usize::from(size),
            _ => return Err("its page size is invalid".into()),
        };
        let usable = page_size - usize::from(head[20]);
        if usable < 480 {
            return Err("its pages have no room".into());
        }
        let wal = Wal::parse(log, page_size);
        let in_file = pages.size() / page_size as u64;
        let budget = pages.size() + log.len() as u64;
        let count = wal.pages().unwrap_or(in_file);
        Ok(Self { pages, wal, page_size, usable, count, budget })
    }

    fn page(&mut self, number: u32) -> Result<Vec<u8>, DatabaseError> {
        if number == 0 || u64::from(number) > self.count {
            return Err("it refers to a page that it does not have".into());
        }
        if let Some(page) = self.wal.page(number) {
            return Ok(page.to_vec());
        }
        let mut page = vec![0; self.page_size];
        self.pages.read((u64::from(number) - 1) * self.page_size as u64, &mut page)?;
        Ok(page)
    }

    /// Calls `visit` with each row of a table. Rows longer than `max`, and those that it returns `None` for, are left
    /// out, and told of at the end.
    fn rows(
        &mut self,
        root: u32,
        max: usize,
        visit: &mut dyn FnMut(&[u8]) -> Option<()>,
    ) -> Result<(), DatabaseError> {
        let mut damaged = 0usize;
        let mut open = vec![(root, 0)];
        // A tree visits no page twice.
        let mut left = self.count;
        while let Some((number, depth)) = open.pop() {
            left = left.checked_sub(1).ok_or("its tree has a circle")?;
            let page = self.page(number)?;
            let start = if number == 1 { 100 } else { 0 };
            let cells = usize::from(u16_at(&page, start + 3).ok_or("a page is cut short")?);
            match page[start] {
                5 if depth < MAX_DEPTH => {
                    let right = u32_at(&page, start + 8).ok_or("a page is cut short")?;
                    open.push((right, depth + 1));
                    // Rows come in their order from the left.
                    for index in (0..cells).rev() {
                        let cell = u16_at(&page, start + 12 + 2 * index).map(usize::from);
                        let child =
                            cell.and_then(|cell| u32_at(&page, cell)).ok_or("a page is damaged")?;
                        open.push((child, depth + 1));
                    }
                    if open.len() as u64 > self.count {
                        return Err("its tree has a circle".into());
                    }
                }
                5 => return Err("its tree is too high".into()),
                13 => {
                    for index in 0..cells {
                        let cell = u16_at(&page, start + 8 + 2 * index).map(usize::from);
                        let record =
                            cell.map(|cell| self.payload(&page, cell, max)).transpose()?.flatten();
                        if record.and_then(|record| visit(&record)).is_none() {
                            damaged += 1;
                        }
                    }
                }
                _ => return Err("a page of its tree is of another kind".into()),
            }
        }
        if damaged > 0 {
            return Err(format!("{damaged} rows are damaged or too long").into());
        }
        Ok(())
    }

    /// The record of a cell, with what did not fit into its page. `None` if it makes no sense or is too long.
    fn payload(
        &mut self,
        page: &[u8],
        cell: usize,
        max: usize,
    ) -> Result<Option<Vec<u8>>, DatabaseError> {
        let Some((length, at)) = varint(page, cell) else { return Ok(None) };
        let Some((_, at)) = varint(page, at) else { return Ok(None) };
        let length = match usize::try_from(length) {
            Ok(length) if length <= max => length,
            _ => return Ok(None),
        };
        self.budget =
            self.budget.checked_sub(length as u64).ok_or("its rows are longer than itself")?;
        let usable = self.usable;
        let most = usable - 35;
        let here = if length <= most {
            length
        } else {
            let least = (usable - 12) * 32 / 255 - 23;
            let fitting = least + (length - least) % (usable - 4);
            if fitting <= most { fitting } else { least }
        };
        let Some(local) = page.get(at..at + here) else { return Ok(None) };
        let mut record = local.to_vec();
        let mut next = if here < length { u32_at(page, at + here) } else { None };
        while record.len() < length {
            let Some(number) = next else { return Ok(None) };
            let page = self.page(number)?;
            let count = (length - record.len()).min(usable - 4);
            record.extend_from_slice(&page[4..4 + count]);
            next = u32_at(&page, 0);
        }
        Ok(Some(record))
    }
}

/// A column's value, if it is one of those that are looked at.
enum Value<'a> {
    Number(i64),
    Bytes(&'a [u8]),
    Other,
}

/// The columns of a record: their types first, then their values.
struct Columns<'a> {
    record: &'a [u8],
    types: usize,
    types_end: usize,
    value: usize,
}

impl<'a> Columns<'a> {
    fn of(record: &'a [u8]) -> Option<Self> {
        let (header, types) = varint(record, 0)?;
        let header = usize::try_from(header).ok().filter(|header| *header <= record.len())?;
        Some(Self { record, types, types_end: header, value: header })
    }

    fn next(&mut self) -> Option<Value<'a>> {
        if self.types >= self.types_end {
            return None;
        }
        let (kind, next) = varint(self.record, self.types)?;
        self.types = next;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 | 7 => 8,
            12.. => usize::try_from((kind - 12) / 2).ok()?,
            _ => return None,
        };
        let bytes = self.record.get(self.value..self.value.checked_add(length)?)?;
        self.value += length;
        Some(match kind {
            8 => Value::Number(0),
            9 => Value::Number(1),
            1..=6 => {
                let first = if bytes.first()? & 0x80 == 0 { 0 } else { -1 };
                Value::Number(
                    bytes.iter().fold(first, |number, byte| number << 8 | i64::from(*byte)),
                )
            }
            12.. => Value::Bytes(bytes),
            _ => Value::Other,
        })
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// A number of up to nine bytes, and where it ends.
fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for index in 0..8 {
        let byte = *bytes.get(at.checked_add(index)?)?;
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, at + index + 1));
        }
    }
    let byte = *bytes.get(at.checked_add(8)?)?;
    Some((value << 8 | u64::from(byte), at + 9))
}
