//! Replication: from one whole Berth to another, and to what is not Berth.

mod copies;
mod distribution;
mod faults;
mod manage;

use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, TestApp, eventually};

/// Two registries, and the way from the one to the other.
struct Pair {
    here: TestApp,
    there: TestApp,
    /// Administers the one that content comes from.
    admin: Client,
    /// Administers the one that it goes to.
    other: Client,
}

impl Pair {
    /// With a target `there` and a rule `all` that has these fields.
    async fn start(rule: Value) -> Self {
        Self::from(TestApp::start().await, rule).await
    }

    async fn from(here: TestApp, rule: Value) -> Self {
        let there = TestApp::start().await;
        here.app.start_worker();
        let (admin, other) = (here.admin().await, there.admin().await);
        target(&admin, "there", &there.url(), json!({})).await;
        add_rule(&admin, "all", "there", rule).await;
        Self { here, there, admin, other }
    }
}

/// Makes a target.
async fn target(admin: &Client, name: &str, url: &str, more: Value) {
    let mut wish = json!({ "name": name, "url": url, "username": "admin", "password": PASSWORD });
    merge(&mut wish, more);
    admin.post_json("/api/v1/replication/targets", wish).await.status(201);
}

async fn add_rule(admin: &Client, name: &str, target: &str, more: Value) {
    let mut wish = json!({ "name": name, "target": target });
    merge(&mut wish, more);
    admin.post_json("/api/v1/replication/rules", wish).await.status(201);
}

fn merge(wish: &mut Value, more: Value) {
    for (field, value) in more.as_object().unwrap() {
        wish[field] = value.clone();
    }
}

/// What targets have; `query` narrows it.
async fn states(admin: &Client, query: &str) -> Vec<Value> {
    let found = admin.get(&format!("/api/v1/replication/states?{query}")).await.ok().json();
    found["states"].as_array().unwrap().clone()
}

/// The state of a tag, once it is this one.
async fn reaches(admin: &Client, repository: &str, reference: &str, state: &str) -> Value {
    let query = format!("repository={repository}&reference={reference}");
    eventually(&format!("{repository}:{reference} {state}"), async || {
        states(admin, &query).await.into_iter().find(|one| one["state"] == state)
    })
    .await
}

/// Waits until nothing is left to be done, and nothing follows. What waits for its target to have time waits by the clock.
pub(crate) async fn rests(here: &TestApp, admin: &Client) {
    eventually("the end of all work", async || {
        here.turn_clock(std::time::Duration::from_secs(1));
        let head = admin.get("/api/v1/events?n=1").await.ok().json()["events"][0]["id"].as_u64()?;
        let read = here.app.meta.reader_place("jobs").await.unwrap();
        let mut open = 0;
        for state in ["waiting", "running", "blocked"] {
            let jobs = admin.get(&format!("/api/v1/jobs?state={state}")).await.ok().json();
            open += jobs["jobs"].as_array().unwrap().len();
        }
        (read >= head && open == 0).then_some(())
    })
    .await;
}
