//! HTTPS, HTTP/2, and blobs over every kind of connection.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use reqwest::{Certificate, Method, Version};
use rustix::fs::{Advice, fadvise};

use crate::support::{Blob, Client, Image, Process, TestApp, Wire, eventually, stored_files};

/// A certificate for this machine that signs itself, as PEM; and its key.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// Who trusts one certificate and no other.
fn trusting(pem: &str) -> reqwest::ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificate = Certificate::from_pem(pem.as_bytes()).unwrap();
    reqwest::Client::builder().no_proxy().tls_certs_only([certificate])
}

struct Files {
    directory: tempfile::TempDir,
}

impl Files {
    fn new((certificate, key): &(String, String)) -> Self {
        let files = Self { directory: tempfile::tempdir().unwrap() };
        std::fs::write(files.certificate(), certificate).unwrap();
        std::fs::write(files.key(), key).unwrap();
        files
    }

    fn certificate(&self) -> std::path::PathBuf {
        self.directory.path().join("certificate.pem")
    }

    fn key(&self) -> std::path::PathBuf {
        self.directory.path().join("key.pem")
    }
}

/// A Berth behind a certificate, and a client that trusts it.
async fn start() -> (TestApp, String, Client) {
    let pair = certificate();
    let files = Files::new(&pair);
    let berth = TestApp::start_with(|config| {
        config.server.tls.certificate = Some(files.certificate());
        config.server.tls.key = Some(files.key());
    })
    .await;
    let alice = berth.writer("alice").await;
    let http = trusting(&pair.0).build().unwrap();
    let alice = alice.at(format!("https://{}", berth.address())).over(http);
    (berth, pair.0, alice)
}

/// The protocol that a client gets.
async fn version(http: &reqwest::Client, base: &str) -> Version {
    http.get(format!("{base}/healthz")).send().await.unwrap().version()
}

#[tokio::test]
async fn images_travel_over_https_in_both_versions_of_http() {
    let (berth, pem, alice) = start().await;
    let base = format!("https://{}", berth.address());
    let two = trusting(&pem).build().unwrap();
    let one = trusting(&pem).http1_only().build().unwrap();
    assert_eq!(version(&two, &base).await, Version::HTTP_2);
    assert_eq!(version(&one, &base).await, Version::HTTP_11);
    for (tag, http) in [("one", one), ("two", two)] {
        let client = alice.over(http);
        let image = Image::of(["some", tag]);
        client.push("team/app", tag, &image).await;
        let manifest = client.get(&format!("/v2/team/app/manifests/{tag}")).await.ok();
        assert_eq!(manifest.bytes, image.manifest());
        for blob in image.blobs() {
            let pulled = client.get(&format!("/v2/team/app/blobs/{}", blob.digest)).await.ok();
            assert_eq!(pulled.bytes, blob.bytes);
        }
        // Where to log in is named with the right scheme.
        let refused = client.with_password("alice", "wrong password").get("/v2/").await;
        let challenge = refused.fails(401, "UNAUTHORIZED").header("www-authenticate").to_owned();
        assert!(challenge.starts_with(&format!("Bearer realm=\"{base}/token\"")), "{challenge}");
    }
}

#[tokio::test]
async fn plain_http_on_a_port_of_tls_is_refused_and_disturbs_nobody() {
    let (berth, _, alice) = start().await;
    for said in ["GET /v2/ HTTP/1.1\r\nHost: berth\r\n\r\n", "\0\0\0\0", "PRI * HTTP/2.0\r\n\r\n"] {
        let mut wire = Wire::connect(berth.address()).await;
        wire.send(said).await;
        let answer = wire.rest().await;
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{answer:?}");
    }
    alice.get("/v2/").await.ok();
}

/// Drops files from the kernel's memory, as far as the file system lets it.
fn make_cold(data: &Path) {
    for path in stored_files::files(data, "blobs").into_keys() {
        fadvise(File::open(data.join(path)).unwrap(), 0, None, Advice::DontNeed).unwrap();
    }
}

