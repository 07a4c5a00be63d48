//! `index.json` of an image layout: which manifests it holds, and under which tags.

use std::collections::HashMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::oci::{Descriptor, Digest, MediaType, Reference, Tag};
use crate::remote::{Error, Fetched};

/// The annotation that holds a tag.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The content of `index.json`. Fields and entries that Berth does not know are kept as they are.
#[derive(Clone, Debug)]
pub(super) struct LayoutIndex(Value);

impl Default for LayoutIndex {
    fn default() -> Self {
        Self(json!({ "schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": [] }))
    }
}

impl LayoutIndex {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        match value.get("manifests") {
            Some(Value::Array(_)) => Ok(Self(value)),
            _ => Err("there is no list of `manifests`".into()),
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.0.to_string().into_bytes()
    }

    fn entries(&self) -> impl Iterator<Item = &Value> {
        self.0.get("manifests").and_then(Value::as_array).into_iter().flatten()
    }

    fn descriptors(&self) -> impl Iterator<Item = Descriptor> {
        self.entries().filter_map(|entry| Descriptor::deserialize(entry).ok())
    }

    /// The tags, in the order of the file.
    pub(super) fn tags(&self) -> Vec<Tag> {
        self.entries().filter_map(ref_name).filter_map(|name| name.parse().ok()).collect()
    }

    /// The entry that is meant when none is named: there must be only one.
    pub(super) fn only(&self, place: &str) -> Result<(Digest, Option<Tag>), Error> {
        let entries: Vec<&Value> = self.entries().collect();
        let tags = || self.tags().iter().map(Tag::to_string).collect::<Vec<_>>().join(", ");
        match entries[..] {
            [entry] => {
                let descriptor = Descriptor::deserialize(entry)
                    .map_err(|error| Error::Layout(format!("{place}: {error}")))?;
                Ok((descriptor.digest, ref_name(entry).and_then(|name| name.parse().ok())))
            }
            [] => Err(Error::Layout(format!("{place} is empty"))),
            _ => Err(Error::Layout(format!(
                "{place} holds several images; name one with `:TAG` or `@DIGEST`, or use `--all-tags` (its tags: {})",
                tags()
            ))),
        }
    }

    /// Adds a manifest. A tag points at one manifest, so it is taken from another that had it.
    pub(super) fn add(&mut self, manifest: &Fetched, tag: Option<&Tag>) {
        let Some(entries) = self.0.get_mut("manifests").and_then(Value::as_array_mut) else {
            return;
        };
        let digest = manifest.digest.as_str();
        let name = tag.map(Tag::as_str);
        let is_same = |entry: &Value| entry.get("digest").and_then(Value::as_str) == Some(digest);
        match name {
            // An entry without a tag says no more than one with it.
            Some(name) => entries.retain(|entry| match ref_name(entry) {
                Some(other) => other != name,
                None => !is_same(entry),
            }),
            None if entries.iter().any(is_same) => return,
            None => {}
        }
        let parsed = manifest.parse().ok();
        let media_type =
            manifest.media_type.clone().or_else(|| Some(parsed.as_ref()?.media_type().clone()));
        let mut entry = json!({ "digest": digest, "size": manifest.bytes.len() });
        if let Some(media_type) = media_type {
            entry["mediaType"] = json!(media_type);
        }
        if let Some(name) = name {
            entry["annotations"] = json!({ REF_NAME: name });
        }
        entries.push(entry);
    }

    /// A manifest with its bytes, by the tag in this index or by digest.
    pub(super) fn find_manifest(
        &self,
        reference: &Reference,
        load: impl Fn(&Digest) -> Result<Option<Bytes>, Error>,
    ) -> Result<Option<Fetched>, Error> {
        let listed = |digest: &Digest| self.descriptors().find(|one| one.digest == *digest);
        let (digest, media_type) = match reference {
            Reference::Digest(digest) => {
                (digest.clone(), listed(digest).map(|entry| entry.media_type))
            }
            Reference::Tag(tag) => {
                let named = self.entries().find(|entry| ref_name(entry) == Some(tag.as_str()));
                match named.and_then(|entry| Descriptor::deserialize(entry).ok()) {
                    Some(entry) => (entry.digest, Some(entry.media_type)),
                    None => return Ok(None),
                }
            }
        };
        Ok(load(&digest)?.map(|bytes| Fetched { digest, media_type, bytes }))
    }

    /// Who refers to whom, among the manifests that are listed here.
    pub(super) fn referrers(
        &self,
        load: impl Fn(&Digest) -> Result<Option<Bytes>, Error>,
    ) -> Result<HashMap<Digest, Vec<Descriptor>>, Error> {
        let mut found: HashMap<Digest, Vec<Descriptor>> = HashMap::new();
        for entry in self.descriptors() {
            let Some(bytes) = load(&entry.digest)? else { continue };
            let fetched = Fetched {
                digest: entry.digest.clone(),
                media_type: Some(entry.media_type.clone()),
                bytes,
            };
            let Ok(manifest) = fetched.parse() else { continue };
            if let Some(subject) = manifest.subject() {
                found.entry(subject.digest.clone()).or_default().push(entry);
            }
        }
        Ok(found)
    }
}

fn ref_name(entry: &Value) -> Option<&str> {
    entry.get("annotations")?.get(REF_NAME)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Algorithm;

    fn manifest(content: &str) -> Fetched {
        let bytes = Bytes::from(format!(
            r#"{{"schemaVersion":2,"manifests":[],"annotations":{{"a":"{content}"}}}}"#
        ));
        let media_type = Some(MediaType::OCI_INDEX.parse().unwrap());
        Fetched { digest: Algorithm::Sha256.digest(&bytes), media_type, bytes }
    }

    #[test]
    fn a_tag_points_at_one_manifest() {
        let (one, two) = (manifest("one"), manifest("two"));
        let (v1, v2): (Tag, Tag) = ("v1".parse().unwrap(), "v2".parse().unwrap());
        let mut index = LayoutIndex::default();
        index.add(&one, None);
        assert_eq!(index.only("here").unwrap(), (one.digest.clone(), None));
        index.add(&one, Some(&v1));
        assert_eq!(index.only("here").unwrap(), (one.digest.clone(), Some(v1.clone())));
        index.add(&one, None);
        index.add(&one, Some(&v2));
        index.add(&two, Some(&v1));
        assert_eq!(index.tags(), [v2, v1.clone()]);
        assert!(index.only("here").is_err());
        let read = LayoutIndex::read(&index.to_bytes()).unwrap();
        let load = |digest: &Digest| {
            Ok([&one, &two].iter().find(|m| m.digest == *digest).map(|m| m.bytes.clone()))
        };
        let found = read.find_manifest(&Reference::Tag(v1), load).unwrap().unwrap();
        assert_eq!(found.digest, two.digest);
        let missing = Reference::Tag("v3".parse().unwrap());
        assert!(read.find_manifest(&missing, load).unwrap().is_none());
    }

    #[test]
    fn what_other_programs_wrote_is_kept() {
        let written = br#"{"schemaVersion":2,"x":1,"manifests":[{"odd":true}]}"#;
        let mut index = LayoutIndex::read(written).unwrap();
        index.add(&manifest("one"), Some(&"v1".parse().unwrap()));
        let value: Value = serde_json::from_slice(&index.to_bytes()).unwrap();
        assert_eq!((&value["x"], &value["manifests"][0]["odd"]), (&json!(1), &json!(true)));
        for bad in [&b""[..], b"{}", b"[]", br#"{"manifests":1}"#] {
            assert!(LayoutIndex::read(bad).is_err());
        }
    }
}
