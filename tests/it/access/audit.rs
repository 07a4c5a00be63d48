//! What happened: each change with who and why, each refusal, and a trail that shows what was done to it.

use std::path::Path;

use serde_json::{Value, json};

use super::rules::bind;
use crate::support::{Blob, Client, Image, TestApp, berth as berth_command};

/// Changes rows behind Berth's back, as somebody with the database file would.
fn tamper(directory: &Path, sql: &str) {
    let database = rusqlite::Connection::open(directory.join("data/berth.db")).unwrap();
    database.busy_timeout(std::time::Duration::from_secs(20)).unwrap();
    database.execute_batch(sql).unwrap();
}

async fn events(admin: &Client, query: &str) -> Vec<Value> {
    let page = admin.get(&format!("/api/v1/events?{query}")).await.ok().json();
    let mut events = page["events"].as_array().unwrap().clone();
    events.reverse();
    events
}

async fn verify(admin: &Client, known: Value) -> Value {
    admin.post_json("/api/v1/events/verify", json!({ "known": known })).await.ok().json()
}

#[tokio::test]
async fn every_change_is_written_down_with_who_and_why() {
    let berth = TestApp::start().await;
    let (admin, ann) = (berth.admin().await, berth.newcomer("ann").await);
    let rule = bind(&admin, "user:ann", "maintainer", "team/**").await;
    let image = Image::of(["hello"]);
    let digest = ann.push("team/app", "v1", &image).await;
    ann.push("team/app", "v1", &image).await;
    ann.post(
        &format!("/v2/team/copy/blobs/uploads/?mount={}&from=team/app", image.blobs()[1].digest),
        "",
    )
    .await
    .status(201);
    ann.delete("/v2/team/app/manifests/v1").await.status(202);
    ann.delete(&format!("/v2/team/app/manifests/{digest}")).await.status(202);
    ann.delete(&format!("/v2/team/app/blobs/{}", image.blobs()[1].digest)).await.status(202);
    ann.delete("/api/v1/repositories/team%2Fapp").await.status(202);

    let told = events(&admin, "repository=team/app").await;
    let kinds: Vec<_> = told.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    // To push what is there already changes nothing, and is no event.
    assert_eq!(
        kinds,
        [
            "blob.push",
            "blob.push",
            "manifest.push",
            "tag.push",
            "tag.delete",
            "manifest.delete",
            "blob.delete",
            "repository.delete"
        ]
    );
    for event in &told {
        assert_eq!(event["actor"], "ann");
        assert_eq!(event["rule"], format!("rule {rule}"));
        assert_eq!(event["address"], "127.0.0.1");
        assert!(event["request"].as_str().is_some_and(|id| !id.is_empty()), "{event}");
    }
    assert_eq!(told[3]["target"], "v1");
    assert_eq!(told[3]["detail"], json!({ "digest": digest, "previous": null }));
    let mounted = &events(&admin, "repository=team/copy").await[0];
    assert_eq!(mounted["detail"]["mounted_from"], "team/app");

    let made = admin.post_json("/api/v1/robots", json!({ "name": "ci" })).await.status(201);
    let request = made.header("x-request-id").to_owned();
    let of_robot = events(&admin, "kind=account.add").await;
    let last = of_robot.last().unwrap();
    assert_eq!(
        (&last["target"], &last["actor"], &last["request"]),
        (&json!("ci"), &json!("admin"), &json!(request))
    );
    assert_eq!(last["rule"], "rule 1");
}

/// Each kind of administrative change leaves its mark.
#[tokio::test]
async fn administrative_changes_are_written_down() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let last = async || events(&admin, "n=1").await.pop().unwrap();
    let token = async |path: &str, wish: Value| admin.post_json(path, wish).await.json();
    for (kind, target, change) in [
        (
            "account.add",
            "bob",
            json!(["POST", "users", { "name": "bob", "password": "long enough" }]),
        ),
        ("account.change", "bob", json!(["PATCH", "users/bob", { "full_name": "Bob" }])),
        (
            "account.change",
            "bob",
            json!(["PUT", "users/bob/password", { "password": "another one" }]),
        ),
        ("session.end", "bob", json!(["DELETE", "users/bob/sessions"])),
        ("group.change", "devs", json!(["POST", "groups", { "name": "devs" }])),
        ("group.change", "devs", json!(["PUT", "groups/devs/members/bob", {}])),
        ("group.change", "devs", json!(["PATCH", "groups/devs", { "description": "who builds" }])),
        ("group.change", "devs", json!(["DELETE", "groups/devs/members/bob"])),
        ("group.change", "devs", json!(["DELETE", "groups/devs"])),
        ("role.change", "tester", json!(["PUT", "roles/tester", { "actions": ["pull"] }])),
        ("role.change", "tester", json!(["DELETE", "roles/tester"])),
        ("account.remove", "bob", json!(["DELETE", "users/bob"])),
    ] {
        let method = change[0].as_str().unwrap().parse().unwrap();
        let path = format!("/api/v1/{}", change[1].as_str().unwrap());
        let answer = admin.send_json(method, &path, change[2].clone()).await;
        assert!((200..300).contains(&answer.code), "{change}: {}", answer.text());
        let event = last().await;
        assert_eq!(
            (&event["kind"], &event["target"]),
            (&json!(kind), &json!(target)),
            "{change}: {event}"
        );
        assert!(
            !event.to_string().contains("long enough")
                && !event.to_string().contains("another one")
        );
    }
    let made = token("/api/v1/tokens", json!({ "name": "a" })).await;
    let secret = made["secret"].as_str().unwrap();
    assert_eq!(last().await["kind"], "token.add");
    let path = format!("/api/v1/tokens/{}", made["token"]["id"]);
    token(&format!("{path}/rotate"), json!({})).await;
    assert_eq!(last().await["kind"], "token.change");
    admin.delete(&path).await.status(204);
    let removed = last().await;
    assert_eq!((&removed["kind"], &removed["target"]), (&json!("token.remove"), &json!("admin/a")));
    token("/api/v1/keys", json!(null)).await;
    assert_eq!(last().await["kind"], "key.rotate");
    let whole = admin.get("/api/v1/events").await.ok().text();
    assert!(!whole.contains(&secret[4..]), "a secret in the trail");
}

