//! `image`: the image that a call is about, and its filesystem.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynInputStream;

use super::super::bindings::berth::plugin::image::{
    Encoding, FileEntry, FileKind, Host, HostImage, HostRootfs,
};
use super::super::bindings::berth::plugin::report::{Finding, ScanSummary, Severity};
use super::super::bindings::berth::plugin::types::{Descriptor, Error};
use super::super::glob::Glob;
use super::super::image::{self, ImageError, ImageSource, OpenFile, Rootfs};
use super::super::state::{Desk, State};
use super::super::{ImagePart, report};
use super::{descriptor, stream};
use crate::oci::{self, Digest};

/// An image that is lent to a plugin.
#[expect(unreachable_pub, reason = "the generated bindings name it publicly")]
pub struct LentImage(pub(in super::super) ImageSource);

/// Its filesystem.
#[expect(unreachable_pub, reason = "the generated bindings name it publicly")]
pub struct LentRootfs(Arc<Rootfs>);

/// Most entries that are listed at once.
const PAGE: u32 = 10_000;
/// Patterns that are looked for at once.
const MOST_GLOBS: usize = 256;
/// A search that takes longer is given up: guest code is interrupted, and what it makes Berth do has to end as well.
const LONGEST_SEARCH: Duration = Duration::from_secs(2);
/// The most that is read at once.
const MOST_READ: u32 = 64 << 20;

type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl State {
    fn image(&self, image: &Resource<LentImage>) -> wasmtime::Result<ImageSource> {
        Ok(self.table.get(image)?.0.clone())
    }

    fn lent_rootfs(&self, rootfs: &Resource<LentRootfs>) -> wasmtime::Result<Arc<Rootfs>> {
        Ok(Arc::clone(&self.table.get(rootfs)?.0))
    }
}

impl Desk {
    fn may_read(&self, part: ImagePart) -> Result<(), Error> {
        if self.guest.granted.image(part) {
            Ok(())
        } else {
            Err(self.refuse(&format!("image {}", part.as_str())))
        }
    }

    /// The error for the guest; what it should not have tried is noted.
    fn told(&self, error: ImageError) -> Error {
        let text = error.to_string();
        match error {
            ImageError::Foreign(digest) => self.refuse(&format!("blob {digest}")),
            ImageError::Unknown(_) | ImageError::NoSuchFile(_) => Error::NotFound(text),
            ImageError::NotAFile(..)
            | ImageError::LinkCircle(_)
            | ImageError::NotALayer { .. }
            | ImageError::NoLayers => Error::Invalid(text),
            ImageError::TooLarge { .. } | ImageError::TooMany(_) | ImageError::Bomb { .. } => {
                Error::LimitExceeded(text)
            }
            ImageError::NoRoom(_) => Error::Unavailable(text),
            ImageError::Io { .. } | ImageError::Meta(_) | ImageError::Blob(_) => {
                tracing::error!(plugin.name = %self.guest.name, error = %text, "a plugin could not read an image: {text}");
                Error::Unavailable("the image cannot be read".into())
            }
        }
    }
}

fn parse_digest(digest: &str) -> Result<Digest, Error> {
    digest.parse().map_err(|error: oci::digest::InvalidDigest| Error::Invalid(error.to_string()))
}

impl Host for State {}

impl HostImage for State {
    async fn repository(&mut self, image: Resource<LentImage>) -> wasmtime::Result<String> {
        Ok(self.image(&image)?.repository().as_str().to_owned())
    }

    async fn reference(&mut self, image: Resource<LentImage>) -> wasmtime::Result<Option<String>> {
        Ok(self.image(&image)?.reference().map(ToString::to_string))
    }

    async fn descriptor(&mut self, image: Resource<LentImage>) -> wasmtime::Result<Descriptor> {
        Ok(described(&self.image(&image)?))
    }

    async fn annotations(
        &mut self,
        image: Resource<LentImage>,
    ) -> wasmtime::Result<Vec<(String, String)>> {
        let annotations = self.image(&image)?.manifest().annotations().cloned();
        Ok(annotations.unwrap_or_default().into_iter().collect())
    }

