//! From records as databases publish them to findings.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::convert::Infallible;

use berth_advisories::export::{self, Summary};
use berth_advisories::{Advisory, Finding, Key, Options, Severity, find};
use berth_sbom::{Distro, Inventory, Kind, Package, Source};
use proptest::prelude::*;

/// A store as simple as can be, that keeps what the host would keep.
#[derive(Default)]
struct Store(BTreeMap<Key, Vec<Vec<u8>>>);

impl Store {
    fn of(records: &[&str]) -> Self {
        let mut store = Self::default();
        for record in records {
            for (key, part) in Advisory::parse(record.as_bytes()).unwrap().split() {
                store.0.entry(key).or_default().push(part.to_bytes());
            }
        }
        store
    }

    fn find(&self, inventory: &Inventory) -> Vec<Finding> {
        self.find_with(inventory, &Options::default())
    }

    fn find_with(&self, inventory: &Inventory, options: &Options) -> Vec<Finding> {
        let load = |key: &Key| {
            let parts = self.0.get(key).map(Vec::as_slice).unwrap_or_default();
            Ok::<_, Infallible>(
                parts.iter().map(|part| Advisory::from_bytes(part).unwrap()).collect(),
            )
        };
        find(inventory, options, load).unwrap()
    }
}

fn inventory(distro: &str, packages: Vec<Package>) -> Inventory {
    let mut inventory =
        Inventory { distro: Distro::from_qualifier(distro), packages, notes: Vec::new() };
    inventory.sort();
    inventory
}

fn built_from(kind: Kind, name: &str, version: &str, source: (&str, &str)) -> Package {
    let mut package = Package::new(kind, name, version);
    package.source = Some(Source { name: source.0.to_owned(), version: source.1.to_owned() });
    package
}

fn ids(findings: &[Finding]) -> Vec<(&str, &str, Option<&str>)> {
    findings
        .iter()
        .map(|each| (each.name.as_str(), each.id.as_str(), each.fixed.as_deref()))
        .collect()
}

const DEBIAN_CURL: &str = r#"{"schema_version":"1.7.0","id":"DEBIAN-CVE-2023-38545","published":"2023-10-18T04:15:11Z","modified":"2025-09-19T07:33:02Z","upstream":["CVE-2023-38545"],
  "details":"This flaw makes curl overflow a heap based buffer in the SOCKS5 proxy handshake.\nMore.",
  "severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
  "affected":[
   {"package":{"ecosystem":"Debian:12","name":"curl","purl":"pkg:deb/debian/curl?arch=source&distro=bookworm"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"7.88.1-10+deb12u4"}]}],"ecosystem_specific":{"urgency":"not yet assigned"}},
   {"package":{"ecosystem":"Debian:13","name":"curl"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"8.3.0-3"}]}],"ecosystem_specific":{"urgency":"unimportant"}}],
  "references":[{"type":"WEB","url":"https://example.org/blog"},{"type":"ADVISORY","url":"https://security-tracker.debian.org/tracker/CVE-2023-38545"}]}"#;

const DSA: &str = r#"{"schema_version":"1.7.0","id":"DSA-5523-1","modified":"2025-01-01T00:00:00Z","upstream":["CVE-2023-38545","CVE-2023-38546"],"summary":"curl - security update",
  "affected":[{"package":{"ecosystem":"Debian:12","name":"curl"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"7.88.1-10+deb12u4"}]}]}]}"#;

#[test]
fn binary_packages_are_matched_by_their_source() {
    let curl = |version: &str| {
        vec![
            built_from(Kind::Deb, "libcurl4", &format!("{version}+b1"), ("curl", version)),
            Package::new(Kind::Deb, "curl", version),
        ]
    };
    let store = Store::of(&[DEBIAN_CURL, DSA]);
    let found = store.find(&inventory("debian-12", curl("7.88.1-10+deb12u3")));
    let fixed = Some("7.88.1-10+deb12u4");
    // The bundle stays, as one of its vulnerabilities is told by nobody else.
    assert_eq!(
        ids(&found),
        [
            ("curl", "DEBIAN-CVE-2023-38545", fixed),
            ("curl", "DSA-5523-1", fixed),
            ("libcurl4", "DEBIAN-CVE-2023-38545", fixed),
            ("libcurl4", "DSA-5523-1", fixed)
        ]
    );
    let first = &found[0];
    assert_eq!((first.severity, first.score), (Severity::Critical, Some(9.8)));
    assert_eq!(first.aliases, ["CVE-2023-38545"]);
    assert_eq!(
        first.summary,
        "This flaw makes curl overflow a heap based buffer in the SOCKS5 proxy handshake."
    );
    assert_eq!(first.urls[0], "https://security-tracker.debian.org/tracker/CVE-2023-38545");
    assert_eq!(first.package, "pkg:deb/debian/curl@7.88.1-10%2Bdeb12u3?distro=debian-12");
    assert_eq!(found[2].installed, "7.88.1-10+deb12u3+b1");

    assert_eq!(store.find(&inventory("debian-12", curl("7.88.1-10+deb12u4"))), []);
    let trixie = store.find(&inventory("debian-13", curl("8.3.0-1")));
    assert_eq!(
        (trixie[0].fixed.as_deref(), trixie[0].severity),
        (Some("8.3.0-3"), Severity::Negligible)
    );
    assert_eq!(store.find(&inventory("debian-11", curl("7.74.0-1"))), []);
    assert_eq!(store.find(&inventory("ubuntu-22.04", curl("7.74.0-1"))), []);
}