#[tokio::test]
async fn every_refusal_is_written_down_once_for_many_alike() {
    let berth = TestApp::start().await;
    let (admin, ann) = (berth.admin().await, berth.newcomer("ann").await);
    let nobody = berth.anonymous();
    for _ in 0..5 {
        ann.get("/v2/team/app/manifests/v1").await.fails(403, "DENIED");
    }
    nobody.delete("/v2/team/app/manifests/v1").await.fails(401, "UNAUTHORIZED");
    ann.get("/api/v1/users").await.fails(403, "DENIED");
    nobody
        .with_password("ann", "wrong")
        .get("/v2/team/app/tags/list")
        .await
        .fails(401, "UNAUTHORIZED");
    nobody.with_password("ann", "wrong").get("/v2/").await.fails(401, "UNAUTHORIZED");
    // To ask how to log in is no refusal.
    nobody.get("/v2/").await.fails(401, "UNAUTHORIZED");
    let told = events(&admin, "kind=request.refuse").await;
    let mut said: Vec<_> = told
        .iter()
        .map(|event| {
            let text = |field: &str| event[field].as_str().unwrap_or("-").to_owned();
            format!(
                "{} {} {}: {} ×{}",
                text("actor"),
                text("repository"),
                text("target"),
                text("rule"),
                event["detail"]["count"]
            )
        })
        .collect();
    said.sort();
    assert_eq!(
        said,
        [
            "ann - administer this registry: not an administrator ×1",
            "ann team/app pull on team/app: no rule ×5",
            "anonymous - GET /v2/: the user name or password is wrong ×1",
            "anonymous team/app delete on team/app: nobody is logged in ×1",
            "anonymous team/app pull on team/app: the user name or password is wrong ×1",
        ]
    );
}

#[tokio::test]
async fn pulls_are_written_down_where_that_is_wanted() {
    for pulls in [false, true] {
        let berth = TestApp::start_with(|config| config.audit.pulls = pulls).await;
        let admin = berth.admin().await;
        let digest = admin.push("team/app", "v1", &Image::of(["hello"])).await;
        admin.get("/v2/team/app/manifests/v1").await.ok();
        admin.head("/v2/team/app/manifests/v1").await.ok();
        let told = events(&admin, "kind=manifest.pull").await;
        assert_eq!(told.len(), usize::from(pulls));
        if pulls {
            assert_eq!(
                (&told[0]["target"], &told[0]["detail"]["digest"]),
                (&json!("v1"), &json!(digest))
            );
        }
    }
}

