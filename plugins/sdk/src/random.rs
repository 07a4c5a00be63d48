//! Numbers that nobody can guess.

use crate::bindings::host::wasi::random::random as host;

/// So many random bytes.
pub fn bytes(len: usize) -> Vec<u8> {
    host::get_random_bytes(len as u64)
}

/// A random number.
pub fn number() -> u64 {
    host::get_random_u64()
}
