//! Readers, writers and deletions at the same time: what was acknowledged is what everyone sees.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use super::{OCI_MANIFEST, blob_path, manifest_path, push_config};
use crate::support::{Blob, Image, TestApp};

fn version(number: u64) -> Image {
    Image::new(vec![], json!({ "annotations": { "number": number.to_string() } }))
}

fn number(bytes: &[u8]) -> u64 {
    let manifest: serde_json::Value = serde_json::from_slice(bytes).unwrap();
    manifest["annotations"]["number"].as_str().unwrap().parse().unwrap()
}

/// Answers are kept in memory; none may be older than what its asker was told before.
#[tokio::test]
async fn nobody_sees_an_older_manifest_than_the_last_one_that_was_acknowledged() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    push_config(&admin, "team/app").await;
    let acknowledged = Arc::new(AtomicU64::new(0));
    admin.put_manifest("team/app", "v1", OCI_MANIFEST, version(0).manifest()).await.status(201);
    let writer = async {
        for number in 1..=60 {
            let manifest = version(number).manifest();
            admin.put_manifest("team/app", "v1", OCI_MANIFEST, manifest).await.status(201);
            acknowledged.store(number, Ordering::SeqCst);
        }
    };
    let readers = (0..4).map(|_| {
        let (admin, acknowledged) = (admin.clone(), Arc::clone(&acknowledged));
        async move {
            loop {
                let at_least = acknowledged.load(Ordering::SeqCst);
                let pulled = admin.get(&manifest_path("team/app", "v1")).await.ok();
                let seen = number(&pulled.bytes);
                assert!(seen >= at_least, "{seen} after {at_least}");
                let digest = Blob::new(pulled.bytes.clone()).digest;
                assert_eq!(pulled.header("docker-content-digest"), digest.as_str());
                if seen == 60 {
                    break;
                }
            }
        }
    });
    tokio::join!(writer, futures::future::join_all(readers));
}

#[tokio::test]
async fn a_tag_that_comes_and_goes_is_whole_or_missing() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    push_config(&admin, "team/app").await;
    let image = version(1);
    let writer = async {
        for _ in 0..40 {
            admin.put_manifest("team/app", "v1", OCI_MANIFEST, image.manifest()).await.status(201);
            admin.head(&manifest_path("team/app", "v1")).await.ok();
            admin.delete(&manifest_path("team/app", image.digest())).await.status(202);
            admin.head(&manifest_path("team/app", "v1")).await.status(404);
        }
    };
    let mut done = std::pin::pin!(writer);
    let reader = admin.clone();
    loop {
        tokio::select! {
            () = &mut done => break,
            pulled = reader.get("/v2/team/app/manifests/v1") => match pulled.code {
                200 => assert_eq!(pulled.bytes, image.manifest()),
                _ => drop(pulled.fails(404, "MANIFEST_UNKNOWN")),
            },
        }
    }
}

/// A manifest is taken only with all that it needs, and what it needs is then kept.
#[tokio::test]
async fn of_a_manifests_push_and_its_layers_deletion_one_is_refused() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    push_config(&admin, "team/app").await;
    for round in 0..15 {
        let image = Image::new(vec![Blob::random(100, round + 1)], json!({}));
        let layer = &image.blobs()[1];
        admin.push_blob("team/app", layer).await;
        let path = blob_path("team/app", &layer.digest);
        let (pushed, deleted) = tokio::join!(
            admin.put_manifest("team/app", "v1", OCI_MANIFEST, image.manifest()),
            admin.delete(&path)
        );
        match (pushed.code, deleted.code) {
            (201, 405) => drop(admin.get(&path).await.ok()),
            (400, 202) => drop(admin.get(&path).await.fails(404, "BLOB_UNKNOWN")),
            codes => panic!("{codes:?}"),
        }
    }
}

#[tokio::test]
async fn of_many_pushes_and_deletions_of_one_blob_each_is_answered_as_it_stands() {
    pushes_and_deletions_of_one_blob(&TestApp::start().await).await;
}

pub(crate) async fn pushes_and_deletions_of_one_blob(berth: &TestApp) {
    let admin = berth.admin().await;
    let blob = Blob::random(50_000, 1);
    let work = (0..24).map(|i| {
        let (admin, blob) = (admin.clone(), blob.clone());
        async move {
            let path = blob_path("team/app", &blob.digest);
            match i % 3 {
                0 => admin.push_blob("team/app", &blob).await,
                1 => assert!([202, 404].contains(&admin.delete(&path).await.code)),
                _ => {
                    let pulled = admin.get(&path).await;
                    assert!(pulled.code == 404 || pulled.bytes == blob.bytes);
                }
            }
        }
    });
    futures::future::join_all(work).await;
    admin.push_blob("team/app", &blob).await;
    assert!(admin.get(&blob_path("team/app", &blob.digest)).await.ok().bytes == blob.bytes);
}
