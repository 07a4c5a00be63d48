//! A real `OpenID` provider (npm's `oidc-provider`), in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use tempfile::TempDir;

/// A provider on 127.0.0.1; it ends with this value.
pub(crate) struct OidcProvider {
    url: String,
    process: Child,
    /// What else it says: it would fail if nobody could hear it.
    _rest: BufReader<ChildStdout>,
    _directory: TempDir,
}

/// What it knows Berth by.
pub(crate) const CLIENT_SECRET: &str = "a client secret: 100% & more";

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/oidc-provider")
}

/// Where `tests/servers/oidc-provider/install.sh` puts it.
fn installed() -> PathBuf {
    let lock = std::fs::read(source().join("package-lock.json")).unwrap();
    let digest = berth::oci::Algorithm::Sha256.digest(&lock).hex()[..12].to_owned();
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache");
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
    cache.join("berth-tools").join(format!("oidc-provider-{digest}"))
}

impl OidcProvider {
    /// Starts it for a Berth that browsers come back to at `redirect_uri`. `None` if it is not installed; where
    /// `REQUIRE_TEST_SERVERS` is set, as `./test.sh` does, that is a failure.
    pub(crate) fn start(redirect_uri: &str, is_slim: bool) -> Option<Self> {
        let modules = installed().join("node_modules");
        if !modules.is_dir() {
            let install = source().join("install.sh");
            assert!(
                std::env::var_os("REQUIRE_TEST_SERVERS").is_none(),
                "there is no oidc-provider: run {}",
                install.display()
            );
            eprintln!("skipped: there is no oidc-provider; {} installs it", install.display());
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(&modules, directory.path().join("node_modules")).unwrap();
        let script = directory.path().join("server.mjs");
        std::fs::copy(source().join("server.mjs"), &script).unwrap();
        let mut command = Command::new("node");
        command.arg(&script).arg(redirect_uri);
        if is_slim {
            command.arg("slim");
        }
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        let mut url = String::new();
        while !url.starts_with("http://") {
            url.clear();
            assert_ne!(said.read_line(&mut url).unwrap(), 0, "the provider says where it is");
        }
        Some(Self { url: url.trim().to_owned(), process, _rest: said, _directory: directory })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for OidcProvider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
