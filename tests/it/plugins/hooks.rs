//! Each hook, as it should be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use berth::oci::{Action, MediaType};
use berth::plugin::{
    Binding, CallContext, CallError, Credential, CredentialKind, Ending, Fail, FigureValue,
    Finding, Hook, Identified, Mode, Operation, Outcome, Person, PluginName, ScanResult, Severity,
    SinkEvent,
};
use berth::secret::Secret;
use serde_json::json;

use super::{Host, IMAGES, push_of, terms};
use crate::support::{Blob, Image};

fn name(text: &str) -> PluginName {
    text.parse().unwrap()
}

fn annotated(key: &str) -> Image {
    Image::new(vec![Blob::new("layer")], json!({ "annotations": { key: "https://example.com" } }))
}

#[tokio::test]
async fn a_policy_denies_what_breaks_its_rule_and_nothing_else() {
    let host = Host::start().await;
    assert!(!host.plugins.decides_about(Operation::Push));
    host.install("policy", &terms(json!({}), &["image metadata"])).await;
    assert!(host.plugins.decides_about(Operation::Push));
    host.push("team/app", &Image::of(["hello"])).await;
    host.push("team/good", &annotated("org.opencontainers.image.source")).await;

    let image = host.image("team/app", "v1").await;
    let verdict = host.ask(Some(&image)).await;
    let Outcome::Denied { plugin, rule, message, detail } = verdict.outcome else {
        panic!("{verdict:?}")
    };
    assert_eq!((plugin, rule.as_str(), detail), (name("test.policy"), "require-annotation", None));
    assert_eq!(message, "annotate the image with org.opencontainers.image.source");

    let image = host.image("team/good", "v1").await;
    assert_eq!(host.ask(Some(&image)).await.outcome, Outcome::Allowed);
    let record = host.last_record();
    assert_eq!((record.hook, record.ending), (Some(Hook::Admission), Ending::Answered));
    assert!(record.peak_memory > 0 && record.cpu <= record.duration);
}

