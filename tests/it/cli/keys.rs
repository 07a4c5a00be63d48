//! `berth key`

use crate::support::{PASSWORD, Process, berth, eventually};

fn key_of(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

#[tokio::test]
async fn a_rotated_key_signs_in_a_running_registry() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let process = Process::start(&data.join("data"));
    let admin = process.admin();
    let old = admin.token(&[]).await;

    let said = berth(data, ["key", "rotate", "--data", "data"]).ok();
    assert!(said.stderr.is_empty(), "{said:?}");
    let id = said.stdout.split(' ').next().unwrap().to_owned();
    let new = eventually("the new key", async || {
        let token = admin.token(&[]).await;
        (key_of(&token) == id).then_some(token)
    })
    .await;
    for token in [&old, &new] {
        admin.with_token(token).get("/v2/").await.ok();
    }

    let keys = berth(data, ["key", "list", "--json", "--data", "data"]).ok().json();
    let states: Vec<_> = keys
        .as_array()
        .unwrap()
        .iter()
        .map(|key| (key["id"].as_str().unwrap(), key["retired_at"].is_null()))
        .collect();
    assert_eq!(states, [(id.as_str(), true), (key_of(&old).as_str(), false)]);
    let table = berth(data, ["key", "list", "--data", "data"]).ok().stdout;
    assert_eq!(table.lines().count(), 2);
    assert!(table.lines().next().unwrap().ends_with("signs"), "{table}");
    assert!(table.lines().nth(1).unwrap().contains("retired "), "{table}");
    assert!(!table.contains(PASSWORD));
}
