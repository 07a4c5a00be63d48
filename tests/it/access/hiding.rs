//! Nobody who may not pull learns whether something exists.

use reqwest::Method;

use super::{endpoints, things};
use crate::support::{Answer, Blob, Client, Image, TestApp};

/// As long as `team/app`, so that even lengths agree.
const MISSING: &str = "team/nil";

/// Everything that the client sees, apart from the date, the request's id and the name that it sent itself.
fn seen(answer: &Answer, repository: &str) -> String {
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    let body = answer.text();
    format!("{}\n{}\n\n{body}", answer.code, headers.join("\n")).replace(repository, "NAME")
}

/// Clients that know the registry, but may not pull from these repositories.
async fn strangers(berth: &TestApp) -> Vec<(&'static str, Client)> {
    let admin = berth.admin().await;
    vec![
        ("nobody", berth.anonymous()),
        ("an anonymous token", berth.anonymous().log_in(&["repository:team/app:pull"]).await),
        ("a token without scope", admin.log_in(&[]).await),
        ("a token for elsewhere", admin.log_in(&["repository:other:*"]).await),
        ("garbage", admin.with_token("garbage")),
        ("an unknown user", admin.with_password("nobody", "a wrong password")),
    ]
}

#[tokio::test]
async fn what_exists_looks_like_what_does_not_to_those_who_may_not_pull() {
    let berth = TestApp::start_with(|config| {
        config.auth.failed_logins = 10_000;
        config.auth.failed_logins_per_name = 10_000;
    })
    .await;
    let things = things(&berth, "team/app", None).await;
    for (who, stranger) in strangers(&berth).await {
        let both = endpoints("team/app", &things).into_iter().zip(endpoints(MISSING, &things));
        for (there, missing) in both {
            let what = format!("{who}: {} {}", there.method, there.path);
            let (found, not) = (there.send(&stranger).await, missing.send(&stranger).await);
            assert_eq!(found.code, 401, "{what}: {}", found.text());
            assert_eq!(seen(&found, "team/app"), seen(&not, MISSING), "{what}");
            assert!(
                found
                    .header("www-authenticate")
                    .contains(&format!("scope=\"{}\"", there.scope.as_deref().unwrap())),
                "{what}: {:?}",
                found.headers
            );
        }
        // Nor is an unknown digest or tag in a known repository told apart.
        for path in ["manifests/v1", "manifests/v9"] {
            let answer = stranger.get(&format!("/v2/team/app/{path}")).await;
            assert_eq!(answer.code, 401, "{who}: {path}");
        }
    }
    // To those who may, there is a difference.
    let rita = berth.reader("rita").await;
    rita.get("/v2/team/app/manifests/v1").await.ok();
    rita.get(&format!("/v2/{MISSING}/manifests/v1")).await.status(404);
}

#[tokio::test]
async fn methods_that_do_not_exist_tell_nothing_either() {
    let berth = TestApp::start().await;
    let things = things(&berth, "team/app", None).await;
    let nobody = berth.anonymous();
    for tail in
        ["manifests/v1".to_owned(), format!("blobs/{}", things.manifest), "tags/list".into()]
    {
        let ask = async |repository: &str| {
            let request = nobody.request(Method::OPTIONS, &format!("/v2/{repository}/{tail}"));
            seen(&nobody.send(request).await, repository)
        };
        assert_eq!(ask("team/app").await, ask(MISSING).await, "{tail}");
    }
}

/// Berth owns a blob once, whatever the number of repositories that hold it; who may not pull from any of these must not
/// get it by naming its digest.
#[tokio::test]
async fn a_mount_is_no_oracle() {
    let berth = TestApp::start().await;
    let secret = Blob::new("a secret");
    berth.writer("ann").await.push_blob("secret/app", &secret).await;
    let unknown = Blob::new("in no repository");
    let bob = berth.writer("bob").await;
    let token = bob.log_in(&["repository:bob/app:pull,push"]).await;
    for source in ["&from=secret/app", "&from=secret/nil", "&from=-", "&from=", ""] {
        for blob in [&secret, &unknown] {
            let path = format!("/v2/bob/app/blobs/uploads/?mount={}{source}", blob.digest);
            let answer = token.post(&path, "").await;
            assert_eq!(answer.code, 202, "{path}: {}", answer.text());
            assert_eq!(answer.header("range"), "0-0");
        }
    }
    bob.head(&format!("/v2/bob/app/blobs/{}", secret.digest)).await.status(404);
    // With a scope for the source it works.
    let both = bob.log_in(&["repository:bob/app:pull,push", "repository:secret/app:pull"]).await;
    let path = format!("/v2/bob/app/blobs/uploads/?mount={}&from=secret/app", secret.digest);
    both.post(&path, "").await.status(201);
}

#[tokio::test]
async fn a_manifest_is_no_oracle() {
    let berth = TestApp::start().await;
    let secret = Image::of(["a secret"]);
    berth.writer("ann").await.push("secret/app", "v1", &secret).await;
    let bob = berth.writer("bob").await;
    bob.put_manifest("bob/app", "v1", secret.media_type(), secret.manifest())
        .await
        .fails(400, "MANIFEST_BLOB_UNKNOWN");
    bob.head(&format!("/v2/bob/app/manifests/{}", secret.digest())).await.status(404);
    let layer = &secret.blobs()[1].digest;
    bob.head(&format!("/v2/bob/app/blobs/{layer}")).await.status(404);
}
