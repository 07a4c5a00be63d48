//! Hostile plugins in a whole Berth that serves others meanwhile: whoever has to do with one is told that there is no answer,
//! and everybody else gets what they came for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::installed::install;
use crate::support::{Answer, Blob, Client, Image, TestApp, eventually};

/// Clients that push and pull what no plugin is asked about. Each of their answers has to be right.
struct Bystanders {
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<()>>,
}

impl Bystanders {
    async fn start(admin: &Client) -> Self {
        let image = Image::of(["hello"]);
        admin.push("team/app", "v1", &image).await;
        let (stop, rounds) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let client = |number: usize| {
            let (admin, image) = (admin.clone(), image.clone());
            let (stop, rounds) = (Arc::clone(&stop), Arc::clone(&rounds));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let pulled = admin.get("/v2/team/app/manifests/v1").await.ok();
                    assert_eq!(pulled.bytes, image.manifest());
                    admin.push("team/app", &format!("v1.{number}"), &image).await;
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        let clients = (0..4).map(client).collect();
        Self { stop, rounds, clients }
    }

    /// Waits until each of them can have had another answer.
    async fn go_on(&self) {
        let before = self.rounds.load(Ordering::Relaxed);
        eventually("others to be served", async || {
            (self.rounds.load(Ordering::Relaxed) > before + self.clients.len()).then_some(())
        })
        .await;
    }

    async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await.unwrap();
        }
    }
}

const PLUGIN: &str = "/api/v1/plugins/test.hostile";

/// Asked about `evil/**` alone, and only whether something may happen there.
fn hooks() -> Value {
    json!({ "admission": { "repositories": ["evil/**"] } })
}

async fn tell(admin: &Client, deed: &str, what: &str) {
    let settings = json!({ "settings": { "do": deed, "what": what } });
    admin.patch_json(PLUGIN, settings).await.ok();
}

/// A pull that the plugin is asked about.
async fn pull(admin: &Client) -> Answer {
    admin.get("/v2/evil/app/manifests/v1").await
}

/// How many calls have ended in one of these ways.
async fn ended(admin: &Client, endings: &str) -> u64 {
    let figures = admin.get("/metrics").await.ok().text();
    let count = |ending: &str| {
        let name = format!(
            "berth_plugin_calls_total{{plugin=\"test.hostile\",hook=\"admission\",ending=\"{ending}\"}} "
        );
        let line = figures.lines().find_map(|line| line.strip_prefix(&name));
        line.map_or(0, |count| count.parse::<u64>().unwrap())
    };
    endings.split(' ').map(count).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_notices_what_a_plugin_does() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    admin.push("evil/app", "v1", &Image::of(["evil"])).await;
    let secret = Blob::new("a secret of another repository");
    admin.push_blob("private/app", &secret).await;
    let digest = secret.digest.to_string();
    install(&berth, &admin, "hostile", json!({ "hooks": hooks() })).await;
    let bystanders = Bystanders::start(&admin).await;
    for (deed, what, ending) in [
        // Which of them it is depends on what else the machine does.
        ("loop", "", "cpu deadline"),
        ("sleep", "", "deadline"),
        ("recurse", "", "stack"),
        ("memory", "", "memory cpu deadline"),
        ("panic", "", "trap"),
        ("wild", "", "trap"),
        ("huge-answer", "", "output"),
        ("huge-log", "", "output"),
        ("mute-denial", "", "malformed"),
        ("broken-detail", "", "malformed"),
        ("blob", digest.as_str(), "refused"),
        ("secret", "password", "refused"),
        ("http", "http://127.0.0.1:9", "refused"),
        ("http", "http://169.254.169.254/latest", "refused"),
        ("http", "http://localhost:9", "refused"),
    ] {
        tell(&admin, deed, what).await;
        // Left alone after five failures: no matter what the others did.
        berth.turn_clock(Duration::from_hours(1));
        let before = ended(&admin, ending).await;
        let asked = (0..4).map(|_| pull(&admin));
        for answer in join_all(asked).await {
            let answer = answer.fails(503, "UNAVAILABLE");
            assert!(answer.find_header("retry-after").is_some(), "{deed}");
            assert!(!answer.text().contains("a secret"), "{deed}");
        }
        let after = ended(&admin, ending).await;
        assert!(after > before, "{deed} {what}: none of the calls ended as `{ending}`");
        bystanders.go_on().await;
    }
    bystanders.stop().await;
    // Without the plugin it is as if nothing had been.
    admin.patch_json(PLUGIN, json!({ "is_enabled": false })).await.ok();
    pull(&admin).await.ok();
}

/// A server that takes connections and says nothing.
async fn silent() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (url, connections)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_can_be_removed_while_it_waits_for_a_stalled_remote() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    admin.push("evil/app", "v1", &Image::of(["evil"])).await;
    let (url, connections) = silent().await;
    let wish = json!({ "hooks": hooks(), "granted": [format!("http {url}")] });
    install(&berth, &admin, "hostile", wish).await;
    tell(&admin, "http", &url).await;
    let bystanders = Bystanders::start(&admin).await;
    let waiting = {
        let admin = admin.clone();
        tokio::spawn(async move { pull(&admin).await })
    };
    eventually("its request", async || (connections.load(Ordering::SeqCst) > 0).then_some(()))
        .await;
    admin.delete(PLUGIN).await.status(204);
    // Who comes now is not its business any more, and who waits for it is told at its deadline.
    pull(&admin).await.ok();
    waiting.await.unwrap().fails(503, "UNAVAILABLE");
    bystanders.go_on().await;
    bystanders.stop().await;
    admin.get(PLUGIN).await.status(404);
}
