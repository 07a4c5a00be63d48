//! Programs that show tokens of others: what is accepted, as whom, and what is not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};

use super::tokens::post_form;
use crate::support::{Answer, Client, Image, TestApp, TestIssuer, TestKey, berth, encode};

/// Trusts an issuer under a name.
pub(super) async fn trust(admin: &Client, name: &str, issuer: &TestIssuer) {
    let wish = json!({ "url": issuer.url(), "audiences": ["berth"] });
    admin.put_json(&format!("/api/v1/federation/issuers/{name}"), wish).await.ok();
}

pub(super) async fn rule(admin: &Client, name: &str, wish: Value) -> Answer {
    admin.put_json(&format!("/api/v1/federation/rules/{name}"), wish).await
}

pub(super) async fn allow(admin: &Client, subject: &str, role: &str, pattern: &str) {
    let wish = json!({ "subject": subject, "role": role, "pattern": pattern });
    admin.post_json("/api/v1/bindings", wish).await.status(201);
}

/// A Berth that trusts an issuer, and takes whoever comes from `acme/app` for `workload:app`, a writer on `acme/*`.
pub(super) async fn start() -> (TestApp, Client, TestIssuer) {
    let berth = TestApp::start_with(|config| config.auth.failed_logins = 10_000).await;
    let (admin, issuer) = (berth.admin().await, TestIssuer::start().await);
    trust(&admin, "ci", &issuer).await;
    let condition = json!({ "claim": "repository", "is": "acme/app" });
    rule(&admin, "app", json!({ "issuer": "ci", "conditions": [condition] })).await.ok();
    allow(&admin, "workload:app", "writer", "acme/*").await;
    (berth, admin, issuer)
}

fn exchange_form(token: &str, scope: &str) -> String {
    format!(
        "grant_type={}&subject_token_type={}&subject_token={token}&scope={}",
        encode("urn:ietf:params:oauth:grant-type:token-exchange"),
        encode("urn:ietf:params:oauth:token-type:jwt"),
        encode(scope),
    )
}

/// Shows a token in each of the three ways; the status of each.
async fn show(berth: &TestApp, token: &str) -> [Answer; 3] {
    let nobody = berth.anonymous();
    [
        nobody.with_password("whoever", token).get("/token?service=berth").await,
        nobody.with_token(token).get("/api/v1/session").await,
        post_form(&nobody, &exchange_form(token, "")).await,
    ]
}

#[tokio::test]
async fn a_token_is_a_password_a_bearer_token_and_can_be_exchanged() {
    let (berth, _, issuer) = start().await;
    let token = issuer.token(berth.clock.now(), json!({}));
    let (nobody, image) = (berth.anonymous(), Image::of(["layer"]));

    // As the password of any user, directly and through Docker's token flow.
    let basic = nobody.with_password("oidc", &token);
    basic.push("acme/app", "v1", &image).await;
    let flow = basic.log_in(&["repository:acme/app:pull,push"]).await;
    flow.push("acme/app", "v2", &image).await;
    basic.get("/v2/other/app/tags/list").await.fails(403, "DENIED");

    // As a bearer token.
    let bearer = nobody.with_token(&token);
    bearer.push("acme/app", "v3", &image).await;
    bearer.get("/v2/other/app/tags/list").await.fails(403, "DENIED");

    // By exchange (RFC 8693).
    let form = exchange_form(&token, "repository:acme/app:pull,push repository:other/app:pull");
    let answer = post_form(&nobody, &form).await.ok();
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.json();
    assert_eq!(body["issued_token_type"], "urn:ietf:params:oauth:token-type:access_token");
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["scope"], "repository:acme/app:pull,push");
    let exchanged = nobody.with_token(body["access_token"].as_str().unwrap());
    exchanged.push("acme/app", "v4", &image).await;
    let tags = bearer.get("/v2/acme/app/tags/list").await.ok().json();
    assert_eq!(tags["tags"], json!(["v1", "v2", "v3", "v4"]));

    // What it is let in as.
    let me = bearer.get("/api/v1/session").await.ok().json();
    assert_eq!(me["name"], "workload:app (ci repo:acme/app:ref:refs/heads/main)");
    assert_eq!(me["subjects"], json!(["workload:app", "authenticated", "everyone"]));
    // There is nothing of one's own to have, and no long-lived token to be got.
    bearer.post_json("/api/v1/tokens", json!({ "name": "x" })).await.fails(403, "DENIED");
    let offline = basic.get("/token?service=berth&offline_token=true&client_id=docker").await.ok();
    assert!(offline.json().get("refresh_token").is_none());
    // It was asked for its keys once for all of that.
    assert_eq!(issuer.requests(), (1, 1));
}

