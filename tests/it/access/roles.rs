//! Each role on each endpoint.

use super::{endpoints, things};
use crate::support::{Client, Role, TestApp};

fn may(role: Option<Role>, needs: &str) -> bool {
    matches!(
        (role, needs),
        (Some(_), "pull" | "catalog")
            | (Some(Role::Writer), "push")
            | (Some(Role::Maintainer), "push" | "delete")
            | (Some(Role::Administrator), _)
    )
}

/// Sends every request; `as_token` turns somebody with a password into the client that asks.
async fn check(as_token: bool) {
    let berth = TestApp::start().await;
    for role in [None].into_iter().chain(Role::ALL.map(Some)) {
        let name = role.map_or("nobody", Role::as_str);
        let repository = format!("team/{name}");
        let mut client: Client = match role {
            Some(role) => berth.user(name, role).await,
            None => berth.anonymous(),
        };
        let pushes = may(role, "push").then_some(&client);
        let things = things(&berth, &repository, pushes).await;
        if as_token {
            client =
                client.log_in(&[&format!("repository:{repository}:*"), "registry:catalog:*"]).await;
        }
        for endpoint in endpoints(&repository, &things) {
            let answer = endpoint.send(&client).await;
            let what = format!("{name}: {} {}: {}", endpoint.method, endpoint.path, answer.text());
            if may(role, endpoint.needs) {
                assert_eq!(answer.code, endpoint.good, "{what}");
                continue;
            }
            let (status, code) =
                if role.is_none() { (401, "UNAUTHORIZED") } else { (403, "DENIED") };
            assert_eq!(answer.code, status, "{what}");
            assert_eq!(answer.find_header("www-authenticate").is_some(), role.is_none(), "{what}");
            if endpoint.method != reqwest::Method::HEAD {
                answer.fails(status, code);
            }
        }
    }
}

#[tokio::test]
async fn a_password_allows_what_the_role_allows_and_no_more() {
    check(false).await;
}

#[tokio::test]
async fn a_token_allows_what_the_role_allows_and_no_more() {
    check(true).await;
}

#[tokio::test]
async fn a_refusal_says_what_is_missing() {
    let berth = TestApp::start().await;
    let rita = berth.reader("rita").await;
    let answer = rita.post("/v2/team/app/blobs/uploads/", "").await.fails(403, "DENIED");
    assert_eq!(
        answer.json()["errors"][0]["message"],
        "rita has no right to push on team/app: no rule gives it"
    );
}

#[tokio::test]
async fn nobody_sees_anothers_upload() {
    let berth = TestApp::start().await;
    let (ann, bob) = (berth.writer("ann").await, berth.writer("bob").await);
    let upload = ann.start_upload("team/app").await;
    bob.get(&upload).await.fails(404, "BLOB_UPLOAD_UNKNOWN");
    bob.patch(&upload, "x").await.fails(404, "BLOB_UPLOAD_UNKNOWN");
    bob.delete(&upload).await.fails(404, "BLOB_UPLOAD_UNKNOWN");
    ann.get(&upload).await.status(204);
}