#[tokio::test]
async fn settings_reach_the_plugin_and_wrong_ones_are_told() {
    let host = Host::start().await;
    let prepared = host.prepare("useful").await;
    let problems =
        host.plugins.check_config(&prepared, &terms(json!({ "url": "nowhere" }), &[])).await;
    assert_eq!(problems.unwrap()[0].message, "`nowhere` is no URL");
    let problems =
        host.plugins.check_config(&prepared, &terms(json!({ "colour": "red" }), &[])).await;
    assert_eq!(problems.unwrap()[0].key, "colour");
    let good = terms(json!({ "url": "https://example.com" }), &[]);
    assert!(host.plugins.check_config(&prepared, &good).await.unwrap().is_empty());
    assert!(host.plugins.activate(&prepared, &terms(json!({ "colour": 1 }), &[])).await.is_err());
    host.plugins.activate(&prepared, &good).await.unwrap();
    let described = host.plugins.describe(&name("test.useful")).await.unwrap();
    let expected = ("settings".to_owned(), r#"{"url":"https://example.com"}"#.to_owned());
    assert_eq!((described.version.as_str(), &described.details[0]), ("0.1.0", &expected));
}

#[tokio::test]
async fn what_is_said_reaches_the_client_cleaned() {
    let host = Host::start().await;
    host.install("useful", &terms(json!({ "say": "warn" }), &[])).await;
    let verdict = host.ask(None).await;
    assert_eq!(verdict.warnings, ["this is  old"], "no plugin writes a header of its own");
    host.install("useful", &terms(json!({ "say": "hold" }), &[])).await;
    let held = Outcome::Held { plugin: name("test.useful"), reason: "not scanned yet".into() };
    assert_eq!(host.ask(None).await.outcome, held);
    host.install("useful", &terms(json!({ "say": "deny" }), &[])).await;
    let person = Some(Person { subject: "ann".into(), ..Person::default() });
    let verdict = host
        .plugins
        .admit(&berth::plugin::AdmissionRequest { person, ..push_of("a/b") }, None)
        .await;
    let Outcome::Denied { message, .. } = verdict.outcome else { panic!("{verdict:?}") };
    assert_eq!(message, "ann may not push a/b");
}

#[tokio::test]
async fn how_a_plugin_is_bound_decides_what_its_word_is_worth() {
    let host = Host::start().await;
    let bound = |say: &str, binding: Binding| {
        let mut terms = terms(json!({ "say": say }), &[]);
        terms.hooks.insert(Hook::Admission, binding);
        terms
    };
    // Denials as warnings, and as nothing.
    host.install("useful", &bound("deny", Binding { mode: Mode::Warn, ..Binding::default() }))
        .await;
    let verdict = host.ask(None).await;
    assert_eq!(verdict.outcome, Outcome::Allowed);
    assert_eq!(
        verdict.warnings,
        ["test.useful would deny this (no): nobody may not push team/app"]
    );
    host.install("useful", &bound("deny", Binding { mode: Mode::DryRun, ..Binding::default() }))
        .await;
    let verdict = host.ask(None).await;
    assert_eq!((verdict.outcome, verdict.warnings.len()), (Outcome::Allowed, 0));
    assert_eq!((verdict.notes[0].said, verdict.notes[0].is_dry_run), ("deny", true));
    // Only some repositories.
    let repositories = vec!["prod/**".parse().unwrap()];
    host.install("useful", &bound("deny", Binding { repositories, ..Binding::default() })).await;
    assert_eq!(host.ask(None).await.outcome, Outcome::Allowed);
    let verdict = host.plugins.admit(&push_of("prod/app"), None).await;
    assert!(matches!(verdict.outcome, Outcome::Denied { .. }));
    // Without an answer: closed by default, open if somebody decides so.
    host.install("useful", &bound("fail", Binding::default())).await;
    let verdict = host.ask(None).await;
    assert!(matches!(
        verdict.outcome,
        Outcome::Unavailable { error: CallError::Refused { .. }, .. }
    ));
    host.install(
        "useful",
        &bound("fail", Binding { fail: Some(Fail::Open), ..Binding::default() }),
    )
    .await;
    let verdict = host.ask(None).await;
    assert_eq!((verdict.outcome, verdict.warnings.len()), (Outcome::Allowed, 1));
}

#[tokio::test]
async fn several_plugins_are_asked_in_order_until_one_denies() {
    let host = Host::start().await;
    let mut first = terms(json!({ "say": "hold" }), &[]);
    first.hooks.insert(Hook::Admission, Binding { order: -1, ..Binding::default() });
    host.install("useful", &first).await;
    host.install("policy", &terms(json!({}), &["image metadata"])).await;
    let verdict = host.ask(None).await;
    let asked: Vec<_> =
        verdict.notes.iter().map(|note| (note.plugin.as_str(), note.said)).collect();
    assert_eq!(asked, [("test.useful", "hold"), ("test.policy", "deny")]);
    assert!(matches!(verdict.outcome, Outcome::Denied { .. }), "a denial counts for more");
}

#[tokio::test]
async fn an_answer_is_remembered_for_as_long_as_the_plugin_says() {
    let host = Host::start().await;
    host.install("useful", &terms(json!({ "say": "count" }), &["key-value 1KiB"])).await;
    let count = async |repository: &str| {
        let verdict = host.plugins.admit(&push_of(repository), None).await;
        assert_eq!(verdict.outcome, Outcome::Allowed);
        verdict.notes[0].audit["count"].clone()
    };
    assert_eq!((count("a/a").await, count("a/a").await), ("1".into(), "1".into()));
    assert_eq!(count("a/b").await, "2", "another question");
    host.berth.turn_clock(std::time::Duration::from_mins(1));
    assert_eq!(count("a/a").await, "3");
    // A plugin with other settings is another one.
    host.install("useful", &terms(json!({ "say": "count", "url": "x://" }), &["key-value 1KiB"]))
        .await;
    assert_eq!(count("a/a").await, "4");
}

#[tokio::test]
async fn a_policy_reads_what_scanners_have_found() {
    let host = Host::start().await;
    host.push("team/app", &Image::of(["hello"])).await;
    let image = host.image("team/app", "v1").await;
    let finding = |severity| Finding {
        id: "CVE-1".into(),
        severity,
        title: String::new(),
        description: None,
        package: None,
        version: None,
        fixed_version: None,
        purl: None,
        path: None,
        links: Vec::new(),
        attributes: BTreeMap::new(),
    };
    let scan = |severity| ScanResult {
        scanner: "scan-packages".into(),
        finished_at: host.berth.clock.now(),
        findings: vec![finding(severity), finding(Severity::Low)],
        attributes: BTreeMap::new(),
    };
    host.install("useful", &terms(json!({ "say": "scans" }), &["image scans"])).await;
    let harmless = image.clone().with_scans(Arc::new([scan(Severity::High)]));
    assert_eq!(host.ask(Some(&harmless)).await.outcome, Outcome::Allowed);
    let bad = image.with_scans(Arc::new([scan(Severity::Critical)]));
    let verdict = host.ask(Some(&bad)).await;
    let Outcome::Denied { message, .. } = verdict.outcome else { panic!("{verdict:?}") };
    assert_eq!(message, "1 critical findings");
}

#[tokio::test]
async fn an_authenticator_knows_its_own_and_passes_on_others() {
    let host = Host::start().await;
    host.install("useful", &terms(json!({ "users": { "ann": "secret" } }), &[])).await;
    assert!(host.plugins.authenticates());
    let context = CallContext::new("r");
    let basic = |name: &str, password: &str| Credential {
        kind: CredentialKind::Basic,
        name: Some(name.into()),
        value: Secret::new(password.as_bytes().to_vec()),
        attributes: BTreeMap::new(),
    };
    let known = host.plugins.authenticate(&context, &basic("ann", "secret")).await;
    let Identified::As { person, .. } = known else { panic!("{known:?}") };
    assert_eq!((person.subject.as_str(), person.issuer.as_str()), ("ann", "plugin:test.useful"));
    assert_eq!(person.groups, ["people"]);
    // Remembered: no second call.
    let calls = host.records().len();
    host.plugins.authenticate(&context, &basic("ann", "secret")).await;
    assert_eq!(host.records().len(), calls);
    let wrong = host.plugins.authenticate(&context, &basic("ann", "guess")).await;
    assert!(matches!(wrong, Identified::Rejected { .. }));
    let other = host.plugins.authenticate(&context, &basic("bob", "secret")).await;
    assert_eq!(other, Identified::Unknown);
}

#[tokio::test]
async fn an_authorizer_takes_away_and_never_gives() {
    let host = Host::start().await;
    host.install("useful", &terms(json!({}), &[])).await;
    let context = CallContext::new("r");
    let allowed = BTreeSet::from([Action::Pull, Action::Push]);
    let repository = "team/app".parse().unwrap();
    let person = |subject: &str| Person { subject: subject.into(), ..Person::default() };
    let ann = host.plugins.authorize(&context, Some(&person("ann")), &repository, &allowed).await;
    assert_eq!(
        (ann.actions, ann.reasons.len()),
        (allowed.clone(), 0),
        "`delete` was not for it to give"
    );
    let guest =
        host.plugins.authorize(&context, Some(&person("guest1")), &repository, &allowed).await;
    assert_eq!(guest.actions, BTreeSet::from([Action::Pull]));
    assert_eq!(guest.reasons[0].1, "guests only read");
}

#[tokio::test]
async fn events_are_taken_up_to_where_the_sink_says() {
    let host = Host::start().await;
    let sink = host.install("useful", &terms(json!({}), &["key-value 1KiB"])).await;
    let event = |id: &str, kind: &str| SinkEvent {
        id: id.into(),
        at: host.berth.clock.now(),
        kind: kind.into(),
        repository: Some("team/app".parse().unwrap()),
        json: "{}".into(),
    };
    assert!(
        host.plugins.wants(&sink, "tag.push", None).unwrap()
            && !host.plugins.wants(&sink, "manifest.pull", None).unwrap()
    );
    let events = [event("1", "push"), event("2", "push"), event("3", "later"), event("4", "push")];
    let done = host.plugins.deliver(&sink, &CallContext::new("job"), &events).await;
    assert_eq!(done, Ok(2));
    let keys = host.berth.app.meta.list_plugin_keys("test.useful", "event/", "", 10).await.unwrap();
    assert_eq!(keys, ["event/1", "event/2"]);
}

#[tokio::test]
async fn a_plugin_leaves_a_log_and_figures() {
    let host = Host::start().await;
    let plugin = host.install("useful", &terms(json!({}), &[])).await;
    host.ask(None).await;
    host.ask(None).await;
    let log = host.plugins.log(&plugin);
    assert_eq!(
        (log.len(), log[0].message.as_str(), &*log[0].request_id),
        (2, "asked", "request-1")
    );
    assert_eq!(host.last_record().log.len(), 1);
    let figures = host.plugins.figures();
    assert_eq!(
        (figures[0].1.name.as_str(), figures[0].1.value),
        ("asked", FigureValue::Counter(2))
    );
    // Both outlive the plugin.
    assert!(host.plugins.deactivate(&plugin).await);
    assert_eq!(host.plugins.log(&plugin).len(), 2);
    host.plugins.forget_data(&plugin).await.unwrap();
    assert!(host.plugins.log(&plugin).is_empty());
}

#[tokio::test]
async fn a_scanner_looks_into_images_indexes_and_referrers() {
    let host = Host::start().await;
    let admin = host.push("team/app", &Image::of(["hello"])).await;
    let image = host.image("team/app", "v1").await;
    let referrer = Image::new(
        vec![Blob::new("signature")],
        json!({ "subject": { "mediaType": MediaType::OCI_MANIFEST, "digest": image.digest(), "size": 1 } }),
    );
    for blob in referrer.blobs() {
        let path = format!("/v2/team/app/blobs/uploads/?digest={}", blob.digest);
        admin.post(&path, blob.bytes.clone()).await.status(201);
    }
    let put = admin
        .request(reqwest::Method::PUT, &format!("/v2/team/app/manifests/{}", referrer.digest()))
        .header("content-type", referrer.media_type())
        .body(referrer.manifest());
    admin.send(put).await.status(201);
    // This image's layer is no archive, so only an index without children of its own can be scanned here.
    let index = json!({ "schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": [] })
        .to_string();
    let put = admin
        .request(reqwest::Method::PUT, "/v2/team/app/manifests/index")
        .header("content-type", MediaType::OCI_INDEX)
        .body(index);
    admin.send(put).await.status(201);
    let scanner = host.install("useful", &terms(json!({}), &IMAGES)).await;
    let context = CallContext::new("job");
    let index = host.image("team/app", "index").await;
    let report = host.plugins.scan(&scanner, &context, index).await.unwrap();
    assert_eq!(report.documents[0].content, b"team/app");
    assert!(report.attributes.is_empty());
    let error = host.plugins.scan(&scanner, &context, image).await.unwrap_err();
    assert!(matches!(error, CallError::Refused { .. }), "{error}: the layer is no archive");
}
