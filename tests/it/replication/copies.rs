//! What is copied, and how.

use berth::oci::MediaType;
use serde_json::json;

use super::{Pair, add_rule, reaches, rests, states, target};
use crate::support::{Blob, Client, Image, TestApp};

/// An index over images for these platforms, written in its own way; and the images.
async fn push_index(client: &Client, tag: &str, architectures: &[&str]) -> (String, Vec<Image>) {
    let (mut entries, mut images) = (Vec::new(), Vec::new());
    for architecture in architectures {
        let image = Image::new(vec![Blob::new(format!("for {architecture}"))], json!({}));
        for blob in image.blobs() {
            client.push_blob("team/app", blob).await;
        }
        let digest = image.digest();
        client
            .put_manifest("team/app", digest.as_str(), image.media_type(), image.manifest())
            .await
            .status(201);
        let mut entry = image.descriptor();
        entry["platform"] = json!({ "os": "linux", "architecture": architecture });
        entries.push(entry);
        images.push(image);
    }
    let index =
        json!({ "schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": entries });
    let index = format!(" {}\n", serde_json::to_string_pretty(&index).unwrap());
    client.put_manifest("team/app", tag, MediaType::OCI_INDEX, index.clone()).await.status(201);
    (index, images)
}

/// A manifest that refers to another one, without a tag.
async fn push_referrer(client: &Client, subject: &Image, text: &str) -> Image {
    let more = json!({ "artifactType": "application/x.sig", "subject": subject.descriptor() });
    let image = Image::new(vec![Blob::new(text)], more);
    for blob in image.blobs() {
        client.push_blob("team/app", blob).await;
    }
    let digest = image.digest();
    client
        .put_manifest("team/app", digest.as_str(), image.media_type(), image.manifest())
        .await
        .status(201);
    image
}

