//! A machine that is lost comes back from its bucket alone.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use berth::backup::Identity;
use berth::config::HumanDuration;
use berth::oci::Digest;
use serde_json::json;

use super::View;
use crate::support::servers::Kind;
use crate::support::{
    Blob, Bucket, Client, Image, PASSWORD, Process, TestApp, berth_command, eventually, run,
};

/// Pushes images with referrers; what clients should see of them, and every byte.
async fn some_content(admin: &Client) -> BTreeMap<Digest, Vec<u8>> {
    let mut known = BTreeMap::new();
    for number in 0..3 {
        let image = Image::new(vec![Blob::random(80_000, number)], json!({}));
        let signature = Image::new(
            vec![Blob::new(format!("signature {number}"))],
            json!({ "subject": image.descriptor() }),
        );
        for (tag, image) in [(format!("v{number}"), &image), (format!("s{number}"), &signature)] {
            admin.push("team/app", &tag, image).await;
            known.insert(image.digest(), image.manifest());
            for blob in image.blobs() {
                known.insert(blob.digest.clone(), blob.bytes.clone());
            }
        }
    }
    known
}

fn restore(at: &Path, bucket: &Bucket, data: &str, more: &[&str]) -> Command {
    let mut command = berth_command(at);
    bucket.environment(&mut command);
    command.args(["restore", "--snapshots", "--data-dir", data]).args(more);
    command
}

/// Takes a snapshot by the worker, throws the machine away, and compares what comes back.
async fn lost_and_restored(kind: Kind, is_encrypted: bool) {
    let Some(bucket) = Bucket::of(kind).await else { return };
    let identity = Identity::random();
    let berth = TestApp::start_with(|config| {
        bucket.configure(config);
        config.backup.snapshot_every = HumanDuration::seconds(600);
        if is_encrypted {
            config.backup.recipients = vec![identity.recipient().to_string()];
        }
    })
    .await;
    berth.app.start_worker();
    let admin = berth.admin().await;
    let mut known = some_content(&admin).await;
    let head = berth.app.meta.event_head().await.unwrap().id;
    let wanted = View::by_events(berth.directory.path(), head);
    assert!(wanted.tags.len() == 6 && wanted.referrers.len() == 3);
    let last =
        async || admin.get("/api/v1/backups/standing").await.ok().json()["snapshots"].clone();
    eventually("a snapshot", async || {
        // Quiet comes when the clock is turned.
        berth.turn_clock(Duration::from_secs(11));
        (!last().await["id"].is_null()).then_some(())
    })
    .await;
    // After more changes the next one is not taken before its time.
    let first = last().await["id"].clone();
    let later = Image::of(["later"]);
    admin.push("team/later", "v1", &later).await;
    known.insert(later.digest(), later.manifest());
    known.extend(later.blobs().iter().map(|blob| (blob.digest.clone(), blob.bytes.clone())));
    admin.delete("/v2/team/later/manifests/v1").await.status(202);
    berth.turn_clock(Duration::from_secs(601));
    eventually("the next snapshot", async || {
        berth.turn_clock(Duration::from_secs(11));
        (last().await["id"] != first).then_some(())
    })
    .await;
    let head = berth.app.meta.event_head().await.unwrap().id;
    let wanted = View::by_events(berth.directory.path(), head);
    let key = std::fs::read(super::key_file(&berth)).unwrap();
    berth.stop().await;

    // Another machine: it has the settings, and what is kept apart.
    let machine = tempfile::tempdir().unwrap();
    let at = machine.path();
    std::fs::write(at.join("identity.txt"), identity.reveal()).unwrap();
    std::fs::write(at.join("berth.key"), key).unwrap();
    let before = bucket.objects().await;
    let more: &[&str] =
        if is_encrypted { &["-i", "identity.txt"] } else { &["--key-file", "berth.key"] };
    if is_encrypted {
        run(&mut restore(at, &bucket, "none", &[]))
            .exit(1)
            .says(["name the file with the identity"]);
        let found = bucket
            .operator()
            .read(before.keys().find(|name| name.ends_with("database.zst.age")).unwrap())
            .await;
        assert!(found.unwrap().to_bytes().starts_with(b"age-encryption.org/v1"));
    }
    let mut looking = berth_command(at);
    bucket.environment(&mut looking);
    looking.args(["backup", "verify", "--snapshots"]);
    if is_encrypted {
        looking.args(["-i", "identity.txt"]);
    }
    run(&mut looking).ok();
    run(&mut restore(at, &bucket, "data", more)).ok().says(["blobs where they were"]);
    assert_eq!(bucket.objects().await, before, "nothing was copied");

    let copy = Process::start_with(&at.join("data"), |command| bucket.environment(command));
    let client = Client::new(copy.url().to_owned(), Some(("admin".into(), PASSWORD.into())));
    assert_eq!(View::by_clients(&client, &known, &wanted).await, wanted);
    let events = client.get("/api/v1/events?kind=backup.restore").await.ok().json();
    assert_eq!(events["events"].as_array().unwrap().len(), 1);
    client.push("team/after", "v1", &Image::of(["after"])).await;
    assert_eq!(copy.terminate(), Some(0));
}

