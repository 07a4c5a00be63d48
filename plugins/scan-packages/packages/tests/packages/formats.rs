//! One root for each format.

use berth_packages::{Inventory, Memory, Options, Source, scan};

use crate::samples::{self, fixture};

fn list(root: &Memory) -> Inventory {
    scan(root, &Options::default()).unwrap()
}

/// Kind, name and version of every package.
fn lines(inventory: &Inventory) -> Vec<String> {
    let line = |package: &berth_packages::Package| {
        let version = if package.version.is_empty() { "-" } else { &package.version };
        format!("{} {} {version}", package.kind, package.name)
    };
    inventory.packages.iter().map(line).collect()
}

fn source(name: &str, version: &str) -> Source {
    Source { name: name.to_owned(), version: version.to_owned() }
}

#[test]
fn dpkg_lists_what_is_installed() {
    let copyright = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: Apache-2.0\n";
    let root = Memory::default()
        .with("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n")
        .with("var/lib/dpkg/status", samples::DPKG_STATUS)
        .with("usr/share/doc/libssl3/copyright", copyright)
        .with(
            "var/lib/dpkg/info/python3-six.list",
            "/.\n/usr/lib/python3/dist-packages/six-1.16.0.egg-info\n",
        )
        .with(
            "usr/lib/python3/dist-packages/six-1.16.0.egg-info",
            "Name: six\nVersion: 1.16.0\nLicense: MIT\n\n",
        );
    let inventory = list(&root);
    assert_eq!(
        lines(&inventory),
        ["deb libssl3 3.0.15-1+b1", "deb python3-six 1.16.0-4", "pypi six 1.16.0"]
    );
    let [ssl, debian_six, six] = inventory.packages.as_slice() else { unreachable!() };
    assert_eq!(ssl.source, Some(source("openssl", "3.0.15-1")));
    assert_eq!(
        (ssl.architecture.as_deref(), ssl.licenses.as_slice()),
        (Some("amd64"), ["Apache-2.0".to_owned()].as_slice())
    );
    assert_eq!(debian_six.source, Some(source("six", "1.16.0-4")));
    assert_eq!(six.owner.as_ref().unwrap().to_string(), "deb/python3-six");
    assert_eq!(six.licenses, ["MIT"]);
    assert_eq!(inventory.notes.len(), 1, "a package without a version");
    assert_eq!(inventory.distro.unwrap().qualifier().as_deref(), Some("debian-12"));
}

#[test]
fn a_distroless_image_has_a_file_for_each_package() {
    let root = Memory::default()
        .with(
            "var/lib/dpkg/status.d/tzdata",
            "Package: tzdata\nVersion: 2024a-0+deb12u1\nArchitecture: all\n",
        )
        .with("var/lib/dpkg/status.d/tzdata.md5sums", "0123  usr/lib/tool.jar\n");
    assert_eq!(lines(&list(&root)), ["deb tzdata 2024a-0+deb12u1"]);
}

#[test]
fn apk_lists_packages_and_their_files() {
    for place in ["lib/apk/db/installed", "usr/lib/apk/db/installed"] {
        let root = Memory::default().with(place, samples::APK_INSTALLED).with(
            "usr/lib/node_modules/npm/package.json",
            r#"{"name":"npm","version":"10.2.5","license":"Artistic-2.0"}"#,
        );
        let inventory = list(&root);
        assert_eq!(
            lines(&inventory),
            ["apk libcrypto3 3.1.4-r5", "apk musl 1.2.4_git20230717-r4", "npm npm 10.2.5"]
        );
        assert_eq!(inventory.packages[0].source, Some(source("openssl", "3.1.4-r5")));
        assert_eq!(inventory.packages[1].source, None);
        assert_eq!(inventory.packages[2].owner.as_ref().unwrap().to_string(), "apk/libcrypto3");
    }
}

