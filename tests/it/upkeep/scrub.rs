//! Scrubs: damage is found completely, is served to nobody, and is mended by the next push.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use berth::backup::{Target, Watch};
use berth::blob::{Probe, Step};
use futures::future::BoxFuture;
use reqwest::Method;
use serde_json::{Value, json};

use super::{eager, run};
use crate::support::servers::Kind;
use crate::support::{Answer, Blob, Bucket, Client, Image, TestApp};

const BLOBS: u64 = 400;

/// What becomes of an object: other bytes, or none.
type Spoil<'a> = &'a (dyn Fn(String, Option<Vec<u8>>) -> BoxFuture<'a, ()> + Sync);

async fn location(berth: &TestApp, blob: &Blob) -> String {
    let row = berth.app.meta.find_blob_anywhere(&blob.digest).await.unwrap().unwrap();
    row.location.as_str().to_owned()
}

async fn scrub(admin: &Client) -> Value {
    run(admin, "/api/v1/scrub/run", json!({})).await;
    admin.get("/api/v1/scrub").await.ok().json()["runs"][0]["done"].clone()
}

async fn damaged(admin: &Client) -> BTreeSet<String> {
    let list = admin.get("/api/v1/scrub/damaged").await.ok().json();
    let blobs = list["blobs"].as_array().unwrap().iter();
    blobs.map(|blob| blob["digest"].as_str().unwrap().to_owned()).collect()
}

async fn events(admin: &Client, kind: &str) -> usize {
    let found = admin.get(&format!("/api/v1/events?kind={kind}")).await.ok().json();
    found["events"].as_array().unwrap().len()
}

fn path(repository: &str, blob: &Blob) -> String {
    format!("/v2/{repository}/blobs/{}", blob.digest)
}

fn refused(answer: Answer) {
    assert!(answer.fails(404, "BLOB_UNKNOWN").text().contains("push it again"));
}

/// One blob in a hundred is spoiled in one of three ways. All of them are found and nothing else is. Each is in two
/// repositories.
async fn damage_is_found_and_mended(berth: &TestApp, spoil: Spoil<'_>) {
    let admin = berth.admin().await;
    let blobs: Vec<Blob> = (0..BLOBS).map(|seed| Blob::random(2000, seed)).collect();
    for (number, blob) in blobs.iter().enumerate() {
        let home = format!("team/r{}", number % 3);
        admin.push_blob(&home, blob).await;
        let mount = format!("/v2/team/all/blobs/uploads/?mount={}&from={home}", blob.digest);
        admin.post(&mount, "").await.status(201);
    }
    let clean = scrub(&admin).await;
    assert_eq!((&clean["blobs"], &clean["bytes"]), (&json!(BLOBS), &json!(BLOBS * 2000)));
    assert!(damaged(&admin).await.is_empty());
    let spoiled: Vec<&Blob> = blobs.iter().step_by(100).collect();
    for (number, blob) in spoiled.iter().enumerate() {
        let mut bytes = blob.bytes.clone();
        let bytes = match number % 4 {
            0 | 3 => {
                bytes[number * 500] ^= 1;
                Some(bytes)
            }
            1 => Some(bytes[..1999].to_vec()),
            _ => None,
        };
        spoil(location(berth, blob).await, bytes).await;
    }
    let done = scrub(&admin).await;
    assert_eq!((&done["damaged"], &done["missing"]), (&json!(2), &json!(2)), "{done}");
    let expected: BTreeSet<_> = spoiled.iter().map(|blob| blob.digest.to_string()).collect();
    assert_eq!(damaged(&admin).await, expected);
    assert_eq!(events(&admin, "blob.damage").await, 4);
    let figures = admin.get("/metrics").await.ok().text();
    assert!(figures.contains("berth_blobs_damaged 4"), "{figures}");
    // It is served to nobody, whole or in part, and cannot be mounted; others can.
    for (number, blob) in spoiled.iter().enumerate() {
        let home = format!("team/r{}", number * 100 % 3);
        assert_eq!(admin.head(&path(&home, blob)).await.code, 404);
        for name in [home.as_str(), "team/all"] {
            refused(admin.get(&path(name, blob)).await);
            let part = admin.request(Method::GET, &path(name, blob)).header("range", "bytes=0-9");
            refused(admin.send(part).await);
        }
        let mount = format!("/v2/other/blobs/uploads/?mount={}&from={home}", blob.digest);
        let session = admin.post(&mount, "").await.status(202).header("location").to_owned();
        admin.delete(&session).await.status(204);
    }
    admin.head(&path("team/r1", &blobs[1])).await.ok();
    // Another scrub finds the same, and tells of it no second time.
    scrub(&admin).await;
    assert_eq!(events(&admin, "blob.damage").await, 4);
    // To push it again mends it, wherever it is pushed to.
    for (number, blob) in spoiled.iter().enumerate() {
        let home = format!("team/r{}", number * 100 % 3);
        let target = if number == 0 { "other" } else { &home };
        admin.push_blob(target, blob).await;
        for name in [home.as_str(), "team/all"] {
            assert_eq!(admin.get(&path(name, blob)).await.ok().bytes, blob.bytes);
        }
    }
    assert!(damaged(&admin).await.is_empty());
    assert_eq!(events(&admin, "blob.repair").await, 4);
    let done = scrub(&admin).await;
    assert_eq!((&done["damaged"], &done["missing"]), (&json!(0), &json!(0)), "{done}");
}

fn spoil_file(berth: &TestApp, location: &str, bytes: Option<Vec<u8>>) {
    let path = berth.directory.path().join("data").join(location);
    match bytes {
        Some(bytes) => std::fs::write(path, bytes).unwrap(),
        None => std::fs::remove_file(path).unwrap(),
    }
}

#[tokio::test]
async fn damaged_files_are_found_and_mended() {
    let berth = eager(|config| config.scrub.bytes_per_second = None).await;
    let spoil = |location: String, bytes| -> BoxFuture<'_, ()> {
        spoil_file(&berth, &location, bytes);
        Box::pin(std::future::ready(()))
    };
    damage_is_found_and_mended(&berth, &spoil).await;
    crate::support::stored_files::compare(&berth).await;
}

