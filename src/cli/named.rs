//! What a command is about: a repository, a tag or a digest in it.

use std::fmt;
use std::str::FromStr;

use crate::oci::{Reference, RepositoryName};

/// `team/app`, `team/app:v1` or `team/app@sha256:…`, in the registry that the command works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) repository: RepositoryName,
    /// Nothing for the repository as a whole.
    pub(super) reference: Option<Reference>,
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, reference) = match text.split_once('@') {
            Some((name, digest)) => {
                let digest = digest.parse().map_err(|error| format!("{error}"))?;
                (name, Some(Reference::Digest(digest)))
            }
            None => match text.split_once(':') {
                Some((name, tag)) => {
                    let tag = tag.parse().map_err(|error| format!("{error}"))?;
                    (name, Some(Reference::Tag(tag)))
                }
                None => (text, None),
            },
        };
        Ok(Self { repository: name.parse().map_err(|error| format!("{error}"))?, reference })
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reference {
            None => write!(f, "{}", self.repository),
            Some(Reference::Tag(tag)) => write!(f, "{}:{tag}", self.repository),
            Some(Reference::Digest(digest)) => write!(f, "{}@{digest}", self.repository),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_a_tag_or_a_digest() {
        let digest = format!("team/app@sha256:{}", "a".repeat(64));
        for good in ["team/app", "team/app:v1", digest.as_str()] {
            assert_eq!(good.parse::<Named>().unwrap().to_string(), good);
        }
        for bad in ["", "team/app:", "team/app@v1", ":v1", "host:5000/app", "Team"] {
            assert!(bad.parse::<Named>().is_err(), "{bad}");
        }
    }
}
