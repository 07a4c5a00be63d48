//! One image goes in and comes out.

use crate::support::{Image, TestApp};

#[tokio::test]
async fn an_image_that_was_pushed_can_be_pulled() {
    let berth = TestApp::start().await;
    let alice = berth.writer("alice").await;
    let image = Image::of(["hello", "world"]);
    let digest = alice.push("team/app", "v1", &image).await;

    let manifest = alice.get("/v2/team/app/manifests/v1").await.ok();
    assert_eq!(manifest.header("docker-content-digest"), digest.as_str());
    assert_eq!(manifest.bytes, image.manifest());
    for layer in image.blobs() {
        let pulled = alice.get(&format!("/v2/team/app/blobs/{}", layer.digest)).await.ok();
        assert_eq!(pulled.bytes, layer.bytes);
    }
    berth.anonymous().get("/v2/team/app/manifests/v1").await.fails(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_deleted_tag_leaves_its_manifest_pullable_by_digest() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let digest = admin.push("team/app", "v1", &Image::of(["hello"])).await;
    admin.delete("/v2/team/app/manifests/v1").await.status(202);
    admin.get("/v2/team/app/manifests/v1").await.fails(404, "MANIFEST_UNKNOWN");
    admin.get(&format!("/v2/team/app/manifests/{digest}")).await.ok();
}
