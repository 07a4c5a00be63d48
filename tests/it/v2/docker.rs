//! Docker's own formats, of schema 2, and what Docker's clients do.

use berth::oci::MediaType;
use reqwest::Method;
use serde_json::json;

use super::{OCI_MANIFEST, manifest_path};
use crate::support::{Blob, Client, TestApp};

const CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

/// A manifest as `docker push` writes it: three spaces, no line end.
fn docker_manifest(config: &Blob, layer: &Blob) -> String {
    format!(
        r#"{{
   "schemaVersion": 2,
   "mediaType": "{}",
   "config": {{
      "mediaType": "{CONFIG}",
      "size": {},
      "digest": "{}"
   }},
   "layers": [
      {{
         "mediaType": "{LAYER}",
         "size": {},
         "digest": "{}"
      }}
   ]
}}"#,
        MediaType::DOCKER_MANIFEST,
        config.bytes.len(),
        config.digest,
        layer.bytes.len(),
        layer.digest
    )
}

async fn push_image(client: &Client, name: &str) -> String {
    let (config, layer) = (Blob::new(r#"{"os":"linux"}"#), Blob::random(20_000, 1));
    client.push_blob(name, &config).await;
    client.push_blob(name, &layer).await;
    docker_manifest(&config, &layer)
}

#[tokio::test]
async fn a_manifest_of_schema_2_comes_back_byte_for_byte() {
    let berth = TestApp::start().await;
    let alice = berth.writer("alice").await;
    let body = push_image(&alice, "team/app").await;
    let digest = Blob::new(body.clone()).digest;
    for declared in [Some(MediaType::DOCKER_MANIFEST), Some("application/json"), None] {
        let request =
            alice.request(Method::PUT, &manifest_path("team/app", "v1")).body(body.clone());
        let request = match declared {
            Some(media_type) => request.header("content-type", media_type),
            None => request,
        };
        let pushed = alice.send(request).await.status(201);
        assert_eq!(pushed.header("docker-content-digest"), digest.as_str());
        for reference in ["v1", digest.as_str()] {
            let pulled = alice.get(&manifest_path("team/app", reference)).await.ok();
            assert_eq!(pulled.text(), body, "{declared:?}");
            assert_eq!(pulled.header("content-type"), MediaType::DOCKER_MANIFEST, "{declared:?}");
        }
    }
}

#[tokio::test]
async fn a_manifest_list_comes_back_byte_for_byte() {
    let berth = TestApp::start().await;
    let alice = berth.writer("alice").await;
    let body = push_image(&alice, "team/app").await;
    let child = Blob::new(body.clone());
    alice
        .put_manifest("team/app", child.digest.as_str(), MediaType::DOCKER_MANIFEST, body)
        .await
        .status(201);
    let list = format!(
        "{{\n   \"schemaVersion\": 2,\n   \"mediaType\": \"{}\",\n   \"manifests\": [\n      {{\n         \
         \"mediaType\": \"{}\",\n         \"size\": {},\n         \"digest\": \"{}\",\n         \"platform\": {{\n            \
         \"architecture\": \"arm\",\n            \"os\": \"linux\",\n            \"variant\": \"v7\"\n         }}\n      }}\n   ]\n}}",
        MediaType::DOCKER_LIST,
        MediaType::DOCKER_MANIFEST,
        child.bytes.len(),
        child.digest
    );
    let pushed = alice
        .put_manifest("team/app", "v1", MediaType::DOCKER_LIST, list.clone())
        .await
        .status(201);
    assert_eq!(pushed.find_header("warning"), None);
    let pulled = alice.get(&manifest_path("team/app", "v1")).await.ok();
    assert_eq!((pulled.text(), pulled.header("content-type")), (list, MediaType::DOCKER_LIST));
}

/// Windows base layers lie with Microsoft and are not pushed.
#[tokio::test]
async fn foreign_layers_need_not_be_pushed() {
    let berth = TestApp::start().await;
    let alice = berth.writer("alice").await;
    let config = Blob::new("{}");
    alice.push_blob("team/app", &config).await;
    let foreign = Blob::random(100, 9);
    let mut layer = foreign.descriptor(FOREIGN);
    layer["urls"] = json!(["https://example.org/layer"]);
    let body = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::DOCKER_MANIFEST,
        "config": config.descriptor(CONFIG),
        "layers": [layer, foreign.descriptor(FOREIGN)],
    });
    alice
        .put_manifest("team/app", "v1", MediaType::DOCKER_MANIFEST, body.to_string())
        .await
        .status(201);
}

#[tokio::test]
async fn docker_and_oci_types_are_not_converted_and_not_confused() {
    let berth = TestApp::start().await;
    let alice = berth.writer("alice").await;
    let body = push_image(&alice, "team/app").await;
    for wrong in [OCI_MANIFEST, MediaType::DOCKER_LIST, MediaType::OCI_INDEX] {
        alice
            .put_manifest("team/app", "v1", wrong, body.clone())
            .await
            .fails(400, "MANIFEST_INVALID");
    }
}

/// `docker login`, `docker push` and `docker pull` by their requests: ping, token, HEAD, POST, streamed PATCH, PUT.
#[tokio::test]
async fn the_requests_of_docker_push_and_pull_are_answered() {
    let berth = TestApp::start().await;
    let alice = berth.writer("alice").await;
    berth.anonymous().get("/v2/").await.fails(401, "UNAUTHORIZED");
    let token = alice
        .get("/token?account=alice&client_id=docker&offline_token=true&service=berth")
        .await
        .ok();
    alice.with_token(token.json()["token"].as_str().unwrap()).get("/v2/").await.ok();

    let docker = alice.log_in(&["repository:team/app:pull,push"]).await;
    let (config, layer) = (Blob::new(r#"{"os":"linux"}"#), Blob::random(20_000, 1));
    for blob in [&config, &layer] {
        let path = format!("/v2/team/app/blobs/{}", blob.digest);
        docker.head(&path).await.status(404);
        let upload = docker.start_upload("team/app").await;
        let chunks: Vec<_> =
            blob.bytes.chunks(7_000).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect();
        let body = reqwest::Body::wrap_stream(futures::stream::iter(chunks));
        let appended = docker.patch(&upload, body).await.status(202);
        let closed = super::closing(appended.header("location"), &blob.digest);
        docker.put(&closed, "").await.status(201);
        assert_eq!(
            docker.head(&path).await.ok().header("content-length"),
            blob.bytes.len().to_string()
        );
    }
    let body = docker_manifest(&config, &layer);
    docker
        .put_manifest("team/app", "latest", MediaType::DOCKER_MANIFEST, body.clone())
        .await
        .status(201);

    let pull = alice.log_in(&["repository:team/app:pull"]).await;
    pull.head(&manifest_path("team/app", "latest")).await.ok();
    assert_eq!(pull.get(&manifest_path("team/app", "latest")).await.ok().text(), body);
    let pulled = pull.get(&format!("/v2/team/app/blobs/{}", layer.digest)).await.ok();
    assert!(pulled.bytes == layer.bytes);
    pull.post("/v2/team/app/blobs/uploads/", "").await.fails(401, "UNAUTHORIZED");
}
