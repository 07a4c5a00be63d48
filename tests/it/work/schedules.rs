//! What is done again and again: when, how often, and what happens to what was missed.

use std::time::Duration;

use berth::meta::{JobFilter, NewJob};
use berth::worker::Scheduled;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::TestApp;

const KIND: &str = "test";

fn line(name: &'static str, rule: Option<&str>) -> Scheduled {
    let job = NewJob { unique_key: Some(name.into()), ..NewJob::new(KIND, json!(name)) };
    Scheduled { name, key: "test.schedule", rule: rule.map(|rule| rule.parse().unwrap()), job }
}

/// How many jobs of the test's kind there are.
async fn begun(berth: &TestApp) -> usize {
    let filter = JobFilter { kind: Some(KIND.into()), ..JobFilter::default() };
    berth.app.meta.list_jobs(filter, None, 100).await.unwrap().len()
}

/// Follows schedules until their rows are as the condition says.
async fn follow(
    berth: &TestApp,
    list: Vec<Scheduled>,
    until: impl Fn(&[berth::meta::Schedule]) -> bool,
) {
    let stop = CancellationToken::new();
    let worker = berth.app.worker.clone();
    let task = tokio::spawn({
        let stop = stop.clone();
        async move { worker.follow_schedules(list, stop).await }
    });
    while !until(&berth.app.meta.list_schedules().await.unwrap()) {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    task.await.unwrap();
}

/// A Berth whose worker does not run: the test is the only one that follows schedules.
async fn quiet() -> TestApp {
    TestApp::start_with(|config| config.gc.schedule = None).await
}

#[tokio::test]
async fn what_was_missed_is_made_up_for_once() {
    let berth = quiet().await;
    let hourly = || vec![line("hourly", Some("0 * * * *"))];
    let now = berth.clock.now();
    follow(&berth, hourly(), |rows| rows.iter().any(|row| row.name == "hourly")).await;
    assert_eq!(begun(&berth).await, 0, "nothing is due at the first start");
    // Nobody serves for ten hours.
    berth.turn_clock(Duration::from_hours(10));
    let later = berth.clock.now();
    follow(&berth, hourly(), move |rows| {
        rows.iter().any(|row| row.name == "hourly" && row.next_run_at > later)
    })
    .await;
    assert_eq!(begun(&berth).await, 1);
    let rows = berth.app.meta.list_schedules().await.unwrap();
    let row = rows.iter().find(|row| row.name == "hourly").unwrap();
    let due = row.last_run_at.unwrap();
    assert!(due > now && due.since(now) <= Duration::from_hours(1), "the first that was missed");
    assert!(row.next_run_at > later && row.next_run_at.since(later) <= Duration::from_hours(1));
    let job = berth.app.meta.find_job(row.last_job_id.unwrap()).await.unwrap().unwrap();
    assert_eq!((job.payload, job.created_by.as_str()), (json!("hourly"), "schedule"));
    // The next start makes up for nothing.
    follow(&berth, hourly(), |_| true).await;
    assert_eq!(begun(&berth).await, 1);
}

#[tokio::test]
async fn another_rule_begins_anew_and_none_forgets() {
    let berth = quiet().await;
    follow(&berth, vec![line("one", Some("0 * * * *"))], |rows| {
        rows.iter().any(|row| row.name == "one")
    })
    .await;
    berth.turn_clock(Duration::from_hours(2));
    let now = berth.clock.now();
    // What was due by the old rule is not by the new one.
    follow(&berth, vec![line("one", Some("0 3 * * * Europe/Berlin"))], |rows| {
        rows.iter().any(|row| row.rule == "0 3 * * * Europe/Berlin" && row.next_run_at > now)
    })
    .await;
    assert_eq!(begun(&berth).await, 0);
    follow(&berth, vec![line("one", None)], |rows| rows.iter().all(|row| row.name != "one")).await;
    berth.turn_clock(Duration::from_hours(48));
    follow(&berth, vec![line("one", None)], |_| true).await;
    assert_eq!(begun(&berth).await, 0);
}

#[tokio::test]
async fn a_schedule_shows_what_came_of_it() {
    let berth = TestApp::start_with(|config| {
        config.gc.schedule = Some("*/5 * * * * Europe/Berlin".parse().unwrap());
    })
    .await;
    berth.app.start_worker();
    let admin = berth.admin().await;
    let schedule = async || {
        let found = admin.get("/api/v1/schedules").await.ok().json();
        let found = found["schedules"].as_array().unwrap().clone();
        found.into_iter().find(|schedule| schedule["name"] == "gc").unwrap()
    };
    let mut found = schedule().await;
    while found["next_run_at"].is_null() {
        tokio::task::yield_now().await;
        found = schedule().await;
    }
    assert_eq!(
        (found["rule"].as_str(), &found["last_job"]),
        (Some("*/5 * * * * Europe/Berlin"), &json!(null))
    );
    berth.turn_clock(Duration::from_mins(6));
    let mut found = schedule().await;
    while found["last_job"]["state"] != "done" {
        tokio::task::yield_now().await;
        found = schedule().await;
    }
    assert!(found["last_run_at"].as_str() < found["next_run_at"].as_str());
    berth.reader("bob").await.get("/api/v1/schedules").await.status(403);
}
