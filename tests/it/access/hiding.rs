//! Nobody who may not pull learns whether something exists.

use reqwest::Method;
use serde_json::{Value, json};

use super::rules::bind;
use super::{endpoints, things};
use crate::support::{Answer, Blob, Client, Dice, Image, TestApp};

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

/// Somebody who may not pull from these repositories, and what they are answered.
struct Stranger {
    who: &'static str,
    client: Client,
    code: u16,
}

async fn strangers(berth: &TestApp) -> Vec<Stranger> {
    let admin = berth.admin().await;
    let newcomer = berth.newcomer("newcomer").await;
    bind(&admin, "user:newcomer", "administrator", "other/**").await;
    bind(&admin, "everyone", "reader", "public/**").await;
    admin.post_json("/api/v1/robots", json!({ "name": "ci" })).await.status(201);
    let secret = async |wish: Value| {
        let made = admin.post_json("/api/v1/tokens", wish).await.status(201).json();
        made["secret"].as_str().unwrap().to_owned()
    };
    let limits = json!([{ "pattern": "other/**", "actions": ["pull", "push", "delete"] }]);
    let limited = secret(json!({ "name": "limited", "owner": "admin", "limits": limits })).await;
    let robot = secret(json!({ "name": "first", "owner": "ci" })).await;
    let nobody = berth.anonymous();
    let scope = "repository:team/app:pull,push,delete";
    let limited = nobody.with_password("admin", &limited);
    [
        ("nobody", nobody.clone(), 401),
        ("an anonymous token", nobody.log_in(&[scope]).await, 401),
        ("a token without scope", admin.log_in(&[]).await, 401),
        ("a token for elsewhere", admin.log_in(&["repository:other:*"]).await, 401),
        ("garbage", admin.with_token("garbage"), 401),
        ("an unknown user", admin.with_password("nobody", "a wrong password"), 401),
        ("a user without rights", newcomer.clone(), 403),
        ("their token", newcomer.log_in(&[scope]).await, 403),
        ("a limited token", limited.clone(), 403),
        ("a registry token for it", limited.log_in(&[scope]).await, 403),
        ("a robot without rights", nobody.with_token(&robot), 403),
    ]
    .map(|(who, client, code)| Stranger { who, client, code })
    .into()
}

#[tokio::test]
async fn what_exists_looks_like_what_does_not_to_those_who_may_not_pull() {
    let berth = TestApp::start_with(|config| {
        config.auth.failed_logins = 10_000;
        config.auth.failed_logins_per_name = 10_000;
    })
    .await;
    let things = things(&berth, "team/app", None).await;
    for Stranger { who, client, code } in strangers(&berth).await {
        let both = endpoints("team/app", &things).into_iter().zip(endpoints(MISSING, &things));
        for (there, missing) in both {
            let what = format!("{who}: {} {}", there.method, there.path);
            let (found, not) = (there.send(&client).await, missing.send(&client).await);
            assert_eq!(seen(&found, "team/app"), seen(&not, MISSING), "{what}");
            if there.needs == "catalog" {
                assert!(!found.text().contains("team/"), "{what}: {}", found.text());
                continue;
            }
            assert_eq!(found.code, code, "{what}: {}", found.text());
            if code == 401 {
                let scope = format!("scope=\"{}\"", there.scope.as_deref().unwrap());
                let challenge = found.header("www-authenticate");
                assert!(challenge.contains(&scope), "{what}: {challenge}");
            }
        }
        // Nor is an unknown digest or tag in a known repository told apart.
        for path in ["manifests/v1", "manifests/v9"] {
            let answer = client.get(&format!("/v2/team/app/{path}")).await;
            assert_eq!(answer.code, code, "{who}: {path}");
        }
    }
    // To those who may, there is a difference.
    let rita = berth.reader("rita").await;
    rita.get("/v2/team/app/manifests/v1").await.ok();
    rita.get(&format!("/v2/{MISSING}/manifests/v1")).await.status(404);
}

/// Whatever the rules are: as long as they do not let somebody pull, nothing that they ask tells them whether there is
/// anything. What they may do besides, such as push or delete, is judged alike for what is there and what is not.
#[tokio::test]
async fn no_rules_make_existence_visible_without_the_right_to_pull() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let things = things(&berth, "team/app", None).await;
    let mut dice = Dice::new(20_261_125);
    let pick = |dice: &mut Dice, from: &[&'static str]| from[dice.between(0, from.len())];
    for round in 0..12 {
        let name = format!("user{round}");
        let user = berth.newcomer(&name).await;
        let subject = format!("user:{name}");
        for _ in 0..dice.between(0, 5) {
            let pattern =
                pick(&mut dice, &["**", "team/**", "team/*", "t*/*", "other/**", "*", "*/*"]);
            let actions: Vec<_> = (0..dice.between(1, 3))
                .map(|_| pick(&mut dice, &["push", "delete", "sign", "manage"]))
                .collect();
            let effect = pick(&mut dice, &["allow", "allow", "deny"]);
            let wish = json!({ "subject": subject, "effect": effect, "actions": actions, "pattern": pattern });
            admin.post_json("/api/v1/bindings", wish).await.status(201);
        }
        // And some that would let them pull, but for the denial.
        if dice.between(0, 2) == 0 {
            bind(&admin, &subject, "reader", pick(&mut dice, &["**", "team/**"])).await;
            let wish = json!({ "subject": subject, "effect": "deny", "actions": ["pull"], "pattern": "team/**" });
            admin.post_json("/api/v1/bindings", wish).await.status(201);
        }
        let scope = |name: &str| format!("repository:{name}:pull,push,delete,manage");
        let token = user.log_in(&[&scope("team/app"), &scope(MISSING)]).await;
        for client in [&user, &token] {
            for (there, missing) in
                endpoints("team/app", &things).into_iter().zip(endpoints(MISSING, &things))
            {
                if there.needs != "pull" {
                    continue;
                }
                let what = format!("{name}: {} {}", there.method, there.path);
                let (found, not) = (there.send(client).await, missing.send(client).await);
                assert_eq!(found.code, 403, "{what}: {}", found.text());
                assert_eq!(seen(&found, "team/app"), seen(&not, MISSING), "{what}");
            }
            for path in [
                "/api/v1/repositories/NAME/access",
                "/api/v1/bindings?pattern=NAME",
                "/api/v1/access/why?subject=everyone&action=pull&repository=NAME",
            ] {
                let ask = async |name: &str| {
                    seen(&client.get(&path.replace("NAME", &name.replace('/', "%2F"))).await, name)
                };
                assert_eq!(
                    ask("team/app").await.replace("team%2Fapp", "NAME"),
                    ask(MISSING).await.replace("team%2Fnil", "NAME"),
                    "{name}: {path}"
                );
            }
        }
    }
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
