//! Upload sessions under way: those in memory, and those that wait in the database to be taken up again.
//!
//! A session has one owner at a time: whoever holds its lock. Reading it from the database, hashing what its file has,
//! appending, ending and purging all happen under that lock, and go on to their end when the client hangs up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use super::{Error, leftovers};
use crate::auth::Grant;
use crate::blob::{BlobStore, Session};
use crate::clock::{Clock, Timestamp};
use crate::meta::{Meta, UploadRow};
use crate::oci::{Algorithm, RepositoryName, UploadId};

/// How long a request waits for another one that is writing to the same upload: long enough to notice that its client
/// is gone, as one that resumes does so at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sessions that rest for this long are forgotten here, and read from the database when they are wanted.
const RESTING: Duration = Duration::from_mins(10);

/// Sessions in memory; each takes some 3 KB there, and a row.
const MOST_SESSIONS: usize = 10_000;

/// All upload sessions.
#[derive(Clone, Debug)]
pub struct Sessions {
    meta: Meta,
    blobs: BlobStore,
    clock: Clock,
    live: Arc<Mutex<HashMap<UploadId, Arc<tokio::sync::Mutex<Stage>>>>>,
}

/// Where a session stands.
#[derive(Debug)]
enum Stage {
    /// In the database, perhaps.
    Resting,
    /// In memory.
    Open(Box<Open>),
    /// It became a blob or was cancelled, perhaps while another request waited for it.
    Ended,
}

#[derive(Debug)]
struct Open {
    repository: RepositoryName,
    owner: String,
    session: Session,
    touched: Timestamp,
}

/// A session that one request holds.
#[derive(Debug)]
pub(super) struct Held(OwnedMutexGuard<Stage>);

impl Held {
    /// The session.
    pub(super) fn session(&mut self) -> &mut Session {
        match &mut *self.0 {
            Stage::Open(open) => &mut open.session,
            Stage::Resting | Stage::Ended => unreachable!("only open sessions are held"),
        }
    }

    /// Lets it rest: what is known of it is to be compared with what is there before it goes on.
    pub(super) fn rest(&mut self) {
        *self.0 = Stage::Resting;
    }

    /// Ends it for all that wait.
    pub(super) fn end(&mut self) {
        *self.0 = Stage::Ended;
    }
}

impl Sessions {
    pub(super) fn new(meta: Meta, blobs: BlobStore, clock: Clock) -> Self {
        Self { meta, blobs, clock, live: Arc::default() }
    }

