//! The sequence of checks of the official conformance suite (distribution-spec, `conformance/`), with its kinds of data.
//! The suite itself is a Go program; this asks the same of Berth in every run of the tests.

use std::collections::BTreeMap;

use berth::oci::{Algorithm, Digest};
use reqwest::Method;
use serde_json::{Value, json};

use super::styles::{Style, send_chunk};
use super::{NOWHERE, OCI_INDEX, OCI_MANIFEST, blob_path, closing, manifest_path};
use crate::support::{Answer, Blob, Client, TestApp};

const REPOSITORY: &str = "conformance/one";
const OTHER: &str = "conformance/two";
const EXAMPLE: &str = "application/vnd.example.oci.conformance";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

struct Manifest {
    digest: Digest,
    media_type: &'static str,
    bytes: Vec<u8>,
    tags: Vec<String>,
    subject: Option<Digest>,
}

/// What one run of the suite pushes, pulls and deletes.
#[derive(Default)]
struct Data {
    algorithm: Option<Algorithm>,
    /// Push by digest with `?tag=`.
    by_parameter: bool,
    blobs: Vec<Blob>,
    manifests: Vec<Manifest>,
    referrers: BTreeMap<Digest, Vec<Value>>,
    seed: u64,
}

impl Data {
    fn algorithm(&self) -> Algorithm {
        self.algorithm.unwrap_or(Algorithm::Sha256)
    }

    fn blob(&mut self, bytes: Vec<u8>) -> Blob {
        let blob = Blob::with(self.algorithm(), bytes);
        self.blobs.push(blob.clone());
        blob
    }

    fn layer(&mut self, media_type: &str) -> Value {
        self.seed += 1;
        let bytes = Blob::random(600, self.seed ^ 0xBEEF).bytes;
        self.blob(bytes).descriptor(media_type)
    }

    fn config(&mut self) -> Value {
        self.seed += 1;
        let config = json!({ "architecture": "amd64", "os": "linux", "seed": self.seed });
        self.blob(config.to_string().into_bytes())
            .descriptor("application/vnd.oci.image.config.v1+json")
    }

    /// An image with two layers and `more` fields; returns its descriptor.
    fn image(&mut self, tag: &str, more: Value) -> Value {
        let config = self.config();
        let layer = "application/vnd.oci.image.layer.v1.tar+gzip";
        let layers = vec![self.layer(layer), self.layer(layer)];
        self.image_of(tag, config, layers, more)
    }

    fn image_of(&mut self, tag: &str, config: Value, layers: Vec<Value>, more: Value) -> Value {
        let body = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers });
        self.manifest(OCI_MANIFEST, tag, body, more)
    }

    /// An artifact of `kind`, with the empty configuration and one layer.
    fn artifact(&mut self, tag: &str, kind: &str, more: Value) -> Value {
        let config = self.blob(b"{}".to_vec()).descriptor(EMPTY);
        let layers = vec![self.layer(EXAMPLE)];
        let mut more = more;
        more["artifactType"] = kind.into();
        self.image_of(tag, config, layers, more)
    }

    fn index(&mut self, tag: &str, children: Vec<Value>, more: Value) -> Value {
        let body = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children });
        self.manifest(OCI_INDEX, tag, body, more)
    }

    fn two_platforms(&mut self) -> Vec<Value> {
        ["amd64", "arm64"]
            .map(|architecture| {
                let mut child = self.image("", json!({}));
                child["platform"] = json!({ "os": "linux", "architecture": architecture });
                child
            })
            .to_vec()
    }

    fn manifest(&mut self, media_type: &'static str, tag: &str, body: Value, more: Value) -> Value {
        let mut body = body;
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        let bytes = body.to_string().into_bytes();
        let digest = self.algorithm().digest(&bytes);
        let descriptor = json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() });
        let subject = more["subject"]["digest"].as_str().map(|subject| subject.parse().unwrap());
        if let Some(subject) = &subject {
            let mut referrer = descriptor.clone();
            let kind = [&body["artifactType"], &body["config"]["mediaType"]];
            if let Some(kind) = kind.into_iter().find(|kind| kind.is_string()) {
                referrer["artifactType"] = kind.clone();
            }
            if body["annotations"].is_object() {
                referrer["annotations"] = body["annotations"].clone();
            }
            self.referrers.entry(Digest::clone(subject)).or_default().push(referrer);
        }
        let tags = if tag.is_empty() { Vec::new() } else { vec![tag.to_owned()] };
        self.manifests.push(Manifest { digest, media_type, bytes, tags, subject });
        descriptor
    }
}

