//! Rules in force: at once, for exactly whom they name, and only as far as somebody may give them.

use serde_json::{Value, json};

use crate::support::{Blob, Client, Image, TestApp};

/// Makes a rule; returns its number.
pub(crate) async fn bind(admin: &Client, subject: &str, role: &str, pattern: &str) -> i64 {
    let wish = json!({ "subject": subject, "role": role, "pattern": pattern });
    admin.post_json("/api/v1/bindings", wish).await.status(201).json()["id"].as_i64().unwrap()
}

#[tokio::test]
async fn a_rule_holds_from_the_next_request_on() {
    let berth = TestApp::start().await;
    let (admin, ann) = (berth.admin().await, berth.newcomer("ann").await);
    admin.push("team/app", "v1", &Image::of(["hello"])).await;
    let token = ann.log_in(&["repository:team/app:pull"]).await;
    for _ in 0..3 {
        ann.get("/v2/team/app/manifests/v1").await.fails(403, "DENIED");
        let rule = bind(&admin, "user:ann", "reader", "team/**").await;
        ann.get("/v2/team/app/manifests/v1").await.ok();
        // The registry token of before has no scope; one of now has, and loses its worth with the rule.
        token.get("/v2/team/app/manifests/v1").await.fails(401, "UNAUTHORIZED");
        let fresh = ann.log_in(&["repository:team/app:pull"]).await;
        fresh.get("/v2/team/app/manifests/v1").await.ok();
        admin.delete(&format!("/api/v1/bindings/{rule}")).await.status(204);
        ann.get("/v2/team/app/manifests/v1").await.fails(403, "DENIED");
        fresh.get("/v2/team/app/manifests/v1").await.fails(403, "DENIED");
    }
}

#[tokio::test]
async fn a_group_gives_what_it_may_for_as_long_as_one_is_in_it() {
    let berth = TestApp::start().await;
    let (admin, ann) = (berth.admin().await, berth.newcomer("ann").await);
    admin.post_json("/api/v1/groups", json!({ "name": "devs" })).await.status(201);
    bind(&admin, "group:devs", "writer", "team/*").await;
    let start = async || ann.post("/v2/team/app/blobs/uploads/", "").await;
    start().await.fails(403, "DENIED");
    admin.put_json("/api/v1/groups/devs/members/ann", json!({})).await.status(204);
    start().await.status(202);
    ann.post("/v2/team/deep/app/blobs/uploads/", "").await.fails(403, "DENIED");
    admin.delete("/api/v1/groups/devs/members/ann").await.status(204);
    start().await.fails(403, "DENIED");
    admin.put_json("/api/v1/groups/devs/members/ann", json!({})).await.status(204);
    start().await.status(202);
    // With the group go its rules: a group made later under its name has none.
    admin.delete("/api/v1/groups/devs").await.status(204);
    start().await.fails(403, "DENIED");
    admin.post_json("/api/v1/groups", json!({ "name": "devs" })).await.status(201);
    admin.put_json("/api/v1/groups/devs/members/ann", json!({})).await.status(204);
    start().await.fails(403, "DENIED");
}

#[tokio::test]
async fn whoever_gets_a_name_next_inherits_nothing() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    berth.newcomer("ann").await;
    bind(&admin, "user:ann", "writer", "team/**").await;
    admin.delete("/api/v1/users/ann").await.status(204);
    let ann = berth.newcomer("ann").await;
    ann.post("/v2/team/app/blobs/uploads/", "").await.fails(403, "DENIED");
    let rules = admin.get("/api/v1/bindings?subject=user:ann").await.ok().json();
    assert_eq!(rules["bindings"], json!([]));
}

#[tokio::test]
async fn a_role_of_ones_own_allows_what_it_says_now() {
    let berth = TestApp::start().await;
    let (admin, ann) = (berth.admin().await, berth.newcomer("ann").await);
    admin.push("team/app", "v1", &Image::of(["hello"])).await;
    admin.put_json("/api/v1/roles/tester", json!({ "actions": ["pull"] })).await.ok();
    bind(&admin, "user:ann", "tester", "team/**").await;
    ann.get("/v2/team/app/tags/list").await.ok();
    ann.delete("/v2/team/app/manifests/v1").await.fails(403, "DENIED");
    admin.put_json("/api/v1/roles/tester", json!({ "actions": ["content/delete"] })).await.ok();
    ann.get("/v2/team/app/tags/list").await.fails(403, "DENIED");
    ann.delete("/v2/team/app/manifests/v1").await.status(202);
    admin.delete("/api/v1/roles/tester").await.fails(409, "CONFLICT");
    admin
        .put_json("/api/v1/roles/reader", json!({ "actions": ["push"] }))
        .await
        .fails(409, "CONFLICT");
    let rules = admin.get("/api/v1/bindings?subject=user:ann").await.ok().json();
    let rule = rules["bindings"][0]["id"].as_i64().unwrap();
    admin.delete(&format!("/api/v1/bindings/{rule}")).await.status(204);
    admin.delete("/api/v1/roles/tester").await.status(204);
    admin.delete("/api/v1/roles/tester").await.fails(404, "NOT_FOUND");
}

