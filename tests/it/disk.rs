//! A full disk: clear errors, pulls and deletions go on, nothing is damaged, and it ends when space returns.

use futures::future::join_all;
use reqwest::{Body, Method};

use crate::support::{Blob, Client, Image, SmallDisk, Style, eventually, stored_files};

const MIB: usize = 1 << 20;

/// Fails unless the database on the disk is whole, as a copy of its files tells.
fn database_is_intact(disk: &SmallDisk) {
    let copy = tempfile::tempdir().unwrap();
    for file in ["berth.db", "berth.db-wal"] {
        let from = disk.data().join(file);
        if from.exists() {
            std::fs::copy(from, copy.path().join(file)).unwrap();
        }
    }
    let database = rusqlite::Connection::open(copy.path().join("berth.db")).unwrap();
    for (pragma, sound) in [("integrity_check", Some("ok")), ("foreign_key_check", None)] {
        let mut statement = database.prepare(&format!("PRAGMA {pragma}")).unwrap();
        let mut rows = statement.query(()).unwrap();
        let said = rows.next().unwrap().map(|row| row.get::<_, String>(0).unwrap());
        assert_eq!(said.as_deref(), sound, "{pragma}");
    }
}

async fn is_whole(client: &Client, repository: &str, tag: &str, image: &Image) {
    let manifest = client.get(&format!("/v2/{repository}/manifests/{tag}")).await.ok();
    assert_eq!(manifest.bytes, image.manifest());
    for blob in image.blobs() {
        let pulled = client.get(&format!("/v2/{repository}/blobs/{}", blob.digest)).await.ok();
        assert_eq!(pulled.bytes, blob.bytes);
    }
}

#[tokio::test]
async fn pushes_leave_the_reserve_alone() {
    let disk = SmallDisk::new(48);
    let berth = disk.start(|command| {
        command.env("BERTH_STORAGE_RESERVE", "20MiB");
    });
    let admin = berth.admin();
    let image = Image::of(["some", "layers"]);
    let digest = admin.push("team/app", "v1", &image).await;
    let session = admin.start_upload("team/app").await;
    let mut refused = None;
    for seed in 0..60 {
        let blob = Blob::random(MIB, seed);
        let path = format!("/v2/team/app/blobs/uploads/?digest={}", blob.digest);
        let answer = admin.post(&path, blob.bytes).await;
        if answer.code != 201 {
            refused = Some(answer.fails(507, "DENIED"));
            break;
        }
    }
    let message = refused.expect("48 MiB end").json()["errors"][0]["message"].to_string();
    assert!(message.contains("no room") && message.contains("20.0 MiB"), "{message}");
    // The disk is not asked for each of them.
    assert!(disk.free() > 8 * MIB as u64, "{} are free", disk.free());

    disk.take(MIB);
    eventually("a measure of the disk", async || {
        let answer = admin.post("/v2/team/app/blobs/uploads/", "").await;
        (answer.code == 507).then_some(())
    })
    .await;
    // Less than the reserve is left. Whatever would need more is refused, before its bytes are sent if their number is told.
    admin.post("/v2/team/app/blobs/uploads/", "").await.fails(507, "DENIED");
    admin.patch(&session, vec![0; MIB]).await.fails(507, "DENIED");
    let other = Image::of(["some"]);
    admin
        .put_manifest("team/app", "v2", other.media_type(), other.manifest())
        .await
        .fails(507, "DENIED");
    // What only reads or removes goes on.
    is_whole(&admin, "team/app", "v1", &image).await;
    admin.delete(&session).await.status(204);
    admin.delete("/v2/team/app/manifests/v1").await.status(202);
    admin.delete(&format!("/v2/team/app/manifests/{digest}")).await.status(202);
    for blob in image.blobs() {
        admin.delete(&format!("/v2/team/app/blobs/{}", blob.digest)).await.status(202);
    }
    berth.kill();
    database_is_intact(&disk);

    // A smaller reserve is room.
    let berth = disk.start(|command| {
        command.env("BERTH_STORAGE_RESERVE", "1MiB");
    });
    berth.admin().push("team/app", "v1", &image).await;
    assert_eq!(berth.terminate(), Some(0));
}