#[test]
fn rpm_has_three_databases() {
    let metadata = "usr/lib/python3/site-packages/small-1.0.dist-info/METADATA";
    let root = |name: &str| {
        Memory::default()
            .with("etc/os-release", "ID=\"rhel\"\nVERSION_ID=\"9.4\"\n")
            .with(&format!("var/lib/rpm/{name}"), fixture(name))
            .with(metadata, "Name: small\nVersion: 1.0\n\n")
    };
    for name in ["rpmdb.sqlite", "Packages.db", "Packages"] {
        let inventory = list(&root(name));
        assert_eq!(inventory.notes, [], "{name}");
        let expected =
            ["rpm small 1:1.2.3-4.el9", "rpm small-libs 1:1.2.3-4.el9", "pypi small 1.0"];
        assert_eq!(lines(&inventory), expected, "{name}");
        let [small, libs, python] = inventory.packages.as_slice() else { unreachable!() };
        assert_eq!(libs.source, Some(source("small", "1:1.2.3-4.el9")));
        assert_eq!(
            (small.architecture.as_deref(), libs.licenses.as_slice()),
            (Some("noarch"), ["LGPL-2.1-or-later".to_owned()].as_slice())
        );
        assert_eq!(python.owner.as_ref().unwrap().to_string(), "rpm/small-libs");
        assert_eq!(
            small.purl(inventory.distro.as_ref()).to_string(),
            "pkg:rpm/rhel/small@1.2.3-4.el9?arch=noarch&distro=rhel-9.4&epoch=1"
        );
    }
    // What was removed last is in the log alone.
    let with_log =
        root("rpmdb.sqlite").with("var/lib/rpm/rpmdb.sqlite-wal", fixture("rpmdb.sqlite-wal"));
    assert_eq!(lines(&list(&with_log)), ["rpm small 1:1.2.3-4.el9", "pypi small 1.0"]);
    // A log of another database is none.
    let mut foreign = fixture("rpmdb.sqlite-wal");
    foreign[40] ^= 1;
    let with_foreign = root("rpmdb.sqlite").with("var/lib/rpm/rpmdb.sqlite-wal", foreign);
    assert_eq!(lines(&list(&with_foreign)).len(), 3);
    // What cannot be read is told, as is a distribution whose packages are not found.
    let other = Memory::default().with("etc/os-release", "ID=arch\n");
    assert_eq!(
        list(&other).notes[0].what,
        "no packages of arch were found: it has none, or a database that is not read"
    );
    let broken = Memory::default().with("var/lib/rpm/Packages", "not a database");
    assert_eq!(list(&broken).notes.len(), 1);
}

#[test]
fn an_image_without_rpm_may_carry_its_list() {
    let line = "openssl-libs\t3.3.0-1.azl3\t1700000000\t1700000001\tMicrosoft\t(none)\t1000\tx86_64\t0\topenssl-3.3.0-1.azl3.src.rpm\n";
    let inventory = list(&Memory::default().with("var/lib/rpmmanifest/container-manifest-2", line));
    assert_eq!(lines(&inventory), ["rpm openssl-libs 3.3.0-1.azl3"]);
    assert_eq!(inventory.packages[0].source, Some(source("openssl", "3.3.0-1.azl3")));
}

