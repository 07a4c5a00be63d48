//! `berth copy`: the real program, between whole Berths, directories and files.

mod cuts;
mod person;
mod proxy;
mod strangers;

use serde_json::json;

pub(crate) use person::Person;

use crate::support::{Blob, Client, Image, TestApp};
use berth::oci::{Algorithm, Digest, MediaType};

/// An index with two platforms, pushed under a tag. Its spacing is its own, so that a rewritten one is noticed.
async fn push_index(client: &Client, repository: &str, tag: &str) -> Digest {
    let mut entries = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let config = Blob::new(json!({ "os": "linux", "architecture": architecture }).to_string());
        let layers = [Blob::random(3 << 20, 1), Blob::new(format!("for {architecture}"))];
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_MANIFEST,
            "config": config.descriptor("application/vnd.oci.image.config.v1+json"),
            "layers": layers.each_ref().map(|layer| layer.descriptor("application/vnd.oci.image.layer.v1.tar")),
        });
        for blob in layers.iter().chain([&config]) {
            client.push_blob(repository, blob).await;
        }
        let manifest = Blob::new(serde_json::to_vec_pretty(&manifest).unwrap());
        let digest = manifest.digest.to_string();
        client
            .put_manifest(repository, &digest, MediaType::OCI_MANIFEST, manifest.bytes.clone())
            .await
            .status(201);
        let mut entry = manifest.descriptor(MediaType::OCI_MANIFEST);
        entry["platform"] = json!({ "os": "linux", "architecture": architecture });
        entries.push(entry);
    }
    let index =
        json!({ "schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": entries });
    let index = format!(" {}\n", serde_json::to_string_pretty(&index).unwrap());
    client.put_manifest(repository, tag, MediaType::OCI_INDEX, index.clone()).await.status(201);
    Algorithm::Sha256.digest(index.as_bytes())
}

/// Pushes a manifest that refers to another one.
async fn push_referrer(client: &Client, repository: &str, subject: &Digest, text: &str) -> Digest {
    let subject = json!({ "mediaType": MediaType::OCI_INDEX, "digest": subject, "size": 1 });
    let more = json!({ "artifactType": "application/x.signature", "subject": subject });
    let image = Image::new(vec![Blob::new(text)], more);
    for blob in image.blobs() {
        client.push_blob(repository, blob).await;
    }
    let digest = image.digest();
    client
        .put_manifest(repository, digest.as_str(), image.media_type(), image.manifest())
        .await
        .status(201);
    digest
}

