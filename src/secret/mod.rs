//! Values that must not be printed, comparing them without telling how far they agree, and keeping them at rest.

mod key_file;
mod keyring;

use std::fmt;

pub use key_file::KeyFileError;
pub use keyring::{Keyring, SealError};

use subtle::ConstantTimeEq;

/// Something that prints as `***`: a password, a token, a key.
#[derive(Clone, Default)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps a value so that it can no longer be printed by accident.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself; every use is a place to look at in a review.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Equality in a time that does not depend on where two values of equal length differ.
impl<T: AsRef<[u8]>> PartialEq for Secret<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ref().ct_eq(other.0.as_ref()).into()
    }
}

/// `len` random bytes from the kernel, written in the URL-safe base64 alphabet without padding.
///
/// # Panics
/// If the kernel has no random source: nothing safe can be done without one.
#[must_use]
pub fn random_text(len: usize) -> String {
    use base64::Engine as _;
    let mut bytes = vec![0; len];
    getrandom::fill(&mut bytes).expect("the kernel's random source answers");
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_stars() {
        assert_eq!(format!("{0:?} {0}", Secret::new("hunter2")), "*** ***");
    }

    #[test]
    fn random_texts_differ() {
        assert_ne!(random_text(16), random_text(16));
    }
}
