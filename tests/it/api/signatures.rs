//! What signatures of images are worth, by the keys that are trusted.

use berth::config::{Loaded, Overlay, TrustedKey};
use berth::oci::{Algorithm, Digest};
use serde_json::{Value, json};

use crate::support::{Blob, Client, CosignKey, Image, TestApp};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// Berth that trusts a key in `team/**`.
async fn start(key: &CosignKey) -> TestApp {
    let pem = key.pem();
    TestApp::start_with(|config| {
        config.signatures.keys = vec![TrustedKey {
            name: "release".to_owned(),
            key: pem,
            repositories: vec!["team/**".parse().unwrap()],
        }];
    })
    .await
}

async fn push(client: &Client, repository: &str) -> Image {
    let image = Image::of(["hello"]);
    client.push(repository, "v1", &image).await;
    image
}

/// Something that refers to an image, of one layer.
async fn refer(client: &Client, to: &Image, kind: &str, layer: Blob, its: Value) -> Digest {
    let more = json!({ "artifactType": kind, "subject": to.descriptor(), "layers": [its] });
    let referrer = Image::new(vec![layer], more);
    client.push("team/app", referrer.digest().as_str(), &referrer).await;
    referrer.digest()
}

async fn referrers(client: &Client, repository: &str) -> Value {
    let name = repository.replace('/', "%2F");
    client.get(&format!("/api/v1/repositories/{name}/manifests/v1/referrers")).await.ok().json()
}

/// What is said of one referrer.
async fn said_of(client: &Client, digest: &Digest) -> Value {
    let list = referrers(client, "team/app").await;
    let of = |one: &&Value| one["digest"] == digest.as_str();
    list["referrers"].as_array().unwrap().iter().find(of).unwrap()["signature"].clone()
}

async fn tagged(client: &Client, repository: &str) -> Vec<Value> {
    let list = referrers(client, repository).await;
    let all = list["tagged_signatures"].as_array().unwrap();
    all.iter().map(|one| one["signature"].clone()).collect()
}

fn verified() -> Value {
    json!({ "state": "verified", "key": "release", "reason": null })
}

fn unknown_key() -> Value {
    json!({ "state": "unknown-key", "key": null, "reason": null })
}

#[tokio::test]
async fn a_signature_under_a_tag_is_verified_if_a_trusted_key_has_made_it() {
    let (mine, other) = (CosignKey::new(), CosignKey::new());
    let berth = start(&mine).await;
    let admin = berth.admin().await;
    let image = push(&admin, "team/app").await;
    assert_eq!(tagged(&admin, "team/app").await, [] as [Value; 0]);
    other.sign(&admin, "team/app", &image.digest(), &image.digest()).await;
    assert_eq!(tagged(&admin, "team/app").await, [unknown_key()]);
    mine.sign(&admin, "team/app", &image.digest(), &image.digest()).await;
    assert_eq!(tagged(&admin, "team/app").await, [verified()]);
    let elsewhere = Algorithm::Sha256.digest(b"another image");
    mine.sign(&admin, "team/app", &elsewhere, &image.digest()).await;
    let said = tagged(&admin, "team/app").await;
    assert_eq!(said[0]["state"], "invalid");
    assert!(said[0]["reason"].as_str().unwrap().contains(elsewhere.as_str()), "{said:?}");

    // The key does not count there.
    let image = push(&admin, "elsewhere/app").await;
    mine.sign(&admin, "elsewhere/app", &image.digest(), &image.digest()).await;
    let said = tagged(&admin, "elsewhere/app").await;
    assert_eq!(said[0]["state"], "unchecked");
    assert!(said[0]["reason"].as_str().unwrap().contains("no key is trusted"), "{said:?}");
}

