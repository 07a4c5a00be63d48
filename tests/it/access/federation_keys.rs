//! Keys of issuers: fetched when needed, kept, rotated, and never a way to make Berth hammer anybody.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use super::federation::{rule, start, trust};
use crate::support::{Answer, TestApp, TestIssuer, TestKey, eventually};

/// Shows a token; the answer.
async fn show(berth: &TestApp, token: &str) -> Answer {
    berth.anonymous().with_token(token).get("/api/v1/session").await
}

#[tokio::test]
async fn keys_rotate_as_soon_as_an_issuer_signs_with_another_one() {
    let (berth, _, issuer) = start().await;
    let old = issuer.token(berth.clock.now(), json!({}));
    show(&berth, &old).await.ok();
    berth.turn_clock(Duration::from_secs(31));
    issuer.rotate("second");
    show(&berth, &issuer.token(berth.clock.now(), json!({}))).await.ok();
    assert_eq!(issuer.requests(), (1, 2));
    // What the issuer took back is good no more.
    show(&berth, &old).await.fails(401, "UNAUTHORIZED");
    // The first key that another one is asked for in too short a time has to wait.
    issuer.rotate("third");
    let third = issuer.token(berth.clock.now(), json!({}));
    show(&berth, &third).await.fails(401, "UNAUTHORIZED");
    berth.turn_clock(Duration::from_secs(31));
    show(&berth, &third).await.ok();
}

#[tokio::test]
async fn an_outage_of_the_issuer_is_bridged_for_a_day() {
    let (berth, _, issuer) = start().await;
    issuer.set_cache_control("max-age=600");
    show(&berth, &issuer.token(berth.clock.now(), json!({}))).await.ok();
    assert_eq!(issuer.requests().1, 1);
    // As long as they are fresh, nobody is asked.
    berth.turn_clock(Duration::from_secs(599));
    show(&berth, &issuer.token(berth.clock.now(), json!({}))).await.ok();
    assert_eq!(issuer.requests().1, 1);
    issuer.set_down(true);
    berth.turn_clock(Duration::from_secs(2));
    for _ in 0..3 {
        show(&berth, &issuer.token(berth.clock.now(), json!({}))).await.ok();
    }
    assert_eq!(issuer.requests().1, 2);
    berth.turn_clock(Duration::from_hours(23));
    show(&berth, &issuer.token(berth.clock.now(), json!({}))).await.ok();
    // After that nothing is known of its keys any more: not the client's mistake, and not counted as one.
    berth.turn_clock(Duration::from_hours(1));
    let answer = show(&berth, &issuer.token(berth.clock.now(), json!({}))).await;
    answer.fails(503, "UNAVAILABLE").header("retry-after");
    issuer.set_down(false);
    berth.turn_clock(Duration::from_secs(31));
    show(&berth, &issuer.token(berth.clock.now(), json!({}))).await.ok();
}

#[tokio::test]
async fn keys_that_do_not_say_how_long_they_are_fresh_are_asked_for_hourly_and_at_least_every_six_hours()
 {
    for (cache_control, fresh) in [("", 3600), ("no-store", 300), ("max-age=9999999", 6 * 3600)] {
        let (berth, _, issuer) = start().await;
        issuer.set_cache_control(cache_control);
        let ask = async || show(&berth, &issuer.token(berth.clock.now(), json!({}))).await.ok();
        ask().await;
        berth.turn_clock(Duration::from_secs(fresh - 1));
        ask().await;
        assert_eq!(issuer.requests().1, 1, "{cache_control}");
        berth.turn_clock(Duration::from_secs(2));
        ask().await;
        assert_eq!(issuer.requests().1, 2, "{cache_control}");
    }
}

#[tokio::test]
async fn tokens_with_unknown_keys_do_not_make_berth_hammer_the_issuer() {
    let (berth, _, issuer) = start().await;
    let now = berth.clock.now();
    let claims = issuer.claims(now, json!({}));
    let strange: Vec<String> = (0..100)
        .map(|number| TestKey::new(&format!("key-{number}"), "ES256").token(&claims))
        .collect();
    // Before anything is known of the issuer, and all at once.
    for answer in join_all(strange.iter().map(|token| show(&berth, token))).await {
        answer.fails(401, "UNAUTHORIZED");
    }
    assert_eq!(issuer.requests(), (1, 1));
    show(&berth, &issuer.token(now, json!({}))).await.ok();
    for _ in 0..3 {
        berth.turn_clock(Duration::from_secs(31));
        for answer in join_all(strange.iter().map(|token| show(&berth, token))).await {
            answer.fails(401, "UNAUTHORIZED");
        }
    }
    assert_eq!(issuer.requests(), (1, 4), "once in half a minute, whatever comes");
    // Neither do they while it is down.
    issuer.set_down(true);
    berth.turn_clock(Duration::from_secs(31));
    for answer in join_all(strange.iter().map(|token| show(&berth, token))).await {
        answer.fails(401, "UNAUTHORIZED");
    }
    assert_eq!(issuer.requests(), (1, 5));
    // What is over is not worth a question at all.
    let fresh = TestIssuer::start().await;
    let admin = berth.admin().await;
    trust(&admin, "fresh", &fresh).await;
    let old = fresh.token(berth.clock.now(), json!({ "exp": 1 }));
    show(&berth, &old).await.fails(401, "UNAUTHORIZED");
    assert_eq!(fresh.requests(), (0, 0));
}

