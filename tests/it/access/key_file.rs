//! The key file is replaced: what the old key has sealed is sealed anew.

use std::path::Path;
use std::sync::Arc;

use berth::blob::Probe;
use serde_json::json;

use crate::support::TestApp;

const NEW: &str = "berth-key-1:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI";

/// The name of the key that has sealed each secret, by the table that holds it.
fn keys(data: &Path) -> Vec<(String, Vec<u8>)> {
    let database = rusqlite::Connection::open(data.join("berth.db")).unwrap();
    let columns = [
        ("directory", "bind_password"),
        ("plugin", "secrets"),
        ("provider", "secret"),
        ("replication_target", "credentials"),
        ("seal_check", "sealed"),
        ("signing_key", "private"),
        ("webhook", "secret"),
    ];
    let read = |(table, column): (&str, &str)| {
        let sql = format!("SELECT substr({column}, 2, 4) FROM {table} WHERE {column} IS NOT NULL");
        let key = database.query_row(&sql, (), |row| row.get(0)).unwrap();
        (table.to_owned(), key)
    };
    columns.into_iter().map(read).collect()
}

/// Every column of the schema that is said to be sealed stands in the list above.
#[test]
fn no_sealed_column_is_forgotten() {
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/meta/migrations");
    let mut sealed = 0;
    for file in std::fs::read_dir(migrations).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        sealed +=
            text.lines().filter(|line| line.contains("BLOB") && line.contains("sealed")).count();
    }
    assert!(
        sealed <= 7,
        "there are {sealed} sealed columns: name the new one in meta/sealed.rs and here"
    );
}

async fn start(directory: &Arc<tempfile::TempDir>) -> TestApp {
    TestApp::start_in(Arc::clone(directory), Probe::default(), |_| {}).await
}

#[tokio::test]
async fn everything_is_sealed_with_a_new_key_and_the_old_one_can_go() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let (data, key_file) = (directory.path().join("data"), directory.path().join("data/berth.key"));
    let berth = start(&directory).await;
    let admin = berth.admin().await;
    for (path, wish) in [
        (
            "plugins",
            json!({ "source": "bundled:notify-chat", "granted": ["secret url"], "secrets": { "url": "https://chat.example/hush" } }),
        ),
        ("webhooks", json!({ "name": "ci", "url": "http://127.0.0.1:9/" })),
        (
            "replication/targets",
            json!({ "name": "ci", "url": "https://registry.example", "username": "a", "password": "hush" }),
        ),
        (
            "directories",
            json!({ "name": "corp", "urls": ["ldaps://ldap.example"], "user_base": "dc=example", "bind_dn": "cn=berth", "bind_password": "hush" }),
        ),
    ] {
        admin.post_json(&format!("/api/v1/{path}"), wish).await.status(201);
    }
    let provider = json!({ "kind": "oidc", "issuer": "https://sso.example", "client_id": "a", "client_secret": "hush", "sign_in_every": "7d" });
    admin.put_json("/api/v1/providers/ci", provider).await.ok();
    let hook = berth.app.meta.find_webhook("ci").await.unwrap().unwrap().secret.unwrap();
    berth.stop().await;
    let before = keys(&data);

    let old = std::fs::read_to_string(&key_file).unwrap();
    std::fs::write(&key_file, format!("{NEW}\n{old}")).unwrap();
    start(&directory).await.stop().await;
    let after = keys(&data);
    for ((table, before), (_, after)) in before.iter().zip(&after) {
        assert!(before != after, "{table} is sealed with the old key");
        assert_eq!(after, &keys(&data)[0].1, "{table}");
    }

    // Without the old line all of it opens.
    std::fs::write(&key_file, format!("{NEW}\n")).unwrap();
    let berth = start(&directory).await;
    let meta = &berth.app.meta;
    assert_eq!(meta.find_webhook("ci").await.unwrap().unwrap().secret.unwrap(), hook);
    let directory = meta.find_directory("corp").await.unwrap().unwrap();
    assert_eq!(directory.bind_password.unwrap().expose(), "hush");
    let target = meta.find_replication_target("ci").await.unwrap().unwrap();
    assert_eq!(target.credentials.unwrap().expose().username, "a");
    let plugin = meta.find_installed_plugin("notify-chat").await.unwrap().unwrap();
    assert_eq!(plugin.secrets["url"].expose(), "https://chat.example/hush");
    assert!(meta.load_trust().await.unwrap().providers[0].secret.is_some());
    berth.stop().await;
}
