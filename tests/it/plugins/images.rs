//! What a plugin sees of images: its own, whole, and nothing else.

use std::io::Write as _;

use berth::oci::Digest;
use berth::plugin::{CallContext, CallError, ImageError, LayerBounds, Outcome, Refusal, Report};
use serde_json::json;

use super::{Host, IMAGES, terms};
use crate::support::{Blob, Image};

/// A file of a layer: a path with content, or what ends in a slash without.
pub(crate) type File<'a> = (&'a str, &'a [u8]);

pub(crate) fn tar(files: &[File<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        if path.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
        }
        builder.append_data(&mut header, path, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

fn image(layers: impl IntoIterator<Item = Vec<u8>>) -> Image {
    Image::new(layers.into_iter().map(Blob::new).collect(), json!({}))
}

const STATUS: &str = "Package: dpkg\nVersion: 1.21\n\nPackage: old\nVersion: 1\n";

/// Three layers, each compressed in another way; the last one deletes and replaces.
fn debian() -> Image {
    image([
        tar(&[
            ("var/lib/dpkg/status", STATUS.as_bytes()),
            ("etc/key.pem", b"-----BEGIN X"),
            ("gone.pem", b"-----BEGIN Y"),
        ]),
        gzip(&tar(&[("home/ann/id_rsa", b"-----BEGIN Z"), ("home/ann/.wh.nothing", b"")])),
        zstd(&tar(&[
            ("var/lib/dpkg/status", b"Package: dpkg\nVersion: 1.22\n"),
            (".wh.gone.pem", b""),
        ])),
    ])
}

async fn scan(host: &Host, repository: &str) -> Result<Report, CallError> {
    let scanner = host.install("useful", &terms(json!({}), &IMAGES)).await;
    let image = host.image(repository, "v1").await;
    host.plugins.scan(&scanner, &CallContext::new("job"), image).await
}

#[tokio::test]
async fn a_scanner_reads_the_merged_filesystem_and_every_layer() {
    let host = Host::start().await;
    let image = debian();
    host.push("team/debian", &image).await;
    let report = scan(&host, "team/debian").await.unwrap();
    let packages: Vec<_> = report
        .packages
        .iter()
        .map(|package| (package.name.as_str(), package.version.as_str()))
        .collect();
    assert_eq!(packages, [("dpkg", "1.22")]);
    let keys: Vec<_> =
        report.findings.iter().filter_map(|finding| finding.path.as_deref()).collect();
    assert_eq!(keys, ["etc/key.pem", "home/ann/id_rsa"]);
    // Both streams of each layer: as stored, and as it was before.
    let sums = |bytes: &[u8]| bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>().to_string();
    let plain = tar(&[("home/ann/id_rsa", b"-----BEGIN Z"), ("home/ann/.wh.nothing", b"")]);
    let stored = &image.blobs()[2].bytes;
    let streams: Vec<_> = report.findings.iter().filter(|finding| finding.id == "layer").collect();
    assert_eq!(streams.len(), 6);
    assert_eq!(streams[2].title, format!("{} stored", stored.len()));
    assert_eq!(streams[2].version, Some(sums(stored)));
    assert_eq!(streams[3].title, format!("{} plain", plain.len()));
    assert_eq!(streams[3].version, Some(sums(&plain)));
    // What is not compressed takes no room.
    let unpacked = host.plugins.layers().used();
    assert_eq!(
        unpacked,
        plain.len() as u64
            + tar(&[
                ("var/lib/dpkg/status", b"Package: dpkg\nVersion: 1.22\n"),
                (".wh.gone.pem", b"")
            ])
            .len() as u64
    );
    // A second scan unpacks nothing.
    scan(&host, "team/debian").await.unwrap();
    assert_eq!(host.plugins.layers().used(), unpacked);
}

#[tokio::test]
async fn a_plugin_reads_only_what_hangs_on_its_image() {
    let host = Host::start().await;
    let secret = image([gzip(&tar(&[("secret", b"s3cret")]))]);
    host.push("other/secret", &secret).await;
    host.push("team/secret", &Image::of(["in the same repository, of another image"])).await;
    let mine = debian();
    host.push("team/app", &mine).await;
    let source = host.image("team/app", "v1").await;
    let ask = async |deed: &str, what: &str| {
        host.install("hostile", &terms(json!({ "do": deed, "what": what }), &IMAGES)).await;
        match host.ask(Some(&source)).await.outcome {
            Outcome::Unavailable { error: CallError::Refused { kind, .. }, .. } => Err(kind),
            Outcome::Allowed => Ok(()),
            other => panic!("{other:?}"),
        }
    };
    let foreign: &Digest = &secret.blobs()[1].digest;
    assert_eq!(ask("blob", foreign.as_str()).await, Err(Refusal::Denied));
    assert_eq!(ask("blob", &format!("sha256:{}", "0".repeat(64))).await, Err(Refusal::Denied));
    assert_eq!(ask("blob", "../../etc/passwd").await, Err(Refusal::Invalid));
    assert_eq!(ask("blob", mine.blobs()[1].digest.as_str()).await, Ok(()));
    assert_eq!(ask("blob", mine.blobs()[0].digest.as_str()).await, Ok(()), "the configuration");
    for deed in ["child", "referrer"] {
        let manifest = secret.digest();
        assert_eq!(ask(deed, manifest.as_str()).await, Err(Refusal::Denied), "{deed}");
        assert_eq!(ask(deed, source.digest().as_str()).await, Err(Refusal::Denied), "{deed}");
    }
    let log = host.plugins.log(&"test.hostile".parse().unwrap());
    assert!(log.iter().any(|line| line.message == format!("`blob {foreign}` was not granted")));
}

#[tokio::test]
async fn a_manifest_that_names_a_foreign_layer_opens_nothing() {
    let host = Host::start().await;
    let secret = image([gzip(&tar(&[("secret", b"s3cret")]))]);
    host.push("other/secret", &secret).await;
    scan(&host, "other/secret").await.unwrap();
    // Asked about before it is stored, as a push is: what it names has not been looked at yet.
    let (meta, blobs) = (host.berth.app.meta.clone(), host.berth.app.blobs.clone());
    let manifest = berth::oci::Manifest::parse(secret.manifest().into(), None).unwrap();
    let thief = berth::plugin::ImageSource::in_registry(
        meta,
        blobs,
        "team/thief".parse().unwrap(),
        secret.digest(),
        manifest.into(),
    );
    // Also while the unpacked layer and its filesystem are in somebody's hands.
    let held = host.plugins.layers().rootfs(&host.image("other/secret", "v1").await).await.unwrap();
    assert!(held.open("secret").is_ok());
    let refused = host.plugins.layers().rootfs(&thief).await;
    assert!(matches!(refused, Err(ImageError::Unknown(_))), "{refused:?}");
    host.install("hostile", &terms(json!({ "do": "file", "what": "secret" }), &IMAGES)).await;
    let outcome = host.ask(Some(&thief)).await.outcome;
    let Outcome::Unavailable { error: CallError::Refused { kind, .. }, .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(kind, Refusal::NotFound);
}

#[tokio::test]
async fn what_was_not_granted_of_an_image_is_refused_by_name() {
    let host = Host::start().await;
    host.push("team/app", &debian()).await;
    let source = host.image("team/app", "v1").await;
    let name =
        host.install("hostile", &terms(json!({ "do": "file", "what": "etc/key.pem" }), &[])).await;
    let outcome = host.ask(Some(&source)).await.outcome;
    let Outcome::Unavailable { error: CallError::Refused { kind, message }, .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!((kind, message.as_str()), (Refusal::Denied, "`image content` was not granted"));
    assert_eq!(host.plugins.log(&name).last().unwrap().message, message);
    host.install("hostile", &terms(json!({ "do": "file", "what": "/etc/key.pem" }), &IMAGES)).await;
    assert_eq!(host.ask(Some(&source)).await.notes[0].audit["said"], "-----BEGIN X");
    host.install(
        "hostile",
        &terms(json!({ "do": "file", "what": "../../../../etc/key.pem" }), &IMAGES),
    )
    .await;
    assert_eq!(host.ask(Some(&source)).await.notes[0].audit["said"], "-----BEGIN X");
}

#[tokio::test]
async fn what_is_no_layer_is_told_and_what_is_damaged_as_well() {
    let host = Host::start().await;
    let cut = gzip(&tar(&[("a", &vec![b'a'; 100_000])]));
    for (repository, layer, expected) in [
        ("team/text", b"hello".to_vec(), "no tar archive"),
        ("team/cut", cut[..cut.len() / 2].to_vec(), "cannot be decompressed"),
    ] {
        host.push(repository, &image([layer])).await;
        let source = host.image(repository, "v1").await;
        let error = host.plugins.layers().rootfs(&source).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert_eq!(host.plugins.layers().used(), 0, "nothing of what failed takes room");
}

#[tokio::test]
async fn a_bomb_is_not_unpacked() {
    let bounds = LayerBounds { total: 64 << 20, layer: 8 << 20, files: 100 };
    let host = Host::start_with(|options| options.layers = bounds).await;
    let large = gzip(&tar(&[("zeros", &vec![0; 9 << 20])]));
    assert!(large.len() < 100_000);
    host.push("team/bomb", &image([large])).await;
    let error =
        host.plugins.layers().rootfs(&host.image("team/bomb", "v1").await).await.unwrap_err();
    assert!(matches!(error, ImageError::Bomb { most, .. } if most == 8 << 20), "{error}");
    let names: Vec<String> = (0..101).map(|number| format!("{number}")).collect();
    let many: Vec<File<'_>> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    host.push("team/many", &image([gzip(&tar(&many))])).await;
    let error =
        host.plugins.layers().rootfs(&host.image("team/many", "v1").await).await.unwrap_err();
    assert!(error.to_string().contains("more than 100 entries"), "{error}");
    // Over several layers.
    host.push("team/two", &image([gzip(&tar(&many[..60])), gzip(&tar(&many[40..]))])).await;
    let error =
        host.plugins.layers().rootfs(&host.image("team/two", "v1").await).await.unwrap_err();
    assert!(matches!(error, ImageError::TooMany(100)), "{error}");
    assert!(host.plugins.layers().used() < 1 << 20);
}

#[tokio::test]
async fn unused_layers_make_room_and_used_ones_do_not() {
    // Room for two steps.
    let bounds = LayerBounds { total: 32 << 20, layer: 16 << 20, files: 1000 };
    let host = Host::start_with(|options| options.layers = bounds).await;
    let content = |letter: u8| vec![letter; 12 << 20];
    for (repository, letter) in [("team/a", b'a'), ("team/b", b'b'), ("team/c", b'c')] {
        host.push(repository, &image([gzip(&tar(&[("file", &content(letter))]))])).await;
    }
    let layers = host.plugins.layers();
    let a = layers.rootfs(&host.image("team/a", "v1").await).await.unwrap();
    let b = layers.rootfs(&host.image("team/b", "v1").await).await.unwrap();
    let refused = layers.rootfs(&host.image("team/c", "v1").await).await;
    assert!(matches!(refused, Err(ImageError::NoRoom(_))), "{refused:?}");
    assert_eq!(
        &*a.open("file").unwrap().read_at(5, 3).unwrap(),
        b"aaa",
        "what is used stays readable"
    );
    drop(a);
    let c = layers.rootfs(&host.image("team/c", "v1").await).await.unwrap();
    assert_eq!(&*c.open("file").unwrap().read_at(0, 1).unwrap(), b"c");
    assert_eq!(&*b.open("file").unwrap().read_at(0, 1).unwrap(), b"b");
    assert!(layers.used() <= bounds.total);
    // Nothing has a name on the disk.
    let left =
        std::fs::read_dir(host.berth.directory.path().join("plugins/layers")).unwrap().count();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_search_with_hostile_patterns_is_bounded() {
    let host = Host::start().await;
    let names: Vec<String> =
        (0..300).map(|number| format!("{}{number}", "a".repeat(200))).collect();
    let files: Vec<File<'_>> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    host.push("team/app", &image([tar(&files)])).await;
    let source = host.image("team/app", "v1").await;
    let mut terms = terms(json!({ "do": "glob" }), &IMAGES);
    let mut binding = berth::plugin::Binding::default();
    binding.limits.deadline = "60s".parse().ok();
    terms.hooks.insert(berth::plugin::Hook::Admission, binding);
    host.install("hostile", &terms).await;
    // Whether it ends or is given up: it does not go on.
    match host.ask(Some(&source)).await.outcome {
        Outcome::Allowed => {}
        Outcome::Unavailable { error: CallError::Refused { kind, .. }, .. } => {
            assert_eq!(kind, Refusal::LimitExceeded);
        }
        other => panic!("{other:?}"),
    }
}
