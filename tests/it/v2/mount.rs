//! Mounting a blob from another repository.

use super::{NOWHERE, blob_path, closing};
use crate::support::{Blob, Client, TestApp};

async fn mount(client: &Client, into: &str, query: &str) -> crate::support::Answer {
    client.post(&format!("/v2/{into}/blobs/uploads/?{query}"), "").await
}

/// containers/image ends the session that it does not want; others push into it.
async fn is_a_session(client: &Client, answer: crate::support::Answer, blob: &Blob) {
    let answer = answer.status(202);
    let upload = answer.header("location");
    assert_eq!(answer.header("range"), "0-0");
    assert!(answer.find_header("docker-content-digest").is_none());
    client.get(upload).await.status(204);
    client.delete(upload).await.status(204);
    let _ = blob;
}

pub(crate) async fn mounts_with_and_without_from(berth: &TestApp) {
    let admin = berth.admin().await;
    for (blob, query) in [
        (Blob::random(5_000, 1), "&from=team/app"),
        (Blob::random(5_000, 2), ""),
        (Blob::with(berth::oci::Algorithm::Sha512, "hello"), "&from=team%2Fapp"),
    ] {
        admin.push_blob("team/app", &blob).await;
        let answer =
            mount(&admin, "team/new", &format!("mount={}{query}", blob.digest)).await.status(201);
        assert_eq!(answer.header("docker-content-digest"), blob.digest.as_str());
        assert_eq!(answer.header("location"), blob_path("team/new", &blob.digest));
        assert_eq!(admin.get(answer.header("location")).await.ok().bytes, blob.bytes);
        // The copy is a repository's own: it stays when the other one is deleted.
        admin.delete(&blob_path("team/app", &blob.digest)).await.status(202);
        admin.get(&blob_path("team/app", &blob.digest)).await.fails(404, "BLOB_UNKNOWN");
        assert_eq!(admin.get(&blob_path("team/new", &blob.digest)).await.ok().bytes, blob.bytes);
    }
}

#[tokio::test]
async fn a_mount_is_201_with_and_without_from() {
    mounts_with_and_without_from(&TestApp::start().await).await;
}

#[tokio::test]
async fn a_mount_of_what_cannot_be_found_is_202_and_a_normal_session() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let blob = Blob::random(5_000, 1);
    admin.push_blob("team/app", &blob).await;
    admin.push_blob("team/empty", &Blob::new("other")).await;
    let digest = &blob.digest;
    for query in [
        format!("mount={NOWHERE}"),
        format!("mount={NOWHERE}&from=team/app"),
        format!("mount={digest}&from=team/empty"),
        format!("mount={digest}&from=team/none"),
        format!("mount={digest}&from=Team/App"),
        format!("mount={digest}&from="),
        format!("mount={digest}&from=../../etc"),
    ] {
        let answer = mount(&admin, "team/new", &query).await;
        assert_eq!(answer.code, 202, "{query}");
        is_a_session(&admin, answer, &blob).await;
    }
    let upload = mount(&admin, "team/new", &format!("mount={digest}&from=team/none")).await;
    let closed = closing(upload.status(202).header("location"), digest);
    admin.put(&closed, blob.bytes.clone()).await.status(201);
    assert_eq!(admin.get(&blob_path("team/new", digest)).await.ok().bytes, blob.bytes);
}

#[tokio::test]
async fn a_mount_of_no_digest_is_400() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    for mounted in [
        "",
        "sha256:baddigeststring",
        "latest",
        "sha256:ABCDEF",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
    ] {
        let answer = mount(&admin, "team/new", &format!("mount={mounted}&from=team/app")).await;
        answer.fails(400, "DIGEST_INVALID");
    }
}

/// Else a mount would tell what strangers have.
#[tokio::test]
async fn a_mount_from_where_the_token_may_not_read_is_like_one_of_what_is_missing() {
    let berth = TestApp::start().await;
    let alice = berth.writer("alice").await;
    let blob = Blob::random(5_000, 1);
    alice.push_blob("team/secret", &blob).await;
    let narrow = alice.log_in(&["repository:team/new:pull,push"]).await;
    for query in ["&from=team/secret", ""] {
        let answer = mount(&narrow, "team/new", &format!("mount={}{query}", blob.digest)).await;
        is_a_session(&narrow, answer, &blob).await;
        narrow.head(&blob_path("team/new", &blob.digest)).await.status(404);
    }
    let scopes = ["repository:team/new:pull,push", "repository:team/secret:pull"];
    let wide = alice.log_in(&scopes).await;
    let answer = mount(&wide, "team/new", &format!("mount={}&from=team/secret", blob.digest)).await;
    answer.status(201);
}

#[tokio::test]
async fn a_mount_needs_the_right_to_push() {
    let berth = TestApp::start().await;
    let (alice, rita) = (berth.writer("alice").await, berth.reader("rita").await);
    let blob = Blob::random(5_000, 1);
    alice.push_blob("team/app", &blob).await;
    let query = format!("mount={}&from=team/app", blob.digest);
    mount(&rita, "team/new", &query).await.fails(403, "DENIED");
    mount(&berth.anonymous(), "team/new", &query).await.fails(401, "UNAUTHORIZED");
}
