//! Scrubs: damage is found completely, is served to nobody, and is mended by the next push.

use std::collections::BTreeSet;

use futures::future::BoxFuture;
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

/// One blob in a hundred is spoiled in one of three ways. All of them are found and nothing else is.
async fn damage_is_found_and_mended(berth: &TestApp, spoil: Spoil<'_>) {
    let admin = berth.admin().await;
    let blobs: Vec<Blob> = (0..BLOBS).map(|seed| Blob::random(2000, seed)).collect();
    for (number, blob) in blobs.iter().enumerate() {
        admin.push_blob(&format!("team/r{}", number % 3), blob).await;
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
        refused(admin.get(&path(&home, blob)).await);
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
        assert_eq!(admin.get(&path(&home, blob)).await.ok().bytes, blob.bytes);
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

#[tokio::test]
async fn damaged_objects_of_a_bucket_are_found_and_mended() {
    let Some(bucket) = Bucket::of(Kind::Garage).await else { return };
    let berth = bucket.start().await;
    berth.app.start_worker();
    let operator = bucket.operator();
    let spoil = |location: String, bytes: Option<Vec<u8>>| -> BoxFuture<'_, ()> {
        let operator = operator.clone();
        Box::pin(async move {
            match bytes {
                Some(bytes) => drop(operator.write(&location, bytes).await.unwrap()),
                None => operator.delete(&location).await.unwrap(),
            }
        })
    };
    damage_is_found_and_mended(&berth, &spoil).await;
    berth.stop().await;
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
