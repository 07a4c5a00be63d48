//! The log: where it goes, what it says, and what it must never say.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Image, PASSWORD, Process, eventually};

/// Starts it with its log in a file.
fn start(directory: &Path, change: impl FnOnce(&mut Command)) -> Process {
    let log = File::create(directory.join("log")).unwrap();
    Process::start_with(&directory.join("data"), |command| {
        command.stderr(log).env("BERTH_LOG_FILTER", "info");
        change(command);
    })
}

fn read(directory: &Path) -> String {
    fs::read_to_string(directory.join("log")).unwrap()
}

#[tokio::test]
async fn the_log_is_json_where_nobody_watches() {
    let directory = tempfile::tempdir().unwrap();
    let process = start(directory.path(), |_| {});
    let admin = process.admin();
    let request = admin.request(Method::GET, "/v2/team/app/manifests/v1?secret=in-the-query");
    admin.send(request.header("x-request-id", "an-id-to-find")).await.status(404);
    admin.with_password("admin", "wrong").get("/v2/").await.status(401);
    admin.get("/healthz").await.ok();
    assert_eq!(process.terminate(), Some(0));

    let log = read(directory.path());
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for line in &lines {
        for field in ["timestamp", "level", "message", "target"] {
            assert!(line[field].is_string(), "no {field} in {line}");
        }
    }
    let of = |id: &str| lines.iter().find(|line| line["request.id"] == id);
    let access = of("an-id-to-find").unwrap_or_else(|| panic!("{log}"));
    assert_eq!(access["target"], "berth::access");
    assert_eq!(access["http.method"], "GET");
    assert_eq!(access["http.path"], "/v2/team/app/manifests/v1");
    assert_eq!(access["http.status"], 404);
    assert_eq!(access["user.name"], "admin");
    assert_eq!(access["client.address"], "127.0.0.1");
    assert!(access["duration_ms"].is_u64());
    let access: Vec<_> = lines.iter().filter(|line| line["target"] == "berth::access").collect();
    assert!(access.iter().all(|line| line["request.id"].is_string()));
    assert!(access.iter().any(|line| line["http.status"] == 401 && line["user.name"] == "-"));
    assert!(!log.contains("/healthz"), "probes come every few seconds and say nothing");
    assert!(!log.contains("in-the-query"));
    assert_eq!(lines.last().unwrap()["message"], "stopped");
}

#[tokio::test]
async fn text_has_no_colour_where_nobody_watches() {
    let directory = tempfile::tempdir().unwrap();
    let process = start(directory.path(), |command| {
        command.env("BERTH_LOG_FORMAT", "text").env("TERM", "xterm-256color");
    });
    process.admin().get("/v2/").await.ok();
    let greeting = process.greeting().join("\n");
    assert_eq!(process.terminate(), Some(0));
    let log = read(directory.path());
    assert!(log.contains("INFO") && log.contains("GET /v2/ 200"), "{log}");
    assert!(!log.contains('\u{1b}') && !greeting.contains('\u{1b}'));
}

#[tokio::test]
async fn the_filter_says_what_is_logged() {
    let directory = tempfile::tempdir().unwrap();
    let process = start(directory.path(), |command| {
        command.env("BERTH_LOG_FILTER", "info,berth::access=off");
    });
    process.admin().get("/v2/").await.ok();
    assert_eq!(process.terminate(), Some(0));
    let log = read(directory.path());
    assert!(log.contains("stopped") && !log.contains("/v2/"), "{log}");
}

#[tokio::test]
async fn each_call_of_a_plugin_is_a_line_that_leads_to_its_request() {
    let directory = tempfile::tempdir().unwrap();
    let process = start(directory.path(), |command| {
        command.env("BERTH_LOG_FILTER", "warn,berth::plugin_call=debug");
    });
    let admin = process.admin();
    let hooks = json!({ "admission": { "repositories": ["team/**"] } });
    let wish = json!({ "source": "bundled:freeze", "hooks": hooks });
    admin.post_json("/api/v1/plugins", wish).await.status(201);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let image = Image::of(["hello"]);
    for blob in image.blobs() {
        admin.push_blob("team/app", blob).await;
    }
    let push = |id: &'static str| {
        admin
            .request(Method::PUT, "/v2/team/app/manifests/v1")
            .header("content-type", image.media_type())
            .header("x-request-id", id)
            .body(image.manifest())
    };
    let traced = push("a-call").header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
    admin.send(traced).await.fails(403, "DENIED");
    admin.send(push("without-a-trace")).await.fails(403, "DENIED");
    assert_eq!(process.terminate(), Some(0));

    let log = read(directory.path());
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    let calls: Vec<Value> =
        lines.filter(|line: &Value| line["target"] == "berth::plugin_call").collect();
    let of = |id: &str| {
        let found: Vec<_> = calls.iter().filter(|line| line["request.id"] == id).collect();
        assert_eq!(found.len(), 1, "{id}: {log}");
        found[0].clone()
    };
    let call = of("a-call");
    assert_eq!(call["trace.id"], trace);
    assert_eq!(call["plugin.name"], "freeze");
    assert_eq!(call["plugin.hook"], "admission");
    assert_eq!(call["plugin.ending"], "answered");
    let figure = |name: &str| call[name].as_u64().unwrap_or_else(|| panic!("no {name} in {call}"));
    assert!(figure("duration_us") >= figure("queued_us"), "{call}");
    assert!(figure("peak_memory_bytes") > 0, "{call}");
    assert_eq!(figure("http_requests"), 0);
    assert!(figure("cpu_us") <= figure("duration_us"), "{call}");
    assert_eq!(of("without-a-trace")["trace.id"], Value::Null);
}

#[tokio::test]
async fn secrets_are_never_logged() {
    let directory = tempfile::tempdir().unwrap();
    let process = start(directory.path(), |command| {
        command.env("BERTH_LOG_FILTER", "trace");
    });
    let admin = process.admin();
    let wrong = "a-wrong-password";
    admin.with_password("admin", wrong).get("/v2/").await.status(401);
    let answer = admin
        .get("/token?service=berth&offline_token=true&scope=repository:team/app:pull,push")
        .await
        .ok()
        .json();
    let token = answer["token"].as_str().unwrap().to_owned();
    let refresh = answer["refresh_token"].as_str().unwrap().to_owned();
    let form = format!("grant_type=refresh_token&refresh_token={refresh}");
    let request = admin.request(Method::POST, "/token").body(form);
    admin.send(request).await.ok();
    let form = "grant_type=password&username=admin&password=a-password-in-a-form";
    admin.send(admin.request(Method::POST, "/token").body(form)).await.status(401);
    let bearer = admin.with_token(&token);
    bearer.push("team/app", "v1", &Image::of(["hello"])).await;
    let request = bearer.request(Method::GET, "/v2/");
    admin.with_token("a-made-up-token").get("/v2/").await.status(401);
    bearer.send(request).await.ok();
    eventually("the push in the log", async || {
        read(directory.path()).contains("/v2/team/app/manifests/v1").then_some(())
    })
    .await;
    assert_eq!(process.terminate(), Some(0));

    let log = read(directory.path());
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let signature = token.rsplit('.').next().unwrap();
    for secret in [
        PASSWORD,
        "correct+horse",
        wrong,
        "a-password-in-a-form",
        "a-made-up-token",
        &token,
        signature,
        &refresh,
        &encode(&format!("admin:{PASSWORD}")),
        &encode(&format!("admin:{wrong}")),
        "$argon2",
    ] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "`{secret}` was logged");
    }
}
