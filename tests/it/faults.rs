//! A blob store or a database that fails or dawdles at each step: a clear error, nothing half done, and the next try
//! succeeds.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use berth::blob::{Probe, Step};
use serde_json::json;

use crate::support::{Answer, Blob, Client, Image, Style, TestApp, eventually, stored_files};

/// What the store is to do at its steps.
#[derive(Clone, Default)]
struct Fault(Arc<(Mutex<Plan>, Condvar)>);

#[derive(Default)]
struct Plan {
    /// Fail at this step, after letting it pass so many times.
    fail: Option<(Step, u32)>,
    /// Hold the first thread that comes to this step.
    hold: Option<Step>,
    held: bool,
}

/// What the injected failure says; no client may ever read it.
const CAUSE: &str = "the injected cause";

impl Fault {
    async fn start() -> (Self, TestApp) {
        let fault = Self::default();
        let hook = fault.clone();
        let berth = TestApp::start_probed(Probe::new(move |step| hook.at(step))).await;
        (fault, berth)
    }

    fn at(&self, step: Step) -> io::Result<()> {
        let (plan, released) = &*self.0;
        let mut plan = plan.lock().unwrap();
        if let Some((_, passes)) = plan.fail.as_mut().filter(|(failing, _)| *failing == step) {
            if *passes == 0 {
                return Err(io::Error::other(CAUSE));
            }
            *passes -= 1;
        }
        if plan.hold.take_if(|held| *held == step).is_some() {
            plan.held = true;
            // Not for ever: a test that fails has to end.
            drop(released.wait_timeout_while(plan, Duration::from_mins(2), |plan| plan.held));
        }
        Ok(())
    }

    fn fail(&self, step: Step) {
        self.0.0.lock().unwrap().fail = Some((step, 0));
    }

    fn fail_after(&self, step: Step, passes: u32) {
        self.0.0.lock().unwrap().fail = Some((step, passes));
    }

    fn mend(&self) {
        self.0.0.lock().unwrap().fail = None;
    }

    fn hold(&self, step: Step) {
        self.0.0.lock().unwrap().hold = Some(step);
    }

    fn is_holding(&self) -> bool {
        self.0.0.lock().unwrap().held
    }

    fn release(&self) {
        self.0.0.lock().unwrap().held = false;
        self.0.1.notify_all();
    }
}

/// An error that says that it is ours, and not why.
fn is_ours(answer: Answer) {
    let answer = answer.fails(500, "UNKNOWN");
    assert!(!answer.text().contains(CAUSE) && !answer.text().contains('/'), "{}", answer.text());
}

async fn pull(client: &Client, blob: &Blob) -> Answer {
    client.get(&format!("/v2/team/app/blobs/{}", blob.digest)).await
}

/// Stops, starts again, and looks for what is left.
async fn settle(berth: TestApp, blobs: usize) -> HashMap<String, u64> {
    let directory = Arc::clone(&berth.directory);
    berth.stop().await;
    let berth = stored_files::settled(&directory, Probe::default()).await;
    let files = stored_files::compare(&berth).await;
    assert_eq!(files.len(), blobs);
    files
}

#[tokio::test]
async fn a_push_that_fails_at_any_step_is_refused_and_can_be_repeated() {
    let (fault, berth) = Fault::start().await;
    let alice = berth.writer("alice").await;
    let mut blobs = 0;
    for style in Style::ALL {
        for step in [Step::Open, Step::Write, Step::Sync, Step::Publish, Step::SyncDirectory] {
            blobs += 1;
            let blob = Blob::random(200_000, blobs);
            fault.fail(step);
            assert_eq!(
                alice.push_blob_in("team/app", &blob, style).await,
                500,
                "{style:?} {step:?}"
            );
            pull(&alice, &blob).await.fails(404, "BLOB_UNKNOWN");
            fault.mend();
            assert_eq!(
                alice.push_blob_in("team/app", &blob, style).await,
                201,
                "{style:?} {step:?}"
            );
            assert_eq!(pull(&alice, &blob).await.ok().bytes, blob.bytes);
        }
    }
    settle(berth, usize::try_from(blobs).unwrap()).await;
}

