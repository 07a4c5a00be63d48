//! Users, robots and groups.

use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, TestApp};

async fn names(admin: &Client, path: &str, field: &str) -> Vec<String> {
    let list = admin.get(path).await.ok().json();
    list[field]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_user_is_made_shown_changed_and_removed() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let wish = json!({ "name": "ann", "password": PASSWORD, "full_name": "Ann Onym", "email": "ann@example.org", "role": "writer" });
    let made = admin.post_json("/api/v1/users", wish.clone()).await.status(201).json();
    assert_eq!(made, admin.get("/api/v1/users/ann").await.ok().json());
    for (field, value) in [
        ("full_name", json!("Ann Onym")),
        ("email", json!("ann@example.org")),
        ("roles", json!(["writer"])),
        ("groups", json!([])),
        ("provider", Value::Null),
        ("has_password", json!(true)),
        ("is_disabled", json!(false)),
        ("last_login_at", Value::Null),
    ] {
        assert_eq!(made[field], value, "{field}");
    }
    assert!(!made.to_string().contains("argon2"));
    let ann = berth.anonymous().with_password("ann", PASSWORD);
    ann.post("/v2/team/app/blobs/uploads/", "").await.status(202);
    berth.app.meta.settle().await.unwrap();
    assert!(admin.get("/api/v1/users/ann").await.ok().json()["last_login_at"].is_string());
    let changed = admin
        .patch_json("/api/v1/users/ann", json!({ "email": "", "role": "reader" }))
        .await
        .ok()
        .json();
    assert_eq!(
        (&changed["email"], &changed["full_name"], &changed["roles"]),
        (&json!(""), &json!("Ann Onym"), &json!(["reader"]))
    );
    ann.post("/v2/team/app/blobs/uploads/", "").await.fails(403, "DENIED");
    admin.post_json("/api/v1/users", wish).await.fails(409, "CONFLICT");
    admin.delete("/api/v1/users/ann").await.status(204);
    admin.delete("/api/v1/users/ann").await.fails(404, "NOT_FOUND");
    ann.get("/v2/").await.fails(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn what_cannot_be_an_account_is_refused() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    for name in ["", "a b", "a:b", "ä", "../x", "anonymous", "command-line", &"x".repeat(65)] {
        admin.post_json("/api/v1/users", json!({ "name": name })).await.fails(400, "INVALID");
        admin.post_json("/api/v1/robots", json!({ "name": name })).await.fails(400, "INVALID");
    }
    admin
        .post_json("/api/v1/users", json!({ "name": "ann", "password": "short" }))
        .await
        .fails(400, "INVALID");
    admin
        .post_json("/api/v1/users", json!({ "name": "ann", "role": "king" }))
        .await
        .fails(404, "NOT_FOUND");
    admin
        .patch_json("/api/v1/users/admin", json!({ "role": "king" }))
        .await
        .fails(404, "NOT_FOUND");
    admin.post_json("/api/v1/users", json!({ "user": "ann" })).await.fails(400, "INVALID");
    let long = format!("{{\"name\":\"ann\",\"email\":\"{}\"}}", "x".repeat(300_000));
    let request = admin
        .request(reqwest::Method::POST, "/api/v1/users")
        .header("content-type", "application/json");
    admin.send(request.body(long)).await.fails(413, "SIZE_INVALID");
    assert_eq!(names(&admin, "/api/v1/users", "users").await, ["admin"]);
}

#[tokio::test]
async fn users_and_robots_share_their_names_and_not_their_lists() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    admin
        .post_json("/api/v1/robots", json!({ "name": "ci", "description": "builds" }))
        .await
        .status(201);
    admin.post_json("/api/v1/users", json!({ "name": "ci" })).await.fails(409, "CONFLICT");
    admin.post_json("/api/v1/robots", json!({ "name": "admin" })).await.fails(409, "CONFLICT");
    assert_eq!(names(&admin, "/api/v1/users", "users").await, ["admin"]);
    assert_eq!(names(&admin, "/api/v1/robots", "robots").await, ["ci"]);
    for path in ["/api/v1/users/ci", "/api/v1/robots/admin"] {
        admin.get(path).await.fails(404, "NOT_FOUND");
        admin.delete(path).await.fails(404, "NOT_FOUND");
    }
    // A robot has no password that could be guessed.
    admin
        .put_json("/api/v1/users/ci/password", json!({ "password": "a long one" }))
        .await
        .fails(404, "NOT_FOUND");
    let changed =
        admin.patch_json("/api/v1/robots/ci", json!({ "is_disabled": true })).await.ok().json();
    assert_eq!(
        (&changed["is_disabled"], &changed["description"]),
        (&json!(true), &json!("builds"))
    );
    admin.delete("/api/v1/robots/ci").await.status(204);
}

