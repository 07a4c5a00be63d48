//! What follows from a change: events, jobs, and those who are told.

mod crash;
mod jobs;
mod schedules;
mod stream;
mod webhooks;

use serde_json::Value;

use crate::support::{Client, Receiver};

/// Makes a webhook; returns its secret.
async fn hook(admin: &Client, name: &str, receiver: &Receiver, more: Value) -> String {
    let mut wish = serde_json::json!({ "name": name, "url": receiver.url() });
    for (field, value) in more.as_object().into_iter().flatten() {
        wish[field] = value.clone();
    }
    let made = admin.post_json("/api/v1/webhooks", wish).await.status(201).json();
    made["secret"].as_str().unwrap().to_owned()
}

async fn jobs(admin: &Client, query: &str) -> Vec<Value> {
    admin.get(&format!("/api/v1/jobs?{query}")).await.ok().json()["jobs"]
        .as_array()
        .unwrap()
        .clone()
}
