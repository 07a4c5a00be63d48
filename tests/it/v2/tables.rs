//! Everything that a client can get wrong, one table per endpoint: always the specification's body with one of its codes,
//! never a 500, never anything stored.

use berth::oci::{Digest, ErrorCode};
use reqwest::Method;

use super::wire::Wire;
use super::{NOWHERE, OCI_INDEX, OCI_MANIFEST, blob_path, closing, manifest_path};
use crate::support::{Answer, Client, Image, TestApp};

/// Names that no repository can have.
const BAD_NAMES: &[&str] = &[
    "App",
    "team/App",
    "_app",
    "app_",
    "-app",
    "app-",
    "a___b",
    "a..b",
    "a.-b",
    "a//b",
    "team/",
    "/team",
    "a b",
    "a%20b",
    "a%00b",
    "a%0ab",
    "a:b",
    "a@b",
    "\u{e4}",
    "%c3%a4",
    "%ff",
    "..%2f..%2fetc",
];

const GOOD_NAMES: &[&str] = &["a", "0", "a--b", "a---b", "a__b", "a.b", "a/b/c", "a-b_c.d/e"];

/// Text with a colon that is no digest.
const BAD_DIGESTS: &[&str] = &[
    "sha256:baddigeststring",
    "sha256:",
    ":",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8555",
    "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
    "SHA256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "sha384:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "md5:d41d8cd98f00b204e9800998ecf8427e",
    "sha256:g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855:1",
    "sha256+b64:e3b0c442",
    "%3asha256",
];

/// Text without a colon that is no tag.
const BAD_TAGS: &[&str] = &["-v1", ".v1", "a+b", "a%20b", "v1%00", "%c3%a4", "a~b", "v1@x", "%ff"];

/// An error of the specification: its body, one of its codes, and the status of a client's mistake.
fn is_clients_mistake(answer: &Answer, what: &str) {
    assert!((400..500).contains(&answer.code), "{what}: {} {}", answer.code, answer.text());
    assert_eq!(answer.header("content-type"), "application/json", "{what}");
    let json = answer.json();
    let error = &json["errors"][0];
    let code = error["code"].as_str().unwrap();
    assert!(ErrorCode::ALL.iter().any(|known| known.as_str() == code), "{what}: {code}");
    assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{what}");
    assert!(error.as_object().unwrap().contains_key("detail"), "{what}");
}

async fn send(client: &Client, method: Method, path: &str, body: &str) -> Answer {
    client.send(client.request(method, path).body(body.to_owned())).await
}

#[tokio::test]
async fn names_that_no_repository_can_have_are_400_or_404_everywhere() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let too_long = "a".repeat(256);
    for name in BAD_NAMES.iter().copied().chain([too_long.as_str()]) {
        for (method, tail) in [
            (Method::GET, "tags/list".to_owned()),
            (Method::GET, "manifests/v1".into()),
            (Method::PUT, "manifests/v1".into()),
            (Method::DELETE, "manifests/v1".into()),
            (Method::GET, format!("blobs/{NOWHERE}")),
            (Method::DELETE, format!("blobs/{NOWHERE}")),
            (Method::GET, format!("referrers/{NOWHERE}")),
            (Method::POST, "blobs/uploads/".into()),
            (Method::GET, "blobs/uploads/AAAAAAAAAAAAAAAAAAAAAA".into()),
            (Method::PATCH, "blobs/uploads/AAAAAAAAAAAAAAAAAAAAAA".into()),
        ] {
            let what = format!("{method} {name} {tail}");
            let answer = send(&admin, method, &format!("/v2/{name}/{tail}"), "x").await;
            is_clients_mistake(&answer, &what);
        }
    }
    admin.get("/v2/Team/App/tags/list").await.fails(400, "NAME_INVALID");
    assert_eq!(admin.get("/v2/_catalog").await.ok().text(), r#"{"repositories":[]}"#);
}

/// Client libraries resolve these before they send them.
#[tokio::test]
async fn paths_with_dots_lead_nowhere() {
    let berth = TestApp::start().await;
    berth.admin().await;
    let mut wire = Wire::connect(&berth).await.log_in("admin");
    for name in
        [".", "..", "team/..", "team/../app", "../../etc", "%2e%2e", "team/%2e%2e/app", "..%2fetc"]
    {
        for tail in [format!("blobs/{NOWHERE}"), "manifests/..".into(), "blobs/uploads/..".into()] {
            wire.ask("GET", &format!("/v2/{name}/{tail}"), &[]).await;
            let (head, _) = wire.answer().await;
            assert!((400..500).contains(&head.status), "{name} {tail}: {}", head.status);
        }
    }
    for path in ["/v2/team/app/manifests/..", "/v2/team/app/blobs/..", "/..", "/v2/../healthz"] {
        wire.ask("GET", path, &[]).await;
        let (head, _) = wire.answer().await;
        assert!((400..500).contains(&head.status), "{path}: {}", head.status);
    }
}