#[tokio::test]
async fn a_push_of_unknown_length_stops_at_the_reserve() {
    let disk = SmallDisk::new(200);
    let berth = disk.start(|command| {
        command.env("BERTH_STORAGE_RESERVE", "140MiB");
    });
    let admin = berth.admin();
    let session = admin.start_upload("team/app").await;
    let zeros = futures::stream::iter((0..190).map(|_| Ok::<_, std::io::Error>(vec![0; MIB])));
    let request = admin.request(Method::PATCH, &session).body(Body::wrap_stream(zeros));
    admin.send(request).await.fails(507, "DENIED");
    // The disk is asked now and then.
    assert!(disk.free() > 50 * MIB as u64, "{} are free", disk.free());
    admin.delete(&session).await.status(204);
    assert!(stored_files::files(&disk.data(), "uploads").is_empty());
    let blob = Blob::random(MIB, 1);
    eventually("room", async || {
        let status = admin.push_blob_in("team/app", &blob, Style::Streamed).await;
        (status == 201).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_disk_that_others_fill_refuses_pushes_and_serves_on() {
    let disk = SmallDisk::new(32);
    let berth = disk.start(|_| ());
    let admin = berth.admin();
    let image = Image::of(["some", "layers"]);
    let digest = admin.push("team/app", "v1", &image).await;
    admin.push("team/app", "v2", &image).await;
    let session = admin.start_upload("team/app").await;
    admin.patch(&session, "half of it").await.status(202);
    disk.fill();

    for style in Style::ALL {
        let blob = Blob::random(100_000, 1);
        assert_eq!(admin.push_blob_in("team/app", &blob, style).await, 507, "{style:?}");
        admin.get(&format!("/v2/team/app/blobs/{}", blob.digest)).await.fails(404, "BLOB_UNKNOWN");
    }
    admin.patch(&session, vec![0; 100_000]).await.fails(507, "DENIED");
    let answer = admin.put_manifest("team/app", "v3", image.media_type(), image.manifest()).await;
    let message = answer.fails(507, "DENIED").json()["errors"][0]["message"].to_string();
    assert!(message.contains("full"), "{message}");
    admin.get("/v2/team/app/manifests/v3").await.fails(404, "MANIFEST_UNKNOWN");
    is_whole(&admin, "team/app", "v1", &image).await;
    admin.get("/healthz").await.ok();

    // The ballast makes room for deletions.
    admin.delete("/v2/team/app/manifests/v1").await.status(202);
    admin.get("/v2/team/app/manifests/v1").await.fails(404, "MANIFEST_UNKNOWN");
    admin.delete(&session).await.status(204);
    disk.fill();

    // It also starts on such a disk, and serves what is there.
    berth.kill();
    database_is_intact(&disk);
    let berth = disk.start(|_| ());
    let admin = berth.admin();
    is_whole(&admin, "team/app", "v2", &image).await;
    assert_eq!(admin.push_blob_in("team/app", &Blob::random(9000, 2), Style::Single).await, 507);

    disk.empty();
    let other = Image::of(["another"]);
    admin.push("team/app", "v1", &other).await;
    is_whole(&admin, "team/app", "v1", &other).await;
    admin.delete("/v2/team/app/manifests/v2").await.status(202);
    admin.delete(&format!("/v2/team/app/manifests/{digest}")).await.status(202);
    berth.kill();
    database_is_intact(&disk);
    let berth = disk.start(|_| ());
    is_whole(&berth.admin(), "team/app", "v1", &other).await;
    assert!(disk.data().join("ballast").exists(), "the ballast is not there again");
}

#[tokio::test]
async fn pushes_that_fill_the_disk_together_are_stored_or_refused() {
    let disk = SmallDisk::new(24);
    let berth = disk.start(|_| ());
    let admin = berth.admin();
    let pushes = (0..6).map(|number| {
        let admin = admin.clone();
        async move {
            let (mut stored, mut refused) = (Vec::new(), 0);
            for round in 0..12 {
                let blob = Blob::random(500_000, number * 100 + round);
                let style = Style::ALL[usize::try_from(number + round).unwrap() % Style::ALL.len()];
                match admin.push_blob_in(&format!("team/r{number}"), &blob, style).await {
                    201 => stored.push((format!("team/r{number}"), blob)),
                    status => {
                        assert_eq!(status, 507, "{style:?}");
                        refused += 1;
                    }
                }
            }
            (stored, refused)
        }
    });
    let (stored, refused): (Vec<_>, Vec<_>) = join_all(pushes).await.into_iter().unzip();
    assert!(refused.iter().sum::<u32>() > 0, "the disk was never full");
    berth.kill();
    database_is_intact(&disk);
    let berth = disk.start(|_| ());
    let admin = berth.admin();
    let stored: Vec<_> = stored.into_iter().flatten().collect();
    assert!(stored.len() > 10, "only {} were stored", stored.len());
    for (repository, blob) in stored {
        let pulled = admin.get(&format!("/v2/{repository}/blobs/{}", blob.digest)).await.ok();
        assert_eq!(pulled.bytes, blob.bytes);
    }
}
