//! Bytes on a connection, without a client library that tidies them up.

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::{blob_path, manifest_path};
use crate::support::{Blob, Image, PASSWORD, TestApp};

/// The status and the headers of an answer; names in lower case, in their order.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    #[track_caller]
    pub(super) fn header(&self, name: &str) -> &str {
        self.find(name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    pub(super) fn find(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// All headers but those that differ between any two answers.
    fn lasting(&self) -> Vec<(String, String)> {
        let mut headers = self.headers.clone();
        headers.retain(|(name, _)| !matches!(name.as_str(), "date" | "x-request-id"));
        headers.sort();
        headers
    }
}

/// One connection.
pub(super) struct Wire {
    stream: BufReader<TcpStream>,
    authorization: Option<String>,
}

impl Wire {
    pub(super) async fn connect(berth: &TestApp) -> Self {
        let stream = TcpStream::connect(berth.address()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream), authorization: None }
    }

    /// Sends this user's password with every request.
    pub(super) fn log_in(mut self, name: &str) -> Self {
        self.authorization = Some(STANDARD.encode(format!("{name}:{PASSWORD}")));
        self
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).await.unwrap();
    }

    /// Sends bytes that the other side may have stopped reading.
    pub(super) async fn try_send(&mut self, bytes: &[u8]) {
        let _ = self.stream.get_mut().write_all(bytes).await;
    }

    /// Sends the head of a request.
    pub(super) async fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) {
        let mut text = format!("{method} {path} HTTP/1.1\r\nhost: berth.test\r\n");
        if let Some(authorization) = &self.authorization {
            let _ = write!(text, "authorization: Basic {authorization}\r\n");
        }
        for (name, value) in headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("\r\n");
        self.send(text.as_bytes()).await;
    }

    /// Reads the head of an answer.
    pub(super) async fn head(&mut self) -> Head {
        let status = self.line().await;
        let status = status
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .unwrap_or_else(|| panic!("`{status}` begins no answer"));
        let mut headers = Vec::new();
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Head { status, headers }
    }

    /// Whether the connection still stands when all answers have been read.
    pub(super) async fn is_open(&mut self) -> bool {
        let mut peeked = [0];
        let stream = self.stream.get_ref();
        tokio::select! {
            biased;
            read = stream.peek(&mut peeked) => read.is_ok_and(|read| read > 0),
            () = std::future::ready(()) => true,
        }
    }

    /// Reads an answer whose length is told.
    pub(super) async fn answer(&mut self) -> (Head, Vec<u8>) {
        let head = self.head().await;
        // What has no body says no length.
        let length = if head.status == 204 || head.status == 304 {
            0
        } else {
            head.header("content-length").parse().unwrap()
        };
        let mut body = vec![0; length];
        soon(self.stream.read_exact(&mut body)).await.unwrap();
        (head, body)
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        soon(self.stream.read_line(&mut line)).await.unwrap();
        line.trim_end().to_owned()
    }
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("an answer within 20 s")
}

/// Paths with something behind them: a manifest by tag and by digest, blobs of several sizes.
async fn some_paths(berth: &TestApp) -> Vec<String> {
    let admin = berth.admin().await;
    let digest = admin.push("team/app", "v1", &Image::of(["hello"])).await;
    let mut paths = vec![manifest_path("team/app", "v1"), manifest_path("team/app", digest)];
    for (size, seed) in [(0, 1), (1, 2), (70_000, 3), (3_000_000, 4)] {
        let blob = Blob::random(size, seed);
        admin.push_blob("team/app", &blob).await;
        paths.push(blob_path("team/app", blob.digest));
    }
    paths
}