    pub(super) async fn start(
        &self,
        grant: &Grant,
        algorithm: Algorithm,
    ) -> Result<UploadId, Error> {
        if self.count() >= MOST_SESSIONS {
            return Err(Error::TooManyUploads);
        }
        let (id, now) = (UploadId::random(), self.clock.now());
        let session = Session::new(algorithm);
        let (repository, owner) = (grant.repository().clone(), grant.principal().actor());
        let row = UploadRow {
            id: id.clone(),
            repository: repository.clone(),
            owner: owner.clone(),
            state: session.save(),
            updated_at: now,
        };
        if self.blobs.needs_row() {
            self.meta.start_upload_durably(row).await?;
        } else {
            self.meta.start_upload(row);
        }
        let open = Stage::Open(Box::new(Open { repository, owner, session, touched: now }));
        self.lock().insert(id.clone(), Arc::new(tokio::sync::Mutex::new(open)));
        Ok(id)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<UploadId, Arc<tokio::sync::Mutex<Stage>>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one place of a session, whether it is in memory, in the database or nowhere.
    fn place(&self, id: &UploadId) -> Arc<tokio::sync::Mutex<Stage>> {
        let resting = || Arc::new(tokio::sync::Mutex::new(Stage::Resting));
        Arc::clone(self.lock().entry(id.clone()).or_insert_with(resting))
    }

    /// Takes hold of a session of this repository and this user.
    pub(super) async fn hold(&self, grant: &Grant, id: &UploadId) -> Result<Held, Error> {
        let unknown = || Error::UploadUnknown(id.clone());
        let place = tokio::time::timeout(PATIENCE, self.place(id).lock_owned());
        let mut place = place.await.map_err(|_| Error::UploadBusy)?;
        if matches!(*place, Stage::Resting) {
            let (sessions, id) = (self.clone(), id.clone());
            place = super::upload::on_its_own(async move {
                sessions.take_up(&id, &mut place).await?;
                Ok(place)
            })
            .await?;
        }
        match &mut *place {
            Stage::Open(open)
                if open.repository == *grant.repository()
                    && open.owner == grant.principal().actor() =>
            {
                open.touched = self.clock.now();
                Ok(Held(place))
            }
            Stage::Open(_) => Err(unknown()),
            Stage::Resting | Stage::Ended => {
                let mine = OwnedMutexGuard::mutex(&place);
                let mut live = self.lock();
                if live.get(id).is_some_and(|current| Arc::ptr_eq(current, mine)) {
                    live.remove(id);
                }
                Err(unknown())
            }
        }
    }

    /// Reads a resting session from the database, and looks at what its file really has.
    async fn take_up(&self, id: &UploadId, place: &mut Stage) -> Result<(), Error> {
        let Some(row) = self.meta.find_upload(id).await? else {
            *place = Stage::Ended;
            return Ok(());
        };
        let mut session = Session::restore(&row.state)?;
        leftovers::withdraw(&self.meta, &self.blobs, id).await?;
        self.blobs.resume(id, &mut session).await?;
        let (repository, owner, touched) = (row.repository, row.owner, self.clock.now());
        *place = Stage::Open(Box::new(Open { repository, owner, session, touched }));
        Ok(())
    }

    /// Writes down how far a session has come.
    pub(super) fn save(&self, id: &UploadId, session: &Session) {
        self.meta.save_upload(id.clone(), session.save());
    }

    /// Forgets a session that has ended; its row is gone or about to be.
    pub(super) fn forget(&self, id: &UploadId) {
        self.lock().remove(id);
    }

    /// Whether a session is in memory: a request may be writing to it.
    #[must_use]
    pub fn is_live(&self, id: &UploadId) -> bool {
        self.lock().contains_key(id)
    }

    /// Sessions that are in memory.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Forgets sessions that rest; they can still be continued.
    pub fn rest(&self) {
        let now = self.clock.now();
        self.lock().retain(|_, place| {
            // One that somebody else knows of is in use.
            let Some(stage) = Arc::get_mut(place) else { return true };
            match stage.get_mut() {
                Stage::Open(open) => now.since(open.touched) < RESTING,
                Stage::Resting | Stage::Ended => false,
            }
        });
    }

    /// Removes sessions that nobody touched for `expire_after`, at most a few hundred; says how many.
    pub async fn purge(&self, expire_after: Duration) -> Result<u64, Error> {
        let before = self.clock.now() - expire_after;
        let stale = self.meta.list_stale_uploads(before, 500).await?;
        let mut purged = 0;
        for row in stale {
            // One that is writing at this very moment is not stale, however old its row is.
            let Ok(mut place) = self.place(&row.id).try_lock_owned() else { continue };
            let fresh = match &*place {
                Stage::Open(open) => open.touched >= before,
                Stage::Resting => {
                    self.meta.find_upload(&row.id).await?.is_none_or(|row| row.updated_at >= before)
                }
                Stage::Ended => true,
            };
            if fresh {
                continue;
            }
            // What a row tells may be older than a crash: then the blob store looks for itself.
            let session = match &*place {
                Stage::Open(open) => Some(&open.session),
                Stage::Resting | Stage::Ended => None,
            };
            if let Err(error) = leftovers::discard(&self.meta, &self.blobs, &row.id, session).await
            {
                // The others need not wait for this one.
                tracing::error!(%error, upload.id = %row.id, "could not drop an abandoned upload: {error}");
                continue;
            }
            self.meta.delete_upload(&row.id).await?;
            *place = Stage::Ended;
            self.forget(&row.id);
            tracing::info!(
                upload.id = %row.id, repo.name = %row.repository,
                "dropped an abandoned upload to {}", row.repository
            );
            purged += 1;
        }
        Ok(purged)
    }
}
