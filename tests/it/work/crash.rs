//! `kill -9` at random points over 500 pushes: each event is delivered, in order per repository, to a webhook and to a
//! plugin, no job is lost, and none runs twice in effect.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use serde_json::json;

use super::hook;
use crate::plugins::guest;
use crate::support::{Client, Dice, Image, Process, Receiver, eventually};

/// Tags that are pushed in all.
const PUSHES: usize = 500;
const CLIENTS: usize = 4;
/// How often the registry is killed meanwhile.
const KILLS: usize = 12;

/// Pushes tags until the registry is gone, or all are pushed.
async fn push_tags(admin: Client, repository: String, left: Arc<AtomicUsize>) {
    let image = Image::of(["hello"]);
    let push = async |number: usize| -> Option<()> {
        for blob in image.blobs() {
            let path = format!("/v2/{repository}/blobs/uploads/?digest={}", blob.digest);
            let sent = admin
                .request(reqwest::Method::POST, &path)
                .body(blob.bytes.clone())
                .send()
                .await
                .ok()?;
            (sent.status() == 201).then_some(())?;
        }
        // Another manifest each time, so that each push is a step of the tag.
        let manifest = Image::new(
            image.blobs()[1..].to_vec(),
            json!({ "annotations": { "n": number.to_string() } }),
        );
        let path = format!("/v2/{repository}/manifests/latest");
        let request = admin
            .request(reqwest::Method::PUT, &path)
            .header("content-type", manifest.media_type());
        let sent = request.body(manifest.manifest()).send().await.ok()?;
        (sent.status() == 201).then_some(())
    };
    while let Ok(number) =
        left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
    {
        if push(number).await.is_none() {
            return;
        }
    }
}

/// The events of the jobs that have delivered something, in order.
async fn delivered_by_jobs(admin: &Client) -> Vec<u64> {
    let (mut events, mut before) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/jobs?state=done&kind=webhook&n=500{before}");
        let page = admin.get(&path).await.ok().json();
        events.extend(
            page["jobs"].as_array().unwrap().iter().map(|job| job["event_id"].as_u64().unwrap()),
        );
        let Some(next) = page["next"].as_u64() else { break };
        before = format!("&before={next}");
    }
    events.sort_unstable();
    events
}

/// The events that the receiver has taken, in the order of each repository, and how many of them came again.
fn told(receiver: &Receiver) -> (BTreeMap<String, Vec<u64>>, usize) {
    let mut told: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let (mut again, mut messages) = (0, BTreeMap::new());
    for one in receiver.received().iter().filter(|one| one.answered == 200) {
        let event = one.json();
        let id: u64 = event["id"].as_str().unwrap().parse().unwrap();
        let mine =
            told.entry(event["data"]["repository"].as_str().unwrap().to_owned()).or_default();
        // Told again after a kill, an event comes before those that follow it.
        assert!(mine.last().is_none_or(|last| *last <= id), "{id} after {mine:?}");
        if mine.last() != Some(&id) {
            mine.push(id);
        }
        let message = one.header("webhook-id").to_owned();
        if let Some(before) = messages.insert(id, message.clone()) {
            assert_eq!(before, message, "by which a receiver knows what it has had");
            again += 1;
        }
    }
    (told, again)
}

/// A plugin that sends each event on, one request after another.
async fn install_sink(admin: &Client, to: &Receiver) {
    let file = STANDARD.encode(guest("sink").component());
    let kept = admin.post_json("/api/v1/plugin-files", json!({ "component": file })).await;
    let url = to.url();
    let wish = json!({
        "source": kept.status(201).json()["source"],
        "granted": [format!("http POST {}", url.trim_end_matches("/hook"))],
        "settings": { "url": url },
    });
    admin.post_json("/api/v1/plugins", wish).await.status(201);
}

