//! Logging in with the name and the password that a directory has.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::{Office, local, post_form};
use crate::support::slapd::{password_of, person_dn};
use crate::support::{Image, PASSWORD, TestApp};

#[tokio::test]
async fn whoever_a_directory_vouches_for_gets_an_account_with_groups() {
    let Some(office) = Office::open().await else { return };
    let ann = office.person("ann");
    ann.get("/v2/").await.ok();
    let user = office.admin.get("/api/v1/users/ann").await.ok().json();
    assert_eq!(user["provider"], "ldap:corp");
    assert_eq!(user["full_name"], "ann Example");
    assert_eq!(user["email"], "ann@example.org");
    assert_eq!(user["has_password"], false);
    assert_eq!(user["groups"], json!(["corp/devs", "corp/ops"]));
    let subjects = office.subjects(&ann).await;
    let expected = ["user:ann", "group:corp/devs", "group:corp/ops", "authenticated", "everyone"];
    assert_eq!(subjects, expected);

    // What a rule gives to a group is theirs, and nothing else is.
    let rule = json!({ "subject": "group:corp/devs", "role": "writer", "pattern": "team/**" });
    office.admin.post_json("/api/v1/bindings", rule).await.status(201);
    ann.push("team/app", "v1", &Image::of(["a layer"])).await;
    office.person("bob").get("/v2/team/app/manifests/v1").await.ok();
    office.person("eve").get("/v2/team/app/manifests/v1").await.fails(403, "DENIED");
    ann.get("/v2/other/app/manifests/v1").await.fails(403, "DENIED");

    // By every way in.
    let token = ann.log_in(&["repository:team/app:pull"]).await;
    token.get("/v2/team/app/manifests/v1").await.ok();
    let form = format!("grant_type=password&username=ann&password={}", password_of("ann"));
    post_form(&office.berth.anonymous(), &form.replace(' ', "+")).await.ok();
    let sign_in = json!({ "username": "ann", "password": password_of("ann") });
    office.berth.anonymous().post_json("/api/v1/session", sign_in).await.status(201);
}

#[tokio::test]
async fn nobody_is_let_in_with_a_wrong_password_or_a_trick() {
    let Some(office) = Office::open().await else { return };
    let before = office.slapd.logins().await;
    for (name, password) in [
        // A server takes an empty password for none, and lets everybody in.
        ("ann", ""),
        ("nobody", ""),
        ("", "x"),
        ("", ""),
    ] {
        let guess = office.berth.anonymous().with_password(name, password);
        guess.get("/v2/").await.fails(401, "UNAUTHORIZED");
    }
    assert_eq!(office.slapd.logins().await, before, "none of these reached the directory");

    let berth = TestApp::start_with(|config| config.auth.failed_logins = 100).await;
    let admin = berth.admin().await;
    let wish = super::wish(&office.slapd, "corp", json!({}));
    admin.post_json("/api/v1/directories", wish).await.status(201);
    let ann = password_of("ann");
    for (name, password) in [
        ("ann", "wrong"),
        ("ann", "*"),
        ("ann", "ann's words for the director"),
        ("ann", "ann's words for the directory "),
        ("*", &*ann),
        ("an*", &ann),
        ("ann)(uid=*", &ann),
        ("*)(|(uid=*", &ann),
        ("ann\0", &ann),
        ("uid=ann,ou=people,dc=example,dc=org", &ann),
        ("berth", "searcher's own words"),
        ("cn=root,dc=example,dc=org", "root's own words"),
        ("eve", &ann),
    ] {
        let guess = berth.anonymous().with_password(name, password);
        guess.get("/v2/").await.fails(401, "UNAUTHORIZED");
    }
    let users = admin.get("/api/v1/users").await.ok().json();
    assert_eq!(users["users"].as_array().unwrap().len(), 1, "no account was made: {users}");
}

