//! Tokens for programs.

use std::time::Duration;

use serde_json::{Value, json};

use super::rules::bind;
use super::tokens::post_form;
use crate::support::{Client, Image, Role, TestApp, eventually};

/// Makes a token; returns its secret and its path.
async fn make(client: &Client, wish: Value) -> (String, String) {
    let made = client.post_json("/api/v1/tokens", wish).await.status(201).json();
    (made["secret"].as_str().unwrap().to_owned(), format!("/api/v1/tokens/{}", made["token"]["id"]))
}

#[tokio::test]
async fn a_token_is_a_password_for_any_name_and_a_bearer() {
    let berth = TestApp::start().await;
    let ann = berth.writer("ann").await;
    let (secret, path) = make(&ann, json!({ "name": "laptop" })).await;
    assert!(secret.starts_with("brt_") && secret.len() == 40, "{secret}");
    let nobody = berth.anonymous();
    for client in [
        nobody.with_password("ann", &secret),
        nobody.with_password("oauth2", &secret),
        nobody.with_password("", &secret),
        nobody.with_token(&secret),
        nobody.with_password("ann", &secret).log_in(&["repository:team/app:pull,push"]).await,
    ] {
        client.post("/v2/team/app/blobs/uploads/", "").await.status(202);
        let who = client.get("/api/v1/session").await.ok().json();
        assert_eq!(who["name"], "ann");
    }
    let form =
        format!("grant_type=password&username=x&password={secret}&scope=repository:team/app:push");
    let answer = post_form(&nobody, &form).await.ok().json();
    assert_eq!(answer["scope"], "repository:team/app:push");
    // It is shown once, and what is kept of it is not shown at all.
    let shown = ann.get(&path).await.ok().text() + &ann.get("/api/v1/tokens").await.ok().text();
    assert!(!shown.contains(&secret[4..]), "{shown}");
    assert!(shown.contains("\"laptop\""));
}

#[tokio::test]
async fn a_token_reaches_no_further_than_its_limits() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let ann = berth.user("ann", Role::Administrator).await;
    for name in ["team/app", "other/app"] {
        admin.push(name, "v1", &Image::of(["hello"])).await;
    }
    let limits = json!([{ "pattern": "team/*", "actions": ["content/read"] }]);
    let (secret, path) = make(&ann, json!({ "name": "reader", "limits": limits })).await;
    let password = berth.anonymous().with_password("ann", &secret);
    let bearer = berth.anonymous().with_token(&secret);
    let registry = password
        .log_in(&[
            "repository:team/app:*",
            "repository:other/app:*",
            "registry:catalog:*",
            "registry:admin:*",
        ])
        .await;
    for client in [&password, &bearer, &registry] {
        client.get("/v2/team/app/manifests/v1").await.ok();
        client.delete("/v2/team/app/manifests/v1").await.fails(403, "DENIED");
        client.get("/v2/other/app/manifests/v1").await.fails(403, "DENIED");
        let list = client.get("/v2/_catalog").await.ok().json();
        assert_eq!(list["repositories"], json!(["team/app"]));
        // It makes no other token, and does nothing that its owner does as an administrator.
        client.post_json("/api/v1/tokens", json!({ "name": "more" })).await.fails(403, "DENIED");
        client.get(&path).await.fails(403, "DENIED");
        client.get("/api/v1/users").await.fails(403, "DENIED");
        let why = client.get("/v2/other/app/manifests/v1").await.json();
        let why = why["errors"][0]["message"].as_str().unwrap().to_owned();
        assert!(why.contains("with the token `reader`"), "{why}");
    }
}

#[tokio::test]
async fn a_limit_never_gives_what_its_owner_has_not() {
    let berth = TestApp::start().await;
    let (admin, ann) = (berth.admin().await, berth.newcomer("ann").await);
    let limits = json!([{ "pattern": "**", "actions": ["pull", "push", "delete", "manage"] }]);
    let (secret, _) = make(&ann, json!({ "name": "wish", "limits": limits })).await;
    let token = berth.anonymous().with_token(&secret);
    token.post("/v2/team/app/blobs/uploads/", "").await.fails(403, "DENIED");
    bind(&admin, "user:ann", "writer", "team/**").await;
    token.post("/v2/team/app/blobs/uploads/", "").await.status(202);
    token.get("/api/v1/bindings?pattern=team%2Fapp").await.fails(403, "DENIED");
}

