//! `replicate-registry`: to another Berth, and to docker-registry.

use serde_json::{Value, json};

use super::{even, grant, replicating};
use crate::replication::rests;
use crate::support::{Blob, Client, DockerRegistry, Image, PASSWORD, TestApp, eventually};

fn wish(url: &str, (name, password): (&str, &str), more: Value) -> Value {
    let mut settings = json!({ "registry": url, "username": name });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({
        "settings": settings,
        "secrets": { "password": password },
        "granted": [grant(url), "secret password", "key-value 1MiB"],
    })
}

/// A signature of an image, without a tag.
async fn sign(client: &Client, repository: &str, image: &Image) -> Image {
    let more = json!({ "artifactType": "application/x.sig", "subject": image.descriptor() });
    let signature = Image::new(vec![Blob::new("signature")], more);
    for blob in signature.blobs() {
        client.push_blob(repository, blob).await;
    }
    let digest = signature.digest();
    client
        .put_manifest(repository, digest.as_str(), signature.media_type(), signature.manifest())
        .await
        .status(201);
    signature
}

#[tokio::test]
async fn another_registry_gets_names_that_it_likes() {
    let there = TestApp::start().await;
    let other = there.admin().await;
    let naming = json!({
        "names": ["team/*=acme/{flat}", "*=everything"], "tag": "{name}-{tag}",
    });
    let wish = wish(&there.url(), ("admin", PASSWORD), naming);
    let (berth, admin) =
        replicating("replicate-registry", wish, json!({ "deletions": true })).await;
    let layer = Blob::random(3 << 20, 5);
    let image = Image::new(vec![layer.clone()], json!({}));
    let digest = admin.push("team/app", "v1", &image).await;
    let signature = sign(&admin, "team/app", &image).await;
    let second = admin.push("solo", "v2", &Image::of(["solo"])).await;
    even((&berth, &admin), "team/app", "v1", Some(digest.as_str())).await;
    let own = signature.digest();
    rests(&berth, &admin).await;
    even((&berth, &admin), "solo", "v2", Some(second.as_str())).await;

    let copied = other.get("/v2/acme/team-app/manifests/app-v1").await.ok();
    assert_eq!(copied.bytes, image.manifest());
    let path = format!("/v2/acme/team-app/blobs/{}", layer.digest);
    assert_eq!(other.get(&path).await.ok().bytes, layer.bytes);
    let listed = other.get(&format!("/v2/acme/team-app/referrers/{digest}")).await.ok().json();
    assert_eq!(listed["manifests"][0]["digest"], json!(own), "{listed}");
    let tags = other.get("/v2/acme/team-app/tags/list").await.ok().json();
    assert_eq!(tags["tags"], json!(["app-v1"]), "a registry that knows referrers needs no tag");
    other.get("/v2/everything/manifests/solo-v2").await.ok();

    admin.delete("/v2/team/app/manifests/v1").await.status(202);
    even((&berth, &admin), "team/app", "v1", None).await;
    other.get("/v2/acme/team-app/manifests/app-v1").await.status(404);

    // Once a token is not good any more, another one is fetched.
    let third = admin.push("solo", "v3", &Image::of(["another"])).await;
    berth.turn_clock(std::time::Duration::from_hours(1));
    even((&berth, &admin), "solo", "v3", Some(third.as_str())).await;
}

