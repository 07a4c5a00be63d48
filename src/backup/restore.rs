//! Bringing a registry back: into an empty directory, from the latest backup or an earlier one.
//!
//! The database gets its name last. Until then the directory is locked, and what an interrupted restore leaves is no registry.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use berth_parcel::{Form, Identity};
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::io::AsyncWriteExt as _;

use super::create::blocking;
use super::index::{self, Line};
use super::manifest::{BackupFile, Manifest};
use super::{Error, Target, Watch, pipe};
use crate::blob::{self, Append, BlobStore, Location, Probe, Session};
use crate::clock::Timestamp;
use crate::config::Storage;
use crate::meta::Snapshot;
use crate::oci::{Algorithm, Digest, UploadId};
use crate::remote::Digester;
use crate::secret::Keyring;

/// Blobs that are brought back at the same time.
const AT_ONCE: usize = 4;

/// The database until it is complete.
const UNFINISHED: &str = "berth.db.restoring";

/// Which backup is wanted.
#[derive(Clone, Debug)]
pub enum Which {
    /// The latest.
    Latest,
    /// The latest that shows nothing after this moment.
    At(Timestamp),
    /// The one of this name.
    Id(String),
}

/// How a registry is to be restored.
#[derive(Clone, Debug)]
pub struct Restore {
    /// Where it goes: the data directory, and where blobs are to be kept.
    pub storage: Storage,
    /// Who opens an encrypted backup.
    pub identities: Vec<Identity>,
    /// The key file, if the backup does not hold it.
    pub key_file: Option<PathBuf>,
    /// Go on without the secrets that need it.
    pub forget_secrets: bool,
    /// The time.
    pub now: Timestamp,
}

/// A registry that was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// From what.
    pub manifest: Manifest,
    /// Blobs that were brought back.
    pub blobs: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// What could not be brought back.
    pub missing: Vec<String>,
}

impl Target {
    /// The backup that is wanted.
    pub async fn choose(&self, which: &Which) -> Result<Manifest, Error> {
        let until = match which {
            Which::Id(id) => return self.find(id).await,
            Which::Latest => None,
            Which::At(at) => Some(*at),
        };
        let listed = self.list().await?;
        let complete = listed.into_iter().filter_map(|listed| listed.manifest.ok());
        let fitting = complete.filter(|manifest| until.is_none_or(|until| manifest.at <= until));
        fitting.max_by_key(|manifest| manifest.at).ok_or_else(|| Error::None(self.to_string()))
    }
}

impl Restore {
    /// Restores a backup.
    pub async fn run(
        &self,
        target: &Target,
        manifest: Manifest,
        watch: &Watch,
    ) -> Result<Restored, Error> {
        let data = &self.storage.data;
        make_empty(data)?;
        let lock = lock(data)?;
        watch.at("database", 0, manifest.summary.blobs, 0)?;
        let path = data.join(UNFINISHED);
        unpack_file(target, &manifest.database, &self.identities, &path).await?;
        let keys = self.bring_key(target, &manifest).await?;
        let opened = path.clone();
        let forget = self.forget_secrets;
        let (opens, snapshot) = blocking(move || {
            let snapshot = Snapshot::open(&opened)?;
            let opens = snapshot.opens_with(keys.as_ref())?;
            if !opens && forget {
                snapshot.forget_secrets()?;
            }
            Ok((opens || forget, (snapshot, keys.filter(|_| opens))))
        })
        .await?;
        if !opens {
            // Another try needs an empty directory.
            clear(data)?;
            return Err(self.key_file.clone().map_or(Error::NoKey, Error::WrongKey));
        }
        let (snapshot, keys) = snapshot;
        let mut restored =
            Restored { manifest: manifest.clone(), blobs: 0, bytes: 0, missing: Vec::new() };
        let (snapshot, moved) = if manifest.is_in_place() {
            let (snapshot, blobs) = blocking(move || {
                let blobs = snapshot.list_all_blobs()?;
                Ok((snapshot, blobs))
            })
            .await?;
            restored.missing = target.lacks(&blobs).await?;
            (snapshot, None)
        } else {
            let storage = self.storage.clone();
            let opening = move || Ok(BlobStore::open(&storage, Probe::default())?);
            let blobs = blocking(opening).await?;
            (snapshot, Some(self.bring_blobs(target, &blobs, &mut restored, watch).await?))
        };
        watch.at("rows", restored.blobs, manifest.summary.blobs, restored.bytes)?;
        let (now, to) = (self.now, data.join("berth.db"));
        blocking(move || {
            match moved {
                Some(moved) => snapshot.settle_elsewhere(&moved, now)?,
                None => snapshot.settle_in_place()?,
            }
            if let Some(keys) = keys {
                let detail = serde_json::json!({ "at": manifest.at.to_string() });
                snapshot.note_restore(&keys, &manifest.id, now, detail)?;
            }
            snapshot.close()?;
            std::fs::rename(&path, &to).map_err(Error::io(&to))?;
            sync_parent(&to)
        })
        .await?;
        drop(lock);
        Ok(restored)
    }

    /// Puts the key file where the registry looks for it; gives its keys.
    async fn bring_key(
        &self,
        target: &Target,
        manifest: &Manifest,
    ) -> Result<Option<Keyring>, Error> {
        let to = self.storage.key_path();
        if let Some(from) = &self.key_file {
            let text = std::fs::read(from).map_err(Error::io(from))?;
            if to != *from {
                write_private(&to, &text)?;
            }
        } else if let Some(key) = &manifest.key
            && !to.exists()
        {
            unpack_file(target, key, &self.identities, &to).await?;
        }
        Ok(Keyring::load(&to)?)
    }