#[tokio::test]
async fn a_token_ends_when_it_is_revoked_or_over_or_its_owner_is_shut_out() {
    let berth = TestApp::start().await;
    let (admin, ann) = (berth.admin().await, berth.writer("ann").await);
    let nobody = berth.anonymous();
    // What was fetched with a token ends with it: registry tokens and refresh tokens.
    let all = async |secret: &str| {
        let password = nobody.with_password("ann", secret);
        let answer = password
            .get("/token?offline_token=true&scope=repository:team/app:push")
            .await
            .ok()
            .json();
        let refresh = answer["refresh_token"].as_str().unwrap().to_owned();
        (
            password.clone(),
            nobody.with_token(answer["token"].as_str().unwrap()),
            format!("grant_type=refresh_token&refresh_token={refresh}"),
        )
    };
    let codes = async |(password, registry, refresh): &(Client, Client, String)| {
        [
            password.get("/v2/").await.code,
            registry.get("/v2/").await.code,
            post_form(&nobody, refresh).await.code,
        ]
    };
    let (secret, path) = make(&ann, json!({ "name": "a" })).await;
    let clients = all(&secret).await;
    assert_eq!(codes(&clients).await, [200; 3]);
    ann.delete(&path).await.status(204);
    assert_eq!(codes(&clients).await, [401; 3]);
    ann.delete(&path).await.fails(403, "DENIED");
    admin.delete(&path).await.fails(404, "NOT_FOUND");

    let (secret, _) = make(&ann, json!({ "name": "b", "expires_in": "2m" })).await;
    let clients = all(&secret).await;
    berth.turn_clock(Duration::from_secs(119));
    assert_eq!(codes(&clients).await, [200; 3]);
    berth.turn_clock(Duration::from_secs(1));
    assert_eq!(codes(&clients).await, [401; 3]);

    let (secret, _) = make(&ann, json!({ "name": "c" })).await;
    let clients = all(&secret).await;
    admin.patch_json("/api/v1/users/ann", json!({ "is_disabled": true })).await.ok();
    assert_eq!(codes(&clients).await, [401; 3]);
    admin.patch_json("/api/v1/users/ann", json!({ "is_disabled": false })).await.ok();
    // The token was not revoked; what was issued to its owner was.
    assert_eq!(codes(&clients).await, [200, 401, 401]);
    admin.delete("/api/v1/users/ann").await.status(204);
    berth.writer("ann").await;
    assert_eq!(codes(&clients).await, [401; 3]);
}

#[tokio::test]
async fn a_registry_token_is_over_with_the_token_it_was_fetched_with() {
    let berth = TestApp::start().await;
    let ann = berth.writer("ann").await;
    let (secret, _) = make(&ann, json!({ "name": "short", "expires_in": "90s" })).await;
    let answer = berth.anonymous().with_password("ann", &secret).get("/token").await.ok().json();
    assert_eq!(answer["expires_in"], 90);
}

#[tokio::test]
async fn a_token_has_two_secrets_while_it_is_rotated() {
    let berth = TestApp::start().await;
    let ann = berth.writer("ann").await;
    let (first, path) = make(&ann, json!({ "name": "a" })).await;
    let rotate = async |overlap: Value| {
        let made = ann
            .post_json(&format!("{path}/rotate"), json!({ "overlap": overlap }))
            .await
            .ok()
            .json();
        made["secret"].as_str().unwrap().to_owned()
    };
    let codes = async |secrets: &[&String]| {
        let mut codes = Vec::new();
        for secret in secrets {
            codes.push(berth.anonymous().with_token(secret).get("/v2/").await.code);
        }
        codes
    };
    berth.turn_clock(Duration::from_secs(1));
    let second = rotate(json!("1h")).await;
    assert_eq!(codes(&[&first, &second]).await, [200, 200]);
    assert_eq!(ann.get(&path).await.ok().json()["live_secrets"], 2);
    // A third one takes the place of the first: there are never more than two.
    berth.turn_clock(Duration::from_secs(1));
    let third = rotate(Value::Null).await;
    assert_eq!(codes(&[&first, &second, &third]).await, [401, 200, 200]);
    assert_eq!(ann.get(&path).await.ok().json()["live_secrets"], 2);
    berth.turn_clock(Duration::from_hours(24));
    assert_eq!(codes(&[&second, &third]).await, [401, 200]);
    let fourth = rotate(json!("0s")).await;
    assert_eq!(codes(&[&third, &fourth]).await, [401, 200]);
    assert_eq!(ann.get(&path).await.ok().json()["live_secrets"], 1);
    ann.post_json(&format!("{path}/rotate"), json!({ "overlap": "soon" }))
        .await
        .fails(400, "INVALID");
}