/// The events that the sink was told of, each once, in the order in which they first came. A batch may come again from its
/// beginning, but none is left out on the way.
fn told_by_sink(receiver: &Receiver) -> Vec<u64> {
    let (mut told, mut last) = (Vec::new(), None);
    for one in receiver.received() {
        let id: u64 = one.json()["id"].as_str().unwrap().parse().unwrap();
        let place = told.binary_search(&id).unwrap_or_else(|_| {
            assert!(told.last().is_none_or(|before| *before < id), "{id} after {told:?}");
            told.push(id);
            told.len() - 1
        });
        assert!(last.is_none_or(|last| place <= last + 1), "{id} was told before its turn");
        last = Some(place);
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_is_delivered_in_order_though_the_registry_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let receiver = Receiver::start().await;
    // A receiver that fails now and then, as they do.
    let count = AtomicUsize::new(0);
    receiver.answer(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        (if number % 17 == 16 { 500 } else { 200 }, Vec::new())
    });
    let behind_sink = Receiver::start().await;
    let left = Arc::new(AtomicUsize::new(PUSHES));
    let mut dice = Dice::new(0x000B_E127);
    let mut round = 0;
    while left.load(Ordering::SeqCst) > 0 || round == 0 {
        let process = Process::start(&data);
        let admin = process.admin();
        if round == 0 {
            hook(&admin, "ci", &receiver, json!({ "kinds": ["tag.push"] })).await;
            install_sink(&admin, &behind_sink).await;
        }
        let clients = (0..CLIENTS)
            .map(|number| push_tags(admin.clone(), format!("team/app{number}"), Arc::clone(&left)));
        let pushing = join_all(clients);
        if round < KILLS {
            // After so many pushes and not after so much time.
            let until = left.load(Ordering::SeqCst).saturating_sub(dice.between(5, 50));
            let kill = async {
                eventually("some pushes", async || {
                    (left.load(Ordering::SeqCst) <= until).then_some(())
                })
                .await;
                process.kill();
            };
            tokio::join!(pushing, kill);
        } else {
            pushing.await;
            process.kill();
        }
        round += 1;
    }
    assert!(round >= KILLS.min(5), "{round} rounds");

    // At the end it is left alone until nothing waits.
    let process = Process::start(&data);
    let admin = process.admin();
    let happened = {
        let mut all: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let mut after = 0;
        loop {
            let page = admin
                .get(&format!("/api/v1/events?kind=tag.push&after={after}&n=1000"))
                .await
                .ok()
                .json();
            let events = page["events"].as_array().unwrap();
            let Some(last) = events.last() else { break };
            after = last["id"].as_u64().unwrap();
            for event in events {
                all.entry(event["repository"].as_str().unwrap().to_owned())
                    .or_default()
                    .push(event["id"].as_u64().unwrap());
            }
        }
        all
    };
    let total: usize = happened.values().map(Vec::len).sum();
    assert!(total > PUSHES / 2, "{total} pushes came through");
    eventually("the end of all deliveries", async || {
        let open = async |state: &str| {
            admin.get(&format!("/api/v1/jobs?n=1&state={state}")).await.ok().json()["jobs"]
                .as_array()
                .unwrap()
                .len()
        };
        (open("waiting").await + open("blocked").await + open("running").await == 0).then_some(())
    })
    .await;
    assert_eq!(admin.get("/api/v1/jobs?state=failed").await.ok().json()["jobs"], json!([]));
    // One job for each event, however often it was begun.
    let mut expected: Vec<u64> = happened.values().flatten().copied().collect();
    expected.sort_unstable();
    assert_eq!(delivered_by_jobs(&admin).await, expected);
    let (told, again) = told(&receiver);
    assert_eq!(told, happened);
    // Only what was on its way when the registry was killed comes again: one of each repository.
    assert!(again <= round * CLIENTS, "{again} deliveries came again");
    assert_eq!(told_by_sink(&behind_sink), expected);
    let verified = admin.post_json("/api/v1/events/verify", json!({})).await.ok().json();
    assert_eq!(verified["is_whole"], true, "{verified}");
}
