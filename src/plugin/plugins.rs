//! All plugins: bringing them in, putting them in force, taking them out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use serde_json::{Map, Value};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use wasmtime::component::Component;

use super::admission::Admissions;
use super::binding::{Fail, Terms};
use super::call::{Caller, Turnstile};
use super::compile::Compiler;
use super::compiled::Compiled;
use super::engine::{Engine, MOST_CALLS, Memory};
use super::error::io;
use super::exports::Exports;
use super::figures::{GuestFigure, GuestFigures};
use super::guest::{Guest, Lent};
use super::identity::Identities;
use super::image::{LayerBounds, Layers};
use super::installed::{Broken, Followed};
use super::limits::Limits;
use super::loaded::{Bound, Loaded, Pre};
use super::trace::{LogLine, Logbook, Observer};
use super::{
    CallError, Capabilities, Capability, ConfigProblem, Error, Hook, Manifest, Package, PluginName,
};
use crate::blob::Space;
use crate::clock::{Clock, Timestamp};
use crate::meta::Meta;
use crate::oci::Digest;
use crate::remote::Outbound;

/// What plugins need of Berth.
pub struct Options {
    /// Where components, compiled code and unpacked layers lie: `plugins` in the data directory.
    pub directory: PathBuf,
    /// Rows.
    pub meta: Meta,
    /// The time.
    pub clock: Clock,
    /// The program that compiles.
    pub compiler: Compiler,
    /// Requests of their own.
    pub outbound: Outbound,
    /// The disk of the directory, so that unpacking leaves the reserve alone.
    pub space: Option<Arc<Space>>,
    /// How much is unpacked.
    pub layers: LayerBounds,
    /// Who wants to know of every call.
    pub observer: Option<Observer>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("directory", &self.directory).finish_non_exhaustive()
    }
}

/// All plugins; clones share them.
#[derive(Clone, Debug)]
pub struct Plugins(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) caller: Caller,
    compiled: Compiled,
    lent: Lent,
    /// Replaced as a whole: who reads it goes on with what was there.
    active: RwLock<Arc<Active>>,
    /// Held by whoever replaces it, from reading to writing.
    changing: tokio::sync::Mutex<()>,
    /// Logs and figures outlive what they are about.
    kept: RwLock<BTreeMap<PluginName, Kept>>,
    numbers: AtomicU64,
    pub(super) followed: tokio::sync::Mutex<Followed>,
    pub(super) admissions: Admissions,
    pub(super) identities: Identities,
    /// Dropped last, and without waiting.
    _threads: Threads,
}

/// The plugins in force.
#[derive(Clone, Debug, Default)]
pub(super) struct Active {
    pub(super) plugins: BTreeMap<PluginName, Arc<Loaded>>,
    /// Those that should be in force and cannot be.
    pub(super) broken: BTreeMap<PluginName, Arc<Broken>>,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    book: Arc<Logbook>,
    figures: Arc<GuestFigures>,
}

#[derive(Debug)]
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A plugin that is compiled and fits, and is not in force yet.
#[derive(Clone, Debug)]
pub struct Prepared {
    manifest: Arc<Manifest>,
    digest: Digest,
    pre: Pre,
    exports: Arc<Exports>,
}

impl Prepared {
    /// What it says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The digest of its component.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// What it asks for and `granted` does not give.
    #[must_use]
    pub fn beyond(&self, granted: &Capabilities) -> Vec<Capability> {
        self.manifest.asks.beyond(granted).cloned().collect()
    }
}

/// What a plugin says when it is asked who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What else it says: the state of its data, for example.
    pub details: Vec<(String, String)>,
}

/// A plugin in force, as lists show it.
#[derive(Clone, Debug)]
pub struct Status {
    /// What it is called.
    pub name: PluginName,
    /// Its own version.
    pub version: String,
    /// The digest of its component.
    pub component: Digest,
    /// What it may use.
    pub granted: Capabilities,
    /// What it is asked for, and until when it is left alone because it keeps failing.
    pub hooks: Vec<(Hook, Option<Timestamp>)>,
}

impl Plugins {
    /// Sets the machine up; nothing is loaded yet. This blocks: call it before serving.
    pub fn open(options: Options) -> Result<Self, Error> {
        let Options { directory, meta, clock, compiler, outbound, space, layers, observer } =
            options;
        let threads = threads().map_err(Error::Thread)?;
        let handle = threads.handle().clone();
        let engine = Arc::new(Engine::new()?);
        let compiled = Compiled::open(&directory, compiler, meta.clone(), Arc::clone(&engine))?;
        let unpacked = directory.join("layers");
        let layers =
            Layers::open(&unpacked, layers, space, handle.clone()).map_err(io(&unpacked))?;
        let room = Arc::new(Semaphore::new(MOST_CALLS as usize * 3 / 4));
        let caller = Caller { engine, threads: handle, room, clock: clock.clone(), observer };
        Ok(Self(Arc::new(Inner {
            caller,
            compiled,
            lent: Lent { meta, clock: clock.clone(), outbound, layers },
            active: RwLock::default(),
            changing: tokio::sync::Mutex::default(),
            kept: RwLock::default(),
            numbers: AtomicU64::new(1),
            followed: tokio::sync::Mutex::default(),
            admissions: Admissions::new(clock.clone()),
            identities: Identities::new(clock),
            _threads: Threads(Some(threads)),
        })))
    }

