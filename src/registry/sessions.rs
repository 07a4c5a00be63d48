//! Upload sessions under way: those in memory, and those that wait in the database to be taken up again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use super::Error;
use crate::auth::Grant;
use crate::blob::{self, BlobStore, Session};
use crate::clock::{Clock, Timestamp};
use crate::meta::{Meta, UploadRow};
use crate::oci::{Algorithm, RepositoryName, UploadId};

/// How long a request waits for another one that is writing to the same upload: long enough to notice that its client
/// is gone, as one that resumes does so at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sessions that rest for this long are forgotten here, and read from the database when they are wanted.
const RESTING: Duration = Duration::from_mins(10);

/// All upload sessions.
#[derive(Debug)]
pub struct Sessions {
    meta: Meta,
    blobs: BlobStore,
    clock: Clock,
    live: Mutex<HashMap<UploadId, Arc<Live>>>,
}

#[derive(Debug)]
struct Live {
    repository: RepositoryName,
    owner: String,
    state: Arc<tokio::sync::Mutex<Held>>,
    touched: Mutex<Timestamp>,
}

/// A session that one request holds. Requests of one session never interleave.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) session: Session,
    /// It became a blob or was cancelled while another request waited for it.
    pub(super) ended: bool,
}

impl Sessions {
    pub(super) fn new(meta: Meta, blobs: BlobStore, clock: Clock) -> Self {
        Self { meta, blobs, clock, live: Mutex::default() }
    }

    pub(super) fn start(&self, grant: &Grant, algorithm: Algorithm) -> UploadId {
        let (id, now) = (UploadId::random(), self.clock.now());
        let session = Session::new(algorithm);
        let (repository, owner) = (grant.repository().clone(), grant.actor().to_owned());
        self.meta.start_upload(UploadRow {
            id: id.clone(),
            repository: repository.clone(),
            owner: owner.clone(),
            state: session.save(),
            updated_at: now,
        });
        self.keep(id.clone(), repository, owner, session);
        id
    }

    fn keep(
        &self,
        id: UploadId,
        repository: RepositoryName,
        owner: String,
        session: Session,
    ) -> Arc<Live> {
        let held = Held { session, ended: false };
        let state = Arc::new(tokio::sync::Mutex::new(held));
        let live =
            Arc::new(Live { repository, owner, state, touched: Mutex::new(self.clock.now()) });
        // Another request may have taken it up at the same time: there is only ever one.
        Arc::clone(self.lock().entry(id).or_insert(live))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<UploadId, Arc<Live>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes hold of a session of this repository and this user.
    pub(super) async fn hold(
        &self,
        grant: &Grant,
        id: &UploadId,
    ) -> Result<OwnedMutexGuard<Held>, Error> {
        let unknown = || Error::UploadUnknown(id.clone());
        let live = self.lock().get(id).cloned();
        let live = match live {
            Some(live) => live,
            None => self.take_up(id).await?.ok_or_else(unknown)?,
        };
        if live.repository != *grant.repository() || live.owner != grant.actor() {
            return Err(unknown());
        }
        *live.touched.lock().unwrap_or_else(PoisonError::into_inner) = self.clock.now();
        let held = tokio::time::timeout(PATIENCE, Arc::clone(&live.state).lock_owned()).await;
        let held = held.map_err(|_| Error::UploadBusy)?;
        if held.ended { Err(unknown()) } else { Ok(held) }
    }

    async fn take_up(&self, id: &UploadId) -> Result<Option<Arc<Live>>, Error> {
        let Some(row) = self.meta.find_upload(id).await? else { return Ok(None) };
        let mut session = Session::restore(&row.state)?;
        self.blobs.resume(id, &mut session).await?;
        Ok(Some(self.keep(id.clone(), row.repository, row.owner, session)))
    }

    /// Writes down how far a session has come.
    pub(super) fn save(&self, id: &UploadId, session: &Session) {
        self.meta.save_upload(id.clone(), session.save());
    }

    /// Forgets a session that has ended; its row is gone or about to be.
    pub(super) fn forget(&self, id: &UploadId) {
        self.lock().remove(id);
    }

    /// Sessions that are in memory.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Forgets sessions that rest; they can still be continued.
    pub fn rest(&self) {
        let now = self.clock.now();
        self.lock().retain(|_, live| {
            let touched = *live.touched.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::strong_count(&live.state) > 1 || now.since(touched) < RESTING
        });
    }

    /// Removes sessions that nobody touched for `expire_after`, at most a few hundred; says how many.
    pub async fn purge(&self, expire_after: Duration) -> Result<u64, Error> {
        let stale = self.meta.list_stale_uploads(self.clock.now() - expire_after, 500).await?;
        let mut purged = 0;
        for row in stale {
            let live = self.lock().get(&row.id).cloned();
            let live = match live {
                Some(live) => live,
                None => match self.take_up(&row.id).await {
                    Ok(Some(live)) => live,
                    Ok(None) => continue,
                    Err(Error::Blob(blob::Error::Session(what))) => {
                        tracing::error!(upload.id = %row.id, "dropped an upload that cannot be read: {what}");
                        self.meta.delete_upload(&row.id).await?;
                        continue;
                    }
                    Err(error) => return Err(error),
                },
            };
            // One that is writing at this very moment is not stale, however old its row is.
            let Ok(mut held) = Arc::clone(&live.state).try_lock_owned() else { continue };
            held.ended = true;
            self.blobs.abandon(&row.id, &held.session).await?;
            self.meta.delete_upload(&row.id).await?;
            self.forget(&row.id);
            tracing::info!(upload.id = %row.id, repo.name = %row.repository, "dropped an abandoned upload to {}", row.repository);
            purged += 1;
        }
        Ok(purged)
    }
}
