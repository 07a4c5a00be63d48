//! Rules about what an image is.

use std::collections::BTreeMap;

use berth_plugin::{Error, Image};
use serde::Deserialize;

use crate::Broken;
use crate::glob::matches;
use crate::settings::{Settings, date};

const BASE: &str = "org.opencontainers.image.base.name";
const CREATED: &str = "org.opencontainers.image.created";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Configuration {
    created: Option<String>,
    config: Option<Process>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Process {
    user: Option<String>,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    #[serde(default)]
    artifact_type: Option<String>,
    #[serde(default)]
    config: Option<Typed>,
    #[serde(default)]
    subject: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Typed {
    media_type: String,
}

/// Looks at an image, or at every one of an index. `whole`: at all of it, and not only at what time changes.
pub(crate) fn check(
    settings: &Settings,
    image: &Image,
    now: u64,
    whole: bool,
    broken: &mut Vec<Broken>,
) -> Result<(), Error> {
    for child in image.children() {
        match image.child(&child.digest) {
            Ok(child) => check(settings, &child, now, whole, broken)?,
            // An index may list what is not here.
            Err(Error::NotFound(_) | Error::Denied(_)) => {}
            Err(error) => return Err(error),
        }
        if !broken.is_empty() {
            return Ok(());
        }
    }
    if !image.children().is_empty() {
        return Ok(());
    }
    let manifest: Manifest = read(&image.manifest()?, "manifest")?;
    if whole {
        media_types(settings, image, &manifest, broken);
    }
    let kind = manifest.config.map(|config| config.media_type).unwrap_or_default();
    let is_image = matches("application/vnd.oci.image.config.*", &kind)
        || matches("application/vnd.docker.container.image.*", &kind);
    if !is_image || manifest.subject.is_some() {
        return Ok(());
    }
    let configuration: Configuration = read(&image.config()?, "configuration")?;
    let process = configuration.config.unwrap_or_default();
    let labels = process.labels.unwrap_or_default();
    let annotations: BTreeMap<String, String> = image.annotations().into_iter().collect();
    if whole {
        required("required-labels", "label", &settings.required_labels, &labels, broken);
        let wanted = &settings.required_annotations;
        required("required-annotations", "annotation", wanted, &annotations, broken);
        base(settings, annotations.get(BASE).or_else(|| labels.get(BASE)), broken);
        size(settings, image, broken);
        user(settings, process.user.as_deref().unwrap_or_default(), broken);
    }
    let created = annotations.get(CREATED).cloned().or(configuration.created);
    age(settings, created.as_deref(), now, broken);
    Ok(())
}

fn read<T: serde::de::DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::Invalid(format!("the {what}: {error}")))
}

fn media_types(settings: &Settings, image: &Image, manifest: &Manifest, broken: &mut Vec<Broken>) {
    let allowed = &settings.allowed_media_types;
    if allowed.is_empty() {
        return;
    }
    let layers = image.layers();
    let kinds = layers.iter().map(|layer| layer.media_type.as_str());
    let all = kinds.chain(manifest.artifact_type.as_deref());
    if let Some(kind) = all.into_iter().find(|kind| !allowed.iter().any(|glob| matches(glob, kind)))
    {
        let message =
            format!("`{kind}` may not be pushed here: allowed are {}", allowed.join(", "));
        broken.push(Broken::new("allowed-media-types", message));
    }
}

fn required(
    rule: &'static str,
    what: &str,
    wanted: &[String],
    there: &BTreeMap<String, String>,
    broken: &mut Vec<Broken>,
) {
    for wish in wanted {
        let (key, pattern) = wish.split_once('=').unwrap_or((wish, ""));
        let message = match there.get(key) {
            None => format!("the image has no {what} {key}: add it"),
            Some(value) if pattern.is_empty() && value.is_empty() => {
                format!("the {what} {key} is empty")
            }
            Some(value) if !pattern.is_empty() && !matches(pattern, value) => {
                format!("the {what} {key} is `{value}`, and has to be `{pattern}`")
            }
            Some(_) => continue,
        };
        broken.push(Broken::new(rule, message));
    }
}

fn base(settings: &Settings, name: Option<&String>, broken: &mut Vec<Broken>) {
    let allowed = &settings.allowed_base_images;
    if allowed.is_empty() {
        return;
    }
    let message = match name {
        None => format!("the image does not say what it is based on: annotate it with {BASE}"),
        Some(name) if !allowed.iter().any(|glob| matches(glob, name)) => {
            format!("the image is based on {name}: allowed are {}", allowed.join(", "))
        }
        Some(_) => return,
    };
    broken.push(Broken::new("allowed-base-images", message));
}

fn size(settings: &Settings, image: &Image, broken: &mut Vec<Broken>) {
    let Some(most) = settings.size else { return };
    let size: u64 = image.layers().iter().fold(0, |sum, layer| layer.size.saturating_add(sum));
    if size > most {
        let message = format!(
            "the layers have {} MiB together, and at most {} MiB are allowed",
            size.div_ceil(1 << 20),
            most >> 20
        );
        broken.push(Broken::new("max-size", message));
    }
}

fn user(settings: &Settings, user: &str, broken: &mut Vec<Broken>) {
    let name = user.split(':').next().unwrap_or_default().trim();
    let is_root = name.is_empty() || name == "root" || name.parse() == Ok(0_u32);
    if settings.no_root && is_root {
        let message = "the image runs as root: set another user with `USER` in its Dockerfile";
        broken.push(Broken::new("no-root", message));
    }
}

fn age(settings: &Settings, created: Option<&str>, now: u64, broken: &mut Vec<Broken>) {
    let Some(most) = settings.age else { return };
    let message = match created.map(date) {
        None => "the image does not say when it was made".to_owned(),
        Some(None) => "when the image was made cannot be read".to_owned(),
        Some(Some(at)) if now.saturating_sub(at) > most => format!(
            "the image was made {} days ago, and at most {} are allowed: build it anew",
            now.saturating_sub(at) / 86_400,
            most / 86_400
        ),
        Some(Some(_)) => return,
    };
    broken.push(Broken::new("max-age", message));
}