#[test]
fn a_bundle_is_left_out_when_each_of_its_vulnerabilities_is_told() {
    let other = DEBIAN_CURL.replace("38545", "38546");
    let store = Store::of(&[DEBIAN_CURL, &other, DSA]);
    let found =
        store.find(&inventory("debian-12", vec![Package::new(Kind::Deb, "curl", "7.88.1-10")]));
    let found: Vec<_> = found.iter().map(|each| each.id.as_str()).collect();
    assert_eq!(found, ["DEBIAN-CVE-2023-38545", "DEBIAN-CVE-2023-38546"]);
}

#[test]
fn the_same_vulnerability_is_told_once() {
    let ghsa = r#"{"id":"GHSA-j8r2-6x86-q33q","modified":"2024-01-01T00:00:00Z","aliases":["CVE-2023-32681","PYSEC-2023-74"],"summary":"Unintended leak of Proxy-Authorization header in requests",
      "severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:C/C:H/I:N/A:N"}],"database_specific":{"severity":"MODERATE"},
      "affected":[{"package":{"ecosystem":"PyPI","name":"requests"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"2.3.0"},{"fixed":"2.31.0"}]}]}]}"#;
    let pysec = r#"{"id":"PYSEC-2023-74","modified":"2023-06-01T00:00:00Z","aliases":["CVE-2023-32681"],"details":"Requests is a HTTP library.",
      "affected":[{"package":{"ecosystem":"PyPI","name":"Requests"},"ranges":[{"type":"GIT","repo":"https://example.org/x","events":[{"introduced":"0"},{"fixed":"74ea7cf7a6a27a4eeb2ae24e162bcc942a6706d5"}]},{"type":"ECOSYSTEM","events":[{"introduced":"2.3.0"},{"fixed":"2.31.0"}]}],"versions":["2.30.0"]}]}"#;
    let gone = r#"{"id":"GHSA-gone","modified":"2024-01-01T00:00:00Z","withdrawn":"2024-02-01T00:00:00Z","affected":[{"package":{"ecosystem":"PyPI","name":"requests"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]}]}"#;
    let store = Store::of(&[ghsa, pysec, gone]);
    let mut requests = Package::new(Kind::Pypi, "requests", "2.30.0");
    let found = store.find(&inventory("", vec![requests.clone()]));
    assert_eq!(ids(&found), [("requests", "GHSA-j8r2-6x86-q33q", Some("2.31.0"))]);
    assert_eq!(found[0].aliases, ["CVE-2023-32681", "PYSEC-2023-74"]);
    assert_eq!((found[0].severity, found[0].score), (Severity::Medium, Some(6.1)));
    // What came with the distribution is the distribution's.
    requests.owner = Some("deb/python3-requests".parse().unwrap());
    let owned = inventory("debian-12", vec![requests]);
    assert_eq!(store.find(&owned), []);
    assert_eq!(store.find_with(&owned, &Options { owned: true, ..Options::default() }).len(), 1);
}

