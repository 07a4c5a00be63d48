//! `berth doctor`: what is well is said to be well, and what is broken on purpose is found, with its mend.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use berth::clock::Clock;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::Value;

use crate::support::{Image, Process, Said, berth, eventually, stored_files};

/// Runs it; what it found, without what is so on any machine of a test.
fn look(at: &Path, arguments: &[&str]) -> (Said, Vec<Value>) {
    let said = berth(at, [&["doctor", "--json"], arguments].concat());
    let found = said.json()["findings"].as_array().unwrap().clone();
    (said, found)
}

/// Those findings of a check that are not good.
fn bad(found: &[Value], check: &str) -> Vec<String> {
    let is = |finding: &&Value| finding["check"] == check && finding["severity"] != "good";
    found.iter().filter(is).map(|finding| finding["what"].as_str().unwrap().to_owned()).collect()
}

fn is_good(found: &[Value], check: &str) -> bool {
    let mut of = found.iter().filter(|finding| finding["check"] == check).peekable();
    of.peek().is_some() && of.all(|finding| finding["severity"] == "good")
}

#[tokio::test]
async fn a_data_directory_is_looked_at_without_a_network() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let data = at.join("data");
    let serving = Process::start(&data);
    for tag in ["v1", "v2"] {
        serving.admin().push("team/app", tag, &Image::of(["one", tag])).await;
    }
    let offline = ["--offline", "--data", "data", "--set", "storage.reserve=0B"];
    let whole = |when: &str| {
        let (said, found) = look(at, &offline);
        assert_eq!(said.code, 0, "{when}: {said:?}");
        for check in ["database", "blobs", "clock"] {
            assert!(is_good(&found, check), "{when}: {check} in {found:#?}");
        }
        assert_eq!(bad(&found, "files"), [""; 0], "{when}");
    };
    whole("while it serves");
    assert_eq!(serving.terminate(), Some(0));
    whole("while it does not");

    let key = data.join("berth.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (said, found) = look(at, &offline);
    assert!(bad(&found, "files")[0].contains("every user of this machine can read the key file"));
    assert_eq!(said.code, 0, "it works");
    let text = berth(at, [&["doctor"], &offline[..]].concat()).ok();
    assert!(text.stdout.contains("mend: chmod 600 data/berth.key"), "{text:?}");
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let (said, found) = look(at, &offline);
    assert!(bad(&found, "files")[0].contains("the key file is not there"), "{found:#?}");
    assert_eq!(said.code, 1);
    std::fs::write(&key, "berth-key-1:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI\n").unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let (_, found) = look(at, &offline);
    assert!(bad(&found, "database")[0].contains("does not open the secrets"), "{found:#?}");
    std::fs::write(&key, kept).unwrap();
    whole("with the key file again");

    // A blob's file is cut, another is gone.
    let blobs: Vec<_> = stored_files::files(&data, "blobs").into_keys().collect();
    std::fs::remove_file(data.join(&blobs[0])).unwrap();
    std::fs::write(data.join(&blobs[1]), "short").unwrap();
    let (said, found) = look(at, &offline);
    assert_eq!((bad(&found, "blobs").len(), said.code), (2, 1), "{found:#?}");

    // Something happened later than now.
    let database = rusqlite::Connection::open(data.join("berth.db")).unwrap();
    database.execute("UPDATE event SET at = at + 3600000", ()).unwrap();
    let (_, found) = look(at, &offline);
    assert!(bad(&found, "clock")[0].contains("the clock was set back"), "{found:#?}");
    // A reference that leads nowhere, and a manifest that is another.
    database
        .execute_batch(
            "PRAGMA foreign_keys = OFF; DELETE FROM repository; UPDATE manifest SET body = x'00'",
        )
        .unwrap();
    database.close().unwrap();
    let (said, found) = look(at, &offline);
    let found = bad(&found, "database").join("\n");
    assert!(found.contains("refers to repository, where it is not"), "{found}");
    assert!(found.contains("is damaged") && said.code == 1, "{found}");
    // Pages of the file itself.
    let mut bytes = std::fs::read(data.join("berth.db")).unwrap();
    for page in 3..12 {
        bytes[page * 4096..page * 4096 + 64].fill(0xa5);
    }
    std::fs::write(data.join("berth.db"), bytes).unwrap();
    let (_, found) = look(at, &offline);
    let found = bad(&found, "database");
    assert!(!found.is_empty() && found.iter().all(|what| !what.is_empty()), "{found:?}");
}

