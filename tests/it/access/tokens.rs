//! The token endpoint: Docker's flow, OAuth2, refresh tokens, keys.

use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, TokenData, Validation, decode, decode_header};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Client, Image, Role, TestApp, berth, tester};

pub(super) async fn post_form(client: &Client, form: &str) -> Answer {
    let request = client.request(Method::POST, "/token");
    let form_type = "application/x-www-form-urlencoded";
    client.send(request.header("content-type", form_type).body(form.to_owned())).await
}

/// What a token says, verified as another registry would: with the published keys alone.
async fn read_token(berth: &TestApp, token: &str) -> TokenData<Value> {
    let keys = berth.anonymous().get("/.well-known/jwks.json").await.ok();
    let keys: JwkSet = serde_json::from_slice(&keys.bytes).unwrap();
    let id = decode_header(token).unwrap().kid.unwrap();
    let key = keys.find(&id).expect("the token's key is published");
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&["berth"]);
    validation.set_issuer(&["berth"]);
    validation.validate_exp = false; // the clock is turned by hand
    decode(token, &DecodingKey::from_jwk(key).unwrap(), &validation).unwrap()
}

#[tokio::test]
async fn a_token_can_be_verified_by_whoever_has_the_published_keys() {
    let berth = TestApp::start().await;
    let ann = berth.writer("ann").await;
    let answer = ann
        .get("/token?service=berth&scope=repository:team/app:push,pull,delete&client_id=docker")
        .await
        .ok();
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("content-type"), "application/json");
    let body = answer.json();
    assert_eq!(body["token"], body["access_token"]);
    assert_eq!(body["expires_in"], 300);
    assert_eq!(body["issued_at"], "2026-09-21T14:13:20.000Z");
    assert!(body.get("refresh_token").is_none(), "nobody asked for one");

    let token = body["token"].as_str().unwrap();
    assert!(token.len() < 1000, "it fits into a header beside others");
    let claims = read_token(&berth, token).await.claims;
    assert_eq!(claims["iss"], "berth");
    assert_eq!(claims["aud"], "berth");
    assert_eq!(claims["sub"], "ann");
    assert_eq!(claims["iat"], 1_790_000_000);
    assert_eq!(claims["nbf"], 1_790_000_000);
    assert_eq!(claims["exp"], 1_790_000_300);
    let granted =
        json!([{ "type": "repository", "name": "team/app", "actions": ["pull", "push"] }]);
    assert_eq!(claims["access"], granted);
    let other = ann.token(&["repository:team/app:push,pull,delete"]).await;
    assert_ne!(read_token(&berth, &other).await.claims["jti"], claims["jti"]);
}

#[tokio::test]
async fn asking_for_more_than_is_allowed_is_no_error() {
    let berth = TestApp::start().await;
    let rita = berth.reader("rita").await;
    let ann = berth.writer("ann").await;
    let admin = berth.admin().await;
    for (who, client, query, granted) in [
        ("rita", &rita, "scope=repository:a:pull,push,delete,*", "repository:a:pull"),
        ("rita", &rita, "scope=repository:a:push", ""),
        ("rita", &rita, "scope=registry:catalog:*", "registry:catalog:*"),
        ("ann", &ann, "scope=repository:a:*", "repository:a:pull,push"),
        ("ann", &ann, "scope=repository:a:delete", ""),
        ("admin", &admin, "scope=repository:a:*", "repository:a:pull,push,delete"),
        // Several scopes in one, several times, and twice the same.
        (
            "ann",
            &ann,
            "scope=repository:a:pull%20repository:b:pull",
            "repository:a:pull repository:b:pull",
        ),
        (
            "ann",
            &ann,
            "scope=repository:a:pull+repository:b:pull",
            "repository:a:pull repository:b:pull",
        ),
        (
            "ann",
            &ann,
            "scope=repository:a:pull&scope=repository:b:push",
            "repository:a:pull repository:b:push",
        ),
        ("ann", &ann, "scope=repository:a:pull&scope=repository:a:push", "repository:a:pull,push"),
        // What Docker's plugins and old clients ask for, and what nobody understands.
        ("ann", &ann, "scope=repository(plugin):a:pull", "repository:a:pull"),
        ("ann", &ann, "scope=repository:a:fly,pull", "repository:a:pull"),
        ("ann", &ann, "scope=repository:A/B:pull", ""),
        ("ann", &ann, "scope=repository:../etc:pull", ""),
        ("ann", &ann, "scope=repository:*:pull", ""),
        ("ann", &ann, "scope=registry:other:*", ""),
        ("ann", &ann, "scope=nonsense", ""),
        ("ann", &ann, "scope=:::&scope=%00&scope=%ff", ""),
        ("ann", &ann, "scope=", ""),
        ("ann", &ann, "", ""),
        ("nobody", &berth.anonymous(), "scope=repository:a:pull&scope=registry:catalog:*", ""),
    ] {
        let answer = client.get(&format!("/token?service=berth&{query}")).await.ok();
        assert_eq!(answer.json()["scope"], granted, "{who}: {query}");
    }
}