/// containers/image and containerd read the size from HEAD.
#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body_over_http_1() {
    let berth = TestApp::start().await;
    let paths = some_paths(&berth).await;
    let mut wire = Wire::connect(&berth).await.log_in("admin");
    for path in paths {
        wire.ask("HEAD", &path, &[]).await;
        let head = wire.head().await;
        // Had HEAD a body, this answer would begin with it.
        wire.ask("GET", &path, &[]).await;
        let (get, body) = wire.answer().await;
        assert_eq!((head.status, get.status), (200, 200), "{path}");
        assert_eq!(head.lasting(), get.lasting(), "{path}");
        assert_eq!(head.header("content-length"), body.len().to_string(), "{path}");
        assert!(head.find("docker-content-digest").is_some(), "{path}");
        assert!(head.find("content-encoding").is_none(), "{path}");
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body_over_http_2() {
    let berth = TestApp::start().await;
    let paths = some_paths(&berth).await;
    let admin = berth.admin().await.over_http2();
    for path in paths {
        let (head, get) = (admin.head(&path).await.ok(), admin.get(&path).await.ok());
        for name in
            ["content-length", "content-type", "docker-content-digest", "etag", "cache-control"]
        {
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
        assert_eq!(head.header("content-length"), get.bytes.len().to_string(), "{path}");
        assert_eq!(head.bytes, b"", "{path}");
    }
}

#[tokio::test]
async fn head_of_what_is_missing_has_no_body_either() {
    let berth = TestApp::start().await;
    berth.admin().await;
    let mut wire = Wire::connect(&berth).await.log_in("admin");
    for path in [manifest_path("team/app", "v1"), blob_path("team/app", super::NOWHERE)] {
        wire.ask("HEAD", &path, &[]).await;
        assert_eq!(wire.head().await.status, 404, "{path}");
        wire.ask("GET", &path, &[]).await;
        let (head, body) = wire.answer().await;
        assert_eq!(head.status, 404, "{path}");
        assert!(!body.is_empty(), "clients ask again with GET to learn the reason");
    }
}

/// An upload of ten gigabytes must not be sent to be refused.
#[tokio::test]
async fn a_body_is_not_asked_for_before_the_request_is_known_to_be_allowed() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    berth.reader("rita").await;
    let upload = admin.start_upload("team/app").await;
    let closed = super::closing(&upload, super::NOWHERE);
    let big = ("content-length", "1000000");
    let unknown = "/v2/team/app/blobs/uploads/AAAAAAAAAAAAAAAAAAAAAA";
    for (user, method, path, headers, status) in [
        (None, "PUT", closed.as_str(), &[big][..], 401),
        (None, "PATCH", &upload, &[big], 401),
        (None, "POST", "/v2/team/app/blobs/uploads/", &[big], 401),
        (None, "PUT", "/v2/team/app/manifests/v1", &[big], 401),
        (Some("nobody"), "PATCH", &upload, &[big], 401),
        (Some("rita"), "PATCH", &upload, &[big], 403),
        (Some("admin"), "PATCH", unknown, &[big], 404),
        (Some("admin"), "PUT", &upload, &[big], 400),
        (Some("admin"), "PATCH", &upload, &[big, ("content-range", "5-1000004")], 416),
        (Some("admin"), "PATCH", &upload, &[big, ("content-range", "0-7")], 400),
        (Some("admin"), "PUT", "/v2/team/app/manifests/v1", &[("content-length", "8000000")], 413),
        (Some("admin"), "PUT", "/v2/team/App/manifests/v1", &[big], 400),
    ] {
        let mut wire = Wire::connect(&berth).await;
        if let Some(user) = user {
            wire = wire.log_in(user);
        }
        let mut headers = headers.to_vec();
        headers.push(("expect", "100-continue"));
        wire.ask(method, path, &headers).await;
        let (head, body) = wire.answer().await;
        let shown = String::from_utf8_lossy(&body).into_owned();
        assert_eq!(head.status, status, "{method} {path} {headers:?}: {shown}");
    }
}

#[tokio::test]
async fn a_body_that_is_allowed_is_asked_for() {
    let berth = TestApp::start().await;
    let upload = berth.admin().await.start_upload("team/app").await;
    let mut wire = Wire::connect(&berth).await.log_in("admin");
    wire.ask("PATCH", &upload, &[("content-length", "5"), ("expect", "100-continue")]).await;
    assert_eq!(wire.head().await.status, 100);
    wire.send(b"hello").await;
    let head = wire.head().await;
    assert_eq!((head.status, head.header("range")), (202, "0-4"));
}

/// A client that still writes when the connection is closed sees a reset instead of the reason.
#[tokio::test]
async fn a_large_body_that_is_refused_is_answered_and_not_reset() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let upload = admin.start_upload("team/app").await;
    let body = Blob::random(8 << 20, 1).bytes;
    let length = body.len().to_string();
    let unknown = "/v2/team/app/blobs/uploads/AAAAAAAAAAAAAAAAAAAAAA";
    for (user, method, path, range, status) in [
        (Some("admin"), "PUT", "/v2/team/app/manifests/v1", None, 413),
        (Some("admin"), "PATCH", upload.as_str(), Some("9-8388616"), 416),
        (Some("admin"), "PATCH", &upload, Some("0-9"), 400),
        (Some("admin"), "PATCH", unknown, None, 404),
        (Some("admin"), "PUT", &upload, None, 400),
        (Some("admin"), "PATCH", "/v2/team/App/blobs/uploads/AAAAAAAAAAAAAAAAAAAAAA", None, 400),
        (Some("admin"), "PUT", "/v2/", None, 405),
        (Some("admin"), "PUT", "/nowhere", None, 404),
        (None, "PATCH", &upload, None, 401),
        (None, "PUT", "/v2/team/app/manifests/v1", None, 401),
        (Some("nobody"), "PATCH", &upload, None, 401),
    ] {
        let mut wire = Wire::connect(&berth).await;
        if let Some(user) = user {
            wire = wire.log_in(user);
        }
        let mut headers = vec![("content-length", length.as_str())];
        headers.extend(range.map(|range| ("content-range", range)));
        wire.ask(method, path, &headers).await;
        wire.try_send(&body).await;
        let (head, _) = wire.answer().await;
        assert_eq!(head.status, status, "{method} {path} {range:?}");
    }
}

