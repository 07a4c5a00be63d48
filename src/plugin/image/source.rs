//! The image that a call is about: one manifest, in a repository or in a layout directory, and what hangs on it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;

use super::decompress::Stored;
use super::error::ImageError;
use crate::blob::{self, BlobStore, Content};
use crate::meta::{Meta, Referrer, ScanReport};
use crate::oci::manifest::{self, MAX_MANIFEST_BYTES};
use crate::oci::{ByteRange, Descriptor, Digest, Manifest, Reference, RepositoryName};
use crate::plugin::ScanResult;
use crate::plugin::bindings::berth::plugin::report::ScanSummary;
use crate::plugin::report::{self, Finding, Severity};

/// A configuration is read whole, like a manifest.
const MAX_CONFIG_BYTES: u64 = 8 << 20;

/// An image as a plugin may see it: nothing that does not hang on its manifest can be read through it, whether the
/// registry has it or not.
#[derive(Clone, Debug)]
pub struct ImageSource {
    shelf: Shelf,
    repository: RepositoryName,
    reference: Option<Reference>,
    digest: Digest,
    manifest: Arc<Manifest>,
    scans: Arc<[ScanResult]>,
}

/// Where its bytes are.
#[derive(Clone, Debug)]
enum Shelf {
    Registry {
        meta: Meta,
        blobs: BlobStore,
    },
    /// An OCI image layout.
    Layout(Arc<Path>),
}

impl ImageSource {
    /// A manifest of a repository, which may not be stored yet.
    #[must_use]
    pub fn in_registry(
        meta: Meta,
        blobs: BlobStore,
        repository: RepositoryName,
        digest: Digest,
        manifest: Arc<Manifest>,
    ) -> Self {
        let shelf = Shelf::Registry { meta, blobs };
        Self { shelf, repository, reference: None, digest, manifest, scans: Arc::default() }
    }

    /// A manifest that a repository has.
    pub async fn find_in_registry(
        meta: Meta,
        blobs: BlobStore,
        repository: RepositoryName,
        reference: &Reference,
    ) -> Result<Self, ImageError> {
        let unknown = || ImageError::Unknown(format!("{repository} {reference}"));
        let found = meta.find_manifest(&repository, reference).await?.ok_or_else(unknown)?;
        let manifest = Manifest::parse(found.body.clone(), Some(&found.media_type));
        let manifest = manifest.map_err(|error| ImageError::Unknown(error.to_string()))?;
        let image =
            Self::in_registry(meta, blobs, repository, found.digest.clone(), Arc::new(manifest));
        Ok(image.with_reference(Some(reference.clone())))
    }

    /// A manifest of an image layout in a directory. This reads a file.
    pub fn in_layout(
        directory: &Path,
        repository: RepositoryName,
        digest: Digest,
    ) -> Result<Self, ImageError> {
        let shelf = Shelf::Layout(directory.into());
        let bytes = read_layout(directory, &digest, MAX_MANIFEST_BYTES as u64)?;
        let manifest = Manifest::parse(bytes, None);
        let manifest = Arc::new(manifest.map_err(|error| ImageError::Unknown(error.to_string()))?);
        Ok(Self { shelf, repository, reference: None, digest, manifest, scans: Arc::default() })
    }

    /// With the tag or digest by which it was asked for.
    #[must_use]
    pub fn with_reference(self, reference: Option<Reference>) -> Self {
        Self { reference, ..self }
    }

    /// With what scanners have found in it.
    #[must_use]
    pub fn with_scans(self, scans: Arc<[ScanResult]>) -> Self {
        Self { scans, ..self }
    }

    /// The repository that it is in.
    #[must_use]
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// How it was asked for.
    #[must_use]
    pub fn reference(&self) -> Option<&Reference> {
        self.reference.as_ref()
    }

    /// The manifest's digest.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What scanners have said so far, without their findings.
    pub(in super::super) async fn scan_summaries(&self) -> Result<Vec<ScanSummary>, ImageError> {
        let Shelf::Registry { meta, .. } = &self.shelf else {
            return Ok(self.scans.iter().map(ScanResult::summary).collect());
        };
        if !self.scans.is_empty() {
            return Ok(self.scans.iter().map(ScanResult::summary).collect());
        }
        let reports = meta.list_scans(&self.repository, &self.digest).await?;
        Ok(report::summaries(&reports))
    }

    /// What one of them has found that is at least so severe; `None` if it has not looked.
    pub(in super::super) async fn scan_findings(
        &self,
        scanner: &str,
        at_least: Severity,
    ) -> Result<Option<Vec<Finding>>, ImageError> {
        const MOST: u64 = 20_000;
        if let Some(scan) = self.scans.iter().find(|scan| scan.scanner == scanner) {
            let severe = scan.findings.iter().filter(|finding| finding.severity >= at_least);
            return Ok(Some(severe.cloned().collect()));
        }
        let Shelf::Registry { meta, .. } = &self.shelf else { return Ok(None) };
        let reports = meta.list_scans(&self.repository, &self.digest).await?;
        let looked =
            |report: &&ScanReport| report.scanner == scanner && report.finished_at.is_some();
        let (mut found, mut has_looked) = (Vec::new(), false);
        for report in reports.iter().filter(looked) {
            has_looked = true;
            let severity = berth_advisories::Severity::parse(at_least.as_str()).unwrap_or_default();
            for row in meta.list_findings(report.id, severity, 0, MOST).await? {
                found.extend(serde_json::from_value::<Finding>(row.detail).ok());
            }
        }
        Ok(has_looked.then_some(found))
    }

