//! Deflate, without holding what is packed.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

use crate::Error;
use crate::source::{ReadAt, read_exactly};

/// How much is read of what is packed at once.
const CHUNK: usize = 64 << 10;

/// Unpacks as many bytes as an entry claims to have, which the caller has bounded. `here` is what is packed, if it has
/// been read already.
pub(crate) fn inflate(
    source: &dyn ReadAt,
    mut at: u64,
    packed: usize,
    here: Option<&[u8]>,
    size: usize,
) -> Result<Vec<u8>, Error> {
    const DAMAGED: Error = Error::Invalid("an entry cannot be unpacked");
    let mut state = Box::<DecompressorOxide>::default();
    let mut out = vec![0; size];
    let (mut filled, mut left) = (0, packed);
    loop {
        let read;
        let chunk = match here {
            Some(here) => here,
            None => {
                read = read_exactly(source, at, left.min(CHUNK))?;
                read.as_slice()
            }
        };
        left -= chunk.len();
        at += chunk.len() as u64;
        let more = if left > 0 { inflate_flags::TINFL_FLAG_HAS_MORE_INPUT } else { 0 };
        let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF | more;
        let (status, used, written) = decompress(&mut state, chunk, &mut out, filled, flags);
        filled += written;
        match status {
            TINFLStatus::Done => break,
            TINFLStatus::NeedsMoreInput if left > 0 && used == chunk.len() => {}
            _ => return Err(DAMAGED),
        }
    }
    out.truncate(filled);
    Ok(out)
}