#[tokio::test]
async fn an_unknown_user_is_told_what_a_wrong_password_is_told() {
    let Some(office) = Office::open().await else { return };
    office.person("ann").get("/v2/").await.ok();
    local(&office.berth, "here").await;
    let seen = async |name: &str| {
        let guess = office.berth.anonymous().with_password(name, "wrong");
        let answer = guess.get("/v2/team/app/tags/list").await.status(401);
        let mut headers = answer.headers.clone();
        headers.remove("date");
        headers.remove("x-request-id");
        (format!("{headers:?}"), answer.text())
    };
    let known = seen("ann").await;
    for name in ["bob", "nobody", "here"] {
        assert_eq!(seen(name).await, known, "{name}");
    }
    // Both a wrong password and an unknown name cost one login there.
    let cost = async |name: &str| {
        let before = office.slapd.logins().await;
        seen(name).await;
        office.slapd.logins().await - before
    };
    assert_eq!((cost("bob").await, cost("another").await), (0, 1), "bob's was remembered");
    assert_eq!(cost("eve").await, 1);
}

#[tokio::test]
async fn an_account_with_a_password_here_is_no_business_of_a_directory() {
    let Some(office) = Office::open().await else { return };
    let ann = local(&office.berth, "ann").await;
    let before = office.slapd.logins().await;
    ann.get("/v2/").await.ok();
    office.person("ann").get("/v2/").await.fails(401, "UNAUTHORIZED");
    // One that has none yet, a robot, one whom somebody else vouches for: neither.
    let made = office.admin.post_json("/api/v1/users", json!({ "name": "bob" })).await;
    made.status(201);
    office.admin.post_json("/api/v1/robots", json!({ "name": "eve" })).await.status(201);
    for name in ["bob", "eve"] {
        office.person(name).get("/v2/").await.fails(401, "UNAUTHORIZED");
    }
    assert_eq!(office.slapd.logins().await, before, "the directory was not asked");
    // Nor is the name taken over by writing it in another way, as directories do not heed case.
    let other = office.berth.anonymous().with_password("ANN", &password_of("ann"));
    other.get("/v2/").await.fails(401, "UNAUTHORIZED");
    ann.get("/v2/").await.ok();
    let user = office.admin.get("/api/v1/users/ann").await.ok().json();
    assert_eq!((&user["provider"], &user["has_password"]), (&json!(null), &json!(true)));
}

#[tokio::test]
async fn one_account_is_had_by_all_ways_to_write_a_name() {
    let filter = json!({ "user_filter": "(|(uid={user})(mail={user}))" });
    let Some(office) = Office::open_with(filter).await else { return };
    for name in ["ann", "Ann", "ANN@example.org", "ann@example.org"] {
        let client = office.berth.anonymous().with_password(name, &password_of("ann"));
        assert_eq!(office.subjects(&client).await[0], "user:ann", "{name}");
    }
    let users = office.admin.get("/api/v1/users").await.ok().json();
    assert_eq!(users["users"].as_array().unwrap().len(), 2, "{users}");

    // Several entries for one name are a mistake of whoever wrote the filter.
    office.change(json!({ "user_filter": "(|(uid={user})(sn={user}))" })).await;
    let client = office.berth.anonymous().with_password("Example", &password_of("ann"));
    client.get("/v2/").await.fails(503, "UNAVAILABLE");
}

#[tokio::test]
async fn a_renamed_entry_keeps_its_account_and_its_old_name_is_free_for_nobody() {
    let Some(office) = Office::open().await else { return };
    office.person("ann").get("/v2/").await.ok();
    office.slapd.rename(&person_dn("ann"), "uid=anna").await;
    let anna = office.berth.anonymous().with_password("anna", &password_of("ann"));
    assert_eq!(office.subjects(&anna).await[0], "user:ann");
    // A new entry of the old name is somebody else: what ann was allowed is not theirs.
    office.slapd.add_person("ann").await;
    office.berth.turn_clock(Duration::from_mins(10));
    office.person("ann").get("/v2/").await.fails(401, "UNAUTHORIZED");
    anna.get("/v2/").await.ok();
}

#[tokio::test]
async fn a_name_that_no_account_can_have_gets_none() {
    let Some(office) = Office::open().await else { return };
    office.slapd.add_person("two words").await;
    office.person("two words").get("/v2/").await.fails(401, "UNAUTHORIZED");
    let wish = json!({ "user": "two words", "password": password_of("two words") });
    let trial = office.admin.post_json("/api/v1/directories/corp/test", wish).await.ok().json();
    let steps = trial["steps"].as_array().unwrap();
    let last = steps.last().unwrap();
    assert_eq!((&last["step"], &last["is_good"]), (&json!("user"), &json!(false)));
    assert!(last["detail"].as_str().unwrap().contains("cannot be an account's name"), "{last}");
}

