//! How many backups are kept, and what goes with those that are not.

use std::time::Duration;

use berth::backup::{Depth, Error, Target, Watch, Which, verify};

use super::{back_up, database};
use crate::support::stored_files::files;
use crate::support::{Blob, Image, TestApp, tester};

#[tokio::test]
async fn a_blob_goes_when_no_backup_that_is_kept_names_it() {
    let place = tempfile::tempdir().unwrap();
    let target = Target::directory(place.path());
    let berth = TestApp::start_with(|config| config.backup.keep = 2).await;
    let admin = berth.admin().await;
    let blob = |number| Blob::random(10_000, number);
    let is_kept = |blob: &Blob| {
        files(place.path(), "blobs").keys().any(|name| name.contains(blob.digest.hex()))
    };
    let mut ids = Vec::new();
    for number in 1..=4 {
        let image = Image::new(vec![blob(number)], serde_json::json!({}));
        admin.push("team/app", "latest", &image).await;
        ids.push(back_up(&berth, &target).await.id);
        berth.turn_clock(Duration::from_hours(1));
        // As a collection does: the blob is in no later snapshot.
        let rows = database(berth.directory.path());
        for table in ["tag", "repository_manifest", "repository_blob", "manifest"] {
            rows.execute(&format!("DELETE FROM {table}"), ()).unwrap();
        }
        rows.execute("DELETE FROM blob WHERE size > 100", ()).unwrap();
    }
    let kept: Vec<String> = target.list().await.unwrap().into_iter().map(|one| one.id).collect();
    assert_eq!(kept, ids[2..]);
    assert!(!is_kept(&blob(1)) && !is_kept(&blob(2)));
    assert!(is_kept(&blob(3)) && is_kept(&blob(4)));
    for id in &ids[2..] {
        let manifest = target.find(id).await.unwrap();
        let watch = Watch::default();
        let scratch = tempfile::tempdir().unwrap();
        let looked = verify(&target, manifest, Depth::Bytes, &[], scratch.path(), &watch).await;
        assert!(looked.unwrap().is_good());
    }
    assert_eq!(files(place.path(), "backups").len(), 2 * 3);

    // By time: the latest that shows nothing after it.
    let third = target.find(&ids[2]).await.unwrap();
    let chosen = target.choose(&Which::At(third.at + Duration::from_mins(1))).await.unwrap();
    assert_eq!(chosen.id, ids[2]);
    let before = target.choose(&Which::At(third.at - Duration::from_secs(1))).await;
    assert!(matches!(before, Err(Error::None(_))), "{before:?}");
}

#[tokio::test]
async fn a_place_is_one_registrys_and_one_backup_runs_at_a_time() {
    let place = tempfile::tempdir().unwrap();
    let target = Target::directory(place.path());
    let (berth, other) = (TestApp::start().await, TestApp::start().await);
    back_up(&berth, &target).await;
    let refused = other.app.backups().create(&target, &tester(), &Watch::default()).await;
    assert!(matches!(refused, Err(Error::OtherRegistry { .. })), "{refused:?}");

    // Another one that is told to end in its midst lets go of everything.
    let stop = tokio_util::sync::CancellationToken::new();
    let (stopping, backups) = (stop.clone(), berth.app.backups());
    let watch = Watch::new(stop, move |progress| {
        if progress.step == "blobs" {
            stopping.cancel();
        }
    });
    berth.admin().await.push("team/app", "v1", &Image::of(["a", "b"])).await;
    let stopped = backups.create(&target, &tester(), &watch).await;
    assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
    assert!(!berth.app.meta.holds_blobs().await.unwrap());
    back_up(&berth, &target).await;
}
