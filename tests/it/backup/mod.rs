//! Copies elsewhere, and the way back: what is restored is the registry of one moment, byte for byte.

mod by_itself;
mod command;
mod damage;
mod kill;
mod load;
mod retention;
mod snapshots;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use berth::backup::{Manifest, Restore, Restored, Target, Watch, Which};
use berth::blob::Probe;
use berth::clock::Clock;
use berth::config::Config;
use berth::oci::Digest;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Client, TestApp, tester};

/// Takes a backup of a Berth in this process.
pub(crate) async fn back_up(berth: &TestApp, target: &Target) -> Manifest {
    let created = berth.app.backups().create(target, &tester(), &Watch::default()).await.unwrap();
    created.pruned.unwrap();
    created.manifest
}

/// What a restore begins with, into a new directory.
fn restore_into(directory: &TempDir, change: &dyn Fn(&mut Config)) -> Restore {
    let mut config = Config::default();
    config.storage.data = directory.path().join("data");
    config.storage.reserve = berth::config::Reserve::Bytes(berth::config::ByteSize::bytes(0));
    change(&mut config);
    Restore {
        storage: config.storage,
        identities: Vec::new(),
        key_file: None,
        forget_secrets: false,
        now: Clock::system().now(),
    }
}

/// Restores a backup and starts a Berth on it.
pub(crate) async fn start_restored(
    target: &Target,
    which: Which,
    change: &dyn Fn(&mut Config),
    ask: impl FnOnce(&mut Restore),
) -> (TestApp, Restored) {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let mut restore = restore_into(&directory, change);
    ask(&mut restore);
    let manifest = target.choose(&which).await.unwrap();
    let restored = restore.run(target, manifest, &Watch::default()).await.unwrap();
    let berth = TestApp::start_in(directory, Probe::default(), change).await;
    (berth, restored)
}

/// The key file of a Berth in this process.
fn key_file(berth: &TestApp) -> PathBuf {
    berth.directory.path().join("data/berth.key")
}

fn database(directory: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(directory.join("data/berth.db")).unwrap()
}

/// What a registry holds: for each repository its tags, its manifests, and the referrers of each.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct View {
    tags: BTreeMap<(String, String), String>,
    manifests: BTreeSet<(String, String)>,
    referrers: BTreeMap<(String, String), BTreeSet<String>>,
}

impl View {
    /// By the events up to one of them: an account of what happened that the backup's database plays no part in.
    fn by_events(directory: &Path, last: u64) -> Self {
        let database = database(directory);
        let mut query = database
            .prepare(
                "SELECT kind, repository, target, detail FROM event WHERE id <= $1 AND repository IS NOT NULL ORDER BY id",
            )
            .unwrap();
        let mut rows = query.query([i64::try_from(last).unwrap()]).unwrap();
        let mut view = Self::default();
        while let Some(row) = rows.next().unwrap() {
            let text = |index| row.get::<_, String>(index).unwrap();
            let (kind, repository, target) = (text(0), text(1), text(2));
            let detail: Value = serde_json::from_str(&text(3)).unwrap();
            let key = (repository.clone(), target.clone());
            match kind.as_str() {
                "tag.push" => {
                    view.tags.insert(key, detail["digest"].as_str().unwrap().to_owned());
                }
                "tag.delete" => drop(view.tags.remove(&key)),
                "manifest.push" => {
                    if let Some(subject) = detail["subject"].as_str() {
                        let subject = (repository, subject.to_owned());
                        view.referrers.entry(subject).or_default().insert(target);
                    }
                    view.manifests.insert(key);
                }
                "manifest.delete" => {
                    view.manifests.remove(&key);
                    for (subject, referrers) in &mut view.referrers {
                        if subject.0 == key.0 {
                            referrers.remove(&key.1);
                        }
                    }
                }
                "blob.push" => {}
                other => panic!("{other}"),
            }
        }
        view.referrers.retain(|_, referrers| !referrers.is_empty());
        view
    }

    /// As clients see it; every byte of every manifest and blob is compared on the way.
    async fn by_clients(client: &Client, known: &BTreeMap<Digest, Vec<u8>>, wanted: &Self) -> Self {
        let mut view = Self::default();
        let catalog = client.get("/v2/_catalog?n=1000").await.ok().json();
        for repository in catalog["repositories"].as_array().unwrap() {
            let repository = repository.as_str().unwrap();
            let tags = client.get(&format!("/v2/{repository}/tags/list?n=1000")).await.ok().json();
            for tag in tags["tags"].as_array().into_iter().flatten() {
                let tag = tag.as_str().unwrap();
                let manifest = client.get(&format!("/v2/{repository}/manifests/{tag}")).await.ok();
                let digest = manifest.header("docker-content-digest").to_owned();
                view.tags.insert((repository.to_owned(), tag.to_owned()), digest);
            }
        }
        for (repository, digest) in &wanted.manifests {
            let manifest = client.get(&format!("/v2/{repository}/manifests/{digest}")).await.ok();
            assert_eq!(manifest.bytes, known[&digest.parse().unwrap()], "{digest}");
            view.manifests.insert((repository.clone(), digest.clone()));
            let manifest = manifest.json();
            let layers = manifest["layers"].as_array().unwrap().iter().chain([&manifest["config"]]);
            for layer in layers {
                let layer = layer["digest"].as_str().unwrap();
                let blob = client.get(&format!("/v2/{repository}/blobs/{layer}")).await.ok();
                assert_eq!(blob.bytes, known[&layer.parse().unwrap()], "{layer}");
            }
            let path = format!("/v2/{repository}/referrers/{digest}");
            let index = client.get(&path).await.ok().json();
            let found: BTreeSet<String> = index["manifests"]
                .as_array()
                .unwrap()
                .iter()
                .map(|referrer| referrer["digest"].as_str().unwrap().to_owned())
                .collect();
            if !found.is_empty() {
                view.referrers.insert((repository.clone(), digest.clone()), found);
            }
        }
        view
    }
}