#[tokio::test]
async fn a_running_berth_is_looked_at_as_clients_see_it() {
    let directory = tempfile::tempdir().unwrap();
    let serving = Process::start(&directory.path().join("data"));
    let (said, found) = look(
        directory.path(),
        &["--url", serving.url(), "--data", "data", "--set", "storage.reserve=0B"],
    );
    assert_eq!(said.code, 0, "{found:#?}");
    assert!(is_good(&found, "proxy") && is_good(&found, "dns"), "{found:#?}");
    assert!(
        found
            .iter()
            .any(|finding| finding["what"].as_str().unwrap().starts_with("the same as that of"))
    );
    assert!(bad(&found, "tls")[0].contains("in the clear"), "{found:#?}");
    // It looks at itself, too; it is not told its public URL.
    let admin = serving.admin();
    let seen = admin.post_json("/api/v1/doctor", serde_json::json!({})).await.ok().json();
    let checks: Vec<_> =
        seen["findings"].as_array().unwrap().iter().map(|one| &one["check"]).collect();
    assert!(
        ["disk", "database", "dns"].iter().all(|check| checks.iter().any(|seen| *seen == check)),
        "{seen}"
    );
    let nowhere = "http://berth.invalid";
    let (said, found) = look(directory.path(), &["--url", nowhere, "--data", "data"]);
    assert!(bad(&found, "dns")[0].contains("berth.invalid has no address"), "{found:#?}");
    assert_eq!(said.code, 1);
    let url = serving.url().to_owned();
    assert_eq!(serving.terminate(), Some(0));
    let (said, found) = look(directory.path(), &["--url", &url, "--data", "data"]);
    assert!(bad(&found, "tls")[0].contains("nobody answers"), "{found:#?}");
    assert_eq!(said.code, 1);
}

/// An authority, and what it signs.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    /// A certificate for a name and its key, in files.
    fn sign(&self, at: &Path, name: &str, change: impl FnOnce(&mut CertificateParams)) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(at.join("certificate.pem"), certificate.pem()).unwrap();
        std::fs::write(at.join("key.pem"), key.serialize_pem()).unwrap();
        std::fs::write(at.join("ca.pem"), self.issuer.pem()).unwrap();
    }
}

fn serve_tls(at: &Path) -> Process {
    Process::start_with(&at.join("data"), |command| {
        command
            .env("BERTH_SERVER_TLS_CERTIFICATE", at.join("certificate.pem"))
            .env("BERTH_SERVER_TLS_KEY", at.join("key.pem"));
    })
}

type Change<'a> = &'a dyn Fn(&mut CertificateParams);

