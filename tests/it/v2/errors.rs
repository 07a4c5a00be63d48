//! The specification's fourteen codes: when each is said, and to whom.

use berth::oci::ErrorCode;
use reqwest::Method;
use serde_json::json;

use super::{NOWHERE, OCI_MANIFEST, blob_path, closing, manifest_path};
use crate::support::{Answer, Image, TestApp};

#[tokio::test]
async fn each_of_the_codes_is_said_where_the_specification_wants_it() {
    let berth = TestApp::start_with(|config| config.auth.failed_logins = 2).await;
    let (admin, rita) = (berth.admin().await, berth.reader("rita").await);
    let image = Image::of(["hello"]);
    admin.push("team/app", "v1", &image).await;
    let upload = admin.start_upload("team/app").await;
    let short = admin.request(Method::PATCH, &upload).header("content-range", "0-9");
    let odd = admin.request(Method::PATCH, &upload).header("content-range", "ten");
    let missing = Image::of(["never pushed"]);
    let mut answers = vec![
        (404, "BLOB_UNKNOWN", admin.get(&blob_path("team/app", NOWHERE)).await),
        (400, "BLOB_UPLOAD_INVALID", admin.send(odd.body("x")).await),
        (404, "BLOB_UPLOAD_UNKNOWN", admin.get("/v2/team/app/blobs/uploads/none").await),
        (400, "SIZE_INVALID", admin.send(short.body("x")).await),
        (400, "DIGEST_INVALID", admin.put(&closing(&upload, NOWHERE), "x").await),
        (
            400,
            "MANIFEST_BLOB_UNKNOWN",
            admin.put_manifest("team/app", "v1", OCI_MANIFEST, missing.manifest()).await,
        ),
        (400, "MANIFEST_INVALID", admin.put_manifest("team/app", "v1", OCI_MANIFEST, "{}").await),
        (404, "MANIFEST_UNKNOWN", admin.get(&manifest_path("team/app", "v2")).await),
        (400, "NAME_INVALID", admin.get(&manifest_path("Team/app", "v1")).await),
        (404, "NAME_UNKNOWN", admin.get("/v2/team/none/tags/list").await),
        (401, "UNAUTHORIZED", berth.anonymous().get(&manifest_path("team/app", "v1")).await),
        (403, "DENIED", rita.post("/v2/team/app/blobs/uploads/", "").await),
        (405, "UNSUPPORTED", admin.post(&manifest_path("team/app", "v1"), "").await),
    ];
    let wrong = admin.with_password("admin", "wrong");
    for _ in 0..2 {
        wrong.get("/v2/").await.fails(401, "UNAUTHORIZED");
    }
    answers.push((429, "TOOMANYREQUESTS", wrong.get("/v2/").await));
    let mut said: Vec<&str> = Vec::new();
    for (status, code, answer) in answers {
        has_the_form_of_the_specification(&answer);
        answer.fails(status, code);
        said.push(code);
    }
    for code in ErrorCode::ALL {
        assert!(said.contains(&code.as_str()), "{code}");
    }
}

fn has_the_form_of_the_specification(answer: &Answer) {
    let body = answer.json();
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["errors"]);
    let error = &body["errors"][0];
    let code = error["code"].as_str().unwrap();
    assert!(code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'), "{code}");
    assert!(error["message"].is_string() && error.get("detail").is_some());
    assert_eq!(answer.header("content-length"), answer.bytes.len().to_string());
}

#[tokio::test]
async fn too_many_failed_logins_say_when_to_try_again() {
    let berth = TestApp::start_with(|config| config.auth.failed_logins = 1).await;
    let wrong = berth.admin().await.with_password("admin", "wrong");
    wrong.get("/v2/").await.fails(401, "UNAUTHORIZED");
    let refused = wrong.get("/v2/").await.fails(429, "TOOMANYREQUESTS");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
}

/// 404 is for those who may pull: to others missing and existing look alike.
#[tokio::test]
async fn what_exists_and_what_does_not_look_alike_to_those_who_may_not_pull() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    let digest = admin.push("team/app", "v1", &image).await;
    let narrow = berth.reader("rita").await.log_in(&["repository:team/other:pull"]).await;
    for client in [&berth.anonymous(), &narrow] {
        for (exists, missing) in [
            (manifest_path("team/app", "v1"), manifest_path("team/app", "v2")),
            (manifest_path("team/app", &digest), manifest_path("team/app", NOWHERE)),
            (blob_path("team/app", &image.blobs()[0].digest), blob_path("team/app", NOWHERE)),
            ("/v2/team/app/tags/list".into(), "/v2/team/app/tags/list?n=1".into()),
        ] {
            let answers = [client.get(&exists).await, client.get(&missing).await];
            let [one, two] = answers.map(|answer| {
                let answer = answer.fails(401, "UNAUTHORIZED");
                (answer.json(), answer.header("www-authenticate").to_owned())
            });
            assert_eq!(one, two);
        }
        let hidden = client.get("/v2/team/none/tags/list").await.fails(401, "UNAUTHORIZED");
        let shown = client.get("/v2/team/app/tags/list").await.fails(401, "UNAUTHORIZED");
        assert_eq!(hidden.text().replace("team/none", "team/app"), shown.text());
    }
}

#[tokio::test]
async fn an_error_of_the_disk_is_told_without_its_cause() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    // Where uploads would go stands a file.
    let uploads = berth.directory.path().join("data/uploads");
    std::fs::remove_dir(&uploads).unwrap();
    std::fs::write(&uploads, "").unwrap();
    let upload = admin.start_upload("team/app").await;
    let failed = admin.patch(&upload, "hello").await.status(500);
    assert_eq!(failed.json()["errors"][0]["code"], "UNKNOWN");
    assert!(!failed.text().contains("uploads"), "{}", failed.text());
    assert_eq!(failed.json()["errors"][0]["detail"], json!(null));
}
