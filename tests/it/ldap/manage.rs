//! Managing directories: by the API, on the command line, and who may.

use serde_json::json;

use super::{Office, local};
use crate::support::slapd::{BASE, PEOPLE, SEARCHER, password_of};
use crate::support::{Process, Slapd, TestApp, berth, berth_reads};

fn minimal(name: &str) -> serde_json::Value {
    json!({ "name": name, "urls": ["ldaps://ldap.example.org"], "user_base": "dc=example,dc=org" })
}

#[tokio::test]
async fn directories_are_managed_by_administrators_alone() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let writer = local(&berth, "ann").await;
    let made = admin.post_json("/api/v1/directories", minimal("corp")).await.status(201).json();
    assert_eq!(made["user_filter"], "(uid={user})");
    assert_eq!(made["starttls"], true);
    assert_eq!((&made["remember"], &made["timeout"]), (&json!("5m"), &json!("5s")));
    let path = "/api/v1/directories/corp";
    for (client, code) in [(&writer, 403), (&berth.anonymous(), 401)] {
        client.get("/api/v1/directories").await.status(code);
        client.get(path).await.status(code);
        client.post_json("/api/v1/directories", minimal("mine")).await.status(code);
        client.patch_json(path, json!({ "is_enabled": false })).await.status(code);
        client.post_json(&format!("{path}/test"), json!({})).await.status(code);
        client.delete(path).await.status(code);
    }
    let list = admin.get("/api/v1/directories").await.ok().json();
    assert_eq!(list["directories"].as_array().unwrap().len(), 1);
    assert_eq!(list["directories"][0]["is_enabled"], true);
    admin.delete(path).await.status(204);
    admin.get(path).await.fails(404, "NOT_FOUND");
    admin.delete(path).await.fails(404, "NOT_FOUND");
    admin.patch_json(path, json!({})).await.fails(404, "NOT_FOUND");
    admin.post_json(&format!("{path}/test"), json!({})).await.fails(404, "NOT_FOUND");
}

#[tokio::test]
async fn what_cannot_work_is_refused_in_words() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let with = |field: &str, value: serde_json::Value| {
        let mut wish = minimal("corp");
        wish[field] = value;
        wish
    };
    for (wish, words) in [
        (with("name", json!("Corp")), "lower-case letters"),
        (with("name", json!("a/b")), "lower-case letters"),
        (with("name", json!(null)), "cannot be used"),
        (with("kind", json!("novell")), "no kind of directory"),
        (with("urls", json!([])), "address of a server"),
        (with("urls", json!(["http://x"])), "no address of a directory"),
        (with("user_filter", json!("uid={user}")), "is no filter"),
        (with("user_filter", json!("(uid=ann)")), "{user}"),
        (with("groups", json!("all")), "no way to find groups"),
        (with("bind_dn", json!("cn=x")), "needs a password"),
        (with("bind_password", json!("x")), "no name of who searches"),
        (with("authorities", json!("x")), "no certificate"),
        (with("remember", json!("soon")), "not a duration"),
        (with("timeout", json!("5m")), "time limit"),
        (with("mapping", json!([{ "from": "", "to": "x" }])), "maps no group"),
        (with("user_basis", json!("x")), "unknown field"),
    ] {
        let answer =
            admin.post_json("/api/v1/directories", wish.clone()).await.fails(400, "INVALID");
        assert!(answer.text().contains(words), "{wish}: {}", answer.text());
    }
    admin.post_json("/api/v1/directories", minimal("corp")).await.status(201);
    admin.post_json("/api/v1/directories", minimal("corp")).await.fails(409, "CONFLICT");
    // What stands before the names of groups has to tell them apart.
    let provider =
        json!({ "kind": "github", "client_id": "x", "client_secret": "y", "is_open": true });
    let answer = admin.put_json("/api/v1/providers/corp", provider.clone()).await;
    let answer = answer.fails(409, "CONFLICT");
    assert!(answer.text().contains("a directory `corp`"), "{}", answer.text());
    admin.put_json("/api/v1/providers/hub", provider).await.ok();
    let answer = admin.post_json("/api/v1/directories", minimal("hub")).await;
    assert!(answer.fails(409, "CONFLICT").text().contains("a sign-in provider"));
    let path = "/api/v1/directories/corp";
    let bad = json!({ "user_base": "" });
    admin.patch_json(path, bad).await.fails(400, "INVALID");
    assert_eq!(admin.get(path).await.ok().json()["user_base"], "dc=example,dc=org");
    let kind = json!({ "name": "ad", "kind": "active-directory", "urls": ["ldap://dc1"], "user_base": "dc=x" });
    let made = admin.post_json("/api/v1/directories", kind).await.status(201).json();
    assert_eq!(made["name_attribute"], "sAMAccountName");
    assert_eq!(made["id_attribute"], "objectGUID");
}

