//! `berth user`

use std::path::Path;

use crate::support::{PASSWORD, Process, Said, berth, berth_reads, eventually};

fn user(data: &Path, arguments: &[&str]) -> Said {
    berth(data, [&["user"], arguments, &["--data", "data"]].concat())
}

fn add(data: &Path, name: &str, role: &str) -> Said {
    let arguments = ["user", "add", name, "--role", role, "--password-stdin", "--data", "data"];
    berth_reads(data, arguments, &format!("{PASSWORD}\n"))
}

#[test]
fn users_are_made_listed_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    for command in [&["list"][..], &["remove", "ann"], &["passwd", "ann", "--generate"]] {
        user(data, command).exit(1).says(["there is no registry in data", "--data", "berth serve"]);
    }
    assert!(!data.join("data").exists(), "a mistyped directory is not made");
    let said = add(data, "ann", "writer").ok().says(["made the writer ann"]);
    assert!(said.stdout.is_empty(), "talk goes to stderr: {said:?}");
    add(data, "zoe", "reader").ok();
    add(data, "boss", "administrator").ok();

    let users = user(data, &["list", "--json"]).ok().json();
    let users: Vec<_> = users.as_array().unwrap().iter().collect();
    let pairs: Vec<_> = users
        .iter()
        .map(|user| (user["name"].as_str().unwrap(), user["roles"][0].as_str().unwrap()))
        .collect();
    assert_eq!(pairs, [("ann", "writer"), ("boss", "administrator"), ("zoe", "reader")]);
    assert!(users[0]["created_at"].as_str().unwrap().ends_with('Z'));
    let table = user(data, &["list"]).ok().stdout;
    let mut lines = table.lines();
    assert!(lines.next().unwrap().starts_with("NAME  ROLE"), "{table}");
    assert!(lines.next().unwrap().starts_with("ann   writer"), "{table}");
    for secret in [PASSWORD, "argon2"] {
        assert!(!table.contains(secret));
    }

    let said = user(data, &["remove", "ann"]).ok().says(["removed ann"]);
    assert!(said.stdout.is_empty());
    user(data, &["remove", "ann"]).exit(1).says(["there is no user `ann`"]);
    add(data, "ann", "reader").ok();
}

#[test]
fn a_generated_password_is_printed_once_and_works() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let said = user(data, &["add", "ci", "--generate"]).ok().says(["made the reader ci"]);
    let first = said.stdout.trim().to_owned();
    assert_eq!(first.len(), 20);
    assert!(!said.stderr.contains(&first));
    let second = user(data, &["passwd", "ci", "--generate"]).ok().stdout.trim().to_owned();
    assert_ne!(first, second);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let process = Process::start(&data.join("data"));
        let client = process.admin();
        client.with_password("ci", &first).get("/v2/").await.fails(401, "UNAUTHORIZED");
        client.with_password("ci", &second).get("/v2/").await.ok();
    });
}

#[test]
fn what_cannot_be_done_is_said_and_nothing_is_changed() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    add(data, "ann", "administrator").ok();
    let before = user(data, &["list", "--json"]).ok().stdout;

    add(data, "ann", "reader").exit(1).says(["there is an account `ann` already"]);
    for name in ["", "a b", "a:b", "ä", "../x", "anonymous", &"x".repeat(65)] {
        add(data, name, "reader")
            .exit(1)
            .says(["cannot be the name of an account", "use up to 64 letters"]);
    }
    for (input, words) in
        [("short\n", "shorter than 8"), ("\n", "shorter than 8"), ("", "shorter than 8")]
    {
        let arguments = ["user", "add", "bob", "--password-stdin", "--data", "data"];
        berth_reads(data, arguments, input).exit(1).says([words, "nothing was changed"]);
        let arguments = ["user", "passwd", "ann", "--password-stdin", "--data", "data"];
        berth_reads(data, arguments, input).exit(1).says([words, "nothing was changed"]);
    }
    user(data, &["add", "bob"]).exit(1).says(["--password-stdin", "--generate"]);
    user(data, &["passwd", "nobody", "--generate"]).exit(1).says(["there is no user `nobody`"]);
    user(data, &["remove", "ann"])
        .exit(1)
        .says(["ann is the last administrator", "make somebody else one first"]);
    assert_eq!(user(data, &["list", "--json"]).ok().stdout, before);

    add(data, "boss", "administrator").ok();
    user(data, &["remove", "ann"]).ok();
    user(data, &["remove", "boss"]).exit(1).says(["boss is the last administrator"]);
}

#[test]
fn a_password_is_the_first_line_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let inputs = [
        ("a", "  spaces stay  \n", "  spaces stay  "),
        ("b", "windows ends\r\nsecond", "windows ends"),
        ("c", "pässwörd ☃", "pässwörd ☃"),
    ];
    for (name, input, _) in inputs {
        let arguments = ["user", "add", name, "--password-stdin", "--data", "data"];
        berth_reads(data, arguments, input).ok();
    }
    runtime.block_on(async {
        let process = Process::start(&data.join("data"));
        for (name, _, password) in inputs {
            process.admin().with_password(name, password).get("/v2/").await.ok();
        }
    });
}

#[tokio::test]
async fn users_can_be_managed_while_the_registry_runs() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let process = Process::start(&data.join("data"));
    add(data, "ann", "writer").ok();
    let ann = process.admin().with_password("ann", PASSWORD);
    let code = async |expected: u16| {
        eventually("the change", async || (ann.get("/v2/").await.code == expected).then_some(()))
            .await;
    };
    code(200).await;
    user(data, &["remove", "ann"]).ok();
    code(401).await;
    user(data, &["remove", "admin"]).exit(1).says(["last administrator"]);
    process.admin().get("/v2/").await.ok();
}
