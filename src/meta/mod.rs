//! Metadata in SQLite: the only place that knows SQL.
//!
//! Each async method of [`Meta`] is one transaction. Below it, each statement is a plain function over [`tx::Tx`], one
//! file per family of tables, in the SQL that SQLite and PostgreSQL share. What is wrong with a client's wish (a blob
//! that is not there, a tag that moved) is a value of the answer; [`Error`] is a failure of the database.

mod account;
mod advisory;
mod backup;
mod binding;
mod blob;
mod cache;
mod contents;
mod damage;
mod db;
mod device;
mod directory;
mod error;
mod event;
mod event_kind;
mod federation;
mod garbage;
mod group;
mod guard;
mod hold;
mod immutability;
mod installed_plugin;
mod instance;
mod issuer;
mod job;
mod key;
mod keys;
mod lease;
mod lock;
mod loose;
mod manifest;
mod manifest_details;
mod migrate;
mod outbox;
mod plugin;
mod provider;
mod quarantine;
mod quota;
mod quota_count;
mod refresh;
mod replication;
mod replication_state;
mod repository;
mod retention;
mod role;
mod scan;
mod scan_change;
mod scan_search;
mod schedule;
mod sealed;
mod session;
mod setup;
mod snapshot;
mod subject;
mod tag;
mod token;
mod traffic;
mod trash;
mod trash_list;
mod trust;
mod tx;
mod upkeep;
mod upload;
mod webhook;

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

pub use account::{
    Account, AccountChange, AccountChanged, AccountKind, ExternalAccount, NewAccount,
    RoleEverywhere,
};
pub use advisory::{AdvisoryShelf, AdvisorySource, AdvisoryWriter};
pub use backup::{BackupFailure, BackupRecord, LastBackup};
pub use binding::{Binding, BindingAdded, BindingFilter, BindingRemoved, Effect, NewBinding, What};
pub use blob::{CommittedBlob, Location, NewBlob, StoredBlob};
pub use contents::{Contents, HeldManifest, HeldTag, NotedPull};
pub use damage::{BlobToCheck, Damage, DamagedBlob};
pub use db::Stats;
pub use device::{DeviceAsked, DeviceLogin, DeviceState, NewDeviceLogin};
pub use directory::{
    Directory, DirectorySettings, GroupLookup, GroupMapping, NewDirectory, PasswordChange,
};
pub use error::Error;
pub use event::{
    Actor, Event, EventFault, EventFaultKind, EventFilter, EventHead, EventKind, EventsVerified,
    NewEvent, Place,
};
pub use federation::{Condition, FederationRule, Test};
pub use garbage::{Collected, DeadObject, Garbage};
pub use group::{Group, Member, MemberChanged};
pub use guard::Protection;
pub use immutability::{Immutability, NewImmutability};
pub use installed_plugin::{InstalledPlugin, PluginRelease, PreviousRelease};
pub use issuer::Issuer;
pub use job::{Job, JobChanged, JobFilter, JobLine, JobState, NewJob};
pub use key::SigningKey;
pub use lease::{KeptJob, LeasedJob, Settlement};
pub use lock::{Forbidden, Lock, NewLock};
pub use manifest::{Deleted, Precondition, PutManifest, Referrer, Refusal, Stored, StoredManifest};
pub use manifest_details::ManifestDetails;
pub use plugin::{KvQuota, KvSet, KvStored};
pub use provider::{Provider, ProviderKind, ProviderSettings};
pub use quarantine::{Held, HeldImage, Hold, QuarantineRule};
pub use quota::{EVERYTHING, Quota, QuotaLimits};
pub use quota_count::{Exceeded, Limited};
pub use refresh::RefreshToken;
pub use replication::{
    ReplicationPlace, ReplicationRule, ReplicationTarget, ReplicationWish, RuleSettings,
    TargetCredentials, TargetSettings, TargetWish,
};
pub use replication_state::{
    Lag, REPLICATE, Replicated, ReplicationState, StateCursor, StateFilter, Wanted,
};
pub use repository::Summary;
pub use retention::{Policy, RetentionRule, RetentionRun, RetentionTest, RunTotals};
pub use role::{ADMINISTRATOR, BUILT_IN_ROLES, Role, RoleChanged};
pub use scan::{ScanFinding, ScanOutcome, ScanPackage, ScanReport, ScanState, SeverityCounts};
pub use scan_search::{FindingFilter, Located, ScanPlace};
pub use schedule::Schedule;
pub use session::{NewSession, Session};
pub use setup::SetupFinished;
pub use snapshot::{GraphCheck, Snapshot, Summary as SnapshotSummary};
pub use subject::{InvalidSubject, Subject, SubjectKind};
pub use tag::{RepositoryTagEvent, TagDetails, TagEvent};
pub use token::{Limit, Limits, NewToken, Token, TokenAdded, TokenSecret};
pub use traffic::{DayOfGrowth, DayOfTraffic};
pub use trash::{RollBack, Undeleted};
pub use trash_list::{TrashCount, TrashEntry, TrashPlace};
pub use trust::{Trust, TrustChanged};
pub use upkeep::{Upkeep, UpkeepKind};
pub use upload::UploadRow;
pub use webhook::{Webhook, WebhookFormat, WebhookWish};

