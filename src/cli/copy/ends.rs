//! The two ends of a copy, whichever kind of place each of them is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::archive::{Archive, scan};
use super::archive_writer::ArchiveWriter;
use super::distribution::TreeRepository;
use super::docker_archive::DockerArchive;
use super::layout::{INDEX_FILE, Layout, failed};
use super::own::Own;
use super::packed;
use super::place::{Location, Place};
use crate::cli::client::heed_scheme;
use crate::cli::credentials::CredentialFiles;
use crate::oci::{Descriptor, Digest, Reference, RepositoryName, Tag};
use crate::remote::transfer::{Blob, Source, Target};
use crate::remote::{BlobStream, Error, Fetched, Options, Registry, Remote, Repository, Stored};

/// Where a copy comes from.
#[derive(Debug)]
pub(in crate::cli) enum From {
    Own(Own),
    Tree(TreeRepository),
    Registry(Repository),
    Layout(Layout),
    Archive(Archive),
    DockerArchive(DockerArchive),
}

/// Where a copy goes.
#[derive(Debug)]
pub(in crate::cli) enum To {
    Own(Own),
    Registry(Repository),
    Layout(Layout),
    Archive(ArchiveWriter),
}

/// A repository of a registry, with the credentials that are stored for it.
pub(in crate::cli) fn open_registry(
    registry: &Registry,
    name: &RepositoryName,
    scheme: &str,
    options: &Options,
) -> anyhow::Result<Repository> {
    let mut options = options.clone();
    heed_scheme(&mut options, scheme, registry);
    let credentials = CredentialFiles::of_user().find(registry, Some(name))?;
    Ok(Remote::new(registry.clone(), credentials, &options)?.repository(name.clone()))
}

/// A layout or an archive, written as for `berth copy`.
pub(in crate::cli) fn open_source(place: &str, options: &Options) -> anyhow::Result<From> {
    From::open(&place.parse::<Place>().map_err(anyhow::Error::msg)?, options)
}

/// A directory, or a file that ends in `.tar`, to be written to.
pub(in crate::cli) async fn create_target(path: &Path) -> anyhow::Result<To> {
    if path.extension().is_some_and(|extension| extension == "tar") {
        return Ok(To::Archive(ArchiveWriter::create(path).await?));
    }
    Ok(To::Layout(Layout::create(path)?))
}

/// What a tar file is called in a place: `oci-archive` or `docker-archive`. What `docker save` writes since Docker 25 is both,
/// and then the former, which keeps digests.
pub(in crate::cli) fn archive_kind(path: &Path) -> Result<&'static str, Error> {
    let file = packed::open(path)?;
    let files = scan(&file).map_err(|cause| failed("read", path, cause))?;
    if files.contains_key(INDEX_FILE) {
        return Ok("oci-archive");
    }
    if files.contains_key("manifest.json") {
        return Ok("docker-archive");
    }
    Err(Error::Layout(format!(
        "{} is no image archive: it has neither `index.json` nor `manifest.json`",
        path.display()
    )))
}

impl From {
    /// The digests of what has no tag, where nothing has one.
    pub(in crate::cli) fn only_digest(&self, place: &str) -> anyhow::Result<Vec<Digest>> {
        let place = place.parse::<Place>().map_err(anyhow::Error::msg)?;
        match self.choose(&place)?.0 {
            Reference::Digest(digest) => Ok(vec![digest]),
            Reference::Tag(_) => Ok(Vec::new()),
        }
    }

    pub(super) fn open(place: &Place, options: &Options) -> anyhow::Result<Self> {
        Ok(match &place.location {
            Location::Registry(registry, name) => {
                Self::Registry(open_registry(registry, name, place.scheme, options)?)
            }
            Location::Layout(path) => Self::Layout(Layout::open(path)?),
            Location::Archive(path) => Self::Archive(Archive::open(path)?),
            Location::DockerArchive(path) => Self::DockerArchive(DockerArchive::open(path)?),
        })
    }

    /// Which manifest is meant, and the tag that it has there.
    pub(super) fn choose(&self, place: &Place) -> anyhow::Result<(Reference, Option<Tag>)> {
        if let Some(reference) = place.reference() {
            return Ok((reference, place.tag.clone()));
        }
        let (digest, tag) = match self {
            Self::Registry(_) | Self::Own(_) | Self::Tree(_) => {
                let latest: Tag = "latest".parse()?;
                return Ok((Reference::Tag(latest.clone()), Some(latest)));
            }
            Self::Layout(layout) => layout.read_index()?.only(&place.to_string())?,
            Self::Archive(archive) => archive.index().only(&place.to_string())?,
            Self::DockerArchive(archive) => archive.only()?,
        };
        Ok((Reference::Digest(digest), tag))
    }

