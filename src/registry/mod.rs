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
mod scans;
mod sessions;
mod upload;

use std::sync::Arc;

pub use catalog::Catalog;
pub use error::Error;
pub use pull::{Blob, Page, Pull};
pub use push::{NewManifest, Push, Pushed};
pub use remove::Remove;
pub use scans::Scans;
pub use upload::{BodyPart, Mounted};

use sessions::Sessions;

use crate::auth::{Grant, Principal, Refusal};
use crate::blob::BlobStore;
use crate::clock::Clock;
use crate::config;
use crate::meta::Meta;
use crate::oci::{Action, RepositoryName, UploadId};
use crate::plugin::Plugins;

/// The registry; clones share it.
#[derive(Clone, Debug)]
pub struct Registry {
    meta: Meta,
    blobs: BlobStore,
    config: config::Registry,
    sessions: Arc<Sessions>,
    plugins: Plugins,
}

impl Registry {
    /// Puts the registry together.
    #[must_use]
    pub fn new(
        meta: Meta,
        blobs: BlobStore,
        clock: Clock,
        config: config::Registry,
        plugins: Plugins,
    ) -> Self {
        let sessions = Arc::new(Sessions::new(meta.clone(), blobs.clone(), clock));
        Self { meta, blobs, config, sessions, plugins }
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
