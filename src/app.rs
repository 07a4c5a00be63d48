//! Opens everything in order, and closes it in reverse.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::{self, Auth};
use crate::backup::Backups;
use crate::blob::{self, BlobStore, Probe};
use crate::clock::Clock;
use crate::config::{Config, Source};
use crate::install::{DeclaredError, Installer};
use crate::meta::{self, Meta};
use crate::metrics::{Metrics, PluginCalls};
use crate::plugin::{self, CallRecord, Compiler, LayerBounds, Plugins};
use crate::registry::Registry;
use crate::remote::{Hooks, Outbound, OutboundOptions};
use crate::worker::{CollectedTotal, Replication, ScrubbedTotal, Snapshots, Worker};

/// A whole Berth, without its listener.
#[derive(Debug)]
pub struct App {
    /// The settings.
    pub config: Config,
    /// Every setting as it is written, and where it came from; not known to those who made a configuration by hand.
    pub settings: OnceLock<Vec<(String, String, Source)>>,
    /// The time.
    pub clock: Clock,
    /// Rows.
    pub meta: Meta,
    /// Bytes.
    pub blobs: BlobStore,
    /// Who may do what.
    pub auth: Auth,
    /// Pulls and pushes.
    pub registry: Registry,
    /// Plugins in force.
    pub plugins: Plugins,
    /// What installs plugins.
    pub installer: Installer,
    /// Work that nobody waits for.
    pub worker: Worker,
    /// Figures.
    pub metrics: Metrics,
    leaving: CancellationToken,
    stop: CancellationToken,
    tasks: TaskTracker,
    started: SystemTime,
    lock: Mutex<Option<DirectoryLock>>,
}

/// What tests change of an [`App`].
#[derive(Clone, Debug, Default)]
pub struct Fittings {
    /// A hook in the blob store.
    pub probe: Probe,
    /// What compiles plugins.
    pub compiler: Compiler,
}

/// How long a start waits for the process before it to be gone.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);

/// The right to serve a data directory: a second process would take the first one's uploads for leftovers.
#[derive(Debug)]
struct DirectoryLock(#[expect(dead_code, reason = "held, not read")] File);

impl DirectoryLock {
    fn take(directory: &Path) -> Result<Self, OpenError> {
        let path = directory.join("lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|source| OpenError::Lock { path: path.clone(), source })?;
        let deadline = Instant::now() + LOCK_PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(OpenError::InUse(directory.to_owned()));
                }
                Err(TryLockError::Error(source)) => return Err(OpenError::Lock { path, source }),
            }
        }
    }
}