/// Large files are handed to the kernel between the answers before and after them.
#[tokio::test]
async fn requests_on_one_connection_are_answered_in_their_order_and_whole() {
    let berth = TestApp::start().await;
    let mut paths = some_paths(&berth).await;
    paths.extend_from_within(..);
    paths.reverse();
    let mut wire = Wire::connect(&berth).await.log_in("admin");
    for path in &paths {
        wire.ask("GET", path, &[]).await;
    }
    for path in &paths {
        let (head, body) = wire.answer().await;
        assert_eq!(head.status, 200, "{path}");
        let digest = Blob::new(body).digest;
        assert_eq!(head.header("docker-content-digest"), digest.as_str(), "{path}");
        assert!(path.ends_with(digest.as_str()) || path.ends_with("v1"), "{path}");
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_in_the_middle_of_a_pull_disturbs_nobody() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let blob = Blob::random(9_000_000, 1);
    admin.push_blob("team/app", &blob).await;
    let path = blob_path("team/app", &blob.digest);
    for read in [1, 100_000, 2_100_000] {
        let mut wire = Wire::connect(&berth).await.log_in("admin");
        wire.ask("GET", &path, &[]).await;
        assert_eq!(wire.head().await.status, 200);
        let mut some = vec![0; read];
        soon(wire.stream.read_exact(&mut some)).await.unwrap();
        assert!(some == blob.bytes[..read]);
    }
    assert!(admin.get(&path).await.ok().bytes == blob.bytes);
}

#[tokio::test]
async fn many_pulls_at_once_are_whole_over_http_1_and_http_2() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let blobs: Vec<_> =
        (0..4).map(|i| Blob::random(1_500_000 + i * 777_777, i as u64 + 1)).collect();
    for blob in &blobs {
        admin.push_blob("team/app", blob).await;
    }
    for client in [admin.clone(), admin.over_http2()] {
        let pulls = (0..12).map(|i| {
            let (client, blob) = (client.clone(), blobs[i % 4].clone());
            async move {
                let pulled = client.get(&blob_path("team/app", &blob.digest)).await.ok();
                assert!(pulled.bytes == blob.bytes);
            }
        });
        futures::future::join_all(pulls).await;
    }
}

/// What is no HTTP is answered with 400 or not at all, and what could be read in two ways is not read.
#[tokio::test]
async fn what_is_no_request_is_refused() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let upload = admin.start_upload("team/app").await;
    let name = format!("X-{}", "a".repeat(300_000));
    let many: String = (0..500).map(|i| format!("x-{i}: y\r\n")).collect::<Vec<_>>().concat();
    let (path, long) = (format!("PATCH {upload} HTTP/1.1\r\nhost: b\r\n"), "a".repeat(100_000));
    for request in [
        "\r\n\r\n\r\n".to_owned(),
        "nonsense\r\n\r\n".into(),
        "GET\r\n\r\n".into(),
        "GET /v2/ HTTP/9.9\r\n\r\n".into(),
        "GET /v2/ HTTP/1.1\r\nhost: a b\r\nno colon\r\n\r\n".into(),
        "GET /v2/ HTTP/1.1\r\nhost : b\r\n\r\n".into(),
        "GET /v2/\u{e4}/tags/list HTTP/1.1\r\nhost: b\r\n\r\n".into(),
        format!("GET /v2/{long} HTTP/1.1\r\nhost: b\r\n\r\n"),
        format!("GET /v2/ HTTP/1.1\r\n{name}: y\r\n\r\n"),
        format!("GET /v2/ HTTP/1.1\r\n{many}\r\n"),
        format!("{path}content-length: -1\r\n\r\n"),
        format!("{path}content-length: 5, 6\r\n\r\nhello"),
        format!("{path}content-length: 5\r\ncontent-length: 6\r\n\r\nhello"),
        format!("{path}content-length: 99999999999999999999999\r\n\r\nhello"),
        format!("{path}transfer-encoding: gzip\r\n\r\nhello"),
        format!("{path}transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
        format!("{path}transfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n"),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense that is no frame".into(),
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}".into(),
    ] {
        let mut wire = Wire::connect(&berth).await;
        wire.try_send(request.as_bytes()).await;
        let _ = wire.stream.get_mut().shutdown().await;
        let mut answer = Vec::new();
        let _ = soon(wire.stream.read_to_end(&mut answer)).await;
        let text = String::from_utf8_lossy(&answer);
        let shown: String = request.chars().take(80).collect();
        assert!(!text.contains(" 500 ") && !text.contains(" 202 "), "{shown}: {text}");
    }
    assert_eq!(admin.get(&upload).await.status(204).header("range"), "0-0");
}
