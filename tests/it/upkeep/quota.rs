//! Quotas: what does not fit is refused, what counts counts once, and what is counted is what is there.

use serde_json::{Value, json};

use super::{collect, eager};
use crate::support::{Blob, Client, Image, TestApp};

async fn set(admin: &Client, quota: Value) -> Value {
    admin.put_json("/api/v1/quotas", quota).await.ok().json()
}

async fn find(admin: &Client, namespace: &str) -> Value {
    let list = admin.get("/api/v1/quotas").await.ok().json();
    let mut quotas = list["quotas"].as_array().unwrap().iter();
    quotas.find(|quota| quota["namespace"] == namespace).unwrap().clone()
}

async fn used(admin: &Client, namespace: &str) -> (u64, u64) {
    let quota = find(admin, namespace).await;
    (quota["used_bytes"].as_u64().unwrap(), quota["used_tags"].as_u64().unwrap())
}

/// What a quota that is made now counts: everything, from the rows themselves.
async fn recount(admin: &Client, namespace: &str) -> (u64, u64) {
    let before = find(admin, namespace).await;
    admin.delete(&format!("/api/v1/quotas?namespace={namespace}")).await.status(204);
    set(admin, json!({ "namespace": namespace, "bytes": before["bytes"], "tags": before["tags"] }))
        .await;
    used(admin, namespace).await
}

async fn events(admin: &Client) -> Vec<Value> {
    let found = admin.get("/api/v1/events?kind=quota.warn").await.ok().json();
    found["events"].as_array().unwrap().clone()
}

async fn push_whole(client: &Client, repository: &str, blob: &Blob) -> crate::support::Answer {
    let location = client.start_upload(repository).await;
    let separator = if location.contains('?') { '&' } else { '?' };
    client.put(&format!("{location}{separator}digest={}", blob.digest), blob.bytes.clone()).await
}

#[tokio::test]
async fn a_blob_that_does_not_fit_is_refused_and_leaves_nothing() {
    let berth = eager(|_| {}).await;
    let admin = berth.admin().await;
    set(&admin, json!({ "namespace": "team", "bytes": 1000 })).await;
    admin.push_blob("team/app", &Blob::random(600, 1)).await;
    let big = Blob::random(600, 2);
    let refused = push_whole(&admin, "team/app", &big).await.fails(403, "DENIED");
    let message = refused.text();
    for part in ["the quota of `team`", "600", "1000", "larger quota"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    // In one request, too, and in pieces whose end nobody knows.
    let path = format!("/v2/team/app/blobs/uploads/?digest={}", big.digest);
    admin.post(&path, big.bytes.clone()).await.fails(403, "DENIED");
    let location = admin.start_upload("team/app").await;
    let stream = reqwest::Body::wrap_stream(futures::stream::iter([Ok::<_, std::io::Error>(
        big.bytes.clone(),
    )]));
    let location = admin.patch(&location, stream).await.status(202).header("location").to_owned();
    let separator = if location.contains('?') { '&' } else { '?' };
    let end = format!("{location}{separator}digest={}", big.digest);
    admin.put(&end, "").await.fails(403, "DENIED");
    admin.put(&end, "").await.fails(404, "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(used(&admin, "team").await, (600, 0));
    assert!(crate::support::stored_files::compare(&berth).await.len() == 1);
    // Elsewhere there is room, and what is full tells so before any byte is sent.
    admin.push_blob("other", &big).await;
    admin.push_blob("team/app", &Blob::random(400, 3)).await;
    admin.post("/v2/team/app/blobs/uploads/", "").await.fails(403, "DENIED");
    // A mount needs room like a push.
    let mount = format!("/v2/team/app/blobs/uploads/?mount={}&from=other", big.digest);
    admin.post(&mount, "").await.fails(403, "DENIED");
    assert_eq!(used(&admin, "team").await, (1000, 0));
}

#[tokio::test]
async fn a_blob_counts_once_in_its_namespace() {
    let berth = eager(|_| {}).await;
    let admin = berth.admin().await;
    set(&admin, json!({ "namespace": "team", "bytes": 1000 })).await;
    set(&admin, json!({ "namespace": "*", "bytes": 100_000 })).await;
    let blob = Blob::random(900, 1);
    for repository in ["team/a", "team/b", "other/a"] {
        admin.push_blob(repository, &blob).await;
    }
    admin
        .post(&format!("/v2/team/c/blobs/uploads/?mount={}&from=other/a", blob.digest), "")
        .await
        .status(201);
    assert_eq!(used(&admin, "team").await, (900, 0));
    assert_eq!(used(&admin, "*").await, (900, 0));
    for (repository, left) in [("team/a", 900), ("team/b", 900), ("team/c", 0)] {
        admin.delete(&format!("/v2/{repository}/blobs/{}", blob.digest)).await.status(202);
        assert_eq!(used(&admin, "team").await.0, left, "{repository}");
    }
    assert_eq!(used(&admin, "*").await.0, 900);
}

#[tokio::test]
async fn tags_and_the_size_of_uploads_are_limited() {
    let berth = eager(|_| {}).await;
    let admin = berth.admin().await;
    set(&admin, json!({ "namespace": "team/app", "tags": 2, "upload_bytes": 100 })).await;
    let image = Image::of(["hello"]);
    admin.push("team/app", "one", &image).await;
    admin.push("team/app", "two", &image).await;
    admin
        .put_manifest("team/app", "three", image.media_type(), image.manifest())
        .await
        .fails(403, "DENIED");
    // To move one takes no more room, and neither does what is not below the namespace.
    admin.push("team/app", "two", &Image::of(["hello again"])).await;
    admin.push("team/apps", "three", &image).await;
    admin.delete("/v2/team/app/manifests/one").await.status(202);
    admin.push("team/app", "three", &image).await;
    push_whole(&admin, "team/app", &Blob::random(101, 1)).await.fails(403, "DENIED");
    push_whole(&admin, "team/app", &Blob::random(100, 2)).await.status(201);
    // Bringing one back needs room like any other.
    let back =
        admin.post_json("/api/v1/repositories/team%2Fapp/undelete", json!({ "tag": "one" })).await;
    back.fails(403, "DENIED");
}

#[tokio::test]
async fn it_is_told_once_that_little_is_left() {
    let berth = eager(|_| {}).await;
    let admin = berth.admin().await;
    set(&admin, json!({ "namespace": "team", "bytes": 1000 })).await;
    admin.push_blob("team/app", &Blob::random(799, 1)).await;
    assert!(events(&admin).await.is_empty());
    let last = Blob::random(1, 2);
    admin.push_blob("team/app", &last).await;
    admin.push_blob("team/app", &Blob::random(10, 3)).await;
    let told = events(&admin).await;
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["target"], &told[0]["detail"]["used"]), (&json!("team"), &json!(800)));
    // When there was more room in between, it is told again.
    admin.delete(&format!("/v2/team/app/blobs/{}", Blob::random(799, 1).digest)).await.status(202);
    admin.push_blob("team/app", &Blob::random(799, 4)).await;
    assert_eq!(events(&admin).await.len(), 2);
}