#[tokio::test]
async fn a_session_goes_on_after_a_failure() {
    let (fault, berth) = Fault::start().await;
    let alice = berth.writer("alice").await;
    for (number, step) in (0..).zip([Step::Open, Step::Write]) {
        let blob = Blob::random(300_000, number);
        let session = alice.start_upload("team/app").await;
        alice.patch(&session, blob.bytes[..1000].to_vec()).await.status(202);
        fault.fail(step);
        is_ours(alice.patch(&session, blob.bytes[1000..].to_vec()).await);
        fault.mend();
        assert_eq!(alice.get(&session).await.status(204).header("range"), "0-999");
        alice.patch(&session, blob.bytes[1000..].to_vec()).await.status(202);
        fault.fail(Step::Publish);
        is_ours(alice.put(&format!("{session}?digest={}", blob.digest), "").await);
        fault.mend();
        pull(&alice, &blob).await.fails(404, "BLOB_UNKNOWN");
        alice.put(&format!("{session}?digest={}", blob.digest), "").await.status(201);
        assert_eq!(pull(&alice, &blob).await.ok().bytes, blob.bytes);
    }
    settle(berth, 2).await;
}

#[tokio::test]
async fn a_session_ends_with_a_failed_sync() {
    let (fault, berth) = Fault::start().await;
    let alice = berth.writer("alice").await;
    for step in [Step::Sync, Step::SyncDirectory] {
        let blob = Blob::new(format!("{step:?}"));
        let session = alice.start_upload("team/app").await;
        alice.patch(&session, blob.bytes.clone()).await.status(202);
        fault.fail(step);
        is_ours(alice.put(&format!("{session}?digest={}", blob.digest), "").await);
        fault.mend();
        pull(&alice, &blob).await.fails(404, "BLOB_UNKNOWN");
        // The kernel may have dropped the bytes and would not say so again: they must be sent anew.
        alice.get(&session).await.fails(404, "BLOB_UPLOAD_UNKNOWN");
        alice.push_blob("team/app", &blob).await;
        assert_eq!(pull(&alice, &blob).await.ok().bytes, blob.bytes);
    }
    stored_files::compare(&berth).await;
}

#[tokio::test]
async fn bytes_of_a_chunk_that_failed_never_become_part_of_a_blob() {
    let (fault, berth) = Fault::start().await;
    let alice = berth.writer("alice").await;
    let first = Blob::random(1000, 1);
    let session = alice.start_upload("team/app").await;
    alice.patch(&session, first.bytes.clone()).await.status(202);
    // The second chunk is written in several batches; only its first one gets to the disk.
    fault.fail_after(Step::Write, 1);
    is_ours(alice.patch(&session, Blob::random(5 << 20, 2).bytes).await);
    fault.mend();
    alice.put(&format!("{session}?digest={}", first.digest), "").await.status(201);
    assert_eq!(pull(&alice, &first).await.ok().bytes, first.bytes);

    let second = Blob::with(berth::oci::Algorithm::Sha512, first.bytes.clone());
    let session = alice.start_upload("team/app").await;
    alice.patch(&session, second.bytes.clone()).await.status(202);
    fault.fail_after(Step::Write, 1);
    is_ours(alice.patch(&session, Blob::random(5 << 20, 3).bytes).await);
    fault.mend();
    alice.put(&format!("{session}?digest={}", second.digest), "").await.status(201);
    assert_eq!(pull(&alice, &second).await.ok().bytes, second.bytes);
    settle(berth, 2).await;
}

