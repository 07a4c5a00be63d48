//! Stopping: running transfers end first, up to a limit; nobody new is let in.

use std::path::Path;

use futures::StreamExt as _;
use reqwest::{Body, Method};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::support::{Answer, Blob, Client, Process, eventually, stored_files};

/// The first part of a body at once, the rest when it is let go.
fn in_two(blob: &Blob, rest: oneshot::Receiver<()>) -> Body {
    let (first, second) = blob.bytes.split_at(blob.bytes.len() / 2);
    let (first, second) = (first.to_vec(), second.to_vec());
    let first = futures::stream::iter([Ok::<_, std::io::Error>(first)]);
    Body::wrap_stream(first.chain(futures::stream::once(async move {
        let _ = rest.await;
        Ok(second)
    })))
}

async fn arrives(data: &Path, bytes: u64) {
    eventually("the arrival of the first part", async || {
        let received: u64 = stored_files::files(data, "uploads").values().sum();
        (received >= bytes).then_some(())
    })
    .await;
}

async fn refuses_connections(url: &str) {
    let address = url.strip_prefix("http://").unwrap().to_owned();
    eventually("the end of listening", async || TcpStream::connect(&address).await.err()).await;
}

fn push(
    client: &Client,
    session: &str,
    body: Body,
) -> tokio::task::JoinHandle<Result<Answer, reqwest::Error>> {
    let request = client.request(Method::PATCH, session).body(body);
    tokio::spawn(async move { Ok(Answer::read(request.send().await?).await) })
}

#[tokio::test]
async fn a_running_transfer_ends_before_berth_does() {
    let directory = tempfile::tempdir().unwrap();
    let berth = Process::start_with(directory.path(), |command| {
        command.env("BERTH_SERVER_SHUTDOWN_GRACE", "1h");
    });
    let client = berth.admin();
    let stored = Blob::random(20 << 20, 1);
    client.push_blob("team/app", &stored).await;
    let blob = Blob::random(6 << 20, 2);
    let session = client.start_upload("team/app").await;
    let (go, rest) = oneshot::channel();
    let pushing = push(&client, &session, in_two(&blob, rest));
    arrives(directory.path(), 2 << 20).await;
    let path = format!("/v2/team/app/blobs/{}", stored.digest);
    let pulling = client.request(Method::GET, &path).send().await.unwrap();

    berth.ask_to_stop();
    refuses_connections(berth.url()).await;
    go.send(()).unwrap();
    pushing.await.unwrap().unwrap().status(202);
    assert!(pulling.bytes().await.unwrap() == stored.bytes);
    assert_eq!(berth.ended().await, Some(0));

    let berth = Process::start(directory.path());
    let client = berth.admin();
    client.put(&format!("{session}?digest={}", blob.digest), "").await.status(201);
    assert_eq!(berth.terminate(), Some(0));
}

#[tokio::test]
async fn a_transfer_that_takes_longer_than_the_grace_is_cut_and_can_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let berth = Process::start_with(directory.path(), |command| {
        command.env("BERTH_SERVER_SHUTDOWN_GRACE", "1s").env("BERTH_LOG_FILTER", "off");
    });
    let client = berth.admin();
    let blob = Blob::random(6 << 20, 2);
    let session = client.start_upload("team/app").await;
    let (go, rest) = oneshot::channel();
    let pushing = push(&client, &session, in_two(&blob, rest));
    arrives(directory.path(), 2 << 20).await;
    berth.ask_to_stop();
    assert_eq!(berth.ended().await, Some(0));
    drop(go);
    assert!(pushing.await.unwrap().is_err());

    let berth = Process::start(directory.path());
    let client = berth.admin();
    let range = client.get(&session).await.status(204).header("range").to_owned();
    let end: usize = range.strip_prefix("0-").unwrap().parse().unwrap();
    assert!(end >= 2 << 20, "{end}");
    client.patch(&session, blob.bytes[end + 1..].to_vec()).await.status(202);
    client.put(&format!("{session}?digest={}", blob.digest), "").await.status(201);
    assert_eq!(berth.terminate(), Some(0));
}

#[tokio::test]
async fn connections_that_rest_do_not_delay_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let berth = Process::start_with(directory.path(), |command| {
        command.env("BERTH_SERVER_SHUTDOWN_GRACE", "1h");
    });
    let address = berth.url().strip_prefix("http://").unwrap().to_owned();
    let silent = TcpStream::connect(&address).await.unwrap();
    // Its connection is kept for the next request.
    let client = berth.admin();
    client.get("/v2/").await.ok();
    berth.ask_to_stop();
    assert_eq!(berth.ended().await, Some(0));
    drop(silent);
}