fn about(subject: &Value, name: &str) -> Value {
    json!({ "subject": subject, "annotations": { "org.opencontainers.conformance": name } })
}

/// The kinds of data, in the order of the suite.
#[expect(clippy::too_many_lines, reason = "one paragraph per kind of data, in the suite's order")]
fn all_data() -> Vec<(&'static str, Data)> {
    let mut all = Vec::new();
    let mut add = |name, make: &dyn Fn(&mut Data)| {
        let mut data = Data { seed: all.len() as u64 * 1_000 + 1, ..Data::default() };
        make(&mut data);
        all.push((name, data));
    };
    add("image", &|data| {
        data.image("image", json!({}));
    });
    add("large manifest", &|data| {
        let long: BTreeMap<_, _> =
            (0..390).map(|i| (format!("large-annotation-{i}"), "A".repeat(10_000))).collect();
        data.image("large-manifest", json!({ "annotations": long }));
    });
    add("index", &|data| {
        let children = data.two_platforms();
        data.index("index", children, json!({}));
    });
    add("nested index", &|data| {
        let children: Vec<_> = (0..2)
            .map(|_| {
                let children = data.two_platforms();
                data.index("", children, json!({}))
            })
            .collect();
        data.index("index-of-index", children, json!({}));
    });
    add("empty index", &|data| {
        data.index("index", vec![], json!({}));
    });
    add("artifact", &|data| {
        data.artifact("artifact", EXAMPLE, json!({}));
    });
    add("artifact index", &|data| {
        let children =
            vec![data.artifact("", EXAMPLE, json!({})), data.artifact("", EXAMPLE, json!({}))];
        data.index("artifact-index", children, json!({ "artifactType": EXAMPLE }));
    });
    add("artifact without layers", &|data| {
        let empty = data.blob(b"{}".to_vec()).descriptor(EMPTY);
        let more = json!({ "artifactType": EXAMPLE });
        data.image_of("artifact-without-layers", empty.clone(), vec![empty], more);
    });
    add("artifacts with subject", &|data| {
        let subject = data.image("image", json!({}));
        data.image("", json!({ "subject": subject }));
        data.artifact("tagged-artifact1", &format!("{EXAMPLE}.1"), about(&subject, "one"));
        data.artifact("tagged-artifact2", &format!("{EXAMPLE}.2"), about(&subject, "two"));
    });
    add("index with subject", &|data| {
        let children = data.two_platforms();
        let subject = data.index("index", children, json!({}));
        let children = data.two_platforms();
        let mut more = about(&subject, "index");
        more["artifactType"] = EXAMPLE.into();
        data.index("tagged-artifact", children, more);
    });
    add("missing subject", &|data| {
        let subject = json!({ "mediaType": OCI_MANIFEST, "digest": NOWHERE, "size": 123 });
        data.artifact("tagged-artifact", EXAMPLE, about(&subject, "missing"));
    });
    add("data field", &|data| {
        let mut config = data.blob(b"{}".to_vec()).descriptor(EMPTY);
        config["data"] = "e30=".into();
        data.image_of("data-field", config.clone(), vec![config], json!({}));
    });
    add("non-distributable layers", &|data| {
        let config = data.config();
        let mut layers: Vec<_> = [".tar+gzip", ".tar"]
            .iter()
            .zip(70..)
            .map(|(suffix, seed)| {
                let never_pushed = Blob::random(100, seed);
                let kind = format!("application/vnd.oci.image.layer.nondistributable.v1{suffix}");
                let mut layer = never_pushed.descriptor(&kind);
                layer["urls"] =
                    json!([format!("https://store.example.com/{}", never_pushed.digest)]);
                layer
            })
            .collect();
        layers.push(data.layer("application/vnd.oci.image.layer.v1.tar"));
        data.image_of("non-distributable-image", config, layers, json!({}));
    });
    add("custom fields", &|data| {
        let children = data.two_platforms();
        let more = json!({ "org.example.field": { "deep": [1, null, "x"] } });
        data.index("custom-fields", children, more.clone());
        data.image("custom-image", more);
    });
    add("no layers", &|data| {
        let config = data.config();
        data.image_of("no-layers", config, vec![], json!({}));
    });
    add("sparse index", &|data| {
        let missing = json!({ "mediaType": OCI_MANIFEST, "digest": NOWHERE, "size": 1024 });
        let children = vec![data.image("", json!({})), missing];
        data.index("sparse-index", children, json!({}));
    });
    add("build cache", &|data| {
        // BuildKit lists layers where manifests are expected.
        let children =
            vec![data.layer("application/vnd.oci.image.layer.v1.tar+gzip"), data.config()];
        data.index("cache", children, json!({}));
    });
    for (name, algorithm, by_parameter) in [
        ("sha512", Algorithm::Sha512, false),
        ("tag parameter sha256", Algorithm::Sha256, true),
        ("tag parameter sha512", Algorithm::Sha512, true),
    ] {
        add(name, &|data| {
            data.algorithm = Some(algorithm);
            data.by_parameter = by_parameter;
            let children = data.two_platforms();
            data.index("", children, json!({}));
            if by_parameter {
                for (i, manifest) in data.manifests.iter_mut().enumerate() {
                    manifest.tags = (0..=i).map(|j| format!("{algorithm}-{i}-{j}")).collect();
                }
            }
        });
    }
    all
}

