//! Targets and rules: made, shown, refused; and the command line.

use serde_json::{Value, json};

use super::{Pair, states, target};
use crate::support::{Image, PASSWORD, TestApp, berth, berth_reads, eventually};

#[tokio::test]
async fn what_cannot_be_a_target_or_a_rule_is_refused() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let good = json!({ "name": "there", "url": "https://registry.example" });
    let with = |field: &str, value: Value| {
        let mut wish = good.clone();
        wish[field] = value;
        wish
    };
    for wish in [
        with("name", json!("a b")),
        with("url", json!("registry.example")),
        with("url", json!("https://registry.example/team")),
        with("plugin", json!("berth.x")),
        with("naming", json!("mirror")),
        with("naming", json!("Mirror/{repository}")),
        with("username", json!("ann")),
        with("parallel", json!(0)),
        with("bytes_per_second", json!(10)),
        with("unknown", json!(1)),
    ] {
        admin.post_json("/api/v1/replication/targets", wish.clone()).await.status(400);
    }
    admin.post_json("/api/v1/replication/targets", good.clone()).await.status(201);
    admin.post_json("/api/v1/replication/targets", good).await.fails(409, "CONFLICT");
    for (rule, status) in [
        (json!({ "name": "a", "target": "nowhere" }), 404),
        (json!({ "name": "a", "target": "there", "versions": "one" }), 400),
        (json!({ "name": "a", "target": "there", "platforms": ["linux"] }), 400),
        (json!({ "name": "a", "target": "there", "repositories": ["Team"] }), 400),
        (json!({ "name": "a", "target": "there", "tags": ["a/b"] }), 400),
        (json!({ "name": "a", "target": "there", "labels": ["=b"] }), 400),
    ] {
        admin.post_json("/api/v1/replication/rules", rule).await.status(status);
    }
    let ann = berth.writer("ann").await;
    for path in ["targets", "rules", "states"] {
        ann.get(&format!("/api/v1/replication/{path}")).await.fails(403, "DENIED");
    }
}

#[tokio::test]
async fn a_password_is_sealed_and_every_change_is_in_the_audit_trail() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    target(&admin, "there", "https://registry.example", json!({})).await;
    let shown = admin.get("/api/v1/replication/targets/there").await.ok();
    assert_eq!(shown.json()["username"], "admin");
    let events = admin.get("/api/v1/events?kind=replication.change").await.ok();
    assert_eq!(events.json()["events"][0]["target"], "there");
    for text in [shown.text(), events.text()] {
        assert!(!text.contains(PASSWORD), "{text}");
    }
    berth.app.meta.settle().await.unwrap();
    for file in ["berth.db", "berth.db-wal"] {
        let bytes = std::fs::read(berth.directory.path().join("data").join(file)).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(PASSWORD), "the password is in {file}");
    }
    admin.delete("/api/v1/replication/targets/there").await.status(204);
    admin.get("/api/v1/replication/targets/there").await.fails(404, "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_does_it_all() {
    // The command line has the machine's own clock.
    let here = TestApp::start_now(|_| {}).await;
    let pair = Pair::from(here, json!({ "repositories": ["none"] })).await;
    let directory = pair.here.directory.path().to_owned();
    let data = directory.join("data").to_str().unwrap().to_owned();
    let there = pair.there.url();
    let run = |arguments: &[&str]| {
        let arguments: Vec<String> =
            arguments.iter().copied().chain(["--data", &data]).map(str::to_owned).collect();
        berth(&directory, arguments)
    };
    let add = ["replicate", "target", "add", "backup", &there, "--naming", "b/{name}"];
    let login = ["--username", "admin", "--password-stdin", "--data", &data];
    berth_reads(&directory, add.iter().chain(&login), PASSWORD).ok();
    run(&["replicate", "target", "check", "backup"]).ok().says(["takes the credentials"]);
    run(&[
        "replicate",
        "rule",
        "add",
        "team",
        "--target",
        "backup",
        "--on",
        "team/*",
        "--tag",
        "v*",
    ])
    .ok();
    assert!(run(&["replicate", "rule", "list"]).ok().stdout.contains("team/*"));
    assert!(run(&["replicate", "target", "list"]).ok().stdout.contains("b/{name}"));
    let digest = pair.admin.push("team/app", "v1", &Image::of(["hello"])).await;
    let wait = ["replicate", "wait", "team/app:v1", "--target", "backup", "--timeout"];
    run(&[&wait[..], &["1m"]].concat()).ok().says([digest.as_str()]);
    assert_eq!(
        pair.other.head("/v2/b/app/manifests/v1").await.ok().header("docker-content-digest"),
        digest.as_str()
    );
    pair.admin.push("team/app", "dev", &Image::of(["dev"])).await;
    let missing = ["replicate", "wait", "team/app:dev", "--target", "backup", "--timeout", "100ms"];
    run(&missing).exit(1).says(["no rule wants it there"]);
    run(&["replicate", "run", "team/app:dev", "--target", "backup"]).ok();
    eventually("the copy", async || {
        pair.here.turn_clock(std::time::Duration::from_secs(1));
        let found = states(&pair.admin, "reference=dev").await;
        found.iter().any(|one| one["state"] == "even").then_some(())
    })
    .await;
    let status = run(&["replicate", "status", "team/app:v1", "--json"]).ok().json();
    assert_eq!((&status[0]["state"], &status[0]["there"]), (&json!("even"), &json!(digest)));
    run(&["replicate", "target", "pause", "backup"]).ok();
    assert!(run(&["replicate", "target", "list"]).ok().stdout.contains("paused"));
    run(&["replicate", "rule", "remove", "team"]).ok();
    run(&["replicate", "target", "remove", "backup"]).ok();
    run(&["replicate", "target", "show", "backup"]).exit(1).says(["no replication target"]);
}
