//! A plugin as an OCI artifact: what `berth plugin push` writes, and what an installation reads.
//!
//! The layout is that of CNCF's working group for Wasm, so that other tools find the component where they look for it, in
//! the first layer. Behind it are two layers of Berth's own, which say what the plugin asks for before it is downloaded.
//! The component has its `plugin.toml` inside: that one counts.

use bytes::Bytes;
use serde_json::{Value, json};
use wasmparser::{Parser, Payload};

use super::{Error, Package};
use crate::oci::manifest::Content;
use crate::oci::{Algorithm, Descriptor, Digest, Manifest, MediaType};

/// The configuration of every Wasm artifact.
pub const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// A component, or a module.
pub const WASM_LAYER: &str = "application/wasm";
/// `plugin.toml`.
pub const MANIFEST_LAYER: &str = "application/vnd.berth.plugin.manifest.v1+toml";
/// The settings that the plugin understands, as `plugin.toml` lists them, in JSON.
pub const SCHEMA_LAYER: &str = "application/vnd.berth.plugin.schema.v1+json";
/// What the artifact as a whole is.
pub const ARTIFACT_TYPE: &str = "application/vnd.berth.plugin.v1";

/// A plugin in the form of an artifact. The same plugin has the same digest whenever it is made.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The manifest's bytes.
    pub manifest: Bytes,
    /// What it refers to, the configuration among them.
    pub blobs: Vec<(Digest, Bytes)>,
}

impl Artifact {
    /// Of a plugin that was read.
    pub fn of(package: &Package) -> Result<Self, Error> {
        let about = package.manifest();
        let layers = [
            (WASM_LAYER, format!("{}.wasm", about.name), package.component().clone()),
            (MANIFEST_LAYER, "plugin.toml".into(), Bytes::from(about.text().to_owned())),
            (SCHEMA_LAYER, "settings.json".into(), json!(about.settings).to_string().into()),
        ];
        let layers = layers.map(|(kind, title, bytes)| {
            let annotations = json!({ "org.opencontainers.image.title": title });
            (descriptor(kind, &bytes, Some(annotations)), bytes)
        });
        let digests: Vec<&Value> = layers.iter().map(|(layer, _)| &layer["digest"]).collect();
        let (imports, exports) = interfaces(package.component())?;
        let config: Bytes = json!({
            // The layout wants a time; that of the push would give the same plugin another digest each time.
            "created": "1970-01-01T00:00:00Z",
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": digests,
            "component": { "imports": imports, "exports": exports },
        })
        .to_string()
        .into();
        let mut annotations = json!({
            "org.opencontainers.image.title": about.name,
            "org.opencontainers.image.version": about.version,
            "org.opencontainers.image.description": about.description,
        });
        if let Some(license) = &about.license {
            annotations["org.opencontainers.image.licenses"] = json!(license);
        }
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_MANIFEST,
            "artifactType": ARTIFACT_TYPE,
            "config": descriptor(WASM_CONFIG, &config, None),
            "layers": layers.iter().map(|(layer, _)| layer).collect::<Vec<_>>(),
            "annotations": annotations,
        });
        let blobs = layers.into_iter().map(|(_, bytes)| bytes).chain([config]);
        let blobs = blobs.map(|bytes| (Algorithm::Sha256.digest(&bytes), bytes)).collect();
        Ok(Self { manifest: manifest.to_string().into(), blobs })
    }

    /// Where in an artifact the component is. Artifacts that other tools made have only that layer.
    pub fn component(manifest: &Manifest) -> Result<&Descriptor, Error> {
        let Content::Image { config, layers } = manifest.content() else {
            return Err(Error::NotAPlugin("it is an index, not an artifact".into()));
        };
        let kind = config.media_type.as_str();
        if kind != WASM_CONFIG {
            return Err(Error::NotAPlugin(format!(
                "its configuration is `{kind}`, not `{WASM_CONFIG}`: `berth plugin push` makes an artifact of a file"
            )));
        }
        let component = layers.iter().find(|layer| layer.media_type.as_str() == WASM_LAYER);
        component.ok_or_else(|| Error::NotAPlugin(format!("it has no layer of `{WASM_LAYER}`")))
    }
}

/// The names of what a component imports and exports.
fn interfaces(component: &[u8]) -> Result<(Vec<&str>, Vec<&str>), Error> {
    let damaged = |error: wasmparser::BinaryReaderError| Error::NotAPlugin(error.to_string());
    let (mut imports, mut exports, mut depth) = (Vec::new(), Vec::new(), 0usize);
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(damaged)? {
            // What is inside imports from the component around it.
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    imports.push(import.map_err(damaged)?.name.name);
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    exports.push(export.map_err(damaged)?.name.name);
                }
            }
            _ => {}
        }
    }
    Ok((imports, exports))
}

fn descriptor(media_type: &str, bytes: &Bytes, annotations: Option<Value>) -> Value {
    let digest = Algorithm::Sha256.digest(bytes);
    let mut descriptor = json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() });
    if let Some(annotations) = annotations {
        descriptor["annotations"] = annotations;
    }
    descriptor
}
