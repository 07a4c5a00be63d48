//! Whatever a client sends is read or refused, and never worse: the properties of the fuzz targets, under random input
//! and under the inputs that were worth keeping (`fuzz/seeds`, one folder for each target).

use std::fs;
use std::path::Path;

use proptest::prelude::*;

#[path = "../../fuzz/properties.rs"]
mod properties;

type Property = fn(&[u8]);

const TARGETS: [(&str, Property); 7] = [
    ("names", properties::names),
    ("digests", properties::digests),
    ("ranges", properties::ranges),
    ("scopes", properties::scopes),
    ("manifests", properties::manifests),
    ("config", properties::config),
    ("authorization", properties::authorization),
];

#[test]
fn what_was_worth_keeping_is_tried_again() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let mut folders: Vec<_> = fs::read_dir(fuzz.join("seeds"))
        .unwrap()
        .map(|folder| folder.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let mut names = TARGETS.map(|(name, _)| name);
    names.sort_unstable();
    assert_eq!(folders, names, "a folder for each target");
    for (name, property) in TARGETS {
        assert!(fuzz.join(format!("targets/{name}.rs")).exists(), "{name} is a fuzz target");
        let mut seeds = 0;
        for seed in fs::read_dir(fuzz.join("seeds").join(name)).unwrap() {
            let path = seed.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            // Cut short and with a byte changed it must hold as well.
            property(&bytes);
            for at in 0..bytes.len().min(400) {
                property(&bytes[..at]);
                let mut changed = bytes.clone();
                changed[at] ^= 0x10;
                property(&changed);
            }
            seeds += 1;
        }
        assert!(seeds >= 5, "{name} has seeds");
    }
}

/// Text of the characters that parsers look at.
fn tricky() -> impl Strategy<Value = String> {
    prop_oneof![
        "[-a-z0-9._/:@%+A-Z]{0,40}",
        "(bytes=)?[-0-9, ]{0,40}",
        "(Basic|Bearer|basic) [A-Za-z0-9+/=]{0,40}",
        "(repository|registry)(\\(plugin\\))?:[a-z0-9:/.-]{0,20}:[a-z*,]{0,20}( [a-z:]{0,20})?",
        "(sha256|sha512):[0-9a-f]{60,130}",
        "\\PC{0,40}",
    ]
}

/// JSON that resembles a manifest.
fn manifest_like() -> impl Strategy<Value = String> {
    let digest = "sha256:[0-9a-f]{64}";
    let size = prop_oneof![
        any::<i64>().prop_map(|size| size.to_string()),
        Just("18446744073709551615".to_owned()),
        Just("1e99".to_owned()),
        Just("null".to_owned()),
    ];
    let descriptor = (tricky(), digest, size)
        .prop_map(|(kind, digest, size)| {
            let kind = serde_json::to_string(&kind).unwrap();
            format!(r#"{{"mediaType":{kind},"digest":"{digest}","size":{size}}}"#)
        })
        .boxed();
    let field = prop_oneof![
        descriptor.clone().prop_map(|one| format!(r#""config":{one}"#)),
        prop::collection::vec(descriptor.clone(), 0..3)
            .prop_map(|all| format!(r#""layers":[{}]"#, all.join(","))),
        prop::collection::vec(descriptor.clone(), 0..3)
            .prop_map(|all| format!(r#""manifests":[{}]"#, all.join(","))),
        descriptor.prop_map(|one| format!(r#""subject":{one}"#)),
        tricky().prop_map(|kind| format!(
            r#""artifactType":{}"#,
            serde_json::to_string(&kind).unwrap()
        )),
        Just(r#""annotations":{"a":"b"}"#.to_owned()),
    ];
    let line = prop_oneof![
        Just(""),
        Just("application/vnd.oci.image.manifest.v1+json"),
        Just("application/vnd.oci.image.index.v1+json"),
        Just("application/vnd.docker.distribution.manifest.v2+json"),
    ];
    (line, prop::collection::vec(field, 0..5), any::<prop::sample::Index>(), any::<bool>())
        .prop_map(|(line, fields, cut, whole)| {
            let mut body = format!(r#"{{"schemaVersion":2,{}}}"#, fields.join(","));
            if !whole {
                body.truncate(
                    (0..=cut.index(body.len()))
                        .rev()
                        .find(|at| body.is_char_boundary(*at))
                        .unwrap(),
                );
            }
            format!("{line}\n{body}")
        })
}

fn config_like() -> impl Strategy<Value = String> {
    let keys: Vec<_> = berth::config::KEYS.iter().map(|(key, _)| (*key).to_owned()).collect();
    let value = prop_oneof![
        tricky().prop_map(|text| format!("{text:?}")),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<bool>().prop_map(|on| on.to_string()),
        Just("[1, 2]".to_owned()),
        Just("{ a = 1 }".to_owned()),
        "[0-9]{1,5}(ms|s|m|h|d|GiB|MB)".prop_map(|text| format!("\"{text}\"")),
    ];
    let key = prop_oneof![prop::sample::select(keys), "[a-z_.]{1,20}".prop_map(String::from)];
    let line = (key, value).prop_map(|(key, value)| format!("{key} = {value}\n"));
    prop::collection::vec(line, 0..4).prop_map(|lines| lines.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_parser_takes_any_bytes(data in prop::collection::vec(any::<u8>(), 0..200)) {
        for (_, property) in TARGETS {
            property(&data);
        }
    }

    #[test]
    fn every_parser_takes_text_that_looks_right(text in tricky()) {
        for (_, property) in TARGETS {
            property(text.as_bytes());
        }
    }

    #[test]
    fn each_name_of_the_grammar_is_a_name(
        name in "[a-z0-9]{1,3}((\\.|_|__|-{1,3})[a-z0-9]{1,3}){0,3}(/[a-z0-9]{1,3}((\\.|_|__|-{1,3})[a-z0-9]{1,3}){0,3}){0,4}"
    ) {
        prop_assert!(name.parse::<berth::oci::RepositoryName>().is_ok(), "{name}");
        properties::names(name.as_bytes());
    }

    #[test]
    fn ranges_lie_inside_the_blob(size in prop_oneof![0u64..10, any::<u64>()], header in "bytes=([0-9]{0,3}-[0-9]{0,3},?){1,6}") {
        properties::ranges_of(size, &header);
    }

    #[test]
    fn a_manifest_keeps_its_bytes(text in manifest_like()) {
        properties::manifests(text.as_bytes());
    }

    #[test]
    fn a_configuration_is_good_or_its_problems_are_named(text in config_like()) {
        properties::config(text.as_bytes());
    }
}
