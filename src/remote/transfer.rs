//! Copying a manifest and everything under it from one place to another.
//!
//! A place is a registry here, and may be anything that implements [`Source`] or [`Target`]: an image layout in a
//! directory, an archive, Berth's own storage. Blobs come before the manifests that name them, children before their
//! index, and a tag moves last, so a target never shows something that cannot be pulled.

use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use parking_lot::Mutex;
use tokio::sync::{OnceCell, Semaphore};

use super::{BlobStream, Error, Fetched, Registry, Repository, Stored};
use crate::oci::manifest::Content;
use crate::oci::{
    Descriptor, Digest, Manifest, MediaType, Platform, Reference, RepositoryName, Tag,
};

/// Indexes in indexes are followed this deep.
const MAX_DEPTH: usize = 8;

/// A blob: which one, and how many bytes it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Which one.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// Where images come from.
pub trait Source: Send + Sync {
    /// A manifest with its bytes, checked against its digest.
    fn find_manifest(
        &self,
        reference: &Reference,
    ) -> impl Future<Output = Result<Option<Fetched>, Error>> + Send;

    /// The size of a blob whose descriptor does not tell it.
    fn blob_size(&self, digest: &Digest)
    -> impl Future<Output = Result<Option<u64>, Error>> + Send;

    /// A blob's bytes from an offset on.
    fn open_blob(
        &self,
        blob: &Blob,
        from: u64,
    ) -> impl Future<Output = Result<BlobStream, Error>> + Send;

    /// The manifests whose subject is `subject`.
    fn list_referrers(
        &self,
        subject: &Digest,
    ) -> impl Future<Output = Result<Vec<Descriptor>, Error>> + Send;

    /// The file that holds exactly the bytes of a blob, where there is one: a target on the same file system need not copy it.
    fn blob_file(&self, _blob: &Blob) -> Option<PathBuf> {
        None
    }

    /// The repository, where this is one in a registry: its blobs can be mounted in its neighbours.
    fn repository(&self) -> Option<(&Registry, &RepositoryName)>;
}

/// Where images go.
pub trait Target: Send + Sync {
    /// Whether a blob is already there.
    fn has_blob(&self, blob: &Blob) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Takes a blob from `source`, as far as it is not there yet, and checks it.
    fn put_blob<S: Source>(
        &self,
        blob: &Blob,
        source: &S,
        moved: Arc<dyn Fn(u64) + Send + Sync>,
    ) -> impl Future<Output = Result<Stored, Error>> + Send;

