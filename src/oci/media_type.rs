//! Media types, and those that Berth treats in a special way.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::shortened;

/// A media type without parameters, such as `application/vnd.oci.image.manifest.v1+json`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MediaType(Box<str>);

/// Text that is no media type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a media type: expected `type/subtype`")]
pub struct InvalidMediaType(String);

impl MediaType {
    /// OCI image manifest.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// OCI image index.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// Docker image manifest, version 2, schema 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker manifest list.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// The empty JSON document `{}`, used as configuration by artifacts.
    pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";

    /// The media type as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Docker's schema 1, which Berth refuses: its digests depend on a signature in the body.
    #[must_use]
    pub fn is_schema1(&self) -> bool {
        matches!(
            self.as_str(),
            "application/vnd.docker.distribution.manifest.v1+json"
                | "application/vnd.docker.distribution.manifest.v1+prettyjws"
        )
    }

    /// An index of manifests, by either of its two names.
    #[must_use]
    pub fn is_index(&self) -> bool {
        matches!(self.as_str(), Self::OCI_INDEX | Self::DOCKER_LIST)
    }

    /// An image manifest, by either of its two names.
    #[must_use]
    pub fn is_image_manifest(&self) -> bool {
        matches!(self.as_str(), Self::OCI_MANIFEST | Self::DOCKER_MANIFEST)
    }

    /// A configuration of an image, by either of its two names.
    #[must_use]
    pub fn is_image_config(&self) -> bool {
        matches!(
            self.as_str(),
            "application/vnd.oci.image.config.v1+json"
                | "application/vnd.docker.container.image.v1+json"
        )
    }

    /// A layer of a filesystem.
    #[must_use]
    pub fn is_filesystem_layer(&self) -> bool {
        let kind = self.as_str();
        kind.contains(".tar") || kind.contains("rootfs.diff") || kind.ends_with("+tar")
    }

    /// A layer that lies elsewhere and is not pushed (image-spec, non-distributable layers; Docker's foreign layers).
    #[must_use]
    pub fn is_non_distributable(&self) -> bool {
        self.as_str().starts_with("application/vnd.oci.image.layer.nondistributable.")
            || self.as_str() == "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    }
}

/// Parameters (`; charset=utf-8`) are accepted and dropped.
impl FromStr for MediaType {
    type Err = InvalidMediaType;

    fn from_str(text: &str) -> Result<Self, InvalidMediaType> {
        let essence = text.split(';').next().unwrap_or_default().trim();
        let token = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte);
        let valid = essence.len() <= 255
            && essence.split_once('/').is_some_and(|(kind, subtype)| {
                [kind, subtype].iter().all(|part| !part.is_empty() && part.bytes().all(token))
            });
        if valid { Ok(Self(essence.into())) } else { Err(InvalidMediaType(shortened(text))) }
    }
}

impl TryFrom<String> for MediaType {
    type Error = InvalidMediaType;

    fn try_from(text: String) -> Result<Self, InvalidMediaType> {
        text.parse()
    }
}

impl From<MediaType> for String {
    fn from(media_type: MediaType) -> Self {
        media_type.0.into()
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_dropped() {
        assert_eq!(
            "text/plain; charset=utf-8".parse::<MediaType>().map(String::from).as_deref(),
            Ok("text/plain")
        );
    }

    #[test]
    fn malformed_media_types_are_refused() {
        for bad in ["", "text", "text/", "/plain", "a/b/c", "a b/c", "text/pl\u{e4}in", "a/b,c/d"] {
            assert!(bad.parse::<MediaType>().is_err(), "{bad}");
        }
    }
}
