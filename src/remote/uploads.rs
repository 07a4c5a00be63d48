//! Blobs put into another registry: mounted where possible, sent in one or several pieces, taken up again after a cut.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt as _;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use http::{HeaderValue, Method, StatusCode};
use parking_lot::Mutex;
use reqwest::{Body, Url};

use super::error::Complaint;
use super::retry::Patience;
use super::transfer::Blob;
use super::wire::Call;
use super::{Answer, BlobStream, Error, Repository};
use crate::oci::{Action, Algorithm, ErrorCode, RepositoryName, Scope};

/// Blobs up to this size are sent with the closing request: a cut costs little, and a request is saved.
const SMALL: u64 = 1 << 20;

/// How often an upload whose session is lost begins again.
const MAX_RESTARTS: u32 = 3;

/// How a blob came into a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Its bytes were transferred.
    Transferred,
    /// The registry had it in another repository.
    Mounted,
}

/// An upload session of another registry.
#[derive(Clone, Debug)]
struct Session {
    location: Url,
    /// The least that the registry takes in a piece that is not the last.
    min_chunk: u64,
}

enum Begun {
    Mounted,
    Session(Session),
}

impl Repository {
    /// Puts a blob into the repository. `open` gives its bytes from an offset; it is called again where a transfer has
    /// to be taken up. `moved` is told how far the transfer is, and may be told less than before.
    ///
    /// With `mount_from`, another repository of the same registry, the blob is mounted if the registry is willing.
    pub async fn upload_blob<F, Opened>(
        &self,
        blob: &Blob,
        mount_from: Option<&RepositoryName>,
        open: F,
        moved: Arc<dyn Fn(u64) + Send + Sync>,
    ) -> Result<Stored, Error>
    where
        F: Fn(u64) -> Opened + Send + Sync,
        Opened: Future<Output = Result<BlobStream, Error>> + Send,
    {
        let session = match self.begin_upload(blob, mount_from).await? {
            Begun::Mounted => return Ok(Stored::Mounted),
            Begun::Session(session) => session,
        };
        let mut upload = Upload { repository: self, blob, session, at: 0, restarts: 0, moved };
        match upload.run(&open).await {
            Ok(()) => Ok(Stored::Transferred),
            Err(error) => {
                upload.cancel().await;
                Err(error)
            }
        }
    }

    async fn begin_upload(
        &self,
        blob: &Blob,
        mount_from: Option<&RepositoryName>,
    ) -> Result<Begun, Error> {
        let mut scopes = self.push_scope().to_vec();
        let mut query = Vec::new();
        if let Some(from) = mount_from {
            query.push(format!("mount={}&from={from}", blob.digest));
            scopes.push(Scope::repository(from.as_str(), [Action::Pull]));
        }
        if blob.digest.algorithm() != Algorithm::Sha256 {
            query.push(format!("digest-algorithm={}", blob.digest.algorithm()));
        }
        let call = if query.is_empty() {
            self.call(Method::POST, "blobs/uploads/")
        } else {
            self.call(Method::POST, &format!("blobs/uploads/?{}", query.join("&")))
        };
        let answer = self.remote.ask(call, &scopes, 64 * 1024).await?;
        match answer.status {
            StatusCode::CREATED if mount_from.is_some() => Ok(Begun::Mounted),
            StatusCode::ACCEPTED => {
                let min_chunk = answer.header("oci-chunk-min-length").and_then(|n| n.parse().ok());
                let location = self.location(&answer)?.ok_or_else(|| {
                    self.wire().protocol("it began an upload without telling its `Location`".into())
                })?;
                Ok(Begun::Session(Session { location, min_chunk: min_chunk.unwrap_or(0) }))
            }
            _ => Err(self.wire().failure(&answer)),
        }
    }

    fn location(&self, answer: &Answer) -> Result<Option<Url>, Error> {
        match answer.header(LOCATION) {
            Some(link) => self.wire().follow(&answer.url, link).map(Some),
            None => Ok(None),
        }
    }
}

struct Upload<'a> {
    repository: &'a Repository,
    blob: &'a Blob,
    session: Session,
    at: u64,
    restarts: u32,
    moved: Arc<dyn Fn(u64) + Send + Sync>,
}

/// What one request achieved.
enum Step {
    Closed,
    Advanced,
}

