//! Moving in and out, on the command line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;

use berth::oci::{Algorithm, Digest};
use serde_json::json;

use crate::support::stored_files::files;
use crate::support::{Blob, Image, Process, Said, berth};

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Writes the files that distribution would have.
struct Tree<'a>(&'a Path);

impl Tree<'_> {
    fn blob(&self, bytes: &[u8]) -> Digest {
        let digest = Algorithm::Sha256.digest(bytes);
        let directory = self.blob_directory(&digest);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("data"), bytes).unwrap();
        digest
    }

    fn blob_directory(&self, digest: &Digest) -> std::path::PathBuf {
        let hex = digest.hex();
        self.0.join("docker/registry/v2/blobs/sha256").join(&hex[..2]).join(hex)
    }

    fn link(&self, repository: &str, below: &str, digest: &Digest) {
        let directory = self.0.join("docker/registry/v2/repositories").join(repository).join(below);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("link"), digest.as_str()).unwrap();
    }

    fn manifest(&self, repository: &str, tag: Option<&str>, bytes: &[u8]) -> Digest {
        let digest = self.blob(bytes);
        self.link(repository, &format!("_manifests/revisions/sha256/{}", digest.hex()), &digest);
        if let Some(tag) = tag {
            self.link(repository, &format!("_manifests/tags/{tag}/current"), &digest);
        }
        digest
    }

    fn image(&self, repository: &str, tag: Option<&str>, image: &Image) -> Digest {
        for blob in image.blobs() {
            let digest = self.blob(&blob.bytes);
            self.link(repository, &format!("_layers/sha256/{}", digest.hex()), &digest);
        }
        self.manifest(repository, tag, &image.manifest())
    }
}

fn import(directory: &Path, arguments: &[&str]) -> Said {
    berth(directory, [&["import"], arguments, &["--data", "data", "-q"]].concat())
}

/// What a registry serves under some references, asked over HTTP.
fn served(data: &Path, wanted: &[(&str, String)]) -> Vec<Option<Vec<u8>>> {
    let process = Process::start(data);
    let found = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let admin = process.admin();
        let mut found = Vec::new();
        for (repository, reference) in wanted {
            let answer = admin.get(&format!("/v2/{repository}/manifests/{reference}")).await;
            found.push((answer.code == 200).then_some(answer.bytes));
        }
        found
    });
    process.terminate();
    found
}

fn layer(text: &str) -> Image {
    Image::new(vec![Blob::new(text.repeat(10_000))], json!({}))
}

#[test]
fn a_tree_of_distribution_is_taken_over_without_copying_its_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let tree = Tree(at);
    let (one, two) = (layer("one"), layer("two"));
    let first = tree.image("team/app", Some("v1"), &one);
    let second = tree.image("team/deep/er", Some("v1"), &one);
    let untagged = tree.image("team/app", None, &two);
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [one.descriptor(), two.descriptor()] });
    let all = tree.manifest("team/app", Some("all"), index.to_string().as_bytes());
    tree.image("other/app", Some("v1"), &one);
    import(at, &[".", "--repository", "team/**"]).ok().says(["took over 3 tags"]);
    let bytes = served(
        &at.join("data"),
        &[
            ("team/app", "v1".into()),
            ("team/deep/er", second.to_string()),
            ("team/app", untagged.to_string()),
            ("team/app", "all".into()),
            ("other/app", "v1".into()),
        ],
    );
    assert_eq!(first, second);
    assert_eq!(
        bytes,
        [
            Some(one.manifest()),
            Some(one.manifest()),
            Some(two.manifest()),
            Some(index.to_string().into_bytes()),
            None,
        ]
    );
    assert_eq!(all, Algorithm::Sha256.digest(index.to_string().as_bytes()));
    // One file with two names: nothing was copied.
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    let theirs = inode(&tree.blob_directory(&one.blobs()[1].digest).join("data"));
    let data = at.join("data");
    let stored = files(&data, "blobs");
    let ours: BTreeSet<_> = stored.keys().map(|path| inode(&data.join(path))).collect();
    assert!(ours.contains(&theirs));
    // Again: all is there, and what was left out is taken now.
    let again = import(at, &[".", "--json"]).ok().json();
    assert_eq!((&again["tags"], &again["blobs_transferred"]), (&json!(4), &json!(0)));
    let bytes = served(&at.join("data"), &[("other/app", "v1".into())]);
    assert_eq!(bytes, [Some(one.manifest())]);
    // The old tree can go.
    fs::remove_dir_all(at.join("docker")).unwrap();
    assert_eq!(served(&at.join("data"), &[("team/app", "v1".into())]), [Some(one.manifest())]);
}

