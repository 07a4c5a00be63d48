//! Public repositories beside private ones.

use serde_json::json;

use super::rules::bind;
use crate::support::{Client, Image, TestApp};

async fn names(client: &Client) -> Vec<String> {
    let list = client.get("/v2/_catalog").await.ok().json();
    list["repositories"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn anybody_pulls_what_is_public_and_nothing_else() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    for name in ["public/tool", "team/app"] {
        admin.push(name, "v1", &image).await;
    }
    let nobody = berth.anonymous();
    nobody.get("/v2/public/tool/manifests/v1").await.fails(401, "UNAUTHORIZED");
    nobody.get("/v2/_catalog").await.fails(401, "UNAUTHORIZED");
    bind(&admin, "everyone", "reader", "public/**").await;

    // The base still asks for a login, or Docker would never log in (protocol fact 57).
    nobody.get("/v2/").await.fails(401, "UNAUTHORIZED");
    let scopes = ["repository:public/tool:pull,push", "repository:team/app:pull"];
    let token = nobody
        .get(&format!("/token?service=berth&scope={}&scope={}", scopes[0], scopes[1]))
        .await
        .ok()
        .json();
    assert_eq!(token["scope"], "repository:public/tool:pull");
    let by_token = nobody.with_token(token["token"].as_str().unwrap());
    let layer = &image.blobs()[1].digest;
    for client in [&nobody, &by_token] {
        client.get("/v2/public/tool/manifests/v1").await.ok();
        client.head("/v2/public/tool/manifests/v1").await.ok();
        client.get(&format!("/v2/public/tool/blobs/{layer}")).await.ok();
        client.get("/v2/public/tool/tags/list").await.ok();
        client.get(&format!("/v2/public/tool/referrers/{}", image.digest())).await.ok();
        client.get("/v2/team/app/manifests/v1").await.fails(401, "UNAUTHORIZED");
        client.post("/v2/public/tool/blobs/uploads/", "").await.fails(401, "UNAUTHORIZED");
        client.delete("/v2/public/tool/manifests/v1").await.fails(401, "UNAUTHORIZED");
    }
    nobody.get("/v2/public/nil/manifests/v1").await.fails(404, "MANIFEST_UNKNOWN");
    nobody.get("/api/v1/repositories/public%2Ftool").await.ok();
    assert_eq!(names(&nobody).await, ["public/tool"]);
    // Somebody without any right of their own has everybody's.
    let newcomer = berth.newcomer("newcomer").await;
    newcomer.get("/v2/public/tool/manifests/v1").await.ok();
    newcomer.get("/v2/team/app/manifests/v1").await.fails(403, "DENIED");
    assert_eq!(names(&newcomer).await, ["public/tool"]);
    // Wrong credentials are never taken for none.
    nobody
        .with_password("ann", "wrong")
        .get("/v2/public/tool/manifests/v1")
        .await
        .fails(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_repository_is_made_public_and_private_again() {
    let berth = TestApp::start().await;
    let (admin, ann) = (berth.admin().await, berth.newcomer("ann").await);
    admin.push("team/app", "v1", &Image::of(["hello"])).await;
    bind(&admin, "user:ann", "maintainer", "team/**").await;
    let nobody = berth.anonymous();
    let path = "/api/v1/repositories/team%2Fapp";
    // A maintainer deletes and pushes; who may come in is for those who manage.
    ann.patch_json(path, json!({ "is_public": true })).await.fails(403, "DENIED");
    let shown = admin.patch_json(path, json!({ "is_public": true })).await.ok().json();
    assert_eq!(shown["is_public"], true);
    nobody.get("/v2/team/app/manifests/v1").await.ok();
    assert_eq!(ann.get(path).await.ok().json()["is_public"], true);
    assert_eq!(
        ann.get("/api/v1/repositories").await.ok().json()["repositories"][0]["is_public"],
        true
    );
    admin.patch_json(path, json!({ "is_public": true })).await.ok();
    admin.patch_json(path, json!({ "is_public": false })).await.ok();
    nobody.get("/v2/team/app/manifests/v1").await.fails(401, "UNAUTHORIZED");
    ann.get("/v2/team/app/manifests/v1").await.ok();
    admin.patch_json(path, json!({})).await.fails(400, "INVALID");
}

#[tokio::test]
async fn a_list_shows_what_one_may_pull_page_by_page() {
    let berth = TestApp::start().await;
    let (admin, ann) = (berth.admin().await, berth.newcomer("ann").await);
    let image = Image::of(["hello"]);
    let all = ["a", "a/b", "app", "app-1", "app/x", "apple", "team/a", "team/b", "team/c/d", "z"];
    for name in all {
        admin.push(name, "v1", &image).await;
    }
    let paged = async |client: &Client, n: usize| {
        let (mut found, mut last) = (Vec::new(), String::new());
        loop {
            let answer = client.get(&format!("/v2/_catalog?n={n}&last={last}")).await.ok();
            let page = answer.json();
            let page: Vec<String> = page["repositories"]
                .as_array()
                .unwrap()
                .iter()
                .map(|name| name.as_str().unwrap().to_owned())
                .collect();
            assert!(page.len() <= n);
            found.extend(page.clone());
            match page.last() {
                Some(name) if answer.find_header("link").is_some() => last.clone_from(name),
                _ => return found,
            }
        }
    };
    for (patterns, seen) in [
        (&["team/**"][..], &["team/a", "team/b", "team/c/d"][..]),
        (&["app*"], &["app", "app-1", "apple"]),
        (&["app", "z", "team/*"], &["app", "team/a", "team/b", "z"]),
        (&["**/x"], &["app/x"]),
        (&["*"], &["a", "app", "app-1", "apple", "z"]),
        (&["**"], &all),
    ] {
        let mut rules = Vec::new();
        for pattern in patterns {
            rules.push(bind(&admin, "user:ann", "reader", pattern).await);
        }
        for n in [1, 2, 3, 100] {
            assert_eq!(paged(&ann, n).await, seen, "{patterns:?} by {n}");
        }
        assert_eq!(paged(&admin, 3).await, all);
        for rule in rules {
            admin.delete(&format!("/api/v1/bindings/{rule}")).await.status(204);
        }
    }
    assert_eq!(names(&ann).await, [""; 0]);
}
