//! The description of the API is true: every path in it answers, and what it answers has the fields that it names.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Blob, Client, Image, PASSWORD, TestApp, TestKey, tester};

/// The schema behind a reference.
fn resolve<'a>(api: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(path) => api
            .pointer(path.trim_start_matches('#'))
            .unwrap_or_else(|| panic!("{path} leads nowhere")),
        None => schema,
    }
}

/// Fails unless a value is what its schema says, with every field named and none besides.
fn check(api: &Value, schema: &Value, value: &Value, at: &str) {
    let schema = resolve(api, schema);
    if let Some(choices) = schema["oneOf"].as_array() {
        let some = choices.iter().find(|choice| choice["type"] != "null").unwrap();
        if !value.is_null() {
            check(api, some, value, at);
        }
        return;
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(kinds.contains(&kind), "{at}: {value} is not {kinds:?}");
    match value {
        Value::Array(items) => items.iter().for_each(|item| check(api, &schema["items"], item, at)),
        Value::Object(fields) if schema["properties"].is_object() => {
            let named: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().collect();
            assert_eq!(fields.keys().collect::<BTreeSet<_>>(), named, "{at}");
            for (name, value) in fields {
                check(api, &schema["properties"][name], value, &format!("{at}.{name}"));
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn the_description_is_openapi_3_1_and_its_references_lead_somewhere() {
    let berth = TestApp::start().await;
    let api = berth.anonymous().get("/api/v1/openapi.json").await.ok().json();
    assert!(api["openapi"].as_str().unwrap().starts_with("3.1"));
    let text = api.to_string();
    for part in text.split("\"$ref\":\"").skip(1) {
        let path = part.split('"').next().unwrap();
        assert!(api.pointer(path.trim_start_matches('#')).is_some(), "{path}");
    }
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
            assert!(operation["responses"]["default"].is_object(), "{method} {path} has no errors");
            assert!(operation["tags"][0].is_string(), "{method} {path} has no tag");
        }
    }
}

/// An archive of one file.
pub(super) fn archive(path: &str, text: &str) -> Blob {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    tar.append_data(&mut header, path, text.as_bytes()).unwrap();
    Blob::new(tar.into_inner().unwrap())
}

/// Puts one of each thing there.
async fn populate(admin: &Client) {
    let key = TestKey::new("a", "ES256");
    admin.push("team/app", "v1", &Image::of(["hello"])).await;
    let image = Image::new(vec![archive("etc/motd", "hello again")], json!({}));
    admin.push("team/app", "v1", &image).await;
    for (path, wish) in [
        ("plugins", json!({ "source": "bundled:freeze" })),
        ("robots", json!({ "name": "ci" })),
        ("locks", json!({ "repository": "team/app", "reference": "v1", "why": "a" })),
        ("immutability", json!({ "repositories": ["team/**"] })),
        ("groups", json!({ "name": "devs" })),
        ("tokens", json!({ "name": "a", "limits": [{ "pattern": "**", "actions": ["pull"] }] })),
        ("webhooks", json!({ "name": "ci", "url": "http://127.0.0.1:9/hook" })),
        ("webhooks/ci/deliveries/1", json!({})),
        ("replication/targets", json!({ "name": "ci", "url": "https://registry.example" })),
        ("replication/rules", json!({ "name": "ci", "target": "ci" })),
        ("session", json!({ "username": "admin", "password": PASSWORD })),
        (
            "directories",
            json!({ "name": "corp", "urls": ["ldaps://ldap.example"], "user_base": "dc=example",
                    "mapping": [{ "from": "cn=a", "to": "b" }] }),
        ),
    ] {
        admin.post_json(&format!("/api/v1/{path}"), wish).await.status(201);
    }
    admin.put_json("/api/v1/groups/devs/members/ci", json!({})).await.status(204);
    for (path, wish) in [
        (
            "federation/issuers/ci",
            json!({ "url": "https://ci.example", "keys": { "keys": [key.jwk()] }, "audiences": ["a"] }),
        ),
        (
            "federation/rules/ci",
            json!({ "issuer": "ci", "conditions": [{ "claim": "sub", "in": ["a"] }] }),
        ),
        (
            "retention/policies/ci",
            json!({ "repositories": ["team/**"], "keep": [{ "newest": 3 }], "drop": [{ "older_than": "9d" }] }),
        ),
        (
            "providers/ci",
            json!({ "kind": "oidc", "issuer": "https://sso.example", "client_id": "a", "sign_in_every": "7d" }),
        ),
        ("quarantine/rules/prod", json!({ "repositories": ["prod/**"], "severity": "high" })),
        (
            "advisories/npm",
            json!({ "id": "GHSA-1", "affected": [{ "package": { "ecosystem": "npm", "name": "a" } }] }),
        ),
    ] {
        admin.put_json(&format!("/api/v1/{path}"), wish).await.ok();
    }
}

/// What scanners say about the image that is there.
async fn scan(berth: &TestApp) {
    let meta = &berth.app.meta;
    let (repository, tag) = ("team/app".parse().unwrap(), "v1".parse().unwrap());
    let digest = meta.find_tag(&repository, &tag).await.unwrap().unwrap().digest;
    let detail = json!({ "title": "bad", "purl": "pkg:npm/a@1" });
    let finding = berth::meta::ScanFinding {
        name: "CVE-1".into(),
        is_matched: true,
        severity: berth_advisories::Severity::High,
        package: Some("a".into()),
        version: Some("1".into()),
        fixed_version: None,
        detail: detail.clone(),
    };
    let package = berth::meta::ScanPackage {
        name: "none".into(),
        version: "1".into(),
        kind: "npm".into(),
        detail,
    };
    let outcome = berth::meta::ScanOutcome {
        findings: vec![finding],
        packages: vec![package],
        ..Default::default()
    };
    meta.finish_scan(&digest, "scan-packages", outcome, &tester()).await.unwrap();
}

/// Every path that reads something is asked, with something in it to be found.
#[tokio::test]
async fn answers_are_as_they_are_described() {
    let place = tempfile::tempdir().unwrap();
    let berth = TestApp::start_with(|config| {
        config.backup.directory = Some(place.path().to_owned());
    })
    .await;
    let admin = berth.admin().await;
    populate(&admin).await;
    let target = berth::backup::Target::directory(place.path());
    crate::backup::back_up(&berth, &target).await;
    scan(&berth).await;
    let api = admin.get("/api/v1/openapi.json").await.ok().json();
    let mut asked = 0;
    for (path, item) in api["paths"].as_object().unwrap() {
        let operation = &item["get"];
        if operation.is_null() {
            continue;
        }
        let layer = archive("etc/motd", "hello again").digest.to_string();
        let mut real = path
            .replace("{tag}", "v1")
            .replace("{reference}", "v1")
            .replace("{digest}", &layer)
            .replace("{id}", "1");
        let name = match path.split('/').nth(1).unwrap() {
            "repositories" => "team%2Fapp",
            "users" => "admin",
            "robots" | "federation" | "providers" | "replication" | "retention" | "webhooks" => {
                "ci"
            }
            "plugins" => "freeze",
            "groups" => "devs",
            "directories" => "corp",
            _ => "none",
        };
        real = real.replace("{name}", name);
        real = real.replace("{reference}", "v1");
        if path == "/packages" {
            real += "?name=none";
        }
        if path == "/access/why" {
            real += "?subject=user:admin&action=pull&repository=team%2Fapp";
        }
        let content = &operation["responses"]["200"]["content"];
        if content["text/event-stream"].is_object() {
            continue; // It does not end.
        }
        let answer = admin.get(&format!("/api/v1{real}")).await.ok().json();
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        assert!(!schema.is_null(), "{path} describes no answer");
        check(&api, schema, &answer, path);
        asked += 1;
    }
    assert!(asked >= 20, "{asked}");
}