/// What `berth quota list` says that a namespace uses: bytes and tags.
fn used(directory: &Path, namespace: &str) -> (serde_json::Value, serde_json::Value) {
    let list = berth(directory, ["quota", "list", "--json", "--data", "data"]).ok().json();
    let mut quotas = list.as_array().unwrap().iter();
    let quota = quotas.find(|quota| quota["namespace"] == namespace).unwrap();
    (quota["used_bytes"].clone(), quota["used_tags"].clone())
}

/// Whether it came over HTTP or from files: a quota that counted all along and one that counts now agree.
#[test]
fn what_is_taken_over_is_counted_by_quotas_and_kept_within_them() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let tree = Tree(at);
    let quota =
        |arguments: &[&str]| berth(at, [&["quota"], arguments, &["--data", "data"]].concat());
    tree.image("other/app", Some("v1"), &layer("one"));
    import(at, &["."]).ok();
    quota(&["set", "team", "--size", "1MiB", "--tags", "3"]).ok();
    for (repository, tag, text) in
        [("team/app", "v1", "one"), ("team/er", "v1", "two"), ("team/er", "v2", "two")]
    {
        tree.image(repository, Some(tag), &layer(text));
    }
    // What both have counts once.
    let (one, two) = (layer("one"), layer("two"));
    let blobs: BTreeMap<_, _> = [&one, &two]
        .iter()
        .flat_map(|image| image.blobs())
        .map(|blob| (&blob.digest, blob.bytes.len()))
        .collect();
    let size = blobs.values().sum::<usize>() + one.manifest().len() + two.manifest().len();
    import(at, &["."]).ok();
    let counted = used(at, "team");
    quota(&["remove", "team"]).ok();
    quota(&["set", "team", "--size", "1MiB", "--tags", "3"]).ok();
    assert_eq!(counted, used(at, "team"));
    assert_eq!(counted, (json!(size), json!(3)));
    tree.image("team/app", Some("v2"), &layer("three"));
    import(at, &["."]).exit(1).says(["team", "3 tags"]);
    assert_eq!(counted.1, used(at, "team").1);
}

#[test]
fn what_is_damaged_or_hostile_in_a_tree_is_named_and_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let tree = Tree(at);
    let [good, damaged, missing, linked, lying] =
        ["good", "damaged", "missing", "linked", "lying"].map(layer);
    for (tag, image) in [
        ("good", &good),
        ("damaged", &damaged),
        ("missing", &missing),
        ("linked", &linked),
        ("lying", &lying),
    ] {
        tree.image("team/app", Some(tag), image);
    }
    let data = |image: &Image| tree.blob_directory(&image.blobs()[1].digest).join("data");
    let mut bytes = fs::read(data(&damaged)).unwrap();
    bytes[5] ^= 1;
    fs::write(data(&damaged), bytes).unwrap();
    fs::remove_file(data(&missing)).unwrap();
    // The right bytes behind a link would be taken from outside of the tree.
    fs::rename(data(&linked), at.join("outside")).unwrap();
    symlink(at.join("outside"), data(&linked)).unwrap();
    // A manifest that is not what its name says.
    fs::write(tree.blob_directory(&lying.digest()).join("data"), good.manifest()).unwrap();
    symlink("/", at.join("docker/registry/v2/repositories/root")).unwrap();
    let said = import(at, &["."]).exit(1);
    for tag in ["damaged", "missing", "linked", "lying"] {
        assert!(said.stderr.contains(&format!("not team/app:{tag}: ")), "{said:?}");
    }
    let tags = ["good", "damaged", "missing", "linked", "lying"];
    let wanted = tags.map(|tag| ("team/app", tag.to_owned()));
    let found = served(&at.join("data"), &wanted);
    assert_eq!(found, [Some(good.manifest()), None, None, None, None]);
    assert!(at.join("outside").is_file());
}

