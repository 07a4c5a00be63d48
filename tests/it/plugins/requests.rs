//! Requests of plugins: only where they may go, whatever names, addresses, redirects and DNS say.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use berth::oci::{Digest, MediaType};
use berth::plugin::{Binding, CallContext, CallError, Hook, Outcome, Refusal, Terms};
use berth::remote::{Names, Outbound, OutboundOptions};
use futures::FutureExt as _;
use parking_lot::Mutex;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::installed::install;
use super::{Host, terms};
use crate::support::{Blob, TestApp};

/// A server that says the same to everybody, or nothing at all.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn saying(answer: impl Into<String>) -> Self {
        Self::start(Some(answer.into())).await
    }

    async fn start(answer: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, requests) =
            (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (counted, kept) = (Arc::clone(&connections), Arc::clone(&requests));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let (answer, kept) = (answer.clone(), Arc::clone(&kept));
                tokio::spawn(async move {
                    let mut read = Vec::new();
                    let mut buffer = vec![0; 64 << 10];
                    loop {
                        match stream.read(&mut buffer).await {
                            Ok(0) | Err(_) => return,
                            Ok(count) => read.extend_from_slice(&buffer[..count]),
                        }
                        let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else {
                            continue;
                        };
                        let head = String::from_utf8_lossy(&read[..end]).to_lowercase();
                        let length = head.split("content-length: ").nth(1);
                        let length =
                            length.and_then(|rest| rest.lines().next()?.trim().parse().ok());
                        if read.len() < end + 4 + length.unwrap_or(0) {
                            continue;
                        }
                        kept.lock().push(String::from_utf8_lossy(&read).into_owned());
                        read.clear();
                        let Some(answer) = &answer else { continue };
                        if stream.write_all(answer.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, connections, requests }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn port(&self) -> u16 {
        self.address.port()
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// Names that lead where the test says, one answer after the other; the last one stays.
fn names(table: &[(&str, &[&str])]) -> (Names, Arc<AtomicUsize>) {
    let table: HashMap<String, Vec<IpAddr>> = table
        .iter()
        .map(|(name, to)| ((*name).to_owned(), to.iter().map(|one| one.parse().unwrap()).collect()))
        .collect();
    let asked = Arc::new(AtomicUsize::new(0));
    let (count, table) = (Arc::clone(&asked), Arc::new(table));
    let names = Names::By(Arc::new(move |name| {
        let turn = count.fetch_add(1, Ordering::SeqCst);
        let found = table.get(&name).map(|answers| vec![answers[turn.min(answers.len() - 1)]]);
        async move { found.ok_or_else(|| std::io::Error::other("no such name")) }.boxed()
    }));
    (names, asked)
}

async fn host_with(names: Names) -> Host {
    Host::start_with(|options| {
        options.outbound = Outbound::new(OutboundOptions { names, ..OutboundOptions::default() });
    })
    .await
}

fn fetching(deed: &str, url: &str, granted: &[&str]) -> Terms {
    let mut terms = terms(json!({ "do": deed, "what": url }), granted);
    let mut binding = Binding::default();
    binding.limits.deadline = "30s".parse().ok();
    terms.hooks.insert(Hook::Admission, binding);
    terms
}

/// What came of a request: the guest's words, or how it was refused.
async fn fetch(
    host: &Host,
    deed: &str,
    url: &str,
    granted: &[&str],
) -> Result<String, (Refusal, String)> {
    host.install("hostile", &fetching(deed, url, granted)).await;
    let verdict = host.ask(None).await;
    match verdict.outcome {
        Outcome::Allowed => Ok(verdict.notes[0].audit["said"].clone()),
        Outcome::Unavailable { error: CallError::Refused { kind, message }, .. } => {
            Err((kind, message))
        }
        other => panic!("{url}: {other:?}"),
    }
}

fn is_denied(answer: &Result<String, (Refusal, String)>) -> bool {
    matches!(answer, Err((Refusal::Denied, _)))
}

#[tokio::test]
async fn a_granted_host_answers_and_no_other_is_asked() {
    let host = Host::start().await;
    let (mine, other) = (Server::saying(ok("hello")).await, Server::saying(ok("secret")).await);
    let grant = format!("http {}", mine.url());
    let answer = fetch(&host, "http", &format!("{}/path", mine.url()), &[&grant]).await;
    assert_eq!(answer.unwrap(), "200  5");
    assert!(mine.requests.lock()[0].starts_with("GET /path HTTP/1.1\r\n"));
    for url in [
        other.url(),
        format!("http://localhost:{}", mine.port()),
        format!("https://{}", mine.address),
    ] {
        let answer = fetch(&host, "http", &url, &[&grant]).await;
        assert!(is_denied(&answer), "{url}: {answer:?}");
    }
    assert_eq!(other.connections.load(Ordering::SeqCst), 0);
    let log = host.plugins.log(&"test.hostile".parse().unwrap());
    let told = format!("`http GET http://localhost:{}` was not granted", mine.port());
    assert!(log.iter().any(|line| line.message == told), "{log:?}");
    // A method that was not granted.
    let grant = format!("http PUT {}", mine.url());
    assert!(is_denied(&fetch(&host, "http", &mine.url(), &[&grant]).await));
    assert!(is_denied(&fetch(&host, "http", &mine.url(), &[]).await));
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_followed_unless_the_grant_says_so() {
    let server = Server::saying(ok("inside")).await;
    let (names, _) =
        names(&[("intra.example", &["127.0.0.1"]), ("meta.example", &["169.254.169.254"])]);
    let host = host_with(names).await;
    let url = format!("http://intra.example:{}", server.port());
    let answer = fetch(&host, "http", &url, &[&format!("http {url}")]).await;
    assert!(is_denied(&answer), "{answer:?}");
    let answer = fetch(&host, "http", &url, &[&format!("http {url} private")]).await;
    assert!(is_denied(&answer), "this machine is no private network: {answer:?}");
    assert_eq!(server.connections.load(Ordering::SeqCst), 0);
    let answer = fetch(&host, "http", &url, &[&format!("http {url} loopback")]).await;
    assert_eq!(answer.unwrap(), "200  6");
    // The connection that this grant has made is not there for others.
    let answer = fetch(&host, "http", &url, &[&format!("http {url}")]).await;
    assert!(is_denied(&answer), "{answer:?}");
    let answer =
        fetch(&host, "http", "http://meta.example", &["http http://meta.example loopback"]).await;
    assert!(is_denied(&answer), "no grant reaches the metadata service by name: {answer:?}");
}

#[tokio::test]
async fn an_address_is_granted_by_itself_or_not_at_all() {
    let server = Server::saying(ok("inside")).await;
    let host = Host::start().await;
    let port = server.port();
    for grant in ["http http://*:*", &format!("http http://localhost:{port}")] {
        for url in [
            server.url(),
            format!("http://127.1:{port}"),
            format!("http://2130706433:{port}"),
            format!("http://[::ffff:127.0.0.1]:{port}"),
        ] {
            let answer = fetch(&host, "http", &url, &[grant]).await;
            assert!(is_denied(&answer), "{grant} {url}: {answer:?}");
        }
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 0);
    let answer = fetch(&host, "http", &server.url(), &[&format!("http {}", server.url())]).await;
    assert_eq!(answer.unwrap(), "200  6");
}

#[tokio::test]
async fn a_redirect_is_handed_back_and_leads_nowhere() {
    let inside = Server::saying(ok("inside")).await;
    let answer =
        format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", inside.url());
    let server = Server::saying(answer).await;
    let host = Host::start().await;
    let grant = format!("http {}", server.url());
    let answer = fetch(&host, "http", &server.url(), &[&grant]).await;
    assert_eq!(answer.unwrap(), format!("302 {} 0", inside.url()));
    assert!(is_denied(&fetch(&host, "follow", &server.url(), &[&grant]).await));
    assert_eq!(inside.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_mind_gains_nothing() {
    let inside = Server::saying(ok("inside")).await;
    // First where it may lead, then inside: what was checked is what is connected to, each time.
    let (names, asked) = names(&[("evil.example", &["203.0.114.1", "127.0.0.1"])]);
    let host = Host::start_with(|options| {
        options.outbound = Outbound::new(OutboundOptions {
            names,
            connect_timeout: Duration::from_millis(50),
            ..OutboundOptions::default()
        });
    })
    .await;
    let url = format!("http://evil.example:{}", inside.port());
    let grant = format!("http {url}");
    // The public address does not answer here; what matters is that nobody else is asked instead.
    let first = fetch(&host, "http", &url, &[&grant]).await;
    assert!(matches!(first, Err((Refusal::Unavailable, _))), "{first:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 1, "resolved once, and not again to connect");
    let second = fetch(&host, "http", &url, &[&grant]).await;
    assert!(is_denied(&second), "{second:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert_eq!(inside.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_answer_that_never_ends_is_cut() {
    let host = Host::start().await;
    let large = Server::saying(ok(&"x".repeat(2 << 20))).await;
    let grant = format!("http {}", large.url());
    let answer = fetch(&host, "http", &large.url(), &[&grant]).await;
    assert!(matches!(answer, Err((Refusal::Unavailable, _))), "{answer:?}");
}

#[tokio::test]
async fn a_stalled_remote_holds_a_call_no_longer_than_its_deadline() {
    let host = Host::start().await;
    let silent = Server::start(None).await;
    let mut terms = fetching("http", &silent.url(), &[&format!("http {}", silent.url())]);
    if let Some(binding) = terms.hooks.get_mut(&Hook::Admission) {
        binding.limits.deadline = "300ms".parse().ok();
    }
    host.install("hostile", &terms).await;
    let outcome = host.ask(None).await.outcome;
    let Outcome::Unavailable { error, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(error, CallError::Deadline(Duration::from_millis(300)));
    assert_eq!(silent.connections.load(Ordering::SeqCst), 1);
    assert_eq!(host.last_record().requests, 1);
}

#[tokio::test]
async fn a_target_brings_content_elsewhere() {
    let server = Server::saying(ok("")).await;
    let host = Host::start().await;
    let mut terms =
        terms(json!({ "url": server.url() }), &["secret token", &format!("http {}", server.url())]);
    terms.secrets.insert("token".into(), berth::secret::Secret::new("t0ken".into()));
    let name = host.install("useful", &terms).await;
    let target = host.plugins.target(&name).unwrap();
    let (context, repository) = (CallContext::new("job"), "team/app".parse().unwrap());
    // Larger than what is passed on at once.
    let blob = Blob::random(3 << 20, 1);
    let admin = host.berth.admin().await;
    let path = format!("/v2/team/app/blobs/uploads/?digest={}", blob.digest);
    admin.post(&path, blob.bytes.clone()).await.status(201);
    let row = host.berth.app.meta.find_blob(&repository, &blob.digest).await.unwrap().unwrap();
    let content = host.berth.app.blobs.load(&row.location, row.size).await.unwrap();
    let descriptor = serde_json::from_value(blob.descriptor("application/octet-stream")).unwrap();
    target.put_blob(&context, &repository, &descriptor, content, row.size).await.unwrap();
    let manifest =
        serde_json::from_value(Blob::new("{}").descriptor(MediaType::OCI_MANIFEST)).unwrap();
    let stored = target
        .put_manifest(&context, &repository, &"v1".parse().unwrap(), &manifest, b"{}")
        .await
        .unwrap();
    assert_eq!(stored, Blob::new("{}").digest);
    let lacks =
        target.missing(&context, &repository, std::slice::from_ref(&blob.digest)).await.unwrap();
    assert!(lacks.is_empty());
    target.delete(&context, &repository, &"v1".parse().unwrap()).await.unwrap();
    let none: Option<Digest> =
        target.find_manifest(&context, &repository, &"v1".parse().unwrap()).await.unwrap();
    assert_eq!(none, None);
    let requests = server.requests.lock();
    let heads: Vec<_> = requests.iter().map(|request| request.lines().next().unwrap()).collect();
    let digest = &blob.digest;
    assert_eq!(
        heads,
        [
            format!("PUT /team/app/{digest} HTTP/1.1"),
            "PUT /team/app/v1 HTTP/1.1".into(),
            format!("HEAD /team/app/{digest} HTTP/1.1"),
            "DELETE /team/app/v1 HTTP/1.1".into(),
            "HEAD /team/app/v1 HTTP/1.1".into(),
        ]
    );
    let put = requests[0].to_lowercase();
    assert!(
        put.contains("authorization: bearer t0ken") && put.contains("content-length: 3145728"),
        "{}",
        &put[..300]
    );
}

#[tokio::test]
async fn a_rule_sends_pushes_to_a_plugin() {
    let server = Server::saying(ok("")).await;
    let berth = TestApp::start().await;
    berth.app.start_worker();
    let admin = berth.admin().await;
    // It decides nothing here: only its target is used.
    let settings = json!({
        "settings": { "url": server.url() },
        "secrets": { "token": "t0ken" },
        "granted": ["secret token", format!("http {}", server.url())],
        "hooks": { "admission": { "repositories": ["none"] } },
    });
    install(&berth, &admin, "useful", settings).await;
    let target = json!({ "name": "elsewhere", "plugin": "test.useful" });
    admin.post_json("/api/v1/replication/targets", target).await.status(201);
    let checked = admin.post_json("/api/v1/replication/targets/elsewhere/check", json!({})).await;
    assert_eq!(checked.ok().json()["said"], "the plugin is there");
    let rule = json!({ "name": "all", "target": "elsewhere" });
    admin.post_json("/api/v1/replication/rules", rule).await.status(201);
    admin.push("team/app", "v1", &crate::support::Image::of(["hello"])).await;
    let state = crate::support::eventually("the copy", async || {
        let states = admin.get("/api/v1/replication/states").await.ok().json();
        let state = states["states"][0].clone();
        (state["state"] == "even").then_some(state)
    })
    .await;
    assert_eq!(state["reference"], "v1");
    let requests = server.requests.lock();
    let last = requests.last().unwrap();
    assert!(last.starts_with("PUT /team/app/v1 "), "the tag comes last: {last}");
}
