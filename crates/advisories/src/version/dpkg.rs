//! Debian's order: epoch, upstream version, revision. `deb-version(7)`.

use std::cmp::Ordering;

use super::digits::{self, split_digits};

pub(super) fn compare(one: &str, other: &str) -> Option<Ordering> {
    let (one, other) = (parse(one)?, parse(other)?);
    let epoch = digits::compare(one.0, other.0);
    Some(epoch.then_with(|| part(one.1, other.1)).then_with(|| part(one.2, other.2)))
}

/// Epoch, upstream version, revision.
fn parse(version: &str) -> Option<(&str, &str, &str)> {
    let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b".-+~:_".contains(&byte);
    let sound = !epoch.is_empty()
        && epoch.bytes().all(|byte| byte.is_ascii_digit())
        && upstream.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '~')
        && rest.bytes().all(known);
    sound.then_some((epoch, upstream, revision))
}

/// `~` before the end, the end before letters, letters before everything else.
fn weight(byte: Option<u8>) -> u16 {
    match byte {
        Some(b'~') => 0,
        None => 1,
        Some(byte) if byte.is_ascii_digit() => 1,
        Some(byte) if byte.is_ascii_alphabetic() => u16::from(byte) + 2,
        Some(byte) => u16::from(byte) + 0x200,
    }
}

/// Texts without digits and numbers take turns.
fn part(mut one: &str, mut other: &str) -> Ordering {
    while !one.is_empty() || !other.is_empty() {
        let ends = |text: &str| text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit());
        while !ends(one) || !ends(other) {
            let order = weight(one.bytes().next()).cmp(&weight(other.bytes().next()));
            if order.is_ne() {
                return order;
            }
            // They are equal, so neither of them ends here.
            (one, other) = (&one[1..], &other[1..]);
        }
        let ((number, rest), (other_number, other_rest)) = (split_digits(one), split_digits(other));
        let order = digits::compare(number, other_number);
        if order.is_ne() {
            return order;
        }
        (one, other) = (rest, other_rest);
    }
    Ordering::Equal
}
