//! A small store that outlives calls. An instance does not: whatever must stay belongs here.

use std::time::Duration;

use crate::Error;
use crate::bindings::host::berth::plugin::key_value as host;

/// The value of a key.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
    host::get(key)
}

/// Sets a key for good.
pub fn set(key: &str, value: &[u8]) -> Result<(), Error> {
    host::set(key, value, None)
}

/// Sets a key for a time.
pub fn set_for(key: &str, value: &[u8], time: Duration) -> Result<(), Error> {
    host::set(key, value, Some(seconds(time)))
}

/// Removes a key; one that is not there is no error.
pub fn delete(key: &str) -> Result<(), Error> {
    host::delete(key)
}

/// Sets a key only if it holds `old` now; says whether it did.
pub fn compare_and_set(key: &str, old: Option<&[u8]>, new: &[u8]) -> Result<bool, Error> {
    host::compare_and_set(key, old, new, None)
}

/// All keys with a prefix, in their order.
pub fn keys(prefix: &str) -> Result<Vec<String>, Error> {
    const PAGE: u32 = 1000;
    let mut keys: Vec<String> = Vec::new();
    loop {
        let page = host::keys(prefix, keys.last().map(String::as_str), PAGE)?;
        let is_last = page.len() < PAGE as usize;
        keys.extend(page);
        if is_last {
            return Ok(keys);
        }
    }
}

fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX).max(1)
}