#[tokio::test]
async fn an_issuer_speaks_for_itself_alone() {
    let (berth, admin, issuer) = start().await;
    // Its discovery document is of somebody else.
    let other = TestIssuer::start().await;
    other.call_itself(&issuer.url());
    trust(&admin, "other", &other).await;
    let condition = json!({ "claim": "repository", "is": "acme/app" });
    rule(&admin, "other", json!({ "issuer": "other", "conditions": [condition] })).await.ok();
    let token = other.token(berth.clock.now(), json!({}));
    show(&berth, &token).await.fails(503, "UNAVAILABLE");
    // With its keys found otherwise, it is good for its own rules, and for none of another issuer's.
    let keys = json!({ "url": other.url(), "audiences": ["berth"], "jwks_uri": format!("{}/keys", other.url()) });
    admin.put_json("/api/v1/federation/issuers/other", keys).await.ok();
    let me = show(&berth, &token).await.ok().json();
    assert_eq!(me["subjects"], json!(["workload:other", "authenticated", "everyone"]));
    let pretends = other.token(berth.clock.now(), json!({ "iss": issuer.url() }));
    show(&berth, &pretends).await.fails(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn several_keys_and_algorithms_can_be_in_use() {
    let (berth, admin, issuer) = start().await;
    let keys = ["ES256", "ES384", "EdDSA", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
    let keys = keys.map(|algorithm| TestKey::new(algorithm, algorithm));
    issuer.publish(&keys);
    let claims = issuer.claims(berth.clock.now(), json!({}));
    for key in &keys {
        show(&berth, &key.token(&claims)).await.ok();
    }
    // A key is good for the algorithm that its set says, and a signature for what it was made of.
    let rs256 = &keys[3];
    for (algorithm, id) in [("RS512", "RS256"), ("PS256", "RS256"), ("RS512", "RS512")] {
        let token = rs256.sign(&json!({ "alg": algorithm, "kid": id }), &claims);
        show(&berth, &token).await.fails(401, "UNAUTHORIZED");
    }
    // Without a name it is only clear which one is meant where one alone is for the algorithm.
    show(&berth, &keys[0].sign(&json!({ "alg": "ES256" }), &claims)).await.ok();
    issuer.publish(&[keys[0].clone(), TestKey::new("another", "ES256")]);
    berth.turn_clock(Duration::from_hours(2));
    let claims = issuer.claims(berth.clock.now(), json!({}));
    show(&berth, &keys[0].token(&claims)).await.ok();
    show(&berth, &keys[0].sign(&json!({ "alg": "ES256" }), &claims))
        .await
        .fails(401, "UNAUTHORIZED");
    // An issuer can be held to one algorithm.
    let wish = json!({ "url": issuer.url(), "audiences": ["berth"], "algorithms": ["EdDSA"] });
    admin.put_json("/api/v1/federation/issuers/ci", wish).await.ok();
    show(&berth, &keys[0].token(&claims)).await.fails(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn clients_that_hang_up_do_not_keep_keys_from_being_fetched() {
    let (berth, _, issuer) = start().await;
    issuer.hold();
    let token = issuer.token(berth.clock.now(), json!({}));
    tokio::select! {
        _ = show(&berth, &token) => panic!("the issuer does not answer"),
        () = eventually("the issuer is asked", async || (issuer.requests().0 == 1).then_some(())) => {}
    }
    issuer.release();
    show(&berth, &token).await.ok();
    assert_eq!(issuer.requests(), (1, 1));
}

#[tokio::test]
async fn whoever_comes_while_keys_are_fetched_waits_for_them() {
    let (berth, _, issuer) = start().await;
    issuer.hold();
    let token = issuer.token(berth.clock.now(), json!({}));
    let crowd = join_all((0..20).map(|_| show(&berth, &token)));
    let release = async {
        eventually("the issuer is asked", async || (issuer.requests().0 == 1).then_some(())).await;
        issuer.release();
    };
    let (answers, ()) = tokio::join!(crowd, release);
    for answer in answers {
        answer.ok();
    }
    assert_eq!(issuer.requests(), (1, 1));
    // Keys that are not fresh any more are good meanwhile.
    berth.turn_clock(Duration::from_hours(2));
    issuer.hold();
    let token = issuer.token(berth.clock.now(), json!({}));
    let first = show(&berth, &token);
    let others = async {
        eventually("the issuer is asked", async || (issuer.requests().0 == 2).then_some(())).await;
        for _ in 0..3 {
            show(&berth, &token).await.ok();
        }
        issuer.release();
    };
    let (answer, ()) = tokio::join!(first, others);
    answer.ok();
}
