//! Everything that is in the blob store: for finding what no row knows, on request. Nothing else ever walks it.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::TryStreamExt as _;

use super::local::LocalStore;
use super::object::ObjectStore;
use super::{BlobStore, Error, Location, Store, blocking, io};
use crate::oci::UploadId;

/// Something that is in the blob store.
#[derive(Clone, Debug)]
pub struct StoredObject {
    /// Its name.
    pub location: Location,
    /// The upload that brought it, as far as its name tells.
    pub upload: Option<UploadId>,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last written; unknown for some stores.
    pub modified: Option<SystemTime>,
}

impl BlobStore {
    /// Shows everything that is stored as a blob, or on its way to become one in a bucket, to `each`, a part at a time.
    pub async fn list_objects(
        &self,
        mut each: impl FnMut(Vec<StoredObject>) + Send,
    ) -> Result<(), Error> {
        match &self.store {
            Store::Local(local) => {
                for shard in local.shards().await? {
                    each(local.list_shard(shard).await?);
                }
                Ok(())
            }
            Store::Object(object) => object.list_all(each).await,
        }
    }
}

impl LocalStore {
    /// Directories that hold blobs, from the root: `blobs/sha256/ab`.
    async fn shards(&self) -> Result<Vec<String>, Error> {
        let root = self.root();
        blocking(move || {
            let mut found = Vec::new();
            for algorithm in names(&root.join("blobs"))? {
                for shard in names(&root.join("blobs").join(&algorithm))? {
                    found.push(format!("blobs/{algorithm}/{shard}"));
                }
            }
            Ok(found)
        })
        .await
    }

    async fn list_shard(&self, shard: String) -> Result<Vec<StoredObject>, Error> {
        let root = self.root();
        blocking(move || {
            let directory = root.join(&shard);
            let mut found = Vec::new();
            for entry in std::fs::read_dir(&directory).map_err(io(&directory))? {
                let entry = entry.map_err(io(&directory))?;
                let Ok(metadata) = entry.metadata() else { continue };
                let name = entry.file_name();
                let Some(name) = name.to_str().filter(|_| metadata.is_file()) else { continue };
                found.push(StoredObject {
                    location: Location::new(format!("{shard}/{name}")),
                    upload: name.split_once('.').and_then(|(_, id)| id.parse().ok()),
                    size: metadata.len(),
                    modified: metadata.modified().ok(),
                });
            }
            Ok(found)
        })
        .await
    }
}

fn names(directory: &Path) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(io(directory))? {
        let entry = entry.map_err(io(directory))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(entry.file_name().into_string());
        }
    }
    found.sort();
    Ok(found)
}

/// Objects that are shown together.
const PART: usize = 1000;

impl ObjectStore {
    async fn list_all(&self, mut each: impl FnMut(Vec<StoredObject>) + Send) -> Result<(), Error> {
        let mut entries = self.operator().lister_with("blobs/").recursive(true).await?;
        let mut part = Vec::new();
        while let Some(entry) = entries.try_next().await? {
            let key = entry.path();
            if key.ends_with('/') {
                continue;
            }
            let metadata = entry.metadata();
            let modified = metadata.last_modified().map(|time| {
                let millis = time.into_inner().as_millisecond();
                UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
            });
            part.push(StoredObject {
                location: Location::new(key),
                upload: key.split('/').nth(1).and_then(|id| id.parse().ok()),
                size: metadata.content_length(),
                modified,
            });
            if part.len() >= PART {
                each(std::mem::take(&mut part));
            }
        }
        each(part);
        Ok(())
    }
}
