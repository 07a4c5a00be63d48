//! `index.json` of an image layout (image-spec, Image Layout).

use berth_plugin::{Descriptor, Error};
use serde_json::{Value, json};

use crate::s3::Bucket;

/// What `oci-layout` holds.
pub const MARKER: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;
/// The annotation that holds a tag.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// More than an index of 50,000 entries.
const LARGEST: usize = 16 << 20;

/// Whether a manifest refers to another one.
pub fn has_subject(content: &[u8]) -> bool {
    serde_json::from_slice::<Value>(content).is_ok_and(|manifest| manifest["subject"].is_object())
}

/// What a layout lists.
pub struct Index(Value);

impl Index {
    /// Reads the one of a repository; an empty one if it has none.
    pub fn read(bucket: &Bucket, repository: &str) -> Result<Self, Error> {
        let Some(bytes) = bucket.get(&format!("{repository}/index.json"), LARGEST)? else {
            return Ok(Self(json!({
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.index.v1+json",
                "manifests": [],
            })));
        };
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| Error::Invalid(format!("{repository}/index.json: {error}")))
    }

    /// Writes it.
    pub fn write(&self, bucket: &Bucket, repository: &str) -> Result<(), Error> {
        bucket.put(&format!("{repository}/index.json"), self.0.to_string().as_bytes())
    }

    fn entries(&mut self) -> &mut Vec<Value> {
        if !self.0["manifests"].is_array() {
            self.0["manifests"] = json!([]);
        }
        self.0["manifests"].as_array_mut().expect("it was made a line above")
    }

    /// What a tag stands for.
    pub fn tagged(&self, tag: &str) -> Option<String> {
        let entries = self.0["manifests"].as_array()?;
        let found = entries.iter().find(|entry| entry["annotations"][REF_NAME] == tag)?;
        found["digest"].as_str().map(str::to_owned)
    }

    /// Lists a manifest: under a tag, which stands for nothing else then, or by itself.
    pub fn add(&mut self, manifest: &Descriptor, tag: Option<&str>) {
        let mut entry = json!({
            "mediaType": manifest.media_type, "digest": manifest.digest, "size": manifest.size,
        });
        if let Some(kind) = &manifest.artifact_type {
            entry["artifactType"] = kind.as_str().into();
        }
        if let Some(tag) = tag {
            entry["annotations"] = json!({ REF_NAME: tag });
        }
        self.entries().retain(|known| match tag {
            Some(tag) => known["annotations"][REF_NAME] != tag,
            None => known["digest"] != entry["digest"] || known["annotations"].is_object(),
        });
        self.entries().push(entry);
    }

    /// Takes a tag or digest out; says whether it was in.
    pub fn remove(&mut self, reference: &str) -> bool {
        let before = self.entries().len();
        self.entries().retain(|known| {
            known["digest"] != reference && known["annotations"][REF_NAME] != reference
        });
        self.entries().len() < before
    }

    /// What is listed, with whether it has a tag.
    pub fn listed(&self) -> Vec<(String, bool)> {
        let entries = self.0["manifests"].as_array().map(Vec::as_slice).unwrap_or_default();
        let entry = |entry: &Value| {
            let digest = entry["digest"].as_str()?.to_owned();
            Some((digest, entry["annotations"][REF_NAME].is_string()))
        };
        entries.iter().filter_map(entry).collect()
    }
}
