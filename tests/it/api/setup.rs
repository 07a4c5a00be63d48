//! The link that the first administrator comes by.

use serde_json::json;

use crate::support::{PASSWORD, TestApp};

const ANN: &str = "ann";

async fn link(berth: &TestApp) -> String {
    berth.app.auth.make_setup(true).await.unwrap().unwrap().expose().clone()
}

fn wish(token: &str) -> serde_json::Value {
    json!({ "token": token, "username": ANN, "password": PASSWORD })
}

#[tokio::test]
async fn whoever_comes_by_the_link_is_the_administrator_and_nobody_after_them() {
    let berth = TestApp::start().await;
    let (anybody, token) = (berth.anonymous(), link(&berth).await);
    let good = anybody.post_json("/api/v1/setup/check", json!({ "token": token })).await.ok();
    assert_eq!(good.json()["is_good"], true);
    let short = json!({ "token": token, "username": ANN, "password": "short" });
    anybody.post_json("/api/v1/setup", short).await.status(400);

    let made = anybody.post_json("/api/v1/setup", wish(&token)).await.status(201).json();
    assert_eq!(made["name"], ANN);
    assert_eq!(made["is_administrator"], true);
    assert!(made["session"]["csrf_token"].is_string());
    berth.anonymous().with_password(ANN, PASSWORD).get("/api/v1/users").await.ok();

    anybody.post_json("/api/v1/setup", wish(&token)).await.status(409);
    assert!(berth.app.auth.make_setup(false).await.unwrap().is_none(), "there is no other link");
}

#[tokio::test]
async fn a_link_is_over_after_a_day_and_when_another_takes_its_place() {
    let berth = TestApp::start().await;
    let anybody = berth.anonymous();
    let first = link(&berth).await;
    let second = berth.app.auth.make_setup(false).await.unwrap().unwrap().expose().clone();
    anybody.post_json("/api/v1/setup", wish(&first)).await.status(409);
    berth.clock.advance(std::time::Duration::from_hours(25));
    anybody.post_json("/api/v1/setup", wish(&second)).await.status(409);
    anybody.post_json("/api/v1/setup", wish("guessed")).await.status(409);
}

#[tokio::test]
async fn the_account_that_was_made_before_goes_unless_somebody_uses_it() {
    let berth = TestApp::start().await;
    berth.admin().await;
    let token = link(&berth).await;
    berth.anonymous().post_json("/api/v1/setup", wish(&token)).await.status(201);
    let ann = berth.anonymous().with_password(ANN, PASSWORD);
    ann.get("/api/v1/users/admin").await.fails(404, "NOT_FOUND");
}

#[tokio::test]
async fn there_is_no_new_link_once_somebody_has_signed_in() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    link(&berth).await;
    let sign_in = json!({ "username": "admin", "password": PASSWORD });
    admin.post_json("/api/v1/session", sign_in).await.status(201);
    assert!(berth.app.auth.make_setup(false).await.unwrap().is_none());
}
