//! Plugins that know people: `auth-htpasswd` and `auth-http`.

use std::time::Duration;

use serde_json::{Value, json};

use super::{change, grant, install};
use crate::support::{Client, Image, Receiver, TestApp};

/// Hashes that crypt(3) has made: `secret-of-NAME`, of cost 5, 10 and 8, the last as `$2b$`.
const ANN: &str = "ann:$2y$05$abcdefghijklmnopqrstuu2IQKBjLaH48D/32j2ZV8pOQYlZG3roe";
const BOB: &str = "bob:$2y$10$abcdefghijklmnopqrstuuSv42XND0y1ZUjhqlIxn0UGn7AUkV1fu";
const CAT: &str = "cat:$2b$08$abcdefghijklmnopqrstuuig.J40wVxUq9BLvgPBqX/Q.7wxYBGYK";

async fn may_write(admin: &Client, group: &str) {
    let rule = json!({ "subject": format!("group:{group}"), "role": "writer", "pattern": "**" });
    admin.post_json("/api/v1/bindings", rule).await.status(201);
}

#[tokio::test]
async fn the_people_of_an_htpasswd_file_are_let_in() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let users = format!("# made with htpasswd -B\n{ANN}\r\n\n{BOB}\n{CAT}\n");
    let settings = json!({ "users": users, "groups": ["staff"] });
    install(&berth, &admin, "auth-htpasswd", json!({ "settings": settings })).await;
    may_write(&admin, "auth-htpasswd/staff").await;
    for name in ["ann", "bob", "cat"] {
        let person = admin.with_password(name, &format!("secret-of-{name}"));
        person.push(&format!("of/{name}"), "v1", &Image::of(["hello"])).await;
        admin.with_password(name, "wrong").get("/v2/").await.status(401);
    }
    admin.with_password("dan", "secret-of-dan").get("/v2/").await.status(401);
    let account = admin.get("/api/v1/users/ann").await.ok().json();
    assert_eq!(account["groups"], json!(["auth-htpasswd/staff"]), "{account}");

    // Somebody who is taken out is out at once, whatever was remembered.
    change(&admin, "auth-htpasswd", json!({ "settings": { "users": BOB } })).await;
    admin.with_password("ann", "secret-of-ann").get("/v2/").await.status(401);
    admin.with_password("bob", "secret-of-bob").get("/v2/").await.ok();
}

#[tokio::test]
async fn hashes_that_are_guessed_too_fast_are_not_taken() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let wish = json!({ "source": "bundled:auth-htpasswd", "settings": { "users": ANN } });
    install(&berth, &admin, "auth-htpasswd", wish).await;
    for (line, expected) in [
        ("eve:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "SHA-1 without salt"),
        ("eve:$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/", "MD5"),
        ("eve:$2y$13$abcdefghijklmnopqrstuu2IQKBjLaH48D/32j2ZV8pOQYlZG3roe", "cost above"),
        ("eve:secret", "plain text"),
        ("eve", "line 2 is not `NAME:HASH`"),
    ] {
        let users = format!("{ANN}\n{line}");
        let wish = json!({ "settings": { "users": users } });
        let refused = admin.patch_json("/api/v1/plugins/auth-htpasswd", wish).await;
        let refused = refused.fails(400, "INVALID");
        assert!(refused.text().contains(expected), "{line}: {}", refused.text());
        assert!(!refused.text().contains("abcdefgh"), "no hash is repeated: {}", refused.text());
    }
    admin.with_password("ann", "secret-of-ann").get("/v2/").await.ok();
}

/// An endpoint that knows ann, refuses eve, and has never heard of others.
async fn endpoint(answer: Value, header: Option<&'static str>) -> Receiver {
    let receiver = Receiver::serving(answer.to_string()).await;
    receiver.answer(move |asked| {
        let asked = asked.json();
        let status = match (asked["username"].as_str(), asked["password"].as_str()) {
            (Some("ann"), Some("secret-of-ann")) => 200,
            (Some("ann" | "eve"), _) => 401,
            _ => 404,
        };
        (status, header.map(|value| ("cache-control", value.to_owned())).into_iter().collect())
    });
    receiver
}

async fn install_http(berth: &TestApp, admin: &Client, url: &str, settings: Value) {
    let mut wish = json!({
        "settings": { "url": url },
        "secrets": { "token": "t0ken" },
        "granted": [grant(url), "secret token", "key-value 1MiB"],
    });
    for (key, value) in settings.as_object().unwrap() {
        wish["settings"][key] = value.clone();
    }
    install(berth, admin, "auth-http", wish).await;
}

