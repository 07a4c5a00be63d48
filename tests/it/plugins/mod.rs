//! The plugin host, with guests that are built from `tests/guests`: a useful one, a policy, and one that does what no
//! plugin should.

mod beside;
mod bundled;
mod compiled;
mod evolution;
mod figures;
mod hooks;
mod hostile;
pub(crate) mod images;
pub(crate) mod installed;
mod making;
mod references;
mod requests;
mod store;
mod swap;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use berth::clock::Clock;
use berth::meta::Meta;
use berth::oci::{Algorithm, Digest, Reference};
use berth::plugin::{
    AdmissionRequest, CallContext, CallRecord, Capability, Compiler, ImageSource, LayerBounds,
    Observer, Operation, Options, Package, PluginName, Plugins, Prepared, Terms, Verdict,
};
use berth::remote::{Outbound, OutboundOptions};
use parking_lot::Mutex;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Client, Image, TestApp};

/// A plugin host beside a whole Berth, whose rows and blobs it uses.
pub(crate) struct Host {
    pub(crate) plugins: Plugins,
    pub(crate) berth: TestApp,
    records: Arc<Mutex<Vec<CallRecord>>>,
    directory: PathBuf,
}

/// A guest's file.
pub(crate) fn guest(name: &str) -> Package {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/guests/built/{name}.wasm"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Package::read(bytes.into()).unwrap()
}

/// What an administrator decides: settings as JSON, and capabilities as they are written.
pub(crate) fn terms(config: Value, granted: &[&str]) -> Terms {
    Terms {
        granted: granted.iter().map(|line| line.parse::<Capability>().unwrap()).collect(),
        config: config.as_object().unwrap().clone(),
        ..Terms::default()
    }
}

/// Everything that the hostile guest asks for and that harms nobody.
pub(crate) const IMAGES: [&str; 3] = ["image metadata", "image content", "image referrers"];

/// The file of a plugin that comes with Berth.
pub(crate) fn bundled(name: &str) -> Package {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("plugins/built/{name}.wasm.gz"));
    let file =
        std::fs::File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(file), &mut bytes).unwrap();
    Package::read(bytes.into()).unwrap()
}

impl Host {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Options)) -> Self {
        let berth = TestApp::start().await;
        let directory = berth.directory.path().join("plugins");
        let records: Arc<Mutex<Vec<CallRecord>>> = Arc::default();
        let kept = Arc::clone(&records);
        let observer: Observer = Arc::new(move |record| kept.lock().push(record.clone()));
        let mut options = Options {
            directory: directory.clone(),
            meta: berth.app.meta.clone(),
            clock: berth.clock.clone(),
            compiler: compiler(),
            outbound: Outbound::new(OutboundOptions::default()),
            space: None,
            layers: LayerBounds::default(),
            observer: Some(observer),
        };
        change(&mut options);
        let plugins = Plugins::open(options).unwrap();
        Self { plugins, berth, records, directory }
    }

    /// A guest, compiled once for all tests.
    pub(crate) async fn prepare(&self, name: &str) -> Prepared {
        self.prepare_package(guest(name)).await
    }

    async fn prepare_package(&self, package: Package) -> Prepared {
        let mut shelf = SHELF.lock().await;
        if let Some(files) = shelf.get(package.digest()) {
            files.give(&self.directory, &self.berth.app.meta, package.digest()).await;
        }
        let prepared = self.plugins.prepare(&package).await.unwrap();
        shelf.entry(package.digest().clone()).or_insert_with(|| Files::take(&self.directory));
        prepared
    }

    /// A guest in force.
    pub(crate) async fn install(&self, name: &str, terms: &Terms) -> PluginName {
        let prepared = self.prepare(name).await;
        self.plugins.activate(&prepared, terms).await.unwrap();
        prepared.manifest().name.clone()
    }

    /// A plugin that comes with Berth, in force with all that it asks for.
    pub(crate) async fn install_bundled(&self, name: &str, config: Value) -> PluginName {
        self.install_bundled_with(name, config, |_| {}).await
    }

    /// The same on other terms.
    pub(crate) async fn install_bundled_with(
        &self,
        name: &str,
        config: Value,
        change: impl FnOnce(&mut Terms),
    ) -> PluginName {
        let prepared = self.prepare_package(bundled(name)).await;
        let manifest = prepared.manifest();
        let granted = manifest.asks.clone();
        let mut terms = Terms { granted, ..terms(config, &[]) };
        change(&mut terms);
        let problems = self.plugins.check_config(&prepared, &terms).await.unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        self.plugins.activate(&prepared, &terms).await.unwrap();
        prepared.manifest().name.clone()
    }

    /// What was noted of the calls of hooks so far.
    pub(crate) fn records(&self) -> Vec<CallRecord> {
        let records = self.records.lock();
        records.iter().filter(|record| record.hook.is_some()).cloned().collect()
    }

    pub(crate) fn last_record(&self) -> CallRecord {
        self.records().pop().unwrap()
    }

    /// Pushes an image as a client does.
    pub(crate) async fn push(&self, repository: &str, image: &Image) -> Client {
        let admin = self.berth.admin().await;
        for blob in image.blobs() {
            let path = format!("/v2/{repository}/blobs/uploads/?digest={}", blob.digest);
            admin.post(&path, blob.bytes.clone()).await.status(201);
        }
        let put = admin
            .request(reqwest::Method::PUT, &format!("/v2/{repository}/manifests/v1"))
            .header("content-type", image.media_type())
            .body(image.manifest());
        admin.send(put).await.status(201);
        admin
    }

    /// The image that a repository has.
    pub(crate) async fn image(&self, repository: &str, reference: &str) -> ImageSource {
        let reference: Reference = reference.parse().unwrap();
        let (meta, blobs) = (self.berth.app.meta.clone(), self.berth.app.blobs.clone());
        let repository = repository.parse().unwrap();
        ImageSource::find_in_registry(meta, blobs, repository, &reference).await.unwrap()
    }

    /// Asks about a push.
    pub(crate) async fn ask(&self, image: Option<&ImageSource>) -> Verdict {
        self.plugins.admit(&push_of("team/app"), image).await
    }
}

