//! Globs over repository names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::RepositoryName;
use super::name::shortened;

/// A glob over repository names: `*` stands for any characters but `/`, `**` for any characters at all.
///
/// `team/app` is one repository, `team/*` those right below `team`, `team/**` all below it at any depth, `**` every one.
/// `team/` is written for `team/**`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepositoryPattern(Box<str>);

/// Text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no pattern of repository names: write a name such as `team/app`, or use `*` for one part of a name and \
     `**` for any number of parts, such as `team/*` or `team/**`"
)]
pub struct InvalidPattern(String);

/// Stars in one pattern. Matching takes a time that grows with their number.
const MOST_STARS: usize = 8;

impl RepositoryPattern {
    /// Every repository.
    #[must_use]
    pub fn everything() -> Self {
        Self("**".into())
    }

    /// One repository.
    #[must_use]
    pub fn exactly(name: &RepositoryName) -> Self {
        Self(name.as_str().into())
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `**`.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        &*self.0 == "**"
    }

    /// Whether it is the name of one repository.
    #[must_use]
    pub fn is_name(&self) -> bool {
        !self.0.contains('*')
    }

    /// What every name that it matches begins with: the pattern up to its first star.
    #[must_use]
    pub fn literal_prefix(&self) -> &str {
        self.0.split('*').next().unwrap_or_default()
    }

    /// The namespace that it is, if it is `NAMESPACE/**`: everything below, with the `/`; empty for `**`.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        let prefix = self.0.strip_suffix("**")?;
        let whole = prefix.is_empty() || prefix.ends_with('/');
        (whole && !prefix.contains('*')).then_some(prefix)
    }

    /// Whether a name fits.
    #[must_use]
    pub fn matches(&self, name: &RepositoryName) -> bool {
        matches(self.0.as_bytes(), name.as_str().as_bytes())
    }

    /// Whether every name that `other` matches is one that this matches. It may say no where the answer is yes, and never
    /// the reverse.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self == other
            || self.namespace().is_some_and(|space| other.literal_prefix().starts_with(space))
            || (other.is_name() && matches(self.0.as_bytes(), other.0.as_bytes()))
    }
}

/// Classic glob matching with two places to come back to: the last `*` and the last `**`.
pub(super) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    /// Where to go on in the pattern, and what the star before that swallowed so far.
    type Back = Option<(usize, usize)>;
    let (mut star, mut double): (Back, Back) = (None, None);
    let (mut at, mut read) = (0, 0);
    loop {
        if pattern[at..].starts_with(b"**") {
            at += 2;
            double = Some((at, read));
            star = None;
        } else if pattern.get(at) == Some(&b'*') {
            at += 1;
            star = Some((at, read));
        } else if at < pattern.len() && pattern.get(at) == name.get(read) {
            at += 1;
            read += 1;
        } else if at == pattern.len() && read == name.len() {
            return true;
        } else if let Some((after, from)) =
            star.filter(|(_, from)| name.get(*from).is_some_and(|&byte| byte != b'/'))
        {
            star = Some((after, from + 1));
            (at, read) = (after, from + 1);
        } else if let Some((after, from)) = double.filter(|(_, from)| *from < name.len()) {
            double = Some((after, from + 1));
            star = None;
            (at, read) = (after, from + 1);
        } else {
            return false;
        }
    }
}

impl FromStr for RepositoryPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let whole = if text.ends_with('/') { format!("{text}**") } else { text.to_owned() };
        // With every star taken for a letter it has to be a name.
        let as_name = whole.replace("**", "x").replace('*', "x");
        let plain = as_name.parse::<RepositoryName>().is_ok();
        let stars = whole.bytes().filter(|&byte| byte == b'*').count();
        if !plain || whole.contains("***") || stars > 2 * MOST_STARS || whole.len() > 255 {
            return Err(InvalidPattern(shortened(text)));
        }
        Ok(Self(whole.into()))
    }
}

impl TryFrom<String> for RepositoryPattern {
    type Error = InvalidPattern;

    fn try_from(text: String) -> Result<Self, InvalidPattern> {
        text.parse()
    }
}

impl From<RepositoryPattern> for String {
    fn from(pattern: RepositoryPattern) -> Self {
        pattern.0.into()
    }
}

