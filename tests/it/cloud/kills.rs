//! `kill -9` of a Berth whose blobs are in a bucket.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use berth::blob::Probe;
use bytes::Bytes;
use futures::StreamExt as _;
use reqwest::{Body, Method};
use tempfile::TempDir;

use super::nothing_is_left;
use crate::crash::{check, push_and_kill, take_up};
use crate::support::servers::Kind;
use crate::support::{Blob, Bucket, Process, TestApp, eventually};

/// Fewer than with files: each push takes some ten requests to the bucket.
const PUSHES: usize = 60;
const LEAST_KILLS: usize = 4;

fn start(bucket: &Bucket, data: &Path) -> Process {
    Process::start_with(data, |command| bucket.environment(command))
}

/// After a start far in the future and the purge of all sessions, only blobs that have rows are there.
async fn nothing_is_left_behind(bucket: &Bucket, directory: Arc<TempDir>) -> TestApp {
    let berth =
        TestApp::start_in(directory, Probe::default(), |config| bucket.configure(config)).await;
    berth.turn_clock(Duration::from_hours(24 * 365 * 50));
    berth.app.worker.purge().await.unwrap();
    berth.app.worker.end_multiparts().await.unwrap();
    nothing_is_left(bucket, &berth).await;
    berth
}

async fn kill_9_loses_nothing(kind: Kind) {
    let Some(bucket) = Bucket::of(kind).await else { return };
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let data = directory.path().join("data");
    let known = push_and_kill(PUSHES, LEAST_KILLS, || start(&bucket, &data)).await;
    let berth = nothing_is_left_behind(&bucket, directory).await;
    check(&berth.admin().await, &known).await;
}

#[tokio::test]
async fn kill_9_loses_nothing_that_was_acknowledged_on_garage() {
    kill_9_loses_nothing(Kind::Garage).await;
}

#[tokio::test]
async fn kill_9_loses_nothing_that_was_acknowledged_on_azurite() {
    kill_9_loses_nothing(Kind::Azurite).await;
}

#[tokio::test]
async fn kill_9_loses_nothing_that_was_acknowledged_on_gcs() {
    kill_9_loses_nothing(Kind::Gcs).await;
}

/// What earlier requests brought counts, and the next start ends the multipart upload that the kill has left open.
#[tokio::test]
async fn a_kill_in_mid_patch_leaves_no_multipart_upload_open() {
    let Some(bucket) = Bucket::of(Kind::Garage).await else { return };
    let bucket = bucket.of_its_own().await;
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let data = directory.path().join("data");
    let blob = Blob::random(40 << 20, 1);
    let berth = start(&bucket, &data);
    let client = berth.admin();
    let session = client.start_upload("crash/patch").await;
    client.patch(&session, blob.bytes[..1000].to_vec()).await.status(202);
    let pieces: Vec<_> =
        blob.bytes[1000..32 << 20].chunks(64 << 10).map(Bytes::copy_from_slice).collect();
    let body = futures::stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
    let request = client
        .request(Method::PATCH, &session)
        .body(Body::wrap_stream(body.chain(futures::stream::pending())));
    let pushing = tokio::spawn(request.send());
    eventually("a multipart upload", async || (bucket.open_multiparts().await == 1).then_some(()))
        .await;
    berth.kill();
    assert!(pushing.await.unwrap().is_err());
    assert_eq!(bucket.open_multiparts().await, 1);

    let berth = start(&bucket, &data);
    let client = berth.admin();
    eventually("the end of the multipart upload", async || {
        (bucket.open_multiparts().await == 0).then_some(())
    })
    .await;
    let status = client.get(&session).await.status(204);
    assert_eq!(status.header("range"), "0-999");
    assert!(take_up(&client, "crash/patch", &session, &blob).await);
    assert_eq!(berth.terminate(), Some(0));
    nothing_is_left_behind(&bucket, directory).await;
}

/// The object is there and its row does not know it: it counts, as bytes of a file do.
#[tokio::test]
async fn an_object_that_came_after_the_row_was_saved_counts() {
    for kind in [Kind::Garage, Kind::Azurite, Kind::Gcs] {
        let Some(bucket) = Bucket::of(kind).await else { continue };
        let blob = Blob::random(300_000, 1);
        let berth = bucket.start().await;
        let admin = berth.admin().await;
        let session = admin.start_upload("team/app").await;
        let directory = Arc::clone(&berth.directory);
        berth.stop().await;
        // As a request leaves it that is killed between the object's end and the row's.
        let id = session.rsplit('/').next().unwrap();
        let operator = bucket.operator();
        let put = async |offset: usize, to: usize| {
            let key = format!("blobs/{id}/{offset}.late");
            let bytes = blob.bytes[offset..to].to_vec();
            operator.write_with(&key, bytes).content_type("text/plain").await.unwrap();
        };
        put(0, 100_000).await;
        put(100_000, 150_000).await;
        // One that continues nothing is thrown away in the end.
        put(200_000, 250_000).await;
        let berth =
            TestApp::start_in(directory, Probe::default(), |config| bucket.configure(config)).await;
        let admin = berth.admin().await;
        assert_eq!(admin.get(&session).await.status(204).header("range"), "0-149999");
        assert!(take_up(&admin, "team/app", &session, &blob).await);
        nothing_is_left(&bucket, &berth).await;
    }
}