async fn push(client: &Client, data: &Data) {
    for (i, blob) in data.blobs.iter().enumerate() {
        let style = Style::ALL[i % Style::ALL.len()];
        let answer = style.push(client, REPOSITORY, &blob.bytes, &blob.digest, None).await;
        stored_where_it_says(client, answer, &blob.digest, &blob.bytes).await;
    }
    for manifest in &data.manifests {
        let references = match (data.by_parameter, &manifest.tags[..]) {
            (false, []) => vec![manifest.digest.to_string()],
            (false, tags) => tags.to_vec(),
            (true, tags) => {
                let query: Vec<_> = tags.iter().map(|tag| format!("tag={tag}")).collect();
                vec![format!("{}?{}", manifest.digest, query.join("&"))]
            }
        };
        for reference in references {
            let body = manifest.bytes.clone();
            let answer = client
                .put_manifest(REPOSITORY, &reference, manifest.media_type, body)
                .await
                .status(201);
            let subject = manifest.subject.as_ref().map(Digest::as_str);
            assert_eq!(answer.find_header("oci-subject"), subject);
            if data.by_parameter {
                let told: Vec<_> = answer.headers.get_all("oci-tag").iter().collect();
                assert_eq!(told, manifest.tags.iter().collect::<Vec<_>>());
            }
            stored_where_it_says(client, answer, &manifest.digest, &manifest.bytes).await;
        }
    }
}

async fn stored_where_it_says(client: &Client, answer: Answer, digest: &Digest, bytes: &[u8]) {
    let answer = answer.status(201);
    assert_eq!(answer.header("docker-content-digest"), digest.as_str());
    let pulled = client.get(answer.header("location")).await.ok();
    assert!(pulled.bytes == bytes);
    assert_eq!(pulled.header("content-length"), bytes.len().to_string());
}

async fn list(client: &Client, data: &Data) {
    let ask = async |query: &str| -> Vec<String> {
        let answer = client.get(&format!("/v2/{REPOSITORY}/tags/list{query}")).await.ok();
        serde_json::from_value(answer.json()["tags"].clone()).unwrap()
    };
    let all = ask("").await;
    for tag in data.manifests.iter().flat_map(|manifest| &manifest.tags) {
        assert!(all.contains(tag), "{tag} is not in {all:?}");
    }
    if all.len() >= 2 {
        let middle = all.len() / 2;
        assert_eq!(ask(&format!("?last={}", all[middle - 1])).await, all[middle..]);
    }
}

async fn head_and_pull(client: &Client, data: &Data) {
    for manifest in &data.manifests {
        let digest = manifest.digest.to_string();
        for reference in manifest.tags.iter().chain([&digest]) {
            let path = manifest_path(REPOSITORY, reference);
            for method in [Method::HEAD, Method::GET] {
                let request = client.request(method.clone(), &path);
                let request = request.header("accept", OCI_INDEX).header("accept", OCI_MANIFEST);
                let answer = client.send(request).await.ok();
                assert_eq!(answer.header("content-type"), manifest.media_type);
                assert_eq!(answer.header("content-length"), manifest.bytes.len().to_string());
                assert_eq!(answer.header("docker-content-digest"), digest);
                let expected = if method == Method::HEAD { &[][..] } else { &manifest.bytes };
                assert!(answer.bytes == expected, "{method} {path}");
            }
        }
    }
    for blob in &data.blobs {
        let path = blob_path(REPOSITORY, &blob.digest);
        for answer in [client.head(&path).await.ok(), client.get(&path).await.ok()] {
            assert_eq!(answer.header("content-length"), blob.bytes.len().to_string());
            assert_eq!(answer.header("docker-content-digest"), blob.digest.as_str());
            assert!(answer.bytes.is_empty() || answer.bytes == blob.bytes);
        }
    }
}