    /// All tags of a place that is no registry; of a registry they come page by page.
    pub(in crate::cli) fn tags(&self) -> Result<Vec<Tag>, Error> {
        match self {
            Self::Registry(_) | Self::Own(_) => Ok(Vec::new()),
            Self::Tree(tree) => tree.tags(),
            Self::Layout(layout) => Ok(layout.read_index()?.tags()),
            Self::Archive(archive) => Ok(archive.index().tags()),
            Self::DockerArchive(archive) => Ok(archive.tags()),
        }
    }
}

impl To {
    pub(super) async fn open(place: &Place, options: &Options) -> anyhow::Result<Self> {
        Ok(match &place.location {
            Location::Registry(registry, name) => {
                Self::Registry(open_registry(registry, name, place.scheme, options)?)
            }
            Location::Layout(path) => Self::Layout(Layout::create(path)?),
            Location::Archive(path) => Self::Archive(ArchiveWriter::create(path).await?),
            Location::DockerArchive(_) => anyhow::bail!(
                "`docker-archive:` can only be read; write `oci-archive:` instead, which `docker load` takes since Docker 25"
            ),
        })
    }

    /// Lists a manifest that was copied without a tag, where nothing else would lead to it.
    pub(in crate::cli) async fn keep_untagged(&self, manifest: &Fetched) -> Result<(), Error> {
        match self {
            Self::Registry(_) | Self::Own(_) => Ok(()),
            Self::Layout(layout) => layout.change_index(|index| index.add(manifest, None)).await,
            Self::Archive(archive) => {
                archive.add(manifest, None);
                Ok(())
            }
        }
    }

    /// Completes what is not complete piece by piece.
    pub(in crate::cli) async fn finish(&self) -> Result<(), Error> {
        match self {
            Self::Registry(_) | Self::Layout(_) | Self::Own(_) => Ok(()),
            Self::Archive(archive) => archive.finish().await,
        }
    }
}

/// Does the same with whichever place it is.
macro_rules! each {
    ($self:ident, $place:ident => $call:expr, $($kind:ident),+) => {
        match $self { $(Self::$kind($place) => $call.await,)+ }
    };
}

impl Source for From {
    async fn find_manifest(&self, reference: &Reference) -> Result<Option<Fetched>, Error> {
        each!(self, place => place.find_manifest(reference), Own, Tree, Registry, Layout, Archive, DockerArchive)
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        each!(self, place => place.blob_size(digest), Own, Tree, Registry, Layout, Archive, DockerArchive)
    }

    async fn open_blob(&self, blob: &Blob, from: u64) -> Result<BlobStream, Error> {
        each!(self, place => place.open_blob(blob, from), Own, Tree, Registry, Layout, Archive, DockerArchive)
    }

    async fn list_referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, Error> {
        each!(self, place => place.list_referrers(subject), Own, Tree, Registry, Layout, Archive, DockerArchive)
    }

    fn repository(&self) -> Option<(&Registry, &RepositoryName)> {
        match self {
            Self::Registry(repository) => Some((repository.registry(), repository.name())),
            _ => None,
        }
    }

    fn blob_file(&self, blob: &Blob) -> Option<PathBuf> {
        match self {
            Self::Tree(tree) => tree.blob_file(blob),
            Self::Layout(layout) => layout.blob_file(blob),
            _ => None,
        }
    }
}

impl Target for To {
    async fn has_blob(&self, blob: &Blob) -> Result<bool, Error> {
        each!(self, place => place.has_blob(blob), Own, Registry, Layout, Archive)
    }

    async fn put_blob<S: Source>(
        &self,
        blob: &Blob,
        source: &S,
        moved: Arc<dyn Fn(u64) + Send + Sync>,
    ) -> Result<Stored, Error> {
        each!(self, place => place.put_blob(blob, source, moved), Own, Registry, Layout, Archive)
    }

    async fn put_manifest(&self, manifest: &Fetched, tag: Option<&Tag>) -> Result<(), Error> {
        match self {
            Self::Registry(repository) => repository.put_manifest(manifest, tag).await.map(drop),
            Self::Own(own) => own.put_manifest(manifest, tag).await,
            Self::Layout(layout) => layout.put_manifest(manifest, tag).await,
            Self::Archive(archive) => archive.put_manifest(manifest, tag).await,
        }
    }

    async fn put_referrer(&self, subject: &Digest, referrer: &Fetched) -> Result<(), Error> {
        each!(self, place => place.put_referrer(subject, referrer), Own, Registry, Layout, Archive)
    }
}
