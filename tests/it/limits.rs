//! Memory under a crowd. The program here is not optimised, so the bounds are wide; they catch what grows with each
//! connection by more than it should, such as a buffer for a part of a blob.

use std::net::SocketAddr;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::join_all;
use reqwest::{Body, Method};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::support::{Answer, Blob, Client, Process, Wire, eventually};

const CONNECTIONS: usize = 2000;
const PUSHES: usize = 200;
const MIB: u64 = 1 << 20;

/// A Berth that has answered its first requests, what it takes then, and its address.
async fn start(directory: &TempDir) -> (Process, Client, u64) {
    raise_open_files();
    let berth = Process::start(directory.path());
    let client = berth.admin();
    client.push_blob("team/app", &Blob::random(64 << 20, 1)).await;
    let memory = berth.memory("RssAnon");
    (berth, client, memory)
}

/// Each connection takes a file here as well.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

fn address(berth: &Process) -> SocketAddr {
    berth.url().strip_prefix("http://").unwrap().parse().unwrap()
}

/// Fails if more than `most` is taken for the crowd.
#[track_caller]
fn bound(berth: &Process, before: u64, most: u64) {
    let grown = berth.memory("RssAnon").saturating_sub(before);
    assert!(grown <= most * MIB, "{} MiB more than before, where {most} are enough", grown / MIB);
}

/// As many connections, each of which has asked and taken the head of the answer.
async fn crowd(address: SocketAddr, request: &str) -> Vec<Wire> {
    let mut wires = Vec::with_capacity(CONNECTIONS);
    // Not all at once: the queue of new connections is short.
    for _ in 0..CONNECTIONS / 50 {
        let some = (0..50).map(async |_| {
            let mut wire = Wire::connect_narrow(address).await;
            wire.send(request).await;
            let head = wire.head().await;
            assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
            wire
        });
        wires.extend(join_all(some).await);
    }
    wires
}

#[tokio::test]
async fn two_thousand_connections_that_rest_take_little() {
    let directory = tempfile::tempdir().unwrap();
    let (berth, client, before) = start(&directory).await;
    let request = format!("GET /v2/ HTTP/1.1\r\nHost: berth\r\n{}\r\n", client.authorization());
    let wires = crowd(address(&berth), &request).await;
    bound(&berth, before, 80);
    client.get("/v2/").await.ok();
    drop(wires);
}

#[tokio::test]
async fn two_thousand_slow_readers_take_little() {
    let directory = tempfile::tempdir().unwrap();
    let (berth, client, before) = start(&directory).await;
    let blob = Blob::random(64 << 20, 1);
    let path = format!("/v2/team/app/blobs/{}", blob.digest);
    let request = format!("GET {path} HTTP/1.1\r\nHost: berth\r\n{}\r\n", client.authorization());
    let mut wires = crowd(address(&berth), &request).await;
    bound(&berth, before, 80);
    // They go on, if slowly; and whoever is fast is not held up.
    let mut taken = 0;
    for wire in &mut wires {
        let some = wire.read(4096).await;
        assert!(blob.bytes.starts_with(&some));
        taken += some.len();
    }
    assert!(taken >= CONNECTIONS);
    assert!(client.get(&path).await.ok().bytes == blob.bytes);
    bound(&berth, before, 80);
}

async fn received(client: &Client) -> u64 {
    let text = client.get("/metrics").await.ok().text();
    let line = text.lines().find_map(|line| line.strip_prefix("berth_http_received_bytes_total "));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn two_hundred_pushes_at_once_take_little() {
    let directory = tempfile::tempdir().unwrap();
    let (berth, client, before) = start(&directory).await;
    let blob = Blob::random(2 << 20, 2);
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
    bound(&berth, before, 160);
    go.send(true).unwrap();
    for push in pushes {
        push.await.unwrap();
    }
    bound(&berth, before, 160);
    let path = format!("/v2/team/r3/blobs/{}", blob.digest);
    assert!(client.get(&path).await.ok().bytes == blob.bytes);
}
