//! Making a plugin: a project, and an artifact of what was built.

use std::path::Path;

use berth::oci::{Algorithm, Manifest, MediaType};
use berth::plugin::{Artifact, Manifest as PluginManifest};
use serde_json::json;

use super::guest;
use crate::copy::Person;
use crate::support::{TestApp, berth};

const HOOKS: [&str; 5] =
    ["admission", "authenticator", "event-sink", "replication-target", "scanner"];

fn built(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join(format!("tests/guests/built/{name}.wasm")).display().to_string()
}

#[test]
fn a_project_is_whole_for_each_hook() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    for hook in HOOKS {
        let name = format!("acme.my-{hook}");
        let said = berth(directory, ["plugin", "new", "--hook", hook, &name]).ok();
        assert_eq!(said.stdout.trim(), format!("my-{hook}"));
        let project = directory.join(format!("my-{hook}"));
        let read = |path: &str| std::fs::read_to_string(project.join(path)).unwrap();
        let manifest = PluginManifest::parse(&read("plugin.toml")).unwrap();
        assert_eq!(manifest.name.as_str(), name);
        assert_eq!(manifest.hooks.len(), 1);
        assert!(manifest.hooks.keys().all(|one| one.as_str() == hook));
        assert!(read("src/lib.rs").contains(&name));
        assert!(read("berth/wit/types.wit").contains("package berth:plugin@"));
        assert!(read("berth/Cargo.toml").contains("members = [\"sdk\", \"componentize\"]"));
        // Executable, as the README calls it.
        assert!(is_executable(&project.join("build.sh")), "{hook}");
    }
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o111 == 0o111
}

#[test]
fn a_project_overwrites_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let new = ["plugin", "new", "--hook", "scanner", "acme.looks"];
    berth(directory, new).ok();
    std::fs::write(directory.join("looks/src/lib.rs"), "mine").unwrap();
    berth(directory, new).exit(1).says(["looks is there already", "name another directory"]);
    assert_eq!(std::fs::read_to_string(directory.join("looks/src/lib.rs")).unwrap(), "mine");
    berth(directory, ["plugin", "new", "--hook", "scanner", "acme.looks", "elsewhere"]).ok();
    assert!(directory.join("elsewhere/plugin.toml").exists());
    berth(directory, ["plugin", "new", "--hook", "soul", "acme.x"]).exit(2).says(["scanner"]);
    berth(directory, ["plugin", "new", "--hook", "scanner", "Acme"]).exit(2).says(["`a-z`"]);
}

#[tokio::test]
async fn a_plugin_is_pushed_as_a_wasm_artifact() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ann = Person::new();
    ann.logs_in(&app).await;
    let (file, place) = (built("policy"), format!("{}/plugins/policy", app.address()));
    let said = ann.berth(["plugin", "push", &file, &place, "--json"]).await.ok().json();
    assert_eq!(said["reference"], format!("{place}:0.1.0"), "its version is the tag");
    let package = guest("policy");
    assert_eq!(said["component"], json!(package.digest()));

    let pulled = admin.get("/v2/plugins/policy/manifests/0.1.0").await.ok();
    assert_eq!(said["digest"], json!(Algorithm::Sha256.digest(&pulled.bytes)));
    let manifest = pulled.json();
    let config = &manifest["config"];
    assert_eq!(config["mediaType"], "application/vnd.wasm.config.v0+json");
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(layers[0]["mediaType"], "application/wasm");
    assert_eq!(layers[0]["digest"], json!(package.digest()));
    let blob = async |descriptor: &serde_json::Value| {
        let digest = descriptor["digest"].as_str().unwrap();
        admin.get(&format!("/v2/plugins/policy/blobs/{digest}")).await.ok()
    };
    assert_eq!(blob(&layers[0]).await.bytes, *package.component());
    assert_eq!(blob(&layers[1]).await.text(), package.manifest().text());
    assert_eq!(blob(&layers[2]).await.json()[0]["key"], "annotation");
    let config = blob(config).await.json();
    let digests: Vec<_> = layers.iter().map(|layer| layer["digest"].clone()).collect();
    assert_eq!(config["layerDigests"], json!(digests));
    let exports = config["component"]["exports"].as_array().unwrap();
    assert!(exports.contains(&json!("berth:plugin/admission-hook@0.1.0")), "{exports:?}");
    let imports = config["component"]["imports"].as_array().unwrap();
    assert!(imports.contains(&json!("berth:plugin/config@0.1.0")), "{imports:?}");

    let media_type: MediaType = MediaType::OCI_MANIFEST.parse().unwrap();
    let parsed = Manifest::parse(pulled.bytes.clone().into(), Some(&media_type)).unwrap();
    assert_eq!(Artifact::component(&parsed).unwrap().digest, *package.digest());

    // Again, and under a tag of one's own: the very same artifact.
    let again = ann.berth(["plugin", "push", &file, &format!("{place}:stable")]).await.ok();
    assert!(again.stdout.starts_with(said["digest"].as_str().unwrap()), "{again:?}");
}

#[tokio::test]
async fn what_is_no_plugin_is_not_pushed() {
    let app = TestApp::start().await;
    app.admin().await;
    let ann = Person::new();
    ann.logs_in(&app).await;
    let place = format!("{}/plugins/policy", app.address());
    let text = format!("{}/Cargo.toml", env!("CARGO_MANIFEST_DIR"));
    let refused = ann.berth(["plugin", "push", &text, &place]).await.exit(1);
    refused.says(["was not pushed", "no component of WebAssembly"]);
    let file = built("policy");
    let refused = ann.berth(["plugin", "push", &file, "oci:here"]).await.exit(1);
    refused.says(["write a repository in a registry"]);
    let listed = app.admin().await.get("/v2/_catalog").await.ok().json();
    assert_eq!(listed["repositories"], json!([]));
}