#[test]
fn each_ecosystem_has_its_order_and_names() {
    let record = |ecosystem: &str, name: &str, kind: &str, fixed: &str| {
        format!(
            r#"{{"id":"T-{ecosystem}-{name}","modified":"2024-01-01T00:00:00Z","affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"{name}"}},"ranges":[{{"type":"{kind}","events":[{{"introduced":"0"}},{{"fixed":"{fixed}"}}]}}]}}]}}"#
        )
    };
    for (distro, package, record, also_affected, not) in [
        (
            "alpine-3.19.1",
            built_from(Kind::Apk, "libssl3", "3.1.4-r2", ("openssl", "3.1.4-r2")),
            record("Alpine:v3.19", "openssl", "ECOSYSTEM", "3.1.4-r3"),
            "3.1.4_rc1-r9",
            "3.1.4-r10",
        ),
        (
            "rhel-9.3",
            Package::new(Kind::Rpm, "openssl-libs", "1:3.0.7-24.el9"),
            record(
                "Red Hat:enterprise_linux:9::baseos",
                "openssl-libs",
                "ECOSYSTEM",
                "1:3.0.7-27.el9",
            ),
            "3.0.8-1.el9",
            "1:3.0.7-27.el9",
        ),
        (
            "opensuse-leap-15.6",
            built_from(Kind::Rpm, "libopenssl3", "3.1.4-1.1", ("openssl-3", "3.1.4-1.1")),
            record("openSUSE:Leap 15.6", "openssl-3", "ECOSYSTEM", "3.1.4-150600.5"),
            "3.1.4~1-1",
            "3.1.5-1",
        ),
        (
            "",
            Package::new(Kind::Npm, "@babel/traverse", "7.22.0"),
            record("npm", "@babel/traverse", "SEMVER", "7.23.2"),
            "7.23.2-rc.1",
            "7.23.2",
        ),
        (
            "",
            Package::new(Kind::Golang, "github.com/Docker/docker", "v24.0.6+incompatible"),
            record("Go", "github.com/docker/docker", "SEMVER", "24.0.7+incompatible"),
            "v24.0.7-rc.1+incompatible",
            "v24.0.7+incompatible",
        ),
        (
            "",
            Package::new(Kind::Golang, "stdlib", "1.21.0"),
            record("Go", "stdlib", "SEMVER", "1.21.1"),
            "1.21rc2",
            "1.21.1",
        ),
        (
            "",
            Package::new(Kind::Cargo, "time", "0.2.22"),
            record("crates.io", "time", "SEMVER", "0.2.23"),
            "0.2.9",
            "0.10.0",
        ),
        (
            "",
            Package::new(Kind::Maven, "org.apache.logging.log4j:log4j-core", "2.14.1"),
            record("Maven", "org.apache.logging.log4j:log4j-core", "ECOSYSTEM", "2.15.0"),
            "2.15.0-rc2",
            "2.15.0",
        ),
        (
            "",
            Package::new(Kind::Gem, "rack", "2.2.6"),
            record("RubyGems", "rack", "ECOSYSTEM", "2.2.6.4"),
            "2.2.6.4.pre",
            "2.2.10",
        ),
    ] {
        let store = Store::of(&[&record]);
        let of = |version: &str| {
            let mut package = package.clone();
            version.clone_into(&mut package.version);
            if let Some(source) = &mut package.source {
                version.clone_into(&mut source.version);
            }
            store.find(&inventory(distro, vec![package])).len()
        };
        assert_eq!(of(&package.version), 1, "{record}");
        assert_eq!(of(also_affected), 1, "{record}");
        assert_eq!(of(not), 0, "{record}");
    }
}

#[test]
fn records_may_say_which_binaries_and_modules_they_are_about() {
    let suse = r#"{"id":"SUSE-SU-2024:1","modified":"2024-01-01T00:00:00Z","related":["CVE-2024-1"],"affected":[{"package":{"ecosystem":"SUSE:Linux Enterprise Module for Basesystem 15 SP5","name":"openssl-1_1"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.1.1l-2"}]}],"ecosystem_specific":{"binaries":[{"libopenssl1_1":"1.1.1l-2","openssl-1_1":"1.1.1l-2"}]}}]}"#;
    let store = Store::of(&[suse]);
    let package = |name: &str| built_from(Kind::Rpm, name, "1.1.1l-1", ("openssl-1_1", "1.1.1l-1"));
    let found =
        store.find(&inventory("sles-15.5", vec![package("libopenssl1_1"), package("openssl-doc")]));
    assert_eq!(ids(&found), [("libopenssl1_1", "SUSE-SU-2024:1", Some("1.1.1l-2"))]);
    assert_eq!(found[0].aliases, ["CVE-2024-1"]);

    let module = r#"{"id":"RHSA-2024:1","modified":"2024-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"Red Hat:enterprise_linux:8::appstream","name":"nodejs"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1:20.11.1-1.module+el8.9.0+21380"}]}]}]}"#;
    let store = Store::of(&[module]);
    let node = |version: &str| {
        store.find(&inventory("rhel-8.9", vec![Package::new(Kind::Rpm, "nodejs", version)])).len()
    };
    assert_eq!(node("1:20.10.0-1.module+el8.9.0+21380"), 1);
    assert_eq!(node("1:10.0.0-1.el8"), 0);
}