#[tokio::test]
async fn the_first_directory_that_knows_a_name_decides() {
    let Some(office) = Office::open().await else { return };
    let other = crate::support::Slapd::start().await.unwrap();
    other.add_person("zoe").await;
    other.replace(&person_dn("ann"), "userPassword", &["other words for ann"]).await;
    let wish = super::wish(&other, "branch", json!({}));
    office.admin.post_json("/api/v1/directories", wish).await.status(201);

    let zoe = office.person("zoe");
    assert_eq!(office.subjects(&zoe).await[0], "user:zoe");
    let before = other.logins().await;
    office.person("ann").get("/v2/").await.ok();
    let guess = office.berth.anonymous().with_password("ann", "other words for ann");
    guess.get("/v2/").await.fails(401, "UNAUTHORIZED");
    assert_eq!(other.logins().await, before, "the second one was not asked about ann");
    let user = office.admin.get("/api/v1/users/ann").await.ok().json();
    assert_eq!(user["provider"], "ldap:corp");
    let user = office.admin.get("/api/v1/users/zoe").await.ok().json();
    assert_eq!(user["provider"], "ldap:branch");
}

#[tokio::test]
async fn a_login_is_remembered_for_a_while_and_no_longer() {
    let Some(office) = Office::open().await else { return };
    let ann = office.person("ann");
    ann.get("/v2/").await.ok();
    let before = office.slapd.logins().await;
    for _ in 0..20 {
        ann.get("/v2/").await.ok();
    }
    assert_eq!(office.slapd.logins().await, before, "one login there serves many requests");

    // Another password there: the new one is good at once, the old one for as long as it is remembered.
    office.slapd.replace(&person_dn("ann"), "userPassword", &["a new one"]).await;
    let renewed = office.berth.anonymous().with_password("ann", "a new one");
    renewed.get("/v2/").await.ok();
    ann.get("/v2/").await.ok();
    office.berth.turn_clock(Duration::from_mins(5));
    ann.get("/v2/").await.fails(401, "UNAUTHORIZED");
    renewed.get("/v2/").await.ok();

    // Signed out everywhere, it has to be shown to the directory again.
    let before = office.slapd.logins().await;
    office.admin.delete("/api/v1/users/ann/sessions").await.status(204);
    renewed.get("/v2/").await.ok();
    assert_eq!(office.slapd.logins().await, before + 1);

    // Disabled here, nothing helps.
    office.admin.patch_json("/api/v1/users/ann", json!({ "is_disabled": true })).await.ok();
    renewed.get("/v2/").await.fails(401, "UNAUTHORIZED");
    office.berth.turn_clock(Duration::from_mins(5));
    renewed.get("/v2/").await.fails(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn nothing_is_remembered_where_that_is_not_wanted() {
    let Some(office) = Office::open_with(json!({ "remember": "0s" })).await else { return };
    let ann = office.person("ann");
    let before = office.slapd.logins().await;
    for _ in 0..3 {
        ann.get("/v2/").await.ok();
    }
    // And the one who searches has logged in once.
    assert_eq!(office.slapd.logins().await, before + 4);
    office.slapd.replace(&person_dn("ann"), "userPassword", &["a new one"]).await;
    ann.get("/v2/").await.fails(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn an_old_password_that_is_sent_for_ever_does_not_lock_the_account() {
    let Some(office) = Office::open().await else { return };
    let berth = TestApp::start_with(|config| config.auth.failed_logins = 100).await;
    let admin = berth.admin().await;
    let wish = super::wish(&office.slapd, "corp", json!({}));
    admin.post_json("/api/v1/directories", wish).await.status(201);
    let machine = berth.anonymous().with_password("ann", "the password of last year");
    machine.get("/v2/").await.fails(401, "UNAUTHORIZED");
    let before = office.slapd.logins().await;
    for _ in 0..20 {
        machine.get("/v2/").await.fails(401, "UNAUTHORIZED");
    }
    assert_eq!(office.slapd.logins().await, before, "the directory heard of it once");
    // Others with her name are asked about all the same, and it is forgotten after a while.
    berth.anonymous().with_password("ann", &password_of("ann")).get("/v2/").await.ok();
    office.slapd.replace(&person_dn("ann"), "userPassword", &["the password of last year"]).await;
    berth.turn_clock(Duration::from_mins(5));
    machine.get("/v2/").await.ok();
    // Whoever mends a setting need not wait.
    berth.anonymous().with_password("ann", "again").get("/v2/").await.fails(401, "UNAUTHORIZED");
    office.slapd.replace(&person_dn("ann"), "userPassword", &["again"]).await;
    admin.patch_json("/api/v1/directories/corp", json!({ "timeout": "6s" })).await.ok();
    berth.anonymous().with_password("ann", "again").get("/v2/").await.ok();
}

#[tokio::test]
async fn wrong_passwords_count_whoever_keeps_the_right_one() {
    let Some(office) = Office::open().await else { return };
    let berth = TestApp::start_with(|config| config.auth.failed_logins = 3).await;
    let admin = berth.admin().await;
    admin.get("/v2/").await.ok();
    let wish = super::wish(&office.slapd, "corp", json!({}));
    admin.post_json("/api/v1/directories", wish).await.status(201);
    let ann = berth.anonymous().with_password("ann", &password_of("ann"));
    ann.get("/v2/").await.ok();
    for (name, password) in [("ann", "wrong"), ("nobody", "wrong"), ("bob", "")] {
        let guess = berth.anonymous().with_password(name, password);
        guess.get("/v2/").await.fails(401, "UNAUTHORIZED");
    }
    let before = office.slapd.logins().await;
    let bob = berth.anonymous().with_password("bob", &password_of("bob"));
    let answer = bob.get("/v2/").await.fails(429, "TOOMANYREQUESTS");
    assert!(answer.find_header("retry-after").is_some());
    assert_eq!(office.slapd.logins().await, before, "nothing more is tried");
    ann.get("/v2/").await.ok();
    berth.turn_clock(Duration::from_mins(5));
    bob.get("/v2/").await.ok();
}

#[tokio::test]
async fn whom_a_plugin_knows_is_no_wrong_guess_at_a_directory() {
    let Some(office) = Office::open().await else { return };
    let berth = TestApp::start_with(|config| config.auth.failed_logins = 3).await;
    let admin = berth.admin().await;
    let wish = super::wish(&office.slapd, "corp", json!({}));
    admin.post_json("/api/v1/directories", wish).await.status(201);
    let names = ["u1", "u2", "u3", "u4"];
    let users: BTreeMap<_, _> = names.iter().map(|name| (name, "their secret")).collect();
    let settings = json!({ "settings": { "users": users } });
    crate::plugins::installed::install(&berth, &admin, "useful", settings).await;
    for name in names {
        let person = berth.anonymous().with_password(name, "their secret");
        person.get("/v2/").await.ok();
    }
    let ann = berth.anonymous().with_password("ann", &password_of("ann"));
    ann.get("/v2/").await.ok();
    assert_eq!(admin.get("/api/v1/users/ann").await.ok().json()["provider"], "ldap:corp");
}

#[tokio::test]
async fn guesses_that_come_at_once_count_too() {
    let Some(office) = Office::open().await else { return };
    let berth = TestApp::start_with(|config| config.auth.failed_logins = 3).await;
    let admin = berth.admin().await;
    let wish = super::wish(&office.slapd, "corp", json!({}));
    admin.post_json("/api/v1/directories", wish).await.status(201);
    let guesses = (0..60).map(|number| {
        let guess = berth.anonymous().with_password("ann", &format!("wrong {number}"));
        async move { guess.get("/v2/").await.code }
    });
    let codes = futures::future::join_all(guesses).await;
    let judged = codes.iter().filter(|code| **code == 401).count();
    // Eight are judged at a time, so that some more may be under way when the limit is reached.
    assert!((3..=10).contains(&judged), "{judged} of 60 guesses were judged: {codes:?}");
}

#[tokio::test]
async fn who_has_no_password_here_cannot_be_given_one() {
    let Some(office) = Office::open().await else { return };
    let ann = office.person("ann");
    ann.get("/v2/").await.ok();
    let wish = json!({ "password": PASSWORD, "before": password_of("ann") });
    for client in [&ann, &office.admin] {
        let answer = client.put_json("/api/v1/users/ann/password", wish.clone()).await;
        let answer = answer.fails(400, "INVALID");
        assert!(answer.text().contains("signs in by ldap:corp"), "{}", answer.text());
    }
}
