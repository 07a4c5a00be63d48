//! What is held back: nobody pulls it, until a scan or a person lets it go.

use serde_json::json;

use super::{advisory, debian, events, image_of, import, install, scanned, scans, start};
use crate::plugins::Host;
use crate::support::{Client, Image, eventually};

async fn hold(admin: &Client, repositories: &[&str], severity: Option<&str>, scanners: &[&str]) {
    let wish = json!({ "repositories": repositories, "severity": severity, "scanners": scanners });
    admin.put_json("/api/v1/quarantine/rules/prod", wish).await.ok();
}

async fn pull(client: &Client, reference: &str) -> crate::support::Answer {
    client.get(&format!("/v2/prod/app/manifests/{reference}")).await
}

async fn held(admin: &Client) -> Vec<serde_json::Value> {
    let found = admin.get("/api/v1/quarantine").await.ok().json();
    found["images"].as_array().unwrap().clone()
}

async fn with_scanner() -> (Host, Client) {
    let host = start().await;
    install(&host.berth, "scan-packages", json!({})).await;
    let admin = host.berth.admin().await;
    (host, admin)
}

#[tokio::test]
async fn a_clean_image_is_served_once_it_is_scanned() {
    // Nobody scans yet.
    let host = start().await;
    let admin = host.berth.admin().await;
    hold(&admin, &["prod/**"], Some("high"), &[]).await;
    let digest = admin.push("prod/app", "v1", &debian()).await;
    let refused = pull(&admin, "v1").await.fails(403, "DENIED");
    assert!(refused.text().contains("not scanned yet"), "{}", refused.text());
    pull(&admin, digest.as_str()).await.fails(403, "DENIED");
    admin.head("/v2/prod/app/manifests/v1").await.status(403);
    assert_eq!(held(&admin).await[0]["tags"], json!(["v1"]));
    // Other repositories are as ever.
    admin.push("team/app", "v1", &debian()).await;
    admin.get("/v2/team/app/manifests/v1").await.ok();
    install(&host.berth, "scan-packages", json!({})).await;
    admin.post_json("/api/v1/repositories/prod%2Fapp/scans/v1", json!({})).await.status(202);
    scanned(&admin, "prod/app", "v1", 1).await;
    pull(&admin, "v1").await.ok();
    pull(&admin, digest.as_str()).await.ok();
    assert!(held(&admin).await.is_empty());
    assert_eq!(events(&admin, "quarantine.hold").await.len(), 1);
    assert_eq!(events(&admin, "quarantine.release").await[0]["actor"], "scanner");
    // It is known now: another tag of it waits for nothing.
    let manifest = debian();
    admin
        .put_manifest("prod/app", "v2", manifest.media_type(), manifest.manifest())
        .await
        .status(201);
    pull(&admin, "v2").await.ok();
}

#[tokio::test]
async fn a_bad_image_stays_held_until_a_person_lets_it_go() {
    let (host, admin) = with_scanner().await;
    let records = [advisory("CVE-2026-1", "Debian:12", "openssl", "3.0.15-1", "high")];
    import(&admin, "debian", &records).await;
    hold(&admin, &["prod/**"], Some("high"), &["user:trivy"]).await;
    let digest = admin.push("prod/app", "v1", &debian()).await;
    scanned(&admin, "prod/app", "v1", 1).await;
    let refused = pull(&admin, "v1").await.fails(403, "DENIED");
    assert!(refused.text().contains("a finding is high or worse"), "{}", refused.text());
    assert!(scans(&admin, "prod/app", "v1").await["held"].as_str().unwrap().contains("high"));
    // A scanner of somebody else's reads it, by digest.
    let trivy = host.berth.reader("trivy").await;
    pull(&trivy, digest.as_str()).await.ok();
    pull(&trivy, "v1").await.fails(403, "DENIED");
    // Who may let it go looks at it first; nobody else does.
    let shown = "/api/v1/repositories/prod%2Fapp/manifests/v1";
    let seen = admin.get(shown).await.ok().json();
    assert!(seen["held"].as_str().unwrap().contains("high") && seen["config"].is_string());
    pull(&admin, "v1").await.fails(403, "DENIED");
    trivy.get(shown).await.fails(403, "DENIED");
    let path = format!("/api/v1/repositories/prod%2Fapp/quarantine/{digest}");
    trivy.post_json(&path, json!({})).await.status(403);
    admin.post_json(&path, json!({ "reason": "SEC-12" })).await.status(204);
    pull(&admin, "v1").await.ok();
    admin.post_json(&path, json!({})).await.status(404);
    let released = &events(&admin, "quarantine.release").await[0];
    assert_eq!(
        (&released["actor"], &released["detail"]["reason"]),
        (&json!("admin"), &json!("SEC-12"))
    );
}

