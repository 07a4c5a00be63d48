//! What people look at: manifests, layers, timelines, figures.

use serde_json::json;

use super::description::archive;
use crate::support::{Image, Role, TestApp, eventually};

#[tokio::test]
async fn a_manifest_is_shown_with_its_configuration_and_what_is_known_of_it() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    admin.push("team/app", "v1", &image).await;
    admin.push("team/app", "v2", &image).await;
    let signature = Image::new(
        Vec::new(),
        json!({ "subject": image.descriptor(), "annotations": { "by": "ann" } }),
    );
    admin.push("team/app", &signature.digest().to_string(), &signature).await;

    let path = "/api/v1/repositories/team%2Fapp/manifests/v1";
    let shown = admin.get(path).await.ok().json();
    assert_eq!(shown["digest"], image.digest().as_str());
    assert_eq!(shown["body"].as_str().unwrap().as_bytes(), image.manifest());
    assert_eq!(shown["config"], "{}");
    assert_eq!(shown["tags"], json!(["v1", "v2"]));
    assert_eq!(shown["pushed_by"], "admin");
    assert_eq!(shown["referrers"], 1);
    let referrers = admin.get(&format!("{path}/referrers")).await.ok().json();
    assert_eq!(referrers["referrers"][0]["digest"], signature.digest().as_str());
    assert_eq!(referrers["referrers"][0]["annotations"], json!([{ "name": "by", "value": "ann" }]));
    admin
        .get("/api/v1/repositories/team%2Fapp/manifests/none")
        .await
        .fails(404, "MANIFEST_UNKNOWN");
    berth.anonymous().get(path).await.fails(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn files_of_a_layer_are_listed_and_read_where_it_is_an_archive() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let layer = archive("etc/motd", "hello");
    let image = Image::new(vec![layer.clone()], json!({}));
    admin.push("team/app", "v1", &image).await;
    let of = |digest: &str| format!("/api/v1/repositories/team%2Fapp/layers/{digest}");

    let files = admin.get(&format!("{}/files", of(layer.digest.as_str()))).await.ok().json();
    assert_eq!(files["files"][0]["path"], "etc/motd");
    assert_eq!(files["files"][0]["size_bytes"], 5);
    let text = |path: &str| format!("{}/text?path={path}", of(layer.digest.as_str()));
    assert_eq!(admin.get(&text("etc/motd")).await.ok().json()["text"], "hello");
    admin.get(&text("etc/passwd")).await.fails(404, "NOT_FOUND");

    let config = image.blobs()[0].digest.to_string();
    assert_eq!(admin.get(&format!("{}/text", of(&config))).await.ok().json()["text"], "{}");
    admin.get(&format!("{}/files", of(&config))).await.fails(422, "UNSUPPORTED");
    // A blob of another repository is none here (I4).
    admin.push("team/other", "v1", &Image::of(["other"])).await;
    let path = format!("/api/v1/repositories/team%2Fother/layers/{}/files", layer.digest);
    admin.get(&path).await.fails(404, "BLOB_UNKNOWN");
}

#[tokio::test]
async fn a_tag_is_rolled_back_and_brought_back_by_pointing_it() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let (old, new) = (Image::of(["old"]), Image::of(["new"]));
    admin.push("team/app", "v1", &old).await;
    admin.push("team/app", "v1", &new).await;
    let tag = "/api/v1/repositories/team%2Fapp/tags/v1";

    let back = admin.put_json(tag, json!({ "digest": old.digest() })).await.ok().json();
    assert_eq!(back["digest"], old.digest().as_str());
    admin.delete(tag).await.status(202);
    admin.put_json(tag, json!({ "digest": new.digest() })).await.ok();
    let timeline = "/api/v1/repositories/team%2Fapp/timeline";
    let steps = admin.get(timeline).await.ok().json();
    let actions: Vec<_> =
        steps["events"].as_array().unwrap().iter().map(|step| &step["action"]).collect();
    assert_eq!(actions, ["push", "delete", "push", "push", "push"]);
    let first = admin.get(&format!("{timeline}?n=2")).await.ok().json();
    let rest = admin.get(&format!("{timeline}?before={}", first["next"])).await.ok().json();
    assert_eq!(rest["events"].as_array().unwrap().len(), 3);

    let unknown = json!({ "digest": Image::of(["never pushed"]).digest() });
    admin.put_json(tag, unknown).await.fails(404, "MANIFEST_UNKNOWN");
    let reader = berth.user("ann", Role::Reader).await;
    reader.put_json(tag, json!({ "digest": old.digest() })).await.fails(403, "DENIED");
}

