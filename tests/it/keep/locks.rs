//! Locks, as clients and people meet them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Blob, Client, Image, Process, TestApp, berth, eventually};

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

pub(super) fn manifest(reference: impl std::fmt::Display) -> String {
    format!("/v2/team/app/manifests/{reference}")
}

async fn lock(client: &Client, mut wish: Value) -> i64 {
    wish["why"] = json!("runs in production");
    let made = client.post_json("/api/v1/locks", wish).await.status(201).json();
    made["id"].as_i64().unwrap()
}

async fn push(client: &Client, tag: &str, image: &Image) -> Answer {
    for blob in image.blobs() {
        let path = format!("/v2/team/app/blobs/uploads/?digest={}", blob.digest);
        let request = client.request(reqwest::Method::POST, &path);
        let request = request.header("content-type", "application/octet-stream");
        let answer = client.send(request.body(blob.bytes.clone())).await;
        if answer.code != 201 {
            return answer;
        }
    }
    client.put_manifest("team/app", tag, image.media_type(), image.manifest()).await
}

#[tokio::test]
async fn a_locked_tag_stays_where_it_is_and_says_who_wants_it_so() {
    let berth = TestApp::start().await;
    let (admin, writer) = (berth.admin().await, berth.writer("ann").await);
    let (old, new) = (Image::of(["old"]), Image::of(["new"]));
    let digest = admin.push("team/app", "v1", &old).await;
    let id = lock(&admin, json!({ "repository": "team/app", "reference": "v1" })).await;
    let refused = push(&writer, "v1", &new).await.fails(403, "DENIED");
    let message = refused.json()["errors"][0]["message"].as_str().unwrap().to_owned();
    for part in [
        "team/app:v1 is locked against writing and deletion by admin",
        "runs in production",
        "berth unlock team/app:v1",
    ] {
        assert!(message.contains(part), "{message}");
    }
    for path in [manifest("v1"), manifest(&digest), "/api/v1/repositories/team%2Fapp".into()] {
        admin.delete(&path).await.fails(403, "DENIED");
    }
    // The same again changes nothing, and other tags are free.
    push(&writer, "v1", &old).await.status(201);
    push(&writer, "v2", &new).await.status(201);
    assert_eq!(admin.get(&manifest("v1")).await.ok().bytes, old.manifest());
    // The refusal stands in the audit trail, with the lock that made it.
    eventually("the refusal", async || {
        let events = admin.get("/api/v1/events?kind=request.refuse").await.ok().json();
        let mut found = events["events"].as_array().unwrap().iter();
        found.any(|event| event["rule"] == format!("lock {id}")).then_some(())
    })
    .await;
    admin.delete(&format!("/api/v1/locks/{id}")).await.status(204);
    push(&writer, "v1", &new).await.status(201);
    let events = admin.get("/api/v1/events?kind=lock.remove").await.ok().json();
    assert_eq!(events["events"][0]["target"], "v1");
}

#[tokio::test]
async fn a_lock_ends_by_itself() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    admin.push("team/app", "v1", &Image::of(["old"])).await;
    let until = (berth.clock.now() + Duration::from_hours(1)).to_string();
    lock(&admin, json!({ "repository": "team/app", "reference": "v1", "until": until, "no_read": true, "no_write": true }))
        .await;
    let answer = admin.get(&manifest("v1")).await.fails(403, "DENIED");
    assert!(answer.text().contains(&until), "{}", answer.text());
    push(&admin, "v1", &Image::of(["new"])).await.fails(403, "DENIED");
    berth.turn_clock(Duration::from_hours(2));
    admin.get(&manifest("v1")).await.ok();
    push(&admin, "v1", &Image::of(["new"])).await.status(201);
    let locks = admin.get("/api/v1/locks").await.ok().json();
    assert_eq!(locks["locks"][0]["is_over"], true);
    // Whoever writes a moment that has passed has made a mistake.
    let wish = json!({ "repository": "team/app", "reference": "v1", "why": "a", "until": until });
    admin.post_json("/api/v1/locks", wish).await.fails(400, "INVALID");
}