#[tokio::test]
async fn a_registry_that_knows_no_referrers_gets_a_list_of_them() {
    let Some(there) = DockerRegistry::start() else { return };
    let other = there.client();
    let wish =
        wish(&there.url(), DockerRegistry::USER, json!({ "names": ["*=copy/{repository}"] }));
    let (berth, admin) =
        replicating("replicate-registry", wish, json!({ "deletions": true })).await;
    let layer = Blob::random(3 << 20, 6);
    let image = Image::new(vec![layer.clone()], json!({}));
    let digest = admin.push("team/app", "v1", &image).await;
    let signature = sign(&admin, "team/app", &image).await;
    even((&berth, &admin), "team/app", "v1", Some(digest.as_str())).await;
    let own = signature.digest();
    rests(&berth, &admin).await;
    let path = format!("/v2/copy/team/app/blobs/{}", layer.digest);
    assert_eq!(other.get(&path).await.ok().bytes, layer.bytes);
    let tag = format!("sha256-{}", digest.hex());
    let list = || async {
        let request = other
            .request(reqwest::Method::GET, &format!("/v2/copy/team/app/manifests/{tag}"))
            .header("accept", berth::oci::MediaType::OCI_INDEX);
        other.send(request).await.ok().json()
    };
    let listed = list().await;
    let entry = &listed["manifests"][0];
    assert_eq!(
        (&entry["digest"], &entry["artifactType"]),
        (&json!(own), &json!("application/x.sig"))
    );

    // It does not delete tags, and the reason says so.
    admin.delete("/v2/team/app/manifests/v1").await.status(202);
    let reason = eventually("a failure", async || {
        berth.turn_clock(std::time::Duration::from_secs(1));
        let states = admin.get("/api/v1/replication/states?reference=v1").await.ok().json();
        let state = &states["states"][0];
        (state["state"] == "failing").then(|| state["reason"].as_str().unwrap().to_owned())
    })
    .await;
    assert!(reason.contains("does not delete"), "{reason}");
}

/// Bytes that have come to a Berth since its start.
async fn received(client: &Client) -> u64 {
    let metrics = client.get("/metrics").await.ok().text();
    let line =
        metrics.lines().find_map(|line| line.strip_prefix("berth_http_received_bytes_total "));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_blob_that_another_repository_has_there_is_not_sent_again() {
    let there = TestApp::start().await;
    let other = there.admin().await;
    let wish = wish(&there.url(), ("admin", PASSWORD), json!({ "names": ["*=copy/{flat}"] }));
    let (berth, admin) = replicating("replicate-registry", wish, json!({})).await;
    let layer = Blob::random(3 << 20, 7);
    let size = layer.bytes.len() as u64;
    let image = Image::new(vec![layer.clone()], json!({}));
    let digest = admin.push("team/app", "v1", &image).await;
    let before = received(&other).await;
    even((&berth, &admin), "team/app", "v1", Some(digest.as_str())).await;
    let first = received(&other).await;
    assert!(first - before > size, "{before} {first}");
    let next = Image::new(vec![layer.clone(), Blob::new("own")], json!({}));
    let digest = admin.push("team/other", "v1", &next).await;
    even((&berth, &admin), "team/other", "v1", Some(digest.as_str())).await;
    let second = received(&other).await;
    assert!(second - first < size / 2, "{first} {second}");
    let path = format!("/v2/copy/team-other/blobs/{}", layer.digest);
    assert_eq!(other.get(&path).await.ok().bytes, layer.bytes);

    // What is remembered may not be so any more.
    for name in ["team-app", "team-other"] {
        other.delete(&format!("/api/v1/repositories/copy%2F{name}")).await.status(202);
    }
    let digest = admin.push("third", "v1", &image).await;
    even((&berth, &admin), "third", "v1", Some(digest.as_str())).await;
    let path = format!("/v2/copy/third/blobs/{}", layer.digest);
    assert_eq!(other.get(&path).await.ok().bytes, layer.bytes);
}

#[tokio::test]
async fn what_a_registry_refuses_is_told() {
    let Some(there) = DockerRegistry::start() else { return };
    let (name, _) = DockerRegistry::USER;
    let wish = wish(&there.url(), (name, "wrong"), json!({}));
    let (berth, admin) = replicating("replicate-registry", wish, json!({})).await;
    admin.push("team/app", "v1", &Image::of(["hello"])).await;
    let reason = eventually("a failure", async || {
        berth.turn_clock(std::time::Duration::from_secs(1));
        let states = admin.get("/api/v1/replication/states").await.ok().json();
        states["states"][0]["reason"].as_str().map(str::to_owned)
    })
    .await;
    assert!(reason.contains("401") && reason.contains("`password`"), "{reason}");
    for (settings, expected) in [
        (json!({ "registry": "registry.example" }), "write it as `https://HOST`"),
        (json!({ "registry": there.url(), "names": ["a"] }), "PATTERN=NAME"),
        (json!({ "registry": there.url(), "tag": "latest" }), "the same name"),
    ] {
        let wish = json!({ "settings": settings });
        let refused = admin.patch_json("/api/v1/plugins/replicate-registry", wish).await;
        let refused = refused.fails(400, "INVALID").text();
        assert!(refused.contains(expected), "{refused}");
    }
}
