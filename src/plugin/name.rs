//! What a plugin is called, and what it can be.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of a plugin: `scan-packages`, or `acme.label-policy` for a vendor's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PluginName(Box<str>);

/// Text that is no plugin's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a plugin's name: use up to 64 of `a-z`, `0-9`, `-` and `.`, beginning with a letter"
)]
pub struct InvalidPluginName(String);

impl PluginName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PluginName {
    type Err = InvalidPluginName;

    fn from_str(text: &str) -> Result<Self, InvalidPluginName> {
        let part = |part: &str| {
            part.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
                && !part.is_empty()
                && !part.starts_with('-')
                && !part.ends_with('-')
        };
        let valid = text.len() <= 64
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.split('.').all(part);
        if valid {
            Ok(Self(text.into()))
        } else {
            Err(InvalidPluginName(text.chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for PluginName {
    type Error = InvalidPluginName;

    fn try_from(text: String) -> Result<Self, InvalidPluginName> {
        text.parse()
    }
}

impl From<PluginName> for String {
    fn from(name: PluginName) -> Self {
        name.0.into()
    }
}

impl fmt::Display for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What a plugin can do for the registry; an interface of `plugins/wit` each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hook {
    /// Whether an operation may go on.
    Admission,
    /// Who somebody is.
    Authenticator,
    /// What they may not do after all.
    Authorizer,
    /// What is in an image.
    Scanner,
    /// Where content is copied to.
    ReplicationTarget,
    /// What wants to know of events.
    EventSink,
}

impl Hook {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Admission,
        Self::Authenticator,
        Self::Authorizer,
        Self::Scanner,
        Self::ReplicationTarget,
        Self::EventSink,
    ];

    /// Its name in `plugin.toml` and in figures.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admission => "admission",
            Self::Authenticator => "authenticator",
            Self::Authorizer => "authorizer",
            Self::Scanner => "scanner",
            Self::ReplicationTarget => "replication-target",
            Self::EventSink => "event-sink",
        }
    }

    /// Whether a client waits for it. The others run in jobs.
    #[must_use]
    pub const fn is_in_request(self) -> bool {
        matches!(self, Self::Admission | Self::Authenticator | Self::Authorizer)
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for good in ["scan-packages", "acme.label-policy", "a", "a1.b2"] {
            assert_eq!(good.parse::<PluginName>().unwrap().to_string(), good);
        }
        let long = "a".repeat(65);
        for bad in ["", "A", "a/b", "a..b", ".a", "a.", "-a", "a-", "1a", "a b", "a_b", &long] {
            assert!(bad.parse::<PluginName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_hook_is_written_as_it_is_called() {
        for hook in Hook::ALL {
            assert_eq!(serde_json::to_value(hook).unwrap(), hook.as_str());
        }
    }
}
