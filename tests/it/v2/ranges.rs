//! `Range` on blobs.

use reqwest::Method;

use super::{NOWHERE, blob_path};
use crate::support::{Answer, Blob, Client, TestApp};

async fn ask(client: &Client, blob: &Blob, method: Method, range: &str) -> Answer {
    let request = client.request(method, &blob_path("team/app", &blob.digest));
    client.send(request.header("range", range)).await
}

/// The conformance suite's cases, and those that lazily pulling clients send. The total is always a number:
/// stargz-snapshotter cannot read `*`.
pub(crate) async fn single_ranges(berth: &TestApp) {
    let admin = berth.admin().await;
    for size in [2_048, 300_000] {
        let blob = Blob::random(size, 1);
        admin.push_blob("team/app", &blob).await;
        for (range, from, to) in [
            ("bytes=500-1499", 500, 1_500),
            ("bytes=500-", 500, size),
            ("bytes=-500", size - 500, size),
            ("bytes=2000-500000", 2_000, size),
            ("bytes=0-0", 0, 1),
            ("bytes=0-1", 0, 2),
            ("bytes=0-", 0, size),
            ("bytes=-9999999", 0, size),
            (&format!("bytes={}-", size - 1), size - 1, size),
            ("bytes=999999-,7-8", 7, 9),
        ] {
            let part = ask(&admin, &blob, Method::GET, range).await.status(206);
            assert!(part.bytes == blob.bytes[from..to], "{range}");
            assert_eq!(part.header("content-length"), (to - from).to_string(), "{range}");
            assert_eq!(part.header("content-range"), format!("bytes {from}-{}/{size}", to - 1));
            assert_eq!(part.header("docker-content-digest"), blob.digest.as_str());
            let head = ask(&admin, &blob, Method::HEAD, range).await.status(206);
            assert_eq!(head.header("content-range"), part.header("content-range"));
            assert_eq!(head.header("content-length"), part.header("content-length"));
        }
        for range in
            ["bytes=500-0", "bytes=500000-600000", "bytes=500000-", "bytes=-0", "bytes=500000-,9-8"]
        {
            let none = ask(&admin, &blob, Method::GET, range).await.fails(416, "SIZE_INVALID");
            assert_eq!(none.header("content-range"), format!("bytes */{size}"), "{range}");
        }
        for range in
            ["items=0-1", "bytes=a-b", "bytes=", "bytes", "bytes=1-2-3", "bytes=0x1-2", "0-1"]
        {
            let whole = ask(&admin, &blob, Method::GET, range).await.ok();
            assert!(whole.bytes == blob.bytes, "{range}");
            assert_eq!(whole.find_header("content-range"), None, "{range}");
        }
    }
}

/// containers/image counts the parts: exactly those that it asked for, in its order, never merged.
pub(crate) async fn many_ranges(berth: &TestApp) {
    let admin = berth.admin().await;
    let blob = Blob::random(300_000, 1);
    admin.push_blob("team/app", &blob).await;
    for ranges in [
        &[(0, 10), (10, 20)][..],
        &[(100, 200), (0, 1), (299_999, 300_000)],
        &[(50, 60), (40, 55), (40, 55)],
        &[(0, 100_000), (150_000, 300_000)],
    ] {
        let list: Vec<_> = ranges.iter().map(|(from, to)| format!("{from}-{}", to - 1)).collect();
        let answer = ask(&admin, &blob, Method::GET, &format!("bytes={}", list.join(", "))).await;
        let answer = answer.status(206);
        let kind = answer.header("content-type");
        let boundary = kind.strip_prefix("multipart/byteranges; boundary=").unwrap().to_owned();
        assert_eq!(answer.header("content-length"), answer.bytes.len().to_string());
        let mut expected = Vec::new();
        for (from, to) in ranges {
            let head = format!(
                "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {from}-{}/300000\r\n\r\n",
                to - 1
            );
            expected.extend_from_slice(head.as_bytes());
            expected.extend_from_slice(&blob.bytes[*from..*to]);
        }
        expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        assert!(answer.bytes == expected, "{ranges:?}");
    }
    // More parts than anybody needs, and parts that are more than the whole, are answered with the whole.
    let numbers: Vec<_> = (0..1_100).map(|i| format!("{i}-{i}")).collect();
    for range in [format!("bytes={}", numbers.join(",")), "bytes=0-299999,0-9".to_owned()] {
        assert!(ask(&admin, &blob, Method::GET, &range).await.ok().bytes == blob.bytes);
    }
}

#[tokio::test]
async fn one_range_is_206_with_a_numeric_total_and_none_is_416() {
    single_ranges(&TestApp::start().await).await;
}

#[tokio::test]
async fn several_ranges_are_answered_in_exactly_the_parts_that_were_asked_for() {
    many_ranges(&TestApp::start().await).await;
}

#[tokio::test]
async fn an_empty_blob_has_no_range() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let empty = Blob::new("");
    admin.push_blob("team/app", &empty).await;
    for range in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
        let none = ask(&admin, &empty, Method::GET, range).await.fails(416, "SIZE_INVALID");
        assert_eq!(none.header("content-range"), "bytes */0");
    }
}

/// A client that resumes sends what it knows; another version would be spliced into what it has.
#[tokio::test]
async fn if_range_with_another_validator_asks_for_the_whole() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let blob = Blob::random(5_000, 1);
    admin.push_blob("team/app", &blob).await;
    let etag = format!("\"{}\"", blob.digest);
    for (validator, status) in [
        (etag.as_str(), 206),
        ("\"other\"", 200),
        (&format!("\"{NOWHERE}\""), 200),
        ("Tue, 15 Nov 1994 12:45:26 GMT", 200),
        // RFC 9110 §13.1.5: a weak one never matches.
        (&format!("W/{etag}"), 200),
    ] {
        let request = admin.request(Method::GET, &blob_path("team/app", &blob.digest));
        let request = request.header("range", "bytes=10-19").header("if-range", validator);
        let answer = admin.send(request).await.status(status);
        let expected = if status == 206 { &blob.bytes[10..20] } else { &blob.bytes[..] };
        assert!(answer.bytes == expected, "{validator}");
    }
}

#[tokio::test]
async fn a_pull_that_broke_off_goes_on() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let blob = Blob::random(5_000_000, 1);
    admin.push_blob("team/app", &blob).await;
    let mut bytes = Vec::new();
    for to in [1, 65_537, 2_097_152, 2_097_153, 4_999_999, 5_000_000] {
        let rest =
            ask(&admin, &blob, Method::GET, &format!("bytes={}-", bytes.len())).await.status(206);
        let begins = format!("bytes {}-", bytes.len());
        assert!(rest.header("content-range").starts_with(&begins), "{begins}");
        let wanted = to - bytes.len();
        bytes.extend_from_slice(&rest.bytes[..wanted]);
    }
    assert!(bytes == blob.bytes);
}

#[tokio::test]
async fn ranges_of_what_is_missing_are_404() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let request = admin.request(Method::GET, &blob_path("team/app", NOWHERE));
    admin.send(request.header("range", "bytes=0-1")).await.fails(404, "BLOB_UNKNOWN");
}
