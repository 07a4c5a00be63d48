//! What a command is about: a repository, a tag or a digest in it.

use std::fmt;
use std::str::FromStr;

use crate::oci::{Reference, RepositoryName, Tag};

/// `team/app`, `team/app:v1` or `team/app@sha256:…`, in the registry that the command works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) repository: RepositoryName,
    /// Nothing for the repository as a whole.
    pub(super) reference: Option<Reference>,
}

/// `team/app:v1` or `team/app@sha256:…`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ImageName {
    pub(super) repository: RepositoryName,
    pub(super) reference: Reference,
}

/// `team/app:v1`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TagName {
    pub(super) repository: RepositoryName,
    pub(super) tag: Tag,
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((host, rest)) = text.split_once('/')
            && is_address(host)
        {
            return Err(format!(
                "`{text}` names a registry, too: write `{rest}`; which registry it is says `--server`"
            ));
        }
        let (name, reference) = if let Some((name, digest)) = text.split_once('@') {
            (name, Some(Reference::Digest(parse(digest)?)))
        } else if let Some((name, tag)) = text.split_once(':') {
            (name, Some(Reference::Tag(parse(tag)?)))
        } else {
            (text, None)
        };
        Ok(Self { repository: parse(name)?, reference })
    }
}

/// With its error in words, as clap wants it.
fn parse<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// `localhost:5000`, `127.0.0.1:5000` or `[::1]:5000`: no repository begins so. `registry.example/app` may be one.
fn is_address(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

impl FromStr for ImageName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named: Named = text.parse()?;
        let reference = named.reference.ok_or_else(|| {
            format!("`{text}` names no image: write `REPOSITORY:TAG` or `REPOSITORY@DIGEST`, such as `team/app:v1`")
        })?;
        Ok(Self { repository: named.repository, reference })
    }
}

impl FromStr for TagName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named: Named = text.parse()?;
        match named.reference {
            Some(Reference::Tag(tag)) => Ok(Self { repository: named.repository, tag }),
            _ => {
                Err(format!("`{text}` names no tag: write `REPOSITORY:TAG`, such as `team/app:v1`"))
            }
        }
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = if matches!(self.reference, Reference::Tag(_)) { ':' } else { '@' };
        write!(f, "{}{between}{}", self.repository, self.reference)
    }
}

impl fmt::Display for TagName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.repository, self.tag)
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
    #[test]
    fn an_image_has_a_reference_and_a_tag_has_a_name() {
        let digest = format!("team/app@sha256:{}", "a".repeat(64));
        assert_eq!(digest.parse::<ImageName>().unwrap().to_string(), digest);
        assert_eq!("team/app:v1".parse::<TagName>().unwrap().to_string(), "team/app:v1");
        assert!("team/app".parse::<ImageName>().is_err() && "team/app".parse::<TagName>().is_err());
        for bad in [&*digest, "team/app:", ":v1", "host:5000/app", "Team:v1"] {
            assert!(bad.parse::<TagName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_before_the_name_is_told_from_a_bad_name() {
        for host in ["localhost:5000", "127.0.0.1:5000", "[::1]:5000", "registry.example:443"] {
            let error = format!("{host}/team/app:v1").parse::<Named>().unwrap_err();
            assert!(error.contains("write `team/app:v1`"), "{error}");
        }
    }
}