#[tokio::test]
async fn the_password_of_the_one_who_searches_is_shown_nowhere() {
    let Some(office) = Office::open().await else { return };
    office.person("ann").get("/v2/").await.ok();
    office.change(json!({ "remember": "1m" })).await;
    let path = "/api/v1/directories/corp";
    let shown = office.admin.get(path).await.ok();
    assert_eq!(shown.json()["has_bind_password"], true);
    assert_eq!(shown.json()["account_count"], 1);
    let events = office.admin.get("/api/v1/events?n=1000").await.ok();
    let told =
        [shown.text(), office.admin.get("/api/v1/directories").await.ok().text(), events.text()];
    let changed = &events.json()["events"][0];
    assert_eq!(changed["kind"], "trust.change");
    assert_eq!(changed["target"], "ldap:corp");
    assert_eq!(changed["detail"]["directory"], json!(["remember"]));
    office.berth.app.meta.settle().await.unwrap();
    let mut stored = Vec::new();
    for file in ["berth.db", "berth.db-wal"] {
        let file = office.berth.directory.path().join("data").join(file);
        stored.extend(std::fs::read(file).unwrap_or_default());
    }
    for secret in [SEARCHER.1.to_owned(), password_of("ann")] {
        assert!(told.iter().all(|text| !text.contains(&secret)));
        assert!(!stored.windows(secret.len()).any(|part| part == secret.as_bytes()));
    }
    assert!(
        stored.windows(PEOPLE.len()).any(|part| part == PEOPLE.as_bytes()),
        "it is the right file"
    );

    // It stays when something else changes, and is forgotten when it should be.
    office.person("bob").get("/v2/").await.ok();
    office.change(json!({ "bind_dn": "", "bind_password": "" })).await;
    assert_eq!(office.admin.get(path).await.ok().json()["has_bind_password"], false);
    // Nobody in particular may search there.
    office.person("eve").get("/v2/").await.fails(503, "UNAVAILABLE");
}

#[tokio::test]
async fn directories_are_managed_on_the_command_line() {
    let Some(slapd) = Slapd::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(&folder.path().join("data"));
    let say = |arguments: &[&str], input: Option<&str>| {
        let all = [&["directory"], arguments, &["--data", "data"]].concat();
        match input {
            Some(input) => berth_reads(folder.path(), all, input),
            None => berth(folder.path(), all),
        }
    };
    let authority = slapd.authority_file();
    let add = [
        "add",
        "corp",
        "--url",
        &slapd.url(),
        "--authorities",
        authority.to_str().unwrap(),
        "--bind-dn",
        SEARCHER.0,
        "--bind-password-stdin",
        "--user-base",
        PEOPLE,
        "--group-base",
        BASE,
        "--map",
        "devs",
        "developers",
        "--map",
        "cn=ops,ou=groups,dc=example,dc=org",
        "operators",
    ];
    let secret = format!("{}\n", SEARCHER.1);
    say(&add, Some(&secret)).ok().says(["made the directory corp", "berth directory test corp"]);
    say(&add, Some(&secret)).exit(1).says(["there is a directory `corp` already"]);
    let table = say(&["list"], None).ok().stdout;
    assert!(table.contains("corp") && table.contains(&slapd.url()), "{table}");
    let table = say(&["show", "corp"], None).ok().stdout;
    assert!(table.contains("devs → developers") && table.contains("1 certificate"), "{table}");
    assert!(!table.contains(SEARCHER.1));

    let password = format!("{}\n", password_of("ann"));
    let test = say(&["test", "corp", "--user", "ann", "--password-stdin"], Some(&password)).ok();
    assert!(
        test.stdout.contains("groups    yes    2 there, here: developers, operators"),
        "{test:?}"
    );
    let test = say(&["test", "corp", "--user", "nobody"], None);
    test.exit(1).says(["the directory corp does not work as it should"]);
    let test = say(&["test", "corp", "--user", "nobody", "--json"], None).exit(1).json();
    assert_eq!(test["steps"][4]["detail"], "no entry fits `nobody`");

    // The registry that runs takes it up.
    let ann = process.admin().with_password("ann", &password_of("ann"));
    crate::support::eventually("the directory", async || {
        (ann.get("/v2/").await.code == 200).then_some(())
    })
    .await;
    say(&["change", "corp"], None).exit(1).says(["nothing to change"]);
    say(&["change", "corp", "--no-map", "--remember", "1m", "--disable"], None).ok();
    let shown = say(&["show", "corp", "--json"], None).ok().json();
    assert_eq!((&shown["mapping"], &shown["remember"]), (&json!([]), &json!("1m")));
    assert_eq!((&shown["is_enabled"], &shown["has_bind_password"]), (&json!(false), &json!(true)));
    crate::support::eventually("the change", async || {
        (ann.get("/v2/").await.code == 401).then_some(())
    })
    .await;
    let loss = say(&["remove", "corp"], None).exit(1);
    loss.says(["1 user whom it vouches for could not log in any more", "--yes"]);
    say(&["remove", "corp", "--yes"], None).ok().says(["removed the directory corp"]);
    say(&["show", "corp"], None).exit(1).says(["there is no directory `corp`"]);
}