use tokio::sync::watch;

use blob::signed;
use cache::Cache;
use db::Db;

use crate::clock::Clock;
use crate::config;

/// Largest total of cached manifests, in bytes.
const MANIFEST_CACHE: u64 = 16 << 20;
/// Largest total of cached blob rows and users, in bytes each.
const ROW_CACHE: u64 = 4 << 20;

/// The database; clones share it.
#[derive(Clone, Debug)]
pub struct Meta {
    db: Db,
    clock: Clock,
    manifests: Arc<Cache<Arc<StoredManifest>>>,
    blobs: Arc<Cache<Arc<StoredBlob>>>,
    accounts: Arc<Cache<Arc<Account>>>,
    tokens: Arc<Cache<Arc<Token>>>,
    token_secrets: Arc<Cache<Arc<TokenSecret>>>,
    locks: Arc<parking_lot::RwLock<Option<lock::Locks>>>,
    pulls: Arc<traffic::Pulls>,
    quotas: Arc<Cache<Arc<Vec<Box<str>>>>>,
}

impl Meta {
    /// Opens `berth.db` in the data directory, makes it when it is missing, and brings its schema up to date.
    ///
    /// # Errors
    /// If the directory or the key file cannot be used, or the database is a later version's. This blocks: call it before
    /// serving.
    pub fn open(storage: &config::Storage, clock: Clock) -> Result<Self, Error> {
        let directory = &storage.data;
        let path = directory.join("berth.db");
        let key_file = storage.key_path();
        keep_private(directory, &path)
            .map_err(|source| Error::Directory { path: directory.to_owned(), source })?;
        let db = Db::open(&path, &key_file, clock.now().as_millis())?;
        Ok(Self {
            db,
            clock,
            manifests: Arc::new(Cache::new(MANIFEST_CACHE, |manifest| {
                manifest.body.len() as u64 + 256
            })),
            blobs: Arc::new(Cache::new(ROW_CACHE, |_| 256)),
            accounts: Arc::new(Cache::new(ROW_CACHE, |account| {
                512 + account.groups.iter().map(|group| group.len() as u64 + 16).sum::<u64>()
            })),
            tokens: Arc::new(Cache::new(ROW_CACHE, |token| weight(token))),
            token_secrets: Arc::new(Cache::new(ROW_CACHE, |secret| weight(&secret.token))),
            locks: Arc::default(),
            pulls: Arc::default(),
            // One answer, which is kept however long it is.
            quotas: Arc::new(Cache::new(ROW_CACHE, |_| 1)),
        })
    }

    /// Waits for what is queued and closes the database; whatever comes later fails.
    pub async fn close(&self) {
        self.db.close().await;
    }

    /// Figures of the writer.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.db.stats
    }

    /// A name that this registry has and no other, for those who ask whether they speak to themselves. Processes that share
    /// keys and rows share it.
    pub async fn mark(&self) -> Result<String, Error> {
        self.db.read(|tx| Ok(tx.keys().mark())).await
    }

    /// Waits until what was written without waiting is there.
    pub async fn settle(&self) -> Result<(), Error> {
        self.db.write(|_| Ok(())).await
    }

    /// Tells whenever there are new events, also by another process.
    #[must_use]
    pub fn watch_events(&self) -> watch::Receiver<()> {
        self.db.epochs.watch_events()
    }

    /// Tells whenever a job was added or has changed, also by another process.
    #[must_use]
    pub fn watch_jobs(&self) -> watch::Receiver<()> {
        self.db.epochs.watch_jobs()
    }

    /// Tells whenever an installed plugin may have changed, also by another process.
    #[must_use]
    pub fn watch_plugins(&self) -> watch::Receiver<()> {
        self.db.epochs.watch_plugins()
    }

    /// Whether the database answers, to readers and to the writer; nothing is written.
    pub async fn ping(&self) -> Result<(), Error> {
        self.db.write(|_| Ok(())).await?;
        self.db
            .read(|tx| tx.find("SELECT 1 AS one", (), |row| row.get::<i64>("one")))
            .await
            .map(drop)
    }
}

/// Bytes that a token takes in memory, about.
fn weight(token: &Token) -> u64 {
    512 + 128 * (token.limits.0.len() + token.addresses.len()) as u64
}

/// The database holds password hashes and the key that signs tokens: nobody else on the machine may read it. SQLite gives
/// its log the same rights.
fn keep_private(directory: &Path, path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let mut options = std::fs::OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).mode(0o600).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}