#[tokio::test]
async fn referrers_that_are_signatures_are_checked_in_each_form() {
    let (mine, other) = (CosignKey::new(), CosignKey::new());
    let berth = start(&mine).await;
    let admin = berth.admin().await;
    let image = push(&admin, "team/app").await;
    let bundle = async |bundle: Blob| {
        let its = bundle.descriptor(BUNDLE);
        let digest = refer(&admin, &image, BUNDLE, bundle, its).await;
        said_of(&admin, &digest).await
    };
    assert_eq!(bundle(mine.bundle(&image.digest(), &mine)).await, verified());
    assert_eq!(bundle(other.bundle(&image.digest(), &other)).await, unknown_key());
    let elsewhere = Algorithm::Sha256.digest(b"another image");
    assert_eq!(bundle(mine.bundle(&elsewhere, &mine)).await["state"], "invalid");
    // It says to be of the trusted key.
    let forged = bundle(other.bundle(&image.digest(), &mine)).await;
    assert_eq!(forged["state"], "invalid", "{forged}");
    let large = bundle(Blob::random(3 << 20, 1)).await;
    assert_eq!(large["state"], "unchecked");
    assert!(large["reason"].as_str().unwrap().contains("bytes"), "{large}");
    assert_eq!(bundle(Blob::new("no JSON")).await["state"], "invalid");

    let (payload, layer) = mine.statement(&image.digest());
    let kind = "application/vnd.dev.cosign.artifact.sig.v1+json";
    let digest = refer(&admin, &image, kind, payload, layer).await;
    assert_eq!(said_of(&admin, &digest).await, verified());
    let of_notation = Blob::new("{}");
    let its = of_notation.descriptor("application/jose+json");
    let kind = "application/vnd.cncf.notary.signature";
    let digest = refer(&admin, &image, kind, of_notation, its).await;
    let said = said_of(&admin, &digest).await;
    assert_eq!(said["state"], "unchecked");
    assert!(said["reason"].as_str().unwrap().contains("notation"), "{said}");
    // What signs nothing has no such state.
    let sbom = Blob::new("{}");
    let its = sbom.descriptor("application/spdx+json");
    let digest = refer(&admin, &image, "application/spdx+json", sbom, its).await;
    assert_eq!(said_of(&admin, &digest).await, Value::Null);
}

#[tokio::test]
async fn a_key_may_be_in_a_file_that_is_replaced_or_gone() {
    let (old, new) = (CosignKey::new(), CosignKey::new());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("release.pub");
    std::fs::write(&path, old.pem()).unwrap();
    let (name, key) = ("release".to_owned(), path.to_str().unwrap().to_owned());
    let berth = TestApp::start_with(|config| {
        config.signatures.keys = vec![TrustedKey { name, key, repositories: Vec::new() }];
    })
    .await;
    let admin = berth.admin().await;
    let image = push(&admin, "app").await;
    new.sign(&admin, "app", &image.digest(), &image.digest()).await;
    assert_eq!(tagged(&admin, "app").await, [unknown_key()]);
    std::fs::write(&path, new.pem()).unwrap();
    assert_eq!(tagged(&admin, "app").await, [verified()]);
    std::fs::remove_file(&path).unwrap();
    let said = tagged(&admin, "app").await;
    assert_eq!(said[0]["state"], "unchecked");
    assert!(said[0]["reason"].as_str().unwrap().contains("`release` cannot be used"), "{said:?}");
}

#[test]
fn keys_are_checked_when_the_configuration_is_read() {
    let load = |text: &str| {
        let file = Some(("berth.toml".into(), text.to_owned()));
        Loaded::load(&Overlay { file, ..Overlay::default() })
    };
    let pem = CosignKey::new().pem();
    let one = |name: &str, key: &str| {
        format!(
            "[[signatures.keys]]\nname = {name:?}\nkey = {key:?}\nrepositories = [\"team/**\"]\n"
        )
    };
    assert_eq!(load(&one("a", &pem)).unwrap().config.signatures.keys.len(), 1);
    let broken = pem.replace("MFkw", "AAAA");
    for (text, said) in [
        (one("a", "a.pub") + &one("a", "b.pub"), "two keys are called `a`"),
        (one("", "a.pub"), "needs a `name`"),
        (one("a", &broken), "no public key"),
        (one("a", "a.pub").replace("team", "T"), "no pattern"),
    ] {
        let problems = load(&text).unwrap_err().to_string();
        assert!(problems.contains(said) && problems.contains("signatures.keys"), "{problems}");
    }
}