#[expect(clippy::too_many_lines, reason = "it is a table")]
#[tokio::test]
async fn whatever_is_wrong_with_a_token_is_refused_in_every_way() {
    let (berth, _, issuer) = start().await;
    let (now, key) = (berth.clock.now(), issuer.key());
    let (seconds, good) = (now.as_seconds(), issuer.claims(now, json!({})));
    let header = json!({ "alg": "ES256", "typ": "JWT", "kid": "first" });
    let with = |more: Value| issuer.token(now, more);
    let under = |name: &str, value: Value| {
        let mut header = header.clone();
        header[name] = value;
        key.sign(&header, &good)
    };
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let valid = key.token(&good);
    let (signed, signature) = valid.rsplit_once('.').unwrap();
    let (_, payload) = signed.split_once('.').unwrap();
    let unsigned = |alg: &str| part(&json!({ "alg": alg, "typ": "JWT", "kid": "first" }));
    let by_hmac = |secret: &[u8]| {
        let text = format!("{}.{payload}", unsigned("HS256"));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
    };
    let stranger = TestIssuer::start().await;
    let (other_key, wider_key) = (TestKey::new("first", "ES256"), TestKey::new("first", "ES384"));
    let mut embedded = header.clone();
    embedded["jwk"] = other_key.jwk();

    let table: Vec<(&str, String, &str)> = vec![
        (
            "another audience",
            with(json!({ "aud": "https://github.com/acme" })),
            "no rule accepts it",
        ),
        ("a list of other audiences", with(json!({ "aud": ["a", "b"] })), "no rule accepts it"),
        ("no audience", with(json!({ "aud": null })), "no rule accepts it"),
        ("part of the audience", with(json!({ "aud": "bert" })), "no rule accepts it"),
        ("an issuer that nobody trusts", stranger.token(now, json!({})), "issuer is not trusted"),
        (
            "an issuer with a slash more",
            with(json!({ "iss": format!("{}/", issuer.url()) })),
            "issuer is not trusted",
        ),
        ("no issuer", with(json!({ "iss": null })), "`iss` is missing"),
        ("somebody else's key", other_key.token(&good), "signature is wrong"),
        ("a key in the header", other_key.sign(&embedded, &good), "signature is wrong"),
        ("a key of another size", wider_key.token(&good), "no key that it could be signed with"),
        (
            "a key id that is not there",
            under("kid", json!("second")),
            "no key that it could be signed with",
        ),
        (
            "another claim than the rule's",
            with(json!({ "repository": "acme/app2" })),
            "no rule accepts it",
        ),
        ("the claim as a list", with(json!({ "repository": ["acme/app"] })), "no rule accepts it"),
        ("without the claim", with(json!({ "repository": null })), "no rule accepts it"),
        ("no subject", with(json!({ "sub": null })), "`sub` is missing"),
        ("it is over", with(json!({ "exp": seconds })), "it was good until"),
        ("it was over long ago", with(json!({ "exp": 1 })), "it was good until"),
        ("no end", with(json!({ "exp": null })), "`exp` is missing"),
        (
            "an end that is no number",
            with(json!({ "exp": "tomorrow" })),
            "`exp` is missing or cannot be read",
        ),
        ("it begins later", with(json!({ "nbf": seconds + 120 })), "it is good from"),
        ("it was issued later", with(json!({ "iat": seconds + 120 })), "it is good from"),
        ("no algorithm", format!("{}.{payload}.", unsigned("none")), "algorithm `none`"),
        (
            "no algorithm, in capitals",
            format!("{}.{payload}.{signature}", unsigned("NONE")),
            "algorithm `NONE`",
        ),
        ("a secret made of the public key", by_hmac(&key.public), "algorithm `HS256`"),
        ("an empty secret", by_hmac(b""), "algorithm `HS256`"),
        (
            "RSA with a key of a curve",
            under("alg", json!("RS256")),
            "no key that it could be signed with",
        ),
        (
            "EdDSA with another curve's key",
            under("alg", json!("EdDSA")),
            "no key that it could be signed with",
        ),
        ("an algorithm that is none", under("alg", json!("ES257")), "algorithm `ES257`"),
        ("an extension", under("crit", json!(["exp"])), "extensions that are not known"),
        ("a logout token", under("typ", json!("logout+jwt")), "`typ`"),
        ("a type that is no text", under("typ", json!(7)), "`typ`"),
        (
            "another payload",
            format!(
                "{}.{}.{signature}",
                part(&header),
                part(&issuer.claims(now, json!({ "repository": "acme/app", "sub": "me" })))
            ),
            "signature is wrong",
        ),
        ("no signature", format!("{signed}."), "signature is wrong"),
        (
            "a signature of zeros",
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode([0; 64])),
            "signature is wrong",
        ),
        ("half a signature", format!("{signed}.{}", &signature[..40]), "signature is wrong"),
        ("too long", with(json!({ "padding": "x".repeat(40_000) })), "too long"),
    ];
    for (what, token, why) in &table {
        let [basic, bearer, exchanged] = show(&berth, token).await;
        for answer in [&basic, &bearer] {
            assert_eq!(answer.code, 401, "{what}: {}", answer.text());
            assert_eq!(answer.json()["errors"][0]["code"], "UNAUTHORIZED", "{what}");
        }
        let (code, body) = (exchanged.code, exchanged.json());
        assert_eq!((code, &body["error"]), (400, &json!("invalid_request")), "{what}: {body}");
        // Without an `iss` a bearer token is taken for one of our own, which it is not.
        let told = [&basic, &exchanged].map(Answer::text);
        assert!(told[0].contains(why), "{what}: {}", told[0]);
        assert!(
            told[1].contains(why) || *why == "`iss` is missing" || *why == "too long",
            "{what}: {}",
            told[1]
        );
    }
    // The same token without a mistake is let in, also a little early.
    for token in
        [valid, with(json!({ "aud": ["x", "berth"], "nbf": seconds + 30, "iat": seconds + 30 }))]
    {
        for answer in show(&berth, &token).await {
            answer.ok();
        }
    }
    // A token that names no key is good where there is no choice, and only there.
    let nameless = key.sign(&json!({ "alg": "ES256" }), &good);
    for answer in show(&berth, &nameless).await {
        answer.ok();
    }
}

