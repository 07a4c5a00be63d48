//! Debian's docker-registry, which is distribution 2.8: the registry that people come from.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::Client;
use super::servers::{find, free_port, is_up, stopped_with_us};

/// One that runs, for as long as this is there.
pub(crate) struct Distribution {
    child: Child,
    pub(crate) client: Client,
}

impl Distribution {
    /// With its files in `root`; none if it is not installed.
    pub(crate) fn start(root: &Path) -> Option<Self> {
        let program = find("docker-registry")?;
        let (port, directory) = (free_port(), tempfile::tempdir().unwrap().keep());
        let config = format!(
            "version: 0.1\n\
             log: {{level: error}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\n\
             http: {{addr: \"127.0.0.1:{port}\"}}\n",
            root.display()
        );
        let file = directory.join("config.yml");
        std::fs::write(&file, config).unwrap();
        let mut command = stopped_with_us(&directory);
        command.arg(program).arg("serve").arg(file);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let until = Instant::now() + Duration::from_mins(1);
        while !is_up(port) {
            assert!(Instant::now() < until, "docker-registry does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(Self { child, client: Client::new(format!("http://127.0.0.1:{port}"), None) })
    }
}

impl Drop for Distribution {
    fn drop(&mut self) {
        self.child.stdin = None;
        let _ = self.child.wait();
    }
}
