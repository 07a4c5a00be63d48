//! Tags.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::shortened;

/// A tag such as `v1.2`: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`. Tags are ordered by their bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(Box<str>);

/// Text that is no tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a tag: use letters, digits, `_`, `.` and `-`, not starting with `.` or `-`, 128 characters at most"
)]
pub struct InvalidTag(String);

impl Tag {
    /// The tag as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Tag {
    /// Whether it is one of the tags under which signatures and the like are kept for another manifest: cosign's
    /// `sha256-HEX.sig`, `.att` and `.sbom`, and the fallback tag `sha256-HEX` of the referrers of a registry that lists
    /// none (distribution-spec, Referrers Tag Schema).
    #[must_use]
    pub fn is_signature(&self) -> bool {
        let Some((algorithm, rest)) = self.as_str().split_once('-') else { return false };
        let (hex, kind) = rest.split_once('.').unwrap_or((rest, "sig"));
        matches!(algorithm, "sha256" | "sha512")
            && hex.len() == 64
            && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            && matches!(kind, "sig" | "att" | "sbom")
    }
}

impl FromStr for Tag {
    type Err = InvalidTag;

    fn from_str(text: &str) -> Result<Self, InvalidTag> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let bytes = text.as_bytes();
        let valid = bytes.len() <= 128
            && bytes.first().is_some_and(|&first| word(first))
            && bytes.iter().all(|&byte| word(byte) || byte == b'.' || byte == b'-');
        if valid { Ok(Self(text.into())) } else { Err(InvalidTag(shortened(text))) }
    }
}

impl TryFrom<String> for Tag {
    type Error = InvalidTag;

    fn try_from(text: String) -> Result<Self, InvalidTag> {
        text.parse()
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0.into()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_follow_the_specification() {
        for good in ["a", "V1", "_", "1.0.0_x", "sha256-abc.sig", &"x".repeat(128)] {
            assert!(good.parse::<Tag>().is_ok(), "{good}");
        }
        for bad in ["", ".a", "-a", "a/b", "a:b", "a b", "ä", "a+b", &"x".repeat(129)] {
            assert!(bad.parse::<Tag>().is_err(), "{bad}");
        }
    }
}
