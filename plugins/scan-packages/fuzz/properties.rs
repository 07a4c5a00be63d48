//! What must hold for whatever an image, a document or an export contains.

use std::convert::Infallible;

use berth_advisories::version::Order;
use berth_advisories::{Advisory, Options as Matching, find};
use berth_packages::{Memory, Options, scan};
use berth_sbom::{Inventory, Subject, cyclonedx, read, spdx};
use berth_unzip::{Archive, ReadAt};

/// Every path that is looked at, with the permissions that it needs for that.
const PATHS: [(&str, u32); 20] = [
    ("etc/os-release", 0o644),
    ("var/lib/dpkg/status", 0o644),
    ("var/lib/dpkg/status.d/a", 0o644),
    ("var/lib/dpkg/info/a.list", 0o644),
    ("lib/apk/db/installed", 0o644),
    ("var/lib/rpm/rpmdb.sqlite", 0o644),
    ("var/lib/rpm/rpmdb.sqlite-wal", 0o644),
    ("var/lib/rpm/Packages.db", 0o644),
    ("var/lib/rpm/Packages", 0o644),
    ("var/lib/rpmmanifest/container-manifest-2", 0o644),
    ("a/node_modules/b/package.json", 0o644),
    ("c/package-lock.json", 0o644),
    ("d/a.dist-info/METADATA", 0o644),
    ("e/specifications/a-1.gemspec", 0o644),
    ("f/META-INF/maven/g/a/pom.properties", 0o644),
    ("g/a.jar", 0o644),
    ("usr/bin/program", 0o755),
    ("usr/lib/library.so", 0o644),
    ("d/a.egg-info", 0o644),
    ("usr/share/doc/a/copyright", 0o644),
];

/// A file in one of the places that are looked at; the first byte says which.
pub(crate) fn files(data: &[u8]) {
    let Some((which, bytes)) = data.split_first() else { return };
    let (path, mode) = PATHS[usize::from(*which) % PATHS.len()];
    let root = Memory::default()
        .with("var/lib/dpkg/status", "Package: a\nVersion: 1\nStatus: install ok installed\n")
        .with("var/lib/rpm/rpmdb.sqlite", include_bytes!("../packages/tests/fixtures/rpmdb.sqlite").as_slice())
        // Something that may be owned, so that lists of files are looked at.
        .with_mode("usr/bin/other", 0o755, vec![0; 2000])
        .with_mode(path, mode, bytes);
    let inventory = scan(&root, &Options::default()).expect("the root can be listed");
    for note in &inventory.notes {
        assert!(!note.what.is_empty());
    }
    written_and_read(&inventory);
}

fn written_and_read(inventory: &Inventory) {
    let subject = Subject::default();
    for document in [cyclonedx::write(inventory, &subject), spdx::write(inventory, &subject)] {
        let (_, again) = read(&document).expect("what was written can be read");
        assert_eq!(again.packages.len(), inventory.packages.len());
    }
}

/// A zip archive.
pub(crate) fn archives(data: &[u8]) {
    let owned = data.to_vec();
    let Ok(archive) = Archive::open(&owned) else { return };
    let mut seen = 0;
    let _ = archive.visit(|entry| {
        if let Ok(bytes) = archive.read(&entry, 1 << 16) {
            assert_eq!(bytes.len() as u64, entry.size);
        }
        if let Ok(part) = archive.part(&entry) {
            assert!(part.size() <= owned.size());
        }
        seen += 1;
        Ok::<_, berth_unzip::Error>(seen < 1000)
    });
}

/// A document in either format. What is read of it is written, and read again as the same.
pub(crate) fn documents(data: &[u8]) {
    let Ok((_, inventory)) = read(data) else { return };
    let subject = Subject::default();
    let once = read(&cyclonedx::write(&inventory, &subject)).expect("what was written can be read").1;
    let twice = read(&cyclonedx::write(&once, &subject)).expect("what was written can be read").1;
    assert_eq!((once.distro, once.packages), (twice.distro, twice.packages));
    let _ = read(&spdx::write(&inventory, &subject)).expect("what was written can be read");
}

/// A record in OSV format, and packages that it may be about.
pub(crate) fn advisories(data: &[u8]) {
    let Ok(advisory) = Advisory::parse(data) else { return };
    let parts = advisory.split();
    for (key, part) in &parts {
        let again = Advisory::from_bytes(&part.to_bytes()).expect("what is kept can be read");
        assert_eq!(&again, part);
        assert!(!key.name.is_empty());
    }
    let document = br#"{"bomFormat":"CycloneDX","components":[
        {"type":"operating-system","name":"debian","version":"12"},
        {"name":"a","purl":"pkg:deb/debian/a@1.0-1"},{"name":"a","purl":"pkg:npm/a@1.0.0"},{"name":"a","purl":"pkg:pypi/a@1.0"},
        {"name":"a","purl":"pkg:maven/a/a@1.0"},{"name":"a","purl":"pkg:gem/a@1.0"},{"name":"a","purl":"pkg:golang/a@v1.0.0"}]}"#;
    let (_, inventory) = read(document).expect("it is a document");
    let load = |wanted: &berth_advisories::Key| {
        Ok::<_, Infallible>(parts.iter().filter(|(key, _)| key == wanted).map(|(_, part)| part.clone()).collect())
    };
    let Ok(found) = find(&inventory, &Matching { owned: true, informational: true }, load);
    assert!(found.len() <= inventory.packages.len());
}

/// Three versions, one on each line.
pub(crate) fn versions(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.splitn(3, '\n');
    let (Some(one), Some(two), Some(three)) = (lines.next(), lines.next(), lines.next()) else { return };
    for order in [Order::Dpkg, Order::Rpm, Order::Apk, Order::Semver, Order::Pep440, Order::Maven, Order::Gem] {
        assert_eq!(order.compare(one, two), order.compare(two, one).map(std::cmp::Ordering::reverse));
        // Maven's own order is not transitive, and neither is rpm's for versions that begin with a divider.
        if matches!(order, Order::Maven | Order::Rpm) {
            continue;
        }
        let pairs = (order.compare(one, two), order.compare(two, three), order.compare(one, three));
        if let (Some(first), Some(second), Some(both)) = pairs {
            assert!(first != second || both == first, "{order:?}: {one:?} {two:?} {three:?}");
        }
    }
}
