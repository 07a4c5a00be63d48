//! What is collected, when, and what never is.

use std::time::Duration;

use berth::config::HumanDuration;
use berth::oci::MediaType;
use reqwest::Method;
use serde_json::json;

use super::{collect, eager, run};
use crate::support::stored_files::{compare, files};
use crate::support::{Blob, Client, Image, TestApp, eventually};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

async fn has(client: &Client, repository: &str, blob: &Blob) -> bool {
    client.head(&format!("/v2/{repository}/blobs/{}", blob.digest)).await.code == 200
}

/// Whether the blob store has the bytes, whoever may see them.
async fn is_stored(berth: &TestApp, blob: &Blob) -> bool {
    berth.app.meta.find_blob_anywhere(&blob.digest).await.unwrap().is_some()
}

/// A blob that no manifest needs goes after its grace period, and not before.
pub(crate) async fn unneeded_blobs_go(berth: &TestApp) {
    let admin = berth.admin().await;
    let (old, young, kept) = (Blob::new("old"), Blob::new("young"), Image::of(["kept"]));
    admin.push_blob("team/app", &old).await;
    admin.push("team/app", "v1", &kept).await;
    berth.turn_clock(23 * HOUR);
    admin.push_blob("team/app", &young).await;
    assert_eq!(collect(&admin).await["blobs"], 0);
    berth.turn_clock(HOUR);
    let done = collect(&admin).await;
    assert_eq!(
        (&done["blobs"], &done["bytes"], &done["objects"]),
        (&json!(1), &json!(3), &json!(1))
    );
    admin.get(&format!("/v2/team/app/blobs/{}", old.digest)).await.fails(404, "BLOB_UNKNOWN");
    assert!(!is_stored(berth, &old).await);
    assert!(has(&admin, "team/app", &young).await);
    // What is gone can be pushed again.
    admin.push_blob("team/app", &old).await;
    assert!(has(&admin, "team/app", &old).await);
    berth.turn_clock(3 * DAY);
    assert_eq!(collect(&admin).await["blobs"], 2);
    for blob in kept.blobs() {
        let path = format!("/v2/team/app/blobs/{}", blob.digest);
        assert_eq!(admin.get(&path).await.ok().bytes, blob.bytes);
    }
}

#[tokio::test]
async fn a_blob_that_nothing_needs_goes_after_its_grace_period() {
    let berth = eager(|_| {}).await;
    unneeded_blobs_go(&berth).await;
    assert_eq!(compare(&berth).await.len(), 2);
}

/// A backup has named the blob by its snapshot, and sends it later.
#[tokio::test]
async fn bytes_that_somebody_copies_stay_until_that_has_ended() {
    let berth = eager(|_| {}).await;
    let (admin, data) = (berth.admin().await, berth.directory.path().join("data"));
    admin.push_blob("team/app", &Blob::new("old")).await;
    berth.turn_clock(DAY);
    berth.app.meta.hold_blobs("backup/test", 2 * HOUR).await.unwrap();
    // Its row goes, its bytes do not.
    let done = collect(&admin).await;
    assert_eq!((&done["blobs"], &done["objects"]), (&json!(1), &json!(0)), "{done}");
    assert_eq!(files(&data, "blobs").len(), 1);
    // Somebody who died holds nothing for ever.
    berth.turn_clock(3 * HOUR);
    assert_eq!(collect(&admin).await["objects"], 1);
    assert!(files(&data, "blobs").is_empty());
}

