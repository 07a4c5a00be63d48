//! The contract may only grow: a component that was made for a released version runs on this one.

use std::path::Path;

use berth::plugin::{CallError, Error, Manifest, Package};

use super::Host;

/// Components without content, of each world of a version: `componentize --dummies` makes them, and those of a released
/// version are never made again.
#[tokio::test]
async fn components_of_every_version_still_fit() {
    let host = Host::start().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/worlds");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_stem().unwrap().to_str().unwrap();
        let (_, world) = file.split_once('_').unwrap();
        let hooks = match world {
            "admission" => "[hooks.admission]\noperations = [\"push\"]",
            "authorizer" => "[hooks.authenticator]\n[hooks.authorizer]",
            other => &format!("[hooks.{other}]"),
        };
        let text = format!("[plugin]\nname = \"dummy\"\nversion = \"1\"\napi = \"0.1\"\n{hooks}\n");
        let bytes = std::fs::read(&path).unwrap();
        let package = Package::new(Manifest::parse(&text).unwrap(), bytes.into()).unwrap();
        // It is instantiated, its functions have the right types, and the first one that is called is empty.
        let tried = host.plugins.prepare(&package).await;
        let Err(Error::Trial(CallError::Trap(what))) = tried else { panic!("{file}: {tried:?}") };
        assert!(what.contains("unreachable"), "{file}: {what}");
        seen += 1;
    }
    assert_eq!(seen, 6);
}
