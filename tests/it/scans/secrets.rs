//! Secrets that are left in layers.

use serde_json::{Value, json};

use super::{image_of, install, scanned, start};
use crate::plugins::images::{gzip, tar};
use crate::support::{Blob, Image};

/// Put together here, so that nobody who looks for secrets finds any in this file.
fn token() -> String {
    ["ghp_", "kQ7pLw2ZsXeR9vTnB4mY", "1cHjD6fGa3UoIi8W"].concat()
}

fn key() -> String {
    let body = "MHcCAQEEIBk3vQ9zq0h7m2Xw8rYt5uPn1sLd6fGaJjKbVxCeZyR4oAoGCCqGSM49AwEHoUQDQgAE";
    format!("-----BEGIN EC {0}-----\n{body}\n-----END EC {0}-----\n", "PRIVATE KEY")
}

#[tokio::test]
async fn secrets_are_found_in_every_layer_also_those_that_are_deleted_again() {
    let host = start().await;
    install(&host.berth, "scan-secrets", json!({ "ignored-paths": ["opt/known/"] })).await;
    let admin = host.berth.admin().await;
    let (token, key) = (token(), key());
    let script = format!("#!/bin/sh\n# deploy\nexport TOKEN={token}\n");
    let npmrc = "//registry.npmjs.org/:_authToken=7c9be1de-4f3a-4c1b-9a77-0d2f1e5b6a44\n";
    let layers = [
        tar(&[
            ("root/deploy.sh", script.as_bytes()),
            ("root/.npmrc", npmrc.as_bytes()),
            ("etc/ssl/private/server.key", key.as_bytes()),
            ("opt/known/id", key.as_bytes()),
            // What only looks like it.
            (
                "usr/share/doc/a.txt",
                b"use AKIAIOSFODNN7EXAMPLE or ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            ),
            ("app/code.py", b"if text.startswith('-----BEGIN PRIVATE KEY-----'): pass"),
            ("app/.npmrc", b"//registry.npmjs.org/:_authToken=${NPM_TOKEN}\n"),
        ]),
        tar(&[("root/.wh.deploy.sh", b"")]),
    ];
    let layers = layers.iter().map(|layer| Blob::new(gzip(layer))).collect();
    let config = json!({ "config": { "Env": ["AWS_SECRET_ACCESS_KEY=wJ4lrXUtnFEM1K7MDENGbPxRfiCYzq9hTvL2sKdE"] } });
    let image = Image::with_config(
        Blob::new(config.to_string()),
        layers,
        "application/vnd.oci.image.layer.v1.tar+gzip",
    );
    admin.push("team/app", "v1", &image).await;
    let reports = scanned(&admin, "team/app", "v1", 1).await;
    assert_eq!(reports[0]["state"], "done", "{reports:?}");
    let found = admin.get("/api/v1/repositories/team%2Fapp/scans/v1/findings").await.ok().json();
    let mut all: Vec<_> = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["id"].as_str().unwrap(), one["path"].as_str().unwrap()))
        .collect();
    all.sort_unstable();
    assert_eq!(
        all,
        [
            ("aws-secret-key", "(configuration of the image)"),
            ("github-token", "root/deploy.sh"),
            ("npm-credentials", "root/.npmrc"),
            ("private-key", "etc/ssl/private/server.key"),
        ]
    );
    // Where it is, and not what it is.
    let meta = &host.berth.app.meta;
    let report = meta.find_scan(&image.digest(), "scan-secrets").await.unwrap().unwrap();
    let rows =
        meta.list_findings(report.id, berth_advisories::Severity::Unknown, 0, 10).await.unwrap();
    let row = rows.iter().find(|row| row.name == "github-token").unwrap();
    let attributes = &row.detail["attributes"];
    assert_eq!((&attributes["line"], &attributes["layer-index"]), (&json!("3"), &json!("0")));
    assert!(attributes["value"].as_str().unwrap().starts_with("ghp_kQ…"), "{attributes}");
    let everything: Vec<Value> = rows.into_iter().map(|row| row.detail).collect();
    assert!(!json!(everything).to_string().contains(&token[6..]));
}

#[tokio::test]
async fn an_ordinary_image_has_no_secrets() {
    let host = start().await;
    install(&host.berth, "scan-secrets", json!({})).await;
    let admin = host.berth.admin().await;
    let image = image_of(
        &[
            ("etc/passwd", b"root:x:0:0::/root:/bin/sh\n"),
            ("etc/shadow", b"root:*:19000:0:99999:7:::\n"),
            ("bin/tool", b"\x7fELF\0\0-----BEGIN PRIVATE KEY-----"),
            ("app/settings.py", b"PASSWORD = os.environ['PASSWORD']\n"),
        ],
        &json!({ "config": { "Env": ["PATH=/usr/bin"] } }),
    );
    admin.push("team/app", "v1", &image).await;
    let reports = scanned(&admin, "team/app", "v1", 1).await;
    assert_eq!(reports[0]["state"], "done", "{reports:?}");
    let found = admin.get("/api/v1/repositories/team%2Fapp/scans/v1/findings").await.ok().json();
    assert_eq!(found["findings"], json!([]));
}
