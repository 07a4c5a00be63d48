//! Behind proxies: what they say of the client is believed if they are trusted.

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, Client, TestApp};

async fn ask(client: &Client, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request =
        headers.iter().fold(client.request(Method::GET, path), |request, (name, value)| {
            request.header(*name, *value)
        });
    client.send(request).await
}

#[tokio::test]
async fn each_client_behind_a_trusted_proxy_has_its_own_limit() {
    for trusted in [true, false] {
        let berth = TestApp::start_with(|config| {
            config.auth.failed_logins = 2;
            if trusted {
                config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
            }
        })
        .await;
        let wrong = berth.anonymous().with_password("ann", "wrong");
        for _ in 0..2 {
            ask(&wrong, "/v2/", &[("x-forwarded-for", "192.0.2.1")])
                .await
                .fails(401, "UNAUTHORIZED");
        }
        ask(&wrong, "/v2/", &[("x-forwarded-for", "192.0.2.1")])
            .await
            .fails(429, "TOOMANYREQUESTS");
        let other = ask(&wrong, "/v2/", &[("x-forwarded-for", "192.0.2.2")]).await;
        assert_eq!(other.code, if trusted { 401 } else { 429 });
        // An address that the client puts before the proxy's own word is not believed.
        let lied = ask(&wrong, "/v2/", &[("x-forwarded-for", "192.0.2.9, 192.0.2.1")]).await;
        assert_eq!(lied.code, 429);
    }
}

#[tokio::test]
async fn the_realm_is_where_the_client_came_to() {
    for (trusted, realm) in
        [(true, "https://registry.example.org/token"), (false, "http://127.0.0.1")]
    {
        let berth = TestApp::start_with(|config| {
            if trusted {
                config.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
            }
        })
        .await;
        let headers =
            [("x-forwarded-proto", "https"), ("x-forwarded-host", "registry.example.org")];
        let answer = ask(&berth.anonymous(), "/v2/", &headers).await.fails(401, "UNAUTHORIZED");
        let challenge = answer.header("www-authenticate");
        assert!(challenge.starts_with(&format!("Bearer realm=\"{realm}")), "{challenge}");
    }
}

#[tokio::test]
async fn the_trail_names_the_client_and_not_the_proxy() {
    let berth = TestApp::start_with(|config| {
        config.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    let admin = berth.admin().await;
    let request =
        admin.request(Method::POST, "/api/v1/groups").header("x-forwarded-for", "2001:db8::9");
    let request = request
        .header("content-type", "application/json")
        .body(json!({ "name": "devs" }).to_string());
    admin.send(request).await.status(201);
    let events = admin.get("/api/v1/events?kind=group.change").await.ok().json();
    assert_eq!(events["events"][0]["address"], "2001:db8::9");
}
