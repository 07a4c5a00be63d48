//! The admin API: repositories, tags and their history.

use std::time::Duration;

use serde_json::{Value, json};

use super::{NOWHERE, OCI_MANIFEST, manifest_path};
use crate::support::{Answer, Client, Image, TestApp};

const APP: &str = "/api/v1/repositories/team%2Fapp";

fn names(answer: &Answer, list: &str) -> Vec<String> {
    let items = answer.json()[list].as_array().unwrap().clone();
    items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_repository_tells_what_is_in_it() {
    let berth = TestApp::start().await;
    let alice = berth.writer("alice").await;
    let image = Image::of(["hello", "world"]);
    alice.push("team/app", "v1", &image).await;
    let before = alice.get(APP).await.ok().json();
    assert_eq!(
        (&before["name"], &before["tags"], &before["manifests"]),
        (&json!("team/app"), &json!(1), &json!(1))
    );
    let bytes: usize = image.blobs().iter().map(|blob| blob.bytes.len()).sum();
    assert_eq!(before["size_bytes"], json!(bytes + image.manifest().len()));
    berth.turn_clock(Duration::from_mins(1));
    alice.put_manifest("team/app", "v2", OCI_MANIFEST, image.manifest()).await.status(201);
    let after = alice.get(APP).await.ok().json();
    assert_eq!(
        (&after["tags"], &after["manifests"], &after["size_bytes"]),
        (&json!(2), &json!(1), &before["size_bytes"])
    );
    assert_eq!(after["created_at"], before["created_at"]);
    assert!(after["updated_at"].as_str() > before["updated_at"].as_str(), "{after}");
    alice.get("/api/v1/repositories/team%2Fnone").await.fails(404, "NAME_UNKNOWN");
}

#[tokio::test]
async fn repositories_are_listed_in_pages() {
    let berth = TestApp::start().await;
    let alice = berth.writer("alice").await;
    let none = alice.get("/api/v1/repositories").await.ok();
    assert_eq!(none.json(), json!({ "repositories": [], "next": null }));
    for name in ["c", "a", "b/d"] {
        alice.push(name, "v1", &Image::of([])).await;
    }
    let first = alice.get("/api/v1/repositories?n=2").await.ok();
    assert_eq!(
        (names(&first, "repositories"), &first.json()["next"]),
        (vec!["a".into(), "b/d".into()], &json!("b/d"))
    );
    let rest = alice.get("/api/v1/repositories?n=2&last=b/d").await.ok();
    assert_eq!(
        (names(&rest, "repositories"), &rest.json()["next"]),
        (vec!["c".to_owned()], &Value::Null)
    );
}

#[tokio::test]
async fn tags_are_listed_with_what_they_point_at() {
    let berth = TestApp::start().await;
    let (alice, bob) = (berth.writer("alice").await, berth.writer("bob").await);
    let (one, two) = (Image::of(["hello"]), Image::of(["other", "layers"]));
    alice.push("team/app", "v1", &one).await;
    bob.push("team/app", "v2", &two).await;
    let tags = alice.get(&format!("{APP}/tags")).await.ok();
    assert_eq!(names(&tags, "tags"), ["v1", "v2"]);
    let tag = &tags.json()["tags"][1];
    assert_eq!((&tag["digest"], &tag["updated_by"]), (&json!(two.digest()), &json!("bob")));
    assert_eq!(tag["media_type"], OCI_MANIFEST);
    let bytes: usize = two.blobs().iter().map(|blob| blob.bytes.len()).sum();
    assert_eq!(tag["size_bytes"], json!(bytes + two.manifest().len()));
    assert_eq!(alice.get(&format!("{APP}/tags/v2")).await.ok().json(), *tag);
    let page = alice.get(&format!("{APP}/tags?n=1")).await.ok();
    assert_eq!((names(&page, "tags"), &page.json()["next"]), (vec!["v1".to_owned()], &json!("v1")));
    alice.get(&format!("{APP}/tags/v3")).await.fails(404, "MANIFEST_UNKNOWN");
    alice.get("/api/v1/repositories/team%2Fnone/tags").await.fails(404, "NAME_UNKNOWN");
}

async fn history(client: &Client, query: &str) -> Vec<Value> {
    let answer = client.get(&format!("{APP}/tags/v1/history{query}")).await.ok();
    answer.json()["events"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_history_of_a_tag_tells_who_moved_it_and_outlives_it() {
    let berth = TestApp::start().await;
    let (alice, admin) = (berth.writer("alice").await, berth.admin().await);
    let one = alice.push("team/app", "v1", &Image::of(["one"])).await;
    berth.turn_clock(Duration::from_secs(1));
    let two = alice.push("team/app", "v1", &Image::of(["two"])).await;
    admin.delete(&manifest_path("team/app", "v1")).await.status(202);
    let events = history(&alice, "").await;
    let steps: Vec<_> = events
        .iter()
        .map(|event| {
            (
                event["action"].clone(),
                event["digest"].clone(),
                event["previous"].clone(),
                event["actor"].clone(),
            )
        })
        .collect();
    assert_eq!(
        steps,
        [
            (json!("delete"), json!(two), json!(two), json!("admin")),
            (json!("push"), json!(two), json!(one), json!("alice")),
            (json!("push"), json!(one), Value::Null, json!("alice")),
        ]
    );
    assert!(events[1]["at"].as_str() > events[2]["at"].as_str());
    assert_eq!(history(&alice, "?n=2").await, events[..2]);
    let before = events[1]["id"].as_u64().unwrap();
    assert_eq!(history(&alice, &format!("?before={before}")).await, events[2..]);
    assert_eq!(history(&alice, &format!("?before={}", u64::MAX)).await, events);
    let page = alice.get(&format!("{APP}/tags/v1/history?n=1")).await.ok();
    assert_eq!(page.json()["next"], events[0]["id"]);
    for bad in ["-1", "x", "99999999999999999999999"] {
        let answer = alice.get(&format!("{APP}/tags/v1/history?before={bad}")).await;
        answer.fails(400, "UNSUPPORTED");
    }
    alice.get(&format!("{APP}/tags/never/history")).await.fails(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn a_manifests_deletion_is_in_the_history_of_all_its_tags() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let digest = admin.push("team/app", "v1", &Image::of(["one"])).await;
    admin.delete(&manifest_path("team/app", &digest)).await.status(202);
    let events = history(&admin, "").await;
    assert_eq!((events.len(), &events[0]["action"]), (2, &json!("delete")));
}

#[tokio::test]
async fn a_tag_and_a_repository_are_deleted_by_administrators() {
    let berth = TestApp::start().await;
    let (alice, admin) = (berth.writer("alice").await, berth.admin().await);
    let image = Image::of(["hello"]);
    let digest = alice.push("team/app", "v1", &image).await;
    alice.push("team/other", "v1", &image).await;
    for path in [format!("{APP}/tags/v1"), APP.to_owned()] {
        alice.delete(&path).await.fails(403, "DENIED");
        berth.anonymous().delete(&path).await.fails(401, "UNAUTHORIZED");
    }
    admin.delete(&format!("{APP}/tags/v1")).await.status(202);
    admin.delete(&format!("{APP}/tags/v1")).await.fails(404, "MANIFEST_UNKNOWN");
    admin.get(&manifest_path("team/app", &digest)).await.ok();
    admin.delete(APP).await.status(202);
    admin.delete(APP).await.fails(404, "NAME_UNKNOWN");
    admin.get(&manifest_path("team/app", &digest)).await.fails(404, "MANIFEST_UNKNOWN");
    admin.get("/v2/team/app/tags/list").await.fails(404, "NAME_UNKNOWN");
    for blob in image.blobs() {
        admin.get(&super::blob_path("team/app", &blob.digest)).await.fails(404, "BLOB_UNKNOWN");
        admin.get(&super::blob_path("team/other", &blob.digest)).await.ok();
    }
    // The name can be used again.
    alice.push("team/app", "v1", &image).await;
    assert_eq!(alice.get(APP).await.ok().json()["tags"], 1);
}

#[tokio::test]
async fn the_api_speaks_of_errors_as_the_registry_does() {
    let berth = TestApp::start().await;
    let alice = berth.writer("alice").await;
    for (path, status, code) in [
        ("/api/v1/repositories/Team%2FApp", 400, "NAME_INVALID"),
        ("/api/v1/repositories/team/app", 404, "UNSUPPORTED"),
        ("/api/v1/repositories?n=x", 400, "UNSUPPORTED"),
        ("/api/v1/nothing", 404, "UNSUPPORTED"),
    ] {
        alice.get(path).await.fails(status, code);
    }
    let bad_tag = alice.get(&format!("{APP}/tags/{NOWHERE}")).await;
    assert!((400..500).contains(&bad_tag.code));
    for path in
        ["/api/v1/repositories", APP, &format!("{APP}/tags"), &format!("{APP}/tags/v1/history")]
    {
        berth.anonymous().get(path).await.fails(401, "UNAUTHORIZED");
    }
}