    async fn manifest(&mut self, image: Resource<LentImage>) -> Answer<Vec<u8>> {
        let image = self.image(&image)?;
        Ok(self.desk.may_read(ImagePart::Metadata).map(|()| image.manifest().bytes().to_vec()))
    }

    async fn config(&mut self, image: Resource<LentImage>) -> Answer<Vec<u8>> {
        let image = self.image(&image)?;
        let desk = self.desk.clone();
        let config = async {
            desk.may_read(ImagePart::Metadata)?;
            image.config().await.map(|bytes| bytes.to_vec()).map_err(|error| desk.told(error))
        };
        Ok(config.await)
    }

    async fn layers(&mut self, image: Resource<LentImage>) -> wasmtime::Result<Vec<Descriptor>> {
        Ok(self.image(&image)?.layers().iter().map(descriptor).collect())
    }

    async fn open_blob(
        &mut self,
        image: Resource<LentImage>,
        digest: String,
        encoding: Encoding,
    ) -> Answer<Resource<DynInputStream>> {
        let image = self.image(&image)?;
        let desk = self.desk.clone();
        let opened: Result<DynInputStream, Error> = async {
            desk.may_read(ImagePart::Content)?;
            let digest = parse_digest(&digest)?;
            let opened = match encoding {
                Encoding::Stored => open_stored(&image, &digest).await,
                Encoding::Uncompressed => {
                    let layer = desk.guest.layers.layer(&image, &digest).await;
                    layer.map(|layer| stream::file(Arc::clone(layer.file()), 0, layer.size()))
                }
            };
            opened.map_err(|error| desk.told(error))
        }
        .await;
        opened.map(|stream| self.table.push(stream)).transpose_table()
    }

    async fn rootfs(&mut self, image: Resource<LentImage>) -> Answer<Resource<LentRootfs>> {
        let image = self.image(&image)?;
        let desk = self.desk.clone();
        let merged = async {
            desk.may_read(ImagePart::Content)?;
            desk.guest.layers.rootfs(&image).await.map_err(|error| desk.told(error))
        };
        let merged = merged.await;
        merged.map(|rootfs| self.table.push(LentRootfs(rootfs))).transpose_table()
    }

    async fn children(&mut self, image: Resource<LentImage>) -> wasmtime::Result<Vec<Descriptor>> {
        Ok(self.image(&image)?.manifest().children().iter().map(descriptor).collect())
    }

    async fn child(
        &mut self,
        image: Resource<LentImage>,
        digest: String,
    ) -> Answer<Resource<LentImage>> {
        let image = self.image(&image)?;
        let desk = self.desk.clone();
        let child = async {
            let digest = parse_digest(&digest)?;
            image.child(&digest).await.map_err(|error| desk.told(error))
        };
        let child = child.await;
        child.map(|image| self.table.push(LentImage(image))).transpose_table()
    }

    async fn referrers(
        &mut self,
        image: Resource<LentImage>,
        artifact_type: Option<String>,
    ) -> Answer<Vec<Descriptor>> {
        let image = self.image(&image)?;
        let desk = self.desk.clone();
        let listed = async {
            desk.may_read(ImagePart::Referrers)?;
            let found = image.referrers(artifact_type).await.map_err(|error| desk.told(error))?;
            Ok(found.iter().map(descriptor).collect())
        };
        Ok(listed.await)
    }

    async fn referrer(
        &mut self,
        image: Resource<LentImage>,
        digest: String,
    ) -> Answer<Resource<LentImage>> {
        let image = self.image(&image)?;
        let desk = self.desk.clone();
        let referrer = async {
            desk.may_read(ImagePart::Referrers)?;
            let digest = parse_digest(&digest)?;
            image.referrer(&digest).await.map_err(|error| desk.told(error))
        };
        let referrer = referrer.await;
        referrer.map(|image| self.table.push(LentImage(image))).transpose_table()
    }