    /// The layers, from the base up; none for an index.
    #[must_use]
    pub fn layers(&self) -> &[Descriptor] {
        match self.manifest.content() {
            manifest::Content::Image { layers, .. } => layers,
            manifest::Content::Index { .. } => &[],
        }
    }

    /// The configuration's bytes.
    pub async fn config(&self) -> Result<Bytes, ImageError> {
        let manifest::Content::Image { config, .. } = self.manifest.content() else {
            return Err(ImageError::Unknown("configuration: this is an index".into()));
        };
        let size = config.size.unwrap_or(0);
        if size > MAX_CONFIG_BYTES {
            let what = format!("the configuration {}", config.digest);
            return Err(ImageError::TooLarge { what, size, most: MAX_CONFIG_BYTES });
        }
        let (content, size) = self.load(&config.digest).await?;
        let len = usize::try_from(size).unwrap_or(usize::MAX);
        match content {
            Content::File(file) => blocking(move || {
                let mut bytes = vec![0; len];
                std::os::unix::fs::FileExt::read_exact_at(&*file, &mut bytes, 0)?;
                Ok(bytes.into())
            })
            .await
            .map_err(|cause| unreadable(&config.digest, &cause)),
            Content::Object(object) => {
                let mut bytes = bytes::BytesMut::with_capacity(len);
                let mut stream =
                    std::pin::pin!(object.stream(ByteRange { start: 0, end: size }).await?);
                while let Some(piece) = stream.next().await {
                    bytes.extend_from_slice(
                        &piece.map_err(|cause| unreadable(&config.digest, &cause))?,
                    );
                }
                Ok(bytes.freeze())
            }
        }
    }

    /// A blob of this manifest, opened.
    pub async fn open_blob(&self, digest: &Digest) -> Result<(Content, u64), ImageError> {
        self.check_own(digest)?;
        self.load(digest).await
    }

    /// A manifest that this index lists.
    pub async fn child(&self, digest: &Digest) -> Result<Self, ImageError> {
        if !self.manifest.children().iter().any(|child| child.digest == *digest) {
            return Err(ImageError::Foreign(digest.clone()));
        }
        self.beside(digest).await
    }

    /// Manifests that have this one as their subject.
    pub async fn referrers(
        &self,
        artifact_type: Option<String>,
    ) -> Result<Vec<Descriptor>, ImageError> {
        match &self.shelf {
            Shelf::Registry { meta, .. } => {
                let list = meta.list_referrers(
                    &self.repository,
                    &self.digest,
                    artifact_type,
                    0,
                    1000,
                    4 << 20,
                );
                Ok(list.await?.0.into_iter().map(descriptor).collect())
            }
            Shelf::Layout(directory) => {
                let (directory, subject) = (PathBuf::from(&**directory), self.digest.clone());
                let found = blocking(move || Ok(layout_referrers(&directory, &subject)));
                let found = found.await.map_err(|cause| unreadable(&self.digest, &cause))?;
                let wanted = |one: &Descriptor| {
                    artifact_type.is_none() || one.artifact_type == artifact_type
                };
                Ok(found.into_iter().filter(wanted).collect())
            }
        }
    }

    /// One of them.
    pub async fn referrer(&self, digest: &Digest) -> Result<Self, ImageError> {
        let found = match self.beside(digest).await {
            Ok(found) => found,
            // Whether there is such a manifest is nobody's business.
            Err(ImageError::Unknown(_)) => return Err(ImageError::Foreign(digest.clone())),
            Err(error) => return Err(error),
        };
        let subject = found.manifest.subject().map(|subject| &subject.digest);
        if subject == Some(&self.digest) {
            Ok(found)
        } else {
            Err(ImageError::Foreign(digest.clone()))
        }
    }

    /// The layers that are merged into a filesystem.
    pub(super) fn filesystem_layers(&self) -> Result<Vec<Digest>, ImageError> {
        let layers = self.layers();
        let is_filesystem = |layer: &Descriptor| layer.media_type.is_filesystem_layer();
        if layers.is_empty() || !layers.iter().all(is_filesystem) {
            return Err(ImageError::NoLayers);
        }
        Ok(layers.iter().map(|layer| layer.digest.clone()).collect())
    }

    /// A layer as it is stored, for blocking threads.
    pub(super) async fn open_stored(
        &self,
        digest: &Digest,
        runtime: &tokio::runtime::Handle,
    ) -> Result<(Stored, u64), ImageError> {
        let (content, size) = self.open_blob(digest).await?;
        let stored = match content {
            Content::File(file) => Stored::File { file, at: 0, end: size },
            Content::Object(object) => {
                let stream = object.stream(ByteRange { start: 0, end: size }).await?.boxed();
                Stored::Object { runtime: runtime.clone(), stream, rest: Bytes::new() }
            }
        };
        Ok((stored, size))
    }

