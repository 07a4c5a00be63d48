//! Uploads that break off and go on: a cut connection, a stalled one, another process.

use std::sync::Arc;

use berth::blob::Probe;
use reqwest::Method;

use super::styles::send_chunk;
use super::wire::Wire;
use super::{blob_path, closing};
use crate::support::{Blob, Client, Image, TestApp, eventually};

/// Sends `sent` bytes of a request that announces all of `blob` from `from`, and cuts the connection.
async fn cut(berth: &TestApp, upload: &str, blob: &Blob, from: usize, sent: usize, method: &str) {
    let mut wire = Wire::connect(berth).await.log_in("admin");
    let length = (blob.bytes.len() - from).to_string();
    let range = format!("{from}-{}", blob.bytes.len() - 1);
    wire.ask(method, upload, &[("content-length", &length), ("content-range", &range)]).await;
    wire.send(&blob.bytes[from..from + sent]).await;
}

/// Bytes that the session has, once it has more than `before`.
async fn arrived(client: &Client, upload: &str, before: usize) -> usize {
    eventually("the arrival of some bytes", async || {
        let told = client.get(upload).await;
        // While the cut is not noticed, the session is held by the request that was cut.
        let range = (told.code == 204).then(|| told.header("range").to_owned())?;
        let last: usize = range.strip_prefix("0-")?.parse().ok()?;
        (last + 1 > before.max(1)).then_some(last + 1)
    })
    .await
}

async fn finish(client: &Client, upload: &str, blob: &Blob, from: usize) {
    let to = blob.bytes.len();
    send_chunk(client, Method::PATCH, upload, &blob.bytes, from, to).await.status(202);
    client.put(&closing(upload, &blob.digest), "").await.status(201);
    assert!(client.get(&blob_path("team/app", &blob.digest)).await.ok().bytes == blob.bytes);
}

pub(crate) async fn a_cut_upload_goes_on(berth: &TestApp) {
    let admin = berth.admin().await;
    let blob = Blob::random(2_000_000, 1);
    let upload = admin.start_upload("team/app").await;
    cut(berth, &upload, &blob, 0, 700_000, "PATCH").await;
    let first = arrived(&admin, &upload, 0).await;
    assert!(first <= 700_000);
    cut(berth, &upload, &blob, first, 500_000, "PATCH").await;
    let second = arrived(&admin, &upload, first).await;
    assert!(second <= first + 500_000);
    finish(&admin, &upload, &blob, second).await;
}

#[tokio::test]
async fn an_upload_whose_connection_is_cut_goes_on_from_the_range_that_is_told() {
    a_cut_upload_goes_on(&TestApp::start().await).await;
}

#[tokio::test]
async fn an_upload_whose_last_request_is_cut_goes_on_and_stored_nothing() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let blob = Blob::random(1_000_000, 1);
    let upload = admin.start_upload("team/app").await;
    cut(&berth, &closing(&upload, &blob.digest), &blob, 0, 400_000, "PUT").await;
    let from = arrived(&admin, &upload, 0).await;
    admin.head(&blob_path("team/app", &blob.digest)).await.status(404);
    finish(&admin, &upload, &blob, from).await;
}

#[tokio::test]
async fn a_single_post_that_is_cut_leaves_nothing() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let blob = Blob::random(5_000_000, 1);
    let post = closing("/v2/team/app/blobs/uploads/", &blob.digest);
    let mut wire = Wire::connect(&berth).await.log_in("admin");
    wire.ask("POST", &post, &[("content-length", "5000000")]).await;
    wire.send(&blob.bytes[..3_000_000]).await;
    let uploads = berth.directory.path().join("data/uploads");
    let files = || std::fs::read_dir(&uploads).unwrap().count();
    eventually("the first bytes", async || (files() == 1).then_some(())).await;
    drop(wire);
    eventually("the end of what was cut", async || (files() == 0).then_some(())).await;
    admin.head(&blob_path("team/app", &blob.digest)).await.status(404);
}