#[tokio::test]
async fn a_repository_is_described_by_whoever_manages_it() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    admin.push("team/app", "v1", &Image::of(["hello"])).await;
    let path = "/api/v1/repositories/team%2Fapp";
    admin.patch_json(path, json!({ "description": "# App" })).await.ok();
    let shown = admin.get(path).await.ok().json();
    assert_eq!(shown["description"], "# App");
    assert_eq!(shown["is_public"], false, "what is not named stays");
    let long = json!({ "description": "x".repeat(70_000) });
    admin.patch_json(path, long).await.fails(400, "INVALID");
    let writer = berth.user("ann", Role::Writer).await;
    writer.patch_json(path, json!({ "description": "" })).await.fails(403, "DENIED");
    let events = admin.get("/api/v1/events?kind=repository.change").await.ok().json();
    assert_eq!(events["events"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn pulls_and_pushes_are_counted_by_day() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    admin.push("team/app", "v1", &Image::of(["hello"])).await;
    for _ in 0..3 {
        admin.get("/v2/team/app/manifests/v1").await.ok();
    }
    admin.head("/v2/team/app/manifests/v1").await.ok();
    berth.app.meta.flush_pulls();
    berth.app.meta.note_growth().await.unwrap();

    let path = "/api/v1/repositories/team%2Fapp/statistics";
    let of_one = admin.get(path).await.ok().json();
    assert_eq!(of_one["traffic"][0]["pulls"], 3, "a question whether it is there is no pull");
    assert_eq!(of_one["traffic"][0]["pushes"], 1);
    let all = admin.get("/api/v1/statistics").await.ok().json();
    assert_eq!(all["traffic"], of_one["traffic"]);
    assert_eq!(all["growth"][0]["repositories"], 1);
    assert_eq!(all["growth"][0]["tags"], 1);
    let shown = admin.get("/api/v1/repositories/team%2Fapp").await.ok().json();
    assert!(shown["pulled_at"].is_string() && shown["pushed_at"].is_string(), "{shown}");

    berth.clock.advance(std::time::Duration::from_hours(24));
    admin.get("/v2/team/app/manifests/v1").await.ok();
    berth.app.meta.flush_pulls();
    let days = eventually("the second day", async || {
        let days = admin.get(path).await.ok().json()["traffic"].as_array().unwrap().clone();
        (days.len() == 2).then_some(days)
    });
    assert_eq!(days.await[1]["pulls"], 1);
    let today = admin.get(&format!("{path}?days=1")).await.ok().json();
    assert_eq!(today["traffic"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_asks_for_attention_is_told_to_administrators() {
    let berth = TestApp::start_with(|config| {
        let most = berth::config::ByteSize::bytes(u64::MAX >> 1);
        config.storage.reserve = berth::config::Reserve::Bytes(most);
    })
    .await;
    let admin = berth.admin().await;
    let warnings = admin.get("/api/v1/system/warnings").await.ok().json();
    assert_eq!(warnings["warnings"][0]["kind"], "disk");
    assert_eq!(warnings["warnings"][0]["severity"], "error");
    let reader = berth.user("ann", Role::Reader).await;
    for path in ["system", "system/warnings", "system/configuration", "statistics"] {
        reader.get(&format!("/api/v1/{path}")).await.fails(403, "DENIED");
    }
}
