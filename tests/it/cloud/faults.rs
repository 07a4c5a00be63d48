//! A push to a bucket that fails at each of its steps, early and late: it is refused, can be repeated, and leaves nothing.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use berth::blob::{Probe, Step};
use reqwest::Method;

use super::nothing_is_left;
use crate::support::servers::Kind;
use crate::support::{Blob, Bucket, Style, TestApp};
use crate::v2::styles::send_chunk;
use crate::v2::{blob_path, closing};

/// Which step fails, once, after how many that pass.
#[derive(Clone, Default)]
struct Fault(Arc<Mutex<Option<(Step, u32)>>>);

impl Fault {
    fn set(&self, step: Step, passes: u32) {
        *self.0.lock().unwrap() = Some((step, passes));
    }

    /// Whether it was not met.
    fn is_set(&self) -> bool {
        self.0.lock().unwrap().is_some()
    }

    fn probe(&self) -> Probe {
        let fault = self.clone();
        Probe::new(move |step| {
            let mut plan = fault.0.lock().unwrap();
            match &mut *plan {
                Some((failing, passes)) if *failing == step && *passes > 0 => *passes -= 1,
                Some((failing, _)) if *failing == step => {
                    *plan = None;
                    return Err(io::Error::other("the injected cause"));
                }
                _ => {}
            }
            Ok(())
        })
    }
}

async fn start(bucket: &Bucket) -> (Fault, TestApp) {
    let (fault, directory) = (Fault::default(), Arc::new(tempfile::tempdir().unwrap()));
    let configure = |config: &mut _| bucket.configure(config);
    let berth = TestApp::start_in(directory, fault.probe(), configure).await;
    (fault, berth)
}

async fn nothing_is_left_in_the_end(bucket: &Bucket, berth: &TestApp) {
    // Sessions that failed wait for their clients until they expire.
    berth.turn_clock(Duration::from_hours(25));
    berth.app.worker.purge().await.unwrap();
    nothing_is_left(bucket, berth).await;
    assert_eq!(bucket.open_multiparts().await, 0);
}

#[tokio::test]
async fn a_push_that_fails_at_any_step_is_refused_and_can_be_repeated() {
    let Some(bucket) = Bucket::of(Kind::Garage).await else { return };
    let bucket = bucket.of_its_own().await;
    let (fault, berth) = start(&bucket).await;
    let admin = berth.admin().await;
    let mut seed = 0;
    for style in Style::ALL {
        for (step, passes) in [
            (Step::Open, 0),
            (Step::Write, 0),
            (Step::Write, 1),
            (Step::Sync, 0),
            (Step::Publish, 0),
            (Step::Delete, 0),
        ] {
            seed += 1;
            // Two pieces, and less than what is still read after a failure.
            let blob = Blob::random(9 << 20, seed);
            fault.set(step, passes);
            let code = admin.push_blob_in("team/app", &blob, style).await;
            // Not every style has several objects to join, or so many pieces in a request.
            if fault.is_set() {
                assert_eq!(code, 201, "{style:?} {step:?}");
                fault.0.lock().unwrap().take();
                continue;
            }
            assert_eq!(code, 500, "{style:?} {step:?}");
            let path = blob_path("team/app", &blob.digest);
            admin.get(&path).await.fails(404, "BLOB_UNKNOWN");
            assert_eq!(
                admin.push_blob_in("team/app", &blob, style).await,
                201,
                "{style:?} {step:?}"
            );
            assert!(admin.get(&path).await.ok().bytes == blob.bytes);
        }
    }
    nothing_is_left_in_the_end(&bucket, &berth).await;
}

#[tokio::test]
async fn a_session_goes_on_after_a_failure() {
    let Some(bucket) = Bucket::of(Kind::Garage).await else { return };
    let bucket = bucket.of_its_own().await;
    let (fault, berth) = start(&bucket).await;
    let admin = berth.admin().await;
    for (seed, step) in
        (1..).zip([Step::Open, Step::Write, Step::Sync, Step::Publish, Step::Delete])
    {
        let blob = Blob::random(20 << 20, seed);
        let (half, all) = (10 << 20, 20 << 20);
        let upload = admin.start_upload("team/app").await;
        send_chunk(&admin, Method::PATCH, &upload, &blob.bytes, 0, half).await.status(202);
        let is_of_the_end = matches!(step, Step::Publish | Step::Delete);
        if !is_of_the_end {
            fault.set(step, 0);
            let failed = send_chunk(&admin, Method::PATCH, &upload, &blob.bytes, half, all).await;
            failed.fails(500, "UNKNOWN");
            let range = format!("0-{}", half - 1);
            assert_eq!(admin.get(&upload).await.status(204).header("range"), range);
        }
        send_chunk(&admin, Method::PATCH, &upload, &blob.bytes, half, all).await.status(202);
        if is_of_the_end {
            fault.set(step, 0);
            admin.put(&closing(&upload, &blob.digest), "").await.fails(500, "UNKNOWN");
        }
        admin.put(&closing(&upload, &blob.digest), "").await.status(201);
        assert!(admin.get(&blob_path("team/app", &blob.digest)).await.ok().bytes == blob.bytes);
        // Not even before old sessions are purged.
        nothing_is_left(&bucket, &berth).await;
    }
    nothing_is_left_in_the_end(&bucket, &berth).await;
}
