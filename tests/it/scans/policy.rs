//! The policy that comes with Berth: each of its rules, with images that keep it and such that break it.

use std::collections::BTreeMap;

use berth::plugin::{AdmissionRequest, CallContext, Operation, Outcome, Verdict};
use serde_json::{Value, json};

use super::{advisory, debian, image_of, import, install, scanned, start};
use crate::plugins::{Host, bundled, terms};
use crate::support::{Blob, Image};

/// Some image with a configuration and annotations.
fn image(config: Value, annotations: Value) -> Image {
    let mut whole =
        json!({ "architecture": "amd64", "os": "linux", "created": "2026-09-01T00:00:00Z" });
    for (key, value) in config.as_object().unwrap() {
        whole[key] = value.clone();
    }
    image_of(&[("a", b"b")], &whole).with("annotations", annotations)
}

/// What the policy with these settings says to an operation on an image.
async fn ask(host: &Host, settings: Value, operation: Operation, repository: &str) -> Verdict {
    host.install_bundled("policy", settings).await;
    let source = host.image(repository, "v1").await;
    let request = AdmissionRequest {
        context: CallContext::new("request-1"),
        operation,
        repository: repository.parse().unwrap(),
        reference: Some("v1".parse().unwrap()),
        target: None,
        previous: None,
        person: None,
        attributes: BTreeMap::new(),
    };
    host.plugins.admit(&request, Some(&source)).await
}