async fn referrers(client: &Client, repository: &str, subject: &Digest) -> Vec<String> {
    let listed = client.get(&format!("/v2/{repository}/referrers/{subject}")).await.ok().json();
    let digests = listed["manifests"].as_array().unwrap().iter();
    digests.map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_image_goes_through_every_kind_of_place_and_stays_the_same() {
    let (old, new) = (TestApp::start().await, TestApp::start().await);
    let digest = push_index(&old.admin().await, "team/app", "v1").await;
    let ann = Person::new();
    ann.logs_in(&old).await;
    new.admin().await;
    ann.logs_in(&new).await;
    let from = format!("{}/team/app:v1", old.address());
    let to = format!("{}/a/b/c:copied", new.address());
    for (source, target) in [
        (from.as_str(), "oci-archive:one.tar"),
        ("oci-archive:one.tar", "oci:two:renamed"),
        ("oci:two", "oci-archive:three.tar"),
        ("oci-archive:three.tar:renamed", to.as_str()),
    ] {
        let said = ann.berth(["copy", source, target]).await.ok();
        assert!(said.stdout.starts_with(digest.as_str()), "{said:?}");
    }
    let copied = new.admin().await.get("/v2/a/b/c/manifests/copied").await.ok();
    let original = old.admin().await.get("/v2/team/app/manifests/v1").await.ok();
    assert_eq!(copied.bytes, original.bytes);
    assert_eq!(copied.header("content-type"), MediaType::OCI_INDEX);
    let again = ann.berth(["copy", &to, "oci:again", "--json", "-q"]).await.ok().json();
    assert_eq!(again["images"][0], json!({ "digest": digest, "tag": "copied" }));
    assert_eq!((&again["manifests"], &again["blobs_transferred"]), (&json!(3), &json!(5)));
}

#[tokio::test]
async fn what_is_there_is_not_sent_and_what_lies_beside_is_mounted() {
    let app = TestApp::start().await;
    push_index(&app.admin().await, "team/app", "v1").await;
    let ann = Person::new();
    ann.logs_in(&app).await;
    let from = format!("{}/team/app:v1", app.address());
    let to = format!("{}/other/app", app.address());
    let first = ann.berth(["copy", &from, &to, "--json"]).await.ok().json();
    assert_eq!((&first["blobs_mounted"], &first["bytes_transferred"]), (&json!(5), &json!(0)));
    let second = ann.berth(["copy", &from, &to, "--json"]).await.ok().json();
    assert_eq!((&second["blobs_present"], &second["blobs_mounted"]), (&json!(5), &json!(0)));
}

#[tokio::test]
async fn one_platform_is_copied_alone() {
    let app = TestApp::start().await;
    push_index(&app.admin().await, "team/app", "v1").await;
    let ann = Person::new();
    ann.logs_in(&app).await;
    let from = format!("{}/team/app:v1", app.address());
    let copy = |platform: &'static str, to: &'static str| {
        ann.berth(["copy", &from, to, "--platform", platform, "--json"])
    };
    let one = copy("linux/aarch64", "oci:arm").await.ok().json();
    assert_eq!((&one["manifests"], &one["blobs_transferred"]), (&json!(1), &json!(3)));
    copy("linux/s390x", "oci:none").await.exit(1).says(["linux/s390x", "linux/amd64, linux/arm64"]);
    assert!(!ann.home().join("none").exists(), "nothing is left of a copy that could not begin");
    // The single image knows by its configuration what it is for.
    ann.berth(["copy", "oci:arm", "oci:x", "--platform", "linux/arm64"]).await.ok();
    ann.berth(["copy", "oci:arm", "oci:y", "--platform", "linux/amd64"])
        .await
        .exit(1)
        .says(["linux/arm64"]);
}

#[tokio::test]
async fn referrers_come_along_through_places_that_know_them_and_places_that_do_not() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let subject = push_index(&admin, "team/app", "v1").await;
    let signature = push_referrer(&admin, "team/app", &subject, "signature").await;
    let countersigned = push_referrer(&admin, "team/app", &signature, "countersignature").await;
    let old_style = format!("sha256-{}.sig", subject.hex());
    admin.push("team/app", &old_style, &Image::of(["cosign 2"])).await;
    let ann = Person::new();
    ann.logs_in(&app).await;
    let from = format!("{}/team/app:v1", app.address());
    let to = format!("{}/other/app", app.address());
    for (source, target) in [
        (from.as_str(), "oci:dir"),
        ("oci:dir:v1", "oci-archive:a.tar"),
        ("oci-archive:a.tar:v1", &to),
    ] {
        ann.berth(["copy", source, target, "--referrers"]).await.ok();
    }
    assert_eq!(referrers(&admin, "other/app", &subject).await, [signature.to_string()]);
    assert_eq!(referrers(&admin, "other/app", &signature).await, [countersigned.to_string()]);
    admin.get(&format!("/v2/other/app/manifests/{old_style}")).await.ok();
    let without = format!("{}/third/app", app.address());
    ann.berth(["copy", &from, &without]).await.ok();
    assert!(referrers(&admin, "third/app", &subject).await.is_empty());
}

#[tokio::test]
async fn all_tags_are_copied() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let image = Image::of(["one"]);
    for tag in ["v1", "v2", "v3"] {
        admin.push("team/app", tag, &image).await;
    }
    admin.push("team/app", "other", &Image::of(["other"])).await;
    let ann = Person::new();
    ann.logs_in(&app).await;
    let place = |name: &str| format!("{}/{name}", app.address());
    let (from, to) = (place("team/app"), place("new/app"));
    ann.berth(["copy", &from, "oci-archive:all.tar", "--all-tags"]).await.ok();
    let said = ann.berth(["copy", "oci-archive:all.tar", &to, "--all-tags"]).await.ok();
    assert_eq!(said.stdout.lines().count(), 4);
    let tags = admin.get("/v2/new/app/tags/list").await.ok().json();
    assert_eq!(tags["tags"], json!(["other", "v1", "v2", "v3"]));
    ann.berth(["copy", &from, &place("x:v1"), "--all-tags"]).await.exit(2).says(["--all-tags"]);
    ann.berth(["copy", "oci-archive:all.tar", &to]).await.exit(1).says(["several images", "v3"]);
}

