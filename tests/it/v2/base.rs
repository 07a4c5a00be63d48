//! `/v2/` and what all answers have in common.

use reqwest::Method;

use super::{NOWHERE, blob_path, manifest_path};
use crate::support::{Client, Image, PASSWORD, TestApp};

/// Docker uses the answer of this request for all later ones: 200 without a login would mean that it never logs in.
#[tokio::test]
async fn the_base_asks_for_a_login_with_and_without_the_last_slash() {
    let berth = TestApp::start().await;
    let alice = berth.writer("alice").await;
    for path in ["/v2/", "/v2"] {
        for method in [Method::GET, Method::HEAD] {
            let stranger = berth.anonymous();
            let refused = stranger.send(stranger.request(method.clone(), path)).await.status(401);
            let challenge = refused.header("www-authenticate");
            assert!(
                challenge.starts_with(&format!("Bearer realm=\"{}/token\"", berth.url())),
                "{challenge}"
            );
            assert!(challenge.contains("service=\"berth\""), "{challenge}");
            assert_eq!(refused.header("docker-distribution-api-version"), "registry/2.0");
            let welcome = alice.send(alice.request(method, path)).await.ok();
            assert_eq!(welcome.header("docker-distribution-api-version"), "registry/2.0");
        }
    }
}

/// Old Docker clients look for it.
#[tokio::test]
async fn every_answer_below_v2_names_the_version_of_the_api() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    admin.push("team/app", "v1", &Image::of(["hello"])).await;
    for (method, path) in [
        (Method::GET, "/v2/"),
        (Method::GET, "/v2/_catalog"),
        (Method::GET, "/v2/team/app/tags/list"),
        (Method::GET, "/v2/team/app/tags/nothing"),
        (Method::GET, "/v2/team/app/manifests/v1"),
        (Method::GET, "/v2/team/app/manifests/v2"),
        (Method::GET, "/v2/team/App/manifests/v2"),
        (Method::POST, "/v2/team/app/manifests/v1"),
        (Method::POST, "/v2/team/app/blobs/uploads/"),
    ] {
        for client in [&admin, &berth.anonymous()] {
            let answer = client.send(client.request(method.clone(), path)).await;
            let version = answer.find_header("docker-distribution-api-version");
            assert_eq!(version, Some("registry/2.0"), "{method} {path}: {}", answer.code);
        }
    }
}

#[tokio::test]
async fn a_challenge_names_the_scope_that_the_request_needs() {
    let berth = TestApp::start().await;
    let stranger = berth.anonymous();
    for (method, path, scope) in [
        (Method::GET, manifest_path("team/app", "v1"), "repository:team/app:pull"),
        (Method::HEAD, blob_path("team/app", NOWHERE), "repository:team/app:pull"),
        (Method::PUT, manifest_path("team/app", "v1"), "repository:team/app:pull,push"),
        (Method::POST, "/v2/team/app/blobs/uploads/".into(), "repository:team/app:pull,push"),
        (Method::DELETE, manifest_path("team/app", "v1"), "repository:team/app:delete"),
        (Method::GET, "/v2/_catalog".into(), "registry:catalog:*"),
        (Method::GET, "/v2/team/app/tags/list".into(), "repository:team/app:pull"),
    ] {
        let answer = stranger.send(stranger.request(method.clone(), &path)).await.status(401);
        let challenge = answer.header("www-authenticate");
        assert!(challenge.contains(&format!("scope=\"{scope}\"")), "{method} {path}: {challenge}");
        if method != Method::HEAD {
            answer.fails(401, "UNAUTHORIZED");
        }
    }
}

#[tokio::test]
async fn names_may_hold_the_words_of_the_api_as_the_path_is_read_from_the_right() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    for name in ["blobs/uploads", "manifests", "tags/list", "a/blobs/uploads", "referrers/x", "v2"]
    {
        let image = Image::of([name]);
        let digest = admin.push(name, "v1", &image).await;
        assert_eq!(
            admin.get(&manifest_path(name, "v1")).await.ok().bytes,
            image.manifest(),
            "{name}"
        );
        let tags = admin.get(&format!("/v2/{name}/tags/list")).await.ok();
        assert_eq!(tags.json(), serde_json::json!({ "name": name, "tags": ["v1"] }));
        admin.get(&format!("/v2/{name}/referrers/{digest}")).await.ok();
        admin.get(&blob_path(name, &image.blobs()[0].digest)).await.ok();
    }
}

#[tokio::test]
async fn a_name_may_be_written_with_an_encoded_slash() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    admin.push("team/app", "v1", &Image::of(["hello"])).await;
    admin.get("/v2/team%2Fapp/manifests/v1").await.ok();
}

#[tokio::test]
async fn a_request_keeps_the_id_that_its_client_gave_it() {
    let berth = TestApp::start().await;
    let client = berth.anonymous();
    let given =
        client.send(client.request(Method::GET, "/v2/").header("x-request-id", "build-17")).await;
    assert_eq!(given.header("x-request-id"), "build-17");
    let odd = client.send(client.request(Method::GET, "/v2/").header("x-request-id", "a\"b")).await;
    assert_ne!(odd.header("x-request-id"), "a\"b");
}

#[tokio::test]
async fn http_2_pushes_and_pulls_as_http_1_does() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await.over_http2();
    let layer = crate::support::Blob::random(3_000_000, 1);
    let image = Image::new(vec![layer.clone()], serde_json::json!({}));
    let digest = admin.push("team/app", "v1", &image).await;
    assert_eq!(admin.get(&manifest_path("team/app", &digest)).await.ok().bytes, image.manifest());
    assert_eq!(admin.get(&blob_path("team/app", &layer.digest)).await.ok().bytes, layer.bytes);
    let part = admin.request(Method::GET, &blob_path("team/app", &layer.digest));
    let part = admin.send(part.header("range", "bytes=1000000-2999998")).await.status(206);
    assert_eq!(part.bytes, layer.bytes[1_000_000..2_999_999]);
    let stranger = Client::new(berth.url(), None).over_http2();
    stranger.get("/v2/team/app/manifests/v1").await.fails(401, "UNAUTHORIZED");
    let wrong = stranger.with_password("admin", &PASSWORD[1..]);
    wrong.get("/v2/team/app/manifests/v1").await.fails(401, "UNAUTHORIZED");
}
