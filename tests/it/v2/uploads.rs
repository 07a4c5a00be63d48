//! Upload sessions: what they answer, whose they are, how they end.

use std::time::Duration;

use reqwest::Method;

use super::styles::send_chunk;
use super::{NOWHERE, blob_path, closing};
use crate::support::{Answer, Blob, Client, TestApp, eventually};

/// Old Docker clients log the UUID; the location is relative, so that no proxy can get its scheme or host wrong.
#[tokio::test]
async fn a_session_begins_with_202_and_a_relative_location() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    for path in ["/v2/team/app/blobs/uploads/", "/v2/team/app/blobs/uploads"] {
        let answer = admin.post(path, "").await.status(202);
        let location = answer.header("location");
        assert!(location.starts_with("/v2/team/app/blobs/uploads/"), "{location}");
        assert_eq!(answer.header("range"), "0-0");
        assert_eq!(answer.header("content-length"), "0");
        assert!(location.ends_with(answer.header("docker-upload-uuid")));
    }
}

#[tokio::test]
async fn range_tells_the_last_byte_of_the_whole_upload() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let upload = admin.start_upload("team/app").await;
    assert_eq!(status(&admin, &upload).await.header("range"), "0-0");
    for (chunk, range) in [("hello", "0-4"), (" ", "0-5"), ("", "0-5"), ("world", "0-10")] {
        let answer = admin.patch(&upload, chunk).await.status(202);
        assert_eq!((answer.header("range"), answer.header("content-length")), (range, "0"));
        assert_eq!(answer.header("location"), upload);
        let told = status(&admin, &upload).await;
        assert_eq!((told.header("range"), told.header("location")), (range, upload.as_str()));
        assert!(told.find_header("docker-upload-uuid").is_some());
    }
    let blob = Blob::new("hello world");
    admin.put(&closing(&upload, &blob.digest), "").await.status(201);
    assert_eq!(admin.get(&blob_path("team/app", &blob.digest)).await.ok().bytes, blob.bytes);
}

async fn status(client: &Client, upload: &str) -> Answer {
    client.get(upload).await.status(204)
}

#[tokio::test]
async fn a_chunk_that_is_not_next_is_416_and_leaves_the_session_as_it_was() {
    a_chunk_that_is_not_next(&TestApp::start().await).await;
}

pub(crate) async fn a_chunk_that_is_not_next(berth: &TestApp) {
    let admin = berth.admin().await;
    let blob = Blob::random(3_000, 1);
    let upload = admin.start_upload("team/app").await;
    let refuse = async |method: Method, url: &str, from: usize, to: usize| {
        let answer = send_chunk(&admin, method, url, &blob.bytes, from, to).await;
        answer.fails(416, "BLOB_UPLOAD_INVALID");
    };
    let closed = closing(&upload, &blob.digest);
    refuse(Method::PATCH, &upload, 1_000, 2_000).await;
    assert_eq!(status(&admin, &upload).await.header("range"), "0-0");
    send_chunk(&admin, Method::PATCH, &upload, &blob.bytes, 0, 1_000).await.status(202);
    for (from, to) in [(0, 1_000), (999, 2_000), (1_001, 2_000), (2_000, 3_000)] {
        refuse(Method::PATCH, &upload, from, to).await;
        assert_eq!(status(&admin, &upload).await.header("range"), "0-999");
        refuse(Method::PUT, &closed, from, to).await;
        // The suite asks the URL that it just used, with its digest.
        assert_eq!(status(&admin, &closed).await.header("range"), "0-999");
    }
    send_chunk(&admin, Method::PATCH, &upload, &blob.bytes, 1_000, 2_000).await.status(202);
    send_chunk(&admin, Method::PUT, &closed, &blob.bytes, 2_000, 3_000).await.status(201);
    assert!(admin.get(&blob_path("team/app", &blob.digest)).await.ok().bytes == blob.bytes);
}

#[tokio::test]
async fn a_chunk_of_another_length_than_its_range_is_rolled_back() {
    a_chunk_of_another_length(&TestApp::start().await).await;
}

