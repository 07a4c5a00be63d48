//! Things to push.

use berth::oci::{Algorithm, Digest, MediaType};
use serde_json::json;

/// Bytes with their digest.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    pub(crate) digest: Digest,
    pub(crate) bytes: Vec<u8>,
}

impl Blob {
    pub(crate) fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self::with(Algorithm::Sha256, bytes)
    }

    pub(crate) fn with(algorithm: Algorithm, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self { digest: algorithm.digest(&bytes), bytes }
    }

    /// So many bytes that do not repeat soon; each `seed` gives others.
    pub(crate) fn random(size: usize, seed: u64) -> Self {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut bytes = Vec::with_capacity(size + 8);
        while bytes.len() < size {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        bytes.truncate(size);
        Self::new(bytes)
    }

    /// Its descriptor.
    pub(crate) fn descriptor(&self, media_type: &str) -> serde_json::Value {
        json!({ "mediaType": media_type, "digest": self.digest, "size": self.bytes.len() })
    }
}

/// An image: a configuration, layers, and the manifest over them.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    blobs: Vec<Blob>,
    manifest: Vec<u8>,
    media_type: &'static str,
}

impl Image {
    /// An OCI image with one layer of each text.
    pub(crate) fn of<const N: usize>(layers: [&str; N]) -> Self {
        Self::new(layers.iter().map(|layer| Blob::new(layer.as_bytes())).collect(), json!({}))
    }

    /// An OCI image of these layers, with more fields in the manifest.
    pub(crate) fn new(layers: Vec<Blob>, more: serde_json::Value) -> Self {
        let config = Blob::new("{}");
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_MANIFEST,
            "config": config.descriptor("application/vnd.oci.image.config.v1+json"),
            "layers": layers
                .iter()
                .map(|layer| layer.descriptor("application/vnd.oci.image.layer.v1.tar"))
                .collect::<Vec<_>>(),
        });
        for (key, value) in more.as_object().unwrap() {
            manifest[key] = value.clone();
        }
        let blobs = std::iter::once(config).chain(layers).collect();
        Self {
            blobs,
            manifest: manifest.to_string().into_bytes(),
            media_type: MediaType::OCI_MANIFEST,
        }
    }

    /// An OCI image with this configuration, and layers of one media type.
    pub(crate) fn with_config(config: Blob, layers: Vec<Blob>, layer_type: &str) -> Self {
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_MANIFEST,
            "config": config.descriptor("application/vnd.oci.image.config.v1+json"),
            "layers": layers.iter().map(|layer| layer.descriptor(layer_type)).collect::<Vec<_>>(),
        });
        Self {
            blobs: std::iter::once(config).chain(layers).collect(),
            manifest: manifest.to_string().into_bytes(),
            media_type: MediaType::OCI_MANIFEST,
        }
    }

    /// The same with another field in its manifest.
    pub(crate) fn with(mut self, field: &str, value: serde_json::Value) -> Self {
        let mut manifest: serde_json::Value = serde_json::from_slice(&self.manifest).unwrap();
        manifest[field] = value;
        self.manifest = manifest.to_string().into_bytes();
        self
    }

    /// The configuration and the layers.
    pub(crate) fn blobs(&self) -> &[Blob] {
        &self.blobs
    }

    pub(crate) fn manifest(&self) -> Vec<u8> {
        self.manifest.clone()
    }

    pub(crate) fn media_type(&self) -> &'static str {
        self.media_type
    }

    pub(crate) fn digest(&self) -> Digest {
        Algorithm::Sha256.digest(&self.manifest)
    }

    /// The descriptor of its manifest.
    pub(crate) fn descriptor(&self) -> serde_json::Value {
        json!({ "mediaType": self.media_type, "digest": self.digest(), "size": self.manifest.len() })
    }
}