impl Upload<'_> {
    async fn run<F, Opened>(&mut self, open: &F) -> Result<(), Error>
    where
        F: Fn(u64) -> Opened + Send + Sync,
        Opened: Future<Output = Result<BlobStream, Error>> + Send,
    {
        let mut patience = Patience::new(self.repository.wire().options.retry);
        loop {
            match self.step(open).await {
                Ok(Step::Closed) => return Ok(()),
                Ok(Step::Advanced) => patience.renew(),
                Err(error @ Error::UploadUnknown { .. }) => self.begin_again(error).await?,
                Err(error) => {
                    patience.wait(error).await?;
                    // The answer may be all that got lost.
                    if let Ok(Some(_)) = self.repository.find_blob(&self.blob.digest).await {
                        return Ok(());
                    }
                    let before = self.at;
                    self.find_offset().await?;
                    if self.at > before {
                        patience.renew();
                    }
                }
            }
        }
    }

    async fn step<F, Opened>(&mut self, open: &F) -> Result<Step, Error>
    where
        F: Fn(u64) -> Opened + Send + Sync,
        Opened: Future<Output = Result<BlobStream, Error>> + Send,
    {
        let size = self.blob.size;
        if self.at == size || (self.at == 0 && size <= SMALL) {
            return self.close(open).await;
        }
        let piece = match self.repository.wire().options.chunk_size {
            Some(chunk) => chunk.max(self.session.min_chunk).max(1),
            None => size,
        };
        let end = size.min(self.at.saturating_add(piece));
        let mut call = Call::new(Method::PATCH, self.session.location.clone());
        call.headers.insert(CONTENT_RANGE, number_pair(self.at, end - 1));
        let answer = self.send(call, self.at, end, open).await?;
        match answer.status.as_u16() {
            // 201 and 204 are what some registries answer instead of the specified 202.
            202 | 201 | 204 => {
                if let Some(location) = self.repository.location(&answer)? {
                    self.session.location = location;
                }
                let stored = stored_bytes(&answer).filter(|stored| (self.at..end).contains(stored));
                self.at = match stored {
                    // `0-0` also stands for nothing at all, so it says nothing here.
                    Some(stored) if stored > 1 && stored > self.at => stored,
                    _ => end,
                };
                (self.moved)(self.at);
                Ok(Step::Advanced)
            }
            _ => Err(self.failure(&answer)),
        }
    }

    /// The closing request, with whatever of a small blob is still to be sent.
    async fn close<F, Opened>(&mut self, open: &F) -> Result<Step, Error>
    where
        F: Fn(u64) -> Opened + Send + Sync,
        Opened: Future<Output = Result<BlobStream, Error>> + Send,
    {
        let mut url = self.session.location.clone();
        url.query_pairs_mut().append_pair("digest", self.blob.digest.as_str());
        let call = Call::new(Method::PUT, url);
        let answer = if self.at == self.blob.size {
            self.repository.remote.ask(call, &self.repository.push_scope(), 64 * 1024).await?
        } else {
            self.send(call, self.at, self.blob.size, open).await?
        };
        match answer.status {
            StatusCode::CREATED | StatusCode::NO_CONTENT => Ok(Step::Closed),
            _ => Err(self.failure(&answer)),
        }
    }

    /// Sends the bytes from `start` to `end` as the body of `call`.
    async fn send<F, Opened>(
        &self,
        mut call: Call,
        start: u64,
        end: u64,
        open: &F,
    ) -> Result<Answer, Error>
    where
        F: Fn(u64) -> Opened + Send + Sync,
        Opened: Future<Output = Result<BlobStream, Error>> + Send,
    {
        let octets = HeaderValue::from_static("application/octet-stream");
        call.headers.insert(CONTENT_TYPE, octets);
        call.headers.insert(CONTENT_LENGTH, HeaderValue::from(end - start));
        let remote = &self.repository.remote;
        let scopes = self.repository.push_scope();
        let mut challenged = false;
        loop {
            let authorization = remote.authorization(&call, &scopes).await?;
            let failed = Arc::new(Mutex::new(None));
            let sent = Arc::new(AtomicU64::new(start));
            let bytes = self.counted(open(start).await?, end, &sent, &failed);
            let wire = self.repository.wire();
            let response = wire.send_stream(&call, bytes, &sent, authorization.clone()).await;
            // If the source failed, then the broken request is only what came of it.
            if let Some(error) = failed.lock().take() {
                return Err(Error::Source(Box::new(error)));
            }
            let answer = wire.read(response?, 64 * 1024).await?;
            if answer.status != StatusCode::UNAUTHORIZED {
                return Ok(answer);
            }
            let again =
                remote.0.auth.challenged(&answer.headers, &scopes, authorization.as_ref()).await;
            if challenged || !again {
                return Err(remote.unauthorized(&answer));
            }
            challenged = true;
        }
    }

    /// The request's body: exactly the bytes up to `end`, counted, with the source's error set aside.
    fn counted(
        &self,
        bytes: BlobStream,
        end: u64,
        sent: &Arc<AtomicU64>,
        failed: &Arc<Mutex<Option<Error>>>,
    ) -> Body {
        let (sent, failed, moved) = (sent.clone(), failed.clone(), self.moved.clone());
        let counted = bytes.scan((), move |(), piece| {
            let at = sent.load(Ordering::Relaxed);
            let item = match piece {
                _ if at == end => None,
                Ok(mut piece) => {
                    let left = usize::try_from(end - at).unwrap_or(usize::MAX);
                    piece.truncate(left);
                    let now = at + piece.len() as u64;
                    sent.store(now, Ordering::Relaxed);
                    moved(now);
                    Some(Ok(piece))
                }
                Err(error) => {
                    let told = std::io::Error::other(error.to_string());
                    *failed.lock() = Some(error);
                    Some(Err(told))
                }
            };
            futures::future::ready(item)
        });
        Body::wrap_stream(counted)
    }

    /// Asks the registry how much of the upload it has.
    async fn find_offset(&mut self) -> Result<(), Error> {
        let call = Call::new(Method::GET, self.session.location.clone());
        let scopes = self.repository.push_scope();
        let answer = self.repository.remote.ask(call, &scopes, 64 * 1024).await?;
        if !answer.status.is_success() {
            let error = self.failure(&answer);
            return self.begin_again(error).await;
        }
        match stored_bytes(&answer) {
            // `0-0` is one byte or none: beginning again is cheaper than finding out.
            Some(stored) if stored > 1 && stored <= self.blob.size => {
                if let Some(location) = self.repository.location(&answer)? {
                    self.session.location = location;
                }
                self.at = stored;
                (self.moved)(stored);
                Ok(())
            }
            _ => {
                self.cancel().await;
                let registry = self.repository.registry().clone();
                self.begin_again(Error::UploadUnknown { registry }).await
            }
        }
    }

    async fn begin_again(&mut self, error: Error) -> Result<(), Error> {
        self.restarts += 1;
        if self.restarts > MAX_RESTARTS {
            return Err(error);
        }
        match self.repository.begin_upload(self.blob, None).await? {
            Begun::Session(session) => self.session = session,
            Begun::Mounted => {
                return Err(self
                    .repository
                    .wire()
                    .protocol("it mounted without being asked".into()));
            }
        }
        self.at = 0;
        (self.moved)(0);
        Ok(())
    }

    /// Tells the registry that the session is not needed any more. It would find out by itself, so a failure is nothing.
    async fn cancel(&self) {
        let call = Call::new(Method::DELETE, self.session.location.clone());
        let scopes = self.repository.push_scope();
        if let Err(error) = self.repository.remote.open(&call, &scopes).await {
            tracing::debug!(%error, "an upload was not cancelled");
        }
    }

    fn failure(&self, answer: &Answer) -> Error {
        let complaint = Complaint::read(answer.status, &answer.body);
        let out_of_step = answer.status == StatusCode::RANGE_NOT_SATISFIABLE;
        if answer.status == StatusCode::NOT_FOUND
            || out_of_step
            || complaint.has(ErrorCode::BlobUploadUnknown)
        {
            return Error::UploadUnknown { registry: self.repository.registry().clone() };
        }
        self.repository.wire().failure(answer)
    }
}

/// `Range: 0-9` means ten bytes are stored.
fn stored_bytes(answer: &Answer) -> Option<u64> {
    let range = answer.header(RANGE)?;
    let range = range.strip_prefix("bytes=").unwrap_or(range);
    let (first, last) = range.split_once('-')?;
    if first != "0" {
        return None;
    }
    last.parse::<u64>().ok()?.checked_add(1)
}

/// `Content-Range` as this specification writes it: no unit, no total.
fn number_pair(first: u64, last: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("{first}-{last}")).expect("two numbers are a valid header")
}
