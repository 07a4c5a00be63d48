//! The list of what refers to a manifest, under a tag, for registries that keep none (distribution-spec, Referrers tag schema).

use berth_plugin::{Descriptor, Error};
use serde_json::{Value, json};

use crate::There;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Puts a manifest into the list of what it refers to, if it refers to anything.
pub(crate) fn list(there: &There, manifest: &Descriptor, content: &[u8]) -> Result<(), Error> {
    let Ok(parsed) = serde_json::from_slice::<Value>(content) else { return Ok(()) };
    let Some(subject) = parsed["subject"]["digest"].as_str() else { return Ok(()) };
    let tag = tag(subject);
    let known = match there.manifest(&tag)? {
        Some(bytes) => serde_json::from_slice(&bytes)
            .map_err(|error| Error::Invalid(format!("{tag} is no index: {error}")))?,
        None => json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [] }),
    };
    match with(known, &entry(manifest, &parsed)) {
        Some(index) => there.put(&tag, INDEX, index.to_string().as_bytes()).map(drop),
        None => Ok(()),
    }
}

/// `sha256-HEX`, cut as the specification says.
fn tag(subject: &str) -> String {
    let (algorithm, hex) = subject.split_once(':').unwrap_or((subject, ""));
    let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    format!("{}-{}", cut(algorithm, 32), cut(hex, 64))
}

fn entry(manifest: &Descriptor, parsed: &Value) -> Value {
    let kind = parsed["artifactType"].as_str().filter(|kind| !kind.is_empty());
    let kind = kind.or_else(|| parsed["config"]["mediaType"].as_str());
    let mut entry = json!({
        "mediaType": manifest.media_type, "digest": manifest.digest, "size": manifest.size,
    });
    if let Some(kind) = kind {
        entry["artifactType"] = kind.into();
    }
    if parsed["annotations"].is_object() {
        entry["annotations"] = parsed["annotations"].clone();
    }
    entry
}

/// The list with the entry; none if it is there already.
fn with(mut index: Value, entry: &Value) -> Option<Value> {
    let entries = index["manifests"].as_array_mut()?;
    if entries.iter().any(|known| known["digest"] == entry["digest"]) {
        return None;
    }
    entries.push(entry.clone());
    Some(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_listed_once() {
        let empty = json!({ "manifests": [] });
        let entry = json!({ "digest": "sha256:1" });
        let once = with(empty, &entry).unwrap();
        assert_eq!(once["manifests"], json!([entry]));
        assert_eq!(with(once, &entry), None);
        assert_eq!(tag("sha256:12"), "sha256-12");
    }
}
