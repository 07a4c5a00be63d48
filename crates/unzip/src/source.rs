//! Where bytes come from.

use crate::Error;

/// What a source says went wrong.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// Bytes that can be read anywhere.
pub trait ReadAt {
    /// How many bytes there are.
    fn size(&self) -> u64;

    /// Reads up to as many bytes as the buffer holds; 0 means that the end is there.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError>;
}

impl ReadAt for [u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError> {
        let rest =
            usize::try_from(offset).ok().and_then(|start| self.get(start..)).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}

impl ReadAt for Vec<u8> {
    fn size(&self) -> u64 {
        self.as_slice().size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError> {
        self.as_slice().read_at(offset, buffer)
    }
}

#[cfg(unix)]
impl ReadAt for std::fs::File {
    fn size(&self) -> u64 {
        self.metadata().map_or(0, |metadata| metadata.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError> {
        Ok(std::os::unix::fs::FileExt::read_at(self, buffer, offset)?)
    }
}

/// A part of a source: an archive that is stored in another one.
pub struct Part<'a> {
    source: &'a dyn ReadAt,
    start: u64,
    length: u64,
}

impl<'a> Part<'a> {
    /// As much of it as the source has.
    pub fn new(source: &'a dyn ReadAt, start: u64, length: u64) -> Self {
        let length = length.min(source.size().saturating_sub(start));
        Self { source, start, length }
    }
}

impl std::fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Part")
            .field("start", &self.start)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl ReadAt for Part<'_> {
    fn size(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError> {
        let rest = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = rest.min(buffer.len());
        if length == 0 {
            return Ok(0);
        }
        self.source.read_at(self.start.saturating_add(offset), &mut buffer[..length])
    }
}

/// Reads so many bytes, or fewer at the end of the source.
pub(crate) fn read_up_to(
    source: &dyn ReadAt,
    offset: u64,
    length: usize,
) -> Result<Vec<u8>, Error> {
    let there = usize::try_from(source.size().saturating_sub(offset)).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length.min(there)];
    let mut filled = 0;
    while filled < bytes.len() {
        let count = source.read_at(offset + filled as u64, &mut bytes[filled..])?;
        if count == 0 {
            break;
        }
        filled += count.min(bytes.len() - filled);
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Reads so many bytes.
pub(crate) fn read_exactly(
    source: &dyn ReadAt,
    offset: u64,
    length: usize,
) -> Result<Vec<u8>, Error> {
    let bytes = read_up_to(source, offset, length)?;
    if bytes.len() == length { Ok(bytes) } else { Err(Error::Invalid("it ends too early")) }
}
