//! `[backup]`: where copies go, who can read them, and how many are kept.

use std::collections::BTreeMap;
use std::path::PathBuf;

use berth_parcel::{InvalidKey, Recipient};
use serde::{Deserialize, Serialize};

use super::sections::{Backend, optional};

/// `[backup]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// Where backups go.
    pub backend: Backend,
    /// The directory, with `fs`.
    #[serde(with = "optional")]
    pub directory: Option<PathBuf>,
    /// Settings of a bucket, handed to `OpenDAL` as they are.
    pub options: BTreeMap<String, String>,
    /// Whom backups are encrypted to.
    pub recipients: Vec<String>,
    /// Whether the key file goes along.
    pub include_key: IncludeKey,
    /// How many are kept; 0: all.
    pub keep: u32,
}

/// `backup.include_key`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IncludeKey {
    /// Into backups that are encrypted.
    Encrypted,
    /// Into all.
    Always,
    /// Into none.
    Never,
}

impl Default for Backup {
    fn default() -> Self {
        Self {
            backend: Backend::Fs,
            directory: None,
            options: BTreeMap::new(),
            recipients: Vec::new(),
            include_key: IncludeKey::Encrypted,
            keep: 14,
        }
    }
}

impl Backup {
    /// Whether there is a place for backups.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        match self.backend {
            Backend::Fs => self.directory.is_some(),
            Backend::Memory => false,
            _ => true,
        }
    }

    /// Whom backups are encrypted to, read.
    pub fn recipients(&self) -> Result<Vec<Recipient>, InvalidKey> {
        self.recipients.iter().map(|text| text.parse()).collect()
    }

    pub(super) fn check(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if self.backend == Backend::Memory {
            let what =
                "a backup that no restart survives is none: use `fs`, `s3`, `azblob` or `gcs`";
            problems.push(("backup.backend", what.to_owned()));
        }
        if self.backend == Backend::Fs && !self.options.is_empty() {
            let what =
                "`backup.options` is for buckets: set `backup.backend`, or use `backup.directory`";
            problems.push(("backup.backend", what.to_owned()));
        }
        if let Err(error) = self.recipients() {
            problems.push(("backup.recipients", error.to_string()));
        }
        problems
    }
}