    async fn scans(&mut self, image: Resource<LentImage>) -> Answer<Vec<ScanSummary>> {
        let image = self.image(&image)?;
        let desk = self.desk.clone();
        if let Err(error) = desk.may_read(ImagePart::Scans) {
            return Ok(Err(error));
        }
        Ok(image.scan_summaries().await.map_err(|error| desk.told(error)))
    }

    async fn findings(
        &mut self,
        image: Resource<LentImage>,
        scanner: String,
        at_least: Severity,
    ) -> Answer<Vec<Finding>> {
        let image = self.image(&image)?;
        let least = report::Severity::from(at_least);
        let desk = self.desk.clone();
        let found = async {
            desk.may_read(ImagePart::Scans)?;
            let found = image.scan_findings(&scanner, least).await;
            let found = found.map_err(|error| desk.told(error))?;
            let found =
                found.ok_or_else(|| Error::NotFound(format!("{scanner} has not looked")))?;
            Ok(found.iter().map(Into::into).collect())
        };
        Ok(found.await)
    }

    async fn drop(&mut self, image: Resource<LentImage>) -> wasmtime::Result<()> {
        self.table.delete(image)?;
        Ok(())
    }
}

async fn open_stored(image: &ImageSource, digest: &Digest) -> Result<DynInputStream, ImageError> {
    let (content, size) = image.open_blob(digest).await?;
    Ok(stream::content(content, size).await?)
}

impl HostRootfs for State {
    async fn stat(&mut self, rootfs: Resource<LentRootfs>, path: String) -> Answer<FileEntry> {
        let found = self.lent_rootfs(&rootfs)?.stat(&path);
        Ok(found.map(|(path, found)| entry(&path, &found)).map_err(|error| self.desk.told(error)))
    }

