//! A directory that does not answer.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;

use super::{Office, local, post_form, refresh_token};
use crate::support::slapd::password_of;

#[tokio::test]
async fn an_outage_is_told_to_those_whom_it_concerns_and_nobody_else() {
    let Some(mut office) = Office::open().await else { return };
    let here = local(&office.berth, "here").await;
    let ann = office.person("ann");
    let token = office.token_of(&ann).await;
    let refresh = refresh_token(&ann).await;
    let nobody = office.berth.anonymous();
    office.slapd.stop();

    // What is remembered is good for as long as it is remembered.
    ann.get("/v2/").await.ok();
    office.berth.turn_clock(Duration::from_mins(5));
    let answer = ann.get("/v2/").await.fails(503, "UNAVAILABLE");
    assert!(answer.text().contains("directory"), "{}", answer.text());
    assert!(answer.find_header("retry-after").is_some());
    assert!(answer.find_header("www-authenticate").is_none(), "another password would not help");
    ann.get("/token").await.fails(503, "UNAVAILABLE");
    office.person("nobody").get("/v2/").await.fails(503, "UNAVAILABLE");
    post_form(&nobody, &refresh).await.fails(503, "UNAVAILABLE");
    // A token is a secret of its own: it is good until the directory says something else.
    token.get("/v2/").await.ok();

    here.get("/v2/").await.ok();
    nobody.get("/v2/").await.fails(401, "UNAUTHORIZED");
    nobody.with_password("here", "wrong").get("/v2/").await.fails(401, "UNAUTHORIZED");

    office.slapd.go_on().await;
    office.berth.turn_clock(Duration::from_secs(5));
    ann.get("/v2/").await.ok();
    post_form(&nobody, &refresh).await.ok();
    token.get("/v2/").await.ok();
    // It counts as no failure of theirs.
    office.person("bob").get("/v2/").await.ok();
}

#[tokio::test]
async fn connections_that_broke_meanwhile_are_replaced() {
    let Some(mut office) = Office::open_with(json!({ "remember": "0s" })).await else { return };
    office.person("ann").get("/v2/").await.ok();
    for _ in 0..3 {
        office.slapd.stop();
        office.slapd.go_on().await;
        office.person("ann").get("/v2/").await.ok();
    }
}

#[tokio::test]
async fn another_server_of_the_directory_takes_over() {
    let Some(mut office) = Office::open().await else { return };
    let other = crate::support::Slapd::start().await.unwrap();
    // The same entry, as a replica has it, is known by the same id; here only names agree.
    office
        .change(json!({
            "urls": [office.slapd.url(), other.url()], "id_attribute": "", "remember": "0s",
            "authorities": format!("{}{}", office.slapd.authority(), other.authority()),
        }))
        .await;
    let before = other.logins().await;
    office.person("ann").get("/v2/").await.ok();
    assert_eq!(other.logins().await, before, "the first one is asked as long as it answers");
    office.slapd.stop();
    office.person("ann").get("/v2/").await.ok();
    assert!(other.logins().await > before);
}

#[tokio::test]
async fn a_server_that_says_nothing_holds_nobody_up_for_long() {
    let Some(office) = Office::open().await else { return };
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("ldap://{}", silent.local_addr().unwrap());
    for starttls in [true, false] {
        office.change(json!({ "urls": [address], "timeout": "1s", "starttls": starttls })).await;
        let logins = ["ann", "bob", "eve", "nobody"].map(|name| {
            let person = office.person(name);
            async move { person.get("/v2/").await.fails(503, "UNAVAILABLE") }
        });
        futures::future::join_all(logins).await;
        office.admin.get("/v2/").await.ok();
    }
    // Beside one that answers it costs a moment once, and is tried last afterwards.
    office.change(json!({ "urls": [address, office.slapd.url()], "starttls": true })).await;
    office.person("ann").get("/v2/").await.ok();
    office.person("bob").get("/v2/").await.ok();
}

#[tokio::test]
async fn many_who_come_at_once_are_all_served() {
    let Some(office) = Office::open().await else { return };
    for number in 0..40 {
        office.slapd.add_person(&format!("person{number}")).await;
    }
    let logins = (0..40).map(|number| {
        let person = office.person(&format!("person{number}"));
        async move { person.get("/v2/").await.ok() }
    });
    futures::future::join_all(logins).await;
    let same = (0..40).map(|_| {
        let ann = office.person("ann");
        async move { ann.get("/v2/").await.ok() }
    });
    futures::future::join_all(same).await;
}

#[tokio::test]
async fn a_broken_setting_is_an_outage_for_users_and_told_to_administrators() {
    let Some(office) = Office::open().await else { return };
    for (settings, step, words) in [
        (json!({ "bind_password": "wrong" }), "bind", "invalidCredentials"),
        (json!({ "user_base": "ou=nowhere,dc=example,dc=org" }), "search", "is not there"),
        (json!({ "urls": ["ldap://localhost:1"] }), "connect", "cannot be reached"),
        (json!({ "urls": ["ldap://nowhere.invalid"] }), "connect", "cannot be reached"),
    ] {
        let made = super::wish(&office.slapd, "broken", settings.clone());
        office.admin.post_json("/api/v1/directories", made).await.status(201);
        office
            .admin
            .patch_json("/api/v1/directories/corp", json!({ "is_enabled": false }))
            .await
            .ok();
        office.person("ann").get("/v2/").await.fails(503, "UNAVAILABLE");
        let wish = json!({ "user": "ann", "password": password_of("ann") });
        let trial = office.admin.post_json("/api/v1/directories/broken/test", wish).await;
        let trial = trial.ok().json();
        assert_eq!(trial["is_good"], false);
        let last = trial["steps"].as_array().unwrap().last().unwrap();
        assert_eq!((&last["step"], &last["is_good"]), (&json!(step), &json!(false)), "{trial}");
        assert!(last["detail"].as_str().unwrap().contains(words), "{last}");
        office.admin.delete("/api/v1/directories/broken").await.status(204);
    }
}