#[tokio::test]
async fn a_new_quota_counts_what_is_there_and_all_that_goes_is_counted() {
    let berth =
        eager(|config| config.trash.keep = berth::config::HumanDuration::seconds(3600)).await;
    let admin = berth.admin().await;
    for (repository, tag, layer) in [
        ("team", "a", "one"),
        ("team/a", "b", "two"),
        ("team/a/b", "c", "one"),
        ("teams", "d", "three"),
    ] {
        admin.push(repository, tag, &Image::of([layer])).await;
    }
    set(&admin, json!({ "namespace": "team", "bytes": 1_000_000 })).await;
    assert_eq!(used(&admin, "team").await.1, 3);
    let before = used(&admin, "team").await;
    admin.delete("/api/v1/repositories/team%2Fa%2Fb").await.status(202);
    let after = used(&admin, "team").await;
    assert_eq!(after.0, before.0 - Image::of(["one"]).manifest().len() as u64);
    assert_eq!(recount(&admin, "team").await, after);
    admin.delete("/v2/team/a/manifests/b").await.status(202);
    admin
        .delete(&format!("/v2/team/a/manifests/{}", Image::of(["two"]).digest()))
        .await
        .status(202);
    berth.turn_clock(std::time::Duration::from_hours(48));
    collect(&admin).await;
    berth.turn_clock(std::time::Duration::from_hours(48));
    collect(&admin).await;
    let (bytes, tags) = used(&admin, "team").await;
    let one = Image::of(["one"]);
    let left =
        one.manifest().len() + one.blobs().iter().map(|blob| blob.bytes.len()).sum::<usize>();
    assert_eq!((bytes, tags), (left as u64, 1));
    assert_eq!(recount(&admin, "team").await, (bytes, tags));
    let figures = admin.get("/metrics").await.ok().text();
    assert!(figures.contains("berth_quota_used{namespace=\"team\",what=\"tags\"} 1"), "{figures}");
}

#[tokio::test]
async fn what_makes_no_sense_is_no_quota() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    for wish in [
        json!({ "namespace": "team" }),
        json!({ "namespace": "Team/", "tags": 1 }),
        json!({ "tags": 1 }),
    ] {
        admin.put_json("/api/v1/quotas", wish).await.status(400);
    }
    admin.delete("/api/v1/quotas?namespace=team").await.fails(404, "NOT_FOUND");
    let ann = berth.reader("ann").await;
    ann.get("/api/v1/quotas").await.status(403);
}