pub(crate) async fn a_chunk_of_another_length(berth: &TestApp) {
    let admin = berth.admin().await;
    let upload = admin.start_upload("team/app").await;
    admin.patch(&upload, "hello").await.status(202);
    for range in ["5-5", "5-8", "5-10", "5-100000"] {
        for streamed in [false, true] {
            let body = if streamed {
                let chunks = [Ok::<_, std::io::Error>("wo"), Ok("rld")];
                reqwest::Body::wrap_stream(futures::stream::iter(chunks))
            } else {
                "world".into()
            };
            let request = admin.request(Method::PATCH, &upload).header("content-range", range);
            admin.send(request.body(body)).await.fails(400, "SIZE_INVALID");
            assert_eq!(status(&admin, &upload).await.header("range"), "0-4", "{range}");
        }
    }
    let blob = Blob::new("hello world");
    admin.patch(&upload, " world").await.status(202);
    admin.put(&closing(&upload, &blob.digest), "").await.status(201);
}

#[tokio::test]
async fn a_range_that_cannot_be_read_is_400() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let upload = admin.start_upload("team/app").await;
    for range in
        ["", "-", "0-", "-4", "4-0", "a-b", "0-4-5", "bytes=0-4", "0-18446744073709551615", "0,4"]
    {
        for method in [Method::PATCH, Method::PUT] {
            let url = closing(&upload, NOWHERE);
            let request = admin.request(method, &url).header("content-range", range).body("hello");
            admin.send(request).await.fails(400, "BLOB_UPLOAD_INVALID");
        }
    }
    assert_eq!(status(&admin, &upload).await.header("range"), "0-0");
    // Some clients write it as answers do.
    let request = admin.request(Method::PATCH, &upload).header("content-range", "bytes 0-4/11");
    admin.send(request.body("hello")).await.status(202);
}

#[tokio::test]
async fn closing_needs_a_digest_and_keeps_the_session_without_one() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let upload = admin.start_upload("team/app").await;
    admin.patch(&upload, "hello").await.status(202);
    for query in ["", "?digest=", "?digest=sha256:baddigeststring", "?digest=md5:00", "?other=1"] {
        admin.put(&format!("{upload}{query}"), "").await.fails(400, "DIGEST_INVALID");
    }
    admin.put(&closing(&upload, Blob::new("hello").digest), "").await.status(201);
}

#[tokio::test]
async fn a_session_belongs_to_its_repository_and_its_user() {
    let berth = TestApp::start().await;
    let (alice, bob) = (berth.writer("alice").await, berth.writer("bob").await);
    let upload = alice.start_upload("team/app").await;
    alice.patch(&upload, "hello").await.status(202);
    let elsewhere = upload.replace("team/app", "team/other");
    let digest = Blob::new("hello").digest;
    for (client, url) in [(&bob, &upload), (&alice, &elsewhere)] {
        is_unknown(client, url).await;
    }
    assert_eq!(status(&alice, &upload).await.header("range"), "0-4");
    alice.put(&closing(&upload, &digest), "").await.status(201);
    bob.head(&blob_path("team/other", &digest)).await.status(404);
}