    /// Takes a manifest whose blobs and children are there, and points the tag at it.
    fn put_manifest(
        &self,
        manifest: &Fetched,
        tag: Option<&Tag>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Lists `referrer` under its subject, if the target does not do so by itself.
    fn put_referrer(
        &self,
        subject: &Digest,
        referrer: &Fetched,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// What happens during a copy.
#[derive(Debug)]
pub enum Event<'a> {
    /// A blob's turn has come.
    BlobStarted(&'a Blob),
    /// So much of it is there; it may be less than before, when a part has to be sent again.
    BlobMoved(&'a Blob, u64),
    /// It is there; `None` if it was there before.
    BlobDone(&'a Blob, Option<Stored>),
    /// A manifest is there.
    ManifestDone(&'a Fetched, Option<&'a Tag>),
}

/// Who is told what happens during a copy.
pub type Observer = Arc<dyn Fn(Event<'_>) + Send + Sync>;

/// What to copy beside the manifest itself, and how.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Manifests that refer to what is copied, and those that refer to them: signatures, attestations, SBOMs.
    pub referrers: bool,
    /// Of an index, only the images for these platforms, and what is said of them; none: all. The index itself stays as it is.
    pub platforms: Vec<Platform>,
    /// How many blobs are under way at a time.
    pub blobs_at_a_time: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self { referrers: false, platforms: Vec::new(), blobs_at_a_time: 4 }
    }
}

/// What a copy did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many manifests were put.
    pub manifests: u64,
    /// How many blobs were transferred.
    pub transferred: u64,
    /// Their bytes.
    pub transferred_bytes: u64,
    /// How many blobs the target had.
    pub present: u64,
    /// How many blobs were mounted from another repository.
    pub mounted: u64,
}

/// One copy, of one or several manifests. What has been copied once is not looked at again.
pub struct Transfer<S, T> {
    source: S,
    target: T,
    plan: Plan,
    observer: Observer,
    places: Semaphore,
    blobs: Mutex<HashMap<Digest, Arc<OnceCell<()>>>>,
    manifests: Mutex<HashMap<Digest, Arc<OnceCell<()>>>>,
    counts: [AtomicU64; 5],
}

impl<S, T> std::fmt::Debug for Transfer<S, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transfer").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl<S: Source, T: Target> Transfer<S, T> {
    /// Prepares a copy.
    pub fn new(source: S, target: T, plan: Plan, observer: Observer) -> Self {
        let places = Semaphore::new(plan.blobs_at_a_time.max(1));
        Self {
            source,
            target,
            plan,
            observer,
            places,
            blobs: Mutex::default(),
            manifests: Mutex::default(),
            counts: Default::default(),
        }
    }

    /// Where it goes.
    pub fn target(&self) -> &T {
        &self.target
    }

    /// Where it went, for the next copy.
    pub fn into_target(self) -> T {
        self.target
    }

    /// Where it comes from.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// What was done so far.
    pub fn summary(&self) -> Summary {
        let count = |index: usize| self.counts[index].load(Ordering::Relaxed);
        Summary {
            manifests: count(0),
            transferred: count(1),
            transferred_bytes: count(2),
            present: count(3),
            mounted: count(4),
        }
    }

    /// Copies a manifest and everything under it; at last, the tag is pointed at it.
    pub async fn copy(&self, manifest: &Fetched, tag: Option<&Tag>) -> Result<(), Error> {
        self.copy_tree(manifest.clone(), tag, None, 0).await
    }

    fn copy_tree<'a>(
        &'a self,
        fetched: Fetched,
        tag: Option<&'a Tag>,
        referrer_of: Option<&'a Digest>,
        depth: usize,
    ) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            if depth > MAX_DEPTH {
                return Err(Error::NestedTooDeep(fetched.digest));
            }
            let cell = self.manifests.lock().entry(fetched.digest.clone()).or_default().clone();
            let mut is_new = false;
            cell.get_or_try_init(|| {
                is_new = true;
                self.copy_once(&fetched, tag, depth)
            })
            .await?;
            if let (Some(tag), false) = (tag, is_new) {
                self.put(&fetched, Some(tag)).await?;
            }
            // Not inside the cell: a referrer may be an index that lists its own subject.
            if is_new && self.plan.referrers {
                self.copy_referrers(&fetched.digest, depth).await?;
            }
            if let Some(subject) = referrer_of {
                self.target.put_referrer(subject, &fetched).await?;
            }
            Ok(())
        }
        .boxed()
    }

    async fn copy_once(
        &self,
        fetched: &Fetched,
        tag: Option<&Tag>,
        depth: usize,
    ) -> Result<(), Error> {
        let manifest = fetched.parse()?;
        self.copy_children(&manifest, depth).await?;
        self.put(fetched, tag).await
    }

    async fn put(&self, fetched: &Fetched, tag: Option<&Tag>) -> Result<(), Error> {
        self.target.put_manifest(fetched, tag).await?;
        self.counts[0].fetch_add(1, Ordering::Relaxed);
        (self.observer)(Event::ManifestDone(fetched, tag));
        Ok(())
    }

    async fn copy_children(&self, manifest: &Manifest, depth: usize) -> Result<(), Error> {
        let entries: Vec<Descriptor> = match manifest.content() {
            Content::Image { config, layers } => std::iter::once(config)
                .chain(layers)
                .filter(|blob| is_kept_here(blob))
                .cloned()
                .collect(),
            Content::Index { manifests } => chosen(manifests, &self.plan.platforms),
        };
        let is_index = matches!(manifest.content(), Content::Index { .. });
        futures::stream::iter(entries)
            .map(|entry| async move {
                // BuildKit's cache indexes list layers.
                if is_index && is_manifest(&entry.media_type) {
                    self.copy_child(&entry.digest, None, depth + 1).await
                } else {
                    self.copy_blob(&entry).await
                }
            })
            .buffer_unordered(self.plan.blobs_at_a_time.max(1))
            .try_collect::<()>()
            .await
    }

    async fn copy_child(
        &self,
        digest: &Digest,
        referrer_of: Option<&Digest>,
        depth: usize,
    ) -> Result<(), Error> {
        let reference = Reference::Digest(digest.clone());
        let child = self.source.find_manifest(&reference).await?.ok_or_else(|| {
            Error::Layout(format!(
                "the source has no manifest {digest}, which what is being copied refers to; with `--platform`, a part \
                 that is complete can be copied alone"
            ))
        })?;
        self.copy_tree(child, None, referrer_of, depth).await
    }

    async fn copy_referrers(&self, subject: &Digest, depth: usize) -> Result<(), Error> {
        for referrer in self.source.list_referrers(subject).await? {
            self.copy_child(&referrer.digest, Some(subject), depth + 1).await?;
        }
        // Cosign, up to version 2, keeps what it knows of an image under tags made of its digest.
        for suffix in ["sig", "att", "sbom"] {
            let tag = format!("{}-{}.{suffix}", subject.algorithm(), subject.hex());
            let Ok(tag) = tag.parse::<Tag>() else { continue };
            if let Some(found) = self.source.find_manifest(&Reference::Tag(tag.clone())).await? {
                self.copy_tree(found, Some(&tag), None, depth + 1).await?;
            }
        }
        Ok(())
    }

    async fn copy_blob(&self, descriptor: &Descriptor) -> Result<(), Error> {
        let cell = self.blobs.lock().entry(descriptor.digest.clone()).or_default().clone();
        cell.get_or_try_init(|| self.copy_blob_once(descriptor)).await?;
        Ok(())
    }

    async fn copy_blob_once(&self, descriptor: &Descriptor) -> Result<(), Error> {
        let _place = self.places.acquire().await.expect("the semaphore is never closed");
        let digest = &descriptor.digest;
        let size = match descriptor.size {
            Some(size) => Some(size),
            None => self.source.blob_size(digest).await?,
        };
        let size =
            size.ok_or_else(|| Error::Layout(format!("the source does not have blob {digest}")))?;
        let blob = Blob { digest: digest.clone(), size };
        (self.observer)(Event::BlobStarted(&blob));
        if self.target.has_blob(&blob).await? {
            self.counts[3].fetch_add(1, Ordering::Relaxed);
            (self.observer)(Event::BlobDone(&blob, None));
            return Ok(());
        }
        let observer = self.observer.clone();
        let told = blob.clone();
        let moved = Arc::new(move |at| observer(Event::BlobMoved(&told, at)));
        let stored = self.target.put_blob(&blob, &self.source, moved).await?;
        match stored {
            Stored::Transferred => {
                self.counts[1].fetch_add(1, Ordering::Relaxed);
                self.counts[2].fetch_add(blob.size, Ordering::Relaxed);
            }
            Stored::Mounted => {
                self.counts[4].fetch_add(1, Ordering::Relaxed);
            }
        }
        (self.observer)(Event::BlobDone(&blob, Some(stored)));
        Ok(())
    }
}

