//! Requests put together at random from what is right and what is nearly right: none is answered with a server's error,
//! and none upsets the requests behind it on the same connection. The sequence is the same in each run.

use super::wire::Wire;
use super::{NOWHERE, OCI_INDEX, OCI_MANIFEST, blob_path};
use crate::support::{Blob, Image, TestApp};

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

const METHODS: &[&str] =
    &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get"];
const NAMES: &[&str] = &[
    "team/app",
    "team/app",
    "team/app",
    "team/none",
    "a",
    "Team/App",
    "..",
    "a//b",
    "a%2Fb",
    "%00",
    "blobs/uploads",
    "manifests",
    "a/tags/list",
    "_catalog",
    "",
    "team/app/",
    "a%ffb",
    "a?b",
    "a;b",
    "a&b=c",
];
const QUERIES: &[&str] = &[
    "",
    "",
    "",
    "?",
    "?n=1",
    "?n=-1",
    "?n=99999999999999999999",
    "?last=%00",
    "?last=v1&n=0",
    "?digest=",
    "?digest=sha256:x",
    "?tag=a&tag=b",
    "?tag=%20",
    "?mount=x",
    "?from=team/app",
    "?artifactType=x",
    "?digest-algorithm=sha512",
    "?digest-algorithm=md5",
    "?force=true",
    "?%",
    "?%ff=%ff",
    "?n=1&n=2",
    "?before=1",
    "?before=18446744073709551616",
];
const HEADERS: &[(&str, &str)] = &[
    ("range", "bytes=0-1"),
    ("range", "bytes=5-1"),
    ("range", "bytes=-1,-2,0-0"),
    ("range", "lines=1"),
    ("content-range", "0-4"),
    ("content-range", "5-9"),
    ("content-range", "x"),
    ("content-type", OCI_MANIFEST),
    ("content-type", OCI_INDEX),
    ("content-type", "x"),
    ("if-match", "*"),
    ("if-none-match", "*"),
    ("if-match", "\"x\""),
    ("if-range", "x"),
    ("accept", "x/y"),
    ("expect", "something"),
    ("x-request-id", "\u{7}"),
    ("range", "bytes=0-"),
    ("accept-encoding", "gzip"),
    ("content-encoding", "gzip"),
    ("authorization", "Bearer x"),
    ("upgrade", "h2c"),
];
const BODIES: &[&str] = &[
    "",
    "",
    "hello",
    "{",
    "{}",
    "[]",
    "null",
    r#"{"schemaVersion":2,"manifests":[]}"#,
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"subject":{"mediaType":"a/b","digest":"@","size":1}}"#,
    r#"{"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"@","size":9223372036854775807}]}"#,
    r#"{"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"@","size":18446744073709551615}]}"#,
    r#"{"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"@","size":1e400}]}"#,
    r#"{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"@","size":0},"layers":[]}"#,
    "grant_type=password&username=admin&password=x",
    "grant_type=refresh_token&refresh_token=x",
];

#[tokio::test]
async fn no_request_is_answered_with_a_servers_error() {
    // Wrong passwords are among them.
    let berth = TestApp::start_with(|config| config.auth.failed_logins = u32::MAX).await;
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    let manifest = admin.push("team/app", "v1", &image).await;
    let kept = Blob::random(100_000, 1);
    admin.push_blob("team/kept", &kept).await;
    let layer = image.blobs()[1].digest.to_string();
    let mut dice = Dice(0x5EED_CAFE);
    let mut upload = admin.start_upload("team/app").await;
    let mut wire = Wire::connect(&berth).await.log_in("admin");
    for round in 0..2_500 {
        let references = [
            "v1",
            "v2",
            manifest.as_str(),
            NOWHERE,
            &layer,
            "sha256:x",
            "-",
            "%2e",
            "",
            "sha512:00",
        ];
        let (name, reference) = (dice.pick(NAMES), dice.pick(&references));
        let path = match dice.roll(12) {
            0 => format!("/v2/{name}/tags/list"),
            1 | 2 => format!("/v2/{name}/manifests/{reference}"),
            3 | 4 => format!("/v2/{name}/blobs/{reference}"),
            5 => format!("/v2/{name}/referrers/{reference}"),
            6 => format!("/v2/{name}/blobs/uploads/"),
            7 | 8 => upload.clone(),
            9 => format!("/api/v1/repositories/{name}/tags/{reference}/history"),
            10 => dice
                .pick(&[
                    "/v2/",
                    "/v2",
                    "/v2/_catalog",
                    "/token",
                    "/api/v1/repositories",
                    "/healthz",
                ])
                .to_owned(),
            _ => format!("/{name}/{reference}"),
        };
        let (method, query) = (dice.pick(METHODS), dice.pick(QUERIES));
        let path = if path.contains('?') { path } else { format!("{path}{query}") };
        let body = dice.pick(BODIES).replace('@', &layer);
        let length = body.len().to_string();
        let mut headers = vec![("content-length", length.as_str())];
        for _ in 0..dice.roll(3) {
            headers.push(HEADERS[dice.roll(HEADERS.len())]);
        }
        let what = format!("{round}: {method} {path} {headers:?} {body}");
        wire.ask(method, &path, &headers).await;
        wire.try_send(body.as_bytes()).await;
        let status =
            if method == "HEAD" { wire.head().await.status } else { wire.answer().await.0.status };
        assert!(status < 500, "{what}: {status}");
        if admin.get(&upload).await.code == 404 {
            upload = admin.start_upload("team/app").await;
        }
        // After a request that cannot be read the server rightly hangs up.
        if status == 400 || round % 100 == 0 || !wire.is_open().await {
            wire = Wire::connect(&berth).await.log_in("admin");
        }
    }
    let pulled = admin.get(&blob_path("team/kept", &kept.digest)).await.ok();
    assert!(pulled.bytes == kept.bytes);
}
