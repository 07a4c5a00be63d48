//! bcrypt, as `htpasswd -B` writes it, over the Blowfish of the crate of that name.

use blowfish::Blowfish;

const ALPHABET: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A higher cost takes longer than a login may.
const COSTS: std::ops::RangeInclusive<u32> = 4..=12;

/// A hash that was read.
pub struct Hash {
    cost: u32,
    salt: [u8; 16],
    digest: [u8; 23],
}

/// Bytes in bcrypt's own base 64.
fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (mut out, mut bits, mut held, mut at) = ([0; N], 0_u32, 0, 0);
    for byte in text.bytes() {
        let value = ALPHABET.iter().position(|known| *known == byte)?;
        bits = (bits << 6) | u32::try_from(value).ok()?;
        held += 6;
        if held >= 8 && at < N {
            held -= 8;
            out[at] = u8::try_from((bits >> held) & 0xff).ok()?;
            at += 1;
        }
    }
    (at == N).then_some(out)
}

impl Hash {
    /// Reads `$2y$10$` with a salt of 22 and a digest of 31 characters.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = ["$2y$", "$2b$", "$2a$"].iter().find_map(|kind| text.strip_prefix(kind))?;
        let (cost, rest) = rest.split_once('$')?;
        let cost = cost.parse().ok().filter(|cost| COSTS.contains(cost))?;
        let (salt, digest) = rest.split_at_checked(22)?;
        if digest.len() != 31 {
            return None;
        }
        Some(Self { cost, salt: decode(salt)?, digest: decode(digest)? })
    }

    /// Whether it is of this password.
    pub fn is_of(&self, password: &[u8]) -> bool {
        // Up to its first 72 bytes, the end with it, as everywhere.
        let end = password.iter().position(|byte| *byte == 0).unwrap_or(password.len());
        let mut key: Vec<u8> = password[..end].iter().copied().chain([0]).collect();
        key.truncate(72);
        let mut state: Blowfish = Blowfish::bc_init_state();
        state.salted_expand_key(&self.salt, &key);
        for _ in 0..1_u32 << self.cost {
            state.bc_expand_key(&key);
            state.bc_expand_key(&self.salt);
        }
        let mut actual = [0; 24];
        for (block, text) in b"OrpheanBeholderScryDoubt".chunks(8).enumerate() {
            let word = |at: usize| {
                u32::from_be_bytes([text[at], text[at + 1], text[at + 2], text[at + 3]])
            };
            let mut words = [word(0), word(4)];
            for _ in 0..64 {
                words = state.bc_encrypt(words);
            }
            actual[block * 8..block * 8 + 4].copy_from_slice(&words[0].to_be_bytes());
            actual[block * 8 + 4..block * 8 + 8].copy_from_slice(&words[1].to_be_bytes());
        }
        // As long as it takes, wherever they differ.
        let differs = actual[..23].iter().zip(&self.digest).fold(0, |sum, (a, b)| sum | (a ^ b));
        differs == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hashes_are_of_their_passwords() {
        for (hash, password) in [
            ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
            ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*"),
            ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy", ""),
        ] {
            let hash = Hash::parse(hash).unwrap();
            assert!(hash.is_of(password.as_bytes()), "{password}");
            assert!(!hash.is_of(b"another"));
        }
        for bad in [
            "",
            "$2y$",
            "$2y$20$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "$apr1$x$y",
        ] {
            assert!(Hash::parse(bad).is_none(), "{bad}");
        }
    }
}