#[tokio::test]
async fn a_blob_that_cannot_be_read_is_an_error_and_not_a_missing_blob() {
    let (fault, berth) = Fault::start().await;
    let alice = berth.writer("alice").await;
    let blob = Blob::random(200_000, 1);
    alice.push_blob("team/app", &blob).await;
    fault.fail(Step::Load);
    is_ours(pull(&alice, &blob).await);
    alice.head(&format!("/v2/team/app/blobs/{}", blob.digest)).await.status(500);
    // A push of the same bytes would have to know whether they are there.
    assert_eq!(alice.push_blob_in("team/other", &blob, Style::Single).await, 500);
    let mount = format!("/v2/team/other/blobs/uploads/?mount={}&from=team/app", blob.digest);
    assert_ne!(alice.post(&mount, "").await.code, 201);
    fault.mend();
    assert_eq!(pull(&alice, &blob).await.ok().bytes, blob.bytes);
    assert_eq!(alice.push_blob_in("team/other", &blob, Style::Single).await, 201);
    settle(berth, 1).await;
}

#[tokio::test]
async fn a_file_that_cannot_be_removed_is_swept_at_the_next_start() {
    let (fault, berth) = Fault::start().await;
    let alice = berth.writer("alice").await;
    let mut stored = 0;
    for (seed, style) in (0..).zip(Style::ALL) {
        // What the upload leaves beside the blob stays; the push may say so or not, but the blob is whole.
        let blob = Blob::random(100_000, seed);
        fault.fail(Step::Delete);
        let status = alice.push_blob_in("team/app", &blob, style).await;
        assert!(matches!(status, 201 | 500), "{status}");
        assert_eq!(pull(&alice, &blob).await.ok().bytes, blob.bytes);
        stored += 1;
        // A second copy that is not needed.
        let status = alice.push_blob_in("team/other", &blob, style).await;
        assert!(matches!(status, 201 | 500), "{status}");
        fault.mend();
    }
    settle(berth, stored).await;
}

#[tokio::test]
async fn an_upload_whose_file_cannot_be_removed_can_be_ended_again() {
    let (fault, berth) = Fault::start().await;
    let alice = berth.writer("alice").await;
    let session = alice.start_upload("team/app").await;
    alice.patch(&session, "to be cancelled").await.status(202);
    fault.fail(Step::Delete);
    is_ours(alice.delete(&session).await);
    fault.mend();
    alice.delete(&session).await.status(204);
    alice.get(&session).await.fails(404, "BLOB_UPLOAD_UNKNOWN");

    let session = alice.start_upload("team/app").await;
    alice.patch(&session, "of another digest").await.status(202);
    let wrong = format!("{session}?digest={}", Blob::new("something else").digest);
    fault.fail(Step::Delete);
    is_ours(alice.put(&wrong, "").await);
    fault.mend();
    alice.put(&wrong, "").await.fails(400, "DIGEST_INVALID");
    alice.get(&session).await.fails(404, "BLOB_UPLOAD_UNKNOWN");
    stored_files::compare(&berth).await;
}

#[tokio::test]
async fn a_step_that_takes_long_delays_nobody_else() {
    let (fault, berth) = Fault::start().await;
    let (alice, bob) = (berth.writer("alice").await, berth.writer("bob").await);
    let mut seed = 0;
    for style in Style::ALL {
        for step in Step::ALL {
            seed += 2;
            let (slow, quick) = (Blob::random(100_000, seed), Blob::random(1000, seed + 1));
            fault.hold(step);
            let held = tokio::spawn({
                let (alice, slow) = (alice.clone(), slow.clone());
                async move {
                    let status = alice.push_blob_in("team/app", &slow, style).await;
                    let pulled = pull(&alice, &slow).await;
                    (status, pulled)
                }
            });
            eventually("the step", async || fault.is_holding().then_some(())).await;
            let image = Image::new(vec![quick.clone()], json!({}));
            bob.push("team/other", "latest", &image).await;
            let path = format!("/v2/team/other/blobs/{}", quick.digest);
            assert_eq!(bob.get(&path).await.ok().bytes, quick.bytes);
            berth.anonymous().get("/readyz").await.ok();
            assert!(!held.is_finished(), "{style:?} {step:?}");
            fault.release();
            let (status, pulled) = held.await.unwrap();
            assert_eq!(status, 201, "{style:?} {step:?}");
            assert_eq!(pulled.ok().bytes, slow.bytes);
        }
    }
}