    /// Compiles a plugin, looks whether it fits, and tries it once: it has to start, and to call itself what its manifest
    /// does. Nothing is in force yet.
    pub async fn prepare(&self, package: &Package) -> Result<Prepared, Error> {
        let component = self.0.compiled.add(package).await?;
        let prepared = self.fit(package.manifest().clone(), package.digest(), &component)?;
        let trial = self.0.load(&prepared, &Terms::default(), Map::new());
        let described = self.0.describe(&trial).await?;
        if described.name != prepared.manifest.name.as_str() {
            let manifest = prepared.manifest.name.clone();
            return Err(Error::Misnamed { manifest, component: described.name });
        }
        Ok(prepared)
    }

    /// A plugin that was prepared before, from what is on disk. It is compiled anew only if this Berth needs other code.
    pub async fn load(&self, manifest: Manifest, component: &Digest) -> Result<Prepared, Error> {
        let loaded = self.0.compiled.load(component).await?;
        self.fit(manifest, component, &loaded)
    }

    fn fit(
        &self,
        manifest: Manifest,
        digest: &Digest,
        component: &Component,
    ) -> Result<Prepared, Error> {
        let pre = self.0.caller.engine.linker.instantiate_pre(component);
        let pre = pre.map_err(Error::incompatible)?;
        let exports = Exports::find(&pre, &manifest)?;
        Ok(Prepared {
            manifest: Arc::new(manifest),
            digest: digest.clone(),
            pre: Pre(pre),
            exports: Arc::new(exports),
        })
    }

    /// A component that was kept, with the manifest inside it.
    pub async fn kept_package(&self, component: &Digest) -> Result<Package, Error> {
        Package::read(self.0.compiled.read(component).await?)
    }

    /// Asks a plugin what it thinks of its settings; an empty list means that they are good.
    pub async fn check_config(
        &self,
        prepared: &Prepared,
        terms: &Terms,
    ) -> Result<Vec<ConfigProblem>, Error> {
        let config = match prepared.manifest.settings.complete(&terms.config) {
            Ok(config) => config,
            Err(problems) => return Ok(problems),
        };
        let trial = self.0.load(prepared, terms, config);
        Ok(self.0.check_config(&trial).await?)
    }

    /// Puts a plugin in force, in place of another one of its name. Calls that are running end with the one that they
    /// began with.
    pub async fn activate(&self, prepared: &Prepared, terms: &Terms) -> Result<(), Error> {
        let config = prepared.manifest.settings.complete(&terms.config).map_err(Error::Settings)?;
        let loaded = self.0.load(prepared, terms, config);
        let put = |active: &mut Active| {
            active.broken.remove(&loaded.name);
            active.plugins.insert(loaded.name.clone(), loaded);
        };
        self.0.change(put).await;
        Ok(())
    }

    /// Takes a plugin out of force; says whether it was in it. Calls that are running go on to their end.
    pub async fn deactivate(&self, name: &PluginName) -> bool {
        let mut was_there = false;
        let take = |active: &mut Active| {
            active.broken.remove(name);
            was_there = active.plugins.remove(name).is_some();
        };
        self.0.change(take).await;
        was_there
    }

    /// Removes what is on disk of a component. What is in force stays so until it is taken out.
    pub async fn forget_component(&self, component: &Digest) -> Result<(), Error> {
        self.0.compiled.remove(component).await
    }

    /// Removes all that a plugin keeps: its store, its log and its figures.
    pub async fn forget_data(&self, name: &PluginName) -> Result<(), Error> {
        self.0.lent.meta.forget_plugin_values(name.as_str()).await?;
        self.0.kept.write().remove(name);
        Ok(())
    }

    /// Asks a plugin in force who it is.
    pub async fn describe(&self, name: &PluginName) -> Result<Description, CallError> {
        let loaded = self.0.find(name)?;
        self.0.describe(&loaded).await
    }

