//! Uploads of several pieces and several requests: what becomes of them, and that nothing else is left.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use reqwest::{Body, Method};

use super::nothing_is_left;
use crate::support::servers::Kind;
use crate::support::{Blob, Bucket, Client, TestApp, eventually};
use crate::v2::styles::send_chunk;
use crate::v2::{blob_path, closing};

const MIB: usize = 1 << 20;

/// A body of unknown length that goes on after `bytes` or does not end.
fn stream(bytes: &[u8], ends: bool) -> Body {
    let pieces: Vec<_> = bytes.chunks(100_000).map(Bytes::copy_from_slice).collect();
    let body = futures::stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
    if ends {
        Body::wrap_stream(body)
    } else {
        Body::wrap_stream(body.chain(futures::stream::pending()))
    }
}

async fn is_stored(client: &Client, blob: &Blob) {
    assert!(client.get(&blob_path("team/app", &blob.digest)).await.ok().bytes == blob.bytes);
}

pub(super) async fn large_bodies_go_in_pieces(berth: &TestApp) {
    let admin = berth.admin().await;
    for (size, seed) in [(8 * MIB, 1), (8 * MIB + 1, 2), (20 * MIB, 3)] {
        let blob = Blob::random(size, seed);
        let upload = admin.start_upload("team/app").await;
        admin.patch(&upload, stream(&blob.bytes, true)).await.status(202);
        admin.put(&closing(&upload, &blob.digest), "").await.status(201);
        is_stored(&admin, &blob).await;
        let blob = Blob::random(size, seed + 10);
        let post = closing("/v2/team/app/blobs/uploads/", &blob.digest);
        admin.post(&post, blob.bytes.clone()).await.status(201);
        is_stored(&admin, &blob).await;
    }
}

pub(super) async fn many_requests_make_one_blob(berth: &TestApp) {
    let admin = berth.admin().await;
    let blob = Blob::random(29 * MIB, 1);
    let upload = admin.start_upload("team/app").await;
    // Tiny ones cannot be copied by S3, large ones are sent in pieces.
    let ends = [1, 2, 6 * MIB, 6 * MIB + 9, 6 * MIB + 9, 24 * MIB, 29 * MIB - 1, 29 * MIB];
    let mut from = 0;
    for to in ends {
        send_chunk(&admin, Method::PATCH, &upload, &blob.bytes, from, to).await.status(202);
        from = to;
    }
    admin.put(&closing(&upload, &blob.digest), "").await.status(201);
    is_stored(&admin, &blob).await;
}

pub(super) async fn another_algorithm_reads_it_again(berth: &TestApp) {
    let admin = berth.admin().await;
    let bytes = Blob::random(10 * MIB, 1).bytes;
    let blob = Blob::with(berth::oci::Algorithm::Sha512, bytes);
    let upload = admin.start_upload("team/app").await;
    admin.patch(&upload, blob.bytes[..9 * MIB].to_vec()).await.status(202);
    let closed = closing(&upload, &blob.digest);
    admin.put(&closed, blob.bytes[9 * MIB..].to_vec()).await.status(201);
    is_stored(&admin, &blob).await;
}

/// Sends more than two pieces and cuts the connection; returns what the session has then.
async fn cut(client: &Client, upload: &str, blob: &Blob) -> usize {
    let request =
        client.request(Method::PATCH, upload).body(stream(&blob.bytes[..20 * MIB], false));
    let pushing = tokio::spawn(request.send());
    let busy = || async {
        // While it writes, the session is held: when all has been sent is not seen from here.
        tokio::time::timeout(Duration::from_millis(200), client.get(upload)).await.is_err()
    };
    eventually("a request that holds the session", async || busy().await.then_some(())).await;
    pushing.abort();
    eventually("the end of the request", async || {
        let told = client.get(upload).await;
        let range = (told.code == 204).then(|| told.header("range").to_owned())?;
        range.strip_prefix("0-")?.parse::<usize>().ok()
    })
    .await
}

pub(super) async fn what_arrived_before_a_cut_counts(berth: &TestApp) {
    let admin = berth.admin().await;
    let blob = Blob::random(24 * MIB, 1);
    let upload = admin.start_upload("team/app").await;
    let mut from = cut(&admin, &upload, &blob).await;
    if from > 0 {
        from += 1;
    }
    send_chunk(&admin, Method::PATCH, &upload, &blob.bytes, from, blob.bytes.len())
        .await
        .status(202);
    admin.put(&closing(&upload, &blob.digest), "").await.status(201);
    is_stored(&admin, &blob).await;
}

