//! The files of `registry:2` and its successors (distribution's `filesystem` driver), as a source.
//!
//! Only names that are repositories, tags and digests are followed, and no symbolic link is: the tree may be anybody's.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read as _, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::Value;
use tokio::io::AsyncSeekExt as _;
use tokio::sync::OnceCell;

use super::layout::{checked, failed};
use crate::oci::manifest::MAX_MANIFEST_BYTES;
use crate::oci::{Descriptor, Digest, MediaType, Reference, RepositoryName, Tag};
use crate::remote::transfer::{Blob, Source};
use crate::remote::{BlobStream, Error, Fetched, Registry, byte_stream};

/// A tree of distribution.
#[derive(Debug)]
pub(in crate::cli) struct Tree {
    /// What holds `repositories` and `blobs`.
    root: PathBuf,
}

/// A repository in it.
#[derive(Debug)]
pub(in crate::cli) struct TreeRepository {
    root: PathBuf,
    manifests: PathBuf,
    referrers: OnceCell<HashMap<Digest, Vec<Descriptor>>>,
}

/// Parts of a repository's name; more of them are not looked for.
const DEEPEST: usize = 128;

/// The largest `link` file: a digest.
const LARGEST_LINK: u64 = 256;

impl Tree {
    /// Finds the tree in a directory: the one that distribution calls `rootdirectory`, or a part of the way below it.
    pub(in crate::cli) fn find(directory: &Path) -> Option<Self> {
        ["docker/registry/v2", "registry/v2", "v2", ""]
            .into_iter()
            .map(|below| directory.join(below))
            .find(|root| root.join("repositories").is_dir() && root.join("blobs").is_dir())
            .map(|root| Self { root })
    }

    /// The names of its repositories, in order.
    pub(in crate::cli) fn repositories(&self) -> Result<Vec<RepositoryName>, Error> {
        let top = self.root.join("repositories");
        let (mut found, mut next) = (Vec::new(), vec![(String::new(), 0)]);
        while let Some((name, depth)) = next.pop() {
            for part in names(&top.join(&name))? {
                let whole = if name.is_empty() { part } else { format!("{name}/{part}") };
                // What begins with `_` is distribution's own, and no name of a repository.
                if depth < DEEPEST && whole.parse::<RepositoryName>().is_ok() {
                    next.push((whole, depth + 1));
                }
            }
            let is_repository = is_directory(&top.join(&name).join("_manifests"));
            found.extend(name.parse::<RepositoryName>().ok().filter(|_| is_repository));
        }
        found.sort();
        Ok(found)
    }

    pub(in crate::cli) fn repository(&self, name: &RepositoryName) -> TreeRepository {
        let manifests = self.root.join("repositories").join(name.as_str()).join("_manifests");
        TreeRepository { root: self.root.clone(), manifests, referrers: OnceCell::new() }
    }
}

impl TreeRepository {
    /// Its tags, in order.
    pub(in crate::cli) fn tags(&self) -> Result<Vec<Tag>, Error> {
        let mut tags: Vec<Tag> = names(&self.manifests.join("tags"))?
            .iter()
            .filter_map(|name| name.parse().ok())
            .collect();
        tags.sort();
        Ok(tags)
    }

    /// The digests of all its manifests, also of those without a tag.
    pub(in crate::cli) fn revisions(&self) -> Result<Vec<Digest>, Error> {
        let mut found = Vec::new();
        for algorithm in ["sha256", "sha512"] {
            for hex in names(&self.manifests.join("revisions").join(algorithm))? {
                let digest = format!("{algorithm}:{hex}").parse::<Digest>().ok();
                // A manifest that was deleted has left its directory, without the link.
                found.extend(digest.filter(|digest| self.has(digest)));
            }
        }
        Ok(found)
    }

    fn revision_link(&self, digest: &Digest) -> PathBuf {
        let revisions = self.manifests.join("revisions");
        revisions.join(digest.algorithm().as_str()).join(digest.hex()).join("link")
    }

    fn has(&self, digest: &Digest) -> bool {
        is_file(&self.revision_link(digest))
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        let blobs = self.root.join("blobs").join(digest.algorithm().as_str());
        blobs.join(&hex[..2]).join(hex).join("data")
    }

    fn target_of(&self, tag: &Tag) -> Result<Option<Digest>, Error> {
        let path = self.manifests.join("tags").join(tag.as_str()).join("current/link");
        let Some(text) = read_small(&path, LARGEST_LINK)? else { return Ok(None) };
        let text = String::from_utf8_lossy(&text);
        let digest = text.trim().parse();
        digest.map(Some).map_err(|error| Error::Layout(format!("{}: {error}", path.display())))
    }