#[tokio::test]
async fn a_token_covers_many_repositories_and_stays_usable() {
    let berth = TestApp::start().await;
    let ann = berth.writer("ann").await;
    let scopes: Vec<_> = (0..100).map(|number| format!("repository:a/b{number:02}:pull")).collect();
    let scopes: Vec<_> = scopes.iter().map(String::as_str).collect();
    let token = ann.log_in(&scopes).await;
    token.get("/v2/a/b00/tags/list").await.status(404);
    token.get("/v2/a/b99/tags/list").await.status(404);
    // It has to fit into a header: what is too much is left out, like what is not allowed.
    let rest = "a".repeat(250);
    let scopes: Vec<_> =
        (100..300).map(|number| format!("repository:{number}{rest}:pull,push")).collect();
    let form = format!(
        "grant_type=password&username=ann&password=correct+horse+battery&scope={}",
        scopes.join("+")
    );
    let answer = post_form(&berth.anonymous(), &form).await.ok().json();
    let token = ann.with_token(answer["access_token"].as_str().unwrap());
    token.get(&format!("/v2/100{rest}/tags/list")).await.status(404);
    let granted = answer["scope"].as_str().unwrap().split(' ').count();
    assert!((50..200).contains(&granted), "{granted}");
    token.get(&format!("/v2/299{rest}/tags/list")).await.fails(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn an_anonymous_token_is_nobodys() {
    let berth = TestApp::start().await;
    let answer = berth
        .anonymous()
        .get("/token?service=berth&scope=repository:a:pull&offline_token=true")
        .await
        .ok();
    assert!(answer.json().get("refresh_token").is_none());
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    // Somebody with the name that is written down for nobody must not be taken for them.
    berth.user("anonymous", Role::Administrator).await;
    let nobody = berth.anonymous().with_token(&token);
    for path in ["/v2/", "/v2/_catalog", "/v2/a/tags/list", "/metrics"] {
        let answer = nobody.get(path).await.fails(401, "UNAUTHORIZED");
        assert!(!answer.header("www-authenticate").contains("error="), "the token itself is good");
    }
}

#[tokio::test]
async fn docker_login_and_what_follows() {
    let berth = TestApp::start().await;
    let ann = berth.writer("ann").await;
    let nobody = berth.anonymous();
    // Docker asks whether it must log in,
    let challenge = nobody.get("/v2/").await.fails(401, "UNAUTHORIZED");
    let realm = challenge.header("www-authenticate").split('"').nth(1).unwrap().to_owned();
    // fetches a token without a scope by the password, and one to keep,
    let answer = ann
        .get(&format!("{realm}?account=ann&client_id=docker&offline_token=true&service=berth"))
        .await
        .ok();
    assert_eq!(answer.json()["scope"], "");
    let identity = answer.json()["refresh_token"].as_str().unwrap().to_owned();
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    // and tries it.
    ann.with_token(&token).get("/v2/").await.ok();
    ann.with_token(&token).get("/v2/team/app/tags/list").await.fails(401, "UNAUTHORIZED");

    // For a push it turns the kept token into one for this repository.
    let scope = "scope=repository%3Ateam%2Fapp%3Apull%2Cpush";
    let form = format!(
        "client_id=docker&grant_type=refresh_token&refresh_token={identity}&{scope}&service=berth"
    );
    let answer = post_form(&nobody, &form).await.ok();
    assert_eq!(answer.json()["scope"], "repository:team/app:pull,push");
    assert_eq!(answer.json()["refresh_token"], identity.as_str(), "still the one to keep");
    let push = ann.with_token(answer.json()["access_token"].as_str().unwrap());
    push.push("team/app", "v1", &Image::of(["hello"])).await;

    // It lasts for the time that the settings say, restarts included, and is not kept in the clear.
    let rows = std::fs::read(berth.directory.path().join("data/berth.db-wal")).unwrap();
    assert!(!rows.windows(identity.len()).any(|window| window == identity.as_bytes()));
    berth.turn_clock(Duration::from_secs(90 * 86_400 - 1));
    post_form(&nobody, &form).await.ok();
    berth.turn_clock(Duration::from_secs(2));
    post_form(&nobody, &form).await.fails(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn oauth2_by_password() {
    let berth = TestApp::start().await;
    berth.writer("ann").await;
    let nobody = berth.anonymous();
    let form = "grant_type=password&username=ann&password=correct+horse%20battery&service=berth&client_id=containerd\
                &scope=repository:a:pull,push%20repository:b:pull";
    let answer = post_form(&nobody, form).await.ok().json();
    assert_eq!(answer["scope"], "repository:a:pull,push repository:b:pull");
    assert_eq!(answer["expires_in"], 300);
    assert!(answer.get("refresh_token").is_none(), "nobody asked for one");
    nobody
        .with_token(answer["access_token"].as_str().unwrap())
        .get("/v2/b/tags/list")
        .await
        .status(404);

    let answer = post_form(&nobody, &format!("{form}&access_type=offline")).await.ok().json();
    let refresh = answer["refresh_token"].as_str().unwrap();
    let form =
        format!("grant_type=refresh_token&refresh_token={refresh}&scope=repository:b:delete,pull");
    assert_eq!(post_form(&nobody, &form).await.ok().json()["scope"], "repository:b:pull");
}

#[tokio::test]
async fn a_form_that_asks_for_nothing_sensible_is_refused() {
    let berth = TestApp::start_with(|config| config.auth.failed_logins = 10_000).await;
    berth.writer("ann").await;
    let nobody = berth.anonymous();
    for form in [
        "",
        "=",
        "grant_type=",
        "grant_type=authorization_code&code=x",
        "grant_type=client_credentials",
        "grant_type=password",
        "grant_type=password&username=ann",
        "grant_type=password&password=x",
        "grant_type=refresh_token",
        "{\"grant_type\":\"password\"}",
        "\u{0}\u{1}",
    ] {
        post_form(&nobody, form).await.fails(400, "UNSUPPORTED");
    }
    for form in [
        "grant_type=password&username=ann&password=wrong",
        "grant_type=password&username=ann&password=",
        "grant_type=password&username=&password=",
        "grant_type=refresh_token&refresh_token=wrong",
        "grant_type=refresh_token&refresh_token=",
    ] {
        let answer = post_form(&nobody, form).await.fails(401, "UNAUTHORIZED");
        assert_eq!(answer.header("www-authenticate"), "Basic realm=\"berth\"");
    }
    let large = format!("grant_type=password&username=ann&password={}", "x".repeat(3 << 20));
    let answer = post_form(&nobody, &large).await;
    assert!((400..500).contains(&answer.code), "{}", answer.code);
}

#[tokio::test]
async fn a_token_begets_no_other_token() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let narrow = admin.log_in(&["repository:a:pull"]).await;
    narrow.get("/v2/a/tags/list").await.status(404);
    for query in ["", "scope=repository:a:pull", "scope=repository:a:*&offline_token=true"] {
        narrow.get(&format!("/token?{query}")).await.fails(401, "UNAUTHORIZED");
    }
    post_form(&narrow, "scope=repository:a:*").await.fails(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_token_ends_with_its_lifetime() {
    let berth = TestApp::start().await;
    let ann = berth.writer("ann").await.log_in(&["repository:a:pull"]).await;
    berth.turn_clock(Duration::from_secs(299));
    ann.get("/v2/").await.ok();
    berth.turn_clock(Duration::from_secs(1));
    let answer = ann.get("/v2/a/tags/list").await.fails(401, "UNAUTHORIZED");
    assert!(
        answer
            .header("www-authenticate")
            .ends_with(",scope=\"repository:a:pull\",error=\"invalid_token\"")
    );
    let longer = TestApp::start_with(|config| {
        config.auth.token_lifetime = berth::config::HumanDuration::seconds(3600);
    })
    .await;
    let answer = longer.writer("ann").await.get("/token").await.ok().json();
    assert_eq!(answer["expires_in"], 3600);
}

#[tokio::test]
async fn a_new_key_signs_and_the_old_one_still_verifies() {
    let berth = TestApp::start().await;
    let ann = berth.writer("ann").await;
    let id = |token: &str| decode_header(token).unwrap().kid.unwrap();
    let published = async || {
        let keys = berth.anonymous().get("/.well-known/jwks.json").await.ok().json();
        keys["keys"].as_array().unwrap().len()
    };
    let old = ann.token(&["repository:a:pull"]).await;
    let new_id = berth.app.auth.rotate_key(&tester()).await.unwrap();
    let new = ann.token(&["repository:a:pull"]).await;
    assert_eq!(id(&new), new_id);
    assert_ne!(id(&old), new_id);
    assert_eq!(published().await, 2);
    for token in [&old, &new] {
        read_token(&berth, token).await;
        ann.with_token(token).get("/v2/").await.ok();
    }
    berth.turn_clock(Duration::from_secs(299));
    ann.with_token(&old).get("/v2/").await.ok();
    berth.turn_clock(Duration::from_secs(2));
    ann.with_token(&old).get("/v2/").await.fails(401, "UNAUTHORIZED");
    // Other machines' clocks may go after ours.
    assert_eq!(published().await, 2);
    berth.turn_clock(Duration::from_mins(2));
    assert_eq!(published().await, 1);
}

#[tokio::test]
async fn a_rotation_by_another_process_is_taken_up() {
    let registry = TestApp::start().await;
    let ann = registry.writer("ann").await;
    let old = ann.token(&[]).await;
    let data = registry.directory.path();
    let said = berth(data, ["key", "rotate", "--data", "data"]).ok();
    let id = said.stdout.split_whitespace().next().unwrap().to_owned();
    registry.turn_clock(Duration::from_secs(1));
    let new = ann.token(&[]).await;
    assert_eq!(decode_header(&new).unwrap().kid.unwrap(), id);
    for token in [old, new] {
        ann.with_token(&token).get("/v2/").await.ok();
    }
    let listed = berth(data, ["key", "list", "--json", "--data", "data"]).ok().json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_restart_ends_no_token() {
    let directory = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let start = || TestApp::start_in(directory.clone(), berth::blob::Probe::default(), |_| {});
    let first = start().await;
    let ann = first.writer("ann").await;
    let token = ann.token(&["repository:a:pull"]).await;
    let answer = ann.get("/token?offline_token=true").await.ok().json();
    first.stop().await;
    let second = start().await;
    let nobody = second.anonymous();
    nobody.with_token(&token).get("/v2/a/tags/list").await.status(404);
    let refresh = answer["refresh_token"].as_str().unwrap();
    post_form(&nobody, &format!("grant_type=refresh_token&refresh_token={refresh}")).await.ok();
}