#[tokio::test]
async fn a_fixed_advisory_lets_go_what_it_held() {
    let (_host, admin) = with_scanner().await;
    let broken = advisory("CVE-2026-1", "Debian:12", "openssl", "3.0.15-1", "high");
    import(&admin, "debian", &[broken]).await;
    hold(&admin, &["prod/**"], Some("high"), &[]).await;
    admin.push("prod/app", "v1", &debian()).await;
    scanned(&admin, "prod/app", "v1", 1).await;
    pull(&admin, "v1").await.fails(403, "DENIED");
    // It was worse than it is.
    let milder = advisory("CVE-2026-1", "Debian:12", "openssl", "3.0.15-1", "low");
    import(&admin, "debian", &[milder]).await;
    eventually("release", async || (pull(&admin, "v1").await.code == 200).then_some(())).await;
}

#[tokio::test]
async fn an_index_waits_for_all_of_its_images() {
    let (_host, admin) = with_scanner().await;
    hold(&admin, &["prod/**"], None, &[]).await;
    let other = image_of(&[("a", b"b")], &json!({ "architecture": "arm64" }));
    let mut children = Vec::new();
    for image in [debian(), other, Image::of(["no archive"])] {
        for blob in image.blobs() {
            admin.push_blob("prod/app", blob).await;
        }
        let digest = image.digest();
        admin
            .put_manifest("prod/app", digest.as_str(), image.media_type(), image.manifest())
            .await
            .status(201);
        children.push(image.descriptor());
    }
    let index = |children: &[serde_json::Value]| {
        let kind = "application/vnd.oci.image.index.v1+json";
        (kind, json!({ "schemaVersion": 2, "mediaType": kind, "manifests": children }).to_string())
    };
    // The images by themselves are under no tag, and so not held.
    let (kind, body) = index(&children);
    admin.put_manifest("prod/app", "bad", kind, body).await.status(201);
    scanned(&admin, "prod/app", "bad", 3).await;
    let refused = pull(&admin, "bad").await.fails(403, "DENIED");
    assert!(refused.text().contains("failed"), "{}", refused.text());
    let child = children[2]["digest"].as_str().unwrap();
    pull(&admin, child).await.fails(403, "DENIED");
    let (kind, body) = index(&children[..2]);
    admin.put_manifest("prod/app", "good", kind, body).await.status(201);
    pull(&admin, "good").await.ok();
    // What a served index lists is served, whatever else lists it.
    pull(&admin, children[0]["digest"].as_str().unwrap()).await.ok();
    let tags = admin.get("/api/v1/repositories/prod%2Fapp/tags").await.ok().json();
    assert_eq!(tags["tags"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_was_served_before_the_rule_stays_served() {
    let host = start().await;
    let admin = host.berth.admin().await;
    admin.push("prod/app", "v1", &debian()).await;
    hold(&admin, &["prod/**"], None, &[]).await;
    let image = debian();
    admin.put_manifest("prod/app", "v2", image.media_type(), image.manifest()).await.status(201);
    pull(&admin, "v1").await.ok();
    pull(&admin, "v2").await.ok();
    admin.delete("/api/v1/quarantine/rules/prod").await.status(204);
    admin.push("prod/app", "v3", &Image::of(["another"])).await;
    pull(&admin, "v3").await.ok();
}
