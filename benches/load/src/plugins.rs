//! What plugins cost the requests of a running Berth: those that a policy decides about, and those beside hostile ones.
//!
//! The plugins are those of the tests (`tests/guests/built`). In each round the policy is out of force and in force in turn, so
//! that whatever else the machine does meets both.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::{
    client::{Client, Scope, Target, Way},
    connection::{Body, Connection},
    figures::percentile,
    image::{Image, manifest_path},
    noise::Noise,
    peer::{PASSWORD, Peer, Programs},
    server::Server,
};

/// How much is measured.
#[derive(Clone, Copy)]
struct Extent {
    rounds: usize,
    /// Of each kind, in each round.
    requests: usize,
    starts: usize,
}

const FULL: Extent = Extent { rounds: 5, requests: 2000, starts: 9 };
const QUICK: Extent = Extent { rounds: 1, requests: 50, starts: 1 };

/// Clients that keep the hostile plugin busy.
const HOSTILE: usize = 16;
const GUESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/guests/built");

/// Calls the admin API.
async fn api(target: &Target, method: &str, path: &str, body: &Value) -> Result<Value> {
    let basic = BASE64_STANDARD.encode(format!("admin:{PASSWORD}"));
    let mut head = Vec::new();
    let text = body.to_string();
    write!(
        head,
        "{method} /api/v1/{path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic {basic}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
        target.address,
        text.len()
    )?;
    let mut connection = Connection::open(target.address, None).await?;
    connection.send(&mut head, Body::Bytes(text.as_bytes())).await?;
    let mut answer = Vec::new();
    let head =
        connection.receive(false, &mut |bytes: &[u8]| answer.extend_from_slice(bytes)).await?;
    ensure!(head.status < 300, "{method} {path} answered {}: {}", head.status, head.complaint);
    Ok(if answer.is_empty() { Value::Null } else { serde_json::from_slice(&answer)? })
}

/// Installs a plugin of the tests, which is asked about one repository.
async fn install(target: &Target, guest: &str, repository: &str, settings: Value) -> Result<()> {
    let path = format!("{GUESTS}/{guest}.wasm");
    let file = fs::read(&path).with_context(|| path.clone())?;
    let file = json!({ "component": BASE64_STANDARD.encode(file) });
    let kept = api(target, "POST", "plugin-files", &file).await?;
    let wish = json!({
        "source": kept["source"],
        "granted": ["image metadata"],
        "settings": settings,
        "hooks": { "admission": { "repositories": [repository] } },
    });
    api(target, "POST", "plugins", &wish).await.map(drop)
}

/// An image with the annotation that the policy wants, under the tag `v1`.
async fn push(target: &Arc<Target>, repository: &str) -> Result<()> {
    let (noise, mut client) = (Noise::new(), Client::open(target, Scope::Push(repository)).await?);
    let image = Image::new(&noise, 1, &[1024, 4096]);
    for blob in &image.blobs {
        client.push_blob(repository, &noise, *blob, Way::Monolithic).await?;
    }
    let mut manifest: Value = serde_json::from_slice(&image.manifest)?;
    manifest["annotations"] = json!({ "org.opencontainers.image.source": "here" });
    let path = manifest_path(repository, "v1");
    client.put_manifest(&path, manifest.to_string().as_bytes()).await
}

/// How long so many requests took, one after another on one connection.
async fn gets(
    client: &mut Client,
    path: &str,
    requests: usize,
    times: &mut Vec<Duration>,
) -> Result<()> {
    for _ in 0..requests {
        let begun = Instant::now();
        client.get(path).await?;
        times.push(begun.elapsed());
    }
    Ok(())
}

fn row(text: &mut String, what: &str, times: &mut [Duration]) -> Result<()> {
    times.sort_unstable();
    let at = |percent| percentile(times, percent) * 1000.0;
    writeln!(text, "| {what} | {} | {:.0} | {:.0} | {:.0} |", times.len(), at(50), at(90), at(99))?;
    Ok(())
}

/// Measures, and reports as Markdown.
pub(crate) fn measure(programs: &Programs, scratch: &Path, quick: bool) -> Result<String> {
    let extent = if quick { QUICK } else { FULL };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = Server::start(Peer::Berth, programs, scratch)?;
    let mut text = String::new();
    let done = runtime.block_on(requests(&server, extent, &mut text));
    done.with_context(|| format!("berth's log ends with:\n{}", server.log_text()))?;
    server.stop()?;
    starts(programs, scratch, extent.starts, &mut text)?;
    Ok(text)
}

