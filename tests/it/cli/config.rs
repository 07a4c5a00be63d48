//! Where settings come from, and what is wrong with them.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Said, berth, berth_command, run};

fn write(directory: &Path, text: &str) {
    fs::write(directory.join("berth.toml"), text).unwrap();
}

/// The value of a key and where it came from.
fn shown(said: &Said, key: &str) -> (String, String) {
    let rows = said.json();
    let row = rows.as_array().unwrap().iter().find(|row| row["key"] == key);
    let row = row.unwrap_or_else(|| panic!("no {key} in {rows}"));
    let text = |field: &str| row[field].as_str().unwrap_or_else(|| panic!("{row}")).to_owned();
    (text("value"), text("source"))
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file() {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        "[uploads]\nexpire_after = \"2d\"\n\n[log]\nfilter = \"warn\"\nformat = \"text\"\n",
    );
    let mut command = berth_command(directory.path());
    command
        .args(["config", "show", "--json", "--set", "uploads.expire_after=4d"])
        .env("BERTH_UPLOADS_EXPIRE_AFTER", "3d")
        .env("BERTH_LOG_FILTER", "error");
    let said = run(&mut command).ok();
    let pair = |value: &str, source: &str| (value.to_owned(), source.to_owned());
    assert_eq!(shown(&said, "uploads.expire_after"), pair("4d", "flag --set"));
    assert_eq!(shown(&said, "log.filter"), pair("error", "environment BERTH_LOG_FILTER"));
    assert_eq!(shown(&said, "log.format"), pair("text", "berth.toml:6"));
    assert_eq!(shown(&said, "server.listen"), pair("127.0.0.1:5000", "default"));
    // `--data` is a setting like any other; of two flags for one key the last counts or is refused, never the first.
    let said = berth(directory.path(), ["config", "show", "--json", "--data", "/srv/berth"]).ok();
    assert_eq!(shown(&said, "storage.data"), pair("/srv/berth", "flag --data"));
}

#[test]
fn another_file_can_be_named() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "[log]\nfilter = \"warn\"\n");
    fs::write(directory.path().join("other.toml"), "[log]\nfilter = \"error\"\n").unwrap();
    let show = ["config", "show", "--json"];
    let said = berth(directory.path(), show.into_iter().chain(["--config", "other.toml"])).ok();
    assert_eq!(shown(&said, "log.filter").1, "other.toml:2");
    let mut command = berth_command(directory.path());
    let said = run(command.args(show).env("BERTH_CONFIG", "other.toml")).ok();
    assert_eq!(shown(&said, "log.filter").0, "error");
}

#[test]
fn secrets_are_masked() {
    let directory = tempfile::tempdir().unwrap();
    let (key, token) = ("AKIAVERYSECRET", "even-more-secret");
    write(
        directory.path(),
        &format!(
            "[storage]\nbackend = \"s3\"\n[storage.options]\nbucket = \"images\"\nsecret_access_key = \"{key}\"\n"
        ),
    );
    for format in [&["--json"][..], &[]] {
        let mut command = berth_command(directory.path());
        command
            .args(["config", "show"])
            .args(format)
            .env("BERTH_STORAGE_OPTIONS_SESSION_TOKEN", token);
        let said = run(&mut command).ok();
        assert!(said.stdout.contains("images"), "{said:?}");
        for (option, secret) in [("secret_access_key", key), ("session_token", token)] {
            assert!(said.stdout.contains(option), "{said:?}");
            assert!(!said.stdout.contains(secret) && !said.stderr.contains(secret), "{said:?}");
        }
        assert!(said.stdout.contains("***"), "{said:?}");
    }
}