/// Every way in which a client is told that a blob is there begins its grace period anew.
pub(crate) async fn announced_blobs_stay(berth: &TestApp) {
    let admin = berth.admin().await;
    let blobs = ["head", "get", "mount", "push", "nothing"].map(Blob::new);
    for blob in &blobs {
        admin.push_blob("team/app", blob).await;
    }
    berth.turn_clock(20 * HOUR);
    admin.head(&format!("/v2/team/app/blobs/{}", blobs[0].digest)).await.ok();
    admin.get(&format!("/v2/team/app/blobs/{}", blobs[1].digest)).await.ok();
    let mount = format!("/v2/other/blobs/uploads/?mount={}&from=team/app", blobs[2].digest);
    admin.post(&mount, "").await.status(201);
    admin.push_blob("team/app", &blobs[3]).await;
    berth.turn_clock(20 * HOUR);
    collect(&admin).await;
    for blob in &blobs[..4] {
        assert!(is_stored(berth, blob).await, "{}", String::from_utf8_lossy(&blob.bytes));
    }
    assert!(!is_stored(berth, &blobs[4]).await);
    assert!(has(&admin, "other", &blobs[2]).await);
    berth.turn_clock(30 * HOUR);
    collect(&admin).await;
    for blob in &blobs {
        assert!(!is_stored(berth, blob).await, "{}", String::from_utf8_lossy(&blob.bytes));
    }
}

#[tokio::test]
async fn a_blob_that_was_announced_stays() {
    let berth = eager(|_| {}).await;
    announced_blobs_stay(&berth).await;
    assert!(compare(&berth).await.is_empty());
}

/// What two images share stays with the second one; what was deleted goes when it cannot be brought back any more.
pub(crate) async fn deleted_images_go(berth: &TestApp) {
    let admin = berth.admin().await;
    let (one, two) = (Image::of(["shared", "one"]), Image::of(["shared", "two"]));
    let digest = admin.push("team/app", "one", &one).await;
    admin.push("team/app", "two", &two).await;
    admin.push("other/app", "one", &one).await;
    for repository in ["team/app", "other/app"] {
        admin.delete(&format!("/v2/{repository}/manifests/{digest}")).await.status(202);
    }
    berth.turn_clock(6 * DAY);
    assert_eq!(collect(&admin).await["blobs"], 0, "it can still be brought back");
    berth.turn_clock(DAY);
    let done = collect(&admin).await;
    assert_eq!((&done["trash"], &done["blobs"]), (&json!(4), &json!(0)), "grace begins now");
    berth.turn_clock(DAY);
    assert_eq!(collect(&admin).await["blobs"], 1);
    assert!(!is_stored(berth, &one.blobs()[2]).await);
    for blob in two.blobs() {
        assert!(has(&admin, "team/app", blob).await);
    }
    assert!(!has(&admin, "other/app", &one.blobs()[1]).await);
}

#[tokio::test]
async fn a_deleted_image_goes_and_what_it_shared_stays() {
    let berth = eager(|_| {}).await;
    deleted_images_go(&berth).await;
    assert_eq!(compare(&berth).await.len(), 3);
}

/// Beside what the suite of buckets looks at itself: that no object is left without a row.
pub(crate) async fn in_a_bucket(berth: &TestApp) {
    berth.app.start_worker();
    unneeded_blobs_go(berth).await;
    announced_blobs_stay(berth).await;
}

#[tokio::test]
async fn a_deleted_repository_leaves_nothing() {
    let berth = eager(|_| {}).await;
    let admin = berth.admin().await;
    admin.push("team/app", "v1", &Image::of(["a", "b"])).await;
    admin.push("team/app", "v1", &Image::of(["c"])).await;
    admin.push("other/app", "v1", &Image::of(["a"])).await;
    admin.delete("/api/v1/repositories/team%2Fapp").await.status(202);
    berth.turn_clock(DAY);
    collect(&admin).await;
    assert_eq!(compare(&berth).await.len(), 2);
}

fn index(children: &[serde_json::Value]) -> String {
    json!({ "schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": children })
        .to_string()
}

#[tokio::test]
async fn what_no_tag_leads_to_stays_unless_it_is_to_go() {
    let berth = eager(|_| {}).await;
    let admin = berth.admin().await;
    let image = Image::of(["untagged"]);
    admin.push("team/app", image.digest().as_str(), &image).await;
    berth.turn_clock(400 * DAY);
    collect(&admin).await;
    admin.get(&format!("/v2/team/app/manifests/{}", image.digest())).await.ok();
    assert!(has(&admin, "team/app", &image.blobs()[1]).await);
}

