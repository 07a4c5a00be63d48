//! What goes wrong on the way, and that it comes right in the end.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;

use super::{Pair, add_rule, reaches, rests, states, target};
use crate::support::{Blob, Image, PASSWORD, Process, Receiver, TestApp, eventually, stored_files};

/// An address where nobody listens yet.
fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn a_target_that_is_down_gets_it_when_it_is_up() {
    let here = TestApp::start().await;
    here.app.start_worker();
    let (admin, address) = (here.admin().await, free_address());
    target(&admin, "there", &format!("http://{address}"), json!({})).await;
    add_rule(&admin, "all", "there", json!({})).await;
    admin.push("team/app", "v1", &Image::of(["hello"])).await;
    let failing = reaches(&admin, "team/app", "v1", "failing").await;
    assert!(failing["reason"].as_str().unwrap().contains("cannot reach"), "{failing}");
    here.turn_clock(Duration::from_mins(1));
    let behind = states(&admin, "behind=true").await;
    assert!(behind[0]["lag_seconds"].as_u64().unwrap() >= 60, "{behind:?}");
    let metrics = admin.get("/metrics").await.ok().text();
    assert!(metrics.contains("berth_replication_behind{target=\"there\"} 1"), "{metrics}");
    let there = TestApp::start_with(|config| config.server.listen = address).await;
    let other = there.admin().await;
    eventually("the copy", async || {
        here.turn_clock(Duration::from_mins(1));
        let even = states(&admin, "").await.iter().all(|one| one["state"] == "even");
        even.then_some(())
    })
    .await;
    other.get("/v2/team/app/manifests/v1").await.ok();
}

#[tokio::test]
async fn refused_credentials_are_told_and_new_ones_are_tried_at_once() {
    let here = TestApp::start().await;
    let there = TestApp::start().await;
    here.app.start_worker();
    let (admin, other) = (here.admin().await, there.admin().await);
    target(&admin, "there", &there.url(), json!({ "password": "not the right one" })).await;
    add_rule(&admin, "all", "there", json!({})).await;
    let checked = admin.post_json("/api/v1/replication/targets/there/check", json!({})).await;
    assert_eq!(checked.ok().json()["is_good"], false);
    admin.push("team/app", "v1", &Image::of(["hello"])).await;
    let failing = reaches(&admin, "team/app", "v1", "failing").await;
    assert!(failing["reason"].as_str().unwrap().contains("refused the credentials"), "{failing}");
    let change = json!({ "username": "admin", "password": PASSWORD });
    let shown = admin.patch_json("/api/v1/replication/targets/there", change).await.ok().text();
    assert!(!shown.contains(PASSWORD), "{shown}");
    reaches(&admin, "team/app", "v1", "even").await;
    other.get("/v2/team/app/manifests/v1").await.ok();
}

#[tokio::test]
async fn a_target_that_asks_for_patience_is_left_alone_as_long() {
    let here = TestApp::start().await;
    here.app.start_worker();
    let (admin, busy) = (here.admin().await, Receiver::start().await);
    busy.answer(|_| (429, vec![("retry-after", "120".to_owned())]));
    let url = busy.url();
    target(&admin, "busy", url.trim_end_matches("/hook"), json!({})).await;
    add_rule(&admin, "all", "busy", json!({})).await;
    admin.push("team/app", "v1", &Image::of(["hello"])).await;
    let job = eventually("the wait", async || {
        let jobs = admin.get("/api/v1/jobs?kind=replicate&state=waiting").await.ok().json();
        let job = jobs["jobs"][0].clone();
        (job["run_at"] == "2026-09-21T14:15:20.000Z").then_some(job)
    })
    .await;
    assert_eq!(job["attempts"], 0, "it counts as no attempt");
    // Each request was answered, and no second one came.
    let asked = busy.received();
    assert!(asked.len() <= 4, "{} requests", asked.len());
}

#[tokio::test]
async fn a_blob_that_is_damaged_here_does_not_get_there() {
    let pair = Pair::start(json!({ "on_push": false })).await;
    let layer = Blob::random(200_000, 1);
    pair.admin.push("team/app", "v1", &Image::new(vec![layer.clone()], json!({}))).await;
    // Of the same size, so that only its digest tells.
    let data = pair.here.directory.path().join("data");
    let files = stored_files::files(&data, "blobs");
    let path = files.keys().find(|path| path.contains(layer.digest.hex())).unwrap();
    let mut bytes = layer.bytes.clone();
    bytes[100_000] ^= 1;
    std::fs::write(data.join(path), bytes).unwrap();
    pair.admin.post_json("/api/v1/replication/run", json!({})).await.status(202);
    reaches(&pair.admin, "team/app", "v1", "failing").await;
    pair.other.get("/v2/team/app/manifests/v1").await.status(404);
    pair.other.get(&format!("/v2/team/app/blobs/{}", layer.digest)).await.status(404);
    // Mended by a push, it goes.
    std::fs::write(data.join(path), &layer.bytes).unwrap();
    eventually("the copy", async || {
        pair.here.turn_clock(Duration::from_mins(1));
        let even = states(&pair.admin, "").await.iter().all(|one| one["state"] == "even");
        even.then_some(())
    })
    .await;
    pair.other.get("/v2/team/app/manifests/v1").await.ok();
}

