//! Blobs that do not compress, made cheaply: one block of pseudo-random bytes, repeated, with a stamp in each MiB so
//! that no two blobs have the same digest.

use std::{collections::HashMap, fmt::Write as _, sync::Mutex};

use sha2::{Digest as _, Sha256};

const PIECE: usize = 1 << 20;
const PIECES: usize = 64;
const STAMP: usize = 16;

/// A blob that exists only as a recipe; its bytes are written straight from the noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Blob {
    pub(crate) seed: u64,
    pub(crate) size: u64,
}

/// The bytes that blobs are cut from, and the digests that were asked for so far.
pub(crate) struct Noise {
    block: Vec<u8>,
    digests: Mutex<HashMap<Blob, String>>,
}

/// Up to one MiB of a blob: its stamp, then what follows it.
#[derive(Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) stamp: [u8; STAMP],
    pub(crate) rest: &'a [u8],
}

impl Noise {
    pub(crate) fn new() -> Self {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut block = Vec::with_capacity(PIECE * PIECES);
        while block.len() < PIECE * PIECES {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            block.extend_from_slice(&state.to_le_bytes());
        }
        Self { block, digests: Mutex::default() }
    }

    /// The blob's bytes in order.
    pub(crate) fn pieces(&self, blob: Blob) -> impl Iterator<Item = Piece<'_>> {
        let size = usize::try_from(blob.size).expect("a blob fits the address space");
        let last = size % PIECE;
        assert!(last == 0 || last >= STAMP, "{last} bytes in the last MiB cannot carry a stamp");
        (0..size.div_ceil(PIECE)).map(move |index| {
            let length = PIECE.min(size - index * PIECE);
            let mut stamp = [0; STAMP];
            stamp[..8].copy_from_slice(&blob.seed.to_le_bytes());
            stamp[8..].copy_from_slice(&(index as u64).to_le_bytes());
            let start = (index % PIECES) * PIECE;
            let rest = &self.block[start + STAMP.min(length)..start + length];
            Piece { stamp, rest }
        })
    }

    /// The whole blob in memory; for small ones and for static files.
    pub(crate) fn bytes(&self, blob: Blob) -> Vec<u8> {
        let mut bytes = Vec::new();
        for piece in self.pieces(blob) {
            bytes.extend_from_slice(&piece.stamp);
            bytes.extend_from_slice(piece.rest);
        }
        bytes
    }

    /// The blob's sha256 digest, computed once.
    pub(crate) fn digest(&self, blob: Blob) -> String {
        if let Some(known) = self.digests.lock().expect("no holder panics").get(&blob) {
            return known.clone();
        }
        let mut hash = Sha256::new();
        for piece in self.pieces(blob) {
            hash.update(piece.stamp);
            hash.update(piece.rest);
        }
        let digest = name(&hash.finalize());
        self.digests.lock().expect("no holder panics").insert(blob, digest.clone());
        digest
    }
}

/// The digest of bytes at hand, such as a manifest's.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    name(&Sha256::digest(bytes))
}

/// `sha256:` and the hash in hexadecimal digits.
pub(crate) fn name(hash: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in hash {
        write!(text, "{byte:02x}").expect("a string takes every write");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_that_of_the_bytes_written() {
        let noise = Noise::new();
        for size in [16, 4096, (1 << 20) + 50] {
            let blob = Blob { seed: 7, size };

            let bytes = noise.bytes(blob);

            assert_eq!(bytes.len() as u64, size);
            assert_eq!(noise.digest(blob), digest_of(&bytes));
            assert_ne!(noise.digest(blob), noise.digest(Blob { seed: 8, size }));
        }
    }
}