#[tokio::test]
async fn children_and_referrers_live_as_long_as_what_they_belong_to() {
    let berth = eager(|config| config.gc.untagged = Some(HumanDuration::seconds(3600))).await;
    let admin = berth.admin().await;
    let (child, lone) = (Image::of(["child"]), Image::of(["lone"]));
    for image in [&child, &lone] {
        admin.push("team/app", image.digest().as_str(), image).await;
    }
    let list = index(&[child.descriptor()]);
    admin.put_manifest("team/app", "v1", MediaType::OCI_INDEX, list).await.status(201);
    let signature = |of: &Image| {
        Image::new(vec![Blob::new("signature")], json!({ "subject": of.descriptor() }))
    };
    let (good, dangling) = (signature(&child), signature(&Image::of(["nowhere"])));
    // A referrer of a referrer lives as well.
    let second = Image::new(Vec::new(), json!({ "subject": good.descriptor() }));
    for image in [&good, &dangling, &second] {
        admin.push("team/app", image.digest().as_str(), image).await;
    }
    let hex = lone.digest().hex().to_owned();
    let fallback = Image::of(["old cosign"]);
    admin.push("team/app", &format!("sha256-{hex}.sig"), &fallback).await;
    berth.turn_clock(2 * HOUR);
    let done = collect(&admin).await;
    assert_eq!(done["manifests"], 2, "{done}");
    let status = async |image: &Image| {
        admin.get(&format!("/v2/team/app/manifests/{}", image.digest())).await.code
    };
    for (image, expected) in [
        (&child, 200),
        (&good, 200),
        (&second, 200),
        (&fallback, 200),
        (&lone, 404),
        (&dangling, 404),
    ] {
        assert_eq!(status(image).await, expected, "{}", String::from_utf8_lossy(&image.manifest()));
    }
    // With the tag, and when it cannot be brought back, all of it goes at once.
    admin.delete("/v2/team/app/manifests/v1").await.status(202);
    berth.turn_clock(6 * DAY);
    assert_eq!(collect(&admin).await["manifests"], 0);
    berth.turn_clock(2 * DAY);
    assert_eq!(collect(&admin).await["manifests"], 4);
    for image in [&child, &good, &second] {
        assert_eq!(status(image).await, 404);
    }
    assert_eq!(status(&fallback).await, 200);
    berth.turn_clock(2 * DAY);
    collect(&admin).await;
    assert_eq!(
        compare(&berth).await.len(),
        2,
        "the configuration and the layer of the old signature"
    );
}

#[tokio::test]
async fn what_is_locked_stays_with_all_that_belongs_to_it() {
    let berth = eager(|config| config.gc.untagged = Some(HumanDuration::seconds(3600))).await;
    let admin = berth.admin().await;
    let (child, lone) = (Image::of(["child"]), Image::of(["lone"]));
    for image in [&child, &lone] {
        admin.push("team/app", image.digest().as_str(), image).await;
    }
    let list = index(&[child.descriptor()]);
    let digest = Blob::new(list.clone()).digest;
    let put = admin.put_manifest("team/app", digest.as_str(), MediaType::OCI_INDEX, list).await;
    put.status(201);
    let subject = json!({ "subject": child.descriptor() });
    let signature = Image::new(vec![Blob::new("signature")], subject);
    admin.push("team/app", signature.digest().as_str(), &signature).await;
    let wish = json!({ "repository": "team/app", "reference": digest, "why": "runs somewhere" });
    let lock = admin.post_json("/api/v1/locks", wish).await.status(201).json();
    berth.turn_clock(2 * HOUR);
    let done = collect(&admin).await;
    assert_eq!(done["manifests"], 1, "{done}");
    admin.get(&format!("/v2/team/app/manifests/{}", lone.digest())).await.status(404);
    for kept in [&digest, &child.digest(), &signature.digest()] {
        admin.get(&format!("/v2/team/app/manifests/{kept}")).await.ok();
    }
    // It goes some time after the lock.
    let path = format!("/api/v1/locks/{}", lock["id"].as_u64().unwrap());
    admin.delete(&path).await.status(204);
    assert_eq!(collect(&admin).await["manifests"], 0);
    berth.turn_clock(2 * HOUR);
    assert_eq!(collect(&admin).await["manifests"], 3);
}

