//! `replicate-s3-layout`, to a bucket of Garage.

use std::path::Path;

use berth::oci::MediaType;
use serde_json::{Value, json};

use super::{even, replicating};
use crate::copy::Person;
use crate::replication::rests;
use crate::support::servers::Kind;
use crate::support::{Blob, Bucket, Client, Image, TestApp, eventually};

/// A Berth that brings everything into a bucket.
async fn start(bucket: &Bucket, rule: Value) -> (TestApp, Client) {
    let wish = json!({
        "settings": {
            "endpoint": bucket.options["endpoint"], "bucket": bucket.options["bucket"],
            "region": bucket.options["region"],
            "prefix": bucket.options["root"].trim_start_matches('/'),
        },
        "secrets": {
            "access-key-id": bucket.options["access_key_id"],
            "secret-access-key": bucket.options["secret_access_key"],
        },
        "granted": [
            format!("http {}", bucket.options["endpoint"]),
            "secret access-key-id", "secret secret-access-key",
        ],
    });
    replicating("replicate-s3-layout", wish, rule).await
}

/// Brings what is in the bucket into a directory.
async fn fetch(bucket: &Bucket, directory: &Path) {
    let operator = bucket.operator();
    for name in bucket.objects().await.into_keys() {
        let path = directory.join(&name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, operator.read(&name).await.unwrap().to_bytes()).unwrap();
    }
}

#[tokio::test]
async fn a_bucket_gets_a_layout_that_others_read() {
    let Some(bucket) = Bucket::of(Kind::Garage).await else { return };
    let (berth, admin) = start(&bucket, json!({})).await;
    // An index over two images, with a signature.
    let layer = Blob::random(6 << 20, 11);
    let images = ["amd64", "arm64"].map(|architecture| {
        let own = Blob::new(format!("for {architecture}"));
        Image::new(vec![layer.clone(), own], json!({}))
    });
    for image in &images {
        admin.push("team/app", "tmp", image).await;
    }
    let entries: Vec<Value> = images.iter().map(Image::descriptor).collect();
    let index =
        json!({ "schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": entries });
    let index = format!("{index}\n");
    let put = admin.put_manifest("team/app", "v1", MediaType::OCI_INDEX, index.clone()).await;
    let digest = put.status(201).header("docker-content-digest").to_owned();
    let subject =
        json!({ "mediaType": MediaType::OCI_INDEX, "digest": digest, "size": index.len() });
    let more = json!({ "artifactType": "application/x.sig", "subject": subject });
    let signature = Image::new(vec![Blob::new("signature")], more);
    for blob in signature.blobs() {
        admin.push_blob("team/app", blob).await;
    }
    let own = signature.digest();
    admin
        .put_manifest("team/app", own.as_str(), signature.media_type(), signature.manifest())
        .await
        .status(201);
    even((&berth, &admin), "team/app", "v1", Some(&digest)).await;
    rests(&berth, &admin).await;

    // What has gone there once is not sent again.
    let next = Image::new(vec![layer.clone(), Blob::new("next")], json!({}));
    let second = admin.push("team/app", "v2", &next).await;
    let state = even((&berth, &admin), "team/app", "v2", Some(second.as_str())).await;
    assert!(state["sent_bytes"].as_u64().unwrap() < 1000, "{state}");

    let ann = Person::new();
    fetch(&bucket, ann.home()).await;
    let other = TestApp::start().await;
    let there = other.admin().await;
    ann.logs_in_at(&other.address().to_string()).await;
    for tag in ["v1", "v2"] {
        let to = format!("{}/copy:{tag}", other.address());
        ann.berth(["copy", &format!("oci:team/app:{tag}"), &to, "--referrers"]).await.ok();
    }
    assert_eq!(there.get("/v2/copy/manifests/v1").await.ok().bytes, index.as_bytes());
    assert_eq!(there.get("/v2/copy/manifests/v2").await.ok().bytes, next.manifest());
    let path = format!("/v2/copy/blobs/{}", layer.digest);
    assert_eq!(there.get(&path).await.ok().bytes, layer.bytes);
    let path = format!("/v2/copy/referrers/{digest}");
    let listed = there.get(&path).await.ok().json();
    assert_eq!(listed["manifests"][0]["digest"], json!(own), "{listed}");
}

#[tokio::test]
async fn a_tag_that_goes_here_goes_in_the_bucket() {
    let Some(bucket) = Bucket::of(Kind::Garage).await else { return };
    let (berth, admin) = start(&bucket, json!({ "deletions": true })).await;
    let first = admin.push("team/app", "v1", &Image::of(["first"])).await;
    let second = admin.push("team/app", "v2", &Image::of(["second"])).await;
    even((&berth, &admin), "team/app", "v1", Some(first.as_str())).await;
    even((&berth, &admin), "team/app", "v2", Some(second.as_str())).await;
    let moved = admin.push("team/app", "v1", &Image::of(["moved"])).await;
    even((&berth, &admin), "team/app", "v1", Some(moved.as_str())).await;
    admin.delete("/v2/team/app/manifests/v2").await.status(202);
    even((&berth, &admin), "team/app", "v2", None).await;
    let index = bucket.operator().read("team/app/index.json").await.unwrap().to_bytes();
    let index: Value = serde_json::from_slice(&index).unwrap();
    let listed: Vec<_> = index["manifests"].as_array().unwrap().iter().collect();
    assert_eq!(listed.len(), 1, "{index}");
    assert_eq!(listed[0]["digest"], json!(moved));
    assert_eq!(listed[0]["annotations"], json!({ "org.opencontainers.image.ref.name": "v1" }));
}

#[tokio::test]
async fn a_bucket_that_refuses_says_why() {
    let Some(bucket) = Bucket::of(Kind::Garage).await else { return };
    let mut wrong = bucket.clone();
    wrong.set("secret_access_key", &"0".repeat(64));
    let (_berth, admin) = start(&wrong, json!({})).await;
    admin.push("team/app", "v1", &Image::of(["hello"])).await;
    let state = eventually("a failure", async || {
        let states = admin.get("/api/v1/replication/states").await.ok().json();
        let state = states["states"][0].clone();
        (state["state"] == "failing").then_some(state)
    })
    .await;
    let reason = state["reason"].as_str().unwrap();
    assert!(reason.contains("403") && reason.contains("signature"), "{reason}");
    assert!(!reason.contains("00000000"), "{reason}");
}