#[test]
fn a_problem_names_file_line_and_key() {
    let directory = tempfile::tempdir().unwrap();
    for (text, words) in [
        ("[server]\nlisten = \"here\"\n", ["berth.toml:2: server.listen: ", "here"]),
        (
            "[server]\n\nlissten = \"127.0.0.1:1\"\n",
            ["berth.toml:3: server.lissten: unknown key", "server.listen"],
        ),
        ("[sever]\nlisten = \"127.0.0.1:1\"\n", ["berth.toml:1: sever: unknown key", ""]),
        (
            "[uploads]\nexpire_after = \"5s\"\n",
            ["berth.toml:2: uploads.expire_after: ", "shorter than one minute"],
        ),
        ("[uploads]\nexpire_after = 5\n", ["berth.toml:2: uploads.expire_after: ", "string"]),
        ("[storage]\nreserve = \"2 apples\"\n", ["berth.toml:2: storage.reserve: ", "2 apples"]),
        ("[storage]\nbackend = \"tape\"\n", ["berth.toml:2: storage.backend: ", "tape"]),
        ("[metrics]\npublic = \"yes\"\n", ["berth.toml:2: metrics.public: ", "bool"]),
        ("[auth]\nfailed_logins = 0\n", ["berth.toml:2: auth.failed_logins: ", "at least 1"]),
        ("[auth]\nfailed_logins = -1\n", ["berth.toml:2: auth.failed_logins: ", ""]),
        (
            "[auth]\ntoken_lifetime = \"30s\"\n",
            ["berth.toml:2: auth.token_lifetime: ", "one minute"],
        ),
        ("[log]\nfilter = \"berth=loud\"\n", ["berth.toml:2: log.filter: ", "berth=loud"]),
        (
            "[server]\npublic_url = \"registry.example.org/path\"\n",
            ["berth.toml:2: server.public_url: ", "https://"],
        ),
        (
            "[server.tls]\ncertificate = \"cert.pem\"\n",
            ["berth.toml:2: server.tls.certificate: ", "server.tls.key"],
        ),
        ("log = 3\n", ["berth.toml:1: log: ", "[log]"]),
        ("[log]\nfilter = \"a\"\nfilter = \"b\"\n", ["berth.toml:3", "duplicate"]),
        ("[log\n", ["berth.toml:1: ", ""]),
        ("\u{0}", ["berth.toml:1: ", ""]),
    ] {
        write(directory.path(), text);
        let said = berth(directory.path(), ["config", "check"]).exit(2).says(words);
        assert!(said.stdout.is_empty(), "{text}: {said:?}");
        // Every command that reads settings refuses them, before it does anything.
        berth(directory.path(), ["user", "list"]).exit(2).says(words);
    }
    assert!(!directory.path().join("berth-data").exists());
}

#[test]
fn all_problems_are_told_at_once_wherever_they_come_from() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "[log]\nfilter = 1\nlevel = \"info\"\n");
    let mut command = berth_command(directory.path());
    command
        .args(["config", "check", "--set", "uploads.expire_after=soon", "--set", "no.such=1"])
        .env("BERTH_SERVER_LISTEN", "nowhere")
        .env("BERTH_SERVER_LISTENN", "127.0.0.1:1");
    run(&mut command).exit(2).says([
        "berth.toml:2: log.filter: ",
        "berth.toml:3: log.level: unknown key",
        "environment BERTH_SERVER_LISTEN: server.listen: ",
        "environment BERTH_SERVER_LISTENN: ",
        "flag --set: uploads.expire_after: ",
        "flag --set: no.such: unknown key",
    ]);
}

#[test]
fn what_is_good_is_called_good() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(
        berth(directory.path(), ["config", "check"]).ok().stdout,
        "the configuration is good\n"
    );
    write(directory.path(), "[server]\npublic_url = \"https://registry.example.org\"\n");
    berth(directory.path(), ["config", "check"]).ok();
    // The example in the repository can be used as it is.
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/berth.toml");
    berth(
        directory.path(),
        [
            Path::new("config").as_os_str(),
            "check".as_ref(),
            "--config".as_ref(),
            example.as_os_str(),
        ],
    )
    .ok();
    // People see a table, programs JSON.
    let said = berth(directory.path(), ["config", "show"]).ok();
    let line = said.stdout.lines().find(|line| line.starts_with("server.public_url")).unwrap();
    assert!(
        line.contains("= \"https://registry.example.org\"") && line.ends_with("# berth.toml:2"),
        "{line}"
    );
    let rows = berth(directory.path(), ["config", "show", "--json"]).ok().json();
    assert_eq!(rows.as_array().map(Vec::len), Some(said.stdout.lines().count()));
    assert!(rows.as_array().unwrap().iter().all(|row| row["key"] != Value::Null));
}