async fn referrers(client: &Client, data: &Data) {
    for (subject, expected) in &data.referrers {
        let ask = async |query: &str| {
            let path = format!("/v2/{REPOSITORY}/referrers/{subject}{query}");
            let answer = client.get(&path).await.ok();
            assert_eq!(answer.header("content-type"), OCI_INDEX);
            answer
        };
        assert_eq!(ask("").await.json()["manifests"], json!(expected));
        for referrer in expected {
            let kind = referrer["artifactType"].as_str().unwrap();
            let same: Vec<_> =
                expected.iter().filter(|other| other["artifactType"] == kind).collect();
            let filtered = ask(&format!("?artifactType={}", kind.replace('+', "%2B"))).await;
            assert_eq!(filtered.json()["manifests"], json!(same));
            assert_eq!(filtered.header("oci-filters-applied"), "artifactType");
        }
    }
}

/// Tags, then manifests from the last to the first, then blobs; each is gone at once.
async fn delete(client: &Client, data: &Data) {
    let tags = data.manifests.iter().flat_map(|manifest| &manifest.tags);
    let manifests = data.manifests.iter().rev().map(|manifest| manifest.digest.to_string());
    let mut paths: Vec<_> = tags.map(|tag| manifest_path(REPOSITORY, tag)).collect();
    paths.extend(manifests.map(|digest| manifest_path(REPOSITORY, digest)));
    let mut blobs: Vec<_> =
        data.blobs.iter().map(|blob| blob_path(REPOSITORY, &blob.digest)).collect();
    blobs.sort();
    blobs.dedup();
    paths.extend(blobs);
    for path in paths {
        client.delete(&path).await.status(202);
        client.head(&path).await.status(404);
    }
}

#[tokio::test]
async fn each_kind_of_data_is_pushed_listed_pulled_and_deleted() {
    each_kind_of_data(&TestApp::start().await).await;
}

pub(crate) async fn each_kind_of_data(berth: &TestApp) {
    let admin = berth.admin().await;
    for (name, data) in all_data() {
        eprintln!("{name}");
        push(&admin, &data).await;
        list(&admin, &data).await;
        head_and_pull(&admin, &data).await;
        referrers(&admin, &data).await;
        delete(&admin, &data).await;
        let left = admin.get(&format!("/v2/{REPOSITORY}/tags/list")).await.ok();
        assert_eq!(left.json()["tags"], json!([]), "{name}");
    }
}

#[tokio::test]
async fn an_empty_registry_answers_before_any_push() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    admin.get("/v2/").await.ok();
    admin.get(&format!("/v2/{REPOSITORY}/tags/list")).await.fails(404, "NAME_UNKNOWN");
    let none = admin.get(&format!("/v2/{REPOSITORY}/referrers/{NOWHERE}")).await.ok();
    assert_eq!(none.json()["manifests"], json!([]));
    admin.get(&blob_path(REPOSITORY, NOWHERE)).await.fails(404, "BLOB_UNKNOWN");
}

/// Each chunk is first sent out of order: skipping ahead, or back to the beginning. Then the URL just used is asked.
async fn push_out_of_order(client: &Client, blob: &Blob, put_last: bool) {
    let size = blob.bytes.len() / 3 + 1;
    let mut location = client.start_upload(REPOSITORY).await;
    let mut from = 0;
    while from < blob.bytes.len() {
        let mut bad = from + size;
        if bad >= blob.bytes.len() {
            bad = 0;
        }
        let bad_end = (bad + size).min(blob.bytes.len());
        let (method, url) = if put_last && bad_end == blob.bytes.len() {
            (Method::PUT, closing(&location, &blob.digest))
        } else {
            (Method::PATCH, location.clone())
        };
        send_chunk(client, method, &url, &blob.bytes, bad, bad_end).await.status(416);
        let status = client.get(&url).await.status(204);
        let last: usize = status.header("range").strip_prefix("0-").unwrap().parse().unwrap();
        assert_eq!(last, from.saturating_sub(1));
        status.header("location").clone_into(&mut location);
        let to = (from + size).min(blob.bytes.len());
        if put_last && to == blob.bytes.len() {
            let url = closing(&location, &blob.digest);
            send_chunk(client, Method::PUT, &url, &blob.bytes, from, to).await.status(201);
            return;
        }
        let answer = send_chunk(client, Method::PATCH, &location, &blob.bytes, from, to).await;
        answer.status(202).header("location").clone_into(&mut location);
        from = to;
    }
    client.put(&closing(&location, &blob.digest), "").await.status(201);
}

