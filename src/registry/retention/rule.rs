//! One rule: what it says of a tag, in which words, and whether it can be used.

use semver::{Version, VersionReq};

use super::plan::Candidate;
use crate::clock::Timestamp;
use crate::meta::{Policy, RetentionRule, RetentionTest as Test};
use crate::oci::Tag;

/// Why a policy cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidRule(String);

/// Rules of one kind in a policy.
const MOST_RULES: usize = 50;
/// Patterns of repositories in a policy.
const MOST_PATTERNS: usize = 100;

/// Checks what no type says: that each rule stands where it belongs, and that ranges can be read.
pub fn check(policy: &Policy) -> Result<(), InvalidRule> {
    let refuse = |message: String| Err(InvalidRule(message));
    if policy.keep.len() > MOST_RULES || policy.discard.len() > MOST_RULES {
        return refuse(format!("a policy has {MOST_RULES} rules of a kind at most"));
    }
    if policy.repositories.is_empty() {
        return refuse("name repositories, such as `team/**`".into());
    }
    if policy.repositories.len() + policy.except_repositories.len() > MOST_PATTERNS {
        return refuse(format!("a policy has {MOST_PATTERNS} patterns at most"));
    }
    if policy.discard.is_empty() {
        return refuse(
            "the policy would drop nothing: give it a rule that drops, such as `older_than=90d`"
                .into(),
        );
    }
    for rule in &policy.keep {
        if !keeps(&rule.test) {
            return refuse(format!("`{}` drops, and cannot keep", word(&rule.test)));
        }
    }
    for rule in &policy.discard {
        if !discards(&rule.test) {
            return refuse(format!("`{}` keeps, and cannot drop", word(&rule.test)));
        }
        if matches!(rule.test, Test::Untagged(_)) && rule.among.is_some() {
            return refuse(
                "`untagged` is about what has no tag: it cannot be among some tags".into(),
            );
        }
    }
    for rule in policy.keep.iter().chain(&policy.discard) {
        match &rule.test {
            Test::Semver(range) => {
                parse_range(range).map_err(|error| {
                    InvalidRule(format!(
                        "`{range}` is no range of versions: {error}; write `>=1.2, <2`"
                    ))
                })?;
            }
            Test::Referrer(kind) if kind.is_empty() || kind.len() > 255 => {
                return refuse("name an artifact type, or `*` for any".into());
            }
            _ => {}
        }
    }
    Ok(())
}

fn parse_range(text: &str) -> Result<VersionReq, semver::Error> {
    text.parse()
}

/// The version that a tag names: `v` before it, and numbers that are left out, are as people mean them. `_` stands for the
/// `+` that a tag cannot hold.
fn version(tag: &Tag) -> Option<Version> {
    let text = tag.as_str();
    let text = text.strip_prefix('v').unwrap_or(text).replace('_', "+");
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    let missing = match numbers.matches('.').count() {
        0 => ".0.0",
        1 => ".0",
        _ => "",
    };
    format!("{numbers}{missing}{rest}").parse().ok()
}

fn keeps(test: &Test) -> bool {
    matches!(
        test,
        Test::Newest(_)
            | Test::Semver(_)
            | Test::PushedWithin(_)
            | Test::PulledWithin(_)
            | Test::Tag(_)
            | Test::Referrer(_)
    )
}

fn discards(test: &Test) -> bool {
    matches!(
        test,
        Test::OlderThan(_)
            | Test::NotPulledFor(_)
            | Test::Untagged(_)
            | Test::Tag(_)
            | Test::BeyondNewest(_)
    )
}

fn word(test: &Test) -> &'static str {
    match test {
        Test::Newest(_) => "newest",
        Test::Semver(_) => "semver",
        Test::PushedWithin(_) => "pushed_within",
        Test::PulledWithin(_) => "pulled_within",
        Test::Tag(_) => "tag",
        Test::Referrer(_) => "referrer",
        Test::OlderThan(_) => "older_than",
        Test::NotPulledFor(_) => "not_pulled_for",
        Test::Untagged(_) => "untagged",
        Test::BeyondNewest(_) => "beyond_newest",
    }
}

