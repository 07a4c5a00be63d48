//! Backups that are taken while clients push, move tags and delete.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use berth::backup::{Depth, Identity, Target, Watch, Which, verify};
use berth::config::Config;
use berth::oci::Digest;
use futures::future::join_all;
use serde_json::json;

use super::{View, back_up, key_file, start_restored};
use crate::support::servers::Kind;
use crate::support::{Blob, Bucket, Client, Dice, Image, TestApp, eventually};

type Known = Arc<Mutex<BTreeMap<Digest, Vec<u8>>>>;

const CLIENTS: usize = 4;

/// How many things clients do before each backup begins; they go on while it is taken.
const STEPS: usize = 60;

/// Pushes, moves tags, attaches referrers and deletes until it is told to stop.
async fn work(
    client: Client,
    seed: u64,
    known: Known,
    steps: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
) {
    let mut dice = Dice::new(seed);
    let repository = |dice: &mut Dice| format!("load/app-{}", dice.between(0, 3));
    let mut pushed: Vec<(String, Image)> = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let name = repository(&mut dice);
        let tag = format!("v{}", dice.between(0, 6));
        match dice.between(0, 10) {
            0..=5 => {
                // Some layers are text, which is worth compressing, and some come again and again.
                let text = format!("line {}\n", dice.between(0, 20)).repeat(dice.between(1, 4000));
                let layers =
                    vec![Blob::random(dice.between(1, 200_000), dice.next()), Blob::new(text)];
                let mut more = json!({ "annotations": { "n": dice.next().to_string() } });
                if let Some((other, subject)) = pushed.last()
                    && *other == name
                    && dice.between(0, 2) == 0
                {
                    more["subject"] = subject.descriptor();
                }
                let image = Image::new(layers, more);
                {
                    let mut known = known.lock().unwrap();
                    for blob in image.blobs() {
                        known.insert(blob.digest.clone(), blob.bytes.clone());
                    }
                    known.insert(image.digest(), image.manifest());
                }
                client.push(&name, &tag, &image).await;
                pushed.push((name, image));
            }
            6..=7 => {
                let path = format!("/v2/{name}/manifests/{tag}");
                let code = client.delete(&path).await.code;
                assert!([202, 404].contains(&code), "{code}");
            }
            _ => {
                let Some((name, image)) = pushed.pop() else { continue };
                let path = format!("/v2/{name}/manifests/{}", image.digest());
                let code = client.delete(&path).await.code;
                assert!([202, 404].contains(&code), "{code}");
            }
        }
        steps.fetch_add(1, Ordering::SeqCst);
    }
}

