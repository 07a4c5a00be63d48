//! Documents are valid by the official schemas, the same each time, and give back what went in.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::sync::LazyLock;

use berth_sbom::{
    Distro, Format, Inventory, Kind, Note, Package, Source, Subject, cyclonedx, read, spdx,
};
use jsonschema::{Draft, Registry, Validator};
use proptest::prelude::*;
use serde_json::Value;

fn schema(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

static CYCLONEDX: LazyLock<Validator> = LazyLock::new(|| {
    let mut registry = Registry::new();
    for (name, alias) in [
        ("spdx.schema.json", "http://cyclonedx.org/schema/spdx.SNAPSHOT.schema.json"),
        ("jsf-0.82.schema.json", "http://cyclonedx.org/schema/jsf-0.82.SNAPSHOT.schema.json"),
    ] {
        registry = registry.add(alias, Draft::Draft7.create_resource(schema(name))).unwrap();
    }
    let registry = registry.prepare().unwrap();
    let options = jsonschema::options().should_validate_formats(true);
    options.with_registry(&registry).build(&schema("bom-1.6.schema.json")).unwrap()
});

static SPDX: LazyLock<Validator> = LazyLock::new(|| {
    let options = jsonschema::options().should_validate_formats(true);
    options.build(&schema("spdx-2.3.schema.json")).unwrap()
});

fn assert_valid(validator: &Validator, document: &[u8]) {
    let value: Value = serde_json::from_slice(document).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .take(3)
        .collect();
    assert!(errors.is_empty(), "{errors:#?}\n{}", String::from_utf8_lossy(document));
}

fn subject() -> Subject {
    Subject {
        name: "team/app:v1".to_owned(),
        digest: Some(format!("sha256:{}", "0123456789abcdef".repeat(4))),
        created: "2026-11-25T07:00:00Z".to_owned(),
    }
}

fn package(kind: Kind, name: &str, version: &str) -> Package {
    let mut package = Package::new(kind, name, version);
    package.locations = vec!["var/lib/place".to_owned()];
    package
}

fn sample() -> Inventory {
    let mut libssl = package(Kind::Deb, "libssl3", "3.0.15-1~deb12u1");
    libssl.architecture = Some("amd64".to_owned());
    libssl.source =
        Some(Source { name: "openssl".to_owned(), version: "3.0.15-1~deb12u1".to_owned() });
    libssl.licenses = vec!["Apache-2.0".to_owned()];
    let mut bash = package(Kind::Deb, "bash", "5.2.15-2+b7");
    bash.source = Some(Source { name: "bash".to_owned(), version: "5.2.15-2".to_owned() });
    bash.licenses = vec!["GPL-3.0-or-later".to_owned(), "BSD-4-clause-UC and more".to_owned()];
    let mut requests = package(Kind::Pypi, "typing_extensions", "4.12.2");
    requests.owner = Some("deb/libssl3".parse().unwrap());
    requests.licenses = vec!["MIT OR ISC".to_owned(), "Zlib".to_owned()];
    let mut gem = package(Kind::Gem, "nokogiri", "1.16.2");
    gem.architecture = Some("x86_64-linux".to_owned());
    let mut inventory = Inventory {
        distro: Some(Distro {
            id: "debian".to_owned(),
            version: "12".to_owned(),
            name: Some("Debian GNU/Linux 12 (bookworm)".to_owned()),
            ..Distro::default()
        }),
        packages: vec![
            libssl,
            bash,
            requests,
            gem,
            package(Kind::Npm, "@angular/core", "17.0.1"),
            package(Kind::Maven, "org.apache.logging.log4j:log4j-core", "2.14.1"),
            package(Kind::Maven, "groupless", ""),
            package(Kind::Golang, "github.com/Masterminds/sprig/v3", "v3.2.3"),
            package(Kind::Golang, "stdlib", "1.22.1"),
            package(Kind::Cargo, "rand", "0.8.5"),
            package(Kind::Other("nuget".into()), "Newtonsoft.Json", "13.0.1"),
        ],
        notes: vec![Note { path: "opt/a.jar".to_owned(), what: "it is cut short".to_owned() }],
    };
    inventory.sort();
    inventory
}

#[test]
fn documents_are_valid_and_give_the_inventory_back() {
    let inventory = sample();
    let expected = Inventory { notes: Vec::new(), ..inventory.clone() };

    let document = cyclonedx::write(&inventory, &subject());
    assert_valid(&CYCLONEDX, &document);
    assert_eq!(document, cyclonedx::write(&inventory.clone(), &subject()), "the same bytes");
    let (format, mut again) = read(&document).unwrap();
    assert_eq!(format, Format::CycloneDx);
    // One expression is one licence to CycloneDX.
    let typing = again.packages.iter_mut().find(|each| each.name == "typing_extensions").unwrap();
    assert_eq!(typing.licenses, ["(MIT OR ISC) AND Zlib"]);
    typing.licenses = vec!["MIT OR ISC".to_owned(), "Zlib".to_owned()];
    assert_eq!(again, expected);

    let document = spdx::write(&inventory, &subject());
    assert_valid(&SPDX, &document);
    assert_eq!(document, spdx::write(&inventory.clone(), &subject()), "the same bytes");
    let (format, again) = read(&document).unwrap();
    assert_eq!(format, Format::Spdx);
    assert_eq!(again, expected);
}

#[test]
fn an_image_without_packages_has_valid_documents() {
    for subject in [subject(), Subject::default()] {
        assert_valid(&CYCLONEDX, &cyclonedx::write(&Inventory::default(), &subject));
        assert_valid(&SPDX, &spdx::write(&Inventory::default(), &subject));
    }
}

#[test]
fn what_is_not_an_sbom_is_refused() {
    for text in
        ["", "{", "[]", "{}", "null", r#"{"bomFormat":"SPDX"}"#, r#"{"spdxVersion":"SPDX-3.0"}"#]
    {
        assert!(read(text.as_bytes()).is_err(), "{text}");
    }
    // Deeper than any reader's stack.
    let deep = format!(r#"{{"bomFormat":"CycloneDX","components":{}"#, "[".repeat(100_000));
    assert!(read(deep.as_bytes()).is_err());
    let nested = r#"{"type":"library","components":["#.repeat(10_000);
    assert!(
        read(format!(r#"{{"bomFormat":"CycloneDX","components":[{nested}"#).as_bytes()).is_err()
    );
}

/// As syft 1.x and Trivy 0.5x write them, shortened to what is read.
#[test]
fn documents_of_other_tools_are_read() {
    let syft = br#"{"$schema":"http://cyclonedx.org/schema/bom-1.6.schema.json","bomFormat":"CycloneDX","specVersion":"1.6",
      "metadata":{"component":{"bom-ref":"x","type":"container","name":"debian:12"}},
      "components":[
       {"bom-ref":"a","type":"library","publisher":"Debian GCC","name":"libgcc-s1","version":"12.2.0-14","licenses":[{"license":{"id":"GPL-3.0-only"}},{"license":{"name":"Artistic"}}],
        "cpe":"cpe:2.3:a:libgcc-s1:libgcc-s1:12.2.0-14:*:*:*:*:*:*:*","purl":"pkg:deb/debian/libgcc-s1@12.2.0-14?arch=amd64&distro=debian-12&upstream=gcc-12",
        "properties":[{"name":"syft:package:foundBy","value":"dpkg-db-cataloger"},{"name":"syft:location:0:path","value":"/var/lib/dpkg/status"},{"name":"syft:metadata:source","value":"gcc-12"}]},
       {"bom-ref":"b","type":"library","name":"coreutils","version":"9.1-1+b1","purl":"pkg:deb/debian/coreutils@9.1-1%2Bb1?arch=amd64&distro=debian-12&upstream=coreutils%409.1-1"},
       {"bom-ref":"c","type":"library","name":"bash","version":"0:5.1.8-9.el9","purl":"pkg:rpm/rhel/bash@5.1.8-9.el9?arch=x86_64&distro=rhel-9.4&epoch=0&upstream=bash-5.1.8-9.el9.src.rpm"},
       {"bom-ref":"f","type":"file","name":"/bin/ls"},
       {"bom-ref":"d","type":"operating-system","name":"debian","version":"12","description":"Debian GNU/Linux 12 (bookworm)","properties":[{"name":"syft:distro:id","value":"debian"}]}]}"#;
    let (_, inventory) = read(syft).unwrap();
    let distro = inventory.distro.unwrap();
    assert_eq!((distro.id.as_str(), distro.version.as_str()), ("debian", "12"));
    let names: Vec<_> = inventory.packages.iter().map(|each| each.name.as_str()).collect();
    assert_eq!(names, ["coreutils", "libgcc-s1", "bash"]);
    let [coreutils, gcc, bash] = inventory.packages.as_slice() else { unreachable!() };
    assert_eq!(
        coreutils.source,
        Some(Source { name: "coreutils".into(), version: "9.1-1".into() })
    );
    assert_eq!(gcc.source, Some(Source { name: "gcc-12".into(), version: "12.2.0-14".into() }));
    assert_eq!(gcc.locations, ["var/lib/dpkg/status"]);
    assert_eq!(gcc.licenses, ["Artistic", "GPL-3.0-only"]);
    assert_eq!(bash.version, "5.1.8-9.el9");
    assert_eq!(bash.source, None, "the same as the package");

    let trivy = br#"{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"debian:12","packages":[
      {"name":"debian:12","SPDXID":"SPDXRef-ContainerImage-1","primaryPackagePurpose":"CONTAINER","externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:oci/debian@sha256%3Aabc"}]},
      {"name":"debian","SPDXID":"SPDXRef-OperatingSystem-1","versionInfo":"12.5","primaryPackagePurpose":"OPERATING-SYSTEM"},
      {"name":"login","SPDXID":"SPDXRef-Package-1","versionInfo":"1:4.13+dfsg1-1+b1","supplier":"Organization: Shadow","filesAnalyzed":false,"sourceInfo":"built package from: shadow 1:4.13+dfsg1-1","licenseDeclared":"GPL-2.0-only AND LicenseRef-x",
       "externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:deb/debian/login@4.13%2Bdfsg1-1%2Bb1?arch=amd64&distro=debian-12.5&epoch=1"}],"primaryPackagePurpose":"LIBRARY"},
      {"name":"org.example:lib","SPDXID":"SPDXRef-Package-2","versionInfo":3,"externalRefs":[{"referenceCategory":"PACKAGE_MANAGER","referenceType":"purl","referenceLocator":"pkg:maven/org.example/lib@1.0"}]}]}"#;
    let (_, inventory) = read(trivy).unwrap();
    assert_eq!(inventory.distro.unwrap().version, "12.5");
    let [login, lib] = inventory.packages.as_slice() else { unreachable!() };
    assert_eq!(login.version, "1:4.13+dfsg1-1+b1");
    assert_eq!(
        login.source,
        Some(Source { name: "shadow".into(), version: "1:4.13+dfsg1-1".into() })
    );
    assert_eq!(login.licenses, ["GPL-2.0-only", "LicenseRef-x"]);
    assert_eq!((lib.name.as_str(), lib.version.as_str()), ("org.example:lib", "1.0"));
}