#[test]
fn what_is_no_vulnerability_is_told_on_demand() {
    let unmaintained = r#"{"id":"RUSTSEC-2021-0139","modified":"2024-01-01T00:00:00Z","summary":"ansi_term is Unmaintained","affected":[{"package":{"ecosystem":"crates.io","name":"ansi_term"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0.0.0-0"}]}],"database_specific":{"informational":"unmaintained"}}]}"#;
    let malicious = r#"{"id":"MAL-2024-1","modified":"2024-01-01T00:00:00Z","summary":"Malicious code in evil","affected":[{"package":{"ecosystem":"npm","name":"evil"},"versions":["1.0.0"]}]}"#;
    let store = Store::of(&[unmaintained, malicious]);
    let packages = vec![
        Package::new(Kind::Cargo, "ansi_term", "0.12.1"),
        Package::new(Kind::Npm, "evil", "1.0.0"),
    ];
    let inventory = inventory("", packages);
    let found = store.find(&inventory);
    assert_eq!(ids(&found), [("evil", "MAL-2024-1", None)]);
    assert_eq!(found[0].severity, Severity::Critical);
    let all = store.find_with(&inventory, &Options { informational: true, ..Options::default() });
    assert_eq!(all[1].severity, Severity::Negligible);
}

#[test]
fn what_is_kept_is_what_the_ranges_do_not_say() {
    let record = r#"{"id":"X","affected":[{"package":{"ecosystem":"PyPI","name":"a"},"versions":["0.9","1.0","1.1.0","2.0","odd"],"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"1"},{"fixed":"2"}]}]}]}"#;
    let parts = Advisory::parse(record.as_bytes()).unwrap().split();
    assert_eq!(parts[0].1.affected[0].versions, ["0.9", "2.0", "odd"]);
}

#[test]
fn an_export_is_read_record_by_record() {
    let archive = stored(&[
        ("A.json", DSA),
        ("README.md", "no record"),
        ("B.json", "{"),
        ("C.json", DEBIAN_CURL),
    ]);
    let mut seen = Vec::new();
    let summary = export::visit(&archive, |name, advisory| {
        seen.push((name.to_owned(), advisory.is_ok()));
        Ok::<_, Infallible>(())
    });
    assert_eq!(summary.unwrap(), Summary { read: 2, invalid: 1 });
    assert_eq!(
        seen,
        [("A.json".to_owned(), true), ("B.json".to_owned(), false), ("C.json".to_owned(), true)]
    );
    let stopped = export::visit(&archive, |_, _| Err("enough"));
    assert!(matches!(stopped, Err(export::Error::Caller("enough"))));
    assert!(
        export::visit(&archive[..archive.len() - 30].to_vec(), |_, _| Ok::<_, Infallible>(()))
            .is_err()
    );
}

/// A zip archive without packing.
fn stored(files: &[(&str, &str)]) -> Vec<u8> {
    let crc = |bytes: &[u8]| {
        !bytes.iter().fold(!0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 }
            })
        })
    };
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let offset = u32::try_from(archive.len()).unwrap();
        let length = u32::try_from(content.len()).unwrap().to_le_bytes();
        let name_length = u16::try_from(name.len()).unwrap().to_le_bytes();
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        common.extend(crc(content.as_bytes()).to_le_bytes());
        common.extend([length, length].concat());
        common.extend(name_length);
        common.extend([0, 0]);
        archive.extend(b"PK\x03\x04");
        archive.extend(&common);
        archive.extend(name.as_bytes());
        archive.extend(content.as_bytes());
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let count = u16::try_from(files.len()).unwrap().to_le_bytes();
    let offset = u32::try_from(archive.len()).unwrap().to_le_bytes();
    let size = u32::try_from(directory.len()).unwrap().to_le_bytes();
    archive.extend(directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend([count, count].concat());
    archive.extend([size, offset].concat());
    archive.extend([0, 0]);
    archive
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_records_do_no_harm(at in 0..2000usize, with in any::<u8>(), version in "\\PC{0,20}") {
        let mut record = DEBIAN_CURL.as_bytes().to_vec();
        let at = at % record.len();
        record[at] = with;
        if let Ok(advisory) = Advisory::parse(&record) {
            let store = advisory.split();
            let load = |key: &Key| Ok::<_, Infallible>(store.iter().filter(|(kept, _)| kept == key).map(|(_, part)| part.clone()).collect());
            let package = Package::new(Kind::Deb, "curl", version.as_str());
            let found = find(&inventory("debian-12", vec![package]), &Options::default(), load).unwrap();
            prop_assert!(found.len() <= 1);
        }
    }

    #[test]
    fn what_is_kept_comes_back(fixed in "\\PC{0,12}", summary in "\\PC{0,40}") {
        let record = serde_json::json!({"id": "X", "summary": summary, "affected": [{"package": {"ecosystem": "npm", "name": "a"}, "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": fixed}]}]}]});
        for (_, part) in Advisory::parse(record.to_string().as_bytes()).unwrap().split() {
            prop_assert_eq!(Advisory::from_bytes(&part.to_bytes()).unwrap(), part);
        }
    }
}
