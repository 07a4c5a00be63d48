//! Another registry: `docker-registry`, as Debian has it, which is distribution 2.8: where people come from. It knows no referrers and does not delete tags.

use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::time::{Duration, Instant};

use super::Client;
use super::servers::{find, free_port, is_up, stopped_with_us};

/// A running one, with a user.
pub(crate) struct DockerRegistry {
    port: u16,
    child: Child,
    /// It is stopped when this closes, however the tests end.
    input: Option<ChildStdin>,
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

impl DockerRegistry {
    /// The user and their password.
    pub(crate) const USER: (&str, &str) = ("ann", "secret-of-ann");

    /// None if it is not installed.
    pub(crate) fn start() -> Option<Self> {
        Self::start_in(&tempfile::tempdir().unwrap().keep())
    }

    /// With its files in `root`.
    pub(crate) fn start_in(root: &Path) -> Option<Self> {
        let program = find("docker-registry")?;
        let directory = tempfile::tempdir().unwrap().keep();
        let port = free_port();
        // Made by crypt(3).
        let users = "ann:$2y$05$abcdefghijklmnopqrstuu2IQKBjLaH48D/32j2ZV8pOQYlZG3roe\n";
        std::fs::write(directory.join("users"), users).unwrap();
        let place = directory.display();
        let settings = format!(
            r#"
version: 0.1
log: {{ level: error }}
storage:
  filesystem: {{ rootdirectory: "{}" }}
  delete: {{ enabled: true }}
auth:
  htpasswd: {{ realm: test, path: "{place}/users" }}
http: {{ addr: "127.0.0.1:{port}" }}
"#,
            root.display()
        );
        let file = directory.join("config.yml");
        std::fs::write(&file, settings).unwrap();
        let mut command = stopped_with_us(&directory);
        command.arg(program).arg("serve").arg(file);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take();
        let server = Self { port, child, input };
        let until = Instant::now() + Duration::from_mins(1);
        while !is_up(port) {
            assert!(Instant::now() < until, "docker-registry does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn client(&self) -> Client {
        let (name, password) = Self::USER;
        Client::new(self.url(), Some((name.to_owned(), password.to_owned())))
    }
}
