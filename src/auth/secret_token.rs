//! The text of tokens for programs: `brt_`, 30 random characters, and 6 that check them.
//!
//! Secret scanners find the prefix, and the check tells them, without asking anybody, a token from a word that looks like
//! one.

use crate::oci::{Algorithm, Digest};
use crate::secret::Secret;

/// What every token begins with.
pub const TOKEN_PREFIX: &str = "brt_";

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 178 bits: no slow hash is needed to keep them.
const RANDOM: usize = 30;
const CHECK: usize = 6;

/// A new token; it is shown once.
///
/// # Panics
/// If the kernel has no random source.
#[must_use]
pub(super) fn new_token() -> Secret<String> {
    let mut text = String::with_capacity(TOKEN_PREFIX.len() + RANDOM + CHECK);
    text.push_str(TOKEN_PREFIX);
    let mut bytes = [0; 64];
    while text.len() < TOKEN_PREFIX.len() + RANDOM {
        getrandom::fill(&mut bytes).expect("the kernel's random source answers");
        // 248 is the largest multiple of 62: what lies above would make some letters likelier than others.
        let letters = bytes.iter().filter(|&&byte| byte < 248).map(|byte| letter(u32::from(*byte)));
        text.extend(letters.take(TOKEN_PREFIX.len() + RANDOM - text.len()));
    }
    text.push_str(&check(&text));
    Secret::new(text)
}

fn letter(number: u32) -> char {
    char::from(ALPHABET[(number % 62) as usize])
}

/// CRC-32 of all that stands before, in base 62.
fn check(text: &str) -> String {
    let mut crc = crc32(text.as_bytes());
    let mut letters = [' '; CHECK];
    for place in letters.iter_mut().rev() {
        *place = letter(crc);
        crc /= 62;
    }
    letters.iter().collect()
}

/// CRC-32 as in zip and PNG (ISO 3309), bit by bit: forty bytes need no table.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    })
}

/// Whether text means to be a token.
#[must_use]
pub(super) fn looks_like_token(text: &str) -> bool {
    text.starts_with(TOKEN_PREFIX)
}

/// What is kept of a token's text; `None` if it is misspelt.
#[must_use]
pub(super) fn token_hash(text: &Secret<String>) -> Option<Digest> {
    let text = text.expose();
    let whole = text.len() == TOKEN_PREFIX.len() + RANDOM + CHECK && text.is_ascii();
    let body = text.get(..TOKEN_PREFIX.len() + RANDOM).filter(|_| whole)?;
    (looks_like_token(text) && text[body.len()..] == check(body))
        .then(|| Algorithm::Sha256.digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_checks_itself() {
        let token = new_token();
        assert_eq!(token.expose().len(), 40);
        assert!(looks_like_token(token.expose()) && token_hash(&token).is_some());
        assert_ne!(token.expose(), new_token().expose());
        for at in [4, 20, 39] {
            let mut bytes = token.expose().clone().into_bytes();
            bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            let misspelt = Secret::new(String::from_utf8(bytes).unwrap());
            assert!(token_hash(&misspelt).is_none(), "{at}");
        }
        assert!(token_hash(&Secret::new("brt_short".into())).is_none());
        assert!(token_hash(&Secret::new("ä".repeat(20))).is_none());
    }

    #[test]
    fn the_check_is_the_one_of_zip() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }
}