#[tokio::test]
async fn a_token_is_good_from_where_it_says() {
    let berth = TestApp::start_with(|config| {
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let ann = berth.writer("ann").await;
    let wish = json!({ "name": "office", "addresses": ["192.0.2.0/24", "2001:db8::7"] });
    let (secret, path) = make(&ann, wish).await;
    assert_eq!(
        ann.get(&path).await.ok().json()["addresses"],
        json!(["192.0.2.0/24", "2001:db8::7/128"])
    );
    let ask = async |from: &str, client: &Client| {
        let request = client.request(reqwest::Method::GET, "/v2/").header("x-forwarded-for", from);
        client.send(request).await
    };
    let bearer = berth.anonymous().with_token(&secret);
    for (from, code) in [
        ("192.0.2.9", 200),
        ("2001:db8::7", 200),
        ("::ffff:192.0.2.9", 200),
        ("192.0.3.1", 403),
        ("2001:db8::8", 403),
    ] {
        assert_eq!(ask(from, &bearer).await.code, code, "{from}");
    }
    // A registry token is no way around it.
    let request =
        bearer.request(reqwest::Method::GET, "/token").header("x-forwarded-for", "192.0.2.9");
    let registry = berth
        .anonymous()
        .with_token(bearer.send(request).await.ok().json()["token"].as_str().unwrap());
    assert_eq!(ask("192.0.2.9", &registry).await.code, 200);
    ask("192.0.3.1", &registry).await.fails(403, "DENIED");
    for bad in ["here", "192.0.2.0/33", ""] {
        ann.post_json("/api/v1/tokens", json!({ "name": "x", "addresses": [bad] }))
            .await
            .fails(400, "INVALID");
    }
}

#[tokio::test]
async fn when_a_token_was_used_is_written_down() {
    let berth = TestApp::start().await;
    berth.app.start_worker();
    let ann = berth.writer("ann").await;
    let (secret, path) = make(&ann, json!({ "name": "a" })).await;
    assert_eq!(ann.get(&path).await.ok().json()["last_used_at"], Value::Null);
    berth.anonymous().with_token(&secret).get("/v2/").await.ok();
    let used = eventually("a note of the use", async || {
        // The row is read anew when some token changes.
        make(&ann, json!({ "name": berth::secret::random_text(6) })).await;
        let token = ann.get(&path).await.ok().json();
        token["last_used_at"].is_string().then_some(token)
    });
    assert_eq!(used.await["last_used_from"], "127.0.0.1");
}

#[tokio::test]
async fn what_is_no_token_counts_as_a_failed_login_of_its_address() {
    let berth = TestApp::start_with(|config| config.auth.failed_logins = 5).await;
    let ann = berth.writer("ann").await;
    let (secret, _) = make(&ann, json!({ "name": "a" })).await;
    let nobody = berth.anonymous();
    let other = if secret.ends_with('x') { 'y' } else { 'x' };
    let wrong = format!("{}{other}", &secret[..39]);
    for client in [
        nobody.with_token(&wrong),
        nobody.with_password("ann", &wrong),
        nobody.with_token("brt_"),
        nobody.with_token("brt_000000000000000000000000000000aaaaaa"),
        nobody.with_token(&secret.to_lowercase()),
    ] {
        client.get("/v2/").await.fails(401, "UNAUTHORIZED");
    }
    nobody.with_token("brt_").get("/v2/").await.fails(429, "TOOMANYREQUESTS");
    // Nobody guesses a token, so a good one is let in.
    nobody.with_token(&secret).get("/v2/").await.ok();
}

#[tokio::test]
async fn tokens_are_their_owners_and_the_administrators() {
    let berth = TestApp::start().await;
    let (admin, ann, bob) =
        (berth.admin().await, berth.writer("ann").await, berth.writer("bob").await);
    let (_, path) = make(&ann, json!({ "name": "a" })).await;
    for answer in [
        bob.get(&path).await,
        bob.delete(&path).await,
        bob.post_json(&format!("{path}/rotate"), json!({})).await,
        bob.get("/api/v1/tokens?owner=ann").await,
        bob.get("/api/v1/tokens?owner=*").await,
        bob.post_json("/api/v1/tokens", json!({ "name": "x", "owner": "ann" })).await,
        // One that is not there looks the same.
        bob.get("/api/v1/tokens/999999").await,
        bob.get("/api/v1/tokens?owner=nobody").await,
    ] {
        answer.fails(403, "DENIED");
    }
    berth.anonymous().get("/api/v1/tokens").await.fails(401, "UNAUTHORIZED");
    make(&admin, json!({ "name": "by the boss", "owner": "ann" })).await;
    let mine = ann.get("/api/v1/tokens").await.ok().json();
    let names: Vec<_> = mine["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| (&token["name"], &token["created_by"]))
        .collect();
    assert_eq!(names, [(&json!("a"), &json!("ann")), (&json!("by the boss"), &json!("admin"))]);
    assert_eq!(bob.get("/api/v1/tokens").await.ok().json()["tokens"], json!([]));
    assert_eq!(
        admin.get("/api/v1/tokens?owner=*").await.ok().json()["tokens"].as_array().unwrap().len(),
        2
    );
    ann.post_json("/api/v1/tokens", json!({ "name": "a" })).await.fails(409, "CONFLICT");
    for wish in [
        json!({ "name": "" }),
        json!({ "name": "a\nb" }),
        json!({ "name": "x", "expires_in": "soon" }),
        json!({ "name": "x", "expires_in": "0s" }),
        json!({ "name": "x", "limits": [{ "pattern": "X", "actions": ["pull"] }] }),
        json!({ "name": "x", "limits": [{ "pattern": "x", "actions": [] }] }),
        json!({ "name": "x", "limits": [{ "pattern": "x", "actions": ["fly"] }] }),
        json!({ "nom": "x" }),
    ] {
        ann.post_json("/api/v1/tokens", wish).await.fails(400, "INVALID");
    }
    // A registry token fetched for it reaches one's own account.
    let scoped = ann.log_in(&["registry:account:*"]).await;
    scoped.get("/api/v1/tokens").await.ok();
    ann.log_in(&[]).await.get("/api/v1/tokens").await.fails(401, "UNAUTHORIZED");
}