    fn load(&self, digest: &Digest) -> Result<Option<Fetched>, Error> {
        if !self.has(digest) {
            return Ok(None);
        }
        let path = self.blob_path(digest);
        let Some(bytes) = read_small(&path, MAX_MANIFEST_BYTES as u64)? else {
            return Err(Error::Layout(format!(
                "{} is missing: the tree is damaged",
                path.display()
            )));
        };
        let bytes = checked(digest, Bytes::from(bytes), &path.display().to_string())?;
        let media_type = media_type(&bytes);
        Ok(Some(Fetched { digest: digest.clone(), media_type, bytes }))
    }

    fn find_referrers(&self) -> Result<HashMap<Digest, Vec<Descriptor>>, Error> {
        let mut found = HashMap::<Digest, Vec<Descriptor>>::new();
        for digest in self.revisions()? {
            let Some(fetched) = self.load(&digest)? else { continue };
            let Ok(manifest) = fetched.parse() else { continue };
            if let Some(subject) = manifest.subject() {
                let descriptor = serde_json::json!({
                    "mediaType": manifest.media_type(), "digest": digest, "size": fetched.bytes.len(),
                });
                let descriptor = serde_json::from_value(descriptor);
                let descriptor = descriptor.map_err(|error| Error::Layout(error.to_string()))?;
                found.entry(subject.digest.clone()).or_default().push(descriptor);
            }
        }
        Ok(found)
    }
}

/// What the manifest says that it is; the first image manifests of OCI said nothing.
fn media_type(bytes: &[u8]) -> Option<MediaType> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let told = value["mediaType"].as_str().and_then(|text| text.parse().ok());
    let guess =
        if value["manifests"].is_array() { MediaType::OCI_INDEX } else { MediaType::OCI_MANIFEST };
    told.or_else(|| guess.parse().ok())
}

/// Names in a directory that can be text; none if there is no directory. What is a symbolic link is left out.
fn names(directory: &Path) -> Result<Vec<String>, Error> {
    let read = || -> io::Result<Vec<String>> {
        if !is_directory(directory) {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                found.extend(entry.file_name().into_string().ok());
            }
        }
        Ok(found)
    };
    read().map_err(|cause| failed("read", directory, cause))
}

fn is_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

/// A file whole, if it is one and not larger than it should be.
fn read_small(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    if !is_file(path) {
        return Ok(None);
    }
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|cause| failed("read", path, cause))?;
    if bytes.len() as u64 > limit {
        return Err(Error::Layout(format!("{} is larger than it may be", path.display())));
    }
    Ok(Some(bytes))
}

impl Source for TreeRepository {
    async fn find_manifest(&self, reference: &Reference) -> Result<Option<Fetched>, Error> {
        match reference {
            Reference::Digest(digest) => self.load(digest),
            Reference::Tag(tag) => match self.target_of(tag)? {
                Some(digest) => self.load(&digest),
                None => Ok(None),
            },
        }
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        let path = self.blob_path(digest);
        Ok(fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file).map(|file| file.len()))
    }

    async fn open_blob(&self, blob: &Blob, from: u64) -> Result<BlobStream, Error> {
        let path = self.blob_path(&blob.digest);
        let actual = self.blob_size(&blob.digest).await?;
        if actual != Some(blob.size) {
            return Err(Error::Layout(match actual {
                Some(actual) => format!(
                    "{} has {actual} bytes, and its manifest says {}",
                    path.display(),
                    blob.size
                ),
                None => format!("{} is missing: the tree is damaged", path.display()),
            }));
        }
        let open = async {
            let mut file = tokio::fs::File::open(&path).await?;
            file.seek(SeekFrom::Start(from)).await?;
            Ok(file)
        };
        let file = open.await.map_err(|cause| failed("read", &path, cause))?;
        Ok(byte_stream(file, &format!("cannot read {}", path.display())))
    }

    async fn list_referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, Error> {
        let all = self.referrers.get_or_try_init(|| async { self.find_referrers() }).await?;
        Ok(all.get(subject).cloned().unwrap_or_default())
    }

    fn repository(&self) -> Option<(&Registry, &RepositoryName)> {
        None
    }

    fn blob_file(&self, blob: &Blob) -> Option<PathBuf> {
        let path = self.blob_path(&blob.digest);
        fs::symlink_metadata(&path)
            .is_ok_and(|file| file.is_file() && file.len() == blob.size)
            .then_some(path)
    }
}