#[test]
fn certificates_are_judged_as_clients_do() {
    let soon = {
        let day = |days: i64| {
            let later = Clock::system().now().as_millis() + days * 86_400_000;
            let text = berth::clock::Timestamp::from_millis(later).to_string();
            let part = |range: std::ops::Range<usize>| text[range].parse::<u16>().unwrap();
            let (month, day) = (part(5..7), part(8..10));
            rcgen::date_time_ymd(
                i32::from(part(0..4)),
                u8::try_from(month).unwrap(),
                u8::try_from(day).unwrap(),
            )
        };
        day(6)
    };
    let cases: [(&str, &str, bool, Change<'_>, i32); 5] = [
        ("127.0.0.1", "", true, &|_| {}, 0),
        ("127.0.0.1", "shows its own certificate alone", false, &|_| {}, 1),
        (
            "registry.example.org",
            "is not for 127.0.0.1, but for registry.example.org",
            true,
            &|_| {},
            1,
        ),
        (
            "127.0.0.1",
            "has expired on 2026-01-01",
            true,
            &|params| params.not_after = rcgen::date_time_ymd(2026, 1, 1),
            1,
        ),
        ("127.0.0.1", "ends on", true, &|params| params.not_after = soon, 0),
    ];
    for (name, wanted, trusts, change, code) in cases {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        Authority::new().sign(at, name, |params| change(params));
        let serving = serve_tls(at);
        let mut arguments =
            vec!["--data", "data", "--url", serving.url(), "--set", "storage.reserve=0B"];
        if trusts {
            arguments.extend(["--ca", "ca.pem"]);
        }
        let (said, found) = look(at, &arguments);
        let found = bad(&found, "tls");
        match wanted {
            "" => assert_eq!(found, [""; 0]),
            wanted => assert!(found[0].contains(wanted), "{wanted}: {found:?}"),
        }
        assert_eq!(said.code, code, "{wanted}: {said:?}");
        assert_eq!(serving.terminate(), Some(0));
    }
}

/// A real nginx before a Berth.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Nginx {
    /// None if there is none on this machine.
    async fn start(at: &Path, berth: &str, more: &str) -> Option<(Self, String)> {
        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let here = at.display();
        let settings = format!(
            "daemon off; master_process off; pid {here}/nginx.pid; error_log {here}/nginx.log;
             events {{}}
             http {{
                 access_log off;
                 client_body_temp_path {here}/body; proxy_temp_path {here}/proxy; fastcgi_temp_path {here}/f;
                 uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;
                 server {{
                     listen 127.0.0.1:{port};
                     location / {{ proxy_pass {berth}; {more} }}
                 }}
             }}"
        );
        std::fs::write(at.join("nginx.conf"), settings).unwrap();
        // Debian keeps it where only root looks.
        let start = |program: &str| {
            let mut command = Command::new(program);
            command.arg("-p").arg(at).arg("-c").arg(at.join("nginx.conf"));
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()
        };
        let Ok(child) = start("nginx").or_else(|_| start("/usr/sbin/nginx")) else {
            eprintln!("SKIPPED: there is no nginx on this machine");
            return None;
        };
        let nginx = Self(child);
        eventually("nginx to listen", async || {
            TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).ok()
        })
        .await;
        Some((nginx, format!("http://127.0.0.1:{port}")))
    }
}

#[tokio::test]
async fn a_proxy_that_stops_large_layers_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let serving = Process::start(&at.join("data"));
    let host = "proxy_set_header Host $http_host;";
    for (settings, wanted) in [
        // What nginx does unless it is told.
        ("", "hardly any image can be pushed"),
        ("client_max_body_size 200m;", "those of 100.0 MiB pass: larger layers cannot be pushed"),
        ("client_max_body_size 6g;", "those of 5.0 GiB pass"),
        ("client_max_body_size 0; proxy_request_buffering off;", ""),
        ("client_max_body_size 0;", ""),
    ] {
        let Some((nginx, url)) =
            Nginx::start(at, serving.url(), &format!("{host} {settings}")).await
        else {
            return;
        };
        let arguments = ["--data", "data", "--url", &url, "--set", "storage.reserve=0B"];
        let (said, found) = look(at, &arguments);
        match wanted {
            "" => assert!(is_good(&found, "proxy"), "{settings}: {found:#?}"),
            wanted => assert!(bad(&found, "proxy")[0].contains(wanted), "{settings}: {found:#?}"),
        }
        let is_fatal = !["", "those of 5.0 GiB pass"].contains(&wanted);
        assert_eq!(said.code, i32::from(is_fatal), "{settings}: {said:?}");
        drop(nginx);
    }
    // Berth does not hear where its clients are; and a place where no registry is.
    let Some((nginx, url)) = Nginx::start(at, serving.url(), "client_max_body_size 0;").await
    else {
        return;
    };
    let (said, found) = look(at, &["--data", "data", "--url", &url]);
    assert!(bad(&found, "proxy")[0].contains("for tokens"), "{found:#?}");
    assert_eq!(said.code, 1);
    drop(nginx);
    let Some((nginx, url)) = Nginx::start(at, serving.url(), "return 404;").await else { return };
    let (_, found) = look(at, &["--data", "data", "--url", &url]);
    assert!(bad(&found, "proxy")[0].contains("it is no registry that does"), "{found:#?}");
    drop(nginx);
}
