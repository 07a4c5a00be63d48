//! Moving from a real distribution (Debian's docker-registry) to Berth.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use berth::oci::{Algorithm, Digest, MediaType};
use serde_json::json;

use crate::support::{Blob, Client, DockerRegistry, Image, Process, berth};

/// Stores a blob as Docker does; distribution puts its state into the address of the upload.
async fn push_blob(client: &Client, repository: &str, blob: &Blob) {
    let upload = client.start_upload(repository).await;
    let sent = client.patch(&upload, blob.bytes.clone()).await.status(202);
    let upload = sent.header("location");
    let separator = if upload.contains('?') { '&' } else { '?' };
    client.put(&format!("{upload}{separator}digest={}", blob.digest), "").await.status(201);
}

async fn push(client: &Client, repository: &str, reference: &str, image: &Image) {
    for blob in image.blobs() {
        push_blob(client, repository, blob).await;
    }
    let put = client.put_manifest(repository, reference, image.media_type(), image.manifest());
    put.await.status(201);
}

/// An image as Docker's clients of 2015 to 2022 push it.
fn docker_image(layer: &Blob, config: &Blob) -> Vec<u8> {
    json!({
        "schemaVersion": 2, "mediaType": MediaType::DOCKER_MANIFEST,
        "config": config.descriptor("application/vnd.docker.container.image.v1+json"),
        "layers": [layer.descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip")],
    })
    .to_string()
    .into_bytes()
}

/// A manifest, its digest and its media type, as a registry serves them, and its blobs.
type Served = (Vec<u8>, String, String, BTreeMap<String, Vec<u8>>);

async fn serve(client: &Client, repository: &str, reference: &str) -> Option<Served> {
    let path = format!("/v2/{repository}/manifests/{reference}");
    let request = client.request(reqwest::Method::GET, &path);
    let types = [
        MediaType::OCI_MANIFEST,
        MediaType::OCI_INDEX,
        MediaType::DOCKER_MANIFEST,
        MediaType::DOCKER_LIST,
    ];
    let answer = client.send(request.header("accept", types.join(", "))).await;
    if answer.code == 404 {
        return None;
    }
    let answer = answer.ok();
    let manifest: serde_json::Value = serde_json::from_slice(&answer.bytes).unwrap();
    let mut blobs = BTreeMap::new();
    let layers = manifest["layers"].as_array().into_iter().flatten();
    for blob in layers.chain(manifest.get("config")) {
        let digest = blob["digest"].as_str().unwrap();
        let found = client.get(&format!("/v2/{repository}/blobs/{digest}")).await.ok();
        blobs.insert(digest.to_owned(), found.bytes);
    }
    let header = |name| answer.header(name).to_owned();
    Some((answer.bytes.clone(), header("docker-content-digest"), header("content-type"), blobs))
}

/// The files of blobs by their inodes, and how many bytes each has.
fn inodes(root: &Path) -> BTreeMap<u64, u64> {
    let (mut found, mut open) = (BTreeMap::new(), vec![PathBuf::from(root)]);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let about = fs::symlink_metadata(&path).unwrap();
            if about.is_dir() {
                open.push(path);
            } else {
                found.insert(about.ino(), about.len());
            }
        }
    }
    found
}

