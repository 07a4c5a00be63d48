//! What administrators do to what the worker keeps: beginning jobs, the trash.

use super::Worker;
use crate::auth::{AdminError, Administer};
use crate::meta::{Job, NewJob, TrashEntry, TrashPlace};
use crate::oci::RepositoryName;

/// Entries of the trash that one transaction ends the time of.
const AT_ONCE: u64 = 100;

impl Worker {
    /// Adds a job, or finds the one that waits to do the same.
    pub(super) async fn begin(
        &self,
        administer: &Administer<'_>,
        new: NewJob,
    ) -> Result<Job, AdminError> {
        let key = new.unique_key.clone().unwrap_or_default();
        let kind = new.kind;
        loop {
            if let Some(id) = self.meta.add_job(new.clone(), administer.actor()).await? {
                return Ok(self.job(administer, id).await?.0);
            }
            if let Some(waiting) = self.meta.find_waiting_job(kind, &key).await? {
                return Ok(waiting);
            }
            // It has begun meanwhile: another one can wait.
        }
    }

    /// Up to `limit` entries of the trash of all repositories.
    pub async fn trash(
        &self,
        _: &Administer<'_>,
        behind: Option<TrashPlace>,
        limit: u64,
    ) -> Result<Vec<TrashEntry>, AdminError> {
        Ok(self.meta.list_trash(None, behind, limit).await?)
    }

    /// Ends the time of everything that is in the trash now, of one repository or of all; says how much that was.
    pub async fn empty_trash(
        &self,
        _: &Administer<'_>,
        repository: Option<&RepositoryName>,
    ) -> Result<u64, AdminError> {
        let (now, mut entries) = (self.clock.now(), 0);
        loop {
            let part = self.meta.empty_trash(repository, now, AT_ONCE).await?;
            if part.trash == 0 {
                return Ok(entries);
            }
            entries += part.trash;
        }
    }
}
