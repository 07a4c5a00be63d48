//! Time limits count idleness and nothing else: what stalls is cut, what goes on slowly is not.

use std::time::Duration;

use berth::config::HumanDuration;
use futures::StreamExt as _;
use futures::future::join_all;
use reqwest::{Body, Method};

use crate::support::{Blob, TestApp, Wire, eventually};

/// Short, but longer than a busy machine lets a test wait.
const IDLE: u64 = 2;
/// A pace that is well below it, and a duration that is well above.
const PACE: Duration = Duration::from_millis(200);
const PIECES: usize = 15;

async fn start() -> TestApp {
    TestApp::start_with(|config| config.server.idle_timeout = HumanDuration::seconds(IDLE)).await
}

/// What comes until the server closes.
async fn until_cut(wire: &mut Wire, what: &str) -> String {
    let rest = tokio::time::timeout(Duration::from_mins(1), wire.rest()).await;
    let rest = rest.unwrap_or_else(|_| panic!("{what} is never cut"));
    String::from_utf8_lossy(&rest).into_owned()
}

#[tokio::test]
async fn a_connection_that_says_nothing_or_half_a_request_is_cut() {
    let berth = start().await;
    let all = [
        "",
        "G",
        "GET /healthz HTTP/1.1\r\nHost:",
        "P",
        "PRI * HTTP/2.0\r\n\r\nS",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ];
    let cut = all.map(async |said| {
        let mut wire = Wire::connect(berth.address()).await;
        wire.send(said).await;
        let answer = until_cut(&mut wire, &format!("{said:?}")).await;
        assert!(!answer.contains("200 OK"), "{answer}");
    });
    join_all(cut).await;
}

#[tokio::test]
async fn a_connection_that_rests_after_an_answer_is_cut() {
    let berth = start().await;
    let mut wire = Wire::connect(berth.address()).await;
    for _ in 0..2 {
        wire.send("GET /healthz HTTP/1.1\r\nHost: berth\r\n\r\n").await;
        assert!(wire.head().await.starts_with("HTTP/1.1 200 OK"));
        assert_eq!(wire.read(3).await, b"ok\n");
    }
    assert_eq!(until_cut(&mut wire, "a resting connection").await, "");
}

#[tokio::test]
async fn an_upload_that_stalls_is_cut_and_what_arrived_counts() {
    let berth = start().await;
    let alice = berth.writer("alice").await;
    let blob = Blob::random(300_000, 1);
    let session = alice.start_upload("team/app").await;
    let mut wire = Wire::connect(berth.address()).await;
    let head = format!(
        "PATCH {session} HTTP/1.1\r\nHost: berth\r\n{}content-length: 300000\r\n\r\n",
        alice.authorization()
    );
    wire.send(head).await;
    wire.send(&blob.bytes[..100_000]).await;
    let answer = until_cut(&mut wire, "a stalled upload").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("BLOB_UPLOAD_INVALID"), "{answer}");
    assert_eq!(alice.get(&session).await.status(204).header("range"), "0-99999");
    alice.patch(&session, blob.bytes[100_000..].to_vec()).await.status(202);
    alice.put(&format!("{session}?digest={}", blob.digest), "").await.status(201);

    // A manifest likewise; there is nothing to keep of it.
    let mut wire = Wire::connect(berth.address()).await;
    let head = format!(
        "PUT /v2/team/app/manifests/v1 HTTP/1.1\r\nHost: berth\r\n{}content-length: 900\r\n\r\n{{",
        alice.authorization()
    );
    wire.send(head).await;
    let answer = until_cut(&mut wire, "a stalled manifest").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

/// Pieces of a blob at a pace that is slower than anyone would like.
fn slowly(blob: &Blob) -> Body {
    let size = blob.bytes.len().div_ceil(PIECES);
    let pieces: Vec<_> = blob.bytes.chunks(size).map(<[u8]>::to_vec).collect();
    Body::wrap_stream(futures::stream::iter(pieces).then(|piece| async move {
        tokio::time::sleep(PACE).await;
        Ok::<_, std::io::Error>(piece)
    }))
}

