//! `docker-credential-berth`: this program by another name.

use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// What it said, and its exit code.
fn ask(home: &Path, action: &[&str], input: &str) -> (i32, String) {
    let link = home.join("docker-credential-berth");
    if !link.exists() {
        symlink(env!("CARGO_BIN_EXE_berth"), &link).unwrap();
    }
    let mut command = Command::new(link);
    command.args(action).env_clear().env("HOME", home);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "clients read stdout alone: {output:?}");
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

fn credential(server: &str, username: &str, secret: &str) -> String {
    json!({ "ServerURL": server, "Username": username, "Secret": secret }).to_string()
}

#[test]
fn credentials_are_stored_given_listed_and_erased() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(ask(home, &["list"], ""), (0, "{}\n".into()));
    let none = (1, "credentials not found in native keychain\n".to_owned());
    assert_eq!(ask(home, &["get"], "a.example"), none);
    for (server, secret) in [("a.example:5000", "one"), ("https://index.docker.io/v1/", "two")] {
        let stored = ask(home, &["store"], &credential(server, "ann", secret));
        assert_eq!(stored, (0, String::new()));
    }
    let (code, text) = ask(home, &["get"], "a.example:5000\n");
    let given: Value = serde_json::from_str(&text).unwrap();
    let expected = json!({ "ServerURL": "a.example:5000", "Username": "ann", "Secret": "one" });
    assert_eq!((code, given), (0, expected));
    assert_eq!(ask(home, &["get"], "https://a.example:5000/v2/").0, 0);
    assert_eq!(ask(home, &["get"], "a.example"), none, "another port is another registry");
    let (_, text) = ask(home, &["list"], "unix");
    let listed: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(listed, json!({ "a.example:5000": "ann", "https://index.docker.io/v1/": "ann" }));

    // A refresh token is stored under a name of its own.
    let token = credential("a.example:5000", "<token>", "refresh");
    ask(home, &["store"], &token);
    assert!(ask(home, &["get"], "a.example:5000").1.contains("<token>"));

    let file = home.join(".local/share/berth/credentials.json");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let directory = std::fs::metadata(file.parent().unwrap()).unwrap();
    assert_eq!(directory.permissions().mode() & 0o777, 0o700);

    assert_eq!(ask(home, &["erase"], "a.example:5000"), (0, String::new()));
    assert_eq!(ask(home, &["erase"], "a.example:5000"), (0, String::new()), "gone is gone");
    assert_eq!(ask(home, &["get"], "a.example:5000"), none);
    assert!(!std::fs::read_to_string(&file).unwrap().contains("refresh"));
}

#[test]
fn complaints_are_those_that_clients_know() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    for (action, input, complaint) in [
        ("get", "", "no credentials server URL"),
        ("erase", "\n", "no credentials server URL"),
        ("store", &*credential("", "ann", "x"), "no credentials server URL"),
        ("store", &credential("a.example", "", "x"), "no credentials username"),
        ("store", "{", "not in the form of the protocol"),
        ("fly", "", "usage: docker-credential-berth get|store|erase|list|version"),
    ] {
        let (code, said) = ask(home, &[action], input);
        assert!(code == 1 && said.contains(complaint), "{action}: {said}");
    }
    assert_eq!(ask(home, &[], "").0, 1);
    let version = format!("docker-credential-berth {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(ask(home, &["version"], ""), (0, version));
    // A file that somebody broke is told of, and not written over.
    let file = home.join(".local/share/berth/credentials.json");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "broken").unwrap();
    let (code, said) = ask(home, &["store"], &credential("a.example", "ann", "x"));
    assert!(code == 1 && said.contains("is not as it was written"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "broken");
}

#[test]
fn those_who_store_at_once_lose_nothing() {
    let home = tempfile::tempdir().unwrap();
    ask(home.path(), &["list"], "");
    std::thread::scope(|scope| {
        for number in 0..12 {
            let home = home.path();
            scope.spawn(move || {
                let new = credential(&format!("r{number}.example"), "ann", "x");
                assert_eq!(ask(home, &["store"], &new).0, 0);
            });
        }
    });
    let listed: Value = serde_json::from_str(&ask(home.path(), &["list"], "").1).unwrap();
    assert_eq!(listed.as_object().unwrap().len(), 12, "{listed}");
}
