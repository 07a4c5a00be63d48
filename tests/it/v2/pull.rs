//! Reading manifests and blobs.

use reqwest::Method;

use super::{NOWHERE, OCI_MANIFEST, blob_path, manifest_path, push_config};
use crate::support::{Blob, Image, TestApp};

#[tokio::test]
async fn a_manifest_comes_back_byte_for_byte() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let config = push_config(&admin, "team/app").await;
    // Order, spaces, an escape and a last line end that no serialiser would keep.
    let body = format!(
        "{{\n\t\"layers\" : [ ],  \"config\":{},\n \"schemaVersion\":2, \"annotations\": {{\"\\u0061\":\"\\/\"}}}}\n",
        config.descriptor("application/vnd.oci.image.config.v1+json")
    );
    let pushed = admin.put_manifest("team/app", "v1", OCI_MANIFEST, body.clone()).await.status(201);
    let digest = Blob::new(body.clone()).digest;
    assert_eq!(pushed.header("docker-content-digest"), digest.as_str());
    for reference in ["v1", digest.as_str()] {
        let pulled = admin.get(&manifest_path("team/app", reference)).await.ok();
        assert_eq!(pulled.text(), body);
        assert_eq!(pulled.header("docker-content-digest"), digest.as_str());
        assert_eq!(pulled.header("content-length"), body.len().to_string());
    }
}

#[tokio::test]
async fn the_media_type_is_what_was_pushed_without_parameters() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    push_config(&admin, "team/app").await;
    let manifest = Image::of([]).manifest();
    let with_parameter = format!("{OCI_MANIFEST}; charset=utf-8");
    admin.put_manifest("team/app", "v1", &with_parameter, manifest).await.status(201);
    let pulled = admin.get(&manifest_path("team/app", "v1")).await.ok();
    assert_eq!(pulled.header("content-type"), OCI_MANIFEST);
}

/// Another form would have another digest.
#[tokio::test]
async fn accept_is_ignored_and_never_406() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    admin.push("team/app", "v1", &image).await;
    for accept in [
        "*/*",
        "image/png",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.docker.distribution.manifest.v2+json",
        "",
        "this is not a media type",
    ] {
        let request = admin.request(Method::GET, &manifest_path("team/app", "v1"));
        let pulled = admin.send(request.header("accept", accept)).await.ok();
        assert_eq!(pulled.header("content-type"), OCI_MANIFEST, "{accept}");
        assert_eq!(pulled.bytes, image.manifest(), "{accept}");
    }
}

/// containerd sends `Accept-Encoding: zstd, gzip` and would take the answer for another blob.
#[tokio::test]
async fn a_blob_is_never_encoded_in_another_way() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let blob = Blob::new(vec![b'a'; 200_000]);
    admin.push_blob("team/app", &blob).await;
    let request = admin.request(Method::GET, &blob_path("team/app", &blob.digest));
    let pulled = admin.send(request.header("accept-encoding", "zstd, gzip, br")).await.ok();
    assert_eq!(pulled.find_header("content-encoding"), None);
    assert_eq!(pulled.header("content-length"), "200000");
    assert_eq!(pulled.header("accept-ranges"), "bytes");
    assert_eq!(pulled.header("docker-content-digest"), blob.digest.as_str());
    assert_eq!(pulled.bytes, blob.bytes);
}

#[tokio::test]
async fn blobs_of_all_sizes_come_back_whole() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    for (size, seed) in
        [(0, 1), (1, 2), (65_535, 3), (65_536, 4), (65_537, 5), (2 << 20, 6), (9_000_001, 7)]
    {
        let blob = Blob::random(size, seed);
        admin.push_blob("team/app", &blob).await;
        let pulled = admin.get(&blob_path("team/app", &blob.digest)).await.ok();
        assert!(pulled.bytes == blob.bytes, "{size} bytes");
        assert_eq!(pulled.header("content-length"), size.to_string());
    }
}

#[tokio::test]
async fn what_is_missing_is_404_with_the_code_that_mirrors_fall_back_on() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    admin.push("team/app", "v1", &Image::of(["hello"])).await;
    for repository in ["team/app", "team/none"] {
        admin.get(&manifest_path(repository, "v2")).await.fails(404, "MANIFEST_UNKNOWN");
        admin.get(&manifest_path(repository, NOWHERE)).await.fails(404, "MANIFEST_UNKNOWN");
        admin.get(&blob_path(repository, NOWHERE)).await.fails(404, "BLOB_UNKNOWN");
        admin.head(&manifest_path(repository, "v2")).await.status(404);
        admin.head(&blob_path(repository, NOWHERE)).await.status(404);
    }
    admin.get("/v2/team/none/tags/list").await.fails(404, "NAME_UNKNOWN");
}

#[tokio::test]
async fn what_one_repository_has_another_does_not() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    let digest = admin.push("team/app", "v1", &image).await;
    admin.push("team/other", "v2", &Image::of(["other"])).await;
    admin.get(&manifest_path("team/other", &digest)).await.fails(404, "MANIFEST_UNKNOWN");
    let layer = &image.blobs()[1].digest;
    admin.get(&blob_path("team/other", layer)).await.fails(404, "BLOB_UNKNOWN");
    // To name a digest is not to have it: else a manifest would be a way to read a stranger's blob.
    admin
        .put_manifest("team/other", "v1", OCI_MANIFEST, image.manifest())
        .await
        .fails(400, "MANIFEST_BLOB_UNKNOWN");
    admin.get(&blob_path("team/other", layer)).await.fails(404, "BLOB_UNKNOWN");
}

#[tokio::test]
async fn a_digest_may_be_cached_forever_and_a_tag_may_not() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    let digest = admin.push("team/app", "v1", &image).await;
    let tag = admin.get(&manifest_path("team/app", "v1")).await.ok();
    assert_eq!(tag.header("cache-control"), "no-cache");
    for path in
        [manifest_path("team/app", &digest), blob_path("team/app", &image.blobs()[0].digest)]
    {
        let answer = admin.get(&path).await.ok();
        assert!(answer.header("cache-control").contains("immutable"), "{path}");
    }
}

/// Zot's registry answered the old type from its cache.
#[tokio::test]
async fn a_tag_may_change_its_media_type() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    admin.push("team/app", "v1", &image).await;
    let index = super::index(&[image.descriptor()], serde_json::json!({}));
    admin.get(&manifest_path("team/app", "v1")).await.ok();
    admin.put_manifest("team/app", "v1", super::OCI_INDEX, index.clone()).await.status(201);
    let pulled = admin.get(&manifest_path("team/app", "v1")).await.ok();
    assert_eq!((pulled.header("content-type"), &pulled.bytes), (super::OCI_INDEX, &index));
    admin.put_manifest("team/app", "v1", OCI_MANIFEST, image.manifest()).await.status(201);
    let pulled = admin.get(&manifest_path("team/app", "v1")).await.ok();
    assert_eq!(pulled.header("content-type"), OCI_MANIFEST);
}