/// Pulls a blob in several ways, from the disk and from memory.
async fn pull_whole_and_in_parts(berth: &TestApp, client: &Client, blob: &Blob, what: &str) {
    let path = format!("/v2/team/app/blobs/{}", blob.digest);
    let size = blob.bytes.len();
    for cold in [true, false] {
        for (start, end) in [(0, size), (1, size - 1), (70_000, 5_000_000), (size - 65_537, size)] {
            if cold {
                make_cold(&berth.directory.path().join("data"));
            }
            let range = format!("bytes={start}-{}", end - 1);
            let request = client.request(Method::GET, &path).header("range", range);
            let part = client.send(request).await.status(206);
            assert!(part.bytes == blob.bytes[start..end], "{what} {start}-{end} cold={cold}");
        }
        if cold {
            make_cold(&berth.directory.path().join("data"));
        }
        let whole = client.get(&path).await.ok();
        assert!(whole.bytes == blob.bytes, "{what} cold={cold}");
    }
}

#[tokio::test]
async fn large_blobs_are_the_same_over_every_kind_of_connection() {
    let blob = Blob::random((9 << 20) + 4321, 1);
    let (berth, pem, alice) = start().await;
    alice.push_blob("team/app", &blob).await;
    let one = alice.over(trusting(&pem).http1_only().build().unwrap());
    pull_whole_and_in_parts(&berth, &one, &blob, "HTTPS, HTTP/1.1").await;
    pull_whole_and_in_parts(&berth, &alice, &blob, "HTTPS, HTTP/2").await;

    let berth = TestApp::start().await;
    let alice = berth.writer("alice").await;
    alice.push_blob("team/app", &blob).await;
    pull_whole_and_in_parts(&berth, &alice, &blob, "HTTP/1.1").await;
    let two = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    pull_whole_and_in_parts(&berth, &alice.over(two), &blob, "HTTP/2").await;
}

#[tokio::test]
async fn a_certificate_is_loaded_again_when_its_files_change() {
    let (first, second) = (certificate(), certificate());
    let files = Files::new(&first);
    let data = tempfile::tempdir().unwrap();
    let log = files.directory.path().join("log");
    let berth = Process::start_with(data.path(), |command| {
        command
            .env("BERTH_SERVER_TLS_CERTIFICATE", files.certificate())
            .env("BERTH_SERVER_TLS_KEY", files.key())
            .env("BERTH_LOG_FILTER", "info")
            .stderr(Stdio::from(File::create(&log).unwrap()));
    });
    // A new connection each time: what is open keeps what it began with.
    let trusts = async |pem: &str| {
        let http = trusting(pem).build().unwrap();
        http.get(format!("{}/healthz", berth.url())).send().await.is_ok()
    };
    assert!(trusts(&first.0).await);
    assert!(!trusts(&second.0).await);

    // The new certificate does not go with the old key: the old pair stays, and the log says so.
    std::fs::write(files.certificate(), &second.0).unwrap();
    eventually("a line in the log", async || {
        let text = std::fs::read_to_string(&log).unwrap();
        text.contains("kept the old certificate").then_some(())
    })
    .await;
    assert!(trusts(&first.0).await);
    std::fs::write(files.key(), &second.1).unwrap();
    eventually("the new certificate", async || trusts(&second.0).await.then_some(())).await;
    assert!(!trusts(&first.0).await);

    // Nothing of use at all.
    std::fs::remove_file(files.key()).unwrap();
    std::fs::write(files.certificate(), "not PEM").unwrap();
    eventually("another line in the log", async || {
        let text = std::fs::read_to_string(&log).unwrap();
        (text.matches("kept the old certificate").count() >= 2).then_some(())
    })
    .await;
    assert!(trusts(&second.0).await);
    berth.ask_to_stop();
    assert_eq!(berth.ended().await, Some(0));
}
