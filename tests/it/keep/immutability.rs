//! Tags that stay where they are.

use serde_json::json;

use super::locks::manifest;
use crate::support::{Image, TestApp};

#[tokio::test]
async fn an_immutable_tag_takes_its_own_digest_alone_and_is_not_deleted() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let (old, new) = (Image::of(["old"]), Image::of(["new"]));
    let digest = admin.push("team/app", "v1", &old).await;
    admin.push("team/app", "v1-dev", &old).await;
    admin.push("team/scratch", "v1", &old).await;
    admin.push("team/app", "next", &new).await;
    admin.push("team/scratch", "next", &new).await;
    let wish = json!({
        "repositories": ["team/**"], "except_repositories": ["team/scratch"], "tags": ["v*"],
        "except_tags": ["*-dev"], "why": "releases are final",
    });
    let rule = admin.post_json("/api/v1/immutability", wish).await.status(201).json();
    let move_to_new = async |repository: &str, tag: &str| {
        admin.put_manifest(repository, tag, new.media_type(), new.manifest()).await
    };
    let refused = move_to_new("team/app", "v1").await.fails(403, "DENIED");
    for part in [
        "the tag v1 of team/app is immutable",
        digest.as_str(),
        "rule 1 of admin",
        "releases are final",
    ] {
        assert!(refused.text().contains(part), "{}", refused.text());
    }
    // Several tags in one request: all of them or none.
    let path = format!("{}?tag=v1&tag=v3", new.digest());
    move_to_new("team/app", &path).await.fails(403, "DENIED");
    admin.get(&manifest("v3")).await.status(404);
    for path in [manifest("v1"), manifest(&digest), "/api/v1/repositories/team%2Fapp".into()] {
        admin.delete(&path).await.fails(403, "DENIED");
    }
    admin.put_manifest("team/app", "v1", old.media_type(), old.manifest()).await.status(201);
    move_to_new("team/app", "v1-dev").await.status(201);
    move_to_new("team/app", "v2").await.status(201);
    move_to_new("team/scratch", "v1").await.status(201);
    admin.delete(&format!("/api/v1/immutability/{}", rule["id"])).await.status(204);
    move_to_new("team/app", "v1").await.status(201);
    let events = admin.get("/api/v1/events?kind=immutability.change").await.ok().json();
    assert_eq!(events["events"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn tags_of_signatures_grow_although_every_tag_is_immutable() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let wish = json!({ "repositories": ["**"] });
    admin.post_json("/api/v1/immutability", wish).await.status(201);
    let signed = "a".repeat(64);
    for tag in ["sha256-X", "sha256-X.sig", "sha256-X.att", "sha256-X.sbom"] {
        let tag = tag.replace('X', &signed);
        for text in ["one", "two"] {
            admin.push("team/app", &tag, &Image::of([text])).await;
        }
        admin.delete(&manifest(&tag)).await.status(202);
    }
    admin.push("team/app", "sha256-short", &Image::of(["one"])).await;
    let other = Image::of(["two"]);
    admin
        .put_manifest("team/app", "sha256-short", other.media_type(), other.manifest())
        .await
        .fails(403, "DENIED");
}

#[tokio::test]
async fn rules_are_for_those_who_manage_all_that_they_are_about() {
    let berth = TestApp::start().await;
    let (admin, ann) = (berth.admin().await, berth.newcomer("ann").await);
    let rule =
        json!({ "subject": "user:ann", "actions": ["pull", "manage"], "pattern": "team/**" });
    admin.post_json("/api/v1/bindings", rule).await.status(201);
    let add = async |repositories: &[&str]| {
        ann.post_json("/api/v1/immutability", json!({ "repositories": repositories })).await
    };
    add(&["**"]).await.fails(403, "DENIED");
    add(&["team/**", "other/app"]).await.fails(403, "DENIED");
    add(&[]).await.fails(403, "DENIED");
    add(&["team/app", "team/b/**"]).await.status(201);
    admin.post_json("/api/v1/immutability", json!({ "repositories": ["**"] })).await.status(201);
    let mine = ann.get("/api/v1/immutability").await.ok().json();
    assert_eq!(mine["rules"].as_array().unwrap().len(), 1);
    ann.delete("/api/v1/immutability/2").await.fails(404, "NOT_FOUND");
    for wish in [
        json!({ "repositories": ["Team/*"] }),
        json!({ "repositories": ["a"], "tags": ["**"] }),
        json!({ "repositories": ["a"], "tags": [] }),
        json!({ "repositories": ["a"], "until": "now" }),
    ] {
        admin.post_json("/api/v1/immutability", wish).await.fails(400, "INVALID");
    }
}