#[tokio::test]
async fn whoever_manages_a_namespace_gives_rights_there_and_nowhere_else() {
    let berth = TestApp::start().await;
    let (admin, ann) = (berth.admin().await, berth.newcomer("ann").await);
    let bob = berth.newcomer("bob").await;
    bind(&admin, "user:ann", "administrator", "team/**").await;
    for pattern in ["team/**", "team/app", "team/*", "team/a/**", "team/"] {
        bind(&ann, "user:bob", "writer", pattern).await;
    }
    bob.post("/v2/team/app/blobs/uploads/", "").await.status(202);
    for pattern in ["**", "*", "team*", "other/**", "teams/app", "team"] {
        let wish = json!({ "subject": "user:bob", "role": "writer", "pattern": pattern });
        ann.post_json("/api/v1/bindings", wish).await.fails(403, "DENIED");
    }
    // What is the registry's is not hers, though she may do everything in `team`.
    for path in [
        "/api/v1/users",
        "/api/v1/groups",
        "/api/v1/robots",
        "/api/v1/events",
        "/api/v1/keys",
        "/api/v1/bindings",
    ] {
        ann.get(path).await.fails(403, "DENIED");
    }
    let foreign = bind(&admin, "user:bob", "reader", "other/**").await;
    // A rule that is not hers looks like one that is not there.
    for id in [foreign, 999_999] {
        ann.get(&format!("/api/v1/bindings/{id}")).await.fails(403, "DENIED");
        ann.delete(&format!("/api/v1/bindings/{id}")).await.fails(403, "DENIED");
    }
    let listed = ann.get("/api/v1/bindings?pattern=team%2F**").await.ok().json();
    let subjects: Vec<_> =
        listed["bindings"].as_array().unwrap().iter().map(|rule| &rule["subject"]).collect();
    assert_eq!(subjects, ["user:ann", "user:bob"]);
    for rule in listed["bindings"].as_array().unwrap().iter().skip(1) {
        ann.delete(&format!("/api/v1/bindings/{}", rule["id"])).await.status(204);
    }
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let rules = admin.get("/api/v1/bindings?subject=user:admin").await.ok().json();
    let rule = format!("/api/v1/bindings/{}", rules["bindings"][0]["id"]);
    let refuse = async || {
        admin.delete(&rule).await.fails(409, "CONFLICT");
        admin.delete("/api/v1/users/admin").await.fails(409, "CONFLICT");
        for change in
            [json!({ "is_disabled": true }), json!({ "role": "writer" }), json!({ "role": "none" })]
        {
            admin.patch_json("/api/v1/users/admin", change).await.fails(409, "CONFLICT");
        }
    };
    refuse().await;
    // One who cannot log in is none, and neither is an empty group.
    berth.newcomer("bob").await;
    bind(&admin, "user:bob", "administrator", "**").await;
    admin.patch_json("/api/v1/users/bob", json!({ "is_disabled": true })).await.ok();
    admin.post_json("/api/v1/groups", json!({ "name": "admins" })).await.status(201);
    bind(&admin, "group:admins", "administrator", "**").await;
    refuse().await;
    admin.put_json("/api/v1/groups/admins/members/admin", json!({})).await.status(204);
    refuse().await;
    berth.newcomer("eve").await;
    admin.put_json("/api/v1/groups/admins/members/eve", json!({})).await.status(204);
    admin.delete(&rule).await.status(204);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let before = admin.get("/api/v1/bindings").await.ok().json();
    let good = json!({ "subject": "user:admin", "role": "reader", "pattern": "team/**" });
    let with = |field: &str, value: Value| {
        let mut wish = good.clone();
        wish[field] = value;
        wish
    };
    for (wish, status, code) in [
        (with("subject", json!("ann")), 400, "INVALID"),
        (with("subject", json!("user:nobody")), 404, "NOT_FOUND"),
        (with("subject", json!("robot:admin")), 404, "NOT_FOUND"),
        (with("role", json!("king")), 404, "NOT_FOUND"),
        (with("role", json!(null)), 400, "INVALID"),
        (with("actions", json!(["pull"])), 400, "INVALID"),
        (with("pattern", json!("Team/*")), 400, "INVALID"),
        (with("pattern", json!("")), 400, "INVALID"),
        (with("effect", json!("maybe")), 400, "INVALID"),
        (with("colour", json!("red")), 400, "INVALID"),
        (with("subject", json!(7)), 400, "INVALID"),
        (json!({ "subject": "user:admin", "actions": [], "pattern": "a" }), 400, "INVALID"),
        (json!({ "subject": "user:admin", "actions": ["fly"], "pattern": "a" }), 400, "INVALID"),
        // Whoever is not logged in may read what is public, and no more.
        (json!({ "subject": "everyone", "role": "writer", "pattern": "a" }), 400, "INVALID"),
        (json!([1]), 400, "INVALID"),
    ] {
        admin.post_json("/api/v1/bindings", wish).await.fails(status, code);
    }
    admin.post("/api/v1/bindings", "{").await.fails(400, "INVALID");
    assert_eq!(admin.get("/api/v1/bindings").await.ok().json(), before);
    // The same rule again is the one that is there.
    let first = admin.post_json("/api/v1/bindings", good.clone()).await.status(201).json();
    assert_eq!(admin.post_json("/api/v1/bindings", good).await.status(201).json(), first);
}

