//! Scans: from the push of an image to what the command line says about it.

mod advisories;
mod policy;
mod quarantine;
mod reports;
mod secrets;

use berth::plugin::Bundled;
use serde_json::{Value, json};

use crate::plugins::Host;
use crate::plugins::images::{File, gzip, tar};
use crate::plugins::installed::{keep, warm};
use crate::support::{
    Blob, Client, Image, PASSWORD, Said, TestApp, berth, berth_reads, eventually,
};

const STATUS: &str = "\
Package: libssl3
Status: install ok installed
Source: openssl
Version: 3.0.11-1~deb12u1
Architecture: amd64

Package: bash
Status: install ok installed
Version: 5.2.15-2
Architecture: amd64
";

const OS_RELEASE: &str = "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n";

/// A Berth that works, and a plugin host of its own beside it to ask a policy with.
async fn start() -> Host {
    let host = Host::start().await;
    host.berth.app.start_worker();
    host
}

/// Installs a plugin that comes with Berth, with all that it asks for.
async fn install(berth: &TestApp, name: &str, config: Value) {
    let package = Bundled::find(name).unwrap().package().unwrap();
    warm(berth, &package).await;
    let granted: Vec<String> = package.manifest().asks.iter().map(ToString::to_string).collect();
    let wish =
        json!({ "source": format!("bundled:{name}"), "granted": granted, "settings": config });
    berth.admin().await.post_json("/api/v1/plugins", wish).await.status(201);
    keep(berth, &package).await;
}

/// How often a plugin has answered.
async fn calls(berth: &TestApp, name: &str) -> u64 {
    let text = berth.admin().await.get("/metrics").await.ok().text();
    let line =
        format!(r#"berth_plugin_calls_total{{plugin="{name}",hook="scanner",ending="answered"}} "#);
    text.lines().find_map(|found| found.strip_prefix(&line)).map_or(0, |n| n.parse().unwrap())
}

/// An image of some files, with a configuration.
fn image_of(files: &[File<'_>], config: &Value) -> Image {
    let config = Blob::new(config.to_string());
    let layer = Blob::new(gzip(&tar(files)));
    Image::with_config(config, vec![layer], "application/vnd.oci.image.layer.v1.tar+gzip")
}

/// A Debian with two packages, and one of npm.
fn debian() -> Image {
    image_of(
        &[
            ("etc/os-release", OS_RELEASE.as_bytes()),
            ("var/lib/dpkg/status", STATUS.as_bytes()),
            ("var/lib/dpkg/info/libssl3.list", b"/usr/lib/libssl.so.3\n"),
            ("var/lib/dpkg/info/bash.list", b"/bin/bash\n"),
            ("usr/lib/libssl.so.3", b"so"),
            ("bin/bash", b"sh"),
            (
                "app/node_modules/minimist/package.json",
                br#"{"name":"minimist","version":"1.2.5","license":"MIT"}"#,
            ),
        ],
        &json!({ "architecture": "amd64", "os": "linux" }),
    )
}

/// An advisory in OSV format about a version of a package.
fn advisory(id: &str, ecosystem: &str, name: &str, fixed: &str, severity: &str) -> Value {
    json!({
        "id": id, "modified": "2026-01-01T00:00:00Z", "summary": format!("{name} is broken"),
        "affected": [{
            "package": { "ecosystem": ecosystem, "name": name },
            "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": fixed }] }],
            "ecosystem_specific": { "severity": severity },
        }],
    })
}

/// Records one after another.
fn lines(advisories: &[Value]) -> String {
    advisories.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
}

/// Imports advisories as one source.
async fn import(admin: &Client, source: &str, advisories: &[Value]) -> Value {
    let body = lines(advisories);
    admin.put(&format!("/api/v1/advisories/{source}"), body).await.ok().json()
}

async fn scans(client: &Client, repository: &str, reference: &str) -> Value {
    let name = repository.replace('/', "%2F");
    client.get(&format!("/api/v1/repositories/{name}/scans/{reference}")).await.ok().json()
}

/// Waits until as many scanners have an answer about an image, and gives their reports.
async fn scanned(client: &Client, repository: &str, reference: &str, number: usize) -> Vec<Value> {
    eventually("a scan", async || {
        let reports =
            scans(client, repository, reference).await["reports"].as_array().unwrap().clone();
        let is_over = |report: &Value| report["state"] == "done" || report["state"] == "failed";
        (reports.len() == number && reports.iter().all(is_over)).then_some(reports)
    })
    .await
}

/// The kinds of events about scans, in their order.
async fn events(client: &Client, kind: &str) -> Vec<Value> {
    let found = client.get(&format!("/api/v1/events?kind={kind}")).await.ok().json();
    found["events"].as_array().unwrap().clone()
}

/// The command line of somebody who is logged in as an administrator.
async fn command_line(host: &Host) -> impl AsyncFn(Vec<&str>) -> Said {
    let (home, url) = (std::sync::Arc::new(tempfile::tempdir().unwrap()), host.berth.url());
    let (there, at) = (std::sync::Arc::clone(&home), url.clone());
    let login = move || {
        let arguments = ["login", &*at, "-u", "admin", "--password-stdin"];
        berth_reads(there.path(), arguments, PASSWORD)
    };
    tokio::task::spawn_blocking(login).await.unwrap().ok();
    async move |arguments: Vec<&str>| {
        let mut all: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        all.extend(["--server".to_owned(), url.clone()]);
        let home = std::sync::Arc::clone(&home);
        // What it asks is answered by this thread.
        tokio::task::spawn_blocking(move || berth(home.path(), all)).await.unwrap()
    }
}