/// The question whether something may be pushed.
pub(crate) fn push_of(repository: &str) -> AdmissionRequest {
    AdmissionRequest {
        context: CallContext::new("request-1"),
        operation: Operation::Push,
        repository: repository.parse().unwrap(),
        reference: Some("v1".parse().unwrap()),
        target: None,
        previous: None,
        person: None,
        attributes: std::collections::BTreeMap::new(),
    }
}

pub(crate) fn compiler() -> Compiler {
    Compiler::program(env!("CARGO_BIN_EXE_berth"))
}

/// Compiled guests, as compiling takes longest of all.
static SHELF: tokio::sync::Mutex<Shelf> = tokio::sync::Mutex::const_new(Shelf::new());

/// By the digest of the component.
struct Shelf(Option<HashMap<Digest, Files>>);

impl Shelf {
    const fn new() -> Self {
        Self(None)
    }

    fn get(&self, component: &Digest) -> Option<&Files> {
        self.0.as_ref()?.get(component)
    }

    fn entry(&mut self, component: Digest) -> std::collections::hash_map::Entry<'_, Digest, Files> {
        self.0.get_or_insert_default().entry(component)
    }
}

/// Compiled files by name.
struct Files(Vec<(String, Vec<u8>)>);

impl Files {
    fn take(directory: &Path) -> Self {
        let files = std::fs::read_dir(directory.join("compiled")).unwrap().map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read(path).unwrap())
        });
        Self(files.collect())
    }

    async fn give(&self, directory: &Path, meta: &Meta, component: &Digest) {
        for (name, bytes) in &self.0 {
            if let Some(engine) = name.strip_prefix(component.hex()) {
                let engine = engine.trim_start_matches('-').trim_end_matches(".cwasm");
                let path = directory.join("compiled").join(name);
                if path.exists() {
                    continue;
                }
                std::fs::write(path, bytes).unwrap();
                let digest = Algorithm::Sha256.digest(bytes);
                meta.remember_compiled(component, engine, &digest).await.unwrap();
            }
        }
    }
}

/// A database of its own, for tests that need no registry.
pub(crate) fn meta(clock: &Clock) -> (TempDir, Meta) {
    let directory = tempfile::tempdir().unwrap();
    let storage =
        berth::config::Storage { data: directory.path().to_owned(), ..Default::default() };
    let meta = Meta::open(&storage, clock.clone()).unwrap();
    (directory, meta)
}