/// Fields that nobody knows are kept, whatever they hold: they are skipped without recursion.
#[tokio::test]
async fn a_field_that_is_nested_without_end_does_no_harm() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let (open, close) = ("[".repeat(500_000), "]".repeat(500_000));
    let body = format!(r#"{{"schemaVersion":2,"manifests":[],"x":{open}{close}}}"#);
    admin.put_manifest("team/app", "v1", OCI_INDEX, body.clone()).await.status(201);
    assert!(admin.get(&manifest_path("team/app", "v1")).await.ok().text() == body);
}

#[tokio::test]
async fn names_that_repositories_can_have_are_taken() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let longest = "a".repeat(255);
    for name in GOOD_NAMES.iter().copied().chain([longest.as_str()]) {
        admin.push(name, "v1", &Image::of([])).await;
        admin.get(&manifest_path(name, "v1")).await.ok();
    }
}

#[tokio::test]
async fn digests_that_are_none_are_refused_everywhere() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    admin.push("team/app", "v1", &image).await;
    for bad in BAD_DIGESTS {
        let upload = admin.start_upload("team/app").await;
        for (method, path) in [
            (Method::GET, manifest_path("team/app", bad)),
            (Method::PUT, manifest_path("team/app", bad)),
            (Method::DELETE, manifest_path("team/app", bad)),
            (Method::GET, blob_path("team/app", bad)),
            (Method::DELETE, blob_path("team/app", bad)),
            (Method::GET, format!("/v2/team/app/referrers/{bad}")),
            (Method::POST, closing("/v2/team/app/blobs/uploads/", bad)),
            (Method::POST, format!("/v2/team/app/blobs/uploads/?mount={bad}")),
            (Method::PUT, closing(&upload, bad)),
        ] {
            let what = format!("{method} {path}");
            let answer = send(&admin, method, &path, "hello").await;
            is_clients_mistake(&answer, &what);
            assert_eq!(answer.code, 400, "{what}");
            assert_eq!(answer.json()["errors"][0]["code"], "DIGEST_INVALID", "{what}");
        }
        for (method, path) in [
            (Method::HEAD, manifest_path("team/app", bad)),
            (Method::HEAD, blob_path("team/app", bad)),
        ] {
            send(&admin, method, &path, "").await.status(400);
        }
        admin.delete(&upload).await.status(204);
    }
    for bad in ["", "sha1", "SHA256", "sha256,sha512", "%00"] {
        let path = format!("/v2/team/app/blobs/uploads/?digest-algorithm={bad}");
        admin.post(&path, "").await.fails(400, "DIGEST_INVALID");
    }
}

#[tokio::test]
async fn tags_that_are_none_cannot_be_pushed_and_are_not_found() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    admin.push("team/app", "v1", &image).await;
    let too_long = "t".repeat(129);
    for bad in BAD_TAGS.iter().copied().chain([too_long.as_str()]) {
        let path = manifest_path("team/app", bad);
        let pushed = admin.put_manifest("team/app", bad, OCI_MANIFEST, image.manifest()).await;
        is_clients_mistake(&pushed, bad);
        assert_eq!(pushed.code, 400, "{bad}");
        for method in [Method::GET, Method::DELETE] {
            let answer = send(&admin, method.clone(), &path, "").await;
            is_clients_mistake(&answer, &format!("{method} {bad}"));
        }
        let query = format!("{}?tag={bad}", image.digest());
        let pushed = admin.put_manifest("team/app", &query, OCI_MANIFEST, image.manifest()).await;
        is_clients_mistake(&pushed, &query);
    }
    let tags = admin.get("/v2/team/app/tags/list").await.ok();
    assert_eq!(tags.json()["tags"], serde_json::json!(["v1"]));
}