    fn check_own(&self, digest: &Digest) -> Result<(), ImageError> {
        let own = match self.manifest.content() {
            manifest::Content::Image { config, layers } => {
                config.digest == *digest || layers.iter().any(|layer| layer.digest == *digest)
            }
            manifest::Content::Index { .. } => false,
        };
        if own { Ok(()) } else { Err(ImageError::Foreign(digest.clone())) }
    }

    /// A blob, whether or not it is this manifest's.
    async fn load(&self, digest: &Digest) -> Result<(Content, u64), ImageError> {
        match &self.shelf {
            Shelf::Registry { meta, blobs } => {
                let unknown = || ImageError::Unknown(format!("blob {digest}"));
                let row = meta.find_blob(&self.repository, digest).await?;
                let row = row.filter(|row| !row.is_damaged).ok_or_else(unknown)?;
                match blobs.load(&row.location, row.size).await {
                    Ok(content) => Ok((content, row.size)),
                    Err(blob::Error::Missing(_)) => Err(unknown()),
                    Err(error) => Err(error.into()),
                }
            }
            Shelf::Layout(directory) => {
                let path = layout_path(directory, digest);
                let open = move || {
                    let file = File::open(path)?;
                    let size = file.metadata()?.len();
                    Ok((Content::File(Arc::new(file)), size))
                };
                blocking(open).await.map_err(|cause| match cause.kind() {
                    io::ErrorKind::NotFound => ImageError::Unknown(format!("blob {digest}")),
                    _ => unreadable(digest, &cause),
                })
            }
        }
    }

    /// Another manifest of the same repository or layout.
    async fn beside(&self, digest: &Digest) -> Result<Self, ImageError> {
        match &self.shelf {
            Shelf::Registry { meta, blobs } => {
                let (meta, blobs) = (meta.clone(), blobs.clone());
                let reference = Reference::Digest(digest.clone());
                let found =
                    Self::find_in_registry(meta, blobs, self.repository.clone(), &reference)
                        .await?;
                Ok(found.with_reference(None))
            }
            Shelf::Layout(directory) => {
                let (directory, digest) = (Arc::clone(directory), digest.clone());
                let repository = self.repository.clone();
                let opened = tokio::task::spawn_blocking(move || {
                    Self::in_layout(&directory, repository, digest)
                });
                opened.await.map_err(|_| ImageError::Unknown("manifest".into()))?
            }
        }
    }
}

fn descriptor(referrer: Referrer) -> Descriptor {
    Descriptor {
        media_type: referrer.media_type,
        digest: referrer.digest,
        size: Some(referrer.size),
        urls: Vec::new(),
        artifact_type: referrer.artifact_type,
        annotations: referrer.annotations,
        platform: None,
    }
}

fn layout_path(directory: &Path, digest: &Digest) -> PathBuf {
    directory.join("blobs").join(digest.algorithm().as_str()).join(digest.hex())
}

/// A small blob of a layout, checked: a directory is anybody's.
fn read_layout(directory: &Path, digest: &Digest, most: u64) -> Result<Bytes, ImageError> {
    let path = layout_path(directory, digest);
    let read = || {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut io::Read::take(File::open(&path)?, most + 1), &mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|cause: io::Error| match cause.kind() {
        io::ErrorKind::NotFound => ImageError::Unknown(format!("manifest {digest}")),
        _ => unreadable(digest, &cause),
    })?;
    if bytes.len() as u64 > most {
        return Err(ImageError::TooLarge {
            what: digest.to_string(),
            size: bytes.len() as u64,
            most,
        });
    }
    if digest.algorithm().digest(&bytes) != *digest {
        return Err(ImageError::Unknown(format!(
            "manifest {digest}: the file holds something else"
        )));
    }
    Ok(bytes.into())
}

/// What `index.json` lists and has this subject.
fn layout_referrers(directory: &Path, subject: &Digest) -> Vec<Descriptor> {
    #[derive(serde::Deserialize)]
    struct Index {
        manifests: Vec<Descriptor>,
    }
    let index = std::fs::read(directory.join("index.json")).unwrap_or_default();
    let listed = serde_json::from_slice::<Index>(&index).map(|index| index.manifests);
    let refers = |entry: Descriptor| {
        let bytes = read_layout(directory, &entry.digest, MAX_MANIFEST_BYTES as u64).ok()?;
        let manifest = Manifest::parse(bytes, Some(&entry.media_type)).ok()?;
        let artifact_type = manifest.artifact_type().map(str::to_owned);
        let annotations = manifest.annotations().cloned();
        let is_referrer = manifest.subject().is_some_and(|found| found.digest == *subject);
        is_referrer.then_some(Descriptor { artifact_type, annotations, ..entry })
    };
    listed.unwrap_or_default().into_iter().filter_map(refers).collect()
}

fn unreadable(digest: &Digest, cause: &io::Error) -> ImageError {
    ImageError::Io { what: digest.to_string(), cause: cause.to_string() }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
