//! Bringing back what was deleted.

use std::time::Duration;

use serde_json::{Value, json};

use super::{collect, eager};
use crate::support::{Blob, Client, Image, TestApp};

const DAY: Duration = Duration::from_hours(24);

async fn digest_of(client: &Client, tag: &str) -> Option<String> {
    let answer = client.head(&format!("/v2/team/app/manifests/{tag}")).await;
    (answer.code == 200).then(|| answer.header("docker-content-digest").to_owned())
}

async fn trash(client: &Client) -> Vec<Value> {
    let found = client.get("/api/v1/repositories/team%2Fapp/trash").await.ok().json();
    found["trash"].as_array().unwrap().clone()
}

const UNDELETE: &str = "/api/v1/repositories/team%2Fapp/undelete";
const ROLLBACK: &str = "/api/v1/repositories/team%2Fapp/tags/v1/rollback";

/// What is in the trash outlives collections; when its time is over, all of it goes.
pub(crate) async fn in_a_bucket(berth: &TestApp) {
    berth.app.start_worker();
    deleted_manifests_come_back(berth).await;
    let admin = berth.admin().await;
    admin.delete("/v2/team/app/manifests/v1").await.status(202);
    berth.turn_clock(8 * DAY);
    collect(&admin).await;
    berth.turn_clock(2 * DAY);
    collect(&admin).await;
    let other = Blob::new("other").digest;
    assert!(berth.app.meta.find_blob_anywhere(&other).await.unwrap().is_none());
}

#[tokio::test]
async fn a_deleted_manifest_comes_back_with_its_tags() {
    let berth = eager(|_| {}).await;
    deleted_manifests_come_back(&berth).await;
}

async fn deleted_manifests_come_back(berth: &TestApp) {
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    let digest = admin.push("team/app", "v1", &image).await;
    admin.push("team/app", "latest", &image).await;
    let before = admin.get("/api/v1/repositories/team%2Fapp").await.ok().json();
    admin.delete(&format!("/v2/team/app/manifests/{digest}")).await.status(202);
    admin.get("/v2/team/app/manifests/v1").await.fails(404, "MANIFEST_UNKNOWN");
    admin.get(&format!("/v2/team/app/manifests/{digest}")).await.fails(404, "MANIFEST_UNKNOWN");
    assert_eq!(trash(&admin).await.len(), 3);
    berth.turn_clock(6 * DAY);
    collect(&admin).await;
    // Another image has got one of its tags meanwhile.
    let other = admin.push("team/app", "latest", &Image::of(["other"])).await;
    let back = admin.post_json(UNDELETE, json!({ "digest": digest })).await.ok().json();
    assert_eq!((&back["digest"], &back["tags"]), (&json!(digest), &json!(["v1"])));
    assert_eq!(digest_of(&admin, "v1").await.as_deref(), Some(digest.as_str()));
    assert_eq!(digest_of(&admin, "latest").await.as_deref(), Some(other.as_str()));
    for blob in image.blobs() {
        admin.get(&format!("/v2/team/app/blobs/{}", blob.digest)).await.ok();
    }
    admin.delete(&format!("/v2/team/app/manifests/{other}")).await.status(202);
    let after = admin.get("/api/v1/repositories/team%2Fapp").await.ok().json();
    assert_eq!((&after["tags"], &after["manifests"]), (&json!(1), &before["manifests"]));
    admin.post_json(UNDELETE, json!({ "digest": digest })).await.fails(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_deleted_tag_comes_back_until_its_time_is_over() {
    let berth = eager(|_| {}).await;
    let admin = berth.admin().await;
    let digest = admin.push("team/app", "v1", &Image::of(["hello"])).await;
    admin.post_json(UNDELETE, json!({ "tag": "v1" })).await.fails(409, "CONFLICT");
    admin.delete("/v2/team/app/manifests/v1").await.status(202);
    let entry = trash(&admin).await[0].clone();
    assert_eq!((&entry["tag"], &entry["reason"]), (&json!("v1"), &json!("deleted")));
    admin.post_json(UNDELETE, json!({ "tag": "v1" })).await.ok();
    assert_eq!(digest_of(&admin, "v1").await.as_deref(), Some(digest.as_str()));
    assert!(trash(&admin).await.is_empty());
    admin.delete("/v2/team/app/manifests/v1").await.status(202);
    berth.turn_clock(7 * DAY);
    collect(&admin).await;
    admin.post_json(UNDELETE, json!({ "tag": "v1" })).await.fails(404, "NOT_FOUND");
    berth.reader("bob").await.post_json(UNDELETE, json!({ "tag": "v1" })).await.status(403);
}

#[tokio::test]
async fn a_tag_is_rolled_back_step_by_step_to_a_digest_and_to_a_time() {
    let berth = eager(|_| {}).await;
    let admin = berth.admin().await;
    let mut digests = Vec::new();
    let mut times = Vec::new();
    for text in ["one", "two", "three"] {
        digests.push(admin.push("team/app", "v1", &Image::of([text])).await);
        times.push(berth.clock.now().to_string());
        berth.turn_clock(Duration::from_mins(10));
    }
    // The first one was deleted as well, and comes back.
    admin.delete(&format!("/v2/team/app/manifests/{}", digests[0])).await.status(202);
    let now = async || digest_of(&admin, "v1").await.unwrap();
    admin.post_json(ROLLBACK, json!({})).await.ok();
    assert_eq!(now().await, digests[1].as_str());
    admin.post_json(ROLLBACK, json!({ "at": times[0] })).await.ok();
    assert_eq!(now().await, digests[0].as_str());
    admin.post_json(ROLLBACK, json!({ "to": digests[2] })).await.ok();
    assert_eq!(now().await, digests[2].as_str());
    admin
        .post_json(ROLLBACK, json!({ "at": "2020-01-01T00:00:00Z" }))
        .await
        .fails(404, "NOT_FOUND");
    let history = admin.get("/api/v1/repositories/team%2Fapp/tags/v1/history").await.ok().json();
    assert_eq!(history["events"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn the_trash_is_listed_by_pages_and_emptied() {
    let berth = eager(|_| {}).await;
    let admin = berth.admin().await;
    for number in 0..5 {
        admin.push("team/app", "v1", &Image::of([["a", "b", "c", "d", "e"][number]])).await;
        berth.turn_clock(Duration::from_secs(1));
    }
    admin.delete("/v2/team/app/manifests/v1").await.status(202);
    let (mut found, mut before) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/api/v1/trash?n=2{before}")).await.ok().json();
        found.extend(page["trash"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => break,
        }
    }
    assert_eq!(found.len(), 5);
    let all = trash(&admin).await;
    assert_eq!(all, found);
    berth.writer("bob").await.delete("/api/v1/trash").await.status(403);
    let done = admin.delete("/api/v1/repositories/team%2Fapp/trash").await.ok().json();
    assert_eq!(done["entries"], 5);
    assert!(trash(&admin).await.is_empty());
}