    /// The plugins in force.
    #[must_use]
    pub fn list(&self) -> Vec<Status> {
        let status = |loaded: &Arc<Loaded>| Status {
            name: loaded.name.clone(),
            version: loaded.manifest.version.clone(),
            component: loaded.component.clone(),
            granted: loaded.guest.granted.clone(),
            hooks: loaded
                .hooks
                .iter()
                .map(|(hook, bound)| (*hook, bound.turnstile.breaker.open_until()))
                .collect(),
        };
        self.0.active().plugins.values().map(status).collect()
    }

    /// The plugins in force that have a hook.
    #[must_use]
    pub fn with_hook(&self, hook: Hook) -> Vec<PluginName> {
        let active = self.0.active();
        let having = active.plugins.values().filter(|loaded| loaded.hooks.contains_key(&hook));
        having.map(|loaded| loaded.name.clone()).collect()
    }

    /// The last lines of a plugin's log, the oldest first; also of one that is not in force any more.
    #[must_use]
    pub fn log(&self, name: &PluginName) -> Vec<Arc<LogLine>> {
        self.0.kept.read().get(name).map(|kept| kept.book.lines()).unwrap_or_default()
    }

    /// The figures that plugins keep of themselves.
    #[must_use]
    pub fn figures(&self) -> Vec<(PluginName, GuestFigure)> {
        let kept = self.0.kept.read();
        let of = |(name, kept): (&PluginName, &Kept)| {
            let name = name.clone();
            kept.figures.list().into_iter().map(move |figure| (name.clone(), figure))
        };
        kept.iter().flat_map(of).collect()
    }

    /// Where instances get their memory; [`Memory::OnDemand`] is worth a warning.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.0.caller.engine.memory
    }

    /// Layers that are unpacked for plugins.
    #[must_use]
    pub fn layers(&self) -> &Layers {
        &self.0.lent.layers
    }
}

impl Inner {
    pub(super) fn active(&self) -> Arc<Active> {
        Arc::clone(&self.active.read())
    }

    pub(super) fn find(&self, name: &PluginName) -> Result<Arc<Loaded>, CallError> {
        let found = self.active.read().plugins.get(name).cloned();
        found.ok_or_else(|| CallError::Unknown(name.clone()))
    }

    async fn change(&self, change: impl FnOnce(&mut Active)) {
        let _alone = self.changing.lock().await;
        let mut active = Active::clone(&self.active());
        change(&mut active);
        self.admissions.set(&active);
        self.identities.set(&active);
        *self.active.write() = Arc::new(active);
    }

    /// Notes that a plugin should be in force and cannot be.
    pub(super) async fn set_broken(&self, broken: Arc<Broken>) {
        let put = |active: &mut Active| {
            active.plugins.remove(&broken.name);
            active.broken.insert(broken.name.clone(), broken);
        };
        self.change(put).await;
    }

    pub(super) fn meta(&self) -> &Meta {
        &self.lent.meta
    }

    fn load(&self, prepared: &Prepared, terms: &Terms, config: Map<String, Value>) -> Arc<Loaded> {
        let manifest = &prepared.manifest;
        let name = manifest.name.clone();
        let kept = self.kept.write().entry(name.clone()).or_default().clone();
        let granted = manifest.asks.within(&terms.granted);
        let (secrets, lent) = (terms.secrets.clone(), &self.lent);
        let guest = Guest::new(name.clone(), granted, config, secrets, kept.figures, lent);
        let clock = &self.caller.clock;
        let bind = |(hook, ask): (&Hook, &super::HookAsk)| {
            let binding = terms.hooks.get(hook).cloned().unwrap_or_default();
            let limits = Limits::of(*hook, &ask.limits, &binding.limits);
            let fail = binding.fail.unwrap_or_else(|| Fail::default_for(*hook));
            let turnstile = Turnstile::new(limits, clock.clone());
            (*hook, Bound { binding, fail, turnstile })
        };
        Arc::new(Loaded {
            component: prepared.digest.clone(),
            manifest: Arc::clone(manifest),
            pre: prepared.pre.clone(),
            exports: Arc::clone(&prepared.exports),
            guest: Arc::new(guest),
            book: kept.book,
            hooks: manifest.hooks.iter().map(bind).collect(),
            lifecycle: Turnstile::new(Limits::default_for(Hook::Scanner), clock.clone()),
            number: self.numbers.fetch_add(1, Ordering::Relaxed),
            name,
        })
    }
}

/// Threads for plugins that compute, and for unpacking layers: at most half of the processors, behind everything else.
fn threads() -> std::io::Result<Runtime> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads((processors / 2).max(1))
        .max_blocking_threads(16)
        .thread_name("berth-plugin")
        .on_thread_start(|| {
            // Of this thread alone, as Linux has it. A system that does not allow it does without.
            let _ = rustix::process::setpriority_process(None, 10);
        })
        .enable_all()
        .build()
}