async fn requests(server: &Server, extent: Extent, text: &mut String) -> Result<()> {
    let Extent { rounds, requests, .. } = extent;
    let target = &server.target;
    for repository in ["bench/app", "evil/app"] {
        push(target, repository).await?;
    }
    let path = manifest_path("bench/app", "v1");
    let mut client = Client::open(target, Scope::Pull("bench/app")).await?;
    let mut none = Vec::new();
    gets(&mut client, &path, requests, &mut none).await?;
    let before = server.processes().anonymous_mib()?;
    none.clear();
    install(target, "policy", "bench/**", json!({})).await?;
    let idle = server.processes().anonymous_mib()? - before;
    let (mut off, mut on, mut beside) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        for (enabled, times) in [(false, &mut off), (true, &mut on)] {
            let wish = json!({ "is_enabled": enabled });
            api(target, "PATCH", "plugins/test.policy", &wish).await?;
            gets(&mut client, &path, requests, times).await?;
        }
    }
    api(target, "DELETE", "plugins/test.policy", &Value::Null).await?;
    for _ in 0..rounds {
        gets(&mut client, &path, requests, &mut none).await?;
    }
    // A new one each time: one that has failed five times is left alone, and would do nothing.
    for _ in 0..rounds {
        install(target, "hostile", "evil/**", json!({ "do": "loop" })).await?;
        let evil = (0..HOSTILE).map(|_| ask_hostile(target));
        let evil = async { futures_of(evil).await };
        let (asked, served) = tokio::join!(evil, gets(&mut client, &path, requests, &mut beside));
        asked?;
        served?;
        api(target, "DELETE", "plugins/test.hostile", &Value::Null).await?;
    }
    writeln!(text, "| GET of a manifest | requests | p50 µs | p90 µs | p99 µs |")?;
    writeln!(text, "|---|--:|--:|--:|--:|")?;
    row(text, "no plugin installed", &mut none)?;
    row(text, "a policy installed, out of force", &mut off)?;
    row(text, "decided by the policy", &mut on)?;
    row(text, &format!("beside {HOSTILE} calls that compute without end"), &mut beside)?;
    writeln!(text, "\nAn idle plugin takes {idle:.2} MiB that no file backs.")?;
    Ok(())
}

/// One pull that the hostile plugin is asked about; it gives no answer.
async fn ask_hostile(target: &Arc<Target>) -> Result<()> {
    let mut client = Client::open(target, Scope::Pull("evil/app")).await?;
    let answered = client.get(&manifest_path("evil/app", "v1")).await;
    ensure!(answered.is_err(), "a plugin that computes without end has let a pull pass");
    Ok(())
}

/// All of them at once, on this thread.
async fn futures_of(all: impl Iterator<Item = impl Future<Output = Result<()>>>) -> Result<()> {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        let mut failed = None;
        all.retain_mut(|one| match one.as_mut().poll(context) {
            std::task::Poll::Pending => true,
            std::task::Poll::Ready(done) => {
                failed = failed.take().or(done.err());
                false
            }
        });
        match failed {
            Some(error) => std::task::Poll::Ready(Err(error)),
            None if all.is_empty() => std::task::Poll::Ready(Ok(())),
            None => std::task::Poll::Pending,
        }
    })
    .await
}

/// What a plugin that is compiled already adds to the start.
fn starts(programs: &Programs, scratch: &Path, number: usize, text: &mut String) -> Result<()> {
    let start = || -> Result<Duration> {
        let server = Server::start(Peer::Berth, programs, scratch)?;
        let took = server.start;
        server.stop()?;
        Ok(took)
    };
    let median = |what: &mut dyn FnMut() -> Result<Duration>| -> Result<f64> {
        let mut times = (0..number).map(|_| what()).collect::<Result<Vec<_>>>()?;
        times.sort_unstable();
        Ok(percentile(&times, 50))
    };
    let without = median(&mut || start())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = Server::start(Peer::Berth, programs, scratch)?;
    runtime.block_on(install(&server.target, "policy", "bench/**", json!({})))?;
    server.stop()?;
    let with = median(&mut || start())?;
    writeln!(
        text,
        "\nA start takes {without:.1} ms without a plugin and {with:.1} ms with one (medians of {number})."
    )?;
    Ok(())
}