#[tokio::test]
async fn a_lost_machine_comes_back_from_its_bucket_on_garage() {
    lost_and_restored(Kind::Garage, false).await;
}

#[tokio::test]
async fn a_lost_machine_comes_back_from_encrypted_snapshots_on_garage() {
    lost_and_restored(Kind::Garage, true).await;
}

#[tokio::test]
async fn a_lost_machine_comes_back_from_its_bucket_on_azurite() {
    lost_and_restored(Kind::Azurite, true).await;
}

#[tokio::test]
async fn a_lost_machine_comes_back_from_its_bucket_on_gcs() {
    lost_and_restored(Kind::Gcs, false).await;
}

#[tokio::test]
async fn snapshots_are_pruned_and_what_the_bucket_lost_is_named() {
    let Some(bucket) = Bucket::of(Kind::Garage).await else { return };
    let berth = TestApp::start_with(|config| {
        bucket.configure(config);
        config.backup.keep_snapshots = 2;
    })
    .await;
    let admin = berth.admin().await;
    let known = some_content(&admin).await;
    let target = berth::backup::Target::beside_blobs(&berth.app.config.storage).unwrap().unwrap();
    let watch = berth::backup::Watch::default();
    let mut ids = Vec::new();
    for _ in 0..4 {
        berth.turn_clock(Duration::from_mins(1));
        ids.push(berth.app.backups().take_snapshot(&target, &watch).await.unwrap().id);
    }
    let left: Vec<String> =
        target.list().await.unwrap().into_iter().map(|listed| listed.id).collect();
    assert_eq!(left, ids[2..]);
    // A blob is gone by other hands: all else comes back, and that one is named.
    let gone: Digest = known.keys().next().unwrap().clone();
    let mut lost = None;
    for digest in known.keys() {
        if let Some(blob) = berth.app.meta.find_blob_anywhere(digest).await.unwrap() {
            bucket.operator().delete(blob.location.as_str()).await.unwrap();
            lost = Some(digest.clone());
            break;
        }
    }
    let lost = lost.unwrap_or(gone);
    let key = super::key_file(&berth);
    let machine = tempfile::tempdir().unwrap();
    let more = ["--key-file", key.to_str().unwrap()];
    let said = run(&mut restore(machine.path(), &bucket, "data", &more)).exit(1);
    assert!(
        said.stdout.contains(&format!("missing: {lost}: its object is not in the bucket")),
        "{said:?}"
    );
    // And files say so.
    let said =
        run(berth_command(machine.path()).args(["restore", "--snapshots", "--data-dir", "x"]));
    said.exit(1).says(["`storage.backend` names none"]);
    berth.stop().await;
}