/// Makes every change of a table fail, until the guard is given back to [`mend`].
fn break_table(berth: &TestApp, table: &str, how: &str) -> rusqlite::Connection {
    let path = berth.directory.path().join("data/berth.db");
    let database = rusqlite::Connection::open(path).unwrap();
    for event in ["INSERT", "UPDATE", "DELETE"] {
        let sql = format!(
            "CREATE TRIGGER broken_{event} BEFORE {event} ON {table}
              BEGIN SELECT RAISE({how}, '{CAUSE}'); END"
        );
        database.execute(&sql, ()).unwrap();
    }
    database
}

fn mend(database: &rusqlite::Connection) {
    for event in ["INSERT", "UPDATE", "DELETE"] {
        database.execute(&format!("DROP TRIGGER broken_{event}"), ()).unwrap();
    }
}

#[tokio::test]
async fn a_push_whose_rows_cannot_be_written_is_refused_and_can_be_repeated() {
    let berth = TestApp::start().await;
    let alice = berth.writer("alice").await;
    let mut blobs = 0;
    for how in ["ABORT", "FAIL", "ROLLBACK"] {
        for table in ["repository", "blob", "repository_blob"] {
            for style in Style::ALL {
                blobs += 1;
                let blob = Blob::random(10_000, blobs);
                let database = break_table(&berth, table, how);
                let status = alice.push_blob_in("team/app", &blob, style).await;
                assert!(status >= 500, "{status} {style:?} {table} {how}");
                pull(&alice, &blob).await.fails(404, "BLOB_UNKNOWN");
                mend(&database);
                assert_eq!(alice.push_blob_in("team/app", &blob, style).await, 201);
                assert_eq!(pull(&alice, &blob).await.ok().bytes, blob.bytes);
            }
        }
    }
    settle(berth, usize::try_from(blobs).unwrap()).await;
}

#[tokio::test]
async fn a_manifest_whose_rows_cannot_be_written_changes_nothing() {
    let berth = TestApp::start().await;
    let alice = berth.admin().await;
    let old = alice.push("team/app", "v1", &Image::of(["old"])).await;
    let new = Image::of(["new"]);
    for blob in new.blobs() {
        alice.push_blob("team/app", blob).await;
    }
    let before = alice.get("/api/v1/repositories/team%2Fapp").await.ok().json();
    for how in ["ABORT", "FAIL", "ROLLBACK"] {
        for table in ["repository", "repository_manifest", "manifest_reference", "tag", "tag_event"]
        {
            let database = break_table(&berth, table, how);
            let answer =
                alice.put_manifest("team/app", "v1", new.media_type(), new.manifest()).await;
            assert!(
                answer.code >= 500 && !answer.text().contains(CAUSE),
                "{table} {}",
                answer.text()
            );
            let answer = alice.delete("/v2/team/app/manifests/v1").await;
            assert!(answer.code >= 500 || table.contains("manifest"), "{table} {}", answer.text());
            mend(&database);
            if answer.code == 202 {
                let image = Image::of(["old"]);
                let again =
                    alice.put_manifest("team/app", "v1", image.media_type(), image.manifest());
                again.await.status(201);
            }
            let current = alice.get("/v2/team/app/manifests/v1").await.ok();
            assert_eq!(current.header("docker-content-digest"), old.as_str());
            alice.get(&format!("/v2/team/app/manifests/{}", new.digest())).await.status(404);
            let after = alice.get("/api/v1/repositories/team%2Fapp").await.ok().json();
            for figure in ["tags", "manifests", "size_bytes"] {
                assert_eq!(after[figure], before[figure], "{figure} after {table} {how}");
            }
        }
    }
    alice.put_manifest("team/app", "v1", new.media_type(), new.manifest()).await.status(201);
    alice.get(&format!("/v2/team/app/manifests/{}", new.digest())).await.ok();
}
