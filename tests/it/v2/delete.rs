//! Deletions.

use serde_json::json;

use super::{NOWHERE, OCI_INDEX, OCI_MANIFEST, blob_path, index, manifest_path};
use crate::support::{Blob, Image, TestApp};

#[tokio::test]
async fn deleting_a_tag_removes_the_tag_alone_and_at_once() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    let digest = admin.push("team/app", "v1", &image).await;
    admin.put_manifest("team/app", "v2", OCI_MANIFEST, image.manifest()).await.status(201);
    admin.delete(&manifest_path("team/app", "v1")).await.status(202);
    admin.head(&manifest_path("team/app", "v1")).await.status(404);
    admin.get(&manifest_path("team/app", "v2")).await.ok();
    admin.get(&manifest_path("team/app", &digest)).await.ok();
    admin.delete(&manifest_path("team/app", "v1")).await.fails(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn deleting_a_manifest_removes_all_its_tags_in_this_repository() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    let digest = admin.push("team/app", "v1", &image).await;
    admin.push("team/other", "v1", &image).await;
    admin.put_manifest("team/app", "v2", OCI_MANIFEST, image.manifest()).await.status(201);
    let kept = admin.push("team/app", "v3", &Image::of(["other"])).await;
    admin.delete(&manifest_path("team/app", &digest)).await.status(202);
    for reference in ["v1", "v2", digest.as_str()] {
        admin.head(&manifest_path("team/app", reference)).await.status(404);
    }
    let tags = admin.get("/v2/team/app/tags/list").await.ok();
    assert_eq!(tags.json()["tags"], json!(["v3"]));
    admin.get(&manifest_path("team/app", kept)).await.ok();
    admin.get(&manifest_path("team/other", "v1")).await.ok();
    admin.delete(&manifest_path("team/app", &digest)).await.fails(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn deleting_a_blob_takes_it_from_one_repository_alone() {
    deleting_a_blob(&TestApp::start().await).await;
}

pub(crate) async fn deleting_a_blob(berth: &TestApp) {
    let admin = berth.admin().await;
    let blob = Blob::random(100_000, 1);
    for name in ["team/app", "team/other"] {
        admin.push_blob(name, &blob).await;
    }
    admin.delete(&blob_path("team/app", &blob.digest)).await.status(202);
    admin.head(&blob_path("team/app", &blob.digest)).await.status(404);
    admin.delete(&blob_path("team/app", &blob.digest)).await.fails(404, "BLOB_UNKNOWN");
    assert_eq!(admin.get(&blob_path("team/other", &blob.digest)).await.ok().bytes, blob.bytes);
    admin.push_blob("team/app", &blob).await;
    assert_eq!(admin.get(&blob_path("team/app", &blob.digest)).await.ok().bytes, blob.bytes);
}

#[tokio::test]
async fn what_an_index_lists_is_kept_unless_it_is_forced() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    let digest = admin.push("team/app", "v1", &image).await;
    let list = Blob::new(index(&[image.descriptor()], json!({})));
    admin.put_manifest("team/app", "all", OCI_INDEX, list.bytes.clone()).await.status(201);
    let child = manifest_path("team/app", &digest);
    let refused = admin.delete(&child).await.fails(405, "DENIED");
    assert!(refused.text().contains(list.digest.as_str()), "{}", refused.text());
    admin.get(&child).await.ok();
    admin.get(&manifest_path("team/app", "v1")).await.ok();
    admin.delete(&format!("{child}?force=true")).await.status(202);
    admin.get(&child).await.fails(404, "MANIFEST_UNKNOWN");
    // In the order of the conformance suite the guard is never met.
    let digest = admin.push("team/app", "v1", &image).await;
    for reference in ["v1", "all", list.digest.as_str(), digest.as_str()] {
        admin.delete(&manifest_path("team/app", reference)).await.status(202);
    }
}

#[tokio::test]
async fn a_blob_that_a_manifest_needs_is_kept_unless_it_is_forced() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    let digest = admin.push("team/app", "v1", &image).await;
    for blob in image.blobs() {
        let refused = admin.delete(&blob_path("team/app", &blob.digest)).await.fails(405, "DENIED");
        assert!(refused.text().contains(digest.as_str()), "{}", refused.text());
        admin.head(&blob_path("team/app", &blob.digest)).await.ok();
    }
    let layer = blob_path("team/app", &image.blobs()[1].digest);
    admin.delete(&format!("{layer}?force=1")).await.status(202);
    admin.get(&layer).await.fails(404, "BLOB_UNKNOWN");
    admin.delete(&manifest_path("team/app", &digest)).await.status(202);
    admin.delete(&blob_path("team/app", &image.blobs()[0].digest)).await.status(202);
}

#[tokio::test]
async fn deleting_what_never_was_is_404() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    admin.push("team/app", "v1", &Image::of(["hello"])).await;
    for name in ["team/app", "team/none"] {
        admin.delete(&manifest_path(name, "v9")).await.fails(404, "MANIFEST_UNKNOWN");
        admin.delete(&manifest_path(name, NOWHERE)).await.fails(404, "MANIFEST_UNKNOWN");
        admin.delete(&blob_path(name, NOWHERE)).await.fails(404, "BLOB_UNKNOWN");
    }
    admin.delete("/v2/team/app/tags/list").await.fails(405, "UNSUPPORTED");
}

#[tokio::test]
async fn only_an_administrator_deletes() {
    let berth = TestApp::start().await;
    let (alice, rita) = (berth.writer("alice").await, berth.reader("rita").await);
    let image = Image::of(["hello"]);
    let digest = alice.push("team/app", "v1", &image).await;
    for path in [
        manifest_path("team/app", "v1"),
        manifest_path("team/app", &digest),
        blob_path("team/app", &image.blobs()[0].digest),
    ] {
        for client in [&alice, &rita] {
            client.delete(&path).await.fails(403, "DENIED");
        }
        berth.anonymous().delete(&path).await.fails(401, "UNAUTHORIZED");
        alice.get(&path).await.ok();
    }
}
