//! What a registry does: pulls, pushes, deletions. Values in, values out: this room knows neither HTTP nor SQL.
//!
//! A handle of a repository ([`Pull`], [`Push`], [`Remove`]) is made from a principal and only for one who may have it,
//! so a forgotten check does not compile.

mod admission;
mod catalog;
mod error;
mod leftovers;
mod pull;
mod push;
mod remove;
mod retention;
mod scans;
mod sessions;
mod signatures;
mod undo;
mod upload;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

pub use catalog::Catalog;
pub use error::Error;
pub use pull::{Blob, Page, Pull};
pub use push::{NewManifest, Push, Pushed};
pub use remove::Remove;
pub use retention::{Decision, InvalidRule, Item, Plan, RETENTION, check as check_policy};
pub use scans::Scans;
pub use signatures::{SignatureState, Signatures, TaggedSignature};
pub use undo::{Restored, Undo};
pub use upload::{BodyPart, Mounted};

use parking_lot::Mutex;
use sessions::Sessions;

use crate::auth::{Grant, Principal, Refusal};
use crate::blob::BlobStore;
use crate::clock::{Clock, Timestamp};
use crate::config;
use crate::meta::{Meta, NotedPull};
use crate::oci::{Action, Digest, RepositoryName, UploadId};
use crate::plugin::Plugins;

/// The registry; clones share it.
#[derive(Clone, Debug)]
pub struct Registry {
    meta: Meta,
    blobs: BlobStore,
    clock: Clock,
    config: config::Registry,
    signatures: Arc<config::Signatures>,
    /// How long what is not needed is kept.
    grace: Duration,
    sessions: Arc<Sessions>,
    plugins: Plugins,
    pulls: Arc<Mutex<HashMap<(RepositoryName, Digest), Timestamp>>>,
}

impl Registry {
    /// Puts the registry together.
    #[must_use]
    pub fn new(
        meta: Meta,
        blobs: BlobStore,
        clock: Clock,
        config: &config::Config,
        plugins: Plugins,
    ) -> Self {
        let sessions = Arc::new(Sessions::new(meta.clone(), blobs.clone(), clock.clone()));
        Self {
            meta,
            blobs,
            clock,
            config: config.registry.clone(),
            signatures: Arc::new(config.signatures.clone()),
            grace: config.gc.grace.get(),
            sessions,
            plugins,
            pulls: Arc::default(),
        }
    }

    /// Reading a repository.
    pub fn pull_from(
        &self,
        principal: &Principal,
        name: RepositoryName,
    ) -> Result<Pull<'_>, Refusal> {
        Ok(Pull::new(self, principal.grant(Action::Pull, name)?))
    }

    /// Writing to a repository, which need not exist.
    pub fn push_to(
        &self,
        principal: &Principal,
        name: RepositoryName,
    ) -> Result<Push<'_>, Refusal> {
        Ok(Push::new(self, principal.grant_push(name)?))
    }

    /// Writing to a repository, by a right that is there already: for what Berth does by itself.
    #[must_use]
    pub fn push_as(&self, grant: Grant) -> Push<'_> {
        Push::new(self, grant)
    }

    /// Removing from a repository, likewise.
    #[must_use]
    pub fn remove_as(&self, grant: Grant) -> Remove<'_> {
        Remove::new(self, grant)
    }

    /// Removing from a repository.
    pub fn remove_from(
        &self,
        principal: &Principal,
        name: RepositoryName,
    ) -> Result<Remove<'_>, Refusal> {
        Ok(Remove::new(self, principal.grant(Action::Delete, name)?))
    }

    /// Bringing back what was deleted from a repository.
    pub fn undo_in(
        &self,
        principal: &Principal,
        name: RepositoryName,
    ) -> Result<Undo<'_>, Refusal> {
        Ok(Undo::new(self, principal.grant(Action::Push, name)?))
    }

    /// Listing repositories.
    pub fn catalog(&self, principal: &Principal) -> Result<Catalog<'_>, Refusal> {
        Ok(Catalog::new(self, principal.grant_catalog()?))
    }

    /// Removes what an upload without a session left when the last process was killed; says whether it had no session.
    pub async fn sweep(&self, id: &UploadId) -> Result<bool, Error> {
        if self.meta.find_upload(id).await?.is_some() {
            return Ok(false);
        }
        leftovers::discard(&self.meta, &self.blobs, id, None).await?;
        Ok(true)
    }

    /// Writes down when manifests were pulled, as it was noted since the last time; the worker does so every second.
    pub fn flush_pulls(&self) {
        let noted = std::mem::take(&mut *self.pulls.lock());
        let pull = |((repository, digest), at)| NotedPull { repository, digest, at };
        self.meta.note_pulls(noted.into_iter().map(pull).collect());
    }

    /// Upload sessions, for the worker.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }
}
