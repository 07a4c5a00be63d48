//! Where blobs are at the other registry, as far as it is known: so that one that many repositories share is sent once.
//!
//! What is remembered takes a bounded space: each blob has one place to be written down, and the latest that has it counts.
//! That something is not known any more, or not so any more, makes it slower and not wrong.

use berth_plugin::{Error, kv};

/// Smaller blobs are sent as fast as they are asked for.
const LEAST: u64 = 64 << 10;
/// Places to write something down; with the longest names they take less than half of what is asked for.
const SLOTS: u32 = 1024;

/// Where a blob is written down; none if it is no SHA-256, or not worth it.
fn slot(digest: &str, size: u64) -> Option<String> {
    let hex = digest.strip_prefix("sha256:").filter(|_| size >= LEAST)?;
    let number = u32::from_str_radix(hex.get(..8)?, 16).ok()? % SLOTS;
    Some(format!("blob/{number}"))
}

/// A repository that has a blob, other than this one.
pub(crate) fn find(digest: &str, size: u64, repository: &str) -> Result<Option<String>, Error> {
    let Some(slot) = slot(digest, size) else { return Ok(None) };
    let known = kv::get(&slot)?.and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(known.and_then(|known| {
        let (of, place) = known.split_once(' ')?;
        (of == digest && place != repository).then(|| place.to_owned())
    }))
}

/// Remembers that a repository has a blob.
pub(crate) fn remember(digest: &str, size: u64, repository: &str) {
    if let Some(slot) = slot(digest, size) {
        let _ = kv::set(&slot, format!("{digest} {repository}").as_bytes());
    }
}

/// Forgets what was not so.
pub(crate) fn forget(digest: &str, size: u64) {
    if let Some(slot) = slot(digest, size) {
        let _ = kv::delete(&slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_takes_a_bounded_space() {
        let digest = format!("sha256:{}", "f".repeat(64));
        assert_eq!(slot(&digest, LEAST), Some("blob/1023".into()));
        assert_eq!(slot(&digest, LEAST - 1), None);
        assert_eq!(slot("sha512:00", LEAST), None);
    }
}