fn anything() -> impl Strategy<Value = String> {
    prop_oneof![
        "[-a-zA-Z0-9._+~:/@]{0,20}",
        "\\PC{0,12}",
        any::<String>().prop_map(|text| text.chars().take(30).collect())
    ]
}

fn any_package() -> impl Strategy<Value = Package> {
    let kind = prop_oneof![
        Just(Kind::Deb),
        Just(Kind::Apk),
        Just(Kind::Rpm),
        Just(Kind::Npm),
        Just(Kind::Pypi),
        Just(Kind::Cargo),
        Just(Kind::Golang),
        Just(Kind::Maven),
        Just(Kind::Gem),
        Just(Kind::Other("hex".into())),
    ];
    let source = proptest::option::of(
        (anything(), anything()).prop_map(|(name, version)| Source { name, version }),
    );
    let lists =
        (proptest::collection::vec(anything(), 0..3), proptest::collection::vec(anything(), 0..3));
    (kind, anything(), anything(), source, proptest::option::of(anything()), lists, any::<bool>())
        .prop_map(|(kind, name, version, source, architecture, (licenses, locations), owned)| {
            let owner = owned.then(|| "deb/a b".parse().unwrap());
            Package { kind, name, version, source, architecture, licenses, locations, owner }
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_an_image_contains_is_written_validly(
        packages in proptest::collection::vec(any_package(), 0..12),
        name in anything(),
        created in anything(),
        distro in proptest::option::of((anything(), anything())),
    ) {
        let distro = distro.map(|(id, version)| Distro { id, version, ..Distro::default() });
        let mut inventory = Inventory { distro, packages, notes: Vec::new() };
        inventory.sort();
        let subject = Subject { name, created, ..subject() };
        let document = cyclonedx::write(&inventory, &subject);
        assert_valid(&CYCLONEDX, &document);
        read(&document).unwrap();
        let document = spdx::write(&inventory, &subject);
        assert_valid(&SPDX, &document);
        read(&document).unwrap();
    }

    #[test]
    fn names_come_back(kind in 0..9usize, name in "[a-zA-Z0-9][-a-zA-Z0-9._]{0,20}", version in "[0-9][-a-z0-9.+~_]{0,20}") {
        let kinds = [Kind::Deb, Kind::Apk, Kind::Rpm, Kind::Npm, Kind::Pypi, Kind::Cargo, Kind::Golang, Kind::Maven, Kind::Gem];
        let mut inventory = Inventory { packages: vec![Package::new(kinds[kind].clone(), name, version)], ..Inventory::default() };
        inventory.sort();
        for document in [cyclonedx::write(&inventory, &subject()), spdx::write(&inventory, &subject())] {
            prop_assert_eq!(&read(&document).unwrap().1, &inventory);
        }
    }

    #[test]
    fn damaged_documents_do_no_harm(at in 0..6000usize, with in any::<u8>()) {
        for document in [cyclonedx::write(&sample(), &subject()), spdx::write(&sample(), &subject())] {
            let mut damaged = document.clone();
            let at = at % damaged.len();
            damaged[at] = with;
            let _ = read(&damaged);
            let _ = read(&document[..at]);
        }
    }
}