#[tokio::test]
async fn moves_of_a_tag_while_it_waits_or_goes_end_with_the_last() {
    let pair = Pair::start(json!({})).await;
    let pause = |is_paused: bool| {
        let change = json!({ "is_paused": is_paused, "bytes_per_second": 200_000 });
        pair.admin.patch_json("/api/v1/replication/targets/there", change)
    };
    pause(true).await.ok();
    for number in 0..5 {
        let text = format!("number {number}");
        pair.admin.push("team/app", "v1", &Image::of(["layer", &text])).await;
    }
    let jobs = eventually("the job", async || {
        let jobs = pair.admin.get("/api/v1/jobs?kind=replicate").await.ok().json();
        let jobs = jobs["jobs"].as_array().unwrap().clone();
        (!jobs.is_empty() && states(&pair.admin, "behind=1").await.len() == 1).then_some(jobs)
    })
    .await;
    assert!(jobs.len() <= 2, "one that waits stands for all: {}", jobs.len());
    // A large one is on its way when the tag moves again.
    let large = Image::new(vec![Blob::random(600_000, 2)], json!({}));
    pair.admin.push("team/app", "v1", &large).await;
    pause(false).await.ok();
    eventually("an upload that goes on", async || {
        (pair.there.app.blobs.active_uploads() > 0).then_some(())
    })
    .await;
    let last = pair.admin.push("team/app", "v1", &Image::of(["the last"])).await;
    rests(&pair.here, &pair.admin).await;
    let copied = pair.other.head("/v2/team/app/manifests/v1").await.ok();
    assert_eq!(copied.header("docker-content-digest"), last.as_str());
    // It never pointed at what had been replaced while it was copied.
    let history = pair.other.get("/api/v1/repositories/team%2Fapp/tags/v1/history").await.ok();
    let history = history.text();
    assert!(!history.contains(large.digest().as_str()), "{history}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_goes_on_after_the_process_was_killed() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let there = TestApp::start().await;
    let other = there.admin().await;
    let blobs: Vec<Blob> = (0..6).map(|seed| Blob::random(150_000, seed)).collect();
    let process = Process::start(&data);
    let admin = process.admin();
    // One after another, and slowly enough to be killed between two of them.
    let slow = json!({ "parallel": 1, "bytes_per_second": 300_000 });
    target(&admin, "there", &there.url(), slow).await;
    add_rule(&admin, "all", "there", json!({})).await;
    let image = Image::new(blobs.clone(), json!({}));
    admin.push("team/app", "v1", &image).await;
    let arrived = async || {
        let mut arrived = Vec::new();
        for blob in &blobs {
            let path = format!("/v2/team/app/blobs/{}", blob.digest);
            if other.head(&path).await.code == 200 {
                arrived.push(blob.digest.clone());
            }
        }
        arrived
    };
    let before = eventually("some blobs", async || {
        let arrived = arrived().await;
        (arrived.len() >= 2).then_some(arrived)
    })
    .await;
    process.kill();
    assert!(before.len() < blobs.len(), "it was killed in the middle");
    other.get("/v2/team/app/manifests/v1").await.status(404);
    let process = Process::start(&data);
    let admin = process.admin();
    reaches(&admin, "team/app", "v1", "even").await;
    assert_eq!(other.get("/v2/team/app/manifests/v1").await.ok().bytes, image.manifest());
    // What had arrived was not sent again: each blob came once.
    let events = other.get("/api/v1/events?kind=blob.push&n=1000").await.ok().json();
    let events = events["events"].as_array().unwrap();
    for digest in &before {
        let times = events.iter().filter(|one| one["target"] == digest.as_str()).count();
        assert_eq!(times, 1, "{digest}");
    }
    process.terminate();
}

#[tokio::test]
async fn a_registry_never_replicates_to_itself() {
    let here = TestApp::start().await;
    here.app.start_worker();
    let admin = here.admin().await;
    target(&admin, "self", &here.url(), json!({ "naming": "mirror/{repository}" })).await;
    add_rule(&admin, "all", "self", json!({})).await;
    let checked = admin.post_json("/api/v1/replication/targets/self/check", json!({})).await;
    assert_eq!(checked.ok().json()["said"], "it is this registry itself");
    admin.push("team/app", "v1", &Image::of(["hello"])).await;
    let failing = reaches(&admin, "team/app", "v1", "failing").await;
    assert_eq!(failing["reason"], "the target is this registry itself");
    admin.get("/v2/mirror/team/app/manifests/v1").await.status(404);
}

/// Nobody gets bytes that are not what they are called.
#[tokio::test]
async fn a_damaged_blob_is_named_and_follows_when_it_is_mended() {
    let here = TestApp::start().await;
    here.app.start_worker();
    let there = TestApp::start().await;
    let (admin, other) = (here.admin().await, there.admin().await);
    let image = Image::of(["layer"]);
    admin.push("team/app", "v1", &image).await;
    let layer = &image.blobs()[1];
    let row = here.app.meta.find_blob_anywhere(&layer.digest).await.unwrap().unwrap();
    let file = here.directory.path().join("data").join(row.location.as_str());
    std::fs::write(file, b"Layer").unwrap();
    crate::upkeep::run(&admin, "/api/v1/scrub/run", json!({})).await;
    target(&admin, "there", &there.url(), json!({})).await;
    add_rule(&admin, "all", "there", json!({})).await;
    admin.post_json("/api/v1/replication/run", json!({})).await.status(202);
    let failing = reaches(&admin, "team/app", "v1", "failing").await;
    let reason = failing["reason"].as_str().unwrap();
    assert!(reason.contains(layer.digest.as_str()) && reason.contains("push it again"), "{reason}");
    other.get("/v2/team/app/manifests/v1").await.status(404);
    admin.push_blob("team/app", layer).await;
    eventually("the copy", async || {
        here.turn_clock(Duration::from_mins(1));
        let even = states(&admin, "").await.iter().all(|one| one["state"] == "even");
        even.then_some(())
    })
    .await;
    let path = format!("/v2/team/app/blobs/{}", layer.digest);
    assert_eq!(other.get(&path).await.ok().bytes, layer.bytes);
}
