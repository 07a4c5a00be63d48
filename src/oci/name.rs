//! Repository names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A repository name such as `team/app`: at most 255 characters of
/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` components joined by `/` (distribution-spec, Pulling manifests).
///
/// Components may be called `blobs`, `manifests` or `tags`; routes are therefore read from the right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepositoryName(Box<str>);

/// Text that is no repository name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a repository name: use lower-case letters, digits and single `.`, `_`, `__` or `-` between them, \
     parts separated by `/`, 255 characters at most"
)]
pub struct InvalidName(String);

impl RepositoryName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RepositoryName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text.len() > 255 || !text.split('/').all(is_component) {
            return Err(InvalidName(shortened(text)));
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for RepositoryName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<RepositoryName> for String {
    fn from(name: RepositoryName) -> Self {
        name.0.into()
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The first 300 characters of what a client sent, for an error message that must not grow with it.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn is_component(text: &str) -> bool {
    let bytes = text.as_bytes();
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else { return false };
    if !alphanumeric(first) || !alphanumeric(last) {
        return false;
    }
    // Between two runs of alphanumerics stands exactly one separator: `.`, `_`, `__` or any number of `-`.
    bytes.split(|&byte| alphanumeric(byte)).filter(|separator| !separator.is_empty()).all(
        |separator| {
            matches!(separator, b"." | b"_" | b"__") || separator.iter().all(|&byte| byte == b'-')
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_specification() {
        for good in [
            "a",
            "0",
            "team/app",
            "a/b/c/d/e/f",
            "a.b",
            "a_b",
            "a__b",
            "a-b",
            "a---b",
            "blobs/uploads",
            "manifests/tags/list",
            &"a".repeat(255),
        ] {
            assert!(good.parse::<RepositoryName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            "A",
            "a/B",
            "_a",
            "a_",
            "-a",
            "a-",
            ".a",
            "a.",
            "a..b",
            "a___b",
            "a._b",
            "a-_b",
            "../etc",
            "a b",
            "a%2fb",
            "ä",
            "a:b",
            &"a".repeat(256),
        ] {
            assert!(bad.parse::<RepositoryName>().is_err(), "{bad}");
        }
    }
}