    async fn bring_blobs(
        &self,
        target: &Target,
        blobs: &BlobStore,
        restored: &mut Restored,
        watch: &Watch,
    ) -> Result<Vec<(Digest, Location)>, Error> {
        let manifest = restored.manifest.clone();
        let mut lines = Vec::new();
        index::read(target, &manifest, |line| lines.push(line)).await?;
        let of = lines.len() as u64;
        let mut moved = Vec::with_capacity(lines.len());
        let bringing = futures::stream::iter(lines).map(|line| async move {
            let brought = self.bring_blob(target, blobs, &line).await;
            (brought, line)
        });
        let mut bringing = std::pin::pin!(bringing.buffer_unordered(AT_ONCE));
        while let Some((brought, line)) = bringing.next().await {
            match brought {
                Ok(location) => {
                    restored.blobs += 1;
                    restored.bytes += line.size;
                    moved.push((line.digest, location));
                }
                Err(Error::File { name, what }) => restored.missing.push(format!("{name}: {what}")),
                Err(error) => return Err(error),
            }
            watch.at("blobs", restored.blobs, of, restored.bytes)?;
        }
        for digest in manifest.damaged {
            restored.missing.push(format!(
                "{digest}: the registry could not read it when the backup was taken"
            ));
        }
        Ok(moved)
    }

    /// Stores a blob as a push does: hashed while it is written, durable before its row names it.
    async fn bring_blob(
        &self,
        target: &Target,
        blobs: &BlobStore,
        line: &Line,
    ) -> Result<Location, Error> {
        let Line { digest, size, name, .. } = line;
        let bytes = target.depot.read(name).await?;
        let bytes = bytes.ok_or_else(|| Error::file(name, "it is missing"))?;
        let plain = pipe::unpack(bytes, Form::split(name).1, self.identities.clone());
        let id = UploadId::random();
        let mut session = Session::new(digest.algorithm());
        let append = Append { exactly: Some(*size), announced: None };
        let stored = async {
            blobs.append(&id, &mut session, plain, append).await?;
            blobs.verify(&id, &session, digest).await?;
            let location = blobs.finish(&id, &mut session, digest).await?;
            blobs.settle(&id).await?;
            Ok(location)
        }
        .await;
        match stored {
            Ok(location) => Ok(location),
            Err(
                error @ (blob::Error::DigestMismatch { .. }
                | blob::Error::Interrupted(_)
                | blob::Error::SizeMismatch { .. }),
            ) => {
                blobs.abandon(&id, Some(&session)).await?;
                Err(Error::file(name, error))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Unpacks a file of a backup, and compares it with what the manifest says.
pub(super) async fn unpack_file(
    target: &Target,
    file: &BackupFile,
    identities: &[Identity],
    to: &Path,
) -> Result<(), Error> {
    let BackupFile { name, size, digest, .. } = file;
    let bytes = target.depot.read(name).await?;
    let bytes = bytes.ok_or_else(|| Error::file(name, "it is missing"))?;
    let mut plain = pipe::unpack(bytes, Form::split(name).1, identities.to_vec());
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    let mut written = tokio::fs::File::from_std(made.map_err(Error::io(to))?);
    let (mut digester, mut length) = (Digester::new(Algorithm::Sha256), 0);
    let copied = async {
        while let Some(chunk) = plain.try_next().await.map_err(|error| Error::file(name, error))? {
            digester.update(&chunk);
            length += chunk.len() as u64;
            if length > *size {
                // What little expands to much is not to fill the disk.
                return Err(Error::file(name, "it holds more than the manifest says"));
            }
            written.write_all(&chunk).await.map_err(Error::io(to))?;
        }
        written.flush().await.map_err(Error::io(to))?;
        written.sync_all().await.map_err(Error::io(to))?;
        if length == *size && digester.finish() == *digest {
            Ok(())
        } else {
            Err(Error::file(name, "it is not what the manifest says: its digest is another"))
        }
    }
    .await;
    if copied.is_err() {
        let _ = std::fs::remove_file(to);
    }
    copied
}

/// Makes the directory, or takes one that is empty.
fn make_empty(path: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::io(path))?;
    for entry in std::fs::read_dir(path).map_err(Error::io(path))? {
        let entry = entry.map_err(Error::io(path))?;
        // What file systems put into their roots is nobody's.
        if entry.file_name() != "lost+found" {
            return Err(Error::NotEmpty(path.to_owned()));
        }
    }
    Ok(())
}

/// Nobody is to serve the directory before it is complete.
fn lock(data: &Path) -> Result<File, Error> {
    let path = data.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(Error::io(&path))?;
    file.try_lock().map_err(|_| Error::Busy(data.to_owned()))?;
    Ok(file)
}

/// Removes what a restore that has not begun with blobs has put there.
fn clear(data: &Path) -> Result<(), Error> {
    for name in [UNFINISHED, "berth.key", "lock"] {
        let path = data.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io(path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    use std::io::Write as _;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.map_err(Error::io(path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(Error::io(path))
}

fn sync_parent(path: &Path) -> Result<(), Error> {
    let parent = path.parent().unwrap_or(Path::new("."));
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(Error::io(parent))
}