#[test]
fn what_is_exported_and_imported_is_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (one, two) = (layer("one"), layer("two"));
    let signature = Image::new(vec![Blob::new("{}")], json!({ "subject": one.descriptor() }));
    let process = Process::start(&at.join("data"));
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let admin = process.admin();
        admin.push("team/app", "v1", &one).await;
        admin.push("team/other", "v2", &two).await;
        for blob in signature.blobs() {
            admin.push_blob("team/app", blob).await;
        }
        let digest = signature.digest();
        let put = admin.put_manifest(
            "team/app",
            digest.as_str(),
            signature.media_type(),
            signature.manifest(),
        );
        put.await.status(201);
    });
    let v1_digest = format!("team/app@{}", one.digest());
    let export = |arguments: &[&str]| {
        berth(at, [&["export"], arguments, &["--data", "data", "-q"]].concat())
    };
    // Also beside a Berth that serves.
    for to in ["all.tar", "all"] {
        let said = export(&["team/app:v1", "team/other:v2", "--to", to, "--referrers"]).ok();
        assert_eq!(said.stdout.lines().count(), 2, "{said:?}");
    }
    export(&[&v1_digest, "--to", "one.tar"]).ok();
    export(&["team/app:v1", "team/other:v1", "--to", "x.tar"]).exit(1).says(["the same name"]);
    export(&["team/app", "--to", "x.tar"]).exit(1).says(["names no image"]);
    export(&["team/app:v9", "--to", "x.tar"]).exit(1).says(["there is no team/app:v9"]);
    assert!(!at.join("x.tar").exists());
    // A data directory that is served takes nothing in.
    import(at, &["one.tar", "--into", "team/new"]).exit(1).says(["is used by another Berth"]);
    process.terminate();
    let into = |data: &str, arguments: &[&str]| {
        berth(at, [&["import"], arguments, &["--data", data, "-q"]].concat())
    };
    let tar = fs::read(at.join("all.tar")).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar).unwrap();
    fs::write(at.join("all.tar.gz"), gzip.finish().unwrap()).unwrap();
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    fs::write(at.join("all.tar.zst"), ruzstd::encoding::compress_to_vec(&tar[..], level)).unwrap();
    for (source, data) in
        [("all.tar", "b"), ("all", "c"), ("all.tar.gz", "e"), ("all.tar.zst", "f")]
    {
        into(data, &[source, "--into", "new/app"]).ok().says(["took over 2 tags"]);
        let found = served(
            &at.join(data),
            &[
                ("new/app", "v1".into()),
                ("new/app", "v2".into()),
                ("new/app", signature.digest().to_string()),
            ],
        );
        assert_eq!(found, [Some(one.manifest()), Some(two.manifest()), Some(signature.manifest())]);
    }
    into("d", &["one.tar", "--into", "new/app"]).ok().says(["1 manifest without one"]);
    into("d", &["all.tar", "--into", "new/app", "--tag", "v2"]).ok().says(["took over 1 tag"]);
    // The layout out of the second registry is byte for byte that of the first.
    let export = |data: &str, to: &str| {
        berth(at, ["export", "new/app:v1", "--to", to, "--data", data, "-q"]).ok();
        let mut files = Vec::new();
        for entry in fs::read_dir(at.join(to).join("blobs/sha256")).unwrap() {
            files.push(entry.unwrap().file_name());
        }
        files.sort();
        (files, fs::read(at.join(to).join("index.json")).unwrap())
    };
    assert_eq!(export("b", "again-b"), export("c", "again-c"));
}

