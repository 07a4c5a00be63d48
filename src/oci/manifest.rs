//! Manifests: a checked view of the bytes that a client pushed. The bytes themselves are never rewritten.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Deserializer};

use super::{Descriptor, Digest, MediaType};

/// The largest manifest that is taken, in bytes: what distribution accepts, and what clients read at most.
pub const MAX_MANIFEST_BYTES: usize = 4 * 1024 * 1024;

/// A manifest or an index that has been checked, with the bytes it was read from.
#[derive(Clone, Debug)]
pub struct Manifest {
    bytes: Bytes,
    media_type: MediaType,
    content: Content,
    artifact_type: Option<String>,
    subject: Option<Descriptor>,
    annotations: Option<BTreeMap<String, String>>,
}

/// What a manifest refers to.
#[derive(Clone, Debug)]
pub enum Content {
    /// An image manifest, which also carries artifacts.
    Image {
        /// The configuration.
        config: Descriptor,
        /// The layers, from the base up; empty for some artifacts.
        layers: Vec<Descriptor>,
    },
    /// An index or manifest list. BuildKit's cache indexes list layers here, so an entry may be a blob.
    Index {
        /// Its entries.
        manifests: Vec<Descriptor>,
    },
}

/// Why bytes are not a manifest that can be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidManifest {
    /// The body is no JSON object, or a field has another type than the image-spec gives it.
    #[error("the manifest cannot be read: {0}")]
    Json(String),
    /// `schemaVersion` is not 2.
    #[error("`schemaVersion` must be 2")]
    SchemaVersion,
    /// Docker's old format.
    #[error(
        "Docker image manifests of schema 1 are not supported: push again with a client of 2017 or later"
    )]
    Schema1,
    /// The `Content-Type` header and the `mediaType` field disagree.
    #[error("the `Content-Type` is `{header}`, but the manifest's `mediaType` is `{field}`")]
    MediaTypeMismatch {
        /// What the header says.
        header: MediaType,
        /// What the body says.
        field: MediaType,
    },
    /// Both, or neither, of an image's and an index's fields.
    #[error("a manifest has either `config` and `layers`, or `manifests`")]
    Shape,
    /// A media type of an index on an image manifest, or the other way round.
    #[error("`{0}` does not fit the manifest's fields")]
    WrongKind(MediaType),
    /// Neither the header nor the body tells what it is.
    #[error(
        "the media type `{0}` is not one of a manifest: use an OCI or Docker schema 2 manifest, index or list"
    )]
    UnknownMediaType(MediaType),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    schema_version: Option<u64>,
    media_type: Option<MediaType>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    #[serde(default, deserialize_with = "nullable_list")]
    layers: Option<Vec<Descriptor>>,
    #[serde(default, deserialize_with = "nullable_list")]
    manifests: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    annotations: Option<BTreeMap<String, String>>,
    #[serde(rename = "fsLayers")]
    fs_layers: Option<serde::de::IgnoredAny>,
}

/// Go writes an empty list as `null`: a key that is there counts as a list.
fn nullable_list<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Descriptor>>, D::Error> {
    Ok(Some(Option::deserialize(from)?.unwrap_or_default()))
}

impl Manifest {
    /// Checks `bytes` as a manifest of the media type that the client declared; without one, or with a generic one,
    /// the body tells (`mediaType`, else `manifests`, else `config` with `layers`).
    pub fn parse(bytes: Bytes, declared: Option<&MediaType>) -> Result<Self, InvalidManifest> {
        if declared.is_some_and(MediaType::is_schema1) {
            return Err(InvalidManifest::Schema1);
        }
        let wire: Wire = serde_json::from_slice(&bytes)
            .map_err(|error| InvalidManifest::Json(error.to_string()))?;
        if wire.media_type.as_ref().is_some_and(MediaType::is_schema1)
            || (wire.schema_version == Some(1) && wire.fs_layers.is_some())
        {
            return Err(InvalidManifest::Schema1);
        }
        if wire.schema_version != Some(2) {
            return Err(InvalidManifest::SchemaVersion);
        }
        let generic = |media_type: &MediaType| {
            matches!(
                media_type.as_str(),
                "application/json" | "application/octet-stream" | "text/plain"
            )
        };
        let declared = declared.filter(|media_type| !generic(media_type));
        if let (Some(header), Some(field)) = (declared, &wire.media_type)
            && header != field
        {
            return Err(InvalidManifest::MediaTypeMismatch {
                header: header.clone(),
                field: field.clone(),
            });
        }
        let content = match (wire.config, wire.layers, wire.manifests) {
            (Some(config), Some(layers), None) => Content::Image { config, layers },
            (None, None, Some(manifests)) => Content::Index { manifests },
            _ => return Err(InvalidManifest::Shape),
        };
        let is_index = matches!(content, Content::Index { .. });
        let sniffed = if is_index { MediaType::OCI_INDEX } else { MediaType::OCI_MANIFEST };
        let media_type = match declared.cloned().or(wire.media_type) {
            Some(media_type) => media_type,
            None => sniffed.parse().expect("a constant media type is well-formed"),
        };
        match (media_type.is_index(), media_type.is_image_manifest()) {
            (false, false) => return Err(InvalidManifest::UnknownMediaType(media_type)),
            (index, _) if index != is_index => return Err(InvalidManifest::WrongKind(media_type)),
            _ => {}
        }
        Ok(Self {
            bytes,
            media_type,
            content,
            artifact_type: wire.artifact_type.filter(|kind| !kind.is_empty()),
            subject: wire.subject,
            annotations: wire.annotations,
        })
    }