#[tokio::test]
async fn a_registry_token_ends_with_what_it_was_issued_for() {
    let (berth, admin, issuer) = start().await;
    let now = berth.clock.now();
    let nobody = berth.anonymous();
    let short = issuer.token(now, json!({ "exp": now.as_seconds() + 90 }));
    let answer = nobody.with_password("x", &short).get("/token?service=berth").await.ok();
    assert_eq!(answer.json()["expires_in"], 90);

    let issue = async || {
        let token = issuer.token(berth.clock.now(), json!({}));
        nobody.with_password("x", &token).log_in(&["repository:acme/app:pull,push"]).await
    };
    let session = "/api/v1/session";
    // Each of these ends it at once.
    let condition = json!([{ "claim": "repository", "is": "acme/app" }]);
    let app = json!({ "issuer": "ci", "conditions": condition });
    let same = json!({ "issuer": "ci", "conditions": condition, "description": "in other words" });
    let client = issue().await;
    rule(&admin, "app", same).await.ok();
    client.get(session).await.ok();
    let wider = json!([{ "claim": "repository", "like": "acme/*" }]);
    rule(&admin, "app", json!({ "issuer": "ci", "conditions": wider })).await.ok();
    client.get(session).await.fails(401, "UNAUTHORIZED");
    rule(&admin, "app", app.clone()).await.ok();

    for path in ["/api/v1/federation/rules/app", "/api/v1/federation/issuers/ci"] {
        let client = issue().await;
        client.get(session).await.ok();
        admin.patch_json(path, json!({ "is_disabled": true })).await.ok();
        client.get(session).await.fails(401, "UNAUTHORIZED");
        for answer in show(&berth, &issuer.token(berth.clock.now(), json!({}))).await {
            assert!(matches!(answer.code, 400 | 401), "{}", answer.text());
        }
        admin.patch_json(path, json!({ "is_disabled": false })).await.ok();
        client.get(session).await.ok();
    }
    let client = issue().await;
    admin.delete("/api/v1/federation/rules/app").await.status(204);
    client.get(session).await.fails(401, "UNAUTHORIZED");
    // A rule that gets the name later inherits nothing.
    rule(&admin, "app", app).await.ok();
    let client = nobody.with_token(&issuer.token(berth.clock.now(), json!({})));
    client.get("/v2/acme/app/tags/list").await.fails(403, "DENIED");
    // And it is no way to another one.
    let token = nobody
        .with_password("x", &issuer.token(berth.clock.now(), json!({})))
        .token(&["repository:acme/app:pull"])
        .await;
    let again = post_form(&nobody, &exchange_form(&token, "")).await;
    assert_eq!((again.code, &again.json()["error"]), (400, &json!("invalid_request")));
}