/// In words, so that they fit behind "because it is" or stand alone.
pub(super) fn words(rule: &RetentionRule) -> String {
    let among = rule.among.as_ref().map(|among| format!(" of {among}")).unwrap_or_default();
    let suffix = rule.among.as_ref().map(|among| format!(", among {among}")).unwrap_or_default();
    match &rule.test {
        Test::Newest(number) => format!("one of the {number} newest tags{among}"),
        Test::Semver(range) => format!("a version in {range}{suffix}"),
        Test::PushedWithin(time) => format!("pushed within {time}{suffix}"),
        Test::PulledWithin(time) => format!("pulled within {time}{suffix}"),
        Test::Tag(pattern) => format!("a tag that fits {pattern}{suffix}"),
        Test::Referrer(kind) if kind == "*" => format!("something refers to it{suffix}"),
        Test::Referrer(kind) => format!("a {kind} refers to it{suffix}"),
        Test::OlderThan(time) => format!("pushed more than {time} ago{suffix}"),
        Test::NotPulledFor(time) => format!("neither pulled nor pushed for {time}{suffix}"),
        Test::Untagged(time) => {
            format!("no tag leads to it, and it was pushed more than {time} ago")
        }
        Test::BeyondNewest(number) => format!("not one of the {number} newest tags{among}"),
    }
}

/// Whether a rule applies. Which place a tag has among the newest is told by `place`; what has no tag has none.
pub(super) fn applies(
    rule: &RetentionRule,
    candidate: &Candidate<'_>,
    now: Timestamp,
    place: impl Fn(&Tag) -> Option<u64>,
) -> bool {
    let is_among = match (&rule.among, candidate.tag) {
        (None, _) => true,
        (Some(among), Some(tag)) => among.matches(tag),
        (Some(_), None) => false,
    };
    if !is_among {
        return false;
    }
    let place = || candidate.tag.and_then(&place);
    match &rule.test {
        Test::Newest(number) => place().is_some_and(|place| place < *number),
        Test::BeyondNewest(number) => place().is_some_and(|place| place >= *number),
        Test::Semver(range) => {
            let version = candidate.tag.and_then(version);
            let range = parse_range(range).ok();
            version.zip(range).is_some_and(|(version, range)| range.matches(&version))
        }
        Test::Tag(pattern) => candidate.tag.is_some_and(|tag| pattern.matches(tag)),
        Test::PushedWithin(time) => candidate.moved_at + time.get() > now,
        Test::PulledWithin(time) => candidate.pulled_at.is_some_and(|at| at + time.get() > now),
        Test::Referrer(kind) => {
            candidate.referrers.iter().any(|found| kind == "*" || found == kind)
        }
        Test::OlderThan(time) => candidate.tag.is_some() && candidate.moved_at + time.get() <= now,
        Test::NotPulledFor(time) => {
            let used =
                candidate.pulled_at.map_or(candidate.moved_at, |at| at.max(candidate.moved_at));
            candidate.tag.is_some() && used + time.get() <= now
        }
        Test::Untagged(time) => candidate.tag.is_none() && candidate.moved_at + time.get() <= now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_as_the_versions_that_people_mean() {
        for (tag, meant) in [
            ("1.2.3", Some("1.2.3")),
            ("v1.2.3", Some("1.2.3")),
            ("v1.2", Some("1.2.0")),
            ("2", Some("2.0.0")),
            ("v1.2.3-rc.1", Some("1.2.3-rc.1")),
            ("1.2-alpine", Some("1.2.0-alpine")),
            ("1.2.3_build.5", Some("1.2.3+build.5")),
            ("latest", None),
            ("1.2.3.4", None),
            ("01.2.3", None),
        ] {
            let found = version(&tag.parse().unwrap()).map(|version| version.to_string());
            assert_eq!(found.as_deref(), meant, "{tag}");
        }
    }
}
