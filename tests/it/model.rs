//! Random operations on the registry and on a model of it that fits in a page: whatever clients can see is the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use berth::blob::Probe;
use berth::oci::{Digest, MediaType};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::support::{Blob, Client, Image, Style, TestApp};

const REPOSITORIES: [&str; 3] = ["app", "app/part", "other"];
const TAGS: [&str; 3] = ["latest", "v1", "v2"];
const CASES: u32 = 24;
const MOST_STEPS: usize = 200;

/// A manifest that may be pushed, with what it needs.
struct Pushable {
    body: Vec<u8>,
    digest: Digest,
    media_type: &'static str,
    blobs: Vec<Digest>,
    children: Vec<Digest>,
    subject: Option<Digest>,
}

/// Everything that may be pushed.
struct World {
    blobs: Vec<Blob>,
    manifests: Vec<Pushable>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let mut blobs: Vec<Blob> = (1..5).map(|seed| Blob::random(seed * 10, seed as u64)).collect();
    let image = |layers: &[usize], more: Value| {
        Image::new(layers.iter().map(|layer| blobs[*layer].clone()).collect(), more)
    };
    let images = [image(&[0], json!({})), image(&[0, 1], json!({})), image(&[2, 3, 2], json!({}))];
    let signature = image(
        &[3],
        json!({
            "artifactType": "application/vnd.example.signature",
            "subject": images[0].descriptor(),
        }),
    );
    let index = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_INDEX,
        "manifests": [images[0].descriptor(), images[1].descriptor()],
    });
    let index = Blob::new(index.to_string());
    let mut manifests: Vec<Pushable> = images
        .iter()
        .chain([&signature])
        .map(|image| Pushable {
            body: image.manifest(),
            digest: image.digest(),
            media_type: image.media_type(),
            blobs: image.blobs().iter().map(|blob| blob.digest.clone()).collect(),
            children: Vec::new(),
            subject: None,
        })
        .collect();
    manifests[3].subject = Some(images[0].digest());
    manifests.push(Pushable {
        body: index.bytes,
        digest: index.digest,
        media_type: MediaType::OCI_INDEX,
        blobs: Vec::new(),
        children: images[..2].iter().map(Image::digest).collect(),
        subject: None,
    });
    blobs.push(images[0].blobs()[0].clone());
    World { blobs, manifests }
});

/// What may happen; numbers choose from the lists above.
#[derive(Clone, Debug)]
enum Step {
    PushBlob { to: usize, blob: usize, style: usize },
    Mount { to: usize, from: Option<usize>, blob: usize },
    PushManifest { to: usize, manifest: usize, tag: Option<usize> },
    DeleteTag { from: usize, tag: usize },
    DeleteManifest { from: usize, manifest: usize, force: bool },
    DeleteBlob { from: usize, blob: usize, force: bool },
    DeleteRepository { from: usize },
    Restart,
    LookAtAll,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (repository, tag) = (0..REPOSITORIES.len(), 0..TAGS.len());
    let (blob, manifest) = (0..WORLD.blobs.len(), 0..WORLD.manifests.len());
    let step = prop_oneof![
        30 => (repository.clone(), blob.clone(), 0..Style::ALL.len())
            .prop_map(|(to, blob, style)| Step::PushBlob { to, blob, style }),
        10 => (repository.clone(), proptest::option::of(repository.clone()), blob.clone())
            .prop_map(|(to, from, blob)| Step::Mount { to, from, blob }),
        40 => (repository.clone(), manifest.clone(), proptest::option::weighted(0.8, tag.clone()))
            .prop_map(|(to, manifest, tag)| Step::PushManifest { to, manifest, tag }),
        10 => (repository.clone(), tag).prop_map(|(from, tag)| Step::DeleteTag { from, tag }),
        8 => (repository.clone(), manifest, any::<bool>())
            .prop_map(|(from, manifest, force)| Step::DeleteManifest { from, manifest, force }),
        8 => (repository.clone(), blob, proptest::bool::weighted(0.3))
            .prop_map(|(from, blob, force)| Step::DeleteBlob { from, blob, force }),
        1 => repository.prop_map(|from| Step::DeleteRepository { from }),
        1 => Just(Step::Restart),
        3 => Just(Step::LookAtAll),
    ];
    proptest::collection::vec(step, MOST_STEPS / 2..MOST_STEPS)
}

