//! `replicate-s3-layout`, to a bucket of Garage.

use std::collections::BTreeSet;
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
    start_with(bucket, rule, json!({})).await
}

/// With more settings of the plugin.
async fn start_with(bucket: &Bucket, rule: Value, more: Value) -> (TestApp, Client) {
    let mut wish = json!({
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
    wish["settings"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    replicating("replicate-s3-layout", wish, rule).await
}

/// The blobs that lie in a layout, by their digests.
async fn blobs(bucket: &Bucket, repository: &str) -> BTreeSet<String> {
    let folder = format!("{repository}/blobs/sha256/");
    let names = bucket.objects().await.into_keys();
    names.filter_map(|name| Some(format!("sha256:{}", name.strip_prefix(&folder)?))).collect()
}

/// All that an image is made of.
fn parts(image: &Image) -> impl Iterator<Item = String> {
    let own = image.blobs().iter().map(|blob| blob.digest.to_string());
    own.chain([image.digest().to_string()])
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
async fn what_no_other_image_needs_goes_with_the_one_that_is_deleted() {
    let Some(bucket) = Bucket::of(Kind::Garage).await else { return };
    let (berth, admin) = start(&bucket, json!({ "deletions": true })).await;
    let shared = Blob::new("shared");
    let of = |own: &str| Image::new(vec![shared.clone(), Blob::new(own)], json!({}));
    let (kept, gone) = (of("kept"), of("gone"));
    let kept_digest = admin.push("team/app", "v1", &kept).await;
    let more = json!({ "artifactType": "application/x.sig", "subject": gone.descriptor() });
    let signature = Image::new(vec![Blob::new("of what goes")], more);
    let gone_digest = admin.push("team/app", "v2", &gone).await;
    admin.push("team/app", signature.digest().as_str(), &signature).await;
    // Another layout in the same bucket, whose name begins alike.
    let other = admin.push("team/app/blobs", "v1", &gone).await;
    even((&berth, &admin), "team/app", "v1", Some(kept_digest.as_str())).await;
    even((&berth, &admin), "team/app", "v2", Some(gone_digest.as_str())).await;
    even((&berth, &admin), "team/app/blobs", "v1", Some(other.as_str())).await;
    rests(&berth, &admin).await;
    let all: BTreeSet<String> = parts(&kept).chain(parts(&gone)).chain(parts(&signature)).collect();
    assert_eq!(blobs(&bucket, "team/app").await, all);

    admin.delete("/v2/team/app/manifests/v2").await.status(202);
    even((&berth, &admin), "team/app", "v2", None).await;
    rests(&berth, &admin).await;
    assert_eq!(blobs(&bucket, "team/app").await, parts(&kept).collect());
    assert_eq!(blobs(&bucket, "team/app/blobs").await, parts(&gone).collect());
    let index = bucket.operator().read("team/app/index.json").await.unwrap().to_bytes();
    let index: Value = serde_json::from_slice(&index).unwrap();
    assert_eq!(index["manifests"].as_array().unwrap().len(), 1, "{index}");

    // What has gone is brought again when it is there again.
    admin.push("team/app", "v3", &gone).await;
    even((&berth, &admin), "team/app", "v3", Some(gone_digest.as_str())).await;
    assert!(blobs(&bucket, "team/app").await.is_superset(&parts(&gone).collect()));
}

#[tokio::test]
async fn a_large_blob_goes_in_parts() {
    let Some(bucket) = Bucket::of(Kind::Garage).await else { return };
    let (berth, admin) = start_with(&bucket, json!({}), json!({ "part-size": 5 })).await;
    let layer = Blob::random((12 << 20) + 7, 21);
    let key = format!("team/app/blobs/sha256/{}", layer.digest.hex());
    let image = Image::new(vec![layer.clone()], json!({}));
    let digest = admin.push("team/app", "v1", &image).await;
    even((&berth, &admin), "team/app", "v1", Some(digest.as_str())).await;
    let stored = bucket.operator().read(&key).await.unwrap().to_bytes();
    assert!(stored == layer.bytes, "the bytes in the bucket are others");
    // What was put in parts is named so: a hash, and their number.
    let etag = bucket.operator().stat(&key).await.unwrap().etag().unwrap_or_default().to_owned();
    assert!(etag.trim_matches('"').ends_with("-3"), "{etag}");

    let wrong = json!({ "settings": {
        "endpoint": bucket.options["endpoint"], "bucket": bucket.options["bucket"], "part-size": 4,
    }});
    let refused = admin.patch_json("/api/v1/plugins/replicate-s3-layout", wrong).await;
    let said = refused.fails(400, "INVALID").text();
    assert!(said.contains("5 to 128 MiB"), "{said}");
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