#[tokio::test]
async fn long_digests_are_copied_like_short_ones() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let layer = Blob::with(Algorithm::Sha512, "hashed at length");
    let image = Image::new(vec![layer], json!({}));
    admin.push("team/app", "v1", &image).await;
    let ann = Person::new();
    ann.logs_in(&app).await;
    let from = format!("{}/team/app:v1", app.address());
    ann.berth(["copy", &from, "oci-archive:long.tar"]).await.ok();
    ann.berth(["copy", "oci-archive:long.tar", "oci:long"]).await.ok();
    let to = format!("{}/other/long:v1", app.address());
    ann.berth(["copy", "oci:long", &to]).await.ok();
    assert_eq!(admin.get("/v2/other/long/manifests/v1").await.ok().bytes, image.manifest());
}

#[tokio::test]
async fn a_damaged_directory_is_not_copied() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let layer = Blob::random(2 << 20, 7);
    admin.push("team/app", "v1", &Image::new(vec![layer.clone()], json!({}))).await;
    let ann = Person::new();
    ann.logs_in(&app).await;
    let from = format!("{}/team/app:v1", app.address());
    ann.berth(["copy", &from, "oci:dir"]).await.ok();
    let path = ann.home().join("dir/blobs/sha256").join(layer.digest.hex());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[1_000_000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let to = format!("{}/broken/app:v1", app.address());
    ann.berth(["copy", "oci:dir", &to]).await.exit(1).says(["digest"]);
    ann.berth(["copy", "oci:dir", "oci-archive:a.tar"]).await.exit(1).says([layer.digest.hex()]);
    ann.berth(["copy", "oci:dir", "oci:other"]).await.exit(1).says([layer.digest.hex()]);
    assert!(!ann.home().join("a.tar").exists());
    admin.get("/v2/broken/app/manifests/v1").await.status(404);
    admin.head(&format!("/v2/broken/app/blobs/{}", layer.digest)).await.status(404);
}

#[tokio::test]
async fn mistakes_are_told_with_what_to_do() {
    let app = TestApp::start().await;
    app.admin().await;
    let ann = Person::new();
    let here = format!("{}/team/app", app.address());
    ann.berth(["copy", "alpine", "oci:x"]).await.exit(2).says(["docker.io/NAME"]);
    ann.berth(["copy", "oci:nothing", &here]).await.exit(1).says(["no image layout"]);
    ann.berth(["copy", &here, "oci:x"]).await.exit(1).says(["berth login"]);
    ann.logs_in(&app).await;
    ann.berth(["copy", &here, "oci:x"]).await.exit(1).says(["no manifest latest"]);
    ann.berth(["copy", "127.0.0.1:1/x", "oci:x"]).await.exit(1).says(["cannot reach"]);
    std::fs::create_dir(ann.home().join("full")).unwrap();
    std::fs::write(ann.home().join("full/precious"), "").unwrap();
    app.admin().await.push("team/app", "latest", &Image::of(["one"])).await;
    ann.berth(["copy", &here, "oci:full"]).await.exit(1).says(["nothing was written"]);
    ann.berth(["copy", &here, "docker-archive:x"]).await.exit(1).says(["oci-archive:"]);
    let stranger = Algorithm::Sha256.digest(b"another");
    let to = format!("{here}-copy@{stranger}");
    ann.berth(["copy", &here, &to]).await.exit(1).says(["nothing was copied"]);
}

#[tokio::test]
async fn an_archive_of_docker_save_is_read() {
    let app = TestApp::start().await;
    let ann = Person::new();
    app.admin().await;
    ann.logs_in(&app).await;
    let layer = Blob::random(100_000, 3);
    let config = Blob::new(
        json!({ "os": "linux", "architecture": "amd64", "rootfs": { "type": "layers", "diff_ids": [layer.digest] } })
            .to_string(),
    );
    let names = (format!("{}.json", config.digest.hex()), "abc/layer.tar");
    let index = json!([{ "Config": names.0, "RepoTags": ["team/app:v7"], "Layers": [names.1] }]);
    let file = std::fs::File::create(ann.home().join("saved.tar")).unwrap();
    let mut archive = tar::Builder::new(file);
    let index = index.to_string().into_bytes();
    for (name, bytes) in
        [(names.0.as_str(), &config.bytes), (names.1, &layer.bytes), ("manifest.json", &index)]
    {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    archive.finish().unwrap();
    let to = format!("{}/team/app", app.address());
    ann.berth(["copy", "docker-archive:saved.tar", &to]).await.ok();
    let manifest = app.admin().await.get("/v2/team/app/manifests/v7").await.ok();
    assert_eq!(manifest.json()["layers"][0]["digest"], json!(layer.digest));
    ann.berth(["copy", "oci-archive:saved.tar", &to]).await.exit(1).says(["docker-archive:"]);
}
