//! A tar file as `docker save` wrote it before Docker 25, as a source.
//!
//! It holds no manifest of the image, so one is made: Docker's schema 2 over the configuration and the layers as they
//! lie in the file, uncompressed. The same file gives the same manifest, but not the one that the image once had in a
//! registry.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::archive::{Extent, read_extent, scan, stream_extent};
use super::layout::failed;
use super::packed;
use crate::oci::{Algorithm, Descriptor, Digest, MediaType, Reference, RepositoryName, Tag};
use crate::remote::transfer::{Blob, Source};
use crate::remote::{BlobStream, Error, Fetched, Registry};

/// A tar file of `docker save`.
#[derive(Debug)]
pub(in crate::cli) struct DockerArchive {
    path: PathBuf,
    file: Arc<File>,
    images: Vec<(Vec<Tag>, Fetched)>,
    blobs: HashMap<Digest, Extent>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

#[derive(Deserialize)]
struct Config {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Vec<Digest>,
}

impl DockerArchive {
    /// Opens an archive and makes the manifests of its images.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = packed::open(path)?;
        let files = scan(&file).map_err(|cause| failed("read", path, cause))?;
        let broken = |why: String| Error::Layout(format!("{} {why}", path.display()));
        let load = |name: &str| -> Result<Bytes, Error> {
            let extent = files.get(name).ok_or_else(|| {
                broken(format!("is no archive of `docker save`: it has no file `{name}`"))
            })?;
            let bytes = read_extent(&file, *extent).map_err(|cause| failed("read", path, cause))?;
            Ok(bytes.into())
        };
        let saved: Vec<Saved> = serde_json::from_slice(&load("manifest.json")?)
            .map_err(|error| broken(format!("has a broken `manifest.json`: {error}")))?;
        let (mut images, mut blobs) = (Vec::new(), HashMap::new());
        for image in saved {
            let config = load(&image.config)?;
            let parsed: Config = serde_json::from_slice(&config)
                .map_err(|error| broken(format!("has a broken `{}`: {error}", image.config)))?;
            if parsed.rootfs.diff_ids.len() != image.layers.len() {
                return Err(broken(format!("names other layers than its `{}`", image.config)));
            }
            let digest = Algorithm::Sha256.digest(&config);
            blobs.insert(digest.clone(), files[&image.config]);
            let mut layers = Vec::new();
            // An uncompressed layer's digest is what the configuration calls its `diff_id`.
            for (layer, diff_id) in image.layers.iter().zip(parsed.rootfs.diff_ids) {
                let extent = files.get(layer).copied().ok_or_else(|| {
                    broken(format!("lacks the layer `{layer}`, or holds it as a link"))
                })?;
                layers.push(json!({
                    "mediaType": "application/vnd.docker.image.rootfs.diff.tar",
                    "size": extent.size,
                    "digest": diff_id,
                }));
                blobs.insert(diff_id, extent);
            }
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": MediaType::DOCKER_MANIFEST,
                "config": {
                    "mediaType": "application/vnd.docker.container.image.v1+json",
                    "size": config.len(),
                    "digest": digest,
                },
                "layers": layers,
            });
            let bytes = Bytes::from(manifest.to_string());
            let media_type = MediaType::DOCKER_MANIFEST.parse().ok();
            let fetched = Fetched { digest: Algorithm::Sha256.digest(&bytes), media_type, bytes };
            let names = image.repo_tags.unwrap_or_default();
            let tags = names.iter().filter_map(|name| name.rsplit_once(':')?.1.parse().ok());
            images.push((tags.collect(), fetched));
        }
        Ok(Self { path: path.to_owned(), file, images, blobs })
    }

    /// The tags of all its images, without the names before them.
    pub(super) fn tags(&self) -> Vec<Tag> {
        self.images.iter().flat_map(|(tags, _)| tags.clone()).collect()
    }

    /// The image that is meant when none is named.
    pub(super) fn only(&self) -> Result<(Digest, Option<Tag>), Error> {
        match &self.images[..] {
            [(tags, image)] => Ok((image.digest.clone(), tags.first().cloned())),
            images => Err(Error::Layout(format!(
                "{} holds {} images; name one with `:TAG`",
                self.path.display(),
                images.len()
            ))),
        }
    }
}

impl Source for DockerArchive {
    async fn find_manifest(&self, reference: &Reference) -> Result<Option<Fetched>, Error> {
        let found = self.images.iter().find(|(tags, image)| match reference {
            Reference::Tag(tag) => tags.contains(tag),
            Reference::Digest(digest) => image.digest == *digest,
        });
        Ok(found.map(|(_, image)| image.clone()))
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        Ok(self.blobs.get(digest).map(|extent| extent.size))
    }

    async fn open_blob(&self, blob: &Blob, from: u64) -> Result<BlobStream, Error> {
        match self.blobs.get(&blob.digest) {
            Some(extent) => Ok(stream_extent(&self.file, *extent, from)),
            None => {
                let path = self.path.display();
                Err(Error::Layout(format!("{path} lacks the blob {}", blob.digest)))
            }
        }
    }

    async fn list_referrers(&self, _subject: &Digest) -> Result<Vec<Descriptor>, Error> {
        Ok(Vec::new())
    }

    fn repository(&self) -> Option<(&Registry, &RepositoryName)> {
        None
    }
}
