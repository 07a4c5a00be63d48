//! What Berth does by itself: collecting garbage, keeping what was deleted for a while.

pub(crate) mod collect;
mod quota;
mod random;
mod scrub;
pub(crate) mod undo;

use serde_json::{Value, json};

use crate::support::{Client, TestApp};

/// Begins a job by the API and waits for it; returns it.
pub(crate) async fn run(admin: &Client, path: &str, wish: Value) -> Value {
    let begun = admin.post_json(path, wish).await.status(202).json();
    loop {
        let job = admin.get(&format!("/api/v1/jobs/{}", begun["id"])).await.ok().json();
        match job["job"]["state"].as_str().unwrap() {
            "done" => return job,
            "failed" | "cancelled" => panic!("{job}"),
            _ => tokio::task::yield_now().await,
        }
    }
}

/// Collects garbage; returns what that did.
pub(crate) async fn collect(admin: &Client) -> Value {
    run(admin, "/api/v1/gc/run", json!({})).await;
    admin.get("/api/v1/gc").await.ok().json()["runs"][0]["done"].clone()
}

/// A Berth that collects as fast as it can.
pub(crate) async fn eager(change: impl FnOnce(&mut berth::config::Config)) -> TestApp {
    let berth = TestApp::start_with(|config| {
        config.gc.rows_per_second = u32::MAX;
        config.gc.schedule = None;
        change(config);
    })
    .await;
    berth.app.start_worker();
    berth
}
