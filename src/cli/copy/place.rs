//! Where an image comes from or goes to, as it is written on the command line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::oci::{Digest, Reference, RepositoryName, Tag};
use crate::remote::Registry;

/// `registry.example.com/team/app:v1`, `oci:directory:v1` or `oci-archive:file.tar:v1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(super) location: Location,
    /// `http://` or `https://`, where it was written before a registry.
    pub(super) scheme: &'static str,
    pub(super) tag: Option<Tag>,
    pub(super) digest: Option<Digest>,
}

/// A place without what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// A repository in a registry.
    Registry(Registry, RepositoryName),
    /// A directory with an OCI image layout.
    Layout(PathBuf),
    /// The same in a tar file.
    Archive(PathBuf),
    /// A tar file as `docker save` wrote it before Docker 25.
    DockerArchive(PathBuf),
}

impl Place {
    /// What the place names in its location: the digest, if there is one, since it says more than the tag.
    pub(super) fn reference(&self) -> Option<Reference> {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => Some(Reference::Digest(digest.clone())),
            (None, Some(tag)) => Some(Reference::Tag(tag.clone())),
            (None, None) => None,
        }
    }

    pub(super) fn names_one(&self) -> bool {
        self.tag.is_some() || self.digest.is_some()
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("oci:") {
            return on_disk(text, rest, Location::Layout);
        }
        if let Some(rest) = text.strip_prefix("oci-archive:") {
            return on_disk(text, rest, Location::Archive);
        }
        if let Some(rest) = text.strip_prefix("docker-archive:") {
            return on_disk(text, rest, Location::DockerArchive);
        }
        let rest = text.strip_prefix("docker://").unwrap_or(text);
        let written = |scheme: &&str| rest.starts_with(*scheme);
        let scheme = ["http://", "https://"].into_iter().find(written).unwrap_or_default();
        let rest = &rest[scheme.len()..];
        let (rest, digest) = split_digest(rest)?;
        let (host, path) = rest.split_once('/').ok_or_else(|| no_registry(text))?;
        // As everywhere, a first part that looks like no host is the first part of a name on Docker Hub; guessing that
        // somebody means to send images there is worse than asking.
        if !(host.contains(['.', ':']) || host == "localhost") {
            return Err(no_registry(text));
        }
        let registry: Registry = host.parse().map_err(|error| format!("{error}"))?;
        let (path, tag) = match path.rsplit_once(':') {
            Some((path, tag)) => (path, Some(tag.parse().map_err(|error| format!("{error}"))?)),
            None => (path, None),
        };
        let official = registry.is_docker_hub() && !path.contains('/');
        let path = if official { format!("library/{path}") } else { path.to_owned() };
        let name = path.parse().map_err(|error| format!("{error}"))?;
        Ok(Self { location: Location::Registry(registry, name), scheme, tag, digest })
    }
}

fn no_registry(text: &str) -> String {
    format!(
        "`{text}` names no registry: write `HOST[:PORT]/NAME[:TAG|@DIGEST]`, `oci:DIR[:TAG]` or `oci-archive:FILE[:TAG]` \
         (Docker Hub is `docker.io/NAME`)"
    )
}

/// The last colon separates a tag, unless what follows can only belong to a path.
fn on_disk(text: &str, rest: &str, location: fn(PathBuf) -> Location) -> Result<Place, String> {
    let (rest, digest) = split_digest(rest)?;
    let (path, tag) = match rest.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => {
            (path, Some(tag.parse().map_err(|error| format!("{error}"))?))
        }
        _ => (rest, None),
    };
    if path.is_empty() {
        return Err(format!("`{text}` names no file or directory"));
    }
    Ok(Place { location: location(path.into()), scheme: "", tag, digest })
}

fn split_digest(text: &str) -> Result<(&str, Option<Digest>), String> {
    match text.rsplit_once('@') {
        Some((rest, digest)) if digest.contains(':') && !digest.contains('/') => {
            Ok((rest, Some(digest.parse().map_err(|error| format!("{error}"))?)))
        }
        _ => Ok((text, None)),
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.location.fmt(f)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(registry, name) => write!(f, "{registry}/{name}"),
            Self::Layout(path) => write!(f, "oci:{}", path.display()),
            Self::Archive(path) => write!(f, "oci-archive:{}", path.display()),
            Self::DockerArchive(path) => write!(f, "docker-archive:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_and_printed_alike() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for text in [
            "localhost:5000/team/app:v1".to_owned(),
            "registry.example.com/app".into(),
            format!("127.0.0.1:5000/app@{digest}"),
            format!("127.0.0.1:5000/app:v1@{digest}"),
            "[::1]:5000/app:v1".into(),
            "oci:dir".into(),
            "oci:/a/b.d/c:v1".into(),
            "oci:/with:colon/c".into(),
            format!("oci:dir@{digest}"),
            "oci-archive:a.tar:v1".into(),
            "docker-archive:a.tar".into(),
        ] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_people_paste_is_understood() {
        for (text, expected) in [
            ("docker.io/alpine:3", "docker.io/library/alpine:3"),
            ("docker://docker.io/grafana/loki", "docker.io/grafana/loki"),
            ("https://localhost:5000/app:v1", "localhost:5000/app:v1"),
            ("http://build:5000/app", "build:5000/app"),
            ("index.docker.io/alpine", "docker.io/library/alpine"),
        ] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), expected);
        }
    }

    #[test]
    fn what_names_no_place_is_refused() {
        for bad in [
            "",
            "alpine",
            "team/app:v1",
            "oci:",
            "oci::v1",
            "oci-archive:",
            "localhost:5000/",
            "localhost:5000/App",
            "a.example/app:",
            "a.example/app@sha256:12",
            "a.example",
            "a.example/app:v1:v2",
        ] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
    }
}