/// The rule that is broken, and the message; nothing if none is.
fn broken(verdict: &Verdict) -> Option<(String, String)> {
    match &verdict.outcome {
        Outcome::Allowed => None,
        Outcome::Denied { rule, message, .. } => Some((rule.clone(), message.clone())),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn rules_about_images_refuse_those_that_break_them() {
    let host = start().await;
    let admin = host.berth.admin().await;
    let good = image(
        json!({ "config": { "User": "1000", "Labels": { "team": "platform-a", "source": "https://example.org" } } }),
        json!({ "org.opencontainers.image.base.name": "docker.io/library/debian:13", "owner": "ann" }),
    );
    let bad = image(
        json!({ "created": "2020-01-01T00:00:00Z", "config": { "User": "0:0", "Labels": { "team": "other" } } }),
        json!({ "org.opencontainers.image.base.name": "docker.io/stranger/debian" }),
    );
    admin.push("team/good", "v1", &good).await;
    admin.push("team/bad", "v1", &bad).await;
    for (settings, rule, about) in [
        (json!({ "required-labels": ["source"] }), "required-labels", "no label source"),
        (json!({ "required-labels": ["team=platform-*"] }), "required-labels", "platform-*"),
        (json!({ "required-annotations": ["owner"] }), "required-annotations", "annotation owner"),
        (
            json!({ "allowed-base-images": ["docker.io/library/*"] }),
            "allowed-base-images",
            "stranger",
        ),
        (json!({ "no-root": true }), "no-root", "USER"),
        (json!({ "max-age": "100d" }), "max-age", "days ago"),
    ] {
        let verdict = ask(&host, settings.clone(), Operation::Push, "team/good").await;
        assert_eq!(broken(&verdict), None, "{settings}");
        let verdict = ask(&host, settings.clone(), Operation::Push, "team/bad").await;
        let (broken, message) = broken(&verdict).unwrap_or_else(|| panic!("{settings}"));
        assert_eq!(broken, rule);
        assert!(message.contains(about), "{message}");
    }
    for (settings, rule) in [
        (json!({ "max-size": "1B" }), "max-size"),
        (json!({ "allowed-media-types": ["application/vnd.docker.*"] }), "allowed-media-types"),
    ] {
        let verdict = ask(&host, settings, Operation::Push, "team/good").await;
        assert_eq!(broken(&verdict).unwrap().0, rule);
    }
    let roomy =
        json!({ "max-size": "1MiB", "allowed-media-types": ["application/vnd.oci.image.layer.*"] });
    assert_eq!(broken(&ask(&host, roomy, Operation::Push, "team/good").await), None);
    // All that is wrong is told at once.
    let several = json!({ "no-root": true, "required-labels": ["source"] });
    let (_, message) = broken(&ask(&host, several, Operation::Push, "team/bad").await).unwrap();
    assert!(message.contains("root") && message.contains("source"), "{message}");
}

#[tokio::test]
async fn an_index_is_judged_by_its_images_and_a_referrer_is_left_alone() {
    let host = start().await;
    let admin = host.berth.admin().await;
    let root = image(json!({ "config": { "User": "root" } }), json!({}));
    let digest = admin.push("team/app", "amd64", &root).await;
    let kind = "application/vnd.oci.image.index.v1+json";
    let index = json!({ "schemaVersion": 2, "mediaType": kind, "manifests": [root.descriptor()] });
    admin.put_manifest("team/app", "v1", kind, index.to_string()).await.status(201);
    let settings = json!({ "no-root": true });
    let verdict = ask(&host, settings.clone(), Operation::Push, "team/app").await;
    assert_eq!(broken(&verdict).unwrap().0, "no-root");
    let signature = Image::new(
        vec![Blob::new("signed")],
        json!({ "subject": { "mediaType": root.media_type(), "digest": digest, "size": root.manifest().len() } }),
    );
    admin.push("team/app", "v1", &signature).await;
    assert_eq!(broken(&ask(&host, settings, Operation::Push, "team/app").await), None);
}

#[tokio::test]
async fn rules_about_findings_refuse_pulls_and_have_exceptions_that_end() {
    let host = start().await;
    install(&host.berth, "scan-packages", json!({})).await;
    let admin = host.berth.admin().await;
    let records = [
        advisory("CVE-2026-1", "Debian:12", "openssl", "3.0.15-1", "high"),
        advisory("CVE-2026-3", "npm", "minimist", "1.2.6", "critical"),
    ];
    import(&admin, "mine", &records).await;
    let refused = async |settings: Value, operation: Operation| {
        broken(&ask(&host, settings, operation, "team/app").await).map(|(rule, _)| rule)
    };
    admin.push("team/app", "v1", &debian()).await;
    scanned(&admin, "team/app", "v1", 1).await;
    let pull = Operation::Pull;
    let verdict = ask(&host, json!({ "max-severity": "medium" }), pull, "team/app").await;
    let (rule, message) = broken(&verdict).unwrap();
    assert_eq!(rule, "max-severity");
    for part in ["CVE-2026-3 in minimist 1.2.5 (fixed in 1.2.6)", "CVE-2026-1 in libssl3"] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(refused(json!({ "max-severity": "critical" }), pull).await, None);
    // While it is pushed, nobody can have looked.
    assert_eq!(refused(json!({ "max-severity": "low" }), Operation::Push).await, None);
    let except = |exception: Value| json!({ "max-severity": "high", "exceptions": [exception] });
    for (exception, counts) in [
        (json!({ "id": "CVE-2026-3" }), true),
        (json!({ "id": "CVE-2026-3", "until": "2026-12-31", "reason": "not reachable" }), true),
        (json!({ "id": "CVE-2026-3", "until": "2026-01-01" }), false),
        (json!({ "id": "CVE-2026-3", "package": "other" }), false),
        (json!({ "id": "CVE-2026-3", "repositories": ["team/*"] }), true),
        (json!({ "id": "CVE-2026-3", "repositories": ["prod/*"] }), false),
        (json!({ "id": "CVE-2026-1" }), false),
    ] {
        let rule = refused(except(exception.clone()), pull).await;
        assert_eq!(rule.is_none(), counts, "{exception}");
    }
    assert_eq!(refused(json!({ "require-scan": true, "max-scan-age": "1d" }), pull).await, None);
    host.berth.turn_clock(std::time::Duration::from_hours(72));
    let old = refused(json!({ "max-scan-age": "1d" }), pull).await;
    assert_eq!(old.as_deref(), Some("max-scan-age"));
    // What nobody has looked at.
    admin.push("team/new", "v1", &image(json!({}), json!({}))).await;
    let verdict = ask(&host, json!({}), pull, "team/new").await;
    assert_eq!(broken(&verdict), None);
}

#[tokio::test]
async fn what_no_scanner_has_looked_at_is_refused_if_a_scan_must_exist() {
    let host = start().await;
    let admin = host.berth.admin().await;
    admin.push("team/app", "v1", &image(json!({}), json!({}))).await;
    let settings = json!({ "require-scan": true });
    let verdict = ask(&host, settings.clone(), Operation::Pull, "team/app").await;
    assert_eq!(broken(&verdict).unwrap().0, "require-scan");
    assert_eq!(broken(&ask(&host, settings, Operation::Push, "team/app").await), None);
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_refused_by_name() {
    let host = start().await;
    let prepared = host.plugins.prepare(&bundled("policy")).await.unwrap();
    for (settings, key) in [
        (json!({ "max-size": "big" }), "max-size"),
        (json!({ "max-severity": "awful" }), "max-severity"),
        (json!({ "exceptions": [{ "id": "CVE-1", "until": "soon" }] }), "exceptions"),
    ] {
        let problems = host.plugins.check_config(&prepared, &terms(settings, &[])).await.unwrap();
        assert_eq!(problems[0].key, key);
    }
}
