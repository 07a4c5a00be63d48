//! What a plugin may use beyond its own settings: what its manifest asks for *and* the administrator grants.
//!
//! A capability is a line of text, the same in `plugin.toml`, in a grant, on a command line and in a log:
//!
//! ```text
//! http https://api.acme.example           requests to this host
//! http GET,HEAD https://*.acme.example:*  only these methods, to any host below, on any port
//! http https://auth.corp private          a name that leads into a private network; the grant has to say so
//! secret api-token                        a secret of this name
//! key-value 1MiB                          a store of its own, up to this size
//! image content                           `metadata`, `content`, `referrers` or `scans` of an image
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::http_rule::HttpRule;
use crate::config::ByteSize;

/// One thing that a plugin may use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Capability {
    /// Requests to a host.
    Http(HttpRule),
    /// A secret, by name.
    Secret(String),
    /// A store of its own, up to so many bytes.
    KeyValue(ByteSize),
    /// A part of the image that a call is about.
    Image(ImagePart),
}

/// Parts of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImagePart {
    /// Manifest and configuration.
    Metadata,
    /// Layers and the filesystem in them.
    Content,
    /// What refers to it: signatures, SBOMs.
    Referrers,
    /// What scanners have found.
    Scans,
}

impl ImagePart {
    const ALL: [Self; 4] = [Self::Metadata, Self::Content, Self::Referrers, Self::Scans];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Content => "content",
            Self::Referrers => "referrers",
            Self::Scans => "scans",
        }
    }
}

impl Capability {
    /// What is left of a wish once it is granted so; `None` if they have nothing in common.
    fn granted(&self, grant: &Self) -> Option<Self> {
        match (self, grant) {
            (Self::Http(asked), Self::Http(granted)) => asked.granted(granted).map(Self::Http),
            (Self::KeyValue(asked), Self::KeyValue(granted)) => {
                Some(Self::KeyValue(*asked.min(granted)))
            }
            _ => (self == grant).then(|| self.clone()),
        }
    }
}

/// A set of capabilities: a plugin's wishes, or what it was granted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Capabilities(BTreeSet<Capability>);

impl Capabilities {
    /// What remains of these wishes under `granted`.
    #[must_use]
    pub fn within(&self, granted: &Self) -> Self {
        let both = |asked: &Capability| -> Vec<Capability> {
            granted.0.iter().filter_map(|grant| asked.granted(grant)).collect()
        };
        Self(self.0.iter().flat_map(both).collect())
    }