/// What an upload has sent is in the bucket, and its row in the snapshot: it goes on on the new machine.
#[tokio::test]
async fn an_upload_goes_on_after_its_machine_was_lost() {
    let Some(bucket) = Bucket::of(Kind::Garage).await else { return };
    let machine = tempfile::tempdir().unwrap();
    let at = machine.path();
    let lost = Process::start_with(&at.join("lost"), |command| bucket.environment(command));
    let admin = lost.admin();
    admin.push("team/app", "v1", &Image::of(["one"])).await;
    let blob = Blob::random(3 << 20, 7);
    let (first, second) = blob.bytes.split_at(2 << 20);
    let session = admin.start_upload("team/app").await;
    let answer = admin.patch(&session, first.to_vec()).await.status(202);
    let session = answer.header("location").to_owned();
    // The row is written behind.
    eventually("the upload's row", async || {
        let database = rusqlite::Connection::open(at.join("lost/berth.db")).unwrap();
        let sql = "SELECT count(*) FROM upload WHERE state LIKE '%2097152%'";
        (database.query_row(sql, (), |row| row.get::<_, i64>(0)) == Ok(1)).then_some(())
    })
    .await;
    let mut config = berth::config::Config::default();
    bucket.configure(&mut config);
    config.storage.data = at.join("lost");
    let app =
        berth::app::App::open_beside(config.clone(), berth::clock::Clock::system()).await.unwrap();
    let target = berth::backup::Target::beside_blobs(&config.storage).unwrap().unwrap();
    app.backups().take_snapshot(&target, &berth::backup::Watch::default()).await.unwrap();
    app.close().await;
    lost.kill();
    std::fs::rename(at.join("lost/berth.key"), at.join("berth.key")).unwrap();
    std::fs::remove_dir_all(at.join("lost")).unwrap();

    run(&mut restore(at, &bucket, "found", &["--key-file", "berth.key"])).ok();
    let found = Process::start_with(&at.join("found"), |command| bucket.environment(command));
    let admin = found.admin();
    let path = session.trim_start_matches(lost_url(&session));
    let reached = admin.get(path).await.status(204);
    assert_eq!(reached.header("range"), "0-2097151");
    let answer = admin.patch(path, second.to_vec()).await.status(202);
    let path = answer.header("location").to_owned();
    let joint = if path.contains('?') { '&' } else { '?' };
    admin.put(&format!("{path}{joint}digest={}", blob.digest), Vec::new()).await.status(201);
    let pulled = admin.get(&format!("/v2/team/app/blobs/{}", blob.digest)).await.ok();
    assert_eq!(pulled.bytes, blob.bytes);
    assert_eq!(found.terminate(), Some(0));
}

/// What comes before the path in a URL; nothing if it is a path alone.
fn lost_url(url: &str) -> &str {
    url.find("/v2/").map_or("", |path| &url[..path])
}

/// A snapshot has no bytes of blobs; what is wrong with them is known to it all the same.
#[tokio::test]
async fn a_snapshot_names_the_blobs_that_are_damaged() {
    let Some(bucket) = Bucket::of(Kind::Garage).await else { return };
    let berth = TestApp::start_with(|config| {
        bucket.configure(config);
        config.backup.snapshot_every = HumanDuration::seconds(600);
    })
    .await;
    berth.app.start_worker();
    let admin = berth.admin().await;
    let blob = Blob::new("bytes");
    admin.push_blob("team/app", &blob).await;
    let row = berth.app.meta.find_blob_anywhere(&blob.digest).await.unwrap().unwrap();
    bucket.operator().write(row.location.as_str(), "bites").await.unwrap();
    crate::upkeep::run(&admin, "/api/v1/scrub/run", json!({})).await;
    eventually("a snapshot", async || {
        berth.turn_clock(Duration::from_secs(11));
        let standing = admin.get("/api/v1/backups/standing").await.ok().json();
        (!standing["snapshots"]["id"].is_null()).then_some(())
    })
    .await;
    berth.stop().await;
    let machine = tempfile::tempdir().unwrap();
    let mut looking = berth_command(machine.path());
    bucket.environment(&mut looking);
    looking.args(["backup", "verify", "--snapshots"]);
    let said = run(&mut looking).ok().stdout;
    assert!(said.contains("could not read") && said.contains(blob.digest.as_str()), "{said}");
}
