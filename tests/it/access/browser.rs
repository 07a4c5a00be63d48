//! Browsers: the cookie, and what protects it.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Client, PASSWORD, TestApp};

/// A browser that is signed in.
struct Browser {
    client: Client,
    cookie: String,
    csrf: String,
}

impl Browser {
    async fn sign_in(berth: &TestApp, name: &str, password: &str) -> Self {
        let client = berth.anonymous();
        let wish = json!({ "username": name, "password": password });
        let answer = client.post_json("/api/v1/session", wish).await.status(201);
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        let csrf = answer.json()["session"]["csrf_token"].as_str().unwrap().to_owned();
        Self { client, cookie, csrf }
    }

    async fn send(&self, method: Method, path: &str, csrf: Option<&str>, body: Value) -> Answer {
        let mut request = self
            .client
            .request(method, path)
            .header("cookie", format!("a=b; {}; c=d", self.cookie));
        if let Some(csrf) = csrf {
            request = request.header("x-csrf-token", csrf);
        }
        self.client
            .send(request.header("content-type", "application/json").body(body.to_string()))
            .await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, Value::Null).await
    }
}

#[tokio::test]
async fn a_browser_signs_in_and_out() {
    let berth = TestApp::start().await;
    berth.writer("ann").await;
    let nobody = berth.anonymous();
    assert_eq!(nobody.get("/api/v1/session").await.ok().json()["is_authenticated"], false);
    let answer = nobody
        .post_json("/api/v1/session", json!({ "username": "ann", "password": PASSWORD }))
        .await
        .status(201);
    let cookie = answer.header("set-cookie");
    for attribute in ["berth_session=", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=604800"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    // Without TLS a secure cookie would not come back.
    assert!(!cookie.contains("Secure"), "{cookie}");
    let browser = Browser::sign_in(&berth, "ann", PASSWORD).await;
    let who = browser.get("/api/v1/session").await.ok().json();
    assert_eq!(
        (&who["name"], &who["is_authenticated"], &who["is_administrator"]),
        (&json!("ann"), &json!(true), &json!(false))
    );
    assert_eq!(who["session"]["csrf_token"], browser.csrf);
    browser.get("/api/v1/repositories").await.ok();
    let listed = browser.get("/api/v1/users/ann/sessions").await.ok().json();
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 2);
    let out = browser
        .send(Method::DELETE, "/api/v1/session", Some(&browser.csrf), Value::Null)
        .await
        .status(204);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(browser.get("/api/v1/session").await.ok().json()["is_authenticated"], false);
    browser.get("/api/v1/repositories").await.fails(401, "UNAUTHORIZED");
    nobody
        .post_json("/api/v1/session", json!({ "username": "ann", "password": "wrong" }))
        .await
        .fails(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn the_cookie_is_secure_where_the_client_speaks_tls() {
    let berth = TestApp::start_with(|config| {
        config.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    berth.writer("ann").await;
    let wish = json!({ "username": "ann", "password": PASSWORD }).to_string();
    let client = berth.anonymous();
    let request =
        client.request(Method::POST, "/api/v1/session").header("x-forwarded-proto", "https");
    let answer = client
        .send(request.header("content-type", "application/json").body(wish))
        .await
        .status(201);
    let cookie = answer.header("set-cookie").to_owned();
    assert!(cookie.starts_with("__Host-berth_session=") && cookie.contains("; Secure"), "{cookie}");
    // Over plain HTTP it is not taken.
    let pair = cookie.split(';').next().unwrap();
    let ask = async |scheme: &str| {
        let request = client.request(Method::GET, "/api/v1/session").header("cookie", pair);
        client.send(request.header("x-forwarded-proto", scheme)).await.ok().json()["name"].clone()
    };
    assert_eq!((ask("https").await, ask("http").await), (json!("ann"), json!("anonymous")));
}

#[tokio::test]
async fn a_change_repeats_the_csrf_token() {
    let berth = TestApp::start().await;
    berth.admin().await;
    let browser = Browser::sign_in(&berth, "admin", PASSWORD).await;
    let other = Browser::sign_in(&berth, "admin", PASSWORD).await;
    let group = json!({ "name": "devs" });
    for csrf in [None, Some(""), Some("wrong"), Some(other.csrf.as_str())] {
        browser
            .send(Method::POST, "/api/v1/groups", csrf, group.clone())
            .await
            .fails(403, "DENIED");
    }
    browser.send(Method::DELETE, "/api/v1/session", None, Value::Null).await.fails(403, "DENIED");
    browser.send(Method::POST, "/api/v1/groups", Some(&browser.csrf), group).await.status(201);
    // A page of another site cannot sign somebody in as somebody else, either.
    let wish = json!({ "username": "admin", "password": PASSWORD }).to_string();
    let client = berth.anonymous();
    for (site, code) in
        [("cross-site", 403), ("same-site", 403), ("same-origin", 201), ("none", 201)]
    {
        let request =
            client.request(Method::POST, "/api/v1/session").header("sec-fetch-site", site);
        assert_eq!(
            client
                .send(request.header("content-type", "application/json").body(wish.clone()))
                .await
                .code,
            code,
            "{site}"
        );
    }
    let request =
        client.request(Method::POST, "/api/v1/session").header("content-type", "text/plain");
    client.send(request.body(wish)).await.fails(400, "INVALID");
}

#[tokio::test]
async fn the_cookie_opens_the_admin_api_and_nothing_else() {
    let berth = TestApp::start().await;
    berth.admin().await;
    let browser = Browser::sign_in(&berth, "admin", PASSWORD).await;
    for path in ["/v2/", "/v2/_catalog", "/v2/team/app/tags/list", "/metrics"] {
        browser.get(path).await.fails(401, "UNAUTHORIZED");
    }
    let token = browser.get("/token?scope=repository:a:pull").await.ok().json();
    assert_eq!(token["scope"], "", "an anonymous token");
    // Credentials in the header are what counts, also wrong ones.
    let request =
        browser.client.request(Method::GET, "/api/v1/users").header("cookie", &browser.cookie);
    browser
        .client
        .send(request.basic_auth("admin", Some("wrong")))
        .await
        .fails(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_session_ends_when_it_is_over_idle_or_its_owner_changes_the_password() {
    let berth = TestApp::start().await;
    let (admin, _) = (berth.admin().await, berth.writer("ann").await);
    let is_in = async |browser: &Browser| {
        browser.get("/api/v1/session").await.ok().json()["is_authenticated"] == true
    };
    // Used every few hours, it ends after a week.
    let browser = Browser::sign_in(&berth, "ann", PASSWORD).await;
    for _ in 0..7 * 4 - 1 {
        berth.turn_clock(Duration::from_hours(6));
        assert!(is_in(&browser).await);
        berth.app.meta.settle().await.unwrap();
    }
    berth.turn_clock(Duration::from_hours(6));
    assert!(!is_in(&browser).await);
    let browser = Browser::sign_in(&berth, "ann", PASSWORD).await;
    berth.turn_clock(Duration::from_hours(25));
    assert!(!is_in(&browser).await, "a day without a request");
    for end in ["password", "disable", "everywhere", "remove"] {
        let browser = Browser::sign_in(&berth, "ann", PASSWORD).await;
        assert!(is_in(&browser).await, "{end}");
        match end {
            "password" => {
                let same = json!({ "password": PASSWORD });
                admin.put_json("/api/v1/users/ann/password", same).await.status(204);
            }
            "disable" => {
                admin.patch_json("/api/v1/users/ann", json!({ "is_disabled": true })).await.ok();
                assert!(!is_in(&browser).await);
                admin.patch_json("/api/v1/users/ann", json!({ "is_disabled": false })).await.ok();
            }
            "everywhere" => {
                admin.delete("/api/v1/users/ann/sessions").await.status(204);
            }
            _ => {
                admin.delete("/api/v1/users/ann").await.status(204);
            }
        }
        assert!(!is_in(&browser).await, "{end}");
    }
}

#[tokio::test]
async fn ones_own_password_is_changed_by_whoever_knows_it() {
    let berth = TestApp::start().await;
    let (admin, ann) = (berth.admin().await, berth.writer("ann").await);
    berth.writer("bob").await;
    let browser = Browser::sign_in(&berth, "ann", PASSWORD).await;
    let change = async |path: &str, wish: Value| {
        browser.send(Method::PUT, path, Some(&browser.csrf), wish).await
    };
    let mine = "/api/v1/users/ann/password";
    change(mine, json!({ "password": "another password" })).await.fails(400, "INVALID");
    change(mine, json!({ "before": "wrong", "password": "another password" }))
        .await
        .fails(400, "INVALID");
    change(mine, json!({ "before": PASSWORD, "password": "short" })).await.fails(400, "INVALID");
    change(
        "/api/v1/users/bob/password",
        json!({ "before": PASSWORD, "password": "another password" }),
    )
    .await
    .fails(403, "DENIED");
    ann.get("/v2/").await.ok();
    change(mine, json!({ "before": PASSWORD, "password": "another password" })).await.status(204);
    ann.get("/v2/").await.fails(401, "UNAUTHORIZED");
    berth.anonymous().with_password("ann", "another password").get("/v2/").await.ok();
    browser.get("/api/v1/repositories").await.fails(401, "UNAUTHORIZED");
    admin
        .put_json("/api/v1/users/nobody/password", json!({ "password": "another password" }))
        .await
        .fails(404, "NOT_FOUND");
}
