//! Alpine's order: numbers, a letter, suffixes, a commit, a revision. `apk-package(5)`.

use std::cmp::Ordering;

use super::digits::{self, split_digits, split_run};

/// Before a version without a suffix, and behind it.
const BEFORE: [&str; 4] = ["alpha", "beta", "pre", "rc"];
const BEHIND: [&str; 5] = ["cvs", "svn", "git", "hg", "p"];

/// A part of a version. Of two versions that are equal so far, that whose next part is of the earlier kind is later,
/// suffixes that come before a release aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'a> {
    First(&'a str),
    Number(&'a str),
    Letter(u8),
    Suffix(i8),
    SuffixNumber(&'a str),
    Commit(&'a str),
    Revision(&'a str),
    End,
}

pub(super) fn compare(one: &str, other: &str) -> Option<Ordering> {
    let (one, other) = (parse(one)?, parse(other)?);
    let parts = one.iter().zip(&other);
    for (part, other) in parts {
        let order = match (*part, *other) {
            // As fractions, if one begins with a zero.
            (Part::Number(one), Part::Number(other))
                if one.starts_with('0') || other.starts_with('0') =>
            {
                one.cmp(other)
            }
            (Part::First(one), Part::First(other))
            | (Part::Number(one), Part::Number(other))
            | (Part::SuffixNumber(one), Part::SuffixNumber(other))
            | (Part::Revision(one), Part::Revision(other)) => digits::compare(one, other),
            (Part::Letter(one), Part::Letter(other)) => one.cmp(&other),
            (Part::Suffix(one), Part::Suffix(other)) => one.cmp(&other),
            (Part::Commit(one), Part::Commit(other)) => one.cmp(other),
            (Part::End, Part::End) => Ordering::Equal,
            (Part::Suffix(one), _) if one < 0 => Ordering::Less,
            (_, Part::Suffix(other)) if other < 0 => Ordering::Greater,
            (one, other) => kind(other).cmp(&kind(one)),
        };
        if order.is_ne() {
            return Some(order);
        }
    }
    Some(Ordering::Equal)
}

fn kind(part: Part<'_>) -> u8 {
    match part {
        Part::First(_) => 0,
        Part::Number(_) => 1,
        Part::Letter(_) => 2,
        Part::Suffix(_) => 3,
        Part::SuffixNumber(_) => 4,
        Part::Commit(_) => 5,
        Part::Revision(_) => 6,
        Part::End => 7,
    }
}

fn parse(version: &str) -> Option<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    let (first, mut rest) = number(version)?;
    parts.push(Part::First(first));
    while let Some(next) = rest.strip_prefix('.') {
        let (digits, next) = number(next)?;
        parts.push(Part::Number(digits));
        rest = next;
    }
    if let Some(letter) = rest.bytes().next().filter(u8::is_ascii_lowercase) {
        parts.push(Part::Letter(letter));
        rest = &rest[1..];
    }
    while let Some(next) = rest.strip_prefix('_') {
        let (name, next) = split_run(next, |byte| byte.is_ascii_lowercase());
        let before = BEFORE.iter().zip(-4i8..).find(|(known, _)| **known == name);
        let behind = BEHIND.iter().zip(1i8..).find(|(known, _)| **known == name);
        parts.push(Part::Suffix(before.or(behind)?.1));
        let (digits, next) = split_digits(next);
        if !digits.is_empty() {
            parts.push(Part::SuffixNumber(digits));
        }
        rest = next;
    }
    if let Some(next) = rest.strip_prefix('~') {
        let (commit, next) =
            split_run(next, |byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if commit.is_empty() {
            return None;
        }
        parts.push(Part::Commit(commit));
        rest = next;
    }
    if let Some(next) = rest.strip_prefix("-r") {
        let (digits, next) = number(next)?;
        parts.push(Part::Revision(digits));
        rest = next;
    }
    parts.push(Part::End);
    rest.is_empty().then_some(parts)
}

fn number(text: &str) -> Option<(&str, &str)> {
    let (digits, rest) = split_digits(text);
    (!digits.is_empty()).then_some((digits, rest))
}