#[tokio::test]
async fn a_push_may_take_longer_than_the_limit() {
    let berth = start().await;
    let alice = berth.writer("alice").await;
    let blob = Blob::random(120_000, 1);
    let single = format!("/v2/team/app/blobs/uploads/?digest={}", blob.digest);
    let session = alice.start_upload("team/app").await;
    // Slow head as well: one is taken apart from the other.
    let (single, streamed) = tokio::join!(
        alice.send(alice.request(Method::POST, &single).body(slowly(&blob))),
        alice.send(alice.request(Method::PATCH, &session).body(slowly(&blob))),
    );
    single.status(201);
    streamed.status(202);
    alice.put(&format!("{session}?digest={}", blob.digest), "").await.status(201);
}

async fn connections(berth: &TestApp) -> u64 {
    let text = berth.reader("monitor").await.get("/metrics").await.ok();
    let text = text.text();
    let line = text.lines().find_map(|line| line.strip_prefix("berth_http_connections "));
    line.unwrap().parse().unwrap()
}

fn wish(blob: &Blob, authorization: &str) -> String {
    format!("GET /v2/team/app/blobs/{} HTTP/1.1\r\nHost: berth\r\n{authorization}\r\n", blob.digest)
}

#[tokio::test]
async fn a_reader_that_stalls_is_cut_and_one_that_is_slow_is_not() {
    let berth = start().await;
    let alice = berth.writer("alice").await;
    // More than the kernel keeps for a connection.
    let blob = Blob::random(24 << 20, 1);
    alice.push_blob("team/app", &blob).await;
    let authorization = alice.authorization();
    let mut stalled = Wire::connect_narrow(berth.address()).await;
    stalled.send(wish(&blob, &authorization)).await;
    assert!(stalled.head().await.starts_with("HTTP/1.1 200 OK"));

    let mut slow = Wire::connect(berth.address()).await;
    slow.send(wish(&blob, &authorization)).await;
    slow.head().await;
    let mut taken = Vec::new();
    while taken.len() < blob.bytes.len() {
        let before = taken.len();
        while taken.len() < before + blob.bytes.len() / PIECES && taken.len() < blob.bytes.len() {
            let some = slow.read(64 << 10).await;
            assert!(!some.is_empty(), "cut after {} bytes", taken.len());
            taken.extend(some);
        }
        tokio::time::sleep(PACE).await;
    }
    assert!(taken == blob.bytes);
    drop(slow);

    eventually("the end of the stalled reader", async || {
        // The one that asks is left.
        (connections(&berth).await <= 1).then_some(())
    })
    .await;
    let rest = tokio::time::timeout(Duration::from_mins(1), stalled.rest()).await.unwrap();
    assert!(rest.len() < blob.bytes.len());
    assert!(blob.bytes.starts_with(&rest));
}

/// A client of HTTP/2 that answers pings and takes nothing of an answer.
#[tokio::test]
async fn a_reader_of_http2_that_takes_nothing_is_cut() {
    let berth = start().await;
    let alice = berth.writer("alice").await;
    let blob = Blob::random(8 << 20, 7);
    alice.push_blob("team/app", &blob).await;
    let http = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .http2_initial_stream_window_size(64 << 10)
        .build()
        .unwrap();
    let url = format!("{}/v2/team/app/blobs/{}", berth.url(), blob.digest);
    let answer = http.get(url).basic_auth("alice", Some(crate::support::PASSWORD)).send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 200);
    drop(alice);
    eventually("every connection is closed", async || {
        let figures = berth.app.metrics.render(&[]).unwrap();
        figures.contains("berth_http_connections 0").then_some(())
    })
    .await;
    assert!(answer.bytes().await.is_err(), "what was not taken in time is not sent");
}
