//! Keys as age writes them: `age1…` for those to whom a file is encrypted, `AGE-SECRET-KEY-1…` for those who open it.

use std::fmt;
use std::str::FromStr;

use bech32::{Bech32, Hrp};
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};
use zeroize::Zeroizing;

const RECIPIENT: Hrp = Hrp::parse_unchecked("age");
const IDENTITY: Hrp = Hrp::parse_unchecked("age-secret-key-");

/// Somebody to whom files are encrypted: the public half of an [`Identity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recipient(pub(crate) [u8; 32]);

/// Somebody who opens what was encrypted to them.
#[derive(Clone)]
pub struct Identity(pub(crate) Zeroizing<[u8; 32]>);

/// Text that is no key. It never shows the text: that may be a secret with a slip in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// Not a recipient.
    #[error("it is no recipient of age: it begins with `age1` and has 62 characters")]
    Recipient,
    /// Somebody put the secret where the public half belongs.
    #[error(
        "it is a secret key of age, not a recipient: write the line `age1…` that was printed with it"
    )]
    SecretForRecipient,
    /// Not an identity.
    #[error("line {0} is no secret key of age: it begins with `AGE-SECRET-KEY-1`")]
    Identity(usize),
    /// There is none.
    #[error("there is no secret key of age in it")]
    NoIdentity,
}

fn decode(hrp: Hrp, text: &str) -> Option<[u8; 32]> {
    let checked = bech32::primitives::decode::CheckedHrpstring::new::<Bech32>(text).ok()?;
    if checked.hrp() != hrp {
        return None;
    }
    checked.byte_iter().collect::<Vec<_>>().try_into().ok()
}

fn encode(hrp: Hrp, key: &[u8; 32]) -> String {
    bech32::encode::<Bech32>(hrp, key).expect("a key is short enough for bech32")
}

impl FromStr for Recipient {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let text = text.trim();
        if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
            return Err(InvalidKey::SecretForRecipient);
        }
        decode(RECIPIENT, text).map(Self).ok_or(InvalidKey::Recipient)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(RECIPIENT, &self.0))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity(of {})", self.recipient())
    }
}

impl Identity {
    /// A new one.
    ///
    /// # Panics
    /// If the kernel has no random source.
    #[must_use]
    pub fn random() -> Self {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *key).expect("the kernel's random source answers");
        Self(key)
    }

    /// Its public half.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        Recipient(x25519(*self.0, X25519_BASEPOINT_BYTES))
    }

    /// The secret as text, for the file that it is kept in.
    #[must_use]
    pub fn reveal(&self) -> String {
        encode(IDENTITY, &self.0).to_ascii_uppercase()
    }

    /// All identities of a file, as `age-keygen` writes it: one on a line, `#` begins a comment.
    pub fn read_all(text: &str) -> Result<Vec<Self>, InvalidKey> {
        let mut found = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            found.push(
                decode(IDENTITY, line)
                    .map(|key| Self(Zeroizing::new(key)))
                    .ok_or(InvalidKey::Identity(index + 1))?,
            );
        }
        if found.is_empty() { Err(InvalidKey::NoIdentity) } else { Ok(found) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_they_are_read() {
        let identity = Identity::random();
        let file = format!("# a comment\n\n{}\n", identity.reveal());
        let read = Identity::read_all(&file).unwrap();
        assert_eq!(read[0].0, identity.0);
        let recipient = identity.recipient();
        assert_eq!(recipient.to_string().parse::<Recipient>().unwrap(), recipient);
        assert!(!format!("{identity:?}").contains("SECRET"));
    }

    #[test]
    fn what_is_no_key_is_told_apart_and_not_shown() {
        let identity = Identity::random();
        let secret = identity.reveal();
        assert_eq!(secret.parse::<Recipient>().unwrap_err(), InvalidKey::SecretForRecipient);
        let recipient = identity.recipient().to_string();
        let slip = recipient.replace('q', "p").replacen("age1", "age1q", 1);
        assert_eq!(slip.parse::<Recipient>().unwrap_err(), InvalidKey::Recipient);
        assert_eq!(Identity::read_all("# none\n").unwrap_err(), InvalidKey::NoIdentity);
        assert_eq!(Identity::read_all(&recipient).unwrap_err(), InvalidKey::Identity(1));
    }
}
