//! Parts of a file, of which some are kept: databases jump about in it.

use berth_unzip::ReadAt;

use super::DatabaseError;
use crate::root::read_up_to;

/// So much is read at once, as each read is a call of the host.
const CHUNK: usize = 256 << 10;
/// So many are kept.
const KEPT: usize = 8;

/// A file whose last read parts are in memory.
pub(super) struct Pages<'a> {
    source: &'a dyn ReadAt,
    kept: Vec<(u64, Vec<u8>)>,
}

impl<'a> Pages<'a> {
    pub(super) fn new(source: &'a dyn ReadAt) -> Self {
        Self { source, kept: Vec::new() }
    }

    pub(super) fn size(&self) -> u64 {
        self.source.size()
    }

    /// Fills the buffer; fails at the end of the file.
    pub(super) fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), DatabaseError> {
        let mut filled = 0;
        while filled < buffer.len() {
            let at = offset.checked_add(filled as u64).ok_or("an offset is too large")?;
            let chunk = self.chunk(at / CHUNK as u64)?;
            let within = usize::try_from(at % CHUNK as u64)?;
            let rest =
                chunk.get(within..).filter(|rest| !rest.is_empty()).ok_or("it is cut short")?;
            let count = rest.len().min(buffer.len() - filled);
            buffer[filled..filled + count].copy_from_slice(&rest[..count]);
            filled += count;
        }
        Ok(())
    }

    fn chunk(&mut self, number: u64) -> Result<&[u8], DatabaseError> {
        match self.kept.iter().position(|(kept, _)| *kept == number) {
            // The last one is that which was used last.
            Some(at) => self.kept[at..].rotate_left(1),
            None => {
                let offset = number.checked_mul(CHUNK as u64).ok_or("an offset is too large")?;
                let bytes = read_up_to(self.source, offset, CHUNK)?;
                if self.kept.len() == KEPT {
                    self.kept.remove(0);
                }
                self.kept.push((number, bytes));
            }
        }
        Ok(self.kept.last().map(|(_, bytes)| bytes.as_slice()).unwrap_or_default())
    }
}