/// A referrer that lists its own subject keeps neither alive.
#[tokio::test]
async fn a_circle_goes_as_a_whole() {
    let berth = eager(|config| config.gc.untagged = Some(HumanDuration::seconds(3600))).await;
    let admin = berth.admin().await;
    let image = Image::of(["subject"]);
    admin.push("team/app", "v1", &image).await;
    let list = json!({
        "schemaVersion": 2, "mediaType": MediaType::OCI_INDEX,
        "manifests": [image.descriptor()], "subject": image.descriptor(),
    });
    let digest = Blob::new(list.to_string()).digest;
    let reference = digest.as_str();
    admin
        .put_manifest("team/app", reference, MediaType::OCI_INDEX, list.to_string())
        .await
        .status(201);
    berth.turn_clock(2 * HOUR);
    assert_eq!(collect(&admin).await["manifests"], 0);
    admin.delete("/v2/team/app/manifests/v1").await.status(202);
    berth.turn_clock(8 * DAY);
    assert_eq!(collect(&admin).await["manifests"], 2);
}

#[tokio::test]
async fn a_collection_reads_what_is_dead_and_nothing_else() {
    let berth = eager(|_| {}).await;
    let admin = berth.admin().await;
    for number in 0..30 {
        let layer = Blob::new(format!("live {number}"));
        let image = Image::new(vec![layer], json!({ "annotations": { "n": number.to_string() } }));
        admin.push("team/app", &format!("v{number}"), &image).await;
    }
    for number in 0..7 {
        admin.push_blob("team/app", &Blob::new(format!("dead {number}"))).await;
    }
    berth.turn_clock(2 * DAY);
    let done = collect(&admin).await;
    assert_eq!(
        (&done["examined"], &done["blobs"], &done["kept"]),
        (&json!(7), &json!(7), &json!(0))
    );
    let again = collect(&admin).await;
    assert_eq!((&again["examined"], &again["objects"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn a_dry_run_says_what_would_go_and_changes_nothing() {
    let berth = eager(|_| {}).await;
    let admin = berth.admin().await;
    admin.push_blob("team/app", &Blob::new("dead")).await;
    admin.push("team/app", "v1", &Image::of(["live"])).await;
    berth.turn_clock(2 * DAY);
    let job = run(&admin, "/api/v1/gc/run", json!({ "dry_run": true })).await;
    let said = job["job"]["reason"].as_str().unwrap();
    assert!(said.starts_with("1 blobs (4 B) would be deleted"), "{said}");
    assert_eq!(compare(&berth).await.len(), 3);
    assert_eq!(admin.get("/api/v1/gc").await.ok().json()["runs"], json!([]));
    collect(&admin).await;
    assert_eq!(compare(&berth).await.len(), 2);
    berth.reader("bob").await.post_json("/api/v1/gc/run", json!({})).await.status(403);
}

/// Only what no row knows, and only when it has lain there for long.
#[tokio::test]
async fn objects_that_no_row_knows_are_listed_and_removed_on_request() {
    let berth = eager(|_| {}).await;
    let admin = berth.admin().await;
    admin.push("team/app", "v1", &Image::of(["live"])).await;
    let data = berth.directory.path().join("data");
    let shard = data.join(files(&data, "blobs").keys().next().unwrap());
    let shard = shard.parent().unwrap();
    #[expect(clippy::disallowed_methods, reason = "times of files are of the machine's clock")]
    let now = std::time::SystemTime::now();
    for (name, modified) in [("left", now - 2 * DAY), ("fresh", now)] {
        let file = std::fs::File::create(shard.join(name)).unwrap();
        file.set_modified(modified).unwrap();
    }
    for file in files(&data, "blobs").keys() {
        if !file.ends_with("fresh") {
            std::fs::File::open(data.join(file)).unwrap().set_modified(now - 2 * DAY).unwrap();
        }
    }
    let upload = admin.start_upload("team/app").await;
    admin.patch(&upload, "under way").await.status(202);
    let dry = json!({ "dry_run": true, "orphans": true });
    let job = run(&admin, "/api/v1/gc/run", dry).await;
    let lines = job["log"].as_array().unwrap();
    assert_eq!(lines.len(), 1, "{job}");
    assert!(lines[0]["message"].as_str().unwrap().contains("/left"));
    assert_eq!(files(&data, "blobs").len(), 4);
    run(&admin, "/api/v1/gc/run", json!({ "orphans": true })).await;
    let left = files(&data, "blobs");
    assert!(left.len() == 3 && !left.keys().any(|name| name.ends_with("left")), "{left:?}");
    admin.put(&format!("{upload}?digest={}", Blob::new("under way").digest), "").await.status(201);
}

/// A backup under way may need them.
#[tokio::test]
async fn objects_that_no_row_knows_stay_while_somebody_copies() {
    let berth = eager(|_| {}).await;
    let admin = berth.admin().await;
    admin.push("team/app", "v1", &Image::of(["live"])).await;
    let data = berth.directory.path().join("data");
    let file = data.join(files(&data, "blobs").keys().next().unwrap()).with_file_name("left");
    #[expect(clippy::disallowed_methods, reason = "times of files are of the machine's clock")]
    let old = std::time::SystemTime::now() - 2 * DAY;
    std::fs::File::create(&file).unwrap().set_modified(old).unwrap();
    berth.app.meta.hold_blobs("backup/test", 2 * HOUR).await.unwrap();
    let begun = admin.post_json("/api/v1/gc/run", json!({ "orphans": true })).await.status(202);
    let path = format!("/api/v1/jobs/{}", begun.json()["id"]);
    eventually("an end of the first attempt", async || {
        let job = admin.get(&path).await.ok().json();
        let waits = job["job"]["state"] == "waiting" && !job["log"].as_array()?.is_empty();
        waits.then_some(())
    })
    .await;
    assert!(file.exists());
    berth.app.meta.release_blobs("backup/test").await.unwrap();
    berth.turn_clock(2 * HOUR);
    eventually("the end", async || {
        (admin.get(&path).await.ok().json()["job"]["state"] == "done").then_some(())
    })
    .await;
    assert!(!file.exists());
}

/// The rows are gone and the bytes are not: what a crash interrupted goes on.
#[tokio::test]
async fn bytes_that_a_crash_left_go_with_the_next_collection() {
    let berth = eager(|_| {}).await;
    let admin = berth.admin().await;
    let blob = Blob::new("dead");
    admin.push_blob("team/app", &blob).await;
    berth.turn_clock(2 * DAY);
    let before = berth.clock.now() - DAY;
    let part = berth.app.meta.collect(berth::meta::Garbage::Links, before, 100).await.unwrap();
    assert_eq!((part.links, part.blobs), (1, 1));
    let data = berth.directory.path().join("data");
    assert_eq!(files(&data, "blobs").len(), 1);
    // The same bytes come again, and the old ones go.
    admin.push_blob("team/app", &blob).await;
    assert_eq!(files(&data, "blobs").len(), 2);
    assert_eq!(collect(&admin).await["objects"], 1);
    assert_eq!(compare(&berth).await.len(), 1);
    let path = format!("/v2/team/app/blobs/{}", blob.digest);
    let answer = admin.send(admin.request(Method::GET, &path)).await;
    assert_eq!(answer.ok().bytes, blob.bytes);
}
