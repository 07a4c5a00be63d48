//! `[backup]`: where copies go, who can read them, and how many are kept.

use std::collections::BTreeMap;
use std::path::PathBuf;

use berth_parcel::{InvalidKey, Recipient};
use serde::{Deserialize, Serialize};

use super::HumanDuration;
use super::sections::optional;
use super::storage::Backend;
use crate::clock::Cron;

/// `[backup]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// When they are taken.
    #[serde(with = "optional")]
    pub schedule: Option<Cron>,
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
    /// How often, at most, a snapshot of the database goes into the bucket of the blobs; 0: never.
    pub snapshot_every: HumanDuration,
    /// How many of these are kept, beside one for each of the last days.
    pub keep_snapshots: u32,
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
            schedule: None,
            backend: Backend::Fs,
            directory: None,
            options: BTreeMap::new(),
            recipients: Vec::new(),
            include_key: IncludeKey::Encrypted,
            keep: 14,
            snapshot_every: HumanDuration::seconds(15 * 60),
            keep_snapshots: 24,
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
        if self.schedule.is_some() && !self.is_configured() {
            let what = "there is no place for them: set `backup.directory`, or `backup.backend` and `backup.options`";
            problems.push(("backup.schedule", what.to_owned()));
        }
        if (1..60).contains(&self.snapshot_every.get().as_secs()) {
            let what =
                format!("{} is shorter than one minute; `0s` takes none", self.snapshot_every);
            problems.push(("backup.snapshot_every", what));
        }
        if self.keep_snapshots == 0 {
            let what = "the latest snapshot has to stay: write 1 or more".to_owned();
            problems.push(("backup.keep_snapshots", what));
        }
        if let Err(error) = self.recipients() {
            problems.push(("backup.recipients", error.to_string()));
        }
        problems
    }
}
