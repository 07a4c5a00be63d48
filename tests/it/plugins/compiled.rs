//! Compiled components: made in a process of their own, kept, and run only if Berth has made them.

use std::path::{Path, PathBuf};

use berth::plugin::{Compiler, Error, Manifest, Package, Plugins};
use serde_json::json;

use super::{Host, guest, terms};

const MANIFEST: &str = "[plugin]\nname = \"a\"\nversion = \"1\"\napi = \"0.1\"\n[hooks.scanner]\n";

fn package(wat: &str) -> Package {
    let component = wat::parse_str(wat).unwrap();
    Package::new(Manifest::parse(MANIFEST).unwrap(), component.into()).unwrap()
}

fn compiled_file(directory: &Path) -> PathBuf {
    let mut files = std::fs::read_dir(directory.join("compiled")).unwrap();
    let file = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none());
    file
}

/// Puts another file in its place, as whoever forges one would: what runs has the old one mapped.
fn replace(path: &Path, bytes: &[u8]) {
    let new = path.with_extension("new");
    std::fs::write(&new, bytes).unwrap();
    std::fs::rename(&new, path).unwrap();
}

async fn reload(plugins: &Plugins, name: &str) -> Result<(), Error> {
    let package = guest(name);
    plugins.load(package.manifest().clone(), package.digest()).await.map(drop)
}

#[tokio::test]
async fn a_component_is_compiled_once() {
    let host = Host::start().await;
    host.prepare("policy").await;
    let directory = host.berth.directory.path().join("plugins");
    let file = compiled_file(&directory);
    let made = std::fs::metadata(&file).unwrap().modified().unwrap();
    // By a compiler that is not there, if it were asked.
    drop(host.plugins);
    let options = berth::plugin::Options {
        directory: directory.clone(),
        meta: host.berth.app.meta.clone(),
        clock: host.berth.clock.clone(),
        compiler: Compiler::program("/nowhere"),
        outbound: berth::remote::Outbound::new(berth::remote::OutboundOptions::default()),
        space: None,
        layers: berth::plugin::LayerBounds::default(),
        observer: None,
    };
    let plugins = Plugins::open(options).unwrap();
    reload(&plugins, "policy").await.unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), made);
    let unknown = reload(&plugins, "useful").await;
    assert!(matches!(unknown, Err(Error::ComponentUnknown(_))), "{unknown:?}");
}

#[tokio::test]
async fn a_file_that_berth_has_not_made_is_never_run() {
    let host = Host::start().await;
    host.prepare("policy").await;
    let directory = host.berth.directory.path().join("plugins");
    let file = compiled_file(&directory);
    let good = std::fs::read(&file).unwrap();
    // One bit of the machine's own code.
    let mut forged = good.clone();
    let middle = forged.len() / 2;
    forged[middle] ^= 1;
    replace(&file, &forged);
    reload(&host.plugins, "policy").await.unwrap();
    assert_ne!(std::fs::read(&file).unwrap(), forged, "it was made anew");
    // A whole one, but of another component.
    host.prepare("useful").await;
    let files: Vec<_> = std::fs::read_dir(directory.join("compiled"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    let other = files.iter().find(|path| **path != file).unwrap();
    replace(&file, &std::fs::read(other).unwrap());
    reload(&host.plugins, "policy").await.unwrap();
    assert_ne!(std::fs::read(&file).unwrap(), std::fs::read(other).unwrap());
    // A component that is not what it was.
    std::fs::remove_file(&file).unwrap();
    let component =
        directory.join("components").join(format!("{}.wasm", guest("policy").digest().hex()));
    std::fs::write(&component, b"\0asm\x0d\0\x01\0").unwrap();
    let changed = reload(&host.plugins, "policy").await;
    assert!(matches!(changed, Err(Error::ComponentUnknown(_))), "{changed:?}");
}

#[tokio::test]
async fn what_is_removed_is_gone() {
    let host = Host::start().await;
    let prepared = host.prepare("policy").await;
    host.plugins.activate(&prepared, &terms(json!({}), &[])).await.unwrap();
    host.plugins.forget_component(prepared.digest()).await.unwrap();
    assert!(reload(&host.plugins, "policy").await.is_err());
    // What is in force stays so until it is taken out.
    host.ask(None).await;
    assert_eq!(host.records().len(), 1);
    host.plugins.forget_component(prepared.digest()).await.unwrap();
}

#[tokio::test]
async fn a_component_that_does_not_fit_is_refused_before_it_is_in_force() {
    let host = Host::start().await;
    let wants_more =
        r#"(component (import "berth:plugin/files@0.1.0" (instance (export "open" (func)))))"#;
    let refused = host.plugins.prepare(&package(wants_more)).await;
    let Err(Error::Incompatible(what)) = refused else { panic!("{refused:?}") };
    assert!(what.contains("berth:plugin/files"), "{what}");
    let empty = host.plugins.prepare(&package("(component)")).await;
    let Err(Error::Incompatible(what)) = empty else { panic!("{empty:?}") };
    assert!(what.contains("lifecycle"), "{what}");
    // A hook of the manifest that the component does not have, and a name that is not its own.
    let policy = guest("policy");
    let changed = |from: &str, to: &str| {
        let text = policy.manifest().text().replace(from, to);
        Package::new(Manifest::parse(&text).unwrap(), policy.component().clone()).unwrap()
    };
    let missing =
        host.plugins.prepare(&changed("[[settings]]", "[hooks.scanner]\n[[settings]]")).await;
    assert!(matches!(missing, Err(Error::MissingExport { .. })), "{missing:?}");
    let renamed = host.plugins.prepare(&changed("test.policy", "test.other")).await;
    assert!(matches!(renamed, Err(Error::Misnamed { .. })), "{renamed:?}");
    assert!(host.plugins.list().is_empty());
}

#[tokio::test]
async fn what_the_compiler_says_is_told() {
    let host = Host::start().await;
    let mut broken = guest("policy").component().to_vec();
    let middle = broken.len() / 2;
    broken[middle..middle + 64].fill(0xff);
    let package = Package::new(guest("policy").manifest().clone(), broken.into()).unwrap();
    let refused = host.plugins.prepare(&package).await;
    let Err(Error::Compile(what)) = refused else { panic!("{refused:?}") };
    assert!(!what.is_empty() && !what.starts_with("the compiler ended"), "{what}");
    assert!(what.len() < 3000);
    // Nothing half-made is left.
    let directory = host.berth.directory.path().join("plugins/compiled");
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 0);
}

#[tokio::test]
async fn a_compiler_that_is_not_there_is_an_error_and_no_crash() {
    let host = Host::start_with(|options| options.compiler = Compiler::program("/nowhere")).await;
    let refused = host.plugins.prepare(&guest("policy")).await;
    assert!(matches!(refused, Err(Error::Compile(_))), "{refused:?}");
    let host = Host::start_with(|options| options.compiler = Compiler::program("/bin/true")).await;
    let refused = host.plugins.prepare(&guest("policy")).await;
    assert!(
        matches!(refused, Err(Error::Io { .. })),
        "it says that it is done, and is not: {refused:?}"
    );
}
