//! `berth backup` and `berth restore`, as people type them.

use crate::support::{Client, Image, PASSWORD, Process, berth};

#[tokio::test]
async fn a_registry_is_backed_up_looked_through_and_restored_by_commands() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let serving = Process::start(&at.join("data"));
    let image = Image::of(["one"]);
    serving.admin().push("team/app", "v1", &image).await;
    serving
        .admin()
        .post_json(
            "/api/v1/webhooks",
            serde_json::json!({ "name": "ci", "url": "http://127.0.0.1:9/" }),
        )
        .await
        .status(201);

    let made = berth(at, ["backup", "keygen", "identity.txt"]).ok();
    let recipient = made.stdout.trim().to_owned();
    assert!(recipient.starts_with("age1"));
    berth(at, ["backup", "keygen", "identity.txt"]).exit(1).says(["cannot write identity.txt"]);

    berth(at, ["backup", "create", "--data", "data"])
        .exit(1)
        .says(["there is no place for backups"]);
    let plain = ["backup", "create", "--to", "plain", "--data", "data"];
    let first =
        berth(at, plain).ok().says(["1 repository with 2 blobs", "The key file is not in it"]);
    let first = first.stdout.trim().to_owned();
    let recipients = format!("backup.recipients={recipient}");
    let sealed = ["backup", "create", "--to", "sealed", "--data", "data", "--set", &recipients];
    let said = berth(at, sealed).ok();
    assert!(!said.stderr.contains("key file is not in it"), "{said:?}");

    let listed = berth(at, ["backup", "list", "--from", "plain", "--json"]).ok().json();
    assert_eq!(listed[0]["id"], *first);
    let shown = berth(at, ["backup", "list", "--from", "sealed"]).ok();
    assert!(shown.stdout.contains("encrypted, with key file"), "{shown:?}");
    berth(at, ["backup", "verify", "--from", "plain"]).ok().says(["2 blobs read and compared"]);
    let found = berth(at, ["backup", "verify", "--from", "sealed"]).ok();
    assert!(found.stdout.contains("no identity was given"), "{found:?}");
    berth(at, ["backup", "verify", "--from", "sealed", "-i", "identity.txt"]).ok();
    berth(at, ["backup", "verify", "nothing", "--from", "plain"])
        .exit(1)
        .says(["there is no backup nothing"]);

    // The key file: from the backup, given, or left out knowingly.
    let restore = ["restore", "--from", "plain", "--data-dir", "new"];
    berth(at, restore).exit(1).says([
        "does not hold the key file",
        "--key-file",
        "--forget-secrets",
    ]);
    std::fs::write(
        at.join("other.key"),
        "berth-key-1:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI\n",
    )
    .unwrap();
    berth(at, [&restore[..], &["--key-file", "other.key"]].concat())
        .exit(1)
        .says(["does not open the secrets"]);
    berth(at, [&restore[..], &["--key-file", "data/berth.key"]].concat()).ok();
    berth(at, restore).exit(1).says(["new is not empty"]);
    berth(at, ["restore", "--from", "plain", "--data-dir", "bare", "--forget-secrets"]).ok();
    berth(at, ["restore", "--from", "sealed", "--data-dir", "whole", "-i", "identity.txt"]).ok();
    assert_eq!(serving.terminate(), Some(0));

    for (name, has_secrets) in [("new", true), ("whole", true), ("bare", false)] {
        let copy = Process::start(&at.join(name));
        let admin = Client::new(copy.url().to_owned(), Some(("admin".into(), PASSWORD.into())));
        let pulled = admin.get("/v2/team/app/manifests/v1").await.ok();
        assert_eq!(pulled.bytes, image.manifest(), "{name}");
        let hook = admin.get("/api/v1/webhooks/ci").await.ok().json();
        assert_eq!(hook["is_enabled"], has_secrets, "{name}: {hook}");
        let events = admin.get("/api/v1/events?kind=backup.restore").await.ok().json();
        assert_eq!(events["events"].as_array().unwrap().len(), usize::from(has_secrets), "{name}");
        // Tokens are signed with a key that came along, or a new one.
        admin.log_in(&["repository:team/app:pull"]).await.get("/v2/team/app/tags/list").await.ok();
        assert_eq!(copy.terminate(), Some(0));
    }
}
