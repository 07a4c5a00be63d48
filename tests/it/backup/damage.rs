//! What is damaged in a place is found, named, and mended by the next backup.

use std::path::Path;

use berth::backup::{Depth, Error, Identity, Target, Verified, Watch, Which, verify};

use super::{back_up, key_file, restore_into, start_restored};
use crate::support::stored_files::files;
use crate::support::{Blob, Image, TestApp};
use crate::upkeep::{eager, run};

async fn look(target: &Target, depth: Depth, identities: &[Identity]) -> Verified {
    let scratch = tempfile::tempdir().unwrap();
    let manifest = target.choose(&Which::Latest).await.unwrap();
    let watch = Watch::default();
    verify(target, manifest, depth, identities, scratch.path(), &watch).await.unwrap()
}

async fn some_backup(place: &Path, recipients: Vec<String>) -> (TestApp, Target) {
    let berth = TestApp::start_with(|config| config.backup.recipients = recipients).await;
    let admin = berth.admin().await;
    for number in 0..5 {
        let layers = vec![Blob::random(100_000, number), Blob::new("text ".repeat(20_000))];
        let image = Image::new(layers, serde_json::json!({}));
        admin.push("team/app", &format!("v{number}"), &image).await;
    }
    let target = Target::directory(place);
    back_up(&berth, &target).await;
    (berth, target)
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn every_damaged_or_missing_file_is_found_and_sent_again() {
    for encrypted in [false, true] {
        let place = tempfile::tempdir().unwrap();
        let identity = Identity::random();
        let recipients =
            if encrypted { vec![identity.recipient().to_string()] } else { Vec::new() };
        let (berth, target) = some_backup(place.path(), recipients).await;
        let identities = [identity];
        assert!(look(&target, Depth::Bytes, &identities).await.is_good());

        let mut blobs: Vec<String> = files(place.path(), "blobs").into_keys().collect();
        blobs.sort();
        assert_eq!(blobs.len(), 7, "{blobs:?}"); // five layers, one that all have, the configuration
        let (changed, gone, cut) = (&blobs[1], &blobs[3], &blobs[5]);
        flip(&place.path().join(changed), 40);
        std::fs::remove_file(place.path().join(gone)).unwrap();
        let bytes = std::fs::read(place.path().join(cut)).unwrap();
        std::fs::write(place.path().join(cut), &bytes[..bytes.len() - 1]).unwrap();

        let found = look(&target, Depth::Bytes, &identities).await;
        let mut damaged = found.damaged_files.clone();
        damaged.sort();
        assert_eq!(damaged, [changed.clone(), gone.clone(), cut.clone()]);
        assert_eq!(found.problems.len(), 3, "{:?}", found.problems);
        // Names and sizes tell of two of them.
        assert_eq!(look(&target, Depth::Files, &identities).await.damaged_files.len(), 2);

        // All else can be restored, and what cannot is named.
        let (copy, restored) = start_restored(&target, Which::Latest, &|_| {}, |restore| {
            restore.identities = identities.to_vec();
            if !encrypted {
                restore.key_file = Some(key_file(&berth));
            }
        })
        .await;
        assert_eq!((restored.blobs, restored.missing.len()), (4, 3), "{:?}", restored.missing);
        copy.stop().await;

        for name in &found.damaged_files {
            target.remove_damaged(name).await.unwrap();
        }
        let again = back_up(&berth, &target).await;
        assert_eq!(again.sent_blobs, 3);
        assert!(look(&target, Depth::Bytes, &identities).await.is_good());
    }
}

#[tokio::test]
async fn a_damaged_database_list_or_manifest_is_found() {
    for (name, damage) in [("database.zst", "database.zst: "), ("blobs.zst", "blobs.zst: ")] {
        let place = tempfile::tempdir().unwrap();
        let (_berth, target) = some_backup(place.path(), Vec::new()).await;
        let id = target.choose(&Which::Latest).await.unwrap().id;
        let path = place.path().join("backups").join(&id).join(name);
        let length = usize::try_from(std::fs::metadata(&path).unwrap().len()).unwrap();
        // One bit may make no difference: a match elsewhere in the same zeros.
        (length / 3..length / 2).for_each(|at| flip(&path, at));
        let found = look(&target, Depth::Bytes, &[]).await;
        assert!(found.problems.iter().any(|problem| problem.contains(damage)), "{found:?}");

        std::fs::write(path.with_file_name("manifest.json"), "{\"form\":1").unwrap();
        let listed = target.list().await.unwrap();
        assert!(listed[0].manifest.as_ref().unwrap_err().contains("damaged"));
        assert!(matches!(target.choose(&Which::Latest).await, Err(Error::None(_))));
    }
}

#[tokio::test]
async fn the_wrong_identity_is_said_to_be_wrong() {
    let place = tempfile::tempdir().unwrap();
    let recipient = Identity::random().recipient().to_string();
    let (_berth, target) = some_backup(place.path(), vec![recipient]).await;
    let wrong = look(&target, Depth::Bytes, &[Identity::random()]).await;
    assert!(wrong.problems[0].contains("encrypted to other recipients"), "{:?}", wrong.problems);
    let none = look(&target, Depth::Bytes, &[]).await;
    assert!(none.is_good() && !none.contents);
    assert!(none.notes.iter().any(|note| note.contains("no identity was given")));

    let directory = tempfile::tempdir().unwrap();
    let mut restore = restore_into(&directory, &|_| {});
    let manifest = target.choose(&Which::Latest).await.unwrap();
    for identities in [vec![Identity::random()], Vec::new()] {
        restore.identities = identities;
        std::fs::remove_dir_all(&restore.storage.data).ok();
        let error = restore.run(&target, manifest.clone(), &Watch::default()).await.unwrap_err();
        let said = error.to_string();
        assert!(said.contains("other recipients") || said.contains("name the file"), "{said}");
    }
}

/// The registry's own damage is no reason to have no backup.
#[tokio::test]
async fn a_blob_that_the_registry_has_lost_is_named_and_the_rest_is_backed_up() {
    let place = tempfile::tempdir().unwrap();
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let (lost, changed) = (Blob::random(50_000, 1), Blob::random(50_000, 2));
    let image = Image::new(vec![lost.clone(), changed.clone()], serde_json::json!({}));
    admin.push("team/app", "v1", &image).await;
    let path = async |blob: &Blob| {
        let row = berth.app.meta.find_blob_anywhere(&blob.digest).await.unwrap().unwrap();
        berth.directory.path().join("data").join(row.location.as_str())
    };
    std::fs::remove_file(path(&lost).await).unwrap();
    flip(&path(&changed).await, 7);
    let target = Target::directory(place.path());
    let manifest = back_up(&berth, &target).await;
    let mut damaged = manifest.damaged.clone();
    damaged.sort_by_key(ToString::to_string);
    let mut expected = vec![lost.digest, changed.digest];
    expected.sort_by_key(ToString::to_string);
    assert_eq!(damaged, expected);
    assert_eq!(files(place.path(), "blobs").len(), 1, "no damaged bytes under a good name");
    let found = look(&target, Depth::Bytes, &[]).await;
    assert!(found.is_good(), "{:?}", found.problems);
    assert_eq!(found.notes.len(), 2);
}

/// What the place has from before is whole again in what is restored; the rest is known to be missing there, too.
#[tokio::test]
async fn blobs_that_are_known_to_be_damaged_are_restored_or_known_to_be_missing() {
    let place = tempfile::tempdir().unwrap();
    let target = Target::directory(place.path());
    let berth = eager(|_| {}).await;
    let admin = berth.admin().await;
    let (kept, lost) = (Blob::random(50_000, 1), Blob::random(50_000, 2));
    let path_of = |blob: &Blob| format!("/v2/team/app/blobs/{}", blob.digest);
    let file_of = async |blob: &Blob| {
        let row = berth.app.meta.find_blob_anywhere(&blob.digest).await.unwrap().unwrap();
        berth.directory.path().join("data").join(row.location.as_str())
    };
    admin.push("team/app", "v1", &Image::new(vec![kept.clone()], serde_json::json!({}))).await;
    back_up(&berth, &target).await;
    admin.push("team/app", "v2", &Image::new(vec![lost.clone()], serde_json::json!({}))).await;
    flip(&file_of(&kept).await, 7);
    std::fs::remove_file(file_of(&lost).await).unwrap();
    run(&admin, "/api/v1/scrub/run", serde_json::json!({})).await;
    berth.turn_clock(std::time::Duration::from_secs(5));
    let manifest = back_up(&berth, &target).await;
    assert_eq!(manifest.damaged, std::slice::from_ref(&lost.digest));
    let found = look(&target, Depth::Bytes, &[]).await;
    assert!(found.is_good() && found.notes.len() == 1, "{found:?}");

    let (copy, restored) = start_restored(&target, Which::Latest, &|_| {}, |restore| {
        restore.key_file = Some(key_file(&berth));
    })
    .await;
    assert_eq!(restored.missing.len(), 1, "{:?}", restored.missing);
    let client = admin.at(copy.url());
    assert_eq!(client.get(&path_of(&kept)).await.ok().bytes, kept.bytes);
    let refused = client.get(&path_of(&lost)).await.fails(404, "BLOB_UNKNOWN");
    assert!(refused.text().contains("push it again"));
    let damaged = client.get("/api/v1/scrub/damaged").await.ok().json();
    assert_eq!(damaged["blobs"].as_array().unwrap().len(), 1, "{damaged}");
    assert_eq!(damaged["blobs"][0]["digest"], lost.digest.as_str());
    client.push_blob("team/app", &lost).await;
    assert_eq!(client.get(&path_of(&lost)).await.ok().bytes, lost.bytes);
    copy.stop().await;
}