async fn referrers(client: &Client, repository: &str, subject: &Image) -> Vec<String> {
    let path = format!("/v2/{repository}/referrers/{}", subject.digest());
    let listed = client.get(&path).await.ok().json();
    let listed = listed["manifests"].as_array().unwrap().iter();
    listed.map(|one| one["digest"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_push_is_followed_and_nothing_of_it_is_changed() {
    let pair = Pair::start(json!({})).await;
    let (index, images) = push_index(&pair.admin, "v1", &["amd64", "arm64"]).await;
    let state = reaches(&pair.admin, "team/app", "v1", "even").await;
    let copied = pair.other.get("/v2/team/app/manifests/v1").await.ok();
    assert_eq!(copied.bytes, index.as_bytes());
    assert_eq!(copied.header("content-type"), MediaType::OCI_INDEX);
    assert_eq!(state["there"], copied.header("docker-content-digest"));
    assert_eq!((&state["lag_seconds"], &state["failures"]), (&json!(0), &json!(0)));
    for image in images {
        for blob in image.blobs() {
            let path = format!("/v2/team/app/blobs/{}", blob.digest);
            assert_eq!(pair.other.get(&path).await.ok().bytes, blob.bytes);
        }
    }
    // What moves is followed, too.
    let moved = pair.admin.push("team/app", "v1", &Image::of(["another"])).await;
    rests(&pair.here, &pair.admin).await;
    let copied = pair.other.head("/v2/team/app/manifests/v1").await.ok();
    assert_eq!(copied.header("docker-content-digest"), moved.as_str());
    let metrics = pair.admin.get("/metrics").await.ok().text();
    for line in
        ["berth_replication_behind{target=\"there\"} 0", "berth_replication_failures_total 0"]
    {
        assert!(metrics.contains(line), "no `{line}` in {metrics}");
    }
}

#[tokio::test]
async fn what_refers_to_an_image_goes_along_whenever_it_comes() {
    let pair = Pair::start(json!({ "tags": ["v*"] })).await;
    let image = Image::of(["hello"]);
    for blob in image.blobs() {
        pair.admin.push_blob("team/app", blob).await;
    }
    pair.admin
        .put_manifest("team/app", image.digest().as_str(), image.media_type(), image.manifest())
        .await
        .status(201);
    let before = push_referrer(&pair.admin, &image, "before").await;
    pair.admin.push("team/app", "v1", &image).await;
    reaches(&pair.admin, "team/app", "v1", "even").await;
    let after = push_referrer(&pair.admin, &image, "after").await;
    let cosign = format!("sha256-{}.sig", image.digest().hex());
    pair.admin.push("team/app", &cosign, &Image::of(["cosign 2"])).await;
    rests(&pair.here, &pair.admin).await;
    let mut found = referrers(&pair.other, "team/app", &image).await;
    let mut wanted = [before.digest().to_string(), after.digest().to_string()];
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
    pair.other.get(&format!("/v2/team/app/manifests/{cosign}")).await.ok();
    // What refers to something that does not go there does not go there either.
    let other = Image::of(["not wanted"]);
    pair.admin.push("team/app", "latest", &other).await;
    let signature = push_referrer(&pair.admin, &other, "signature").await;
    rests(&pair.here, &pair.admin).await;
    let path = format!("/v2/team/app/manifests/{}", signature.digest());
    pair.other.get(&path).await.status(404);
}

#[tokio::test]
async fn rules_say_what_goes() {
    let rule = json!({
        "repositories": ["team/*"], "versions": ">=1.2, <2", "labels": ["edge=yes"],
    });
    let pair = Pair::start(rule).await;
    let labelled = |text: &str, value: &str| {
        let more = json!({ "annotations": { "edge": value } });
        Image::new(vec![Blob::new(text)], more)
    };
    for (repository, tag, image) in [
        ("team/app", "v1.2.0", labelled("a", "yes")),
        ("team/app", "v1.3", labelled("b", "yes")),
        ("team/app", "v2.0.0", labelled("c", "yes")),
        ("team/app", "latest", labelled("d", "yes")),
        ("team/app", "v1.4.0", labelled("e", "no")),
        ("team/app", "v1.5.0", Image::of(["f"])),
        ("other/app", "v1.2.0", labelled("g", "yes")),
    ] {
        pair.admin.push(repository, tag, &image).await;
    }
    rests(&pair.here, &pair.admin).await;
    let tags = pair.other.get("/v2/team/app/tags/list").await.ok().json();
    assert_eq!(tags["tags"], json!(["v1.2.0", "v1.3"]));
    pair.other.get("/v2/other/app/tags/list").await.status(404);
    let known: Vec<_> =
        states(&pair.admin, "").await.iter().map(|one| one["reference"].clone()).collect();
    assert_eq!(known, ["v1.2.0", "v1.3"]);
}

#[tokio::test]
async fn an_index_stays_as_it_is_when_only_some_platforms_go() {
    let pair = Pair::start(json!({ "platforms": ["linux/arm64"] })).await;
    let (index, images) = push_index(&pair.admin, "v1", &["amd64", "arm64"]).await;
    reaches(&pair.admin, "team/app", "v1", "even").await;
    assert_eq!(pair.other.get("/v2/team/app/manifests/v1").await.ok().bytes, index.as_bytes());
    let path = |image: &Image| format!("/v2/team/app/manifests/{}", image.digest());
    pair.other.get(&path(&images[0])).await.status(404);
    pair.other.get(&path(&images[1])).await.ok();
    // A target that takes no such index is not given another one.
    let strict = TestApp::start_with(|config| config.registry.require_children = true).await;
    strict.admin().await;
    target(&pair.admin, "strict", &strict.url(), json!({})).await;
    add_rule(&pair.admin, "strict", "strict", json!({ "platforms": ["linux/arm64"] })).await;
    pair.admin
        .post_json(
            "/api/v1/replication/run",
            json!({ "target": "strict", "repository": "team/app" }),
        )
        .await
        .status(202);
    let failed = reaches(&pair.admin, "team/app", "v1", "failing").await;
    let reason = failed["reason"].as_str().unwrap();
    assert!(reason.contains("never changes an index"), "{reason}");
    strict.admin().await.get("/v2/team/app/manifests/v1").await.status(404);
}

#[tokio::test]
async fn what_is_deleted_here_is_deleted_there_if_the_rule_says_so() {
    let pair = Pair::start(json!({ "tags": ["v*"], "deletions": true })).await;
    let keeper = TestApp::start().await;
    keeper.admin().await;
    target(&pair.admin, "keeper", &keeper.url(), json!({})).await;
    add_rule(&pair.admin, "keeper", "keeper", json!({})).await;
    for tag in ["v1", "v2", "v3"] {
        pair.admin.push("team/app", tag, &Image::of(["layer", tag])).await;
    }
    pair.admin.push("team/gone", "v1", &Image::of(["gone"])).await;
    rests(&pair.here, &pair.admin).await;
    // Somebody else has moved this one there.
    let theirs = pair.other.push("team/app", "v2", &Image::of(["theirs"])).await;
    for tag in ["v1", "v2"] {
        pair.admin.delete(&format!("/v2/team/app/manifests/{tag}")).await.status(202);
    }
    pair.admin.delete("/api/v1/repositories/team%2Fgone").await.status(202);
    rests(&pair.here, &pair.admin).await;
    let tags = pair.other.get("/v2/team/app/tags/list").await.ok().json();
    assert_eq!(tags["tags"], json!(["v2", "v3"]));
    let kept = pair.other.head("/v2/team/app/manifests/v2").await.ok();
    assert_eq!(kept.header("docker-content-digest"), theirs.as_str());
    pair.other.get("/v2/team/gone/manifests/v1").await.status(404);
    let tags = keeper.admin().await.get("/v2/team/app/tags/list").await.ok().json();
    assert_eq!(tags["tags"], json!(["v1", "v2", "v3"]));
}

#[tokio::test]
async fn repositories_get_other_names_and_share_blobs_there() {
    let (here, there) = (TestApp::start().await, TestApp::start().await);
    here.app.start_worker();
    let (admin, other) = (here.admin().await, there.admin().await);
    target(&admin, "there", &there.url(), json!({ "naming": "mirror/{repository}" })).await;
    add_rule(&admin, "all", "there", json!({})).await;
    let layer = Blob::random(1 << 20, 1);
    for name in ["team/one", "team/two"] {
        let more = json!({ "annotations": { "name": name } });
        admin.push(name, "v1", &Image::new(vec![layer.clone()], more)).await;
        reaches(&admin, name, "v1", "even").await;
        other.get(&format!("/v2/mirror/{name}/manifests/v1")).await.ok();
    }
    // The layer has gone there once; the second time it is mounted.
    let mounted = other.get("/api/v1/events?repository=mirror/team/two&kind=blob.push").await.ok();
    let events = mounted.json()["events"].as_array().unwrap().clone();
    let of_layer = events.iter().find(|one| one["target"] == layer.digest.as_str()).unwrap();
    let detail = of_layer["detail"].to_string();
    assert!(detail.contains("mirror/team/one"), "{of_layer}");
    let sent = states(&admin, "repository=team/two").await;
    assert!(sent[0]["sent_bytes"].as_u64().unwrap() < 1 << 20, "{sent:?}");
}

#[tokio::test]
async fn what_was_there_before_the_rule_goes_when_somebody_asks() {
    let pair = Pair::start(json!({ "repositories": ["team/*"], "on_push": false })).await;
    for tag in ["v1", "v2"] {
        pair.admin.push("team/app", tag, &Image::of(["layer", tag])).await;
    }
    let asked = pair.admin.push("other/app", "v1", &Image::of(["asked"])).await;
    rests(&pair.here, &pair.admin).await;
    assert_eq!(states(&pair.admin, "").await.len(), 0);
    pair.admin.post_json("/api/v1/replication/run", json!({})).await.status(202);
    for tag in ["v1", "v2"] {
        reaches(&pair.admin, "team/app", tag, "even").await;
    }
    // What is named goes wherever it is told to, and nowhere without that.
    let run = |more: serde_json::Value| pair.admin.post_json("/api/v1/replication/run", more);
    run(json!({ "repository": "other/app", "reference": "v1" })).await.fails(400, "INVALID");
    run(json!({ "repository": "other/app", "reference": "none", "target": "there" }))
        .await
        .fails(404, "NOT_FOUND");
    run(json!({ "repository": "other/app", "reference": asked, "target": "there" }))
        .await
        .status(202);
    reaches(&pair.admin, "other/app", asked.as_str(), "even").await;
    pair.other.get(&format!("/v2/other/app/manifests/{asked}")).await.ok();
}

#[tokio::test]
async fn a_schedule_sends_what_is_not_there_as_it_is_here() {
    let pair = Pair::start(json!({ "on_push": false, "schedule": "0 3 * * *" })).await;
    pair.admin.push("team/app", "v1", &Image::of(["hello"])).await;
    rests(&pair.here, &pair.admin).await;
    assert_eq!(states(&pair.admin, "").await.len(), 0);
    // The clock stands at 14:13.
    pair.here.turn_clock(std::time::Duration::from_hours(13));
    let first = reaches(&pair.admin, "team/app", "v1", "even").await;
    rests(&pair.here, &pair.admin).await;
    // The next day there is nothing to do.
    pair.here.turn_clock(std::time::Duration::from_hours(24));
    crate::support::eventually("the second look", async || {
        let jobs = pair.admin.get("/api/v1/jobs?kind=replicate-all&state=done").await.ok().json();
        (jobs["jobs"].as_array()?.len() == 2).then_some(())
    })
    .await;
    assert_eq!(states(&pair.admin, "").await, [first]);
}
