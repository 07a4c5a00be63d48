//! The plugins that come with Berth, installed as administrators do it, against what they talk to.

mod chat;
mod layout;
mod logins;

use berth::plugin::Bundled;
use serde_json::{Value, json};

use super::installed::{keep, warm};
use crate::support::{Client, TestApp};

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
