//! Real servers of buckets, started once for all tests of a run: `tests/servers/install.sh` installs them.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Which server, and so which protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Garage, which speaks S3.
    Garage,
    /// Azurite, which speaks Azure Blob.
    Azurite,
    /// gcp-storage-emulator, which speaks the JSON API of Google Cloud Storage.
    Gcs,
}

/// The key that Garage is started with.
pub(crate) const GARAGE_KEY: (&str, &str) = (
    "GK31415926535897932384626433",
    "0000000000000000000000000000000000000000000000000000000031415926",
);

/// What Garage's admin API wants.
pub(crate) const GARAGE_TOKEN: &str = "berth";

/// A bucket that each server has from the beginning, except Azurite.
pub(crate) const BUCKET: &str = "berth";

/// Set by `test.sh`, which has installed them: then a server that is missing is a failure.
const REQUIRED: &str = "REQUIRE_TEST_SERVERS";

/// A running server.
pub(crate) struct Server {
    pub(crate) port: u16,
    /// Garage's admin API.
    pub(crate) admin_port: u16,
    child: Child,
    /// It is stopped when this closes, however the tests end.
    input: Option<ChildStdin>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

impl Server {
    /// The server of this kind, started if it is not running yet; none if it is not installed.
    pub(crate) fn of(kind: Kind) -> Option<&'static Self> {
        static SERVERS: [OnceLock<Option<Server>>; 3] =
            [OnceLock::new(), OnceLock::new(), OnceLock::new()];
        SERVERS[kind as usize].get_or_init(|| Self::find_and_start(kind)).as_ref()
    }

    /// One that a test may stop.
    pub(crate) fn alone(kind: Kind) -> Option<Self> {
        Self::find_and_start(kind)
    }

    fn find_and_start(kind: Kind) -> Option<Self> {
        let name = match kind {
            Kind::Garage => "garage",
            Kind::Azurite => "azurite-blob",
            Kind::Gcs => "gcp-storage-emulator",
        };
        find(name).map(|program| Self::start(kind, &program))
    }

    fn start(kind: Kind, program: &Path) -> Self {
        let directory = tempfile::tempdir().unwrap().keep();
        let (port, admin_port, rpc_port) = (free_port(), free_port(), free_port());
        let mut command = stopped_with_us(&directory);
        command.arg(program);
        let port_text = port.to_string();
        match kind {
            Kind::Garage => {
                let file = directory.join("garage.toml");
                std::fs::write(&file, garage(&directory, port, admin_port, rpc_port)).unwrap();
                command
                    .args(["-c".as_ref(), file.as_os_str()])
                    .args(["server", "--single-node", "--default-bucket"])
                    .env("RUST_LOG", "error")
                    .env("GARAGE_DEFAULT_ACCESS_KEY", GARAGE_KEY.0)
                    .env("GARAGE_DEFAULT_SECRET_KEY", GARAGE_KEY.1)
                    .env("GARAGE_DEFAULT_BUCKET", BUCKET);
            }
            Kind::Azurite => {
                command
                    .args(["--silent", "--skipApiVersionCheck", "--disableTelemetry"])
                    .args(["--blobHost", "127.0.0.1", "--blobPort", &port_text, "--location"])
                    .arg(&directory);
            }
            Kind::Gcs => {
                command.arg("--data-dir").arg(&directory);
                command.args(["start", "--host", "127.0.0.1", "--port", &port_text]);
                command.args(["--default-bucket", BUCKET, "--in-memory", "--quiet"]);
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take();
        let server = Self { port, admin_port, child, input };
        let until = Instant::now() + Duration::from_mins(1);
        while !is_up(port) || (kind == Kind::Garage && !is_up(admin_port)) {
            assert!(Instant::now() < until, "{kind:?} does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

/// A program that `tests/servers/install.sh` installs; none if it has not, unless it is required.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let program = tools().join(name);
    if program.exists() {
        return Some(program);
    }
    let missing =
        format!("{} is not there: tests/servers/install.sh installs it", program.display());
    assert!(std::env::var_os(REQUIRED).is_none(), "{missing}");
    eprintln!("SKIPPED: {missing}");
    None
}

/// A command that runs its arguments until we end, and then removes the directory.
pub(super) fn stopped_with_us(directory: &Path) -> Command {
    let script =
        "cd \"$0\" && { \"$@\" </dev/null & } && cat >/dev/null; kill $!; wait; rm -rf \"$0\"";
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(directory);
    command
}

fn tools() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache");
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
    cache.join("berth-tools")
}

pub(super) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

pub(super) fn is_up(port: u16) -> bool {
    TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_ok()
}

/// Durability is not what is tested of it.
fn garage(directory: &Path, port: u16, admin_port: u16, rpc_port: u16) -> String {
    let (data, secret) = (directory.display(), "0".repeat(64));
    format!(
        r#"
metadata_dir = "{data}/meta"
data_dir = "{data}/data"
db_engine = "lmdb"
metadata_fsync = false
data_fsync = false
compression_level = "none"
replication_factor = 1
rpc_bind_addr = "127.0.0.1:{rpc_port}"
rpc_public_addr = "127.0.0.1:{rpc_port}"
rpc_secret = "{secret}"

[s3_api]
s3_region = "garage"
api_bind_addr = "127.0.0.1:{port}"

[admin]
api_bind_addr = "127.0.0.1:{admin_port}"
admin_token = "{GARAGE_TOKEN}"
"#
    )
}
