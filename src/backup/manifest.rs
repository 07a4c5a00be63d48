//! What belongs to a backup.

use serde::{Deserialize, Serialize};

use super::{Error, Target};
use crate::clock::Timestamp;
use crate::meta::SnapshotSummary;
use crate::oci::Digest;
use crate::secret::random_bytes;

/// The form of what is written here; a later one may say more, an unknown one is refused.
pub(super) const FORM: u32 = 1;

/// No manifest is longer: what grows with the registry is in the index.
const LONGEST: usize = 16 << 20;

pub(super) const FOLDER: &str = "backups/";
const NAME: &str = "manifest.json";

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFile {
    /// Its name in the place.
    pub name: String,
    /// The size of what is in it.
    pub size: u64,
    /// The digest of what is in it.
    pub digest: Digest,
    /// Its own size: compressed, encrypted.
    pub stored: u64,
}

/// A backup that is complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of this file.
    pub form: u32,
    /// The backup's name; those of later ones sort behind it.
    pub id: String,
    /// The moment that it shows.
    #[serde(with = "moment")]
    pub at: Timestamp,
    /// The version of Berth that took it.
    pub berth: String,
    /// The registry.
    pub instance: String,
    /// The snapshot of the database.
    pub database: BackupFile,
    /// The list of blobs; none: they are where the registry has them.
    pub blobs: Option<BackupFile>,
    /// The key file.
    pub key: Option<BackupFile>,
    /// The folder of its blobs.
    pub scope: String,
    /// Whom it is encrypted to; nobody: it is not.
    pub recipients: Vec<String>,
    /// What is in it.
    pub summary: SnapshotSummary,
    /// Blobs that this backup had to send.
    pub sent_blobs: u64,
    /// Bytes of them, as they are kept.
    pub sent_bytes: u64,
    /// Blobs that the registry itself could not read any more.
    pub damaged: Vec<Digest>,
}

/// An entry of the list of backups.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its name.
    pub id: String,
    /// What it says of itself, or why that cannot be read.
    pub manifest: Result<Manifest, String>,
}

/// A name for a backup of this moment.
pub(super) fn new_id(at: Timestamp) -> String {
    let moment = at.to_string();
    let second = moment.split('.').next().unwrap_or_default();
    let time: String = second.chars().filter(char::is_ascii_alphanumeric).collect();
    random_bytes(3).iter().fold(time + "Z-", |id, byte| format!("{id}{byte:02x}"))
}

fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

/// The name of one of a backup's files.
pub(super) fn file_of(id: &str, file: &str) -> String {
    format!("{FOLDER}{id}/{file}")
}

impl Manifest {
    /// Whether it is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        !self.recipients.is_empty()
    }

    /// Whether it holds no blobs, as it lies beside them.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        self.blobs.is_none()
    }

    pub(super) async fn write(&self, target: &Target) -> Result<(), Error> {
        let text = serde_json::to_vec_pretty(self).expect("a manifest is plain data");
        Ok(target.depot.write_whole(&file_of(&self.id, NAME), text).await?)
    }

    pub(super) async fn remove(id: &str, target: &Target) -> Result<(), Error> {
        Ok(target.depot.delete(&file_of(id, NAME)).await?)
    }
}

impl Target {
    /// A backup by its name.
    pub async fn find(&self, id: &str) -> Result<Manifest, Error> {
        let unknown =
            || Error::Unknown { id: id.chars().take(80).collect(), place: self.to_string() };
        if !is_id(id) {
            return Err(unknown());
        }
        let name = file_of(id, NAME);
        let text = self.depot.read_whole(&name, LONGEST).await?.ok_or_else(unknown)?;
        read(&name, &text)
    }

    /// All backups, the oldest first.
    pub async fn list(&self) -> Result<Vec<Listed>, Error> {
        let (listed, _) = self.list_all().await?;
        Ok(listed)
    }

    /// All backups, and the names of files that belong to none.
    pub(super) async fn list_all(&self) -> Result<(Vec<Listed>, Vec<String>), Error> {
        let files = self.depot.list(FOLDER).await?;
        let id_of = |name: &str| Some(name.strip_prefix(FOLDER)?.split('/').next()?.to_owned());
        let is_manifest = |name: &str| name.rsplit('/').next() == Some(NAME);
        let mut ids: Vec<String> = files
            .iter()
            .filter(|file| is_manifest(&file.name))
            .filter_map(|file| id_of(&file.name))
            .filter(|id| is_id(id))
            .collect();
        ids.sort();
        let names = files.into_iter().map(|file| file.name);
        let strays = names.filter(|name| id_of(name).is_none_or(|id| !ids.contains(&id))).collect();
        let mut listed = Vec::new();
        for id in ids {
            let manifest = match self.find(&id).await {
                Ok(manifest) => Ok(manifest),
                Err(Error::File { what, .. }) => Err(what),
                // Somebody has just removed it.
                Err(Error::Unknown { .. }) => continue,
                Err(error) => return Err(error),
            };
            listed.push(Listed { id, manifest });
        }
        Ok((listed, strays))
    }
}

fn read(name: &str, text: &[u8]) -> Result<Manifest, Error> {
    #[derive(Deserialize)]
    struct Form {
        form: u32,
    }
    let damaged = |error: serde_json::Error| Error::file(name, format!("it is damaged: {error}"));
    let Form { form } = serde_json::from_slice(text).map_err(damaged)?;
    if form != FORM {
        let what =
            format!("a later version of Berth wrote it (form {form}; this version knows {FORM})");
        return Err(Error::file(name, what));
    }
    serde_json::from_slice(text).map_err(damaged)
}

mod moment {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::clock::Timestamp;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives the field")]
    pub(super) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&at.to_string())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
