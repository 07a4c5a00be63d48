//! Semantic Versioning 2.0, a little more liberally: with a leading `v` or `=`, and any number of components.

use std::cmp::Ordering;

use super::digits;

pub(super) fn compare(one: &str, other: &str) -> Option<Ordering> {
    let (one, other) = (parse(one)?, parse(other)?);
    Some(components(one.0, other.0).then_with(|| before_release(one.1, other.1)))
}

/// The components and what stands before the release; the build counts for nothing.
fn parse(version: &str) -> Option<(&str, Option<&str>)> {
    let version = version.trim_start_matches('=').trim_start().trim_start_matches(['v', 'V']);
    let version = version.split_once('+').map_or(version, |(version, _)| version);
    let (release, before) = match version.split_once('-') {
        Some((release, before)) => (release, Some(before)),
        None => (version, None),
    };
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let identifier = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let sound = release.split('.').all(number)
        && before.is_none_or(|before| before.split('.').all(identifier));
    sound.then_some((release, before))
}

fn components(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return Ordering::Equal,
            (one, other) => {
                let order = digits::compare(one.unwrap_or("0"), other.unwrap_or("0"));
                if order.is_ne() {
                    return order;
                }
            }
        }
    }
}

fn before_release(one: Option<&str>, other: Option<&str>) -> Ordering {
    let (Some(one), Some(other)) = (one, other) else {
        return one.is_none().cmp(&other.is_none());
    };
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        let order = match (one.next(), other.next()) {
            (None, None) => return Ordering::Equal,
            (Some(one), Some(other)) => identifier(one, other),
            (one, other) => one.is_some().cmp(&other.is_some()),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Numbers are before words.
fn identifier(one: &str, other: &str) -> Ordering {
    let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    match (number(one), number(other)) {
        (true, true) => digits::compare(one, other),
        (false, false) => one.cmp(other),
        (one, other) => other.cmp(&one),
    }
}