#[tokio::test]
async fn a_locked_repository_takes_nothing_and_loses_nothing() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let image = Image::of(["old"]);
    let digest = admin.push("team/app", "v1", &image).await;
    lock(&admin, json!({ "repository": "team/app" })).await;
    let blob = Blob::random(10, 1);
    // Before anything is sent for nothing.
    admin.post("/v2/team/app/blobs/uploads/", "").await.fails(403, "DENIED");
    let path = format!("/v2/team/app/blobs/uploads/?digest={}", blob.digest);
    admin.post(&path, blob.bytes.clone()).await.fails(403, "DENIED");
    admin.push_blob("team/other", &blob).await;
    let mount = format!("/v2/team/app/blobs/uploads/?mount={}&from=team/other", blob.digest);
    admin.post(&mount, "").await.fails(403, "DENIED");
    let layer = &image.blobs()[0].digest;
    for path in [
        manifest("v1"),
        manifest(&digest),
        format!("/v2/team/app/manifests/{digest}?force=true"),
        format!("/v2/team/app/blobs/{layer}?force=true"),
        "/api/v1/repositories/team%2Fapp/tags/v1".into(),
        "/api/v1/repositories/team%2Fapp".into(),
    ] {
        admin.delete(&path).await.fails(403, "DENIED");
    }
    let again = admin.put_manifest("team/app", "v2", image.media_type(), image.manifest()).await;
    again.fails(403, "DENIED");
    admin.get(&manifest("v1")).await.ok();
    admin.push("team/other", "v1", &image).await;
}

#[tokio::test]
async fn what_a_locked_index_is_made_of_stays_even_by_force() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let image = Image::of(["child"]);
    let child = admin.push("team/app", "child", &image).await;
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
        { "mediaType": image.media_type(), "digest": child, "size": image.manifest().len() }
    ] });
    admin.put_manifest("team/app", "all", OCI_INDEX, index.to_string()).await.status(201);
    lock(&admin, json!({ "repository": "team/app", "reference": "all", "no_delete": true })).await;
    let layer = &image.blobs()[0].digest;
    for path in [
        format!("/v2/team/app/manifests/{child}?force=true"),
        format!("/v2/team/app/blobs/{layer}?force=true"),
    ] {
        admin.delete(&path).await.fails(403, "DENIED");
    }
    // The tag of the child alone is not locked; and what must not be deleted may be moved.
    admin.delete(&manifest("child")).await.status(202);
    push(&admin, "all", &Image::of(["other"])).await.status(201);
    admin.delete(&manifest("all")).await.fails(403, "DENIED");
}