/// Pushes what registries hold after some years; tells under which references.
async fn fill(client: &Client) -> Vec<(&'static str, String)> {
    let (one, two) = (
        Image::new(vec![Blob::random(700_000, 1), Blob::random(10, 2)], json!({})),
        Image::new(vec![Blob::random(700_000, 1), Blob::random(300_000, 3)], json!({})),
    );
    push(client, "app", "v1", &one).await;
    push(client, "app", "latest", &one).await;
    // Another image got the tag later: the first one has none.
    push(client, "app", "edge", &two).await;
    push(client, "app", "edge", &one).await;
    push(client, "team/deep/er.name", "1.0", &two).await;
    let (layer, config) = (Blob::random(400_000, 4), Blob::new(r#"{"architecture":"amd64"}"#));
    push_blob(client, "team/docker", &layer).await;
    push_blob(client, "team/docker", &config).await;
    let docker = docker_image(&layer, &config);
    let put = client.put_manifest("team/docker", "v2", MediaType::DOCKER_MANIFEST, docker.clone());
    put.await.status(201);
    let list = json!({
        "schemaVersion": 2, "mediaType": MediaType::DOCKER_LIST,
        "manifests": [{
            "mediaType": MediaType::DOCKER_MANIFEST, "size": docker.len(),
            "digest": Algorithm::Sha256.digest(&docker),
            "platform": { "architecture": "amd64", "os": "linux" },
        }],
    });
    let put = client.put_manifest("team/docker", "all", MediaType::DOCKER_LIST, list.to_string());
    put.await.status(201);
    let index = json!({ "schemaVersion": 2, "mediaType": MediaType::OCI_INDEX,
                        "manifests": [one.descriptor(), two.descriptor()] });
    let put = client.put_manifest("app", "index", MediaType::OCI_INDEX, index.to_string());
    put.await.status(201);
    // A signature by tag, and one that refers.
    let tag = format!("sha256-{}.sig", one.digest().hex());
    push(client, "app", &tag, &Image::of(["a signature"])).await;
    let referrer = Image::new(vec![Blob::new("an SBOM")], json!({ "subject": one.descriptor() }));
    push(client, "app", referrer.digest().as_str(), &referrer).await;
    // Deleted: distribution leaves its bytes until somebody collects them.
    let gone = Image::of(["gone"]);
    push(client, "app", "gone", &gone).await;
    client.delete(&format!("/v2/app/manifests/{}", gone.digest())).await.status(202);
    vec![
        ("app", "v1".into()),
        ("app", "latest".into()),
        ("app", "edge".into()),
        ("app", "index".into()),
        ("app", tag),
        ("app", two.digest().to_string()),
        ("app", referrer.digest().to_string()),
        ("app", gone.digest().to_string()),
        ("app", "gone".into()),
        ("team/deep/er.name", "1.0".into()),
        ("team/docker", "v2".into()),
        ("team/docker", "all".into()),
    ]
}

#[test]
fn what_docker_registry_has_is_served_under_the_same_digests_without_a_copy() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let Some(old) = DockerRegistry::start_in(&at.join("registry")) else { return };
    let (references, before) = runtime.block_on(async {
        let references = fill(&old.client()).await;
        let mut served = Vec::new();
        for (repository, reference) in &references {
            served.push(serve(&old.client(), repository, reference).await);
        }
        (references, served)
    });
    assert_eq!(before.iter().filter(|one| one.is_none()).count(), 2, "what was deleted");
    drop(old);
    let said = berth(at, ["import", "registry", "--data", "data", "-q", "--json"]).ok().json();
    assert_eq!((&said["tags"], &said["blobs_transferred"]), (&json!(8), &json!(0)), "{said}");
    assert_eq!(said["failures"], json!({}));

    let (theirs, ours) = (inodes(&at.join("registry")), inodes(&at.join("data/blobs")));
    assert!(ours.len() >= 8, "{ours:?}");
    assert!(ours.keys().all(|inode| theirs.contains_key(inode)), "a blob was copied");
    // The old tree can go before anybody asks.
    fs::remove_dir_all(at.join("registry")).unwrap();
    let process = Process::start(&at.join("data"));
    runtime.block_on(async {
        let admin = process.admin();
        for ((repository, reference), before) in references.iter().zip(&before) {
            let now = serve(&admin, repository, reference).await;
            assert!(now == *before, "{repository} {reference}");
        }
        let subject: Digest = before[0].as_ref().unwrap().1.parse().unwrap();
        let path = format!("/v2/app/referrers/{subject}");
        let referrers = admin.get(&path).await.ok().json();
        assert_eq!(referrers["manifests"][0]["digest"], references[6].1);
        let names = admin.get("/v2/_catalog").await.ok().json();
        assert_eq!(names["repositories"], json!(["app", "team/deep/er.name", "team/docker"]));
    });
    process.terminate();
}