#[tokio::test]
async fn lists_are_read_page_by_page() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    for number in 0..7 {
        admin
            .post_json("/api/v1/robots", json!({ "name": format!("r{number}") }))
            .await
            .status(201);
        admin
            .post_json("/api/v1/groups", json!({ "name": format!("g/{number}").replace('/', "-") }))
            .await
            .status(201);
    }
    for (path, field) in [("robots", "robots"), ("groups", "groups")] {
        let whole = names(&admin, &format!("/api/v1/{path}"), field).await;
        assert_eq!(whole.len(), 7);
        let (mut found, mut last) = (Vec::new(), String::new());
        loop {
            let page = admin.get(&format!("/api/v1/{path}?n=3&last={last}")).await.ok().json();
            let here: Vec<_> = page[field]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["name"].as_str().unwrap().to_owned())
                .collect();
            found.extend(here);
            match page["next"].as_str() {
                Some(next) => next.clone_into(&mut last),
                None => break,
            }
        }
        assert_eq!(found, whole);
    }
}

#[tokio::test]
async fn a_group_has_members_and_tells_who_put_them_there() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    berth.newcomer("ann").await;
    admin.post_json("/api/v1/robots", json!({ "name": "ci" })).await.status(201);
    let made = admin
        .post_json("/api/v1/groups", json!({ "name": "who builds", "description": "the app" }))
        .await
        .status(201)
        .json();
    assert_eq!((&made["member_count"], &made["description"]), (&json!(0), &json!("the app")));
    for member in ["ann", "ci", "ann"] {
        admin
            .put_json(&format!("/api/v1/groups/who%20builds/members/{member}"), json!({}))
            .await
            .status(204);
    }
    let whole = admin.get("/api/v1/groups/who%20builds").await.ok().json();
    assert_eq!(
        whole["members"],
        json!([{ "name": "ann", "source": "local" }, { "name": "ci", "source": "local" }])
    );
    assert_eq!(whole["group"]["member_count"], 2);
    assert_eq!(admin.get("/api/v1/users/ann").await.ok().json()["groups"], json!(["who builds"]));
    admin
        .put_json("/api/v1/groups/who%20builds/members/nobody", json!({}))
        .await
        .fails(404, "NOT_FOUND");
    admin.put_json("/api/v1/groups/none/members/ann", json!({})).await.fails(404, "NOT_FOUND");
    admin.delete("/api/v1/users/ann").await.status(204);
    let whole = admin.get("/api/v1/groups/who%20builds").await.ok().json();
    assert_eq!(whole["members"], json!([{ "name": "ci", "source": "local" }]));
    // Names with a slash are for what providers claim.
    for name in ["", " a", "a/b", "a\nb"] {
        admin.post_json("/api/v1/groups", json!({ "name": name })).await.fails(400, "INVALID");
    }
}

#[tokio::test]
async fn administration_is_for_administrators() {
    let berth = TestApp::start().await;
    berth.admin().await;
    let ann = berth.writer("ann").await;
    for (method, path, body) in [
        ("GET", "users", Value::Null),
        ("POST", "users", json!({ "name": "x" })),
        ("GET", "users/admin", Value::Null),
        ("GET", "users/nobody", Value::Null),
        ("PATCH", "users/ann", json!({ "role": "administrator" })),
        ("DELETE", "users/admin", Value::Null),
        ("GET", "robots", Value::Null),
        ("POST", "robots", json!({ "name": "x" })),
        ("GET", "groups", Value::Null),
        ("POST", "groups", json!({ "name": "x" })),
        ("PUT", "groups/x/members/ann", json!({})),
        ("PUT", "roles/x", json!({ "actions": ["pull"] })),
        ("DELETE", "roles/x", Value::Null),
        ("GET", "bindings", Value::Null),
        (
            "POST",
            "bindings",
            json!({ "subject": "user:ann", "role": "administrator", "pattern": "**" }),
        ),
        ("GET", "events", Value::Null),
        ("POST", "events/verify", json!({})),
        ("GET", "keys", Value::Null),
        ("POST", "keys", Value::Null),
    ] {
        let path = format!("/api/v1/{path}");
        let method: reqwest::Method = method.parse().unwrap();
        ann.send_json(method.clone(), &path, body.clone()).await.fails(403, "DENIED");
        berth.anonymous().send_json(method, &path, body).await.fails(401, "UNAUTHORIZED");
    }
    ann.get("/api/v1/roles").await.ok();
    // A registry token of an administrator needs the scope for it.
    let admin = berth.admin().await;
    admin.log_in(&[]).await.get("/api/v1/users").await.fails(401, "UNAUTHORIZED");
    admin.log_in(&["registry:admin:*"]).await.get("/api/v1/users").await.ok();
    ann.log_in(&["registry:admin:*"]).await.get("/api/v1/users").await.fails(403, "DENIED");
}