#[tokio::test]
async fn what_must_not_be_read_is_not_read_by_any_way() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let image = Image::of(["bad"]);
    let digest = admin.push("team/app", "v1", &image).await;
    let layer = format!("/v2/team/app/blobs/{}", image.blobs()[0].digest);
    // In memory before it is locked.
    admin.get(&manifest("v1")).await.ok();
    let id =
        lock(&admin, json!({ "repository": "team/app", "reference": digest, "no_read": true }))
            .await;
    for reference in ["v1", digest.as_str()] {
        admin.get(&manifest(reference)).await.fails(403, "DENIED");
        admin.head(&manifest(reference)).await.status(403);
    }
    admin.get(&layer).await.ok();
    push(&admin, "v1", &Image::of(["good"])).await.status(201);
    admin.get(&manifest("v1")).await.ok();
    admin.delete(&format!("/api/v1/locks/{id}")).await.status(204);
    admin.get(&manifest(&digest)).await.ok();
    lock(&admin, json!({ "repository": "team/app", "no_read": true })).await;
    for path in [manifest("v1"), layer.clone(), format!("/v2/team/app/referrers/{digest}")] {
        admin.get(&path).await.fails(403, "DENIED");
    }
    let mount =
        format!("/v2/team/b/blobs/uploads/?mount={}&from=team/app", image.blobs()[0].digest);
    admin.post(&mount, "").await.status(202);
    // It may be deleted, and the lock stays with the name.
    admin.delete("/api/v1/repositories/team%2Fapp").await.status(202);
    let locks = admin.get("/api/v1/locks").await.ok().json();
    assert_eq!(locks["locks"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn locks_are_for_those_who_manage_a_repository() {
    let berth = TestApp::start().await;
    let (admin, writer, stranger) =
        (berth.admin().await, berth.writer("ann").await, berth.newcomer("eve").await);
    admin.push("team/app", "v1", &Image::of(["a"])).await;
    let wish = json!({ "repository": "team/app", "reference": "v1", "why": "mine" });
    writer.post_json("/api/v1/locks", wish.clone()).await.fails(403, "DENIED");
    let id = lock(&admin, json!({ "repository": "team/app", "reference": "v1" })).await;
    writer.delete(&format!("/api/v1/locks/{id}")).await.fails(404, "NOT_FOUND");
    stranger.get(&format!("/api/v1/locks/{id}")).await.fails(404, "NOT_FOUND");
    writer.get("/api/v1/locks?repository=team/app").await.ok();
    writer.get("/api/v1/locks").await.fails(403, "DENIED");
    stranger.get("/api/v1/locks?repository=team/app").await.fails(403, "DENIED");
    let max = berth.newcomer("max").await;
    max.post_json("/api/v1/locks", wish.clone()).await.fails(403, "DENIED");
    let rule = json!({ "subject": "user:max", "actions": ["manage"], "pattern": "team/*" });
    admin.post_json("/api/v1/bindings", rule).await.status(201);
    max.post_json("/api/v1/locks", wish).await.status(201);
    for (wish, status, code) in [
        (json!({ "repository": "team/app", "reference": "v9", "why": "a" }), 404, "NOT_FOUND"),
        (json!({ "repository": "team/none", "why": "a" }), 404, "NOT_FOUND"),
        (json!({ "repository": "team/app", "why": " " }), 400, "INVALID"),
        (json!({ "repository": "team/app", "why": "a\u{1b}[2J" }), 400, "INVALID"),
        (json!({ "repository": "team/app", "reference": "a b", "why": "a" }), 400, "INVALID"),
    ] {
        admin.post_json("/api/v1/locks", wish).await.fails(status, code);
    }
}

#[test]
fn locks_are_made_shown_and_taken_off_on_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let process = Process::start(&data.join("data"));
    runtime.block_on(async {
        process.admin().push("team/app", "v1", &Image::of(["a"])).await;
    });
    drop(process);
    let on = |arguments: &[&str]| berth(data, [arguments, &["--data", "data"]].concat());
    on(&["lock", "team/app:v1", "--why", "runs in production", "--until", "2199-12-31"])
        .ok()
        .says(["locked team/app:v1 against writing and deletion until 2200-01-01T00:00:00.000Z"]);
    let table = on(&["locks", "list"]).ok().stdout;
    assert!(table.contains("team/app:v1  writing and deletion"), "{table}");
    on(&["unlock", "team/app"]).exit(1).says(["team/app is not locked itself"]);
    on(&["unlock", "team/app:v1"]).ok().says(["unlocked team/app:v1"]);
    on(&["unlock", "team/app:v1"]).exit(1).says(["team/app:v1 is not locked"]);
    on(&["immutability", "add", "team/**", "--tag", "v*", "--except-tag", "*-dev"])
        .ok()
        .says(["rule 1: the tags v* of team/** are immutable"]);
    let rules = on(&["immutability", "list", "--json"]).ok().json();
    assert_eq!(rules[0]["except_tags"], json!(["*-dev"]));
    on(&["immutability", "remove", "1"]).ok();
    on(&["immutability", "remove", "1"]).exit(1).says(["there is no immutability rule `1`"]);
}