#[tokio::test]
async fn the_trail_is_read_in_parts_and_by_filters() {
    let berth = TestApp::start().await;
    let (admin, ann) = (berth.admin().await, berth.writer("ann").await);
    for number in 0..5 {
        ann.push_blob(&format!("team/{number}"), &Blob::new(format!("blob {number}"))).await;
        berth.turn_clock(std::time::Duration::from_mins(1));
    }
    let all = events(&admin, "").await;
    let ids: Vec<_> = all.iter().map(|event| event["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>(), "no gap");
    let (mut paged, mut before) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/api/v1/events?n=2{before}")).await.ok().json();
        paged.extend(page["events"].as_array().unwrap().clone());
        match page["next"].as_u64() {
            Some(next) => before = format!("&before={next}"),
            None => break,
        }
    }
    paged.reverse();
    assert_eq!(paged, all);
    let after =
        admin.get(&format!("/api/v1/events?after={}&n=100", ids.len() - 2)).await.ok().json();
    assert_eq!(after["events"].as_array().unwrap()[..], all[all.len() - 2..]);
    assert_eq!(events(&admin, "actor=ann&kind=blob.push").await.len(), 5);
    assert_eq!(events(&admin, "actor=bob").await.len(), 0);
    assert_eq!(events(&admin, "repository=team/3").await.len(), 1);
    let (third, fourth) = (
        &events(&admin, "repository=team/2").await[0],
        &events(&admin, "repository=team/3").await[0],
    );
    let between = format!(
        "kind=blob.push&since={}&until={}",
        third["at"].as_str().unwrap(),
        fourth["at"].as_str().unwrap()
    );
    assert_eq!(events(&admin, &between).await, std::slice::from_ref(third));
    for bad in ["since=yesterday", "before=x", "after=-1", "n=x"] {
        assert_eq!(admin.get(&format!("/api/v1/events?{bad}")).await.code, 400, "{bad}");
    }
    ann.get("/api/v1/events").await.fails(403, "DENIED");
}

#[tokio::test]
async fn a_changed_or_missing_row_is_found() {
    for (sql, expected) in [
        ("UPDATE event SET actor = 'eve' WHERE id = 4", json!([{ "id": 4, "what": "changed" }])),
        ("UPDATE event SET at = at + 1 WHERE id = 4", json!([{ "id": 4, "what": "changed" }])),
        ("UPDATE event SET detail = NULL WHERE id = 4", json!([{ "id": 4, "what": "changed" }])),
        (
            "UPDATE event SET rule = target, target = rule WHERE id = 4",
            json!([{ "id": 4, "what": "changed" }]),
        ),
        ("DELETE FROM event WHERE id = 4", json!([{ "id": 4, "what": "missing" }])),
        (
            "DELETE FROM event WHERE id IN (4, 5)",
            json!([{ "id": 4, "what": "missing" }, { "id": 5, "what": "missing" }]),
        ),
        ("DELETE FROM event WHERE id = 1", json!([{ "id": 1, "what": "missing" }])),
        // The last one, and the last one with the note of it.
        (
            "DELETE FROM event WHERE id = (SELECT MAX(id) FROM event)",
            json!([{ "id": 8, "what": "missing" }]),
        ),
        // A row that takes another's place.
        (
            "UPDATE event SET link = (SELECT link FROM event WHERE id = 3) WHERE id = 4",
            json!([{ "id": 4, "what": "changed" }, { "id": 5, "what": "changed" }]),
        ),
    ] {
        let berth = TestApp::start().await;
        let admin = berth.admin().await;
        for name in ["a", "b", "c", "d", "e"] {
            admin.post_json("/api/v1/groups", json!({ "name": name })).await.status(201);
        }
        let whole = verify(&admin, Value::Null).await;
        assert_eq!(
            (&whole["is_whole"], &whole["event_count"]),
            (&json!(true), &json!(8)),
            "{whole}"
        );
        tamper(berth.directory.path(), sql);
        let found = verify(&admin, Value::Null).await;
        assert_eq!((&found["is_whole"], &found["faults"]), (&json!(false), &expected), "{sql}");
        let said =
            berth_command(berth.directory.path(), ["audit", "verify", "--data", "data"]).exit(1);
        assert!(said.says(["the audit trail is not whole"]).stdout.contains("event "));
    }
}

#[tokio::test]
async fn a_head_that_was_noted_shows_that_all_was_written_anew() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    for name in ["a", "b"] {
        admin.post_json("/api/v1/groups", json!({ "name": name })).await.status(201);
    }
    let known = admin.get("/api/v1/events/head").await.ok().json();
    let later = admin.post_json("/api/v1/groups", json!({ "name": "c" })).await.status(201);
    assert!(later.code == 201);
    assert_eq!(verify(&admin, known.clone()).await["is_whole"], true);
    let mut other = known.clone();
    other["link"] = format!("{:0>72}", "1").into();
    assert_eq!(verify(&admin, other).await["faults"], json!([{ "id": 5, "what": "changed" }]));
    // Cut off at the end, with the head moved back: only what was noted elsewhere tells.
    tamper(
        berth.directory.path(),
        "DELETE FROM event WHERE id > 4; UPDATE event_head SET id = 4, link = (SELECT link FROM event WHERE id = 4)",
    );
    assert_eq!(verify(&admin, Value::Null).await["is_whole"], true);
    assert_eq!(verify(&admin, known).await["faults"], json!([{ "id": 5, "what": "missing" }]));
}

#[test]
fn the_trail_is_looked_at_from_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let say = |arguments: &[&str]| {
        berth_command(directory.path(), [arguments, &["--data", "data"]].concat())
    };
    say(&["user", "add", "ann", "--generate"]).ok();
    say(&["group", "add", "devs"]).ok();
    let table = say(&["audit", "list"]).ok().stdout;
    assert!(table.contains("group.change") && table.contains("command-line"), "{table}");
    let lines = say(&["audit", "export"]).ok().stdout;
    let exported: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: Vec<_> = exported.iter().map(|event| event["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (1..=exported.len() as u64).collect::<Vec<_>>());
    let head = say(&["audit", "head"]).ok().stdout;
    say(&["audit", "verify", "--known", head.trim()]).ok();
    assert_eq!(say(&["audit", "verify", "--json"]).ok().json()["is_whole"], true);
    say(&["audit", "verify", "--known", "7"]).exit(1).says(["NUMBER:LINK"]);
}