    /// The bytes as they were pushed.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Its media type, without parameters.
    #[must_use]
    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// What it refers to.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The manifest that this one says something about: it is a referrer of that one.
    #[must_use]
    pub fn subject(&self) -> Option<&Descriptor> {
        self.subject.as_ref()
    }

    /// Annotations of the manifest itself; a referrers answer copies them.
    #[must_use]
    pub fn annotations(&self) -> Option<&BTreeMap<String, String>> {
        self.annotations.as_ref()
    }

    /// The `artifactType` under which referrers list it: the field, else the configuration's media type for an image
    /// manifest; an index without the field has none (distribution-spec, Listing referrers).
    #[must_use]
    pub fn artifact_type(&self) -> Option<&str> {
        match (&self.artifact_type, &self.content) {
            (Some(kind), _) => Some(kind),
            (None, Content::Image { config, .. }) => Some(config.media_type.as_str()),
            (None, Content::Index { .. }) => None,
        }
    }

    /// Blobs that must be in the repository before the manifest is taken: configuration and layers, other than those
    /// that lie elsewhere.
    pub fn required_blobs(&self) -> impl Iterator<Item = &Digest> {
        let (config, layers) = match &self.content {
            Content::Image { config, layers } => (Some(config), layers.as_slice()),
            Content::Index { .. } => (None, &[][..]),
        };
        config
            .into_iter()
            .chain(
                layers.iter().filter(|layer| {
                    !layer.media_type.is_non_distributable() && layer.urls.is_empty()
                }),
            )
            .map(|descriptor| &descriptor.digest)
    }

    /// Whether it is an image with a filesystem, and no artifact that borrows the form of one.
    #[must_use]
    pub fn is_image(&self) -> bool {
        match &self.content {
            Content::Image { config, layers } => {
                config.media_type.is_image_config()
                    && self.subject.is_none()
                    && !layers.is_empty()
                    && layers.iter().all(|layer| layer.media_type.is_filesystem_layer())
            }
            Content::Index { .. } => false,
        }
    }

    /// The entries of an index.
    #[must_use]
    pub fn children(&self) -> &[Descriptor] {
        match &self.content {
            Content::Image { .. } => &[],
            Content::Index { manifests } => manifests,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn parse(body: &str, declared: Option<&str>) -> Result<Manifest, InvalidManifest> {
        let declared = declared.map(|text| text.parse().unwrap());
        Manifest::parse(Bytes::copy_from_slice(body.as_bytes()), declared.as_ref())
    }

    fn image(extra: &str) -> String {
        format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"application/x","digest":"{EMPTY}","size":0}},"layers":[]{extra}}}"#
        )
    }

    #[test]
    fn the_media_type_comes_from_the_header_the_field_or_the_shape() {
        assert_eq!(parse(&image(""), None).unwrap().media_type().as_str(), MediaType::OCI_MANIFEST);
        assert_eq!(
            parse(&image(""), Some(MediaType::DOCKER_MANIFEST)).unwrap().media_type().as_str(),
            MediaType::DOCKER_MANIFEST
        );
        let index = r#"{"schemaVersion":2,"manifests":[],"future":{"a":1}}"#;
        assert_eq!(
            parse(index, Some("application/json")).unwrap().media_type().as_str(),
            MediaType::OCI_INDEX
        );
        assert!(matches!(
            parse(index, Some(MediaType::OCI_MANIFEST)),
            Err(InvalidManifest::WrongKind(_))
        ));
        let typed = image(&format!(r#","mediaType":"{}""#, MediaType::OCI_MANIFEST));
        assert!(matches!(
            parse(&typed, Some(MediaType::DOCKER_MANIFEST)),
            Err(InvalidManifest::MediaTypeMismatch { .. })
        ));
        assert!(matches!(
            parse(&image(""), Some("text/html")),
            Err(InvalidManifest::UnknownMediaType(_))
        ));
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        for body in [
            "",
            "null",
            "[]",
            "{",
            "{}",
            r#"{"schemaVersion":2}"#,
            r#"{"schemaVersion":1,"manifests":[]}"#,
        ] {
            assert!(parse(body, None).is_err(), "{body}");
        }
        assert_eq!(parse(&image(r#","manifests":[]"#), None).unwrap_err(), InvalidManifest::Shape);
        assert_eq!(
            parse(r#"{"schemaVersion":1,"fsLayers":[]}"#, None).unwrap_err(),
            InvalidManifest::Schema1,
            "the old format has a message of its own"
        );
    }

    #[test]
    fn a_null_list_is_an_empty_one() {
        assert!(parse(&image("").replace("[]", "null"), None).is_ok());
        assert!(
            parse(r#"{"schemaVersion":2,"manifests":null}"#, None).unwrap().children().is_empty()
        );
    }

    #[test]
    fn a_subject_may_lack_its_size() {
        let body = image(&format!(
            r#","subject":{{"mediaType":"{}","digest":"{EMPTY}"}}"#,
            MediaType::OCI_MANIFEST
        ));
        let manifest = parse(&body, None).unwrap();
        assert_eq!(manifest.subject().unwrap().digest.as_str(), EMPTY);
        assert_eq!(
            manifest.artifact_type(),
            Some("application/x"),
            "the configuration's type stands in"
        );
    }

    #[test]
    fn layers_that_lie_elsewhere_are_not_required() {
        let body = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"application/x","digest":"{EMPTY}","size":0}},"layers":[
                {{"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip","digest":"{EMPTY}","size":1}},
                {{"mediaType":"application/y","digest":"{EMPTY}","size":1,"urls":["https://example.org/x"]}},
                {{"mediaType":"application/y","digest":"{EMPTY}","size":1}}]}}"#
        );
        assert_eq!(parse(&body, None).unwrap().required_blobs().count(), 2);
    }
}