#[test]
fn archives_that_are_none_change_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let tar = |name: &str, files: &[(&str, &[u8])]| {
        let mut archive = tar::Builder::new(fs::File::create(at.join(name)).unwrap());
        for (path, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            // As it stands, also where `tar` would refuse to write it.
            let field = &mut header.as_old_mut().name;
            field[..path.len()].copy_from_slice(path.as_bytes());
            header.set_cksum();
            archive.append(&header, *bytes).unwrap();
        }
        archive.finish().unwrap();
    };
    let image = layer("x");
    let index = |digest: &Digest| -> Vec<u8> {
        let size = image.manifest().len();
        json!({ "schemaVersion": 2, "manifests": [{ "mediaType": image.media_type(), "digest": digest, "size": size,
                "annotations": { "org.opencontainers.image.ref.name": "v1" } }] })
        .to_string()
        .into_bytes()
    };
    let layout: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
    let (good, manifest) = (index(&image.digest()), image.manifest());
    let name = format!("blobs/sha256/{}", image.digest().hex());
    tar("empty.tar", &[]);
    tar("lying.tar", &[("oci-layout", layout), ("index.json", &good), (&name, b"{}")]);
    tar("lacking.tar", &[("oci-layout", layout), ("index.json", &good), (&name, &manifest)]);
    tar(
        "outside.tar",
        &[
            ("oci-layout", layout),
            ("index.json", &good),
            ("../../evil", b"x"),
            (&format!("../{name}"), &manifest),
        ],
    );
    fs::write(at.join("noise.tar"), [7; 3000]).unwrap();
    fs::write(at.join("cut.tar.gz"), [0x1f, 0x8b, 8, 0]).unwrap();
    fs::write(at.join("packed.tar.xz"), b"\xfd7zXZ\0 and more").unwrap();
    for (file, word) in [
        ("empty.tar", "is no image archive"),
        ("lying.tar", "sha256:"),
        ("lacking.tar", "lacks the blob"),
        ("outside.tar", "v1"),
        ("noise.tar", "noise.tar"),
        ("cut.tar.gz", "cannot unpack"),
        ("packed.tar.xz", "unpack it first, with `xz -dk`"),
    ] {
        let said = import(at, &[file, "--into", "team/app"]).exit(1);
        assert!(said.stderr.contains(word), "{file}: {said:?}");
    }
    assert!(!at.parent().unwrap().join("evil").exists());
    assert_eq!(served(&at.join("data"), &[("team/app", "v1".into())]), [None]);
    for (source, word) in [
        ("nothing", "no file or directory"),
        (".", "neither an image layout"),
        ("lacking.tar", "--into team/app"),
    ] {
        import(at, &[source]).exit(1).says([word]);
    }
}

/// What is known to be damaged is not written out, and is mended by what comes in.
#[test]
fn a_damaged_blob_is_not_exported_and_is_mended_by_an_import() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let image = layer("one");
    let process = Process::start(&at.join("data"));
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        process.admin().push("team/app", "v1", &image).await;
    });
    process.terminate();
    let export =
        |to: &str| berth(at, ["export", "team/app:v1", "--to", to, "--data", "data", "-q"]);
    export("whole.tar").ok();
    let damaged = &image.blobs()[1].digest;
    let database = rusqlite::Connection::open(at.join("data/berth.db")).unwrap();
    let mark = "INSERT INTO damaged_blob (blob_id, reason, found_at)
                SELECT id, 'missing', 1 FROM blob WHERE digest = $1";
    assert_eq!(database.execute(mark, [damaged.as_str()]).unwrap(), 1);
    drop(database);
    export("lacking.tar").exit(1).says([damaged.as_str(), "push it again"]);
    import(at, &["whole.tar", "--into", "team/app"]).ok().says(["took over 1 tag"]);
    export("again.tar").ok();
}