#[tokio::test]
async fn an_upload_goes_on_in_another_process() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let blob = Blob::random(1_500_000, 1);
    let upload = admin.start_upload("team/app").await;
    send_chunk(&admin, Method::PATCH, &upload, &blob.bytes, 0, 300_000).await.status(202);
    cut(&berth, &upload, &blob, 300_000, 400_000, "PATCH").await;
    let before = arrived(&admin, &upload, 300_000).await;
    let directory = Arc::clone(&berth.directory);
    berth.stop().await;

    let berth = TestApp::start_in(directory, Probe::default(), |_| {}).await;
    let admin = berth.admin().await;
    let after = arrived(&admin, &upload, 0).await;
    assert_eq!(after, before);
    finish(&admin, &upload, &blob, after).await;
}

#[tokio::test]
async fn an_upload_under_sha512_goes_on_in_another_process() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let blob = Blob::with(berth::oci::Algorithm::Sha512, Blob::random(400_000, 1).bytes);
    let start = "/v2/team/app/blobs/uploads/?digest-algorithm=sha512";
    let upload = admin.post(start, "").await.status(202).header("location").to_owned();
    send_chunk(&admin, Method::PATCH, &upload, &blob.bytes, 0, 150_001).await.status(202);
    let directory = Arc::clone(&berth.directory);
    berth.stop().await;

    let berth = TestApp::start_in(directory, Probe::default(), |_| {}).await;
    let admin = berth.admin().await;
    finish(&admin, &upload, &blob, 150_001).await;
}

#[tokio::test]
async fn a_session_that_was_cancelled_stays_so_in_another_process() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let upload = admin.start_upload("team/app").await;
    admin.patch(&upload, "hello").await.status(202);
    admin.delete(&upload).await.status(204);
    let directory = Arc::clone(&berth.directory);
    berth.stop().await;

    let berth = TestApp::start_in(directory, Probe::default(), |_| {}).await;
    let admin = berth.admin().await;
    admin.get(&upload).await.fails(404, "BLOB_UPLOAD_UNKNOWN");
    admin.patch(&upload, "hello").await.fails(404, "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test]
async fn what_was_pushed_is_there_in_another_process() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let image = Image::of(["hello", "world"]);
    let digest = admin.push("team/app", "v1", &image).await;
    let directory = Arc::clone(&berth.directory);
    berth.stop().await;

    let berth = TestApp::start_in(directory, Probe::default(), |_| {}).await;
    let admin = berth.admin().await;
    let pulled = admin.get("/v2/team/app/manifests/v1").await.ok();
    assert_eq!(pulled.header("docker-content-digest"), digest.as_str());
    assert_eq!(pulled.bytes, image.manifest());
    for blob in image.blobs() {
        let pulled = admin.get(&blob_path("team/app", &blob.digest)).await.ok();
        assert_eq!(pulled.bytes, blob.bytes);
    }
}

/// A second writer is told to wait, and what it sends is not mixed with what the first one sends.
#[tokio::test]
async fn while_a_request_writes_another_one_is_told_that_the_session_is_busy() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let blob = Blob::random(200_000, 1);
    let upload = admin.start_upload("team/app").await;
    let mut wire = Wire::connect(&berth).await.log_in("admin");
    wire.ask("PATCH", &upload, &[("content-length", "200000")]).await;
    wire.send(&blob.bytes[..100_000]).await;
    let id = upload.rsplit('/').next().unwrap();
    // The first request has begun when its session cannot be had; a status that came before it is an answer.
    let busy = eventually("a request that writes", async || {
        let answer = admin.patch(&upload, "").await;
        (answer.code != 202).then_some(answer)
    })
    .await;
    busy.fails(409, "BLOB_UPLOAD_INVALID").header("retry-after");
    wire.send(&blob.bytes[100_000..]).await;
    let done = wire.head().await;
    assert_eq!((done.status, done.header("range")), (202, "0-199999"), "{id}");
    admin.put(&closing(&upload, &blob.digest), "").await.status(201);
}