/// Why Berth does not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process serves the data directory.
    #[error("{} is used by another Berth: stop that one, or choose another `storage.data`", .0.display())]
    InUse(PathBuf),
    /// The data directory cannot be locked.
    #[error("cannot lock {}: {source}", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Meta(#[from] meta::Error),
    /// The blob store cannot be used.
    #[error("cannot use the blob store: {0}")]
    Blob(#[from] blob::Error),
    /// A plugin that the configuration wants cannot be had.
    #[error(transparent)]
    Declared(#[from] DeclaredError),
    /// Plugins cannot be run at all.
    #[error(transparent)]
    Plugins(#[from] plugin::Error),
    /// The bucket cannot do what is needed.
    #[error("the bucket cannot be used:\n  {}\nhint: `storage.check = false` starts without trying", list(.0))]
    Bucket(Vec<blob::Finding>),
    /// The signing keys cannot be used.
    #[error(transparent)]
    Auth(#[from] auth::Error),
}

fn list(findings: &[blob::Finding]) -> String {
    let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
    findings.join("\n  ")
}

/// How references may name this registry.
fn own_hosts(config: &Config) -> Vec<String> {
    let listen = config.server.listen;
    let mut hosts = vec![listen.to_string(), format!("localhost:{}", listen.port())];
    let url = config.server.public_url.as_deref();
    hosts.extend(
        url.and_then(|url| url.split("://").nth(1))
            .map(|host| host.split('/').next().unwrap_or(host).to_owned()),
    );
    hosts
}

/// Counts a call of a plugin, and says what it was for whoever wants to know of each.
fn count(calls: &PluginCalls, record: &CallRecord) {
    let Some(hook) = record.hook else { return };
    tracing::event!(
        target: "berth::plugin_call",
        tracing::Level::DEBUG,
        request.id = %record.request_id,
        trace.id = record.trace_id(),
        plugin.name = %record.plugin,
        plugin.hook = hook.as_str(),
        plugin.ending = record.ending.kind(),
        duration_us = u64::try_from(record.duration.as_micros()).unwrap_or(u64::MAX),
        queued_us = u64::try_from(record.queued.as_micros()).unwrap_or(u64::MAX),
        cpu_us = u64::try_from(record.cpu.as_micros()).unwrap_or(u64::MAX),
        peak_memory_bytes = record.peak_memory,
        http_requests = record.requests,
        "{} {hook}: {}",
        record.plugin,
        record.ending.kind(),
    );
    calls.ended(record.plugin.as_str(), hook.as_str(), record.ending.kind(), record.duration);
}

/// Tries what the bucket can do; what Berth can do without is only told.
async fn check_bucket(blobs: &BlobStore) -> Result<(), OpenError> {
    let (fatal, others): (Vec<_>, Vec<_>) =
        blobs.check().await.into_iter().partition(|finding| finding.is_fatal);
    for finding in others {
        tracing::warn!("the bucket: {finding}");
    }
    if fatal.is_empty() { Ok(()) } else { Err(OpenError::Bucket(fatal)) }
}

impl App {
    /// Opens the data directory that the configuration names, and makes it when it is missing.
    pub async fn open(config: Config, clock: Clock) -> Result<Arc<Self>, OpenError> {
        Box::pin(Self::open_with(config, clock, Fittings::default())).await
    }

    /// Opens a data directory that another process may serve meanwhile: to look at rows and to change them, for commands. No
    /// uploads are to be taken, and no files to be removed, by what is opened so.
    pub async fn open_beside(config: Config, clock: Clock) -> Result<Arc<Self>, OpenError> {
        Box::pin(Self::assemble(config, clock, Fittings::default(), false)).await
    }

    /// As [`App::open_beside`], with what tests change.
    pub async fn open_beside_with(
        config: Config,
        clock: Clock,
        fittings: Fittings,
    ) -> Result<Arc<Self>, OpenError> {
        Box::pin(Self::assemble(config, clock, fittings, false)).await
    }

    /// As [`App::open`], with what tests change.
    pub async fn open_with(
        config: Config,
        clock: Clock,
        fittings: Fittings,
    ) -> Result<Arc<Self>, OpenError> {
        Box::pin(Self::assemble(config, clock, fittings, true)).await
    }

    async fn assemble(
        config: Config,
        clock: Clock,
        fittings: Fittings,
        alone: bool,
    ) -> Result<Arc<Self>, OpenError> {
        // Before anything can be uploaded: files older than this are another process's.
        #[expect(
            clippy::disallowed_methods,
            reason = "compared with times of files, which the machine's clock sets"
        )]
        let started = SystemTime::now();
        let Fittings { probe, compiler } = fittings;
        let metrics = Metrics::default();
        let (storage, meta_clock) = (config.storage.clone(), clock.clone());
        let observer = metrics.plugin_calls();
        let open = move || -> Result<_, OpenError> {
            let meta = Meta::open(&storage, meta_clock.clone())?;
            let lock = alone.then(|| DirectoryLock::take(&storage.data)).transpose()?;
            let blobs = BlobStore::open(&storage, probe)?;
            let plugins = Plugins::open(plugin::Options {
                directory: storage.data.join("plugins"),
                meta: meta.clone(),
                clock: meta_clock,
                compiler,
                outbound: Outbound::new(OutboundOptions::default()),
                space: Some(Arc::clone(blobs.space())),
                layers: LayerBounds::default(),
                observer: Some(Arc::new(move |record| count(&observer, record))),
            })?;
            Ok((meta, blobs, plugins, lock))
        };
        let opened = tokio::task::spawn_blocking(open).await;
        let (meta, blobs, plugins, lock) =
            opened.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        if config.storage.check {
            check_bucket(&blobs).await?;
        }
        plugins.follow_rows().await?;
        let auth =
            Auth::open(meta.clone(), clock.clone(), config.auth.clone(), plugins.clone()).await?;
        let registry =
            Registry::new(meta.clone(), blobs.clone(), clock.clone(), &config, plugins.clone());
        let installer = Installer {
            meta: meta.clone(),
            clock: clock.clone(),
            plugins: plugins.clone(),
            registry: registry.clone(),
            auth: auth.clone(),
            own_hosts: own_hosts(&config),
            config: config.plugins.clone(),
        };
        if alone {
            installer.declare().await?;
        }
        let worker = Worker {
            config: Arc::new(config.clone()),
            clock: clock.clone(),
            meta: meta.clone(),
            blobs: blobs.clone(),
            auth: auth.clone(),
            registry: registry.clone(),
            hooks: Hooks::default(),
            outbound: Outbound::new(OutboundOptions::default()),
            plugins: plugins.clone(),
            replication: Replication::new(plugins.clone()),
            snapshots: Snapshots::default(),
            collected: CollectedTotal::default(),
            scrubbed: ScrubbedTotal::default(),
        };
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let lock = Mutex::new(lock);
        Ok(Arc::new(Self {
            config,
            settings: OnceLock::new(),
            clock,
            meta,
            blobs,
            auth,
            registry,
            plugins,
            installer,
            worker,
            metrics,
            leaving: CancellationToken::new(),
            stop,
            tasks,
            started,
            lock,
        }))
    }

    /// Starts the work that goes on beside serving.
    pub fn start_worker(&self) {
        self.tasks.spawn(self.worker.clone().run(self.started, self.stop.clone()));
        self.tasks.spawn(self.plugins.clone().keep_following_rows(self.stop.clone()));
    }

    /// Copies of all of it elsewhere.
    #[must_use]
    pub fn backups(&self) -> Backups {
        Backups {
            config: Arc::new(self.config.clone()),
            clock: self.clock.clone(),
            meta: self.meta.clone(),
            blobs: self.blobs.clone(),
        }
    }

    /// Ends when Berth is about to stop.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.leaving.clone()
    }

    /// Says that Berth is about to stop, to those whose requests would not end by themselves.
    pub fn begin_stop(&self) {
        self.leaving.cancel();
    }

    /// Stops that work and waits for it.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        // Requests may have ended after the worker.
        self.auth.audit.flush();
        self.auth.flush_token_uses();
        self.meta.flush_pulls();
        self.meta.close().await;
        // The next process may begin, even while something here still holds the app.
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Whether requests can be served: the database and the blob store answer.
    pub async fn ready(&self) -> Result<(), OpenError> {
        self.meta.ping().await?;
        self.blobs.ping().await?;
        Ok(())
    }

    /// When this process began.
    #[must_use]
    pub const fn started(&self) -> SystemTime {
        self.started
    }

    /// Bytes of the database file.
    pub async fn database_size(&self) -> Option<u64> {
        let path: PathBuf = self.config.storage.data.join("berth.db");
        tokio::fs::metadata(path).await.ok().map(|found| found.len())
    }
}
