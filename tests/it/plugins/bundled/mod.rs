//! The plugins that come with Berth, installed as administrators do it, against what they talk to.

mod chat;
mod layout;
mod logins;
mod registry;

use std::time::Duration;

use berth::plugin::Bundled;
use serde_json::{Value, json};

use super::installed::{keep, warm};
use crate::support::{Client, TestApp, eventually};

/// Wishes for a plugin, and what came of that.
async fn install(berth: &TestApp, admin: &Client, name: &str, more: Value) -> Value {
    let package = Bundled::find(name).unwrap().package().unwrap();
    warm(berth, &package).await;
    let mut wish = json!({ "source": format!("bundled:{name}") });
    wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = admin.post_json("/api/v1/plugins", wish).await.status(201);
    keep(berth, &package).await;
    answer.json()
}

/// Changes what was installed.
async fn change(admin: &Client, name: &str, more: Value) {
    admin.patch_json(&format!("/api/v1/plugins/{name}"), more).await.ok();
}

/// The scheme, host and port of a URL, as a grant has it.
fn grant(url: &str) -> String {
    let end = url["http://".len()..].find('/').map_or(url.len(), |at| at + "http://".len());
    format!("http {}", &url[..end])
}

/// A Berth that brings everything to a target `there`, which a plugin is.
async fn replicating(plugin: &str, wish: Value, rule: Value) -> (TestApp, Client) {
    // Requests to buckets are signed for a moment, which the service compares with its own.
    let berth = TestApp::start_now(|_| {}).await;
    berth.app.start_worker();
    let admin = berth.admin().await;
    install(&berth, &admin, plugin, wish).await;
    let target = json!({ "name": "there", "plugin": plugin });
    admin.post_json("/api/v1/replication/targets", target).await.status(201);
    let mut wish = json!({ "name": "all", "target": "there" });
    wish.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
    admin.post_json("/api/v1/replication/rules", wish).await.status(201);
    (berth, admin)
}

/// What the target has of a tag, once that is so.
async fn even(
    (berth, admin): (&TestApp, &Client),
    repository: &str,
    reference: &str,
    there: Option<&str>,
) -> Value {
    let query = format!("repository={repository}&reference={reference}");
    eventually(&format!("{repository}:{reference} at {there:?}"), async || {
        // One job at a time writes there; the others wait by the clock.
        berth.turn_clock(Duration::from_secs(1));
        let path = format!("/api/v1/replication/states?{query}");
        let state = admin.get(&path).await.ok().json()["states"][0].clone();
        (state["state"] == "even" && state["there"].as_str() == there).then_some(state)
    })
    .await
}
