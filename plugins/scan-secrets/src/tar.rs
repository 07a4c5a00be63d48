//! As much of tar as it takes to find the regular files of a layer.

use std::io::{self, Read};

/// The longest name that is kept; a longer one is cut.
const LONGEST_NAME: u64 = 64 << 10;

/// A regular file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Without a leading slash.
    pub path: String,
    /// In bytes.
    pub size: u64,
}

/// The files of an archive, in their order.
pub struct Entries<R> {
    source: R,
    /// Bytes of the last entry, with its padding, that were not read yet.
    rest: u64,
}

impl<R: Read> Entries<R> {
    /// Begins at the beginning.
    pub fn new(source: R) -> Self {
        Self { source, rest: 0 }
    }

    /// The next regular file; `None` at the end.
    pub fn next_file(&mut self) -> io::Result<Option<Entry>> {
        let (mut long_name, mut long_size) = (None, None);
        loop {
            self.skip(self.rest)?;
            self.rest = 0;
            let mut header = [0; 512];
            if !self.fill(&mut header)? || header.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            let size = number(&header[124..136]).ok_or_else(|| invalid("a size is no number"))?;
            match header[156] {
                b'L' => {
                    self.rest = padded(size);
                    let name = self.text(size)?;
                    long_name = Some(name.trim_end_matches('\0').to_owned());
                }
                b'x' => {
                    self.rest = padded(size);
                    let records = self.text(size)?;
                    long_name = record(&records, "path").map(str::to_owned).or(long_name);
                    long_size = record(&records, "size").and_then(|size| size.parse().ok());
                }
                b'g' | b'K' => self.rest = padded(size),
                b'0' | b'7' | 0 => {
                    let size = long_size.unwrap_or(size);
                    self.rest = padded(size);
                    let path = long_name.take().unwrap_or_else(|| name(&header));
                    let path = path.trim_start_matches("./").trim_start_matches('/').to_owned();
                    return Ok(Some(Entry { path, size }));
                }
                kind => {
                    (long_name, long_size) = (None, None);
                    // Links, directories and devices have no content, whatever they claim.
                    self.rest = if (b'1'..=b'6').contains(&kind) { 0 } else { padded(size) };
                }
            }
        }
    }

    /// The content of the file that came last.
    pub fn read(&mut self, entry: &Entry) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        (&mut self.source).take(entry.size).read_to_end(&mut bytes)?;
        self.rest -= bytes.len() as u64;
        Ok(bytes)
    }

    fn text(&mut self, size: u64) -> io::Result<String> {
        let mut bytes = Vec::new();
        (&mut self.source).take(size.min(LONGEST_NAME)).read_to_end(&mut bytes)?;
        self.rest -= bytes.len() as u64;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        io::copy(&mut (&mut self.source).take(bytes), &mut io::sink()).map(drop)
    }

    /// False at the end.
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.source.read(&mut buffer[filled..])? {
                0 if filled == 0 => return Ok(false),
                0 => return Err(invalid("it ends within a header")),
                count => filled += count,
            }
        }
        Ok(true)
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn padded(size: u64) -> u64 {
    size.div_ceil(512).saturating_mul(512)
}

/// Octal digits, or the bytes themselves where the first one says so.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let bytes = field[field.len() - 8..].try_into().ok()?;
        return Some(u64::from_be_bytes(bytes));
    }
    let text = std::str::from_utf8(field).ok()?;
    let digits = text.trim_matches(|c: char| c == '\0' || c == ' ');
    if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 8).ok() }
}

fn name(header: &[u8; 512]) -> String {
    let text = |field: &[u8]| {
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
        String::from_utf8_lossy(&field[..end]).into_owned()
    };
    let prefix = if &header[257..262] == b"ustar" && header[262] == 0 {
        text(&header[345..500])
    } else {
        String::new()
    };
    let name = text(&header[..100]);
    if prefix.is_empty() { name } else { format!("{prefix}/{name}") }
}

/// A record of a pax header: `LENGTH KEY=VALUE\n`.
fn record<'a>(records: &'a str, key: &str) -> Option<&'a str> {
    records.lines().find_map(|line| {
        let (_, record) = line.split_once(' ')?;
        record.strip_prefix(key)?.strip_prefix('=')
    })
}
