//! Another registry as target: docker-registry, which knows no referrers and does not delete tags.

use serde_json::json;

use super::{add_rule, reaches, rests, states, target};
use crate::support::{Blob, DockerRegistry, Image, TestApp};

#[tokio::test]
async fn a_registry_of_another_make_gets_all_of_it() {
    let Some(there) = DockerRegistry::start() else { return };
    let here = TestApp::start().await;
    here.app.start_worker();
    let admin = here.admin().await;
    let other = there.client();
    let (username, password) = DockerRegistry::USER;
    let wish = json!({ "username": username, "password": password, "naming": "copy/{repository}" });
    target(&admin, "there", &there.url(), wish).await;
    admin.post_json("/api/v1/replication/targets/there/check", json!({})).await.ok();
    add_rule(&admin, "all", "there", json!({ "deletions": true })).await;

    let layer = Blob::random(3 << 20, 7);
    let image = Image::new(vec![layer.clone()], json!({}));
    let digest = admin.push("team/app", "v1", &image).await;
    let more = json!({ "artifactType": "application/x.sig", "subject": image.descriptor() });
    let signature = Image::new(vec![Blob::new("signature")], more);
    for blob in signature.blobs() {
        admin.push_blob("team/app", blob).await;
    }
    let own = signature.digest();
    admin
        .put_manifest("team/app", own.as_str(), signature.media_type(), signature.manifest())
        .await
        .status(201);
    reaches(&admin, "team/app", "v1", "even").await;
    rests(&here, &admin).await;
    let get = async |path: &str| {
        let request = other
            .request(reqwest::Method::GET, &format!("/v2/copy/team/app/{path}"))
            .header("accept", berth::oci::MediaType::OCI_INDEX)
            .header("accept", berth::oci::MediaType::OCI_MANIFEST);
        other.send(request).await.ok()
    };
    assert_eq!(get("manifests/v1").await.bytes, image.manifest());
    assert_eq!(get(&format!("blobs/{}", layer.digest)).await.bytes, layer.bytes);
    let listed = get(&format!("manifests/sha256-{}", digest.hex())).await.json();
    assert_eq!(listed["manifests"][0]["digest"], json!(own), "{listed}");

    // The same layer in another repository is mounted.
    let next = Image::new(vec![layer.clone(), Blob::new("next")], json!({}));
    admin.push("team/next", "v1", &next).await;
    reaches(&admin, "team/next", "v1", "even").await;
    let sent = states(&admin, "repository=team/next").await;
    assert!(sent[0]["sent_bytes"].as_u64().unwrap() < 1000, "{sent:?}");

    // It does not delete tags: that is told, and tried no further.
    admin.delete("/v2/team/app/manifests/v1").await.status(202);
    let failed = reaches(&admin, "team/app", "v1", "failing").await;
    let reason = failed["reason"].as_str().unwrap();
    assert!(reason.contains("does not delete tags"), "{reason}");
}
