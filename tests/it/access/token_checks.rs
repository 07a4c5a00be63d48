//! Tokens that are not ours.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use berth::auth::new_signing_key;
use berth::clock::Timestamp;
use berth::meta::SigningKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::support::{Client, TestApp};

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn claims(token: &str) -> Value {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

/// A token with these claims, signed with a key, under a key's name.
fn sign(claims: &Value, key: &SigningKey, id: Option<&str>) -> String {
    let mut header = Header::new(Algorithm::ES256);
    header.kid = id.map(str::to_owned);
    encode(&header, claims, &EncodingKey::from_ec_der(key.private.expose())).unwrap()
}

/// The registry's own key and the claims of a good token of an administrator.
async fn own(berth: &TestApp) -> (SigningKey, Value, String) {
    let admin = berth.admin().await;
    let token = admin.token(&["repository:team/app:*"]).await;
    let keys = berth.app.meta.list_signing_keys(Timestamp::from_millis(0)).await.unwrap();
    (keys.into_iter().next().unwrap(), claims(&token), token)
}

async fn is_refused(client: &Client, token: &str, what: &str) {
    for path in ["/v2/", "/v2/team/app/tags/list"] {
        let answer = client.with_token(token).get(path).await;
        assert_eq!(answer.code, 401, "{what} at {path}: {}", answer.text());
        let challenge = answer.header("www-authenticate");
        assert!(challenge.ends_with(",error=\"invalid_token\""), "{what}: {challenge}");
        if path != "/v2/" {
            assert!(
                challenge.contains("scope=\"repository:team/app:pull\""),
                "{what}: {challenge}"
            );
        }
        answer.fails(401, "UNAUTHORIZED");
    }
}

#[tokio::test]
async fn a_token_that_is_not_ours_is_refused() {
    let berth = TestApp::start().await;
    let nobody = berth.anonymous();
    let (key, claims, token) = own(&berth).await;
    // What is signed here is good, so that each refusal below has the reason that it names.
    let id = Some(key.id.as_str());
    nobody.with_token(&sign(&claims, &key, id)).get("/v2/").await.ok();

    let foreign = new_signing_key(berth.clock.now()).unwrap();
    is_refused(&nobody, &sign(&claims, &foreign, id), "a foreign key under our key's name").await;
    is_refused(&nobody, &sign(&claims, &foreign, Some(&foreign.id)), "a foreign key").await;
    is_refused(&nobody, &sign(&claims, &key, Some("other")), "another key's name").await;
    is_refused(&nobody, &sign(&claims, &key, None), "no key's name").await;

    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
    for algorithm in ["none", "None", "NONE", "ES384", "RS256", "HS256", ""] {
        let other = part(&json!({ "alg": algorithm, "typ": "JWT", "kid": key.id }));
        for signature in ["", signature] {
            is_refused(&nobody, &format!("{other}.{payload}.{signature}"), algorithm).await;
        }
    }
    // Our public key taken for a shared secret.
    for secret in [&key.public[..], &key.public[1..]] {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(key.id.clone());
        let confused = encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap();
        is_refused(&nobody, &confused, "key confusion").await;
    }
    let mut wider = claims.clone();
    wider["access"][0]["name"] = "team/other".into();
    is_refused(&nobody, &format!("{header}.{}.{signature}", part(&wider)), "changed claims").await;
    let long = format!("{header}.{}.{signature}", "A".repeat(20_000));
    for garbage in ["x", "..", "a.b.c", "....", &token[1..], &token[..token.len() - 4], &long] {
        is_refused(&nobody, garbage, "garbage").await;
    }
}

#[tokio::test]
async fn a_token_for_another_time_place_or_user_is_refused() {
    let berth = TestApp::start().await;
    let nobody = berth.anonymous();
    let (key, good, _) = own(&berth).await;
    let now = berth.clock.now().as_seconds();
    let login = &good["holder"]["account"]["login"];
    for (claim, value) in [
        ("exp", json!(now)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!("later")),
        ("nbf", json!(now + 3600)),
        ("aud", json!("registry.example.org")),
        ("iss", json!("somebody")),
        ("sub", json!("")),
        ("holder", Value::Null),
        ("holder", json!({ "account": { "subject": "user:nobody", "login": login } })),
        ("holder", json!({ "account": { "subject": "robot:admin", "login": login } })),
        ("holder", json!({ "account": { "subject": "user:admin", "login": "" } })),
        ("holder", json!({ "account": { "subject": "user:admin" } })),
        ("holder", json!({ "account": { "subject": "user:admin", "login": login, "token": 7 } })),
        ("holder", json!({ "workload": { "name": "build", "rules": ["unknown"] } })),
        ("access", json!("everything")),
        ("access", Value::Null),
    ] {
        let mut claims = good.clone();
        claims[claim] = value.clone();
        let token = sign(&claims, &key, Some(&key.id));
        is_refused(&nobody, &token, &format!("{claim} {value}")).await;
    }
    for claim in ["exp", "nbf", "aud", "iss", "sub", "holder", "access"] {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(claim);
        let token = sign(&claims, &key, Some(&key.id));
        is_refused(&nobody, &token, &format!("without {claim}")).await;
    }
    // The clocks of two machines may differ a little.
    let mut early = good.clone();
    early["nbf"] = json!(now + 30);
    nobody.with_token(&sign(&early, &key, Some(&key.id))).get("/v2/").await.ok();
}
