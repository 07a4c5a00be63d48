//! Memory of many uploads to a bucket.

use bytes::Bytes;
use futures::StreamExt as _;
use reqwest::{Body, Method};
use tokio::sync::watch;

use crate::support::servers::Kind;
use crate::support::{Answer, Blob, Bucket, Client, Process, eventually};

const PUSHES: usize = 200;
const MIB: u64 = 1 << 20;

async fn received(client: &Client) -> u64 {
    let text = client.get("/metrics").await.ok().text();
    let line = text.lines().find_map(|line| line.strip_prefix("berth_http_received_bytes_total "));
    line.unwrap().parse().unwrap()
}

#[track_caller]
fn bound(berth: &Process, before: u64, most: u64) {
    let grown = berth.memory("RssAnon").saturating_sub(before);
    assert!(grown <= most * MIB, "{} MiB more than before, where {most} are enough", grown / MIB);
}

/// Two hundred clients stop in mid-blob, each with bytes that the bucket cannot have yet. Memory stays within its limit, and
/// another client pushes meanwhile.
#[tokio::test]
async fn two_hundred_slow_pushes_take_little_and_hold_up_nobody() {
    let Some(bucket) = Bucket::of(Kind::Garage).await else { return };
    let directory = tempfile::tempdir().unwrap();
    let berth = Process::start_with(directory.path(), |command| {
        bucket.environment(command);
        command.env("BERTH_STORAGE_BUFFERS", "64MiB");
    });
    let client = berth.admin();
    client.push_blob("team/app", &Blob::random(64 << 20, 1)).await;
    let before = berth.memory("RssAnon");
    let blob = Blob::random(3 << 20, 2);
    let pieces: Vec<Bytes> = blob.bytes.chunks(64 << 10).map(Bytes::copy_from_slice).collect();
    let (go, wait) = watch::channel(false);
    let half = pieces.len() / 2;
    let start = received(&client).await;
    let pushes: Vec<_> = (0..PUSHES)
        .map(|number| {
            let (client, mut wait, pieces) = (client.clone(), wait.clone(), pieces.clone());
            let put = blob.digest.clone();
            tokio::spawn(async move {
                let session = client.start_upload(&format!("team/r{}", number % 7)).await;
                let (first, second) = (pieces[..half].to_vec(), pieces[half..].to_vec());
                let hold = async move {
                    wait.wait_for(|go| *go).await.unwrap();
                    futures::stream::iter(second)
                };
                let body = futures::stream::iter(first)
                    .chain(futures::stream::once(hold).flatten())
                    .map(Ok::<_, std::io::Error>);
                let request = client.request(Method::PATCH, &session).body(Body::wrap_stream(body));
                Answer::read(request.send().await.unwrap()).await.status(202);
                client.put(&format!("{session}?digest={put}"), "").await.status(201);
            })
        })
        .collect();
    let expected = start + (PUSHES * half * (64 << 10)) as u64;
    eventually("the first halves", async || (received(&client).await >= expected).then_some(()))
        .await;
    // 300 MiB are there now.
    bound(&berth, before, 160);
    let quick = Blob::random(30 << 20, 3);
    client.push_blob("team/app", &quick).await;
    bound(&berth, before, 160);
    go.send(true).unwrap();
    for push in pushes {
        push.await.unwrap();
    }
    bound(&berth, before, 160);
    for (repository, blob) in [("team/r3", &blob), ("team/app", &quick)] {
        let path = format!("/v2/{repository}/blobs/{}", blob.digest);
        assert!(client.get(&path).await.ok().bytes == blob.bytes);
    }
}