#[tokio::test]
async fn whoever_may_only_sign_pushes_signatures_and_nothing_else() {
    let berth = TestApp::start().await;
    let (admin, signer) = (berth.admin().await, berth.newcomer("signer").await);
    let image = Image::of(["an image"]);
    let digest = admin.push("team/app", "v1", &image).await;
    let wish =
        json!({ "subject": "user:signer", "actions": ["pull", "sign"], "pattern": "team/**" });
    admin.post_json("/api/v1/bindings", wish).await.status(201);
    // Clients that sign ask for `push`.
    let signer = signer.log_in(&["repository:team/app:pull,push"]).await;
    let part = Blob::new("a signature");
    let more = json!({ "artifactType": "application/vnd.example.signature", "subject": image.descriptor() });
    let signature = Image::new(vec![part], more);
    for blob in signature.blobs() {
        signer.push_blob("team/app", blob).await;
    }
    let hex = digest.hex();
    let put = async |reference: &str, image: &Image| {
        signer.put_manifest("team/app", reference, image.media_type(), image.manifest()).await
    };
    put(signature.digest().as_str(), &signature).await.status(201);
    for tag in [
        format!("sha256-{hex}"),
        format!("sha256-{hex}.sig"),
        format!("sha256-{hex}.att"),
        format!("sha256-{hex}.sbom"),
    ] {
        put(&tag, &signature).await.status(201);
        // As cosign 2 does: no subject, but a tag that says whose signature it is.
        let plain = Image::new(signature.blobs()[1..].to_vec(), json!({}));
        put(&tag, &plain).await.status(201);
    }
    for tag in [
        "v1",
        "v2",
        "latest",
        "sha256-x.sig",
        &format!("sha256-{hex}.exe"),
        &format!("sha256-{}.sig", &hex[1..]),
    ] {
        put(tag, &signature).await.fails(403, "DENIED");
    }
    let plain = Image::new(signature.blobs()[1..].to_vec(), json!({}));
    put(plain.digest().as_str(), &Image::of(["an image"])).await.status(400);
    let other = Image::new(vec![], json!({ "annotations": { "a": "b" } }));
    put(other.digest().as_str(), &other).await.fails(403, "DENIED");
    let path = format!("/v2/team/app/manifests/{}?tag=v1", signature.digest());
    let request =
        signer.request(reqwest::Method::PUT, &path).header("content-type", signature.media_type());
    signer.send(request.body(signature.manifest())).await.fails(403, "DENIED");
    signer.delete("/v2/team/app/manifests/v1").await.fails(403, "DENIED");
    assert_eq!(
        admin.get("/v2/team/app/manifests/v1").await.ok().header("docker-content-digest"),
        digest.as_str()
    );
}

#[tokio::test]
async fn one_may_ask_why_about_oneself_and_what_one_manages() {
    let berth = TestApp::start().await;
    let (admin, ann) = (berth.admin().await, berth.newcomer("ann").await);
    berth.newcomer("bob").await;
    bind(&admin, "user:ann", "administrator", "team/**").await;
    let why = |subject: &str, repository: &str| {
        format!(
            "/api/v1/access/why?subject={subject}&action=push&repository={}",
            repository.replace('/', "%2F")
        )
    };
    assert_eq!(ann.get(&why("user:ann", "other/app")).await.ok().json()["is_allowed"], false);
    assert_eq!(ann.get(&why("user:bob", "team/app")).await.ok().json()["is_allowed"], false);
    for subject in ["user:bob", "user:nobody", "everyone"] {
        ann.get(&why(subject, "other/app")).await.fails(403, "DENIED");
    }
    berth.anonymous().get(&why("everyone", "team/app")).await.fails(401, "UNAUTHORIZED");
    admin.get(&why("user:nobody", "team/app")).await.fails(404, "NOT_FOUND");
    admin.get(&why("group:devs", "team/app")).await.fails(404, "NOT_FOUND");
    admin
        .get("/api/v1/access/why?subject=user:ann&action=fly&repository=a")
        .await
        .fails(400, "INVALID");
    admin.patch_json("/api/v1/users/ann", json!({ "is_disabled": true })).await.ok();
    let said = admin.get(&why("user:ann", "team/app")).await.ok().json();
    assert_eq!(
        (said["is_allowed"].as_bool(), said["because"].as_str()),
        (Some(false), Some("the account ann is disabled"))
    );
}
