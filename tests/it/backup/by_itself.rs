//! Backups that Berth takes by itself: on a schedule, or because somebody asks a running one.

use std::time::Duration;

use serde_json::{Value, json};

use crate::copy::Person;
use crate::support::{Client, Image, TestApp, eventually};

async fn standing(admin: &Client) -> Value {
    admin.get("/api/v1/backups/standing").await.ok().json()
}

/// Waits for the end of a job.
async fn ended(admin: &Client, id: &Value) -> Value {
    eventually("the end of a job", async || {
        let job = admin.get(&format!("/api/v1/jobs/{id}")).await.ok().json()["job"].clone();
        ["done", "failed", "cancelled"].contains(&job["state"].as_str().unwrap()).then_some(job)
    })
    .await
}

#[tokio::test]
async fn backups_are_taken_by_a_schedule_and_pruned() {
    let place = tempfile::tempdir().unwrap();
    let berth = TestApp::start_with(|config| {
        config.backup.directory = Some(place.path().to_owned());
        config.backup.schedule = Some("0 * * * *".parse().unwrap());
        config.backup.keep = 2;
    })
    .await;
    berth.app.start_worker();
    let admin = berth.admin().await;
    admin.push("team/app", "v1", &Image::of(["one"])).await;
    let before = standing(&admin).await;
    assert_eq!((&before["last"], &before["warning"]), (&Value::Null, &Value::Null), "{before}");
    eventually("a schedule", async || {
        (!standing(&admin).await["next_run_at"].is_null()).then_some(())
    })
    .await;
    let mut last = Value::Null;
    for _ in 0..3 {
        berth.turn_clock(Duration::from_hours(1));
        let id = eventually("another backup", async || {
            let id = standing(&admin).await["last"]["id"].clone();
            (!id.is_null() && id != last).then_some(id)
        })
        .await;
        last = id;
    }
    // The oldest goes when the third is there; the job ends after it.
    let listed = eventually("the oldest to go", async || {
        let listed = admin.get("/api/v1/backups").await.ok().json()["backups"].clone();
        (listed.as_array().unwrap().len() == 2).then_some(listed)
    })
    .await;
    assert_eq!((&listed[0]["id"], &listed[0]["blobs"]), (&last, &json!(2)), "the latest first");
    let events = admin.get("/api/v1/events?kind=backup.create").await.ok().json();
    assert_eq!(events["events"].as_array().unwrap().len(), 3);
    assert_eq!(events["events"][0]["actor"], "schedule");
    let metrics = admin.get("/metrics").await.ok().text();
    for figure in ["berth_backup_last_success_timestamp_seconds 17", "berth_backup_failing 0"] {
        assert!(metrics.contains(figure), "no {figure}");
    }
    for (path, code) in [("backups", 403), ("backups/standing", 403)] {
        berth
            .reader(&format!("r{}", path.len()))
            .await
            .get(&format!("/api/v1/{path}"))
            .await
            .status(code);
    }
    berth.stop().await;
}

#[tokio::test]
async fn a_backup_that_fails_is_told_and_the_next_good_one_ends_it() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("mount");
    // Where the directory should be is something else: as if a share were not there.
    std::fs::write(&directory, "no directory").unwrap();
    let berth =
        TestApp::start_with(|config| config.backup.directory = Some(directory.clone())).await;
    berth.app.start_worker();
    let admin = berth.admin().await;
    let job = admin.post_json("/api/v1/backups", json!({})).await.status(202).json();
    for attempt in 1..=4 {
        eventually("an attempt", async || {
            let job = admin.get(&format!("/api/v1/jobs/{}", job["id"])).await.ok().json();
            let job = &job["job"];
            (job["attempts"] == attempt && job["state"] != "running").then_some(())
        })
        .await;
        berth.turn_clock(Duration::from_hours(2));
    }
    let failed = ended(&admin, &job["id"]).await;
    assert_eq!(failed["state"], "failed", "{failed}");
    let shown = standing(&admin).await;
    let warning = shown["warning"].as_str().unwrap();
    assert!(warning.contains("there is no good one yet"), "{warning}");
    assert!(shown["failure"]["reason"].as_str().unwrap().contains("mount"), "{shown}");
    let events = admin.get("/api/v1/events?kind=backup.fail").await.ok().json();
    assert_eq!(events["events"].as_array().unwrap().len(), 1);
    assert!(admin.get("/metrics").await.ok().text().contains("berth_backup_failing 1"));

    std::fs::remove_file(&directory).unwrap();
    let job = admin.post_json("/api/v1/backups", json!({})).await.status(202).json();
    assert_eq!(ended(&admin, &job["id"]).await["state"], "done");
    let shown = standing(&admin).await;
    assert_eq!((&shown["warning"], &shown["failure"]), (&Value::Null, &Value::Null), "{shown}");
    berth.stop().await;
}

#[tokio::test]
async fn a_running_berth_is_asked_by_commands() {
    let place = tempfile::tempdir().unwrap();
    let berth = TestApp::start_with(|config| {
        config.backup.directory = Some(place.path().to_owned());
    })
    .await;
    berth.app.start_worker();
    let admin = berth.admin().await;
    admin.push("team/app", "v1", &Image::of(["one"])).await;
    let (ann, url) = (Person::new(), berth.url());
    ann.logs_in(&berth).await;
    ann.berth(["backup", "create", "--server", &url])
        .await
        .ok()
        .says(["2 blobs, of which 2 were sent"]);
    let listed = ann.berth(["backup", "list", "--server", &url, "--json"]).await.ok().json();
    let id = listed[0]["id"].as_str().unwrap().to_owned();
    let table = ann.berth(["backup", "list", "--server", &url]).await.ok().stdout;
    assert!(table.contains(&id) && table.contains("plain"), "{table}");
    ann.berth(["backup", "verify", "--server", &url])
        .await
        .ok()
        .says(["2 blobs are read and compared"]);
    let shown = ann.berth(["backup", "status", "--server", &url]).await.ok().stdout;
    assert!(shown.contains(&id) && shown.contains("verified  "), "{shown}");
    // A file of it goes: that is found, and told.
    let blob =
        crate::support::stored_files::files(place.path(), "blobs").into_keys().next().unwrap();
    std::fs::remove_file(place.path().join(&blob)).unwrap();
    let said = ann.berth(["backup", "verify", &id, "--server", &url, "--quick"]).await.exit(1);
    assert!(said.stdout.contains(&blob), "{said:?}");
    let warning = standing(&admin).await["warning"].as_str().unwrap().to_owned();
    assert!(warning.contains("1 problems were found in the backup"), "{warning}");
    ann.berth(["backup", "verify", "none", "--server", &url])
        .await
        .exit(1)
        .says(["no backup none"]);
    ann.berth(["backup", "prune", "--server", &url]).await.exit(1).says(["backup.keep"]);
    berth.stop().await;
}

#[tokio::test]
async fn without_a_place_nothing_is_begun() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    admin.post_json("/api/v1/backups", json!({})).await.fails(409, "CONFLICT");
    admin.get("/api/v1/backups").await.fails(409, "CONFLICT");
    assert_eq!(standing(&admin).await["place"], Value::Null);
}