pub(super) async fn a_cancelled_upload_leaves_nothing(berth: &TestApp) {
    let admin = berth.admin().await;
    let blob = Blob::random(24 * MIB, 1);
    let upload = admin.start_upload("team/app").await;
    admin.patch(&upload, blob.bytes[..10 * MIB].to_vec()).await.status(202);
    cut(&admin, &upload, &blob).await;
    admin.delete(&upload).await.status(204);
    admin.get(&upload).await.status(404);
}

pub(super) async fn an_upload_that_expires_leaves_nothing(berth: &TestApp) {
    let admin = berth.admin().await;
    let blob = Blob::random(10 * MIB, 1);
    let upload = admin.start_upload("team/app").await;
    for half in blob.bytes.chunks(5 * MIB) {
        admin.patch(&upload, half.to_vec()).await.status(202);
    }
    // What is waited for comes behind the session's row, which is not.
    admin.push_blob("team/app", &Blob::new("behind")).await;
    berth.turn_clock(Duration::from_hours(25));
    assert_eq!(berth.app.worker.purge().await.unwrap(), 1);
    admin.get(&upload).await.status(404);
}

pub(super) async fn a_body_of_another_length_leaves_nothing(berth: &TestApp) {
    let admin = berth.admin().await;
    let blob = Blob::random(20 * MIB, 1);
    let upload = admin.start_upload("team/app").await;
    for range in [format!("0-{}", 18 * MIB), format!("0-{}", 22 * MIB)] {
        let request = admin.request(Method::PATCH, &upload).header("content-range", range);
        let refused = admin.send(request.body(stream(&blob.bytes, true))).await;
        refused.fails(400, "SIZE_INVALID");
        assert_eq!(admin.get(&upload).await.status(204).header("range"), "0-0");
    }
    admin.delete(&upload).await.status(204);
}

pub(super) async fn a_digest_that_is_there_needs_no_second_copy(berth: &TestApp) {
    let admin = berth.admin().await;
    let blob = Blob::random(9 * MIB, 1);
    for repository in ["team/app", "team/other"] {
        let upload = admin.start_upload(repository).await;
        for half in blob.bytes.chunks(5 * MIB) {
            admin.patch(&upload, half.to_vec()).await.status(202);
        }
        admin.put(&closing(&upload, &blob.digest), "").await.status(201);
    }
    is_stored(&admin, &blob).await;
}

/// A bucket in which every multipart upload is counted.
#[tokio::test]
async fn no_multipart_upload_is_left_open() {
    let Some(bucket) = Bucket::of(Kind::Garage).await else { return };
    let bucket = bucket.of_its_own().await;
    let berth = bucket.start().await;
    what_arrived_before_a_cut_counts(&berth).await;
    a_cancelled_upload_leaves_nothing(&berth).await;
    a_body_of_another_length_leaves_nothing(&berth).await;
    many_requests_make_one_blob(&berth).await;
    nothing_is_left(&bucket, &berth).await;
    assert_eq!(bucket.open_multiparts().await, 0);
}

/// As a lifecycle rule would do that is too eager, or a person.
#[tokio::test]
async fn an_object_that_somebody_removed_is_not_announced_and_the_next_push_mends_it() {
    let Some(bucket) = Bucket::of(Kind::Garage).await else { return };
    let blob = Blob::random(10_000, 1);
    let berth = bucket.start().await;
    let admin = berth.admin().await;
    let path = blob_path("team/app", &blob.digest);
    for damage in [None, Some(blob.bytes[..9_999].to_vec())] {
        admin.push_blob("team/app", &blob).await;
        let row = berth.app.meta.find_blob_anywhere(&blob.digest).await.unwrap().unwrap();
        let location = row.location.as_str();
        match damage {
            None => bucket.operator().delete(location).await.unwrap(),
            Some(bytes) => drop(bucket.operator().write(location, bytes).await.unwrap()),
        }
        // Objects that were just seen are trusted for some seconds.
        eventually("the loss to be noticed", async || {
            (admin.head(&path).await.code == 404).then_some(())
        })
        .await;
        admin.get(&path).await.fails(404, "BLOB_UNKNOWN");
        admin.push_blob("team/app", &blob).await;
        assert!(admin.get(&path).await.ok().bytes == blob.bytes);
    }
    nothing_is_left(&bucket, &berth).await;
}
