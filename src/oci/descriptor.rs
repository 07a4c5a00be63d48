//! Content descriptors.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Digest, MediaType};

/// An OCI content descriptor (image-spec, `descriptor.md`). Fields that Berth does not use are not kept here: what is
/// stored and served are always the manifest's own bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the content is.
    pub media_type: MediaType,
    /// Which content it is.
    pub digest: Digest,
    /// Its size in bytes. Cosign 3 documents a `subject` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Where else it may be fetched; a layer that has some need not be pushed.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// The kind of artifact, where the content is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Annotations, as the manifest wrote them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// The platform, in an index; kept as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Box<RawValue>>,
}

/// Go writes an empty list as `null`.
fn nullable<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}
