//! The ways to targets: connections, tokens and bounds that the jobs of one target share.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use parking_lot::Mutex;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;

use crate::meta::{ReplicationPlace, ReplicationTarget, TargetSettings, TargetWish};
use crate::plugin::{InvalidPluginName, PluginName, Plugins, ReplicationTarget as PluginTarget};
use crate::remote::{BlobStream, Credentials, Error, Options, Remote, RetryPolicy};

/// Jobs of one target that run at the same time. There are places for more, so that a target that hangs holds up no other.
const JOBS: usize = 3;

/// The ways to all targets, and what went over them; clones share it.
#[derive(Clone, Debug)]
pub struct Replication(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    ways: Mutex<HashMap<i64, (Made, Way)>>,
    bytes: AtomicU64,
    failures: AtomicU64,
    attempts: AtomicU64,
    plugins: Plugins,
}

/// What a way was made of: another one is made when that has changed.
type Made = (TargetWish, Option<(String, String)>);

/// The way to one target; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) to: To,
    pub(super) blobs: Arc<Semaphore>,
    pub(super) jobs: Arc<Semaphore>,
    pace: Option<Arc<Pace>>,
    /// Which Berth it is, once it has said so.
    mark: Arc<OnceCell<Option<String>>>,
}

/// What is at its end.
#[derive(Clone, Debug)]
pub(super) enum To {
    Registry(Remote),
    Plugin(PluginName),
}

/// Why there is no way.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoWay {
    #[error("{0}")]
    Address(#[from] crate::remote::InvalidRegistry),
    #[error(transparent)]
    Remote(#[from] Error),
    #[error(transparent)]
    Plugin(#[from] InvalidPluginName),
}

impl Replication {
    /// No ways yet, and the plugins that may be targets.
    #[must_use]
    pub fn new(plugins: Plugins) -> Self {
        Self(Arc::new(Inner {
            ways: Mutex::default(),
            bytes: AtomicU64::default(),
            failures: AtomicU64::default(),
            attempts: AtomicU64::default(),
            plugins,
        }))
    }

    /// The way to a target, as it is now.
    pub(super) fn way(&self, target: &ReplicationTarget) -> Result<Way, NoWay> {
        let credentials = target.credentials.as_ref().map(|sealed| {
            let known = sealed.expose();
            (known.username.clone(), known.password().expose().clone())
        });
        let made = (target.wish.clone(), credentials);
        let mut ways = self.0.ways.lock();
        if let Some((known, way)) = ways.get(&target.id)
            && *known == made
        {
            return Ok(way.clone());
        }
        let way = Way::make(target)?;
        ways.insert(target.id, (made, way.clone()));
        Ok(way)
    }

    /// The target that a plugin is, as it is now.
    pub(super) fn plugin(&self, name: &PluginName) -> Result<PluginTarget, String> {
        self.0.plugins.target(name).map_err(|error| format!("{name}: {error}"))
    }

    /// Counts an attempt.
    pub(super) fn count(&self, bytes: u64, has_failed: bool) {
        self.0.attempts.fetch_add(1, Ordering::Relaxed);
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.0.failures.fetch_add(has_failed.into(), Ordering::Relaxed);
    }

    /// Attempts, those of them that failed, and bytes that were sent, since the start.
    #[must_use]
    pub fn counts(&self) -> (u64, u64, u64) {
        let relaxed = |value: &AtomicU64| value.load(Ordering::Relaxed);
        (relaxed(&self.0.attempts), relaxed(&self.0.failures), relaxed(&self.0.bytes))
    }
}

impl Way {
    fn make(target: &ReplicationTarget) -> Result<Self, NoWay> {
        let settings = &target.wish.settings;
        let url = match &target.wish.place {
            ReplicationPlace::Registry(url) => url,
            // What a plugin keeps there may not bear two that write at the same time.
            ReplicationPlace::Plugin(name) => {
                return Ok(Self::of(To::Plugin(name.parse()?), 1, settings));
            }
        };
        let registry: crate::remote::Registry = url.parse()?;
        let mut options = Options {
            chunk_size: settings.chunk_bytes,
            retry: RetryPolicy {
                tries: 3,
                first_wait: Duration::from_millis(250),
                longest_wait: Duration::from_secs(5),
                gives_way: true,
            },
            ..Options::default()
        };
        if url.starts_with("http://") {
            options.insecure_http.push(registry.clone());
        } else {
            options.tls.push(registry.clone());
        }
        if !settings.authorities.trim().is_empty() {
            options.authorities.push(settings.authorities.clone().into_bytes());
        }
        let credentials = target.credentials.as_ref().map(|sealed| Credentials::Password {
            username: sealed.expose().username.clone(),
            password: sealed.expose().password(),
        });
        let remote = Remote::new(registry, credentials, &options)?;
        Ok(Self::of(To::Registry(remote), JOBS, settings))
    }

    fn of(to: To, jobs: usize, settings: &TargetSettings) -> Self {
        Self {
            to,
            blobs: Arc::new(Semaphore::new(settings.parallel.max(1) as usize)),
            jobs: Arc::new(Semaphore::new(jobs)),
            mark: Arc::default(),
            pace: settings.bytes_per_second.map(|rate| Arc::new(Pace::new(rate))),
        }
    }

    /// Whether the target is the registry of this mark itself.
    pub(super) async fn is(&self, mark: &str) -> Result<bool, Error> {
        let To::Registry(remote) = &self.to else { return Ok(false) };
        let theirs = self.mark.get_or_try_init(|| remote.find_mark()).await?;
        Ok(theirs.as_deref() == Some(mark))
    }

    /// The same bytes, no faster than the target may have them.
    pub(super) fn paced(&self, stream: BlobStream) -> BlobStream {
        let Some(pace) = self.pace.clone() else { return stream };
        stream
            .then(move |piece| {
                let pace = Arc::clone(&pace);
                async move {
                    if let Ok(piece) = &piece {
                        pace.pass(piece.len() as u64).await;
                    }
                    piece
                }
            })
            .boxed()
    }
}

/// So many bytes a second, of all that asks it.
#[derive(Debug)]
struct Pace {
    per_second: u64,
    /// When the next byte may go.
    next: Mutex<Instant>,
}

impl Pace {
    fn new(per_second: u64) -> Self {
        Self { per_second: per_second.max(1), next: Mutex::new(Instant::now()) }
    }

    async fn pass(&self, bytes: u64) {
        let at = {
            let mut next = self.next.lock();
            let at = (*next).max(Instant::now());
            let micros = bytes.saturating_mul(1_000_000) / self.per_second;
            *next = at + Duration::from_micros(micros);
            at
        };
        tokio::time::sleep_until(at).await;
    }
}