impl fmt::Display for RepositoryPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> RepositoryPattern {
        text.parse().unwrap()
    }

    #[test]
    fn stars_stand_for_parts_of_names() {
        for (text, fits, not) in [
            ("team/app", &["team/app"][..], &["team/app2", "team", "a/team/app"][..]),
            ("team/*", &["team/app", "team/x"], &["team", "team/a/b", "teams/app"]),
            ("team/**", &["team/app", "team/a/b"], &["team", "teams/app"]),
            ("team/", &["team/app", "team/a/b"], &["team"]),
            ("**", &["a", "a/b/c"], &[]),
            ("*", &["a", "abc"], &["a/b"]),
            ("*/app", &["a/app", "b/app"], &["app", "a/b/app"]),
            ("**/app", &["a/app", "a/b/app"], &["app", "a/apps"]),
            ("team/app-*", &["team/app-1", "team/app-a.b"], &["team/app", "team/app-1/x"]),
            ("a*b*c", &["abc", "axbxbxc"], &["ab", "abcd"]),
            ("a/**/z/*", &["a/b/z/c", "a/b/z/d/z/e"], &["a/z/c", "a/b/z/c/d"]),
        ] {
            for name in fits {
                assert!(pattern(text).matches(&name.parse().unwrap()), "{text} {name}");
            }
            for name in not {
                assert!(!pattern(text).matches(&name.parse().unwrap()), "{text} {name}");
            }
        }
    }

    #[test]
    fn what_could_match_no_name_is_no_pattern() {
        for bad in ["", "/", "Team/*", "team//*", "a b", "***", "team/***", "/**", "-*", "ä*"] {
            assert!(bad.parse::<RepositoryPattern>().is_err(), "{bad}");
        }
        assert!(format!("{}a", "*a".repeat(20)).parse::<RepositoryPattern>().is_err());
    }

    #[test]
    fn a_namespace_covers_what_lies_below_it() {
        for (wide, narrow, covers) in [
            ("**", "team/**", true),
            ("team/**", "team/app", true),
            ("team/**", "team/a/*", true),
            ("team/**", "team/**", true),
            ("team/**", "team*", false),
            ("team/*", "team/app", true),
            ("team/*", "team/**", false),
            ("team/app", "team/**", false),
        ] {
            assert_eq!(pattern(wide).covers(&pattern(narrow)), covers, "{wide} {narrow}");
        }
        assert_eq!(pattern("team/**").namespace(), Some("team/"));
        assert_eq!(pattern("**").namespace(), Some(""));
        assert_eq!(pattern("t*/**").namespace(), None);
    }

    /// The same by the book: every way to share the name among the stars.
    fn by_the_book(pattern: &str, name: &str) -> bool {
        if let Some(rest) = pattern.strip_prefix("**") {
            return (0..=name.len()).any(|at| by_the_book(rest, &name[at..]));
        }
        if let Some(rest) = pattern.strip_prefix('*') {
            let part = name.find('/').unwrap_or(name.len());
            return (0..=part).any(|at| by_the_book(rest, &name[at..]));
        }
        match (pattern.chars().next(), name.chars().next()) {
            (None, None) => true,
            (Some(a), Some(b)) if a == b => by_the_book(&pattern[1..], &name[1..]),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matching_is_what_the_book_says(glob in "[ab*/]{1,9}", name in "[ab]{1,3}(/[ab]{1,3}){0,3}") {
            if let (Ok(glob), Ok(name)) = (glob.parse::<RepositoryPattern>(), name.parse::<RepositoryName>()) {
                prop_assert_eq!(glob.matches(&name), by_the_book(glob.as_str(), name.as_str()), "{} {}", glob, name);
                prop_assert!(!glob.matches(&name) || name.as_str().starts_with(glob.literal_prefix()));
            }
        }

        #[test]
        fn what_is_covered_is_matched(wide in "[ab*/]{1,6}", narrow in "[ab*/]{1,6}", name in "[ab]{1,3}(/[ab]{1,3}){0,3}") {
            if let (Ok(wide), Ok(narrow), Ok(name)) =
                (wide.parse::<RepositoryPattern>(), narrow.parse::<RepositoryPattern>(), name.parse::<RepositoryName>())
            {
                prop_assert!(!wide.covers(&narrow) || !narrow.matches(&name) || wide.matches(&name));
            }
        }
    }
}
