//! Globs over tags.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Tag;
use super::name::shortened;
use super::pattern::matches;

/// A glob over tags: `*` stands for any characters. `v*` is every tag that begins with `v`, `*` every one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TagPattern(Box<str>);

/// Text that is no pattern of tags.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no pattern of tags: write a tag such as `v1.0`, with `*` for any characters, such as `v*`"
)]
pub struct InvalidTagPattern(String);

/// Stars in one pattern. Matching takes a time that grows with their number.
const MOST_STARS: usize = 8;

impl TagPattern {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a tag fits.
    #[must_use]
    pub fn matches(&self, tag: &Tag) -> bool {
        matches(self.0.as_bytes(), tag.as_str().as_bytes())
    }
}

impl FromStr for TagPattern {
    type Err = InvalidTagPattern;

    fn from_str(text: &str) -> Result<Self, InvalidTagPattern> {
        // With every star taken for a letter it has to be a tag.
        let plain = text.replace('*', "x").parse::<Tag>().is_ok();
        let stars = text.bytes().filter(|&byte| byte == b'*').count();
        if !plain || text.contains("**") || stars > MOST_STARS {
            return Err(InvalidTagPattern(shortened(text)));
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for TagPattern {
    type Error = InvalidTagPattern;

    fn try_from(text: String) -> Result<Self, InvalidTagPattern> {
        text.parse()
    }
}

impl From<TagPattern> for String {
    fn from(pattern: TagPattern) -> Self {
        pattern.0.into()
    }
}

impl fmt::Display for TagPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (text, fits, not) in [
            ("v1", &["v1"][..], &["v10", "av1"][..]),
            ("v*", &["v", "v1.2-rc"], &["av", "V1"]),
            ("*", &["a", "1.0"], &[]),
            ("*-dev", &["v1-dev", "a-dev"], &["dev", "v1-dev2"]),
            ("v*.*.*", &["v1.2.3", "v1.2.3.4"], &["v1.2"]),
        ] {
            let pattern: TagPattern = text.parse().unwrap();
            for tag in fits {
                assert!(pattern.matches(&tag.parse().unwrap()), "{text} {tag}");
            }
            for tag in not {
                assert!(!pattern.matches(&tag.parse().unwrap()), "{text} {tag}");
            }
        }
        for bad in ["", "**", "a/b", "v 1", "-*", &"*a".repeat(9)] {
            assert!(bad.parse::<TagPattern>().is_err(), "{bad}");
        }
    }
}
