//! rpm's order: epoch, version, release, each by rpm's `rpmvercmp`.

use std::cmp::Ordering;

use super::digits::{self, split_digits, split_run};

pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (parse(one), parse(other));
    let epoch = digits::compare(one.0, other.0);
    epoch.then_with(|| part(one.1, other.1)).then_with(|| match (one.2, other.2) {
        (Some(one), Some(other)) => part(one, other),
        (one, other) => one.is_some().cmp(&other.is_some()),
    })
}

/// Epoch, version, and the release if there is one.
fn parse(version: &str) -> (&str, &str, Option<&str>) {
    let (epoch, rest) = match version.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => (epoch, rest),
        _ => ("0", version),
    };
    match rest.rsplit_once('-') {
        Some((version, release)) => (epoch, version, Some(release)),
        None => (epoch, rest, None),
    }
}

/// Letters and numbers are compared, what divides them is not; `~` is before the end, `^` right behind it.
fn part<'a>(mut one: &'a str, mut other: &'a str) -> Ordering {
    if one == other {
        return Ordering::Equal;
    }
    while !one.is_empty() || !other.is_empty() {
        let divider = |c: char| !c.is_ascii_alphanumeric() && c != '~' && c != '^';
        one = one.trim_start_matches(divider);
        other = other.trim_start_matches(divider);
        if one.starts_with('~') || other.starts_with('~') {
            match (one.strip_prefix('~'), other.strip_prefix('~')) {
                (Some(rest), Some(other_rest)) => (one, other) = (rest, other_rest),
                (one, other) => return other.is_some().cmp(&one.is_some()),
            }
            continue;
        }
        if one.starts_with('^') || other.starts_with('^') {
            if one.is_empty() {
                return Ordering::Less;
            }
            if other.is_empty() {
                return Ordering::Greater;
            }
            match (one.strip_prefix('^'), other.strip_prefix('^')) {
                (Some(rest), Some(other_rest)) => (one, other) = (rest, other_rest),
                (one, other) => return other.is_some().cmp(&one.is_some()),
            }
            continue;
        }
        if one.is_empty() || other.is_empty() {
            break;
        }
        let number = one.as_bytes()[0].is_ascii_digit();
        let split = |text: &'a str| {
            if number {
                split_digits(text)
            } else {
                split_run(text, |byte| byte.is_ascii_alphabetic())
            }
        };
        let ((run, rest), (other_run, other_rest)) = (split(one), split(other));
        if other_run.is_empty() {
            // A number is newer than letters.
            return if number { Ordering::Greater } else { Ordering::Less };
        }
        let order = if number { digits::compare(run, other_run) } else { run.cmp(other_run) };
        if order.is_ne() {
            return order;
        }
        (one, other) = (rest, other_rest);
    }
    (!one.is_empty()).cmp(&!other.is_empty())
}
