//! `kill -9` in the middle of a backup.

use berth::backup::{Depth, Target, Watch, Which, verify};

use crate::support::stored_files::files;
use crate::support::{Blob, Image, Process, berth_command, eventually};

/// What was there before stays whole, and what was sent already is not sent again.
#[tokio::test]
async fn a_kill_in_mid_backup_leaves_the_older_one_and_the_next_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let (data, place) = (directory.path().join("data"), directory.path().join("backups"));
    let berth = Process::start(&data);
    let admin = berth.admin();
    admin.push("team/app", "old", &Image::of(["old"])).await;
    let backup = || {
        let mut command = berth_command(directory.path());
        command.args(["backup", "create", "--to"]).arg(&place).arg("--data").arg(&data);
        command
    };
    let said = backup().output().unwrap();
    assert!(said.status.success(), "{said:?}");
    let target = Target::directory(&place);
    let first = target.choose(&Which::Latest).await.unwrap();

    for number in 0..60 {
        let image = Image::new(vec![Blob::random(2 << 20, number)], serde_json::json!({}));
        admin.push("team/app", &format!("v{number}"), &image).await;
    }
    let before = files(&place, "blobs").len();
    let mut running = backup().spawn().unwrap();
    // Some of it is there, but not all.
    eventually("some of the backup", async || {
        (files(&place, "blobs").len() > before + 5).then_some(())
    })
    .await;
    running.kill().unwrap();
    let status = running.wait().unwrap();
    assert!(!status.success(), "it was done before it could be killed");
    let sent = files(&place, "blobs").len() - before;
    let latest = target.choose(&Which::Latest).await.unwrap();
    assert_eq!(latest.id, first.id);
    let scratch = tempfile::tempdir().unwrap();
    let look = async |manifest| {
        let watch = Watch::default();
        verify(&target, manifest, Depth::Bytes, &[], scratch.path(), &watch).await.unwrap()
    };
    assert!(look(latest).await.is_good());

    let said = backup().output().unwrap();
    assert!(said.status.success(), "{said:?}");
    let second = target.choose(&Which::Latest).await.unwrap();
    assert_ne!(second.id, first.id);
    assert!(second.sent_blobs <= 60 - sent as u64, "{sent}: {second:?}");
    assert!(look(second).await.is_good());
    // Nothing is left of the one that was killed.
    let left = files(&data, "backup");
    assert_eq!(left.keys().collect::<Vec<_>>(), ["backup/lock"]);
    let in_place = files(&place, "");
    assert!(!in_place.keys().any(|name| name.contains("unfinished")), "{in_place:?}");
    assert_eq!(berth.terminate(), Some(0));
}

/// A job that a crash or a stop interrupts begins again at the next start, by itself.
#[tokio::test]
async fn a_backup_job_begins_again_after_a_crash_or_a_stop() {
    for is_killed in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let (data, place) = (directory.path().join("data"), directory.path().join("backups"));
        let start = || {
            Process::start_with(&data, |command| {
                command.env("BERTH_BACKUP_DIRECTORY", &place);
            })
        };
        let berth = start();
        let admin = berth.admin();
        for number in 0..40 {
            let image = Image::new(vec![Blob::random(2 << 20, number)], serde_json::json!({}));
            admin.push("team/app", &format!("v{number}"), &image).await;
        }
        let job =
            admin.post_json("/api/v1/backups", serde_json::json!({})).await.status(202).json();
        let path = format!("/api/v1/jobs/{}", job["id"]);
        eventually("some of the backup", async || {
            (place.join("blobs").exists() && files(&place, "blobs").len() > 5).then_some(())
        })
        .await;
        let target = Target::directory(&place);
        if is_killed {
            berth.kill();
        } else {
            assert_eq!(berth.terminate(), Some(0));
        }
        assert!(
            target.list().await.unwrap().is_empty(),
            "it was done before it could be interrupted"
        );

        let berth = start();
        let admin = berth.admin();
        eventually("the end of the backup", async || {
            (admin.get(&path).await.ok().json()["job"]["state"] == "done").then_some(())
        })
        .await;
        let manifest = target.choose(&Which::Latest).await.unwrap();
        assert!(manifest.sent_blobs < manifest.summary.blobs, "{manifest:?}");
        let (scratch, watch) = (tempfile::tempdir().unwrap(), Watch::default());
        let looked = verify(&target, manifest, Depth::Bytes, &[], scratch.path(), &watch).await;
        assert!(looked.unwrap().is_good());
        assert_eq!(berth.terminate(), Some(0));
    }
}
