//! Images as the scenarios push and pull them: a config, layers, and the manifest that names them.

use serde_json::json;

use crate::{
    client::MANIFEST_TYPE,
    noise::{Blob, Noise},
};

#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) blobs: Vec<Blob>,
    pub(crate) manifest: Vec<u8>,
}

impl Image {
    /// An image whose blobs' seeds follow `seed`; the first blob stands in for the config.
    pub(crate) fn new(noise: &Noise, seed: u64, sizes: &[u64]) -> Self {
        let blobs: Vec<_> = (seed..).zip(sizes).map(|(seed, &size)| Blob { seed, size }).collect();
        let describe = |kind: &str, blob: &Blob| {
            let media_type = format!("application/vnd.oci.image.{kind}");
            json!({ "mediaType": media_type, "digest": noise.digest(*blob), "size": blob.size })
        };
        let layers = blobs.iter().skip(1).map(|blob| describe("layer.v1.tar", blob));
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": describe("config.v1+json", &blobs[0]),
            "layers": layers.collect::<Vec<_>>(),
        });
        Self { blobs, manifest: manifest.to_string().into_bytes() }
    }
}

pub(crate) fn blob_path(repository: &str, digest: &str) -> String {
    format!("/v2/{repository}/blobs/{digest}")
}

pub(crate) fn manifest_path(repository: &str, reference: &str) -> String {
    format!("/v2/{repository}/manifests/{reference}")
}