#[tokio::test]
async fn several_rules_add_up_and_an_account_takes_precedence() {
    let (berth, admin, issuer) = start().await;
    let main = json!([{ "claim": "ref", "is": "refs/heads/main" }]);
    rule(&admin, "main", json!({ "issuer": "ci", "conditions": main })).await.ok();
    allow(&admin, "workload:main", "reader", "base/*").await;
    let client =
        async |more: Value| berth.anonymous().with_token(&issuer.token(berth.clock.now(), more));
    let both = client(json!({})).await;
    let me = both.get("/api/v1/session").await.ok().json();
    assert_eq!(
        me["subjects"],
        json!(["workload:app", "workload:main", "authenticated", "everyone"])
    );
    both.push("acme/app", "v1", &Image::of(["x"])).await;
    both.get("/v2/base/image/tags/list").await.fails(404, "NAME_UNKNOWN");
    let branch = client(json!({ "ref": "refs/heads/x" })).await;
    branch.get("/v2/base/image/tags/list").await.fails(403, "DENIED");
    let elsewhere = client(json!({ "repository": "acme/other" })).await;
    elsewhere.get("/v2/acme/app/tags/list").await.fails(403, "DENIED");

    // An account.
    admin.post_json("/api/v1/robots", json!({ "name": "deployer" })).await.status(201);
    allow(&admin, "robot:deployer", "maintainer", "live/*").await;
    let deploy = |robot: &str, value: &str| {
        let condition = json!({ "claim": "environment", "is": value });
        json!({ "issuer": "ci", "conditions": [condition], "acts_as": format!("robot:{robot}") })
    };
    rule(&admin, "x", deploy("nobody", "live")).await.fails(400, "INVALID");
    rule(&admin, "deploy", deploy("deployer", "live")).await.ok();
    let robot = client(json!({ "environment": "live" })).await;
    let me = robot.get("/api/v1/session").await.ok().json();
    assert_eq!(me["name"], "robot:deployer");
    robot.push("live/app", "v1", &Image::of(["x"])).await;
    robot.get("/v2/acme/app/tags/list").await.fails(403, "DENIED");
    robot.post_json("/api/v1/tokens", json!({ "name": "keep" })).await.fails(403, "DENIED");
    // Through a registry token just so.
    let token = issuer.token(berth.clock.now(), json!({ "environment": "live" }));
    let basic = berth.anonymous().with_password("x", &token);
    let flow = basic.log_in(&["repository:live/app:pull,push,delete", "registry:account:*"]).await;
    flow.push("live/app", "v2", &Image::of(["x"])).await;
    flow.post_json("/api/v1/tokens", json!({ "name": "keep" })).await.fails(403, "DENIED");
    let events = admin.get("/api/v1/events?repository=live%2Fapp&kind=tag.push").await.ok().json();
    let by = events["events"][1]["rule"].as_str().unwrap();
    assert!(by.contains("workload:deploy (ci repo:acme/app:ref:refs/heads/main)"), "{by}");

    // Two accounts are none.
    admin.post_json("/api/v1/robots", json!({ "name": "other" })).await.status(201);
    rule(&admin, "other", deploy("other", "live")).await.ok();
    robot.get("/api/v1/session").await.fails(401, "UNAUTHORIZED");
    admin.delete("/api/v1/robots/other").await.status(204);
    robot.get("/api/v1/session").await.ok();
    flow.get("/v2/live/app/tags/list").await.ok();
    admin.patch_json("/api/v1/robots/deployer", json!({ "is_disabled": true })).await.ok();
    robot.get("/api/v1/session").await.fails(401, "UNAUTHORIZED");
    flow.get("/v2/live/app/tags/list").await.fails(401, "UNAUTHORIZED");
    // With the account goes the rule that acts as it.
    admin.delete("/api/v1/robots/deployer").await.status(204);
    admin.get("/api/v1/federation/rules/deploy").await.fails(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_cluster_whose_keys_cannot_be_fetched_gives_them_itself() {
    let berth = TestApp::start().await;
    let (admin, key) = (berth.admin().await, TestKey::new("cluster", "EdDSA"));
    let url = "https://kubernetes.default.svc.cluster.local";
    let issuer = |keys: Value| json!({ "url": url, "keys": keys, "audiences": ["registry"] });
    let path = "/api/v1/federation/issuers/cluster";
    for bad in
        [json!({}), json!({ "keys": [] }), json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] })]
    {
        admin.put_json(path, issuer(bad)).await.fails(400, "INVALID");
    }
    admin.put_json(path, issuer(json!({ "keys": [key.jwk()] }))).await.ok();
    let conditions = json!([
        { "claim": "kubernetes.io.namespace", "in": ["build", "release"] },
        { "claim": "kubernetes.io.serviceaccount.name", "is": "pusher" },
        { "claim": "aud", "has": "registry" },
    ]);
    rule(&admin, "pusher", json!({ "issuer": "cluster", "conditions": conditions })).await.ok();
    allow(&admin, "workload:pusher", "writer", "build/*").await;
    let seconds = berth.clock.now().as_seconds();
    let client = |namespace: &str| {
        let token = key.token(&json!({
            "iss": url, "sub": format!("system:serviceaccount:{namespace}:pusher"), "aud": ["registry"],
            "iat": seconds, "exp": seconds + 3600,
            "kubernetes.io": { "namespace": namespace, "serviceaccount": { "name": "pusher" } },
        }));
        berth.anonymous().with_password("token", &token)
    };
    client("build").push("build/app", "v1", &Image::of(["x"])).await;
    client("other").get("/v2/").await.fails(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn trying_a_token_tells_what_each_rule_says() {
    let (berth, admin, issuer) = start().await;
    let tags = json!([{ "claim": "ref", "like": "refs/tags/*" }]);
    rule(&admin, "tags", json!({ "issuer": "ci", "conditions": tags })).await.ok();
    let elsewhere = json!({ "issuer": "ci", "conditions": tags, "audiences": ["elsewhere"] });
    rule(&admin, "elsewhere", elsewhere).await.ok();
    let post = async |token: &str| {
        admin.post_json("/api/v1/federation/try", json!({ "token": token })).await.ok().json()
    };
    let token = issuer.token(berth.clock.now(), json!({}));
    let tried = post(&token).await;
    assert_eq!(tried["is_accepted"], true);
    assert_eq!(tried["becomes"], "workload:app (ci repo:acme/app:ref:refs/heads/main)");
    assert_eq!((&tried["issuer"], &tried["flaw"]), (&json!("ci"), &Value::Null));
    assert_eq!(tried["claims"]["repository"], "acme/app");
    let refusals: Vec<_> = tried["rules"].as_array().unwrap().iter().collect();
    assert_eq!(refusals[0], &json!({ "name": "app", "accepts": true, "refusal": null }));
    assert_eq!(refusals[1]["refusal"], "its audience is `berth`, and not `elsewhere`");
    assert_eq!(refusals[2]["refusal"], "`ref` is `refs/heads/main`, and not like `refs/tags/*`");

    let old = post(&issuer.token(berth.clock.now(), json!({ "exp": 1 }))).await;
    assert_eq!(old["is_accepted"], false);
    assert_eq!(old["flaw"], "it was good until 1970-01-01T00:00:01.000Z");
    let strange = post("rubbish").await;
    assert_eq!(strange["flaw"], "it is no signed JWT");
    // It is for administrators, and nothing of it is kept.
    let ann = berth.reader("ann").await;
    let wish = json!({ "token": token });
    ann.post_json("/api/v1/federation/try", wish.clone()).await.fails(403, "DENIED");
    berth.anonymous().post_json("/api/v1/federation/try", wish).await.fails(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn what_would_let_strangers_in_is_not_made() {
    let (berth, admin, _) = start().await;
    let put = async |path: &str, wish: Value| {
        admin.put_json(&format!("/api/v1/federation/{path}"), wish).await
    };
    put("rules/x", json!({ "issuer": "ci", "conditions": [] })).await.fails(400, "INVALID");
    put("rules/x", json!({ "issuer": "none", "conditions": [{ "claim": "a", "is": "b" }] }))
        .await
        .fails(400, "INVALID");
    for condition in [
        json!({ "claim": "a" }),
        json!({ "claim": "a", "is": "b", "has": "c" }),
        json!({ "claim": "", "is": "b" }),
        json!({ "claim": "a", "in": [] }),
    ] {
        let wish = json!({ "issuer": "ci", "conditions": [condition] });
        put("rules/x", wish).await.fails(400, "INVALID");
    }
    for bad in [
        json!({ "url": "berth", "audiences": ["a"] }),
        json!({ "url": "http://a.example", "audiences": ["a"] }),
        json!({ "url": "https://a.example", "audiences": [] }),
        json!({ "url": "https://a.example", "audiences": ["a"], "algorithms": ["HS256"] }),
        json!({ "url": "https://a.example", "audiences": ["a"], "algorithms": ["none"] }),
        json!({ "url": "https://a.example", "audiences": ["a"], "jwks_uri": "http://169.254.169.254/" }),
        json!({ "url": "https://a.example", "audiences": ["a"], "authorities": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }),
    ] {
        let answer = put("issuers/x", bad.clone()).await;
        assert_eq!(answer.code, 400, "{bad}: {}", answer.text());
    }
    // Everybody can have tokens of these issuers: a rule has to say which are one's own.
    let github = "https://token.actions.githubusercontent.com";
    put("issuers/github", json!({ "url": github, "audiences": ["berth"] })).await.ok();
    for (condition, code) in [
        (json!({ "claim": "ref", "is": "refs/heads/main" }), 400),
        (json!({ "claim": "sub", "like": "repo:*/app:**" }), 400),
        (json!({ "claim": "sub", "like": "**" }), 400),
        (json!({ "claim": "sub", "like": "repo:acme/*:**" }), 200),
        (json!({ "claim": "repository_owner", "is": "acme" }), 200),
    ] {
        let wish = json!({ "issuer": "github", "conditions": [condition] });
        let answer = put("rules/github", wish).await;
        assert_eq!(answer.code, code, "{condition}: {}", answer.text());
    }
    // An issuer that rules are about stays, and no other takes its URL.
    admin.delete("/api/v1/federation/issuers/github").await.fails(400, "INVALID");
    put("issuers/again", json!({ "url": github, "audiences": ["berth"] }))
        .await
        .fails(400, "INVALID");
    admin.delete("/api/v1/federation/rules/github").await.status(204);
    admin.delete("/api/v1/federation/issuers/github").await.status(204);
    // All of it is for administrators.
    let ann = berth.writer("ann").await;
    for path in ["issuers", "rules", "issuers/ci", "rules/app"] {
        ann.get(&format!("/api/v1/federation/{path}")).await.fails(403, "DENIED");
    }
}

#[tokio::test]
async fn wrong_tokens_count_as_wrong_passwords_and_the_trail_tells_why() {
    let berth = TestApp::start_with(|config| config.auth.failed_logins = 3).await;
    let (admin, issuer) = (berth.admin().await, TestIssuer::start().await);
    trust(&admin, "ci", &issuer).await;
    let condition = json!({ "claim": "repository", "is": "acme/app" });
    rule(&admin, "app", json!({ "issuer": "ci", "conditions": [condition] })).await.ok();
    let good = issuer.token(berth.clock.now(), json!({}));
    let bad = issuer.token(berth.clock.now(), json!({ "repository": "evil/app" }));
    for _ in 0..3 {
        berth.anonymous().with_token(&bad).get("/v2/").await.fails(401, "UNAUTHORIZED");
    }
    let answer = berth.anonymous().with_token(&bad).get("/v2/").await;
    assert!(answer.fails(429, "TOOMANYREQUESTS").header("retry-after").parse::<u64>().unwrap() > 0);
    // Whoever is good is let in whatever others from the same address get wrong.
    berth.anonymous().with_token(&good).get("/v2/").await.ok();
    let events = admin.get("/api/v1/events?kind=request.refuse").await.ok().text();
    assert!(events.contains("the token is not accepted: no rule accepts it"), "{events}");
    let all = admin.get("/api/v1/events?n=1000").await.ok().text();
    for token in [&good, &bad] {
        assert!(!all.contains(token.rsplit('.').next().unwrap()), "a signature is in the trail");
    }
    let changes = admin.get("/api/v1/events?kind=trust.change").await.ok().json();
    let targets: Vec<_> =
        changes["events"].as_array().unwrap().iter().map(|event| &event["target"]).collect();
    assert_eq!(targets, ["rule app", "issuer ci"]);
}

#[tokio::test]
async fn the_command_line_does_all_of_it() {
    let issuer = TestIssuer::start().await;
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    berth(data, ["user", "add", "boss", "--generate", "--role", "administrator", "--data", "data"])
        .ok();
    let url = issuer.url();
    let federation = |arguments: &[&str]| {
        berth(data, [&["federation"], arguments, &["--data", "data"]].concat())
    };
    federation(&["issuer", "add", "ci", &url, "--audience", "berth"]).ok().says(["are looked at"]);
    let arguments = [
        "rule",
        "add",
        "app",
        "--issuer",
        "ci",
        "--is",
        "repository=acme/app",
        "--like",
        "ref=refs/heads/*",
        "--role",
        "writer",
        "--on",
        "acme/*",
    ];
    federation(&arguments).ok().says(["whoever it accepts is workload:app, writer on acme/*"]);
    federation(&["rule", "add", "x", "--issuer", "ci", "--is", "nothing"])
        .exit(1)
        .says(["NAME=VALUE"]);
    let rules = federation(&["rule", "list"]).ok().stdout;
    assert!(rules.contains("repository is acme/app and ref like refs/heads/*"), "{rules}");
    assert!(federation(&["issuer", "list"]).ok().stdout.contains("by discovery"));
    let now = berth::clock::Clock::system().now();
    std::fs::write(data.join("good.jwt"), issuer.token(now, json!({}))).unwrap();
    std::fs::write(data.join("bad.jwt"), issuer.token(now, json!({ "ref": "refs/tags/v1" })))
        .unwrap();
    let said = tokio::task::spawn_blocking({
        let data = data.to_owned();
        move || {
            let run = |file: &str| berth(&data, ["federation", "try", file, "--data", "data"]);
            (run("good.jwt"), run("bad.jwt"))
        }
    });
    let (good, bad) = said.await.unwrap();
    assert!(good.ok().stdout.contains("it becomes workload:app"));
    let bad = bad.exit(1).says(["no rule accepts it"]);
    assert!(
        bad.stdout.contains("rule app: no, `ref` is `refs/tags/v1`, and not like `refs/heads/*`"),
        "{bad:?}"
    );
    federation(&["rule", "disable", "app"]).ok();
    federation(&["rule", "enable", "app"]).ok();
    federation(&["rule", "remove", "app"]).ok();
    federation(&["issuer", "remove", "ci"]).ok();
}