/// Two backups under load; each of them becomes the registry of its moment.
async fn under_load(
    target: &Target,
    serve_from: &dyn Fn(&mut Config),
    restore_to: &dyn Fn(&mut Config),
    identity: Option<Identity>,
) {
    let recipients: Vec<String> =
        identity.iter().map(|identity| identity.recipient().to_string()).collect();
    let berth = TestApp::start_with(|config| {
        serve_from(config);
        config.backup.recipients = recipients;
    })
    .await;
    let admin = berth.admin().await;
    let (known, steps) = (Known::default(), Arc::new(AtomicUsize::new(0)));
    let stop = Arc::new(AtomicBool::new(false));
    let clients = (0..CLIENTS).map(|seed| {
        let (known, steps, stop) = (Arc::clone(&known), Arc::clone(&steps), Arc::clone(&stop));
        tokio::spawn(work(admin.clone(), seed as u64 + 1, known, steps, stop))
    });
    let clients: Vec<_> = clients.collect();
    let mut taken = Vec::new();
    for backup in 1..=2 {
        eventually("work", async || (steps.load(Ordering::SeqCst) >= backup * STEPS).then_some(()))
            .await;
        taken.push(back_up(&berth, target).await);
        // The clock is the test's, and names sort by it.
        berth.turn_clock(std::time::Duration::from_secs(5));
    }
    stop.store(true, Ordering::SeqCst);
    for ended in join_all(clients).await {
        ended.unwrap();
    }
    let head = berth.app.meta.event_head().await.unwrap().id;
    let [first, second] = &taken[..] else { unreachable!() };
    assert!(first.summary.event < second.summary.event && second.summary.event < head);
    // Of the second, only what is new was sent.
    assert!(second.sent_blobs < second.summary.blobs, "{second:?}");
    assert!(!berth.app.meta.holds_blobs().await.unwrap());

    let known = known.lock().unwrap().clone();
    let identities: Vec<Identity> = identity.into_iter().collect();
    for manifest in &taken {
        let scratch = tempfile::tempdir().unwrap();
        let (watch, again) = (Watch::default(), manifest.clone());
        let verified = verify(target, again, Depth::Bytes, &identities, scratch.path(), &watch);
        let verified = verified.await.unwrap();
        assert!(verified.is_good() && verified.contents, "{:?}", verified.problems);
        assert_eq!(verified.blobs, manifest.summary.blobs);
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);

        let wanted = View::by_events(berth.directory.path(), manifest.summary.event);
        assert!(!wanted.tags.is_empty() && !wanted.referrers.is_empty());
        let which = Which::Id(manifest.id.clone());
        let (copy, restored) = start_restored(target, which, restore_to, |restore| {
            restore.identities.clone_from(&identities);
            if manifest.key.is_none() {
                restore.key_file = Some(key_file(&berth));
            }
        })
        .await;
        assert_eq!(restored.missing, [""; 0]);
        assert_eq!(restored.blobs, manifest.summary.blobs);
        let client = admin.at(copy.url());
        assert_eq!(View::by_clients(&client, &known, &wanted).await, wanted);
        // Everything that happened is still proven, and the restore is written down behind it.
        let verified = copy.app.meta.verify_events(None).await.unwrap();
        assert!(verified.faults.is_empty(), "{:?}", verified.faults);
        assert!(verified.head.id > manifest.summary.event);
        // And it goes on as a registry.
        client.push("load/after", "v1", &Image::of(["after"])).await;
        copy.stop().await;
    }
    berth.stop().await;
}

#[tokio::test]
async fn a_backup_under_load_is_restored_as_the_registry_of_its_moment() {
    let place = tempfile::tempdir().unwrap();
    let target = Target::directory(&place.path().join("backups"));
    under_load(&target, &|_| {}, &|_| {}, None).await;
}

#[tokio::test]
async fn an_encrypted_backup_is_restored_by_its_identity_and_brings_the_key_file() {
    let place = tempfile::tempdir().unwrap();
    let target = Target::directory(place.path());
    under_load(&target, &|_| {}, &|_| {}, Some(Identity::random())).await;
    // Nothing in it can be read without the identity.
    let files = crate::support::stored_files::files(place.path(), "");
    let is_open = |name: &&String| {
        ["manifest.json", "berth-backup.json", "blobs.zst"].iter().any(|end| name.ends_with(end))
    };
    for name in files.keys().filter(|name| !is_open(name)) {
        let bytes = std::fs::read(place.path().join(name)).unwrap();
        assert!(bytes.starts_with(b"age-encryption.org/v1\n"), "{name}");
    }
    assert!(files.len() > 10, "{files:?}");
}

/// Blobs in one bucket, backups in another place of it, and back into a third.
async fn in_buckets(kind: Kind, identity: Option<Identity>) {
    let Some(from) = Bucket::of(kind).await else { return };
    let (place, to) = (Bucket::of(kind).await.unwrap(), Bucket::of(kind).await.unwrap());
    let mut config = Config::default();
    place.configure_backup(&mut config);
    let target = Target::of(&config.backup).unwrap();
    under_load(&target, &|config| from.configure(config), &|config| to.configure(config), identity)
        .await;
}

#[tokio::test]
async fn a_backup_under_load_goes_from_bucket_to_bucket_on_garage() {
    in_buckets(Kind::Garage, Some(Identity::random())).await;
}

#[tokio::test]
async fn a_backup_under_load_goes_from_bucket_to_bucket_on_azurite() {
    in_buckets(Kind::Azurite, None).await;
}

#[tokio::test]
async fn a_backup_under_load_goes_from_bucket_to_bucket_on_gcs() {
    in_buckets(Kind::Gcs, None).await;
}
