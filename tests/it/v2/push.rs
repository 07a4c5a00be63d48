//! Writing blobs and manifests.

use berth::blob::Probe;
use berth::oci::{Algorithm, Digest};
use serde_json::json;

use super::styles::Style;
use super::{
    NOWHERE, OCI_INDEX, OCI_MANIFEST, blob_path, closing, index, manifest_path, push_config,
};
use crate::support::{Answer, Blob, Client, Image, TestApp};

/// A blob that was stored says where it is and what it is: containerd compares the digest, others follow the location.
async fn is_stored(client: &Client, answer: Answer, blob: &Blob) {
    let answer = answer.status(201);
    assert_eq!(answer.header("docker-content-digest"), blob.digest.as_str());
    let location = answer.header("location");
    assert!(location.starts_with("/v2/"), "containerd drops its credentials elsewhere: {location}");
    let pulled = client.get(location).await.ok();
    assert_eq!(pulled.header("content-length"), blob.bytes.len().to_string());
    assert!(pulled.bytes == blob.bytes);
    client.head(location).await.ok();
}

pub(crate) async fn every_style_stores(berth: &TestApp) {
    let admin = berth.admin().await;
    let mut seed = 0;
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        for style in Style::ALL {
            for hint in [None, Some(Algorithm::Sha256), Some(Algorithm::Sha512)] {
                seed += 1;
                let blob = Blob::with(algorithm, Blob::random(50_000, seed).bytes);
                let answer = style.push(&admin, "team/app", &blob.bytes, &blob.digest, hint).await;
                is_stored(&admin, answer, &blob).await;
            }
        }
    }
}

pub(crate) async fn no_style_stores_a_wrong_digest(berth: &TestApp) {
    let admin = berth.admin().await;
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        for style in Style::ALL {
            let claimed = Blob::with(algorithm, format!("{style:?}")).digest;
            let bytes = Blob::random(30_000, 7).bytes;
            let answer = style.push(&admin, "team/app", &bytes, &claimed, None).await;
            answer.fails(400, "DIGEST_INVALID");
            admin.head(&blob_path("team/app", &claimed)).await.status(404);
            // Not under its true digest either.
            let actual = algorithm.digest(&bytes);
            admin.head(&blob_path("team/app", actual)).await.status(404);
        }
    }
}

/// Multipart uploads of buckets fail with no parts at all.
pub(crate) async fn every_style_stores_nothing(berth: &TestApp) {
    let admin = berth.admin().await;
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        for (style, name) in Style::ALL.into_iter().zip(["a", "b", "c", "d", "e"]) {
            let blob = Blob::with(algorithm, "");
            let answer = style.push(&admin, name, &blob.bytes, &blob.digest, None).await;
            is_stored(&admin, answer, &blob).await;
        }
    }
}

#[tokio::test]
async fn every_style_of_push_stores_a_blob_of_either_algorithm_with_and_without_the_hint() {
    every_style_stores(&TestApp::start().await).await;
}

#[tokio::test]
async fn a_wrong_digest_is_400_in_every_style_and_nothing_is_stored() {
    no_style_stores_a_wrong_digest(&TestApp::start().await).await;
}

#[tokio::test]
async fn a_blob_of_zero_bytes_can_be_pushed_in_every_style() {
    every_style_stores_nothing(&TestApp::start().await).await;
}