/// What BuildKit writes at an attestation of an image.
const ATTESTS: &str = "vnd.docker.reference.digest";

/// The entries of an index that are for some of these platforms, that say something about one which is, or that are for no
/// platform at all.
fn chosen(entries: &[Descriptor], platforms: &[Platform]) -> Vec<Descriptor> {
    if platforms.is_empty() {
        return entries.to_vec();
    }
    let attested = |entry: &Descriptor| entry.annotations.as_ref()?.get(ATTESTS).cloned();
    let offered =
        |entry: &Descriptor| serde_json::from_str::<Platform>(entry.platform.as_ref()?.get()).ok();
    let is_wanted = |entry: &&Descriptor| {
        offered(entry).is_none_or(|offered| {
            platforms.iter().any(|one| one.fits(&offered) || one.nearly_fits(&offered))
        })
    };
    let mut chosen: Vec<Descriptor> = entries
        .iter()
        .filter(|entry| attested(entry).is_none())
        .filter(is_wanted)
        .cloned()
        .collect();
    let about = entries.iter().filter(|entry| {
        attested(entry).is_some_and(|digest| chosen.iter().any(|one| one.digest.as_str() == digest))
    });
    let about: Vec<Descriptor> = about.cloned().collect();
    chosen.extend(about);
    chosen
}

/// Layers that lie elsewhere are not in the source, and not pushed.
fn is_kept_here(blob: &Descriptor) -> bool {
    !blob.media_type.is_non_distributable() && blob.urls.is_empty()
}

fn is_manifest(media_type: &MediaType) -> bool {
    media_type.is_index() || media_type.is_image_manifest() || media_type.is_schema1()
}

impl Source for Repository {
    async fn find_manifest(&self, reference: &Reference) -> Result<Option<Fetched>, Error> {
        self.find_manifest(reference).await
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        self.find_blob(digest).await
    }

    async fn open_blob(&self, blob: &Blob, from: u64) -> Result<BlobStream, Error> {
        Ok(self.read_blob(blob, from))
    }

    async fn list_referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, Error> {
        self.list_referrers(subject).await
    }

    fn repository(&self) -> Option<(&Registry, &RepositoryName)> {
        Some((self.registry(), self.name()))
    }
}

impl Target for Repository {
    async fn has_blob(&self, blob: &Blob) -> Result<bool, Error> {
        Ok(self.find_blob(&blob.digest).await?.is_some())
    }

    async fn put_blob<S: Source>(
        &self,
        blob: &Blob,
        source: &S,
        moved: Arc<dyn Fn(u64) + Send + Sync>,
    ) -> Result<Stored, Error> {
        let neighbour = source
            .repository()
            .filter(|(registry, name)| *registry == self.registry() && *name != self.name())
            .map(|(_, name)| name);
        self.upload_blob(blob, neighbour, |from| source.open_blob(blob, from), moved).await
    }

    async fn put_manifest(&self, manifest: &Fetched, tag: Option<&Tag>) -> Result<(), Error> {
        self.put_manifest(manifest, tag).await.map(drop)
    }

    async fn put_referrer(&self, subject: &Digest, referrer: &Fetched) -> Result<(), Error> {
        self.keep_referrer(subject, referrer).await
    }
}
