//! Webhooks.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};

use super::{hook, jobs};
use crate::support::{Image, Received, Receiver, TestApp, berth as command, eventually};

/// Whether a delivery is signed as Standard Webhooks has it.
fn is_signed(received: &Received, secret: &str) -> bool {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let head =
        format!("{}.{}.", received.header("webhook-id"), received.header("webhook-timestamp"));
    let signed = [head.as_bytes(), &received.body].concat();
    let signature = received.header("webhook-signature").strip_prefix("v1,").unwrap();
    hmac::verify(&key, &signed, &STANDARD.decode(signature).unwrap()).is_ok()
}

fn types(received: &[Received]) -> Vec<String> {
    received.iter().map(|one| one.json()["type"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_webhook_is_told_of_a_push_in_signed_cloud_events() {
    let berth = TestApp::start().await;
    berth.app.start_worker();
    let (admin, receiver) = (berth.admin().await, Receiver::start().await);
    let secret = hook(&admin, "ci", &receiver, json!({ "headers": { "x-team": "blue" } })).await;
    let digest = admin.push("team/app", "v1", &Image::of(["hello"])).await;
    let received = receiver.at_least(4).await;
    assert_eq!(
        types(&received),
        ["berth.blob.push", "berth.blob.push", "berth.manifest.push", "berth.tag.push"]
    );
    for one in &received {
        assert!(is_signed(one, &secret));
        assert_eq!(one.header("content-type"), "application/cloudevents+json; charset=utf-8");
        assert_eq!((one.path.as_str(), one.header("x-team")), ("/hook", "blue"));
    }
    let event = received[3].json();
    for (field, value) in [
        ("specversion", json!("1.0")),
        ("type", json!("berth.tag.push")),
        ("subject", json!("team/app:v1")),
        ("datacontenttype", json!("application/json")),
        ("time", json!("2026-09-21T14:13:20.000Z")),
    ] {
        assert_eq!(event[field], value, "{field}");
    }
    assert_eq!(
        (&event["data"]["actor"], &event["data"]["detail"]["digest"]),
        (&json!("admin"), &json!(digest))
    );
    assert_eq!(received[2].json()["subject"], format!("team/app@{digest}"));
    // What was told is there to be looked at.
    let told = eventually("the history", async || {
        let told = admin.get("/api/v1/webhooks/ci/deliveries").await.ok().json();
        let told = told["deliveries"].as_array().unwrap().clone();
        told.iter().all(|one| one["state"] == "done").then_some(told)
    })
    .await;
    assert_eq!(told.len(), 4);
    assert_eq!(told[0]["reason"], "answered 200");
    let whole = admin.get(&format!("/api/v1/jobs/{}", told[0]["id"])).await.ok().json();
    assert!(
        whole["log"][0]["message"].as_str().unwrap().contains("answered 200: noted"),
        "{whole}"
    );
}

#[tokio::test]
async fn a_receiver_of_dockers_registry_gets_its_envelope() {
    let berth =
        TestApp::start_with(|config| config.server.public_url = Some("https://r.example".into()))
            .await;
    berth.app.start_worker();
    let (admin, receiver) = (berth.admin().await, Receiver::start().await);
    hook(&admin, "old", &receiver, json!({ "format": "distribution", "kinds": ["*"] })).await;
    let image = Image::of(["hello"]);
    let digest = admin.push("team/app", "v1", &image).await;
    let layer = &image.blobs()[1].digest;
    admin
        .post(&format!("/v2/team/copy/blobs/uploads/?mount={layer}&from=team/app"), "")
        .await
        .status(201);
    admin.delete("/v2/team/app/manifests/v1").await.status(202);
    let received = eventually("six deliveries", async || {
        let received = receiver.received();
        (received.len() >= 6).then_some(received)
    })
    .await;
    let mut events: Vec<Value> =
        received.iter().map(|one| one.json()["events"][0].clone()).collect();
    events.sort_by_key(|event| event["id"].as_str().unwrap().parse::<u64>().unwrap());
    let said: Vec<_> = events
        .iter()
        .map(|event| (event["action"].as_str().unwrap(), event["target"]["mediaType"].as_str()))
        .collect();
    let octets = Some("application/octet-stream");
    assert_eq!(
        said,
        [
            ("push", octets),
            ("push", octets),
            ("push", Some(image.media_type())),
            ("push", Some(image.media_type())),
            ("mount", octets),
            ("delete", None)
        ]
    );
    let tag = &events[3]["target"];
    assert_eq!(
        (&tag["tag"], &tag["digest"], &tag["repository"]),
        (&json!("v1"), &json!(digest), &json!("team/app"))
    );
    assert_eq!(tag["url"], format!("https://r.example/v2/team/app/manifests/{digest}"));
    assert_eq!(tag["size"], image.manifest().len());
    assert_eq!(events[4]["target"]["fromRepository"], "team/app");
    assert_eq!(
        received[0].header("content-type"),
        "application/vnd.docker.distribution.events.v1+json"
    );
}

#[tokio::test]
async fn a_webhook_hears_what_it_asked_for_and_nothing_else() {
    let berth = TestApp::start().await;
    berth.app.start_worker();
    let (admin, receiver) = (berth.admin().await, Receiver::start().await);
    // Asked about each event in the same turn, before the next one.
    let groups = Receiver::start().await;
    hook(&admin, "groups", &groups, json!({ "kinds": ["group.change"] })).await;
    hook(
        &admin,
        "tags",
        &receiver,
        json!({ "kinds": ["tag.*", "group.change"], "patterns": ["team/*"] }),
    )
    .await;
    for name in ["other/app", "team/app", "team/deep/app"] {
        admin.push(name, "v1", &Image::of(["hello"])).await;
    }
    admin.post_json("/api/v1/groups", json!({ "name": "devs" })).await.status(201);
    groups.at_least(1).await;
    admin.patch_json("/api/v1/webhooks/tags", json!({ "patterns": [] })).await.ok();
    admin.post_json("/api/v1/groups", json!({ "name": "ops" })).await.status(201);
    let received = receiver.at_least(2).await;
    let subjects: Vec<_> =
        received.iter().map(|one| one.json()["subject"].as_str().unwrap().to_owned()).collect();
    assert_eq!(subjects, ["team/app:v1", "ops"]);
    admin.patch_json("/api/v1/webhooks/tags", json!({ "is_enabled": false })).await.ok();
    admin.post_json("/api/v1/groups", json!({ "name": "a" })).await.status(201);
    groups.at_least(3).await;
    admin.patch_json("/api/v1/webhooks/tags", json!({ "is_enabled": true })).await.ok();
    admin.post_json("/api/v1/groups", json!({ "name": "b" })).await.status(201);
    let received = receiver.at_least(3).await;
    assert_eq!(received[2].json()["subject"], "b");
    admin.delete("/api/v1/webhooks/tags").await.status(204);
    admin.get("/api/v1/webhooks/tags").await.fails(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_receiver_that_fails_is_told_again_in_order_and_holds_up_nobody_else() {
    let berth = TestApp::start().await;
    berth.app.start_worker();
    let (admin, receiver) = (berth.admin().await, Receiver::start().await);
    hook(&admin, "ci", &receiver, json!({ "kinds": ["tag.push"] })).await;
    // One repository's receiver is out of order.
    receiver.answer(|one| {
        let broken = one.json()["data"]["repository"] == "team/broken";
        (if broken { 500 } else { 204 }, Vec::new())
    });
    for tag in ["v1", "v2", "v3"] {
        admin.push("team/broken", tag, &Image::of(["a", tag])).await;
        admin.push("team/app", tag, &Image::of(["a", tag])).await;
    }
    let of = |received: &[Received], repository: &str| -> Vec<String> {
        let mine = received.iter().filter(|one| one.json()["data"]["repository"] == repository);
        mine.map(|one| one.json()["data"]["target"].as_str().unwrap().to_owned()).collect()
    };
    eventually("the others", async || {
        (of(&receiver.received(), "team/app").len() == 3).then_some(())
    })
    .await;
    assert_eq!(of(&receiver.received(), "team/app"), ["v1", "v2", "v3"]);
    assert_eq!(of(&receiver.received(), "team/broken"), ["v1"], "the others wait behind it");
    let waiting = eventually("the wait", async || {
        let mine = jobs(&admin, "kind=webhook").await;
        let first = mine
            .iter()
            .rev()
            .find(|job| job["lane"].as_str().unwrap().ends_with("/team/broken"))
            .unwrap()
            .clone();
        (first["state"] == "waiting").then_some(first)
    })
    .await;
    assert_eq!(
        (&waiting["attempts"], &waiting["reason"]),
        (&json!(1), &json!("the receiver answered 500"))
    );
    let states: Vec<_> = jobs(&admin, "kind=webhook&state=blocked")
        .await
        .iter()
        .map(|job| job["lane"].clone())
        .collect();
    assert_eq!(states.len(), 2);
    // Mended, it gets all of them in their order.
    receiver.answer_with(200);
    berth.turn_clock(Duration::from_secs(10));
    eventually("the rest", async || {
        (of(&receiver.received(), "team/broken").len() == 4).then_some(())
    })
    .await;
    let ids: Vec<_> = receiver
        .received()
        .iter()
        .filter(|one| one.json()["subject"] == "team/broken:v1")
        .map(|one| one.header("webhook-id").to_owned())
        .collect();
    assert_eq!(of(&receiver.received(), "team/broken"), ["v1", "v1", "v2", "v3"]);
    assert_eq!(ids[0], ids[1], "the same delivery has the same id");
}

#[tokio::test]
async fn a_delivery_that_never_works_is_kept_for_somebody_to_look_at() {
    let berth = TestApp::start().await;
    berth.app.start_worker();
    let (admin, receiver) = (berth.admin().await, Receiver::start().await);
    hook(&admin, "ci", &receiver, json!({ "kinds": ["tag.push"] })).await;
    receiver.answer_with(500);
    for tag in ["v1", "v2"] {
        admin.push("team/app", tag, &Image::of(["hello"])).await;
    }
    let failed = eventually("the end of the attempts", async || {
        berth.turn_clock(Duration::from_hours(2));
        jobs(&admin, "kind=webhook&state=failed")
            .await
            .into_iter()
            .find(|job| job["event_id"].is_number())
    })
    .await;
    assert_eq!(
        (&failed["attempts"], &failed["reason"]),
        (&json!(20), &json!("the receiver answered 500"))
    );
    // The next one comes after it.
    receiver.answer_with(200);
    berth.turn_clock(Duration::from_hours(2));
    let done = eventually("the next one", async || {
        berth.turn_clock(Duration::from_hours(2));
        jobs(&admin, "kind=webhook&state=done").await.pop()
    })
    .await;
    assert!(done["id"].as_i64() > failed["id"].as_i64());
    admin.post_json(&format!("/api/v1/jobs/{}/retry", failed["id"]), json!({})).await.ok();
    eventually("another attempt", async || {
        (jobs(&admin, "kind=webhook&state=done").await.len() == 2).then_some(())
    })
    .await;
    admin
        .post_json(&format!("/api/v1/jobs/{}/retry", failed["id"]), json!({}))
        .await
        .fails(409, "CONFLICT");
}

#[tokio::test]
async fn what_a_receiver_wants_is_heeded() {
    let berth = TestApp::start().await;
    berth.app.start_worker();
    let (admin, receiver) = (berth.admin().await, Receiver::start().await);
    hook(&admin, "ci", &receiver, json!({ "kinds": ["tag.push"] })).await;
    // It wants to be left alone, which is no failure.
    receiver.answer(|_| (429, vec![("retry-after", "120".to_owned())]));
    admin.push("team/app", "v1", &Image::of(["hello"])).await;
    let job = eventually("the wait", async || {
        let waiting = jobs(&admin, "kind=webhook&state=waiting").await;
        waiting.into_iter().find(|job| job["run_at"] != "2026-09-21T14:13:20.000Z")
    })
    .await;
    assert_eq!((&job["attempts"], &job["run_at"]), (&json!(0), &json!("2026-09-21T14:15:20.000Z")));
    // It is gone for good.
    receiver.answer_with(410);
    berth.turn_clock(Duration::from_mins(2));
    let failed =
        eventually("the end", async || jobs(&admin, "kind=webhook&state=failed").await.pop()).await;
    assert_eq!(failed["reason"], "the receiver is gone (410)");
    // A redirect is not followed: what is signed is for the one it was sent to.
    receiver.answer(|_| (307, vec![("location", "/elsewhere".to_owned())]));
    admin.push("team/app", "v2", &Image::of(["hello"])).await;
    receiver.at_least(3).await;
    assert!(receiver.received().iter().all(|one| one.path == "/hook"));
}

#[tokio::test]
async fn a_delivery_is_repeated_when_somebody_asks() {
    let berth = TestApp::start().await;
    berth.app.start_worker();
    let (admin, receiver) = (berth.admin().await, Receiver::start().await);
    admin.push("team/app", "v1", &Image::of(["hello"])).await;
    // What happened before it was made is not told by itself.
    let secret = hook(&admin, "ci", &receiver, json!({})).await;
    let event =
        admin.get("/api/v1/events?kind=tag.push").await.ok().json()["events"][0]["id"].clone();
    let path = format!("/api/v1/webhooks/ci/deliveries/{event}");
    for count in 1..=2 {
        admin.post_json(&path, json!({})).await.status(201);
        let received = receiver.at_least(count).await;
        assert_eq!(received.len(), count);
        assert_eq!(received[count - 1].json()["id"], event.to_string());
        assert!(is_signed(&received[count - 1], &secret));
    }
    admin
        .post_json("/api/v1/webhooks/ci/deliveries/999999", json!({}))
        .await
        .fails(404, "NOT_FOUND");
    admin.post_json("/api/v1/webhooks/none/deliveries/1", json!({})).await.fails(404, "NOT_FOUND");
}

#[tokio::test]
async fn what_cannot_be_a_webhook_is_refused_and_secrets_are_not_shown() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let good = json!({ "name": "ci", "url": "https://ci.example/hook" });
    let with = |field: &str, value: Value| {
        let mut wish = good.clone();
        wish[field] = value;
        wish
    };
    for wish in [
        with("name", json!("")),
        with("name", json!("a b")),
        with("url", json!("ci.example")),
        with("url", json!("ftp://ci.example")),
        with("url", json!("")),
        with("format", json!("xml")),
        with("patterns", json!(["Team"])),
        with("secret", json!("hush")),
        with("secret", json!("whsec_c2hvcnQ=")),
        with("headers", json!({ "webhook-signature": "v1,x" })),
        with("headers", json!({ "a b": "x" })),
        with("headers", json!({ "a": "x\ny" })),
        with("colour", json!("red")),
    ] {
        admin.post_json("/api/v1/webhooks", wish).await.fails(400, "INVALID");
    }
    let secret = format!("whsec_{}", STANDARD.encode([7; 32]));
    let wish = json!({ "name": "ci", "url": "https://ci.example/hook", "secret": secret, "headers": { "x-key": "hush" } });
    let made = admin.post_json("/api/v1/webhooks", wish.clone()).await.status(201).json();
    assert_eq!(made["secret"], secret);
    admin.post_json("/api/v1/webhooks", wish).await.fails(409, "CONFLICT");
    admin.patch_json("/api/v1/webhooks/ci", json!({ "kinds": ["*"] })).await.ok();
    let shown = admin.get("/api/v1/webhooks").await.ok().text()
        + &admin.get("/api/v1/webhooks/ci").await.ok().text()
        + &admin.get("/api/v1/events").await.ok().text();
    assert!(!shown.contains("hush") && !shown.contains(&secret[6..]), "{shown}");
    assert!(shown.contains("x-key"));
    let (directory, database) = (berth.directory.path(), "data/berth.db");
    let stored = std::fs::read(directory.join(database)).unwrap();
    assert!(!stored.windows(32).any(|bytes| bytes == [7; 32]), "the secret is sealed");
    berth.writer("ann").await.get("/api/v1/webhooks").await.fails(403, "DENIED");
}

#[test]
fn webhooks_are_made_and_looked_at_from_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let say =
        |arguments: &[&str]| command(directory.path(), [arguments, &["--data", "data"]].concat());
    say(&["user", "add", "ann", "--generate"]).ok();
    let made = say(&[
        "webhook",
        "add",
        "ci",
        "https://ci.example/hook",
        "--kind",
        "tag.*",
        "--on",
        "team/**",
        "--header",
        "x-a: b",
    ])
    .ok();
    assert!(made.stdout.starts_with("whsec_"), "{made:?}");
    let table = say(&["webhook", "list"]).ok().stdout;
    assert!(table.contains("https://ci.example/hook") && table.contains("team/**"), "{table}");
    say(&["webhook", "disable", "ci"]).ok();
    assert_eq!(say(&["webhook", "list", "--json"]).ok().json()[0]["is_enabled"], false);
    say(&["webhook", "deliveries", "ci"]).ok();
    say(&["webhook", "redeliver", "ci", "1"]).ok().says(["tells ci of event 1"]);
    let waiting = say(&["jobs", "list", "--json"]).ok().json();
    assert_eq!((&waiting[0]["kind"], &waiting[0]["state"]), (&json!("webhook"), &json!("waiting")));
    let id = waiting[0]["id"].to_string();
    assert!(say(&["jobs", "show", &id]).ok().stdout.contains("webhook"));
    say(&["jobs", "cancel", &id]).ok().says(["is cancelled"]);
    say(&["jobs", "cancel", &id]).exit(1).says(["has ended already"]);
    say(&["jobs", "retry", &id]).ok().says(["is waiting"]);
    say(&["webhook", "remove", "ci"]).ok();
    say(&["webhook", "enable", "ci"]).exit(1).says(["there is no webhook `ci`"]);
}
