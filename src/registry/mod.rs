//! What a registry does: pulls, pushes, deletions. Values in, values out: this room knows neither HTTP nor SQL.
//!
//! A handle of a repository ([`Pull`], [`Push`], [`Remove`]) is made from a principal and only for one who may have it,
//! so a forgotten check does not compile.

mod catalog;
mod error;
mod leftovers;
mod pull;
mod push;
mod remove;
mod sessions;
mod undo;
mod upload;

use std::sync::Arc;
use std::time::Duration;

pub use catalog::Catalog;
pub use error::Error;
pub use pull::{Blob, Page, Pull};
pub use push::{NewManifest, Push, Pushed};
pub use remove::Remove;
pub use undo::{Restored, Undo};
pub use upload::{BodyPart, Mounted};

use sessions::Sessions;

use crate::auth::{Principal, Refusal};
use crate::blob::BlobStore;
use crate::clock::Clock;
use crate::config;
use crate::meta::Meta;
use crate::oci::{Action, RepositoryName, UploadId};

/// The registry; clones share it.
#[derive(Clone, Debug)]
pub struct Registry {
    meta: Meta,
    blobs: BlobStore,
    clock: Clock,
    config: config::Registry,
    /// How long what is not needed is kept.
    grace: Duration,
    sessions: Arc<Sessions>,
}

impl Registry {
    /// Puts the registry together.
    #[must_use]
    pub fn new(meta: Meta, blobs: BlobStore, clock: Clock, config: &config::Config) -> Self {
        let sessions = Arc::new(Sessions::new(meta.clone(), blobs.clone(), clock.clone()));
        let grace = config.gc.grace.get();
        Self { meta, blobs, clock, config: config.registry.clone(), grace, sessions }
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

    /// Upload sessions, for the worker.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }
}