#[tokio::test]
async fn a_session_ends_with_a_wrong_digest() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let upload = admin.start_upload("team/app").await;
    admin.patch(&upload, "hello").await.status(202);
    admin.put(&closing(&upload, NOWHERE), "").await.fails(400, "DIGEST_INVALID");
    admin.get(&upload).await.fails(404, "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test]
async fn pushing_the_same_blob_at_once_succeeds_for_everyone() {
    let berth = TestApp::start().await;
    the_same_blob_at_once(&berth).await;
    let stored = walk(&berth.directory.path().join("data/blobs"));
    assert_eq!(stored.len(), 1, "one copy is enough: {stored:?}");
}

pub(crate) async fn the_same_blob_at_once(berth: &TestApp) {
    let admin = berth.admin().await;
    let blob = Blob::random(300_000, 1);
    let pushes = (0..8).map(|i| {
        let (admin, blob) = (admin.clone(), blob.clone());
        async move {
            let (style, name) = (Style::ALL[i % 5], ["team/app", "team/other"][i % 2]);
            style.push(&admin, name, &blob.bytes, &blob.digest, None).await.status(201);
        }
    });
    futures::future::join_all(pushes).await;
    for name in ["team/app", "team/other"] {
        assert_eq!(admin.get(&blob_path(name, &blob.digest)).await.ok().bytes, blob.bytes);
    }
}

/// A blob that is damaged on the disk is not announced, as the client would then not push it again.
#[tokio::test]
async fn a_blob_whose_file_is_damaged_is_not_announced_and_the_next_push_mends_it() {
    for damage in ["removed", "truncated", "grown"] {
        let berth = TestApp::start().await;
        let admin = berth.admin().await;
        let blob = Blob::random(10_000, 1);
        admin.push_blob("team/app", &blob).await;
        let directory = std::sync::Arc::clone(&berth.directory);
        let [file] = &walk(&directory.path().join("data/blobs"))[..] else { panic!("one file") };
        let resize = |size| {
            let file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
            file.set_len(size).unwrap();
        };
        match damage {
            "removed" => std::fs::remove_file(file).unwrap(),
            "truncated" => resize(9_999),
            _ => resize(10_001),
        }
        // Files that were just read are trusted for some seconds; another process knows none.
        berth.stop().await;
        let berth = TestApp::start_in(directory, Probe::default(), |_| {}).await;
        let admin = berth.admin().await;
        let path = blob_path("team/app", &blob.digest);
        admin.head(&path).await.status(404);
        admin.get(&path).await.fails(404, "BLOB_UNKNOWN");
        let mount = format!("/v2/team/new/blobs/uploads/?mount={}&from=team/app", blob.digest);
        admin.post(&mount, "").await.status(202);
        admin.push_blob("team/app", &blob).await;
        assert_eq!(admin.get(&path).await.ok().bytes, blob.bytes, "{damage}");
    }
}

fn walk(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

#[tokio::test]
async fn a_manifest_says_where_it_is_and_what_it_is() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    push_config(&admin, "team/app").await;
    let image = Image::of([]);
    for reference in ["v1", image.digest().as_str()] {
        let answer = admin
            .put_manifest("team/app", reference, OCI_MANIFEST, image.manifest())
            .await
            .status(201);
        assert_eq!(answer.header("docker-content-digest"), image.digest().as_str());
        assert_eq!(answer.find_header("oci-subject"), None);
        assert_eq!(admin.get(answer.header("location")).await.ok().bytes, image.manifest());
    }
}

#[tokio::test]
async fn a_manifest_under_a_digest_must_have_it() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    push_config(&admin, "team/app").await;
    let image = Image::of([]);
    let mut padded = image.manifest();
    padded.extend_from_slice(b"  ");
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let digest = algorithm.digest(&image.manifest());
        admin
            .put_manifest("team/app", digest.as_str(), OCI_MANIFEST, padded.clone())
            .await
            .fails(400, "DIGEST_INVALID");
        admin.get(&manifest_path("team/app", &digest)).await.fails(404, "MANIFEST_UNKNOWN");
        let stored =
            admin.put_manifest("team/app", digest.as_str(), OCI_MANIFEST, image.manifest()).await;
        assert_eq!(stored.status(201).header("docker-content-digest"), digest.as_str());
        let pulled = admin.get(&manifest_path("team/app", &digest)).await.ok();
        assert_eq!(
            pulled.header("docker-content-digest"),
            digest.as_str(),
            "the client's own digest"
        );
    }
}

#[tokio::test]
async fn a_push_by_digest_may_point_many_tags_at_it() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    push_config(&admin, "team/app").await;
    let image = Image::of([]);
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let digest = algorithm.digest(&image.manifest());
        let tags: Vec<_> = (0..12).map(|i| format!("{algorithm}-{i}")).collect();
        let query: Vec<_> = tags.iter().map(|tag| format!("tag={tag}")).collect();
        let reference = format!("{digest}?{}", query.join("&"));
        let answer = admin
            .put_manifest("team/app", &reference, OCI_MANIFEST, image.manifest())
            .await
            .status(201);
        let told: Vec<_> = answer.headers.get_all("oci-tag").iter().collect();
        assert_eq!(told, tags.iter().collect::<Vec<_>>());
        for tag in &tags {
            let pulled = admin.get(&manifest_path("team/app", tag)).await.ok();
            assert_eq!(pulled.header("docker-content-digest"), digest.as_str(), "{tag}");
        }
    }
    let reference = "by-name?tag=also&tag=by-name";
    let answer = admin.put_manifest("team/app", reference, OCI_MANIFEST, image.manifest()).await;
    let told = answer.status(201).headers.get_all("oci-tag").iter().count();
    assert_eq!(told, 2, "a tag in the path may have more beside it");
    admin.get(&manifest_path("team/app", "also")).await.ok();
    let query: Vec<_> = (0..70).map(|i| format!("tag=t{i}")).collect();
    let reference = format!("{}?{}", image.digest(), query.join("&"));
    let refused = admin.put_manifest("team/app", &reference, OCI_MANIFEST, image.manifest()).await;
    refused.fails(414, "MANIFEST_INVALID");
    admin.get(&manifest_path("team/app", "t0")).await.fails(404, "MANIFEST_UNKNOWN");
    let reference = format!("{}?tag=good&tag=not%20good", image.digest());
    let refused = admin.put_manifest("team/app", &reference, OCI_MANIFEST, image.manifest()).await;
    refused.fails(400, "MANIFEST_INVALID");
    admin.get(&manifest_path("team/app", "good")).await.fails(404, "MANIFEST_UNKNOWN");
}