#[test]
fn npm_modules_are_those_in_their_places() {
    let root = Memory::default()
        .with("app/package.json", r#"{"name":"app","version":"1.0.0"}"#)
        .with("app/node_modules/@babel/core/package.json", r#"{"name":"@babel/core","version":"7.0.0","licenses":[{"type":"MIT"},{"type":"ISC"}]}"#)
        .with("app/node_modules/@babel/core/node_modules/debug/package.json", r#"{"name":"debug","version":"4.3.4","license":{"type":"MIT"}}"#)
        .with("app/node_modules/debug/package.json", r#"{"name":"debug","version":"4.3.4"}"#)
        .with("app/node_modules/debug/test/package.json", r#"{"name":"fixture","version":"0.0.1"}"#)
        .with("app/node_modules/es/package.json", r#"{"type":"module"}"#)
        .with("app/node_modules/bad/package.json", "{")
        .with("app/package-lock.json", r#"{"packages":{"node_modules/never":{"version":"9.9.9"}}}"#)
        .with("bundled/package-lock.json", r#"{"packages":{"":{"name":"bundled","version":"1.0.0"},"node_modules/a":{"version":"1.0.0","license":"MIT"},"node_modules/b":{"version":"1.0.0","dev":true},"node_modules/c/node_modules/@d/e":{"version":"2.0.0"},"node_modules/alias":{"name":"real","version":"3.0.0"}}}"#)
        .with("old/npm-shrinkwrap.json", r#"{"dependencies":{"f":{"version":"1.1.0","dependencies":{"g":{"version":"2.2.0"},"h":{"version":"git+ssh://x"}}}}}"#);
    let inventory = list(&root);
    let expected = [
        "npm @babel/core 7.0.0",
        "npm @d/e 2.0.0",
        "npm a 1.0.0",
        "npm debug 4.3.4",
        "npm f 1.1.0",
        "npm g 2.2.0",
        "npm real 3.0.0",
    ];
    assert_eq!(lines(&inventory), expected);
    assert_eq!(inventory.packages[0].licenses, ["MIT OR ISC"]);
    assert_eq!(inventory.packages[3].locations.len(), 2);
    assert_eq!(inventory.notes.len(), 1);
}

#[test]
fn python_distributions_tell_who_carries_them() {
    let root = Memory::default()
        .with("venv/site-packages/Flask-3.0.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: Flask\nVersion: 3.0.0\nClassifier: License :: OSI Approved :: BSD License\n\nVersion: 9 in the text\n")
        .with("venv/site-packages/setuptools/_vendor/wheel-0.43.0.dist-info/METADATA", "Name: wheel\nVersion: 0.43.0\n\n")
        .with("venv/site-packages/old.egg/EGG-INFO/PKG-INFO", "Name: old\nVersion: 1\nLicense-Expression: MIT\nLicense: other\n")
        .with("venv/site-packages/none.dist-info/METADATA", "Metadata-Version: 2.1\n");
    let inventory = list(&root);
    assert_eq!(lines(&inventory), ["pypi Flask 3.0.0", "pypi old 1", "pypi wheel 0.43.0"]);
    assert_eq!(inventory.packages[0].licenses, ["BSD License"]);
    assert_eq!(inventory.packages[1].licenses, ["MIT"]);
    assert_eq!(inventory.packages[2].owner.as_ref().unwrap().to_string(), "pypi/setuptools");
    assert_eq!(inventory.notes.len(), 1);
}

#[test]
fn programs_tell_of_their_crates_and_modules() {
    let root = Memory::default()
        .with_mode("usr/bin/audited", 0o755, samples::cargo_program())
        .with_mode("usr/bin/new-go", 0o755, samples::go_program())
        .with("usr/lib/old-go.so", samples::old_go_program())
        .with("usr/share/not-executable", samples::go_program());
    let inventory = list(&root);
    let expected = [
        "cargo audited 0.3.0",
        "cargo memchr 2.7.4",
        "golang example.org/local v0.1.0",
        "golang example.org/tool -",
        "golang github.com/Masterminds/sprig/v3 v3.2.3",
        "golang github.com/new/module v1.1.0",
        "golang stdlib 1.17.8",
        "golang stdlib 1.21.3",
    ];
    assert_eq!(lines(&inventory), expected);
    assert_eq!(inventory.packages[2].locations, ["usr/bin/new-go", "usr/lib/old-go.so"]);
    let bare = Memory::default().with_mode("a", 0o755, samples::bare(samples::go_program()));
    assert_eq!(list(&bare).packages.len(), 5);
    let without = Options { executables: false, ..Options::default() };
    assert_eq!(scan(&root, &without).unwrap().packages, []);
}

#[test]
fn archives_of_java_are_read_to_their_depth() {
    let root = Memory::default()
        .with("opt/outer.ear", fixture("outer.ear"))
        .with("opt/shaded-2.0.jar", fixture("shaded-2.0.jar"))
        .with(
            "opt/exploded/META-INF/maven/g/a/pom.properties",
            "groupId=g\nartifactId=a\nversion=1\n",
        )
        .with("opt/broken.jar", "PK");
    let inventory = list(&root);
    let expected = [
        "maven g:a 1",
        "maven org.a:one 1",
        "maven org.b:three 3",
        "maven org.example:core 1.5",
        "maven org.springframework:spring-core 5.3.20",
    ];
    assert_eq!(lines(&inventory), expected);
    assert_eq!(inventory.packages[3].locations, ["opt/outer.ear!web.war!WEB-INF/lib/core.jar"]);
    assert_eq!(inventory.notes.len(), 1, "{:?}", inventory.notes);
    let mut options = Options::default();
    options.limits.nested_depth = 2;
    let shallow = scan(&root, &options).unwrap();
    assert_eq!(shallow.packages.len(), 3);
    assert!(shallow.notes.iter().any(|note| note.what.contains("deeper")));
}

#[test]
fn limits_are_kept_and_told() {
    let packages: Vec<_> = (0..100).map(|index| format!("P:p{index}\nV:1-r0\n")).collect();
    let root = Memory::default().with("lib/apk/db/installed", packages.join("\n"));
    let mut options = Options::default();
    options.limits.packages = 10;
    let inventory = scan(&root, &options).unwrap();
    assert_eq!(inventory.packages.len(), 10);
    assert_eq!(inventory.notes[0].what, "there are more than 10 packages");
    options.limits.database = 100;
    let inventory = scan(&root, &options).unwrap();
    assert_eq!(inventory.notes[0].what, "not read: it is too large");
}
