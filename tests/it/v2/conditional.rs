//! Conditional requests: caches that ask again, and tags that are moved only from where the client saw them.

use reqwest::Method;

use super::{NOWHERE, OCI_MANIFEST, blob_path, manifest_path, push_config};
use crate::support::{Answer, Client, Image, TestApp};

#[tokio::test]
async fn what_the_client_has_already_is_304() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    let digest = admin.push("team/app", "v1", &image).await;
    let layer = &image.blobs()[1].digest;
    for (path, digest) in [
        (manifest_path("team/app", "v1"), &digest),
        (manifest_path("team/app", &digest), &digest),
        (blob_path("team/app", layer), layer),
    ] {
        let etag = format!("\"{digest}\"");
        assert_eq!(admin.get(&path).await.ok().header("etag"), etag);
        for (known, status) in [
            (etag.clone(), 304),
            (format!("W/{etag}"), 304),
            (format!("\"other\", {etag}"), 304),
            ("*".into(), 304),
            ("\"other\"".into(), 200),
            (format!("\"{NOWHERE}\""), 200),
            ("nonsense".into(), 200),
            (String::new(), 200),
        ] {
            for method in [Method::GET, Method::HEAD] {
                let request = admin.request(method, &path).header("if-none-match", &known);
                let answer = admin.send(request).await.status(status);
                assert_eq!(answer.header("etag"), etag, "{path} {known}");
                assert_eq!(answer.header("docker-content-digest"), digest.as_str());
                if status == 304 {
                    assert_eq!(answer.bytes, b"");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_moved_tag_is_not_304() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let old = admin.push("team/app", "v1", &Image::of(["one"])).await;
    let new = admin.push("team/app", "v1", &Image::of(["two"])).await;
    let request = admin.request(Method::GET, &manifest_path("team/app", "v1"));
    let answer = admin.send(request.header("if-none-match", format!("\"{old}\""))).await.ok();
    assert_eq!(answer.header("docker-content-digest"), new.as_str());
}

async fn put(client: &Client, tag: &str, image: &Image, condition: (&str, &str)) -> Answer {
    let request = client.request(Method::PUT, &manifest_path("team/app", tag));
    let request = request.header("content-type", OCI_MANIFEST).header(condition.0, condition.1);
    client.send(request.body(image.manifest())).await
}

fn image(name: &str) -> Image {
    Image::new(vec![], serde_json::json!({ "annotations": { "name": name } }))
}

#[tokio::test]
async fn a_tag_is_moved_only_from_where_the_client_saw_it() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    push_config(&admin, "team/app").await;
    let (one, two) = (image("one"), image("two"));
    let (at_one, at_two) = (format!("\"{}\"", one.digest()), format!("\"{}\"", two.digest()));
    for (condition, status) in [
        (("if-match", "*"), 412),
        (("if-match", at_one.as_str()), 412),
        (("if-none-match", "*"), 201), // now it points at one
        (("if-none-match", "*"), 412),
        (("if-none-match", &at_one), 412),
        (("if-match", &at_two), 412),
        (("if-match", &format!("{at_two}, {at_one}")), 201),
        (("if-match", "*"), 201),
        (("if-none-match", &at_two), 201),
    ] {
        let answer = put(&admin, "v1", &one, condition).await;
        if status == 412 {
            answer.fails(412, "DENIED");
        } else {
            assert_eq!(answer.status(201).header("etag"), at_one, "{condition:?}");
        }
    }
    put(&admin, "v1", &two, ("if-match", &at_one)).await.status(201);
    let refused = put(&admin, "v1", &one, ("if-match", &at_one)).await.fails(412, "DENIED");
    assert!(refused.text().contains(two.digest().as_str()), "it says where the tag points");
    let pulled = admin.get(&manifest_path("team/app", "v1")).await.ok();
    assert_eq!(pulled.bytes, two.manifest());
}

#[tokio::test]
async fn a_refused_swap_stores_nothing() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    push_config(&admin, "team/app").await;
    put(&admin, "v1", &image("one"), ("if-match", "*")).await.fails(412, "DENIED");
    admin
        .get(&manifest_path("team/app", image("one").digest()))
        .await
        .fails(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn a_condition_that_cannot_be_read_is_400() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    push_config(&admin, "team/app").await;
    for condition in ["\"other\"", "", "sha256:baddigeststring", "*, *"] {
        for header in ["if-match", "if-none-match"] {
            put(&admin, "v1", &image("one"), (header, condition))
                .await
                .fails(400, "MANIFEST_INVALID");
        }
    }
}

#[tokio::test]
async fn of_two_writers_that_race_for_a_tag_one_wins() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    push_config(&admin, "team/app").await;
    let zero = image("zero");
    put(&admin, "v1", &zero, ("if-none-match", "*")).await.status(201);
    let mut seen = format!("\"{}\"", zero.digest());
    for round in 0..10 {
        let (one, two) = (image(&format!("one {round}")), image(&format!("two {round}")));
        let condition = ("if-match", seen.as_str());
        let (first, second) =
            tokio::join!(put(&admin, "v1", &one, condition), put(&admin, "v1", &two, condition));
        let winner = match (first.code, second.code) {
            (201, 412) => one,
            (412, 201) => two,
            codes => panic!("{codes:?}"),
        };
        let pulled = admin.get(&manifest_path("team/app", "v1")).await.ok();
        assert_eq!(pulled.bytes, winner.manifest());
        seen = format!("\"{}\"", winner.digest());
    }
    // To create is a race too.
    for round in 0..10 {
        let tag = format!("new{round}");
        let (one, two) = (image("one"), image("two"));
        let condition = ("if-none-match", "*");
        let (first, second) =
            tokio::join!(put(&admin, &tag, &one, condition), put(&admin, &tag, &two, condition));
        let mut codes = [first.code, second.code];
        codes.sort_unstable();
        assert_eq!(codes, [201, 412]);
    }
}
