//! The engine that runs jobs: leases, lanes, keys, cancelling.

use std::time::Duration;

use berth::meta::{JobState, KeptJob, NewJob, Settlement};
use serde_json::json;

use crate::support::{TestApp, tester};

const KIND: &str = "test";

fn job(payload: i32) -> NewJob {
    NewJob::new(KIND, json!(payload))
}

#[tokio::test]
async fn a_job_is_one_workers_until_its_lease_ends() {
    let berth = TestApp::start().await;
    let meta = &berth.app.meta;
    let id = meta.add_job(job(1), &tester()).await.unwrap().unwrap();
    let lease = Duration::from_mins(1);
    let first = meta.claim_job(KIND, lease).await.unwrap().unwrap();
    assert_eq!((first.job.id, first.job.attempts, first.job.state), (id, 1, JobState::Running));
    assert!(meta.claim_job(KIND, lease).await.unwrap().is_none());
    berth.turn_clock(Duration::from_secs(50));
    assert_eq!(
        meta.keep_job(&first, lease, Some(json!({ "done": 1 }))).await.unwrap(),
        KeptJob::Ours
    );
    berth.turn_clock(Duration::from_secs(50));
    assert_eq!(meta.release_jobs().await.unwrap(), 0);
    berth.turn_clock(Duration::from_secs(20));
    assert_eq!(meta.release_jobs().await.unwrap(), 1);
    let second = meta.claim_job(KIND, lease).await.unwrap().unwrap();
    assert_eq!((second.job.id, second.job.attempts), (id, 2));
    // The first one comes back too late, and changes nothing.
    assert_eq!(meta.keep_job(&first, lease, None).await.unwrap(), KeptJob::Lost);
    let following = vec![job(2)];
    assert!(!meta.settle_job(&first, Settlement::Done(None), following.clone()).await.unwrap());
    assert!(
        meta.settle_job(&second, Settlement::Done(Some("fine".into())), following).await.unwrap()
    );
    let ended = meta.find_job(id).await.unwrap().unwrap();
    assert_eq!(
        (ended.state, ended.reason.as_deref(), ended.progress),
        (JobState::Done, Some("fine"), Some(json!({ "done": 1 })))
    );
    // What follows was added once.
    let next = meta.claim_job(KIND, lease).await.unwrap().unwrap();
    assert_eq!(next.job.payload, json!(2));
    assert!(meta.claim_job(KIND, lease).await.unwrap().is_none());
}

#[tokio::test]
async fn jobs_of_a_lane_run_one_after_another() {
    let berth = TestApp::start().await;
    let meta = &berth.app.meta;
    let lease = Duration::from_mins(1);
    let add = async |payload: i32, lane: &str| {
        let new = NewJob { lane: lane.into(), most_attempts: 2, ..job(payload) };
        meta.add_job(new, &tester()).await.unwrap().unwrap()
    };
    for (payload, lane) in [(1, "a"), (2, "a"), (3, "b"), (4, "a"), (5, "")] {
        add(payload, lane).await;
    }
    let claim = async || meta.claim_job(KIND, lease).await.unwrap();
    let (one, three, five) =
        (claim().await.unwrap(), claim().await.unwrap(), claim().await.unwrap());
    assert_eq!(
        [&one, &three, &five].map(|leased| leased.job.payload.clone()),
        [json!(1), json!(3), json!(5)]
    );
    assert!(claim().await.is_none());
    // A failure keeps its place; the lane goes on when it has failed for good.
    let retry = || Settlement::Retry { reason: "no".into(), after: Duration::from_secs(10) };
    assert!(meta.settle_job(&one, retry(), Vec::new()).await.unwrap());
    assert!(claim().await.is_none());
    berth.turn_clock(Duration::from_secs(10));
    let again = claim().await.unwrap();
    assert_eq!((again.job.payload.clone(), again.job.reason.as_deref()), (json!(1), Some("no")));
    assert!(claim().await.is_none());
    assert!(meta.settle_job(&again, retry(), Vec::new()).await.unwrap());
    assert_eq!(meta.find_job(again.job.id).await.unwrap().unwrap().state, JobState::Failed);
    let two = claim().await.unwrap();
    assert_eq!(two.job.payload, json!(2));
    // To cancel the next one lets the one behind it come in its turn.
    let four = meta
        .list_jobs(
            berth::meta::JobFilter { state: Some(JobState::Blocked), ..Default::default() },
            None,
            9,
        )
        .await
        .unwrap();
    meta.cancel_job(four[0].id).await.unwrap();
    assert!(meta.settle_job(&two, Settlement::Done(None), Vec::new()).await.unwrap());
    assert!(claim().await.is_none());
    // One that failed is tried again behind the one whose turn it is.
    let six = add(6, "a").await;
    meta.retry_job(again.job.id).await.unwrap();
    let next = claim().await.unwrap();
    assert_eq!(next.job.id, six);
    assert!(claim().await.is_none());
    assert!(meta.settle_job(&next, Settlement::Done(None), Vec::new()).await.unwrap());
    assert_eq!(claim().await.unwrap().job.payload, json!(1));
}