    /// Wishes of which `granted` gives nothing at all, or less than is asked for: what an administrator has to look at
    /// when a plugin is installed or upgraded. A grant that is narrower on purpose stays narrower.
    pub fn beyond<'a>(&'a self, granted: &'a Self) -> impl Iterator<Item = &'a Capability> {
        self.0.iter().filter(|asked| {
            let enough = |grant: &Capability| match (asked, grant) {
                (Capability::KeyValue(asked), Capability::KeyValue(granted)) => granted >= asked,
                _ => asked.granted(grant).is_some(),
            };
            !granted.0.iter().any(enough)
        })
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Capability> {
        self.0.iter()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules for requests.
    pub fn http(&self) -> impl Iterator<Item = &HttpRule> {
        self.0.iter().filter_map(|capability| match capability {
            Capability::Http(rule) => Some(rule),
            _ => None,
        })
    }

    /// Bytes of key-value storage; none without the capability.
    #[must_use]
    pub fn key_value(&self) -> Option<ByteSize> {
        self.0.iter().rev().find_map(|capability| match capability {
            Capability::KeyValue(size) => Some(*size),
            _ => None,
        })
    }

    /// Whether a part of images may be read.
    #[must_use]
    pub fn image(&self, part: ImagePart) -> bool {
        self.0.contains(&Capability::Image(part))
    }

    /// Whether a secret may be read.
    #[must_use]
    pub fn secret(&self, name: &str) -> bool {
        self.0.contains(&Capability::Secret(name.to_owned()))
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(from: I) -> Self {
        Self(from.into_iter().collect())
    }
}

/// Text that is no capability.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a capability: {what}")]
pub struct InvalidCapability {
    text: String,
    what: String,
}

impl FromStr for Capability {
    type Err = InvalidCapability;

    fn from_str(text: &str) -> Result<Self, InvalidCapability> {
        let invalid =
            |what: String| InvalidCapability { text: text.chars().take(200).collect(), what };
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim();
        match kind {
            "http" => rest.parse().map(Self::Http).map_err(invalid),
            "secret" if is_secret_name(rest) => Ok(Self::Secret(rest.to_owned())),
            "secret" => {
                Err(invalid("a secret's name has up to 64 of `a-z`, `0-9`, `-` and `_`".into()))
            }
            "key-value" => rest.parse().map(Self::KeyValue).map_err(invalid),
            "image" => ImagePart::ALL
                .into_iter()
                .find(|part| part.as_str() == rest)
                .map(Self::Image)
                .ok_or_else(|| {
                    invalid("an image has `metadata`, `content`, `referrers` and `scans`".into())
                }),
            _ => Err(invalid("it begins with `http`, `secret`, `key-value` or `image`".into())),
        }
    }
}

fn is_secret_name(text: &str) -> bool {
    let plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
    };
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(rule) => write!(f, "http {rule}"),
            Self::Secret(name) => write!(f, "secret {name}"),
            Self::KeyValue(size) => write!(f, "key-value {size}"),
            Self::Image(part) => write!(f, "image {}", part.as_str()),
        }
    }
}

impl TryFrom<String> for Capability {
    type Error = InvalidCapability;

    fn try_from(text: String) -> Result<Self, InvalidCapability> {
        text.parse()
    }
}

impl From<Capability> for String {
    fn from(capability: Capability) -> Self {
        capability.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(lines: &[&str]) -> Capabilities {
        lines.iter().map(|line| line.parse().unwrap()).collect()
    }

    #[test]
    fn a_capability_is_printed_as_it_is_read() {
        for line in [
            "http https://api.acme.example",
            "http GET,HEAD https://*.acme.example:*",
            "http http://10.0.0.5:8080",
            "http https://[fd00::1]",
            "http https://auth.corp private",
            "http https://*",
            "secret api-token",
            "key-value 1MiB",
            "image content",
        ] {
            assert_eq!(line.parse::<Capability>().unwrap().to_string(), line);
        }
        let read: Capability = "http https://API.Acme.example:443/".parse().unwrap();
        assert_eq!(read.to_string(), "http https://api.acme.example");
        for bad in [
            "",
            "http",
            "http api.acme.example",
            "http ftp://a",
            "http BREW https://a",
            "http https://a/path",
            "http https://a:b",
            "http https://*a",
            "http https://*.10.0.0.1",
            "http https://a nearby",
            "http https://a private please",
            "http https://user@a",
            "secret A",
            "secret",
            "key-value",
            "key-value much",
            "image soul",
            "files /",
        ] {
            assert!(bad.parse::<Capability>().is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_is_allowed_that_was_not_both_asked_for_and_granted() {
        let asked = set(&[
            "http https://*.acme.example",
            "http GET https://mirror.example:*",
            "secret api-token",
            "key-value 10MiB",
            "image content",
        ]);
        let granted = set(&[
            "http GET,POST https://eu.acme.example private",
            "http https://mirror.example:8443",
            "http https://evil.example",
            "secret other",
            "key-value 1MiB",
        ]);
        let effective = set(&[
            "http GET,POST https://eu.acme.example private",
            "http GET https://mirror.example:8443",
            "key-value 1MiB",
        ]);
        assert_eq!(asked.within(&granted), effective);
        let missing: Vec<_> = asked.beyond(&granted).map(ToString::to_string).collect();
        assert_eq!(missing, ["secret api-token", "key-value 10MiB", "image content"]);
        assert!(asked.within(&Capabilities::default()).is_empty());
    }
}
