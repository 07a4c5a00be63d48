//! Blocking work never runs on the executor's threads (I8). These tests have one such thread, for server and clients.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::support::Role;
use berth::blob::{Probe, Step};
use futures::future::join_all;

use crate::support::{Blob, Style, TestApp, eventually};

#[tokio::test]
async fn logins_do_not_delay_other_requests() {
    let berth = TestApp::start().await;
    let mut logins = Vec::new();
    for number in 0..50 {
        let user = berth.user(&format!("user{number}"), Role::Reader).await;
        logins.push(tokio::spawn(async move { user.get("/token?service=berth").await.code }));
    }
    let anonymous = berth.anonymous();
    let mut answered = 0;
    while !logins.iter().all(tokio::task::JoinHandle::is_finished) {
        anonymous.get("/healthz").await.ok();
        answered += 1;
    }
    for login in logins {
        assert_eq!(login.await.unwrap(), 200);
    }
    // A password that was hashed on the executor's thread would let one request through, at most.
    assert!(answered > 100, "{answered} requests were answered beside 50 logins");
}

#[tokio::test]
async fn a_store_that_hangs_does_not_delay_other_requests() {
    let held = Arc::new((Mutex::new(true), Condvar::new()));
    let waiting = Arc::new(AtomicUsize::new(0));
    let probe = Probe::new({
        let (held, waiting) = (Arc::clone(&held), Arc::clone(&waiting));
        move |step| {
            if matches!(step, Step::Write | Step::Load) {
                waiting.fetch_add(1, Ordering::SeqCst);
                let (lock, released) = &*held;
                // Not for ever: a test that fails has to end.
                let limit = Duration::from_mins(2);
                drop(released.wait_timeout_while(lock.lock().unwrap(), limit, |held| *held));
            }
            Ok(())
        }
    });
    let berth = TestApp::start_probed(probe).await;
    let alice = berth.writer("alice").await;
    alice.get("/v2/").await.ok();
    let pushes: Vec<_> = (0..40)
        .map(|number| {
            let alice = alice.clone();
            let style = Style::ALL[number % Style::ALL.len()];
            let blob = Blob::new(format!("blob {number}"));
            tokio::spawn(async move { alice.push_blob_in("team/app", &blob, style).await })
        })
        .collect();
    eventually("all the pushes", async || {
        berth.anonymous().get("/healthz").await.ok();
        (waiting.load(Ordering::SeqCst) == 40).then_some(())
    })
    .await;
    berth.anonymous().get("/readyz").await.ok();
    alice.get("/v2/_catalog").await.ok();
    assert!(!pushes.iter().any(tokio::task::JoinHandle::is_finished));
    *held.0.lock().unwrap() = false;
    held.1.notify_all();
    for status in join_all(pushes).await {
        assert_eq!(status.unwrap(), 201);
    }
}

#[tokio::test]
async fn a_database_that_is_locked_does_not_delay_reads() {
    let berth = TestApp::start().await;
    let alice = berth.writer("alice").await;
    let blob = Blob::new("here already");
    alice.push_blob("team/app", &blob).await;
    let database =
        rusqlite::Connection::open(berth.directory.path().join("data/berth.db")).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let push = tokio::spawn({
        let alice = alice.clone();
        async move { alice.push_blob_in("team/app", &Blob::new("new"), Style::Single).await }
    });
    for _ in 0..5 {
        berth.anonymous().get("/healthz").await.ok();
        alice.get(&format!("/v2/team/app/blobs/{}", blob.digest)).await.ok();
        alice.get("/v2/_catalog").await.ok();
    }
    assert!(!push.is_finished());
    database.execute_batch("COMMIT").unwrap();
    assert_eq!(push.await.unwrap(), 201);
}