#[tokio::test]
async fn of_jobs_under_one_key_one_waits() {
    let berth = TestApp::start().await;
    let meta = &berth.app.meta;
    let add = async || {
        let new = NewJob { unique_key: Some("nightly".into()), ..job(1) };
        meta.add_job(new, &tester()).await.unwrap()
    };
    assert!(add().await.is_some());
    assert!(add().await.is_none());
    let leased = meta.claim_job(KIND, Duration::from_mins(1)).await.unwrap().unwrap();
    // While one runs, another may wait: it will see what the first one could not.
    assert!(add().await.is_some());
    assert!(add().await.is_none());
    // Given back, the first one would wait under the same key: the other one does its work.
    let retry = Settlement::Retry { reason: "no".into(), after: Duration::ZERO };
    assert!(meta.settle_job(&leased, retry, Vec::new()).await.unwrap());
    let ended = meta.find_job(leased.job.id).await.unwrap().unwrap();
    assert_eq!(ended.state, JobState::Cancelled);
    let other = meta.claim_job(KIND, Duration::from_mins(1)).await.unwrap().unwrap().job.id;
    assert_eq!(ended.reason, Some(format!("job {other} does the same; no")));
}

#[tokio::test]
async fn what_a_stopped_process_ran_begins_again() {
    let berth = TestApp::start().await;
    let meta = &berth.app.meta;
    let id = meta.add_job(NewJob { most_attempts: 2, ..job(1) }, &tester()).await.unwrap().unwrap();
    for attempt in 1..=2 {
        let leased = meta.claim_job(KIND, Duration::from_mins(1)).await.unwrap().unwrap();
        assert_eq!(leased.job.attempts, attempt);
        assert_eq!(meta.release_all_jobs().await.unwrap(), 1);
    }
    // One that ends the process each time is not tried for ever.
    let ended = meta.find_job(id).await.unwrap().unwrap();
    assert_eq!(
        (ended.state, ended.reason.as_deref()),
        (JobState::Failed, Some("it was interrupted by the end of the process"))
    );
}

#[tokio::test]
async fn jobs_that_ended_long_ago_are_forgotten() {
    let berth = TestApp::start().await;
    let meta = &berth.app.meta;
    let lease = Duration::from_mins(1);
    let mut ids = Vec::new();
    for settlement in
        [Settlement::Done(None), Settlement::Failed("no".into()), Settlement::Cancelled]
    {
        ids.push(meta.add_job(job(1), &tester()).await.unwrap().unwrap());
        let leased = meta.claim_job(KIND, lease).await.unwrap().unwrap();
        meta.log_job(leased.job.id, "a line".into());
        assert!(meta.settle_job(&leased, settlement, Vec::new()).await.unwrap());
    }
    meta.add_job(job(2), &tester()).await.unwrap();
    let left = async || {
        let mut left = Vec::new();
        for id in &ids {
            left.push(meta.find_job(*id).await.unwrap().is_some());
        }
        left
    };
    let forget = async |ended: u64, failed: u64| {
        let now = berth.clock.now();
        meta.forget_jobs(now - Duration::from_hours(ended), now - Duration::from_hours(failed))
            .await
            .unwrap()
    };
    assert_eq!(meta.list_job_lines(ids[0], 9).await.unwrap().len(), 1);
    berth.turn_clock(Duration::from_hours(10));
    assert_eq!(forget(11, 11).await, 0);
    assert_eq!(forget(9, 20).await, 2);
    assert_eq!(left().await, [false, true, false]);
    assert_eq!(forget(9, 9).await, 1);
    assert!(meta.claim_job(KIND, lease).await.unwrap().is_some(), "what waits stays");
}

/// To find the next job costs the same however many wait behind it.
#[tokio::test]
async fn a_lane_that_is_stuck_is_not_searched() {
    let berth = TestApp::start().await;
    let meta = &berth.app.meta;
    for number in 0..300 {
        let new = NewJob { lane: "stuck".into(), ..job(number) };
        meta.add_job(new, &tester()).await.unwrap();
    }
    let counts = meta.count_jobs().await.unwrap();
    let of = |state| {
        counts.iter().find(|(_, found, _)| *found == state).map_or(0, |(.., number)| *number)
    };
    assert_eq!((of(JobState::Waiting), of(JobState::Blocked)), (1, 299));
}
