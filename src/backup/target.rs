//! Where backups are: named by the configuration or by a command.

use std::collections::BTreeMap;
use std::path::Path;

use super::Error;
use crate::blob::Depot;
use crate::config::{self, Backend};

/// A place for backups; clones share it.
#[derive(Clone, Debug)]
pub struct Target {
    pub(super) depot: Depot,
    /// Where the blobs are, if snapshots lie beside them.
    pub(super) blobs: Option<Depot>,
    name: String,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

const SCHEMES: [(&str, Backend); 3] =
    [("s3", Backend::S3), ("azblob", Backend::Azblob), ("gcs", Backend::Gcs)];

/// The folder of snapshots in a bucket of blobs.
const SNAPSHOTS: &str = "snapshots";

fn name_of(backend: Backend, options: &BTreeMap<String, String>) -> String {
    let scheme = SCHEMES.iter().find(|(_, known)| *known == backend);
    let scheme = scheme.map_or("", |(scheme, _)| scheme);
    let option = |name: &str| options.get(name).map_or("", String::as_str);
    let bucket = if backend == Backend::Azblob { "container" } else { "bucket" };
    format!("{scheme}://{}/{}", option(bucket), option("root").trim_matches('/'))
}

impl Target {
    /// The one that is configured.
    pub fn of(config: &config::Backup) -> Result<Self, Error> {
        if config.backend == Backend::Fs {
            let path = config.directory.as_ref().ok_or(Error::NotConfigured)?;
            return Ok(Self::directory(path));
        }
        let depot = Depot::bucket(config.backend, &config.options)?;
        Ok(Self { depot, blobs: None, name: name_of(config.backend, &config.options) })
    }

    /// Where a registry writes snapshots beside the blobs in its bucket; none where they are files, or in memory.
    pub fn beside_blobs(storage: &config::Storage) -> Result<Option<Self>, Error> {
        if matches!(storage.backend, Backend::Fs | Backend::Memory) {
            return Ok(None);
        }
        let mut options = storage.options.clone();
        let root = options.get("root").map_or("", |root| root.trim_matches('/'));
        let below = format!("/{root}/{SNAPSHOTS}/").replace("//", "/");
        options.insert("root".to_owned(), below);
        Ok(Some(Self {
            depot: Depot::bucket(storage.backend, &options)?,
            blobs: Some(Depot::bucket(storage.backend, &storage.options)?),
            name: name_of(storage.backend, &options),
        }))
    }

    /// A directory.
    #[must_use]
    pub fn directory(path: &Path) -> Self {
        Self { depot: Depot::directory(path), blobs: None, name: path.display().to_string() }
    }

    /// The one that a command names: a directory, or a bucket as a URL; what else is to be known of that one comes from
    /// `backup.options`. Without a name, the one that is configured.
    pub fn named(text: Option<&str>, config: &config::Backup) -> Result<Self, Error> {
        let Some(text) = text else { return Self::of(config) };
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self::directory(Path::new(text)));
        };
        let no_place = || Error::NoPlace(text.to_owned());
        let (_, backend) =
            SCHEMES.iter().find(|(known, _)| *known == scheme).ok_or_else(no_place)?;
        let (bucket, root) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(no_place());
        }
        let key = if *backend == Backend::Azblob { "container" } else { "bucket" };
        let mut named = config::Backup { backend: *backend, ..config.clone() };
        named.options.insert(key.to_owned(), bucket.to_owned());
        named.options.insert("root".to_owned(), format!("/{root}"));
        Self::of(&named)
    }

    /// Removes a file that was found to be damaged: the next backup sends it again.
    pub async fn remove_damaged(&self, name: &str) -> Result<(), Error> {
        Ok(self.depot.delete(name).await?)
    }
}