async fn is_unknown(client: &Client, upload: &str) {
    client.get(upload).await.fails(404, "BLOB_UPLOAD_UNKNOWN");
    client.patch(upload, "x").await.fails(404, "BLOB_UPLOAD_UNKNOWN");
    client.put(&closing(upload, NOWHERE), "").await.fails(404, "BLOB_UPLOAD_UNKNOWN");
    client.delete(upload).await.fails(404, "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test]
async fn a_session_ends_with_its_blob_or_when_it_is_cancelled() {
    let berth = TestApp::start().await;
    a_session_ends(&berth).await;
    let left = std::fs::read_dir(berth.directory.path().join("data/uploads")).unwrap();
    assert_eq!(left.count(), 0, "nothing is left of ended sessions");
}

pub(crate) async fn a_session_ends(berth: &TestApp) {
    // Cancelling is part of pushing: real clients have no right to delete.
    let alice = berth.writer("alice").await;
    let upload = alice.start_upload("team/app").await;
    alice.put(&closing(&upload, Blob::new("hello").digest), "hello").await.status(201);
    is_unknown(&alice, &upload).await;
    let upload = alice.start_upload("team/app").await;
    alice.patch(&upload, "hello").await.status(202);
    let cancelled = alice.delete(&upload).await.status(204);
    assert_eq!(cancelled.bytes, b"");
    is_unknown(&alice, &upload).await;
    is_unknown(&alice, "/v2/team/app/blobs/uploads/AAAAAAAAAAAAAAAAAAAAAA").await;
    is_unknown(&alice, "/v2/team/app/blobs/uploads/..%2f..%2fberth.db").await;
}

#[tokio::test]
async fn a_session_that_nobody_touches_expires() {
    a_session_expires(&TestApp::start().await).await;
}

pub(crate) async fn a_session_expires(berth: &TestApp) {
    let admin = berth.admin().await;
    let (old, new) = (admin.start_upload("team/app").await, admin.start_upload("team/app").await);
    admin.patch(&old, "hello").await.status(202);
    status(&admin, &new).await;
    berth.turn_clock(Duration::from_hours(23));
    admin.patch(&new, "hello").await.status(202);
    // A write that is waited for comes behind the session's, which is not.
    super::push_config(&admin, "team/app").await;
    berth.turn_clock(Duration::from_hours(2));
    // What a session's row says is written without anybody waiting for it.
    eventually("the old session's end", async || {
        berth.app.worker.purge().await.unwrap();
        (admin.get(&old).await.code == 404).then_some(())
    })
    .await;
    assert_eq!(status(&admin, &new).await.header("range"), "0-4");
}

/// Chunks of one session never interleave.
#[tokio::test]
async fn concurrent_chunks_without_a_range_follow_one_another_whole() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let upload = admin.start_upload("team/app").await;
    let blocks: Vec<_> = (0..8).map(|seed| Blob::random(200_000, seed + 1).bytes).collect();
    let sent = blocks.iter().map(|block| admin.patch(&upload, block.clone()));
    for answer in futures::future::join_all(sent).await {
        answer.status(202);
    }
    let id = upload.rsplit('/').next().unwrap();
    let staged = std::fs::read(berth.directory.path().join("data/uploads").join(id)).unwrap();
    assert_eq!(staged.len(), 8 * 200_000);
    for block in staged.chunks(200_000) {
        assert_eq!(blocks.iter().filter(|sent| *sent == block).count(), 1, "a block was torn");
    }
    let blob = Blob::new(staged);
    admin.put(&closing(&upload, &blob.digest), "").await.status(201);
}

#[tokio::test]
async fn of_concurrent_chunks_for_one_place_exactly_one_is_taken() {
    concurrent_chunks_for_one_place(&TestApp::start().await).await;
}

pub(crate) async fn concurrent_chunks_for_one_place(berth: &TestApp) {
    let admin = berth.admin().await;
    let upload = admin.start_upload("team/app").await;
    let blob = Blob::random(100_000, 1);
    let sent = (0..6).map(|_| send_chunk(&admin, Method::PATCH, &upload, &blob.bytes, 0, 100_000));
    let mut codes: Vec<_> =
        futures::future::join_all(sent).await.into_iter().map(|answer| answer.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [202, 416, 416, 416, 416, 416]);
    admin.put(&closing(&upload, &blob.digest), "").await.status(201);
}

#[tokio::test]
async fn of_concurrent_ends_of_a_session_one_wins_and_the_blob_is_whole() {
    concurrent_ends(&TestApp::start().await).await;
}

pub(crate) async fn concurrent_ends(berth: &TestApp) {
    let admin = berth.admin().await;
    let upload = admin.start_upload("team/app").await;
    let blob = Blob::random(100_000, 1);
    admin.patch(&upload, blob.bytes.clone()).await.status(202);
    let closed = closing(&upload, &blob.digest);
    let (one, two) = tokio::join!(admin.put(&closed, ""), admin.put(&closed, ""));
    let mut codes = [one.code, two.code];
    codes.sort_unstable();
    assert_eq!(codes, [201, 404]);
    assert!(admin.get(&blob_path("team/app", &blob.digest)).await.ok().bytes == blob.bytes);
}