#[tokio::test]
async fn the_checks_of_the_blob_api_pass_for_both_algorithms() {
    the_checks_of_the_blob_api(&TestApp::start().await).await;
}

pub(crate) async fn the_checks_of_the_blob_api(berth: &TestApp) {
    let admin = berth.admin().await;
    for (algorithm, seed) in [(Algorithm::Sha256, 1), (Algorithm::Sha512, 100)] {
        let random = |seed| Blob::with(algorithm, Blob::random(1_531, seed).bytes);
        for (style, seed) in Style::ALL.into_iter().zip(seed..) {
            let blob = random(seed);
            style.push(&admin, REPOSITORY, &blob.bytes, &blob.digest, None).await.status(201);
            head_pull_and_delete(&admin, REPOSITORY, &blob).await;
        }
        for (put_last, seed) in [(false, seed + 10), (true, seed + 11)] {
            let blob = random(seed);
            push_out_of_order(&admin, &blob, put_last).await;
            head_pull_and_delete(&admin, REPOSITORY, &blob).await;
        }
        for (from, seed) in [(format!("&from={OTHER}"), seed + 20), (String::new(), seed + 21)] {
            let blob = random(seed);
            admin.push_blob(OTHER, &blob).await;
            let mount = format!("/v2/{REPOSITORY}/blobs/uploads/?mount={}{from}", blob.digest);
            let mounted = admin.post(&mount, "").await;
            stored_where_it_says(&admin, mounted, &blob.digest, &blob.bytes).await;
            head_pull_and_delete(&admin, REPOSITORY, &blob).await;
            head_pull_and_delete(&admin, OTHER, &blob).await;
        }
        let blob = random(seed + 30);
        let mount = format!("/v2/{REPOSITORY}/blobs/uploads/?mount={}&from={OTHER}", blob.digest);
        let session = admin.post(&mount, "").await.status(202);
        let url = closing(session.header("location"), &blob.digest);
        admin.put(&url, blob.bytes.clone()).await.status(201);
        head_pull_and_delete(&admin, REPOSITORY, &blob).await;
        let upload = admin.start_upload(REPOSITORY).await;
        admin.delete(&upload).await.status(204);
        for known in ["", "{}"] {
            let blob = Blob::with(algorithm, known);
            admin.push_blob(REPOSITORY, &blob).await;
            head_pull_and_delete(&admin, REPOSITORY, &blob).await;
        }
        for style in Style::ALL {
            let blob = random(seed + 40);
            let spoilt = [&blob.bytes[..], b"oh no"].concat();
            let refused = style.push(&admin, REPOSITORY, &spoilt, &blob.digest, None).await;
            refused.fails(400, "DIGEST_INVALID");
            admin.head(&blob_path(REPOSITORY, &blob.digest)).await.status(404);
        }
    }
}

async fn head_pull_and_delete(client: &Client, repository: &str, blob: &Blob) {
    let path = blob_path(repository, &blob.digest);
    let head = client.head(&path).await.ok();
    assert_eq!(head.header("content-length"), blob.bytes.len().to_string());
    assert_eq!(head.header("docker-content-digest"), blob.digest.as_str());
    assert!(client.get(&path).await.ok().bytes == blob.bytes);
    client.delete(&path).await.status(202);
    client.head(&path).await.status(404);
}

#[tokio::test]
async fn the_checks_of_manifest_errors_pass() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let mut data = Data::default();
    data.image("image", json!({}));
    push(&admin, &data).await;
    admin.get(&manifest_path(REPOSITORY, NOWHERE)).await.fails(404, "MANIFEST_UNKNOWN");
    admin.get(&manifest_path(REPOSITORY, "missing-tag")).await.fails(404, "MANIFEST_UNKNOWN");
    let bytes = data.manifests[0].bytes.clone();
    let bad = "sha256:baddigeststring";
    admin
        .put_manifest(REPOSITORY, bad, OCI_MANIFEST, bytes.clone())
        .await
        .fails(400, "DIGEST_INVALID");
    admin.get(&manifest_path(REPOSITORY, bad)).await.fails(400, "DIGEST_INVALID");
    let padded = [&bytes[..], b"  "].concat();
    let digest = data.manifests[0].digest.as_str();
    admin.put_manifest(REPOSITORY, digest, OCI_MANIFEST, padded).await.fails(400, "DIGEST_INVALID");
    delete(&admin, &data).await;
}
