//! `berth health`

use crate::support::{Process, berth};

#[test]
fn health_is_the_exit_code() {
    let directory = tempfile::tempdir().unwrap();
    let process = Process::start(&directory.path().join("data"));
    let listen = process.url().strip_prefix("http://").unwrap().to_owned();
    let set = format!("server.listen={listen}");
    let said = berth(directory.path(), ["health", "--set", &set]).ok();
    assert_eq!(said.stdout, "ready\n");
    berth(directory.path(), ["health", "--server", process.url()]).ok();
    // What stands for all addresses is reached by this machine's own.
    let everywhere = set.replace("127.0.0.1", "0.0.0.0");
    berth(directory.path(), ["health", "--set", &everywhere]).ok();
    process.kill();
    let said = berth(directory.path(), ["health", "--set", &set]).exit(1);
    assert!(said.stdout.is_empty() && said.stderr.starts_with("error: "), "{said:?}");
}

#[test]
fn health_of_a_berth_with_tls_needs_no_authority() {
    let directory = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["registry.example.org".to_owned()]).unwrap();
    let (certificate, key) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let process = Process::start_with(&directory.path().join("data"), |command| {
        command.env("BERTH_SERVER_TLS_CERTIFICATE", &certificate).env("BERTH_SERVER_TLS_KEY", &key);
    });
    let listen = process.url().strip_prefix("https://").unwrap();
    let settings = format!(
        "[server]\nlisten = \"{listen}\"\n[server.tls]\ncertificate = {certificate:?}\nkey = {key:?}\n"
    );
    std::fs::write(directory.path().join("berth.toml"), settings).unwrap();
    berth(directory.path(), ["health"]).ok();
    // Somebody else's is looked at.
    berth(directory.path(), ["health", "--server", process.url()]).exit(1).says(["certificate"]);
}
