//! RubyGems' order: `Gem::Version`.

use std::cmp::Ordering;

use super::digits::{self, split_digits, split_run};

pub(super) fn compare(one: &str, other: &str) -> Option<Ordering> {
    let (one, other) = (segments(one)?, segments(other)?);
    for index in 0..one.len().max(other.len()) {
        let segment = |all: &[String]| all.get(index).map_or_else(|| "0".to_owned(), Clone::clone);
        let (one, other) = (segment(&one), segment(&other));
        let order = match (is_number(&one), is_number(&other)) {
            (true, true) => digits::compare(&one, &other),
            (false, false) => one.cmp(&other),
            // Letters are those of something before the release.
            (one, other) => one.cmp(&other),
        };
        if order.is_ne() {
            return Some(order);
        }
    }
    Some(Ordering::Equal)
}

fn is_number(segment: &str) -> bool {
    segment.bytes().all(|byte| byte.is_ascii_digit())
}

/// Runs of digits and of letters, without the zeros before the first letters and at the end.
fn segments(version: &str) -> Option<Vec<String>> {
    if !is_sound(version) {
        return None;
    }
    let version = version.replace('-', ".pre.");
    let mut all = Vec::new();
    let mut rest = version.as_str();
    while !rest.is_empty() {
        let (digits, next) = split_digits(rest);
        let (letters, next) = split_run(next, |byte| byte.is_ascii_alphabetic());
        all.extend([digits, letters].into_iter().filter(|run| !run.is_empty()).map(str::to_owned));
        rest = next.strip_prefix('.').unwrap_or(next);
    }
    let letters = all.iter().position(|segment| !is_number(segment)).unwrap_or(all.len());
    let mut behind = all.split_off(letters);
    for part in [&mut all, &mut behind] {
        while part.last().is_some_and(|segment| is_number(segment) && digits::is_zero(segment)) {
            part.pop();
        }
    }
    all.append(&mut behind);
    Some(all)
}

/// What RubyGems takes: `1.2.b3-x.4`.
fn is_sound(version: &str) -> bool {
    let (release, before) = match version.split_once('-') {
        Some((release, before)) => (release, Some(before)),
        None => (version, None),
    };
    let word =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let dashed = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let (first, rest) = split_digits(release);
    let rest_sound =
        rest.is_empty() || rest.strip_prefix('.').is_some_and(|rest| rest.split('.').all(word));
    !first.is_empty() && rest_sound && before.is_none_or(|before| before.split('.').all(dashed))
}