#[tokio::test]
async fn an_endpoint_says_who_somebody_is_and_for_how_long() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let known = json!({ "groups": ["people"], "labels": { "groups": ["builders"] } });
    let asked = endpoint(known, Some("private, max-age=60")).await;
    install_http(&berth, &admin, &asked.url(), json!({ "groups": ["all"] })).await;
    may_write(&admin, "auth-http/people").await;
    let ann = admin.with_password("ann", "secret-of-ann");
    ann.push("team/app", "v1", &Image::of(["hello"])).await;
    let account = admin.get("/api/v1/users/ann").await.ok().json();
    let groups = json!(["auth-http/all", "auth-http/builders", "auth-http/people"]);
    assert_eq!(account["groups"], groups, "{account}");
    let received = asked.received();
    assert_eq!(received.len(), 1, "asked once, and remembered for all requests of a push");
    assert_eq!(received[0].header("authorization"), "Bearer t0ken");
    assert_eq!(received[0].path, "/hook");
    let body = received[0].json();
    assert_eq!((&body["username"], &body["service"]), (&json!("ann"), &json!("berth")));

    // A client's trace goes along, if it is one.
    let (trace, wrong) = (format!("00-{}-{}-01", "a".repeat(32), "b".repeat(16)), "00-a-b-01");
    for (given, told) in [(trace.as_str(), Some(trace.as_str())), (wrong, None)] {
        let name = format!("joe{}", given.len());
        let joe = admin.with_password(&name, "secret-of-joe");
        let request = joe.request(reqwest::Method::GET, "/v2/").header("traceparent", given);
        joe.send(request).await.status(401);
        let last = asked.received().pop().unwrap();
        let header = last.headers.get("traceparent").map(|value| value.to_str().unwrap());
        assert_eq!(header, told);
    }
    admin.with_password("ann", "wrong").get("/v2/").await.status(401);
    admin.with_password("eve", "secret-of-eve").get("/v2/").await.status(401);
    admin.with_password("joe", "secret-of-joe").get("/v2/").await.status(401);
    assert_eq!(asked.received().len(), 6, "another password is another question");

    berth.turn_clock(Duration::from_secs(59));
    ann.get("/v2/").await.ok();
    assert_eq!(asked.received().len(), 6);
    berth.turn_clock(Duration::from_secs(2));
    ann.get("/v2/").await.ok();
    assert_eq!(asked.received().len(), 7, "its minute is over");
}

#[tokio::test]
async fn an_endpoint_that_is_down_lets_nobody_in() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let asked = endpoint(json!({ "ttl": 3600 }), None).await;
    install_http(&berth, &admin, &asked.url(), json!({ "longest-seconds": 120 })).await;
    let ann = admin.with_password("ann", "secret-of-ann");
    ann.get("/v2/").await.ok();
    asked.answer_with(500);
    // Whom it has vouched for is let in for as long as the settings bear; others are not, nor are they told that they are wrong.
    berth.turn_clock(Duration::from_secs(119));
    ann.get("/v2/").await.ok();
    let joe = admin.with_password("joe", "secret-of-joe");
    let refused = joe.get("/v2/").await.fails(503, "UNAVAILABLE");
    assert!(refused.find_header("retry-after").is_some());
    berth.turn_clock(Duration::from_secs(2));
    ann.get("/v2/").await.fails(503, "UNAVAILABLE");
    // A page of a proxy is no answer either, whatever its status.
    asked.answer_with(302);
    ann.get("/v2/").await.fails(503, "UNAVAILABLE");
    admin.get("/v2/").await.ok();

    // Nobody there at all.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/");
    let grants = json!([grant(&url), "secret token", "key-value 1MiB"]);
    change(&admin, "auth-http", json!({ "settings": { "url": url }, "granted": grants })).await;
    joe.get("/v2/").await.fails(503, "UNAVAILABLE");
    let log = admin.get("/api/v1/plugins/auth-http/logs").await.ok().text();
    assert!(!log.contains("secret-of-"), "{log}");
}

#[tokio::test]
async fn an_answer_without_a_lifetime_is_asked_for_again() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let asked = endpoint(json!({ "username": "ann.smith" }), Some("no-store, max-age=60")).await;
    install_http(&berth, &admin, &asked.url(), json!({})).await;
    let ann = admin.with_password("ann", "secret-of-ann");
    for count in 1..=2 {
        let me = ann.get("/api/v1/session").await.ok().json();
        assert!(me.to_string().contains("ann.smith"), "{me}");
        assert_eq!(asked.received().len(), count);
    }
    let refusing = endpoint(json!({ "allow": false }), None).await;
    let grants = json!([grant(&refusing.url()), "secret token", "key-value 1MiB"]);
    let wish = json!({ "settings": { "url": refusing.url() }, "granted": grants });
    change(&admin, "auth-http", wish).await;
    ann.get("/v2/").await.status(401);
}
