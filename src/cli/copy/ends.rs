//! The two ends of a copy, whichever kind of place each of them is.

use std::sync::Arc;

use super::archive::Archive;
use super::archive_writer::ArchiveWriter;
use super::docker_archive::DockerArchive;
use super::layout::Layout;
use super::place::{Location, Place};
use crate::cli::client::heed_scheme;
use crate::cli::credentials::CredentialFiles;
use crate::oci::{Descriptor, Digest, Reference, RepositoryName, Tag};
use crate::remote::transfer::{Blob, Source, Target};
use crate::remote::{BlobStream, Error, Fetched, Options, Registry, Remote, Repository, Stored};

/// Where a copy comes from.
#[derive(Debug)]
pub(super) enum From {
    Registry(Repository),
    Layout(Layout),
    Archive(Archive),
    DockerArchive(DockerArchive),
}

/// Where a copy goes.
#[derive(Debug)]
pub(super) enum To {
    Registry(Repository),
    Layout(Layout),
    Archive(ArchiveWriter),
}

pub(super) fn open_registry(
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

impl From {
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
            Self::Registry(_) => {
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
    pub(super) fn tags(&self) -> Result<Vec<Tag>, Error> {
        match self {
            Self::Registry(_) => Ok(Vec::new()),
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
    pub(super) async fn keep_untagged(&self, manifest: &Fetched) -> Result<(), Error> {
        match self {
            Self::Registry(_) => Ok(()),
            Self::Layout(layout) => layout.change_index(|index| index.add(manifest, None)).await,
            Self::Archive(archive) => {
                archive.add(manifest, None);
                Ok(())
            }
        }
    }

    /// Completes what is not complete piece by piece.
    pub(super) async fn finish(&self) -> Result<(), Error> {
        match self {
            Self::Registry(_) | Self::Layout(_) => Ok(()),
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
        each!(self, place => place.find_manifest(reference), Registry, Layout, Archive, DockerArchive)
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        each!(self, place => place.blob_size(digest), Registry, Layout, Archive, DockerArchive)
    }

    async fn open_blob(&self, blob: &Blob, from: u64) -> Result<BlobStream, Error> {
        each!(self, place => place.open_blob(blob, from), Registry, Layout, Archive, DockerArchive)
    }

    async fn list_referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, Error> {
        each!(self, place => place.list_referrers(subject), Registry, Layout, Archive, DockerArchive)
    }

    fn repository(&self) -> Option<(&Registry, &RepositoryName)> {
        match self {
            Self::Registry(repository) => Some((repository.registry(), repository.name())),
            Self::Layout(_) | Self::Archive(_) | Self::DockerArchive(_) => None,
        }
    }
}

impl Target for To {
    async fn has_blob(&self, blob: &Blob) -> Result<bool, Error> {
        each!(self, place => place.has_blob(blob), Registry, Layout, Archive)
    }

    async fn put_blob<S: Source>(
        &self,
        blob: &Blob,
        source: &S,
        moved: Arc<dyn Fn(u64) + Send + Sync>,
    ) -> Result<Stored, Error> {
        each!(self, place => place.put_blob(blob, source, moved), Registry, Layout, Archive)
    }

    async fn put_manifest(&self, manifest: &Fetched, tag: Option<&Tag>) -> Result<(), Error> {
        match self {
            Self::Registry(repository) => repository.put_manifest(manifest, tag).await.map(drop),
            Self::Layout(layout) => layout.put_manifest(manifest, tag).await,
            Self::Archive(archive) => archive.put_manifest(manifest, tag).await,
        }
    }

    async fn put_referrer(&self, subject: &Digest, referrer: &Fetched) -> Result<(), Error> {
        each!(self, place => place.put_referrer(subject, referrer), Registry, Layout, Archive)
    }
}