#[tokio::test]
async fn bytes_that_are_no_manifest_are_400() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let config = super::push_config(&admin, "team/app").await.descriptor("application/x");
    let both = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[],"manifests":[]}}"#);
    let nested = format!(r#"{{"schemaVersion":2,"manifests":{}"#, "[".repeat(1_000_000));
    let bodies: &[(&str, &str)] = &[
        (OCI_MANIFEST, ""),
        (OCI_MANIFEST, "{"),
        (OCI_MANIFEST, "null"),
        (OCI_MANIFEST, "[]"),
        (OCI_MANIFEST, "{}"),
        (OCI_MANIFEST, "\u{0}"),
        (OCI_MANIFEST, "\"manifest\""),
        (OCI_MANIFEST, r#"{"schemaVersion":2}"#),
        (OCI_MANIFEST, r#"{"schemaVersion":"2","manifests":[]}"#),
        (OCI_INDEX, r#"{"schemaVersion":1,"manifests":[]}"#),
        (OCI_INDEX, r#"{"schemaVersion":3,"manifests":[]}"#),
        (OCI_INDEX, r#"{"schemaVersion":2.5,"manifests":[]}"#),
        (OCI_INDEX, r#"{"schemaVersion":-2,"manifests":[]}"#),
        (OCI_INDEX, r#"{"manifests":[]}"#),
        (OCI_INDEX, r#"{"schemaVersion":2,"manifests":[]} trailing"#),
        (OCI_INDEX, r#"{"schemaVersion":2,"manifests":{}}"#),
        (OCI_INDEX, r#"{"schemaVersion":2,"manifests":[{}]}"#),
        (OCI_INDEX, r#"{"schemaVersion":2,"manifests":[null]}"#),
        (
            OCI_INDEX,
            r#"{"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"sha256:00","size":1}]}"#,
        ),
        (OCI_INDEX, r#"{"schemaVersion":2,"manifests":[],"subject":{}}"#),
        (OCI_INDEX, r#"{"schemaVersion":2,"manifests":[],"subject":"sha256:00"}"#),
        (OCI_INDEX, r#"{"schemaVersion":2,"manifests":[],"annotations":{"a":1}}"#),
        (OCI_INDEX, r#"{"schemaVersion":2,"manifests":[],"annotations":[]}"#),
        (OCI_INDEX, r#"{"schemaVersion":2,"manifests":[],"artifactType":7}"#),
        (
            OCI_INDEX,
            r#"{"schemaVersion":2,"manifests":[],"mediaType":"application/vnd.oci.image.manifest.v1+json"}"#,
        ),
        (OCI_MANIFEST, r#"{"schemaVersion":2,"manifests":[]}"#),
        (OCI_MANIFEST, &both),
        ("text/html", r#"{"schemaVersion":2,"manifests":[]}"#),
        ("nonsense", r#"{"schemaVersion":2,"manifests":[]}"#),
        (
            "application/vnd.docker.distribution.manifest.v1+json",
            r#"{"schemaVersion":1,"fsLayers":[]}"#,
        ),
        (
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            r#"{"schemaVersion":1,"fsLayers":[]}"#,
        ),
        (OCI_INDEX, &nested),
    ];
    for (media_type, body) in bodies {
        let shown: String = body.chars().take(120).collect();
        let answer = admin.put_manifest("team/app", "v1", media_type, *body).await;
        is_clients_mistake(&answer, &shown);
        assert_eq!(answer.code, 400, "{shown}");
        assert_eq!(answer.json()["errors"][0]["code"], "MANIFEST_INVALID", "{shown}");
    }
    let negative =
        r#"{"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"@","size":-1}]}"#;
    let negative = negative.replace('@', NOWHERE);
    let answer = admin.put_manifest("team/app", "v1", OCI_INDEX, negative).await;
    is_clients_mistake(&answer, "a negative size");
    let invalid_utf8 = b"{\"schemaVersion\":2,\"manifests\":[],\"artifactType\":\"\xff\"}".to_vec();
    let answer = admin.put_manifest("team/app", "v1", OCI_INDEX, invalid_utf8).await;
    answer.fails(400, "MANIFEST_INVALID");
    let tags = admin.get("/v2/team/app/tags/list").await.ok();
    assert_eq!(tags.json()["tags"], serde_json::json!([]));
}

#[tokio::test]
async fn the_old_format_is_refused_with_advice() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let body = r#"{"schemaVersion":1,"name":"app","tag":"v1","fsLayers":[],"history":[]}"#;
    let answer = admin.put_manifest("team/app", "v1", "application/json", body).await;
    let answer = answer.fails(400, "MANIFEST_INVALID");
    assert!(answer.text().contains("schema 1"), "{}", answer.text());
}

#[tokio::test]
async fn methods_that_an_endpoint_does_not_have_are_405_and_say_which_it_has() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    admin.push("team/app", "v1", &Image::of(["hello"])).await;
    let upload = admin.start_upload("team/app").await;
    for (path, methods) in [
        ("/v2/".to_owned(), "POST PUT PATCH DELETE OPTIONS"),
        ("/v2/_catalog".into(), "POST PUT PATCH DELETE"),
        ("/v2/team/app/tags/list".into(), "POST PUT PATCH DELETE"),
        (manifest_path("team/app", "v1"), "POST PATCH"),
        (blob_path("team/app", NOWHERE), "POST PUT PATCH"),
        (format!("/v2/team/app/referrers/{NOWHERE}"), "POST PUT PATCH DELETE"),
        ("/v2/team/app/blobs/uploads/".into(), "GET PUT PATCH DELETE"),
        (upload, "POST"),
        ("/api/v1/repositories".into(), "POST PUT PATCH DELETE"),
    ] {
        for method in methods.split(' ') {
            let answer = send(&admin, method.parse().unwrap(), &path, "x").await;
            assert!(answer.header("allow").len() > 2, "{method} {path}");
            answer.fails(405, "UNSUPPORTED");
        }
        let odd = send(&admin, "BREW".parse().unwrap(), &path, "").await;
        odd.fails(405, "UNSUPPORTED");
    }
}

#[tokio::test]
async fn paths_that_lead_nowhere_are_404() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    for path in [
        "/v2/team/app",
        "/v2/team/app/",
        "/v2/team/app/tags",
        "/v2/team/app/tags/list/",
        "/v2/team/app/tags/list/x",
        "/v2/team/app/manifests",
        "/v2/team/app/manifests/",
        "/v2/team/app/blobs",
        "/v2/team/app/blobs/",
        "/v2/team/app/referrers/",
        "/v2/manifests/v1",
        "/v2/blobs/uploads/",
        "/v2//manifests/v1",
        "/v2/_oci/ext/discover",
        "/v2/_catalog/",
        "/v1/",
        "/v2x",
        "/api/v1",
        "/api/v2/repositories",
        "//",
        "/%ff",
    ] {
        let answer = admin.get(path).await;
        is_clients_mistake(&answer, path);
    }
}

#[tokio::test]
async fn queries_that_cannot_be_read_are_400() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    admin.push("team/app", "v1", &image).await;
    let upload = admin.start_upload("team/app").await;
    for (method, path) in [
        (Method::PUT, format!("{upload}?digest=%ff")),
        (Method::PUT, format!("{upload}?digest=%")),
        (Method::POST, "/v2/team/app/blobs/uploads/?mount=%ff&from=%ff".into()),
        (Method::GET, "/v2/team/app/tags/list?n=%ff".into()),
        (Method::GET, "/v2/_catalog?n=1&n=x".into()),
        (Method::GET, "/v2/_catalog?n=x&n=1".into()),
    ] {
        let answer = send(&admin, method.clone(), &path, "").await;
        if answer.code >= 400 {
            is_clients_mistake(&answer, &format!("{method} {path}"));
        }
    }
    admin.get("/v2/team/app/tags/list?last=%00&n=5").await.ok();
    admin.get("/v2/team/app/tags/list?last='%3b+DROP+TABLE+tag%3b--").await.ok();
    assert_eq!(admin.get("/v2/team/app/tags/list").await.ok().json()["tags"][0], "v1");
}

#[tokio::test]
async fn headers_that_cannot_be_read_are_refused_or_ignored() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    let digest: Digest = admin.push("team/app", "v1", &image).await;
    let long = "x".repeat(8_000);
    let paths =
        [manifest_path("team/app", &digest), blob_path("team/app", &image.blobs()[1].digest)];
    for name in [
        "range",
        "if-range",
        "if-none-match",
        "if-match",
        "accept",
        "accept-encoding",
        "x-request-id",
    ] {
        for value in ["", ",", "\"", "\u{e4}", "bytes=-", "bytes=--1", "bytes=1--", &long] {
            for path in &paths {
                let request = admin.request(Method::GET, path).header(name, value.as_bytes());
                let answer = admin.send(request).await;
                assert!(answer.code < 500, "{name}: {value:?} {}", answer.text());
            }
        }
    }
    for value in [
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic YQ==",
        "Bearer",
        "Bearer x.y.z",
        "Digest a=b",
        "\u{e4}",
        "",
    ] {
        let request = berth.anonymous().request(Method::GET, "/v2/");
        let request = request.header("authorization", value.as_bytes());
        let answer = admin.send(request).await.fails(401, "UNAUTHORIZED");
        assert!(answer.header("www-authenticate").starts_with("Bearer "), "{value}");
    }
}
