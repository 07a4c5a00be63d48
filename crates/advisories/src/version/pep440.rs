//! Python's order: PEP 440.

use std::cmp::Ordering;

use super::digits::{self, split_digits};

/// A version, taken apart. Numbers stay texts, as they have no limit.
struct Version<'a> {
    epoch: &'a str,
    /// Without zeros at its end.
    release: Vec<&'a str>,
    /// `a`, `b` or `rc`, and a number.
    pre: Option<(u8, &'a str)>,
    post: Option<&'a str>,
    dev: Option<&'a str>,
    local: Option<&'a str>,
}

pub(super) fn compare(one: &str, other: &str) -> Option<Ordering> {
    let (one, other) = (one.to_ascii_lowercase(), other.to_ascii_lowercase());
    let (one, other) = (parse(&one)?, parse(&other)?);
    Some(
        digits::compare(one.epoch, other.epoch)
            .then_with(|| release(&one.release, &other.release))
            .then_with(|| pre(&one, &other))
            .then_with(|| optional(one.post, other.post, Ordering::Less))
            .then_with(|| optional(one.dev, other.dev, Ordering::Greater))
            .then_with(|| local(one.local, other.local)),
    )
}

fn release(one: &[&str], other: &[&str]) -> Ordering {
    for (one, other) in one.iter().zip(other) {
        let order = digits::compare(one, other);
        if order.is_ne() {
            return order;
        }
    }
    one.len().cmp(&other.len())
}

fn pre(one: &Version<'_>, other: &Version<'_>) -> Ordering {
    // A development release of a final one comes before its alphas; a final one behind its candidates.
    let rank = |version: &Version<'_>| match version.pre {
        Some((letter, _)) => letter,
        None if version.post.is_none() && version.dev.is_some() => 0,
        None => u8::MAX,
    };
    let number =
        |version: &Version<'_>| version.pre.map_or("0".to_owned(), |(_, number)| number.to_owned());
    rank(one).cmp(&rank(other)).then_with(|| digits::compare(&number(one), &number(other)))
}

/// Compares two numbers, of which one that is missing is so placed.
fn optional(one: Option<&str>, other: Option<&str>, missing: Ordering) -> Ordering {
    match (one, other) {
        (Some(one), Some(other)) => digits::compare(one, other),
        (None, None) => Ordering::Equal,
        (None, Some(_)) => missing,
        (Some(_), None) => missing.reverse(),
    }
}

fn local(one: Option<&str>, other: Option<&str>) -> Ordering {
    let (Some(one), Some(other)) = (one, other) else { return one.is_some().cmp(&other.is_some()) };
    let (mut one, mut other) = (one.split(['.', '-', '_']), other.split(['.', '-', '_']));
    loop {
        let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let order = match (one.next(), other.next()) {
            (None, None) => return Ordering::Equal,
            (Some(one), Some(other)) => match (number(one), number(other)) {
                (true, true) => digits::compare(one, other),
                (false, false) => one.cmp(other),
                (one, other) => one.cmp(&other),
            },
            (one, other) => one.is_some().cmp(&other.is_some()),
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn parse(version: &str) -> Option<Version<'_>> {
    let version = version.strip_prefix('v').unwrap_or(version);
    let (version, local) = match version.split_once('+') {
        Some((version, local)) => {
            let word = |part: &str| {
                !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
            };
            if !local.split(['.', '-', '_']).all(word) {
                return None;
            }
            (version, Some(local))
        }
        None => (version, None),
    };
    let (epoch, rest) = match version.split_once('!') {
        Some((epoch, rest)) => (split_digits(epoch).1.is_empty().then_some(epoch)?, rest),
        None => ("0", version),
    };
    let (first, mut rest) = split_digits(rest);
    if first.is_empty() || epoch.is_empty() {
        return None;
    }
    let mut release = vec![first];
    while let Some(next) = rest.strip_prefix('.') {
        let (number, next) = split_digits(next);
        if number.is_empty() {
            break;
        }
        release.push(number);
        rest = next;
    }
    while release.last().is_some_and(|number| digits::is_zero(number)) {
        release.pop();
    }
    let mut parsed = Version { epoch, release, pre: None, post: None, dev: None, local };
    let letters = [
        ("alpha", 1),
        ("a", 1),
        ("beta", 2),
        ("b", 2),
        ("preview", 3),
        ("pre", 3),
        ("rc", 3),
        ("c", 3),
    ];
    if let Some((letter, number, next)) = labelled(rest, &letters) {
        (parsed.pre, rest) = (Some((letter, number)), next);
    }
    // `1.0-1` is a post release too.
    if let Some((number, next)) =
        rest.strip_prefix('-').map(split_digits).filter(|(number, _)| !number.is_empty())
    {
        (parsed.post, rest) = (Some(number), next);
    } else if let Some((_, number, next)) = labelled(rest, &[("post", 0), ("rev", 0), ("r", 0)]) {
        (parsed.post, rest) = (Some(number), next);
    }
    if let Some((_, number, next)) = labelled(rest, &[("dev", 0)]) {
        (parsed.dev, rest) = (Some(number), next);
    }
    rest.is_empty().then_some(parsed)
}

/// A word, whatever divides it from what is before, and its number, or zero.
fn labelled<'a>(rest: &'a str, labels: &[(&str, u8)]) -> Option<(u8, &'a str, &'a str)> {
    let undivided = |text: &'a str| text.strip_prefix(['.', '-', '_']).unwrap_or(text);
    let rest = undivided(rest);
    // Longer words come before those that they begin with.
    let (letter, behind) = labels
        .iter()
        .find_map(|(label, letter)| rest.strip_prefix(label).map(|behind| (*letter, behind)))?;
    let (number, next) = split_digits(undivided(behind));
    Some((letter, if number.is_empty() { "0" } else { number }, next))
}
