//! Pulls that are sent to the bucket.

use std::io::Read as _;
use std::process::{Command, Stdio};

use berth::config::{ByteSize, Config, RedirectRule};
use reqwest::Method;
use reqwest::redirect::Policy;

use crate::support::servers::Kind;
use crate::support::{Answer, Blob, Bucket, Client, Process, TestApp};
use crate::v2::blob_path;

fn rule(redirect: bool) -> RedirectRule {
    RedirectRule { addresses: Vec::new(), min_size: None, client: None, redirect }
}

async fn start(bucket: &Bucket, rules: Vec<RedirectRule>) -> TestApp {
    TestApp::start_with(|config: &mut Config| {
        bucket.configure(config);
        config.storage.redirect.rules = rules;
    })
    .await
}

/// A client that follows redirects, as all real ones do, and leaves its credentials behind.
fn follower() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(Policy::limited(3)).build().unwrap()
}

async fn get(client: &Client, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = client.request(Method::GET, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.send(request).await
}

async fn a_pull_goes_to_the_bucket(kind: Kind) {
    let Some(bucket) = Bucket::of(kind).await else { return };
    let mut large = rule(true);
    large.min_size = Some(ByteSize::bytes(100_000));
    let mut old = rule(false);
    old.client = Some("Old*/1.*".into());
    let berth = start(&bucket, vec![old, large]).await;
    let admin = berth.admin().await;
    let (small, blob) = (Blob::random(99_999, 1), Blob::random(9 << 20, 2));
    for blob in [&small, &blob] {
        admin.push_blob("team/app", blob).await;
    }
    let path = blob_path("team/app", &blob.digest);

    let sent = admin.get(&path).await.status(307);
    assert_eq!(sent.bytes, b"");
    assert_eq!(sent.header("docker-content-digest"), blob.digest.as_str());
    assert_eq!(sent.header("cache-control"), "no-store");
    let link = sent.header("location").to_owned();
    let endpoint = &bucket.options["endpoint"];
    assert!(link.starts_with(endpoint.as_str()), "{link}");

    // Following it, whole and in part; the registry's credentials do not travel along.
    let follower = admin.over(follower());
    assert!(follower.get(&path).await.ok().bytes == blob.bytes);
    let part = get(&follower, &path, &[("range", "bytes=5000000-5000009")]).await.status(206);
    assert_eq!(part.bytes, blob.bytes[5_000_000..5_000_010]);
    let rest = get(&follower, &path, &[("range", "bytes=9437000-")]).await.status(206);
    assert!(rest.header("content-range").starts_with("bytes 9437000-"));
    assert_eq!(rest.bytes, blob.bytes[9_437_000..]);

    // Answered here: HEAD, what buckets do not do, what has not changed, what no range fits, small ones, other clients.
    let head = admin.head(&path).await.ok();
    assert_eq!(head.header("content-length"), blob.bytes.len().to_string());
    get(&admin, &path, &[("range", "bytes=0-1,5-6")]).await.status(206);
    get(&admin, &path, &[("range", "bytes=0-1"), ("if-range", "\"other\"")]).await.ok();
    let etag = format!("\"{}\"", blob.digest);
    get(&admin, &path, &[("if-none-match", &etag)]).await.status(304);
    get(&admin, &path, &[("range", "bytes=9999999999-")]).await.status(416);
    assert!(get(&admin, &path, &[("user-agent", "older/1.2")]).await.ok().bytes == blob.bytes);
    get(&admin, &path, &[("user-agent", "older/2.0")]).await.status(307);
    assert!(admin.get(&blob_path("team/app", &small.digest)).await.ok().bytes == small.bytes);

    // Nobody gets a link who may not read.
    berth.anonymous().get(&path).await.status(401);
    admin.get(&blob_path("team/other", &blob.digest)).await.fails(404, "BLOB_UNKNOWN");

    // A link is for reading this one object. The emulator of Google looks at no signature.
    if kind != Kind::Gcs {
        let plain = reqwest::Client::new();
        for request in [
            plain.put(&link).header("x-ms-blob-type", "BlockBlob").body("spoilt"),
            plain.delete(&link),
            plain
                .get(link.replace(&blob_key(&berth, &blob).await, &blob_key(&berth, &small).await)),
        ] {
            let status = request.send().await.unwrap().status();
            assert!(status.is_client_error(), "{status}");
        }
        assert!(follower.get(&path).await.ok().bytes == blob.bytes);
    }
}

/// Where a blob is, as a URL has it.
async fn blob_key(berth: &TestApp, blob: &Blob) -> String {
    let row = berth.app.meta.find_blob_anywhere(&blob.digest).await.unwrap().unwrap();
    row.location.as_str().to_owned()
}

#[tokio::test]
async fn a_pull_goes_to_garage() {
    a_pull_goes_to_the_bucket(Kind::Garage).await;
}

#[tokio::test]
async fn a_pull_goes_to_azurite() {
    a_pull_goes_to_the_bucket(Kind::Azurite).await;
}

#[tokio::test]
async fn a_pull_goes_to_the_emulator_of_google() {
    a_pull_goes_to_the_bucket(Kind::Gcs).await;
}

#[tokio::test]
async fn the_address_of_the_client_decides_before_what_comes_later() {
    let Some(bucket) = Bucket::of(Kind::Garage).await else { return };
    for (range, code) in [("127.0.0.0/8", 200), ("10.0.0.0/8", 307)] {
        let mut inside = rule(false);
        inside.addresses = vec![range.parse().unwrap()];
        let berth = start(&bucket, vec![inside, rule(true)]).await;
        let admin = berth.admin().await;
        let blob = Blob::new("hello");
        admin.push_blob("team/app", &blob).await;
        admin.get(&blob_path("team/app", &blob.digest)).await.status(code);
    }
}

#[tokio::test]
async fn clients_are_sent_to_the_public_endpoint() {
    for kind in [Kind::Garage, Kind::Azurite, Kind::Gcs] {
        let Some(bucket) = Bucket::of(kind).await else { continue };
        let public = bucket.options["endpoint"].replace("127.0.0.1", "localhost");
        let berth = TestApp::start_with(|config| {
            bucket.configure(config);
            config.storage.redirect.rules = vec![rule(true)];
            config.storage.redirect.public_endpoint = Some(format!("{public}/"));
        })
        .await;
        let admin = berth.admin().await;
        let blob = Blob::random(10_000, 1);
        admin.push_blob("team/app", &blob).await;
        let path = blob_path("team/app", &blob.digest);
        let sent = admin.get(&path).await.status(307);
        assert!(sent.header("location").starts_with(&format!("{public}/")));
        assert!(admin.over(follower()).get(&path).await.ok().bytes == blob.bytes);
    }
}

#[tokio::test]
async fn a_public_endpoint_that_is_another_bucket_is_refused_at_the_start() {
    let Some(bucket) = Bucket::of(Kind::Garage).await else { return };
    let Some(other) = Bucket::of(Kind::Gcs).await else { return };
    let directory = tempfile::tempdir().unwrap();
    let mut command = crate::support::berth_command(directory.path());
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    bucket.environment(&mut command);
    command.env("BERTH_STORAGE_REDIRECT_RULES", "[{}]");
    command.env("BERTH_STORAGE_REDIRECT_PUBLIC_ENDPOINT", &other.options["endpoint"]);
    let said = crate::support::run(&mut command).exit(1);
    said.says(["redirect a pull: ", "storage.redirect.public_endpoint"]);
}

#[tokio::test]
async fn logs_never_show_a_signature() {
    for kind in [Kind::Garage, Kind::Azurite, Kind::Gcs] {
        let Some(bucket) = Bucket::of(kind).await else { continue };
        let directory = tempfile::tempdir().unwrap();
        let rules = r#"[{ min_size = "1B" }]"#;
        let mut stderr = None;
        let berth = Process::start_with(directory.path(), |command: &mut Command| {
            bucket.environment(command);
            command.env("BERTH_STORAGE_REDIRECT_RULES", rules).env("BERTH_LOG_FILTER", "trace");
            let (reader, writer) = std::io::pipe().unwrap();
            command.stderr(Stdio::from(writer));
            stderr = Some(std::thread::spawn(move || {
                let mut reader = reader;
                let mut text = String::new();
                reader.read_to_string(&mut text).unwrap();
                text
            }));
        });
        let admin = berth.admin();
        let blob = Blob::random(10_000, 1);
        admin.push_blob("team/app", &blob).await;
        let sent = admin.get(&blob_path("team/app", &blob.digest)).await.status(307);
        let link = sent.header("location").to_owned();
        let secret = ["X-Amz-Signature=", "sig=", "X-Goog-Signature="]
            .iter()
            .find_map(|name| link.split(['?', '&']).find_map(|pair| pair.strip_prefix(name)))
            .unwrap_or_else(|| panic!("{link} is not signed"));
        assert!(secret.len() > 20, "{link}");
        assert_eq!(berth.terminate(), Some(0));
        let log = stderr.unwrap().join().unwrap();
        assert!(log.contains("307"), "{log}");
        assert!(!log.contains(secret), "{log}");
    }
}
