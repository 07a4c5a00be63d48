//! Whatever an image contains is read or noted, and never worse.

use berth_packages::{Memory, Options, scan};
use berth_sbom::{Subject, cyclonedx, read, spdx};
use proptest::prelude::*;

use crate::samples::{self, fixture};

/// Every path that is looked at, with what a package manager would have there.
fn files() -> Vec<(&'static str, u32, Vec<u8>)> {
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        ("etc/os-release", 0o644, text("ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME='A'\n")),
        ("var/lib/dpkg/status", 0o644, text(samples::DPKG_STATUS)),
        ("var/lib/dpkg/status.d/a", 0o644, text(samples::DPKG_STATUS)),
        ("var/lib/dpkg/info/libssl3.list", 0o644, text("/usr/bin/go\n/lib/x.so\n")),
        ("usr/share/doc/libssl3/copyright", 0o644, text("See /usr/share/common-licenses/GPL-2.\n")),
        ("lib/apk/db/installed", 0o644, text(samples::APK_INSTALLED)),
        ("var/lib/rpm/rpmdb.sqlite", 0o644, fixture("rpmdb.sqlite")),
        ("var/lib/rpm/rpmdb.sqlite-wal", 0o644, fixture("rpmdb.sqlite-wal")),
        ("var/lib/rpm/Packages.db", 0o644, fixture("Packages.db")),
        ("var/lib/rpm/Packages", 0o644, fixture("Packages")),
        (
            "var/lib/rpmmanifest/container-manifest-2",
            0o644,
            text("a\t1-1\t\t\t\t\t\tx\t1\ta-1-1.src.rpm\n"),
        ),
        (
            "a/node_modules/b/package.json",
            0o644,
            text(r#"{"name":"b","version":"1","license":["MIT"]}"#),
        ),
        ("c/package-lock.json", 0o644, text(r#"{"packages":{"node_modules/a":{"version":"1"}}}"#)),
        ("d/a.dist-info/METADATA", 0o644, text("Name: a\nVersion: 1\nLicense: MIT\n\n")),
        (
            "e/specifications/a-1.gemspec",
            0o644,
            text("# stub: a 1 ruby lib\n  s.licenses = [\"MIT\".freeze]\n"),
        ),
        (
            "f/META-INF/maven/g/a/pom.properties",
            0o644,
            text("groupId=g\nartifactId=a\nversion=1\n"),
        ),
        ("g/outer.ear", 0o644, fixture("outer.ear")),
        ("g/shaded-2.0.jar", 0o644, fixture("shaded-2.0.jar")),
        ("usr/bin/cargo", 0o755, samples::cargo_program()),
        ("usr/bin/go", 0o755, samples::go_program()),
        ("usr/bin/old-go", 0o755, samples::old_go_program()),
        ("usr/bin/bare-go", 0o755, samples::bare(samples::go_program())),
    ]
}

/// Nothing panics, and what is found can be written and read.
fn try_root(root: &Memory) {
    let inventory = scan(root, &Options::default()).unwrap();
    let subject = Subject::default();
    for document in [cyclonedx::write(&inventory, &subject), spdx::write(&inventory, &subject)] {
        let (_, again) = read(&document).unwrap();
        assert_eq!(again.packages.len(), inventory.packages.len());
    }
}

fn root_with(path: &str, mode: u32, bytes: Vec<u8>) -> Memory {
    let root = Memory::default().with_mode(path, mode, bytes);
    // Something that may be owned, so that lists of files are looked at.
    root.with_mode("usr/bin/program", 0o755, vec![0; 2000])
}

#[test]
fn files_that_are_cut_short_do_no_harm() {
    for (path, mode, bytes) in files() {
        let step = (bytes.len() / 50).max(1);
        for end in (0..bytes.len()).step_by(step) {
            try_root(&root_with(path, mode, bytes[..end].to_vec()));
        }
    }
}

#[test]
fn numbers_at_their_ends_do_no_harm() {
    for (path, mode, bytes) in files() {
        // Every place of small files, and of larger ones the headers and some within.
        let places = (0..bytes.len().min(96)).chain((96..bytes.len()).step_by(307));
        for at in places {
            for value in [0x00, 0xff] {
                let mut damaged = bytes.clone();
                let end = (at + 4).min(damaged.len());
                damaged[at..end].fill(value);
                try_root(&root_with(path, mode, damaged));
            }
        }
    }
}

#[test]
fn names_that_are_none_are_left_out() {
    let long = "n".repeat(10_000);
    let status = format!(
        "Package: {long}\nVersion: 1\nStatus: install ok installed\n\nPackage: a\nVersion: {long}\nStatus: install ok installed\n"
    );
    let inventory =
        scan(&root_with("var/lib/dpkg/status", 0o644, status.into_bytes()), &Options::default())
            .unwrap();
    assert_eq!(inventory.packages, []);
    assert_eq!(inventory.notes.len(), 1);
}

#[test]
fn depth_has_an_end() {
    for (open, path) in [
        ("[", "a/node_modules/b/package.json"),
        ("{\"dependencies\":{\"a\":", "a/package-lock.json"),
    ] {
        let deep = open.repeat(100_000);
        try_root(&root_with(path, 0o644, deep.into_bytes()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_do_no_harm(which in 0..22usize, changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..8)) {
        let (path, mode, mut bytes) = files().swap_remove(which);
        for (at, value) in changes {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        try_root(&root_with(path, mode, bytes));
    }

    #[test]
    fn other_files_do_no_harm(which in 0..22usize, bytes in proptest::collection::vec(any::<u8>(), 0..3000), head in 0..200usize) {
        let (path, mode, sample) = files().swap_remove(which);
        let mut file = sample[..head.min(sample.len())].to_vec();
        file.extend(bytes);
        try_root(&root_with(path, mode, file));
    }
}
