//! How a directory is reached: TLS from the first byte, StartTLS, neither.

use serde_json::{Value, json};

use super::{Office, wish};
use crate::support::slapd::password_of;
use crate::support::{Slapd, TestApp};

/// A server that takes no password over a connection without TLS.
const STRICT: &str = "security simple_bind=128";

async fn steps(office: &Office, settings: Value) -> (bool, Vec<(String, bool, String)>) {
    office.change(settings).await;
    let wish = json!({ "user": "ann", "password": password_of("ann") });
    let trial = office.admin.post_json("/api/v1/directories/corp/test", wish).await.ok().json();
    let steps = trial["steps"].as_array().unwrap().iter().map(|step| {
        let text = |field: &str| step[field].as_str().unwrap().to_owned();
        (text("step"), step["is_good"] == true, text("detail"))
    });
    (trial["is_good"] == true, steps.collect())
}

#[tokio::test]
async fn passwords_travel_over_tls_of_either_kind() {
    let Some(slapd) = Slapd::start_with(STRICT).await else { return };
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    for (name, url) in [("starttls", slapd.url()), ("from-the-start", slapd.tls_url())] {
        let made = wish(&slapd, name, json!({ "urls": [url] }));
        admin.post_json("/api/v1/directories", made).await.status(201);
        let path = format!("/api/v1/directories/{name}/test");
        let trial = json!({ "user": "ann", "password": password_of("ann") });
        let trial = admin.post_json(&path, trial).await.ok().json();
        assert_eq!(trial["is_good"], true, "{trial}");
        admin.delete(&format!("/api/v1/directories/{name}")).await.status(204);
    }
    // Without either this server refuses, so it was TLS indeed.
    let made = wish(&slapd, "plain", json!({ "starttls": false }));
    admin.post_json("/api/v1/directories", made).await.status(201);
    let trial = admin.post_json("/api/v1/directories/plain/test", json!({})).await.ok().json();
    let last = trial["steps"].as_array().unwrap().last().unwrap();
    assert!(last["detail"].as_str().unwrap().contains("confidentialityRequired"), "{trial}");
    let ann = berth.anonymous().with_password("ann", &password_of("ann"));
    ann.get("/v2/").await.fails(503, "UNAVAILABLE");
}

#[tokio::test]
async fn a_certificate_of_a_stranger_is_not_trusted() {
    let Some(office) = Office::open().await else { return };
    let stranger = rcgen::generate_simple_self_signed(["x".to_owned()]).unwrap().cert.pem();
    for url in [office.slapd.url(), office.slapd.tls_url()] {
        let settings = json!({ "urls": [url], "authorities": stranger });
        let (is_good, steps) = steps(&office, settings).await;
        let (step, works, detail) = steps.last().unwrap();
        assert!(!is_good && step == "tls" && !works, "{steps:?}");
        assert!(detail.contains("invalid peer certificate"), "{detail}");
        office.person("ann").get("/v2/").await.fails(503, "UNAVAILABLE");
    }
    // The right authority, and another name than the certificate's.
    let url = office.slapd.url().replace("127.0.0.1", "127.0.0.2");
    let settings = json!({ "urls": [url], "authorities": office.slapd.authority() });
    let (is_good, _) = steps(&office, settings).await;
    assert!(!is_good);
    // And by name.
    let url = office.slapd.tls_url().replace("127.0.0.1", "localhost");
    let (is_good, steps) = steps(&office, json!({ "urls": [url] })).await;
    assert!(is_good, "{steps:?}");
}

#[tokio::test]
async fn each_step_of_a_trial_says_what_came_of_it() {
    let Some(office) = Office::open().await else { return };
    let (is_good, steps) = steps(&office, json!({})).await;
    assert!(is_good);
    let names: Vec<_> = steps.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["connect", "tls", "bind", "search", "user", "password", "groups"]);
    let details: Vec<_> = steps.iter().map(|(.., detail)| detail.as_str()).collect();
    assert!(details[1].contains("StartTLS"), "{details:?}");
    assert!(details[2].ends_with("as cn=berth,dc=example,dc=org"), "{details:?}");
    assert!(details[4].starts_with("ann is uid=ann,ou=people,dc=example,dc=org"), "{details:?}");
    assert_eq!(details[6], "2 there, here: corp/devs, corp/ops");
    let users = office.admin.get("/api/v1/users").await.ok().json();
    assert_eq!(users["users"].as_array().unwrap().len(), 1, "a trial makes no account");

    let wrong = json!({ "user": "ann", "password": "wrong" });
    let trial = office.admin.post_json("/api/v1/directories/corp/test", wrong).await.ok().json();
    let password = &trial["steps"][5];
    assert_eq!((&password["step"], &password["is_good"]), (&json!("password"), &json!(false)));
    assert!(!trial.to_string().contains("wrong"), "{trial}");
}