/// Without it clients begin to write fallback tags.
#[tokio::test]
async fn a_manifest_with_a_subject_is_answered_with_oci_subject() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    push_config(&admin, "team/app").await;
    for subject in [
        json!({ "mediaType": OCI_MANIFEST, "digest": NOWHERE, "size": 7 }),
        json!({ "mediaType": OCI_MANIFEST, "digest": NOWHERE }),
    ] {
        let image = Image::new(vec![], json!({ "subject": subject }));
        let answer = admin
            .put_manifest("team/app", image.digest().as_str(), OCI_MANIFEST, image.manifest())
            .await;
        assert_eq!(answer.status(201).header("oci-subject"), NOWHERE);
        let referrer = index(&[], json!({ "subject": subject }));
        let answer = admin.put_manifest("team/app", "index", OCI_INDEX, referrer).await;
        assert_eq!(answer.status(201).header("oci-subject"), NOWHERE);
    }
}

#[tokio::test]
async fn pushing_a_manifest_again_changes_nothing() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    let digest = admin.push("team/app", "v1", &image).await;
    for _ in 0..2 {
        let again = admin.put_manifest("team/app", "v1", OCI_MANIFEST, image.manifest()).await;
        assert_eq!(again.status(201).header("docker-content-digest"), digest.as_str());
    }
    let history = admin.get("/api/v1/repositories/team%2Fapp/tags/v1/history").await.ok();
    assert_eq!(history.json()["events"].as_array().unwrap().len(), 1);
}

/// Many clients push an index before some of its platforms.
#[tokio::test]
async fn an_index_with_missing_children_is_stored_with_a_warning() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    admin.push("team/app", "v1", &image).await;
    let missing = json!({ "mediaType": OCI_MANIFEST, "digest": NOWHERE, "size": 7 });
    let sparse = index(&[image.descriptor(), missing], json!({}));
    let answer = admin.put_manifest("team/app", "all", OCI_INDEX, sparse.clone()).await.status(201);
    let warning = answer.header("warning");
    assert!(warning.starts_with("299 - \"") && warning.ends_with('"'), "{warning}");
    assert!(warning.len() <= 4096);
    assert_eq!(admin.get(&manifest_path("team/app", "all")).await.ok().bytes, sparse);
    admin.get(&manifest_path("team/app", NOWHERE)).await.fails(404, "MANIFEST_UNKNOWN");
    let whole = index(&[image.descriptor()], json!({}));
    let answer = admin.put_manifest("team/app", "all", OCI_INDEX, whole).await.status(201);
    assert_eq!(answer.find_header("warning"), None);
}

#[tokio::test]
async fn an_index_with_missing_children_is_refused_where_the_operator_wants_that() {
    let berth = TestApp::start_with(|config| config.registry.require_children = true).await;
    let admin = berth.admin().await;
    let missing = json!({ "mediaType": OCI_MANIFEST, "digest": NOWHERE, "size": 7 });
    let answer =
        admin.put_manifest("team/app", "all", OCI_INDEX, index(&[missing], json!({}))).await;
    answer.fails(400, "MANIFEST_BLOB_UNKNOWN");
    admin.get("/v2/team/app/tags/list").await.fails(404, "NAME_UNKNOWN");
}

#[tokio::test]
async fn a_manifest_whose_blobs_are_missing_is_refused_and_leaves_nothing() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    let refused = admin.put_manifest("team/app", "v1", OCI_MANIFEST, image.manifest()).await;
    let refused = refused.fails(400, "MANIFEST_BLOB_UNKNOWN");
    assert!(refused.text().contains(image.blobs()[1].digest.as_str()), "{}", refused.text());
    admin.push_blob("team/app", &image.blobs()[0]).await;
    let refused = admin.put_manifest("team/app", "v1", OCI_MANIFEST, image.manifest()).await;
    refused.fails(400, "MANIFEST_BLOB_UNKNOWN");
    admin.get(&manifest_path("team/app", "v1")).await.fails(404, "MANIFEST_UNKNOWN");
    admin.get(&manifest_path("team/app", image.digest())).await.fails(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn a_manifest_may_have_four_mebibytes_and_not_one_byte_more() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    push_config(&admin, "team/app").await;
    let mut manifest = Image::of([]).manifest();
    manifest.resize(4 << 20, b' ');
    let digest: Digest = Algorithm::Sha256.digest(&manifest);
    admin.put_manifest("team/app", "v1", OCI_MANIFEST, manifest.clone()).await.status(201);
    let pulled = admin.get(&manifest_path("team/app", digest)).await.ok();
    assert!(pulled.bytes == manifest);
    manifest.push(b' ');
    admin
        .put_manifest("team/app", "v2", OCI_MANIFEST, manifest.clone())
        .await
        .fails(413, "MANIFEST_INVALID");
    // The same without a length that could be refused at once.
    let body =
        reqwest::Body::wrap_stream(futures::stream::iter([Ok::<_, std::io::Error>(manifest)]));
    admin.put(&manifest_path("team/app", "v2"), body).await.fails(413, "MANIFEST_INVALID");
    admin.get(&manifest_path("team/app", "v2")).await.fails(404, "MANIFEST_UNKNOWN");
}