async fn in_a_bucket(kind: Kind) {
    let Some(bucket) = Bucket::of(kind).await else { return };
    let berth = bucket.start().await;
    berth.app.start_worker();
    let operator = bucket.operator();
    let spoil = |location: String, bytes: Option<Vec<u8>>| -> BoxFuture<'_, ()> {
        let operator = operator.clone();
        Box::pin(async move {
            match bytes {
                // The server of GCS answers in another form where no type is named.
                Some(bytes) => {
                    let write = operator.write_with(&location, bytes);
                    drop(write.content_type("application/octet-stream").await.unwrap());
                }
                None => operator.delete(&location).await.unwrap(),
            }
        })
    };
    damage_is_found_and_mended(&berth, &spoil).await;
    berth.stop().await;
}

#[tokio::test]
async fn damaged_objects_are_found_and_mended_on_garage() {
    in_a_bucket(Kind::Garage).await;
}

#[tokio::test]
async fn damaged_objects_are_found_and_mended_on_azurite() {
    in_a_bucket(Kind::Azurite).await;
}

#[tokio::test]
async fn damaged_objects_are_found_and_mended_on_gcs() {
    in_a_bucket(Kind::Gcs).await;
}

/// A disk that does not give a file back stops neither a scrub nor a backup.
#[tokio::test]
async fn what_the_disk_cannot_read_is_missing() {
    let is_bad = Arc::new(AtomicBool::new(false));
    let hook = Arc::clone(&is_bad);
    let probe = Probe::new(move |step| match step {
        Step::Load if hook.load(Ordering::SeqCst) => {
            Err(std::io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error()))
        }
        _ => Ok(()),
    });
    let berth = TestApp::start_probed(probe).await;
    berth.app.start_worker();
    let admin = berth.admin().await;
    let blob = Blob::new("bytes");
    admin.push_blob("team/app", &blob).await;
    is_bad.store(true, Ordering::SeqCst);
    assert_eq!(scrub(&admin).await["missing"], 1);
    refused(admin.get(&path("team/app", &blob)).await);
    let place = tempfile::tempdir().unwrap();
    let backups = berth.app.backups();
    let (target, actor) = (Target::directory(place.path()), crate::support::tester());
    let created = backups.create(&target, &actor, &Watch::default()).await.unwrap();
    assert_eq!(created.manifest.damaged, std::slice::from_ref(&blob.digest));
    is_bad.store(false, Ordering::SeqCst);
    assert_eq!(scrub(&admin).await["whole_again"], 1);
    let created = backups.create(&target, &actor, &Watch::default()).await.unwrap();
    assert!(created.manifest.damaged.is_empty() && created.manifest.sent_blobs == 1);
}

#[tokio::test]
async fn a_manifest_that_needs_a_damaged_blob_waits_for_it() {
    let berth = eager(|_| {}).await;
    let admin = berth.admin().await;
    let (old, new) = (Image::of(["shared", "old"]), Image::of(["shared", "new"]));
    admin.push("team/app", "v1", &old).await;
    for blob in new.blobs() {
        admin.push_blob("team/app", blob).await;
    }
    let shared = Blob::new("shared");
    spoil_file(&berth, &location(&berth, &shared).await, Some(b"Shared".to_vec()));
    scrub(&admin).await;
    let put = || admin.put_manifest("team/app", "v2", new.media_type(), new.manifest());
    put().await.fails(400, "MANIFEST_BLOB_UNKNOWN");
    admin.push_blob("team/app", &shared).await;
    put().await.status(201);
}

#[tokio::test]
async fn what_is_whole_again_is_served_again() {
    let berth = eager(|_| {}).await;
    let admin = berth.admin().await;
    let blob = Blob::new("bytes");
    admin.push_blob("team/app", &blob).await;
    let location = location(&berth, &blob).await;
    spoil_file(&berth, &location, Some(b"bites".to_vec()));
    scrub(&admin).await;
    refused(admin.get(&path("team/app", &blob)).await);
    spoil_file(&berth, &location, Some(blob.bytes.clone()));
    assert_eq!(scrub(&admin).await["whole_again"], 1);
    assert_eq!(admin.get(&path("team/app", &blob)).await.ok().bytes, blob.bytes);
    assert!(damaged(&admin).await.is_empty());
}