    async fn entries(
        &mut self,
        rootfs: Resource<LentRootfs>,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> Answer<Vec<FileEntry>> {
        let rootfs = self.lent_rootfs(&rootfs)?;
        let listed = rootfs.entries(&prefix, after.as_deref()).take(limit.min(PAGE) as usize);
        Ok(Ok(listed.map(|(path, found)| entry(path, found)).collect()))
    }

    async fn find(
        &mut self,
        rootfs: Resource<LentRootfs>,
        globs: Vec<String>,
        after: Option<String>,
        limit: u32,
    ) -> Answer<Vec<FileEntry>> {
        let rootfs = self.lent_rootfs(&rootfs)?;
        if globs.len() > MOST_GLOBS {
            return Ok(Err(Error::LimitExceeded(format!("at most {MOST_GLOBS} patterns at once"))));
        }
        let globs: Result<Vec<Glob>, _> =
            globs.iter().map(|glob| glob.trim_start_matches('/').parse()).collect();
        let globs = match globs {
            Ok(globs) => globs,
            Err(error) => return Ok(Err(Error::Invalid(error.to_string()))),
        };
        let limit = limit.min(PAGE) as usize;
        let search = move || search(&rootfs, &globs, after.as_deref(), limit);
        Ok(tokio::task::spawn_blocking(search).await?)
    }

    async fn read_file(
        &mut self,
        rootfs: Resource<LentRootfs>,
        path: String,
        max: u32,
    ) -> Answer<Vec<u8>> {
        let rootfs = self.lent_rootfs(&rootfs)?;
        let desk = self.desk.clone();
        let read = async {
            let file = rootfs.open(&path).map_err(|error| desk.told(error))?;
            let most = u64::from(max.min(MOST_READ));
            if file.size() > most {
                let error = ImageError::TooLarge { what: path, size: file.size(), most };
                return Err(desk.told(error));
            }
            let size = usize::try_from(file.size()).unwrap_or(usize::MAX);
            read(file, 0, size).await.map_err(|error| desk.told(error))
        };
        Ok(read.await)
    }

    async fn read_file_at(
        &mut self,
        rootfs: Resource<LentRootfs>,
        path: String,
        offset: u64,
        len: u32,
    ) -> Answer<Vec<u8>> {
        let rootfs = self.lent_rootfs(&rootfs)?;
        let desk = self.desk.clone();
        let read = async {
            let file = rootfs.open(&path).map_err(|error| desk.told(error))?;
            let len = len.min(MOST_READ) as usize;
            read(file, offset, len).await.map_err(|error| desk.told(error))
        };
        Ok(read.await)
    }

    async fn open_file(
        &mut self,
        rootfs: Resource<LentRootfs>,
        path: String,
    ) -> Answer<Resource<DynInputStream>> {
        let opened = self.lent_rootfs(&rootfs)?.open(&path).map_err(|error| self.desk.told(error));
        let stream = opened.map(|file| {
            let (layer, begin, end) = file.range();
            stream::file(Arc::clone(layer.file()), begin, end)
        });
        stream.map(|stream| self.table.push(stream)).transpose_table()
    }

    async fn drop(&mut self, rootfs: Resource<LentRootfs>) -> wasmtime::Result<()> {
        self.table.delete(rootfs)?;
        Ok(())
    }
}

fn search(
    rootfs: &Rootfs,
    globs: &[Glob],
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<FileEntry>, Error> {
    let begin = Instant::now();
    let mut found = Vec::new();
    let prefix = match globs {
        [one] => one.prefix(),
        _ => String::new(),
    };
    for (index, (path, one)) in rootfs.entries(&prefix, after).enumerate() {
        if found.len() >= limit {
            break;
        }
        if index % 1024 == 1023 && begin.elapsed() > LONGEST_SEARCH {
            return Err(Error::LimitExceeded(
                "the search takes too long: use fewer or simpler patterns".into(),
            ));
        }
        if globs.iter().any(|glob| glob.matches(path)) {
            found.push(entry(path, one));
        }
    }
    Ok(found)
}

/// A part of a file, from memory where it is there already: a scanner reads thousands of small ones.
async fn read(file: OpenFile, offset: u64, len: usize) -> Result<Vec<u8>, ImageError> {
    const SMALL: usize = 64 << 10;
    if len <= SMALL
        && let Some(bytes) = file.read_now(offset, len)
    {
        return Ok(bytes.into());
    }
    let read = tokio::task::spawn_blocking(move || file.read_at(offset, len)).await;
    let bytes = read.map_err(std::io::Error::other).flatten();
    let bytes = bytes
        .map_err(|cause| ImageError::Io { what: "a layer".into(), cause: cause.to_string() })?;
    Ok(bytes.into())
}

fn entry(path: &str, entry: &image::FileEntry) -> FileEntry {
    FileEntry {
        path: path.to_owned(),
        kind: match entry.kind {
            image::FileKind::Regular => FileKind::Regular,
            image::FileKind::Directory => FileKind::Directory,
            image::FileKind::Symlink => FileKind::Symlink,
            image::FileKind::Device => FileKind::Device,
            image::FileKind::Other => FileKind::Other,
        },
        size: entry.size,
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        link_target: entry.target.as_deref().map(str::to_owned),
        layer: entry.layer,
    }
}

/// The descriptor of an image's own manifest.
pub(in super::super) fn described(image: &ImageSource) -> Descriptor {
    let manifest = image.manifest();
    Descriptor {
        media_type: manifest.media_type().as_str().to_owned(),
        digest: image.digest().as_str().to_owned(),
        size: manifest.bytes().len() as u64,
        artifact_type: manifest.artifact_type().map(str::to_owned),
        annotations: Vec::new(),
        platform: None,
    }
}

/// A resource that was put into the table, or the plugin's error.
trait TransposeTable<T> {
    fn transpose_table(self) -> Answer<T>;
}

impl<T> TransposeTable<T> for Result<Result<T, wasmtime::component::ResourceTableError>, Error> {
    fn transpose_table(self) -> Answer<T> {
        match self {
            Ok(pushed) => Ok(Ok(pushed?)),
            Err(error) => Ok(Err(error)),
        }
    }
}