/// One step of a tag's history: what was done, with what, and what it pointed at before.
type Event = (&'static str, Digest, Option<Digest>);

/// A repository as it ought to be.
#[derive(Default)]
struct Repository {
    blobs: BTreeSet<usize>,
    /// In the order in which they came.
    manifests: BTreeSet<usize>,
    tags: BTreeMap<usize, usize>,
    history: BTreeMap<usize, Vec<Event>>,
}

impl Repository {
    fn owns(&self, digest: &Digest) -> bool {
        self.blobs.iter().any(|blob| WORLD.blobs[*blob].digest == *digest)
    }

    /// Whether one of its manifests needs this.
    fn needs(&self, digest: &Digest) -> bool {
        self.manifests.iter().any(|manifest| {
            let manifest = &WORLD.manifests[*manifest];
            manifest.blobs.contains(digest) || manifest.children.contains(digest)
        })
    }

    fn untag(&mut self, tag: usize) {
        let Some(manifest) = self.tags.remove(&tag) else { return };
        let digest = WORLD.manifests[manifest].digest.clone();
        self.history.entry(tag).or_default().push(("delete", digest.clone(), Some(digest)));
    }

    fn size(&self) -> usize {
        self.blobs.iter().map(|blob| WORLD.blobs[*blob].bytes.len()).sum::<usize>()
            + self
                .manifests
                .iter()
                .map(|manifest| WORLD.manifests[*manifest].body.len())
                .sum::<usize>()
    }
}

/// The registry as it ought to be.
#[derive(Default)]
struct Model(BTreeMap<usize, Repository>);

impl Model {
    /// Takes a step; the status and the error's code that clients ought to see.
    fn take(&mut self, step: &Step) -> (u16, &'static str) {
        match *step {
            Step::PushBlob { to, blob, .. } => {
                self.0.entry(to).or_default().blobs.insert(blob);
                (201, "")
            }
            Step::Mount { to, from, blob } => {
                let has = |number: &usize| {
                    self.0.get(number).is_some_and(|repository| repository.blobs.contains(&blob))
                };
                let found = match from {
                    Some(from) => has(&from),
                    None => self.0.keys().any(has),
                };
                if !found {
                    return (202, "");
                }
                self.0.entry(to).or_default().blobs.insert(blob);
                (201, "")
            }
            Step::PushManifest { to, manifest, tag } => {
                let pushed = &WORLD.manifests[manifest];
                let owned = self.0.get(&to);
                let owns = |digest| owned.is_some_and(|repository| repository.owns(digest));
                if !pushed.blobs.iter().all(owns) {
                    return (400, "MANIFEST_BLOB_UNKNOWN");
                }
                let repository = self.0.entry(to).or_default();
                repository.manifests.insert(manifest);
                if let Some(tag) = tag {
                    let before = repository.tags.insert(tag, manifest);
                    if before != Some(manifest) {
                        let before = before.map(|before| WORLD.manifests[before].digest.clone());
                        let event = ("push", pushed.digest.clone(), before);
                        repository.history.entry(tag).or_default().push(event);
                    }
                }
                (201, "")
            }
            Step::DeleteTag { from, tag } => match self.0.get_mut(&from) {
                Some(repository) if repository.tags.contains_key(&tag) => {
                    repository.untag(tag);
                    (202, "")
                }
                _ => (404, "MANIFEST_UNKNOWN"),
            },
            Step::DeleteManifest { from, manifest, force } => {
                let Some(repository) = self.0.get_mut(&from) else {
                    return (404, "MANIFEST_UNKNOWN");
                };
                if !repository.manifests.contains(&manifest) {
                    return (404, "MANIFEST_UNKNOWN");
                }
                if !force && repository.needs(&WORLD.manifests[manifest].digest) {
                    return (405, "DENIED");
                }
                for tag in 0..TAGS.len() {
                    if repository.tags.get(&tag) == Some(&manifest) {
                        repository.untag(tag);
                    }
                }
                repository.manifests.remove(&manifest);
                (202, "")
            }
            Step::DeleteBlob { from, blob, force } => {
                let Some(repository) = self.0.get_mut(&from) else { return (404, "BLOB_UNKNOWN") };
                if !repository.blobs.contains(&blob) {
                    return (404, "BLOB_UNKNOWN");
                }
                if !force && repository.needs(&WORLD.blobs[blob].digest) {
                    return (405, "DENIED");
                }
                repository.blobs.remove(&blob);
                (202, "")
            }
            Step::DeleteRepository { from } => {
                if self.0.remove(&from).is_some() {
                    (202, "")
                } else {
                    (404, "NAME_UNKNOWN")
                }
            }
            Step::Restart | Step::LookAtAll => (0, ""),
        }
    }
}

/// Takes a step with the registry; the status and the error's code.
async fn take(client: &Client, step: &Step) -> (u16, String) {
    let path = |repository: usize, tail: &str| format!("/v2/{}/{tail}", REPOSITORIES[repository]);
    let answer = match *step {
        Step::PushBlob { to, blob, style } => {
            let (blob, style) = (&WORLD.blobs[blob], Style::ALL[style]);
            return (client.push_blob_in(REPOSITORIES[to], blob, style).await, String::new());
        }
        Step::Mount { to, from, blob } => {
            let from = from.map(|from| format!("&from={}", REPOSITORIES[from])).unwrap_or_default();
            let mount = format!("blobs/uploads/?mount={}{from}", WORLD.blobs[blob].digest);
            client.post(&path(to, &mount), "").await
        }
        Step::PushManifest { to, manifest, tag } => {
            let pushed = &WORLD.manifests[manifest];
            let reference = tag.map_or(pushed.digest.as_str(), |tag| TAGS[tag]);
            let (media_type, body) = (pushed.media_type, pushed.body.clone());
            client.put_manifest(REPOSITORIES[to], reference, media_type, body).await
        }
        Step::DeleteTag { from, tag } => {
            client.delete(&path(from, &format!("manifests/{}", TAGS[tag]))).await
        }
        Step::DeleteManifest { from, manifest, force } => {
            let digest = &WORLD.manifests[manifest].digest;
            client.delete(&path(from, &format!("manifests/{digest}?force={force}"))).await
        }
        Step::DeleteBlob { from, blob, force } => {
            let digest = &WORLD.blobs[blob].digest;
            client.delete(&path(from, &format!("blobs/{digest}?force={force}"))).await
        }
        Step::DeleteRepository { from } => client.delete(&api(from, "")).await,
        Step::Restart | Step::LookAtAll => return (0, String::new()),
    };
    let code = if answer.code < 400 {
        String::new()
    } else {
        answer.json()["errors"][0]["code"].as_str().unwrap().to_owned()
    };
    (answer.code, code)
}

fn api(repository: usize, tail: &str) -> String {
    format!("/api/v1/repositories/{}{tail}", REPOSITORIES[repository].replace('/', "%2F"))
}

/// Compares what is told of a repository as a whole.
async fn compare_summary(client: &Client, number: usize, model: &Model) {
    let (summary, name) = (client.get(&api(number, "")).await, REPOSITORIES[number]);
    let tags = client.get(&format!("/v2/{name}/tags/list")).await;
    let Some(repository) = model.0.get(&number) else {
        summary.fails(404, "NAME_UNKNOWN");
        tags.fails(404, "NAME_UNKNOWN");
        return;
    };
    let summary = summary.ok().json();
    let figures = ["tags", "manifests", "size_bytes"].map(|name| summary[name].as_u64().unwrap());
    let expected = [repository.tags.len(), repository.manifests.len(), repository.size()];
    assert_eq!(figures, expected.map(|figure| figure as u64), "{name}");
    let expected: Vec<&str> = repository.tags.keys().map(|tag| TAGS[*tag]).collect();
    assert_eq!(tags.ok().json(), json!({ "name": name, "tags": expected }));
}

/// Compares everything in a repository.
async fn compare_repository(client: &Client, number: usize, model: &Model) {
    compare_summary(client, number, model).await;
    let (name, none) = (REPOSITORIES[number], Repository::default());
    let repository = model.0.get(&number).unwrap_or(&none);
    for (index, blob) in WORLD.blobs.iter().enumerate() {
        let answer = client.get(&format!("/v2/{name}/blobs/{}", blob.digest)).await;
        if repository.blobs.contains(&index) {
            assert_eq!(answer.ok().bytes, blob.bytes);
        } else {
            answer.fails(404, "BLOB_UNKNOWN");
        }
    }
    let by_digest = (0..WORLD.manifests.len()).map(|index| {
        let owned = repository.manifests.contains(&index);
        (WORLD.manifests[index].digest.to_string(), owned.then_some(index))
    });
    let by_tag =
        (0..TAGS.len()).map(|tag| (TAGS[tag].to_owned(), repository.tags.get(&tag).copied()));
    for (reference, expected) in by_digest.chain(by_tag) {
        let answer = client.get(&format!("/v2/{name}/manifests/{reference}")).await;
        let Some(expected) = expected else {
            answer.fails(404, "MANIFEST_UNKNOWN");
            continue;
        };
        let (answer, expected) = (answer.ok(), &WORLD.manifests[expected]);
        assert_eq!(answer.header("content-type"), expected.media_type);
        assert_eq!(answer.header("docker-content-digest"), expected.digest.as_str());
        assert_eq!(answer.bytes, expected.body);
    }
    let subject = &WORLD.manifests[0].digest;
    let referrers = client.get(&format!("/v2/{name}/referrers/{subject}")).await.ok().json();
    let referrers: Vec<&str> = referrers["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|referrer| referrer["digest"].as_str().unwrap())
        .collect();
    let expected: Vec<&str> = repository
        .manifests
        .iter()
        .map(|manifest| &WORLD.manifests[*manifest])
        .filter(|manifest| manifest.subject.as_ref() == Some(subject))
        .map(|manifest| manifest.digest.as_str())
        .collect();
    assert_eq!(referrers, expected);
    for (tag, name) in TAGS.iter().enumerate() {
        let answer = client.get(&api(number, &format!("/tags/{name}/history"))).await;
        let Some(expected) = repository.history.get(&tag) else {
            answer.status(404);
            continue;
        };
        let answer = answer.ok().json();
        let events: Vec<Value> = answer["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| json!([event["action"], event["digest"], event["previous"]]))
            .collect();
        let expected: Vec<Value> = expected.iter().rev().map(|event| json!(event)).collect();
        assert_eq!(events, expected, "{name}");
    }
}

async fn compare(client: &Client, model: &Model) {
    for number in 0..REPOSITORIES.len() {
        compare_repository(client, number, model).await;
    }
    let catalog = client.get("/v2/_catalog").await.ok().json();
    let names: Vec<&str> = model.0.keys().map(|number| REPOSITORIES[*number]).collect();
    assert_eq!(catalog, json!({ "repositories": names }));
    let listed = client.get("/api/v1/repositories").await.ok().json();
    let listed = listed["repositories"].as_array().unwrap().clone();
    let listed: Vec<&str> = listed.iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    assert_eq!(listed, names);
}

async fn run(steps: &[Step]) {
    // Thousands of changes need not wait for a disk, where there is memory to be had as one.
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let mut berth = TestApp::start_in(Arc::new(directory), Probe::default(), |_| {}).await;
    let (mut client, mut model) = (berth.admin().await, Model::default());
    for step in steps {
        match step {
            Step::Restart => {
                let directory = Arc::clone(&berth.directory);
                berth.stop().await;
                berth = TestApp::start_in(directory, Probe::default(), |_| {}).await;
                client = berth.admin().await;
            }
            Step::LookAtAll => compare(&client, &model).await,
            step => {
                let (status, code) = model.take(step);
                assert_eq!(take(&client, step).await, (status, code.to_owned()), "{step:?}");
            }
        }
        if let Step::PushBlob { to, .. }
        | Step::Mount { to, .. }
        | Step::PushManifest { to, .. }
        | Step::DeleteTag { from: to, .. }
        | Step::DeleteManifest { from: to, .. }
        | Step::DeleteBlob { from: to, .. }
        | Step::DeleteRepository { from: to } = step
        {
            compare_summary(&client, *to, &model).await;
        }
    }
    compare(&client, &model).await;
}

#[test]
fn the_registry_does_what_its_model_does() {
    let config = Config {
        cases: CASES,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..Config::default()
    };
    // The same cases each time: a change that breaks one is the one that is being made.
    let chance = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, chance);
    let result = runner.run(&steps(), |steps| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(&steps));
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}
