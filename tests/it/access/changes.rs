//! A change of a user holds from the next request on.

use std::path::Path;

use berth::auth::hash_password;
use berth::meta::AccountChanged;
use berth::secret::Secret;
use serde_json::json;

use super::tokens::post_form;
use crate::support::{
    Client, Image, PASSWORD, Role, TestApp, berth, berth_reads, eventually, tester,
};

const NEW: &str = "another password";

/// Every way in which a client of one user asks.
struct Logins {
    basic: Client,
    bearer: Client,
    refresh: String,
}

impl Logins {
    /// All of them, used once, so that whatever is cached is cached.
    async fn of(user: &Client) -> Self {
        let answer = user
            .get("/token?service=berth&offline_token=true&scope=repository:team/app:pull,push,delete")
            .await
            .ok()
            .json();
        let refresh = answer["refresh_token"].as_str().unwrap();
        let logins = Self {
            basic: user.clone(),
            bearer: user.with_token(answer["token"].as_str().unwrap()),
            refresh: format!("grant_type=refresh_token&refresh_token={refresh}"),
        };
        assert_eq!(logins.codes().await, [200, 200, 200]);
        logins
    }

    async fn codes(&self) -> [u16; 3] {
        [
            self.basic.get("/v2/").await.code,
            self.bearer.get("/v2/").await.code,
            post_form(&self.basic, &self.refresh).await.code,
        ]
    }
}

fn hash(password: &str) -> Secret<String> {
    hash_password(&Secret::new(password.to_owned()))
}

#[tokio::test]
async fn a_removed_user_is_gone_at_once() {
    let berth = TestApp::start().await;
    let logins = Logins::of(&berth.writer("ann").await).await;
    let removed = berth.app.meta.remove_account("ann", &tester()).await.unwrap();
    assert_eq!(removed, AccountChanged::Done);
    assert_eq!(logins.codes().await, [401, 401, 401]);
    // Somebody else of the same name does not get what the first one left.
    berth.user_with("ann", hash(NEW), Some(Role::Administrator)).await;
    assert_eq!(logins.codes().await, [401, 401, 401]);
}

#[tokio::test]
async fn a_new_password_ends_whatever_the_old_one_gave() {
    let berth = TestApp::start().await;
    let ann = berth.writer("ann").await;
    let logins = Logins::of(&ann).await;
    assert!(berth.app.meta.set_password("ann", hash(NEW), &tester()).await.unwrap());
    assert_eq!(logins.codes().await, [401, 401, 401]);
    Logins::of(&ann.with_password("ann", NEW)).await;
    assert_eq!(logins.codes().await, [401, 401, 401]);
}

#[tokio::test]
async fn a_role_that_was_taken_away_is_gone_at_once() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let ann = berth.user("ann", Role::Maintainer).await;
    ann.push("team/app", "v1", &Image::of(["hello"])).await;
    let logins = Logins::of(&ann).await;
    admin.patch_json("/api/v1/users/ann", json!({ "role": "reader" })).await.ok();
    for client in [&logins.basic, &logins.bearer] {
        client.get("/v2/team/app/manifests/v1").await.ok();
        client.delete("/v2/team/app/manifests/v1").await.fails(403, "DENIED");
        client.post("/v2/team/app/blobs/uploads/", "").await.fails(403, "DENIED");
    }
}

/// The command line changes the database beside the running registry, which looks for that five times a second.
async fn noticed(logins: &Logins, codes: [u16; 3]) {
    eventually("the change", async || (logins.codes().await == codes).then_some(())).await;
}

fn data(registry: &TestApp) -> &Path {
    registry.directory.path()
}

#[tokio::test]
async fn what_another_process_changes_is_noticed() {
    let registry = TestApp::start_with(|config| config.auth.failed_logins = 10_000).await;
    registry.admin().await;

    berth_reads(
        data(&registry),
        ["user", "add", "ann", "--role", "writer", "--password-stdin", "--data", "data"],
        &format!("{PASSWORD}\n"),
    )
    .ok();
    let ann = registry.anonymous().with_password("ann", PASSWORD);
    eventually("the login", async || (ann.get("/v2/").await.code == 200).then_some(())).await;

    let logins = Logins::of(&ann).await;
    let passwd = ["user", "passwd", "ann", "--password-stdin", "--data", "data"];
    berth_reads(data(&registry), passwd, &format!("{NEW}\n")).ok();
    noticed(&logins, [401, 401, 401]).await;

    let ann = ann.with_password("ann", NEW);
    eventually("the new password", async || (ann.get("/v2/").await.code == 200).then_some(()))
        .await;
    let logins = Logins::of(&ann).await;
    berth(data(&registry), ["user", "remove", "ann", "--data", "data"]).ok();
    noticed(&logins, [401, 401, 401]).await;
}
