//! Numbers of any length.

use std::cmp::Ordering;

/// Compares two runs of digits by their values.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

pub(super) fn is_zero(digits: &str) -> bool {
    digits.bytes().all(|byte| byte == b'0')
}

/// Divides a text behind the bytes that it begins with.
pub(super) fn split_run(text: &str, is: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|byte| !is(byte)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Divides a text behind its leading digits.
pub(super) fn split_digits(text: &str) -> (&str, &str) {
    split_run(text, |byte| byte.is_ascii_digit())
}
