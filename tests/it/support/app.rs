//! A Berth in this process, on a port of its own.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use berth::app::{App, Fittings};
use berth::auth::hash_password;
use berth::blob::Probe;
use berth::clock::{Clock, Timestamp};
use berth::config::{ByteSize, Config, Reserve};
use berth::http::Server;
use berth::meta::{self, AccountKind, Actor, NewAccount};
use berth::plugin::Compiler;
use berth::secret::Secret;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Client, PASSWORD};

/// A built-in role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Administrator,
    Maintainer,
    Writer,
    Reader,
}

impl Role {
    pub(crate) const ALL: [Self; 4] =
        [Self::Administrator, Self::Maintainer, Self::Writer, Self::Reader];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => meta::ADMINISTRATOR,
            Self::Maintainer => "maintainer",
            Self::Writer => "writer",
            Self::Reader => "reader",
        }
    }
}

/// A Berth with a database and files of its own, and a clock that the test turns.
pub(crate) struct TestApp {
    pub(crate) app: Arc<App>,
    pub(crate) clock: Clock,
    pub(crate) directory: Arc<TempDir>,
    address: SocketAddr,
    stop: CancellationToken,
    server: Option<JoinHandle<usize>>,
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// With other settings.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), Probe::default(), change).await
    }

    /// With a hook in the blob store.
    pub(crate) async fn start_probed(probe: Probe) -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), probe, |_| {}).await
    }

    /// With a clock that begins at the machine's time, for tests with programs that have no other.
    pub(crate) async fn start_now(change: impl FnOnce(&mut Config)) -> Self {
        let clock = Clock::manual(Clock::system().now());
        Self::begin(Arc::new(tempfile::tempdir().unwrap()), Probe::default(), clock, change).await
    }

    /// In a directory that outlives it, to be started again there.
    pub(crate) async fn start_in(
        directory: Arc<TempDir>,
        probe: Probe,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let clock = Clock::manual(Timestamp::from_millis(1_790_000_000_000));
        Self::begin(directory, probe, clock, change).await
    }

    async fn begin(
        directory: Arc<TempDir>,
        probe: Probe,
        clock: Clock,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = Config::default();
        config.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config.server.shutdown_grace = berth::config::HumanDuration::seconds(5);
        config.storage.data = directory.path().join("data");
        config.storage.reserve = Reserve::Bytes(ByteSize::bytes(0));
        change(&mut config);
        let compiler = Compiler::program(env!("CARGO_BIN_EXE_berth"));
        let fittings = Fittings { probe, compiler };
        let app = App::open_with(config, clock.clone(), fittings).await.unwrap();
        let server = Server::bind(Arc::clone(&app)).await.unwrap();
        let (address, stop) = (server.address(), CancellationToken::new());
        let server = tokio::spawn({
            let stop = stop.clone();
            async move { server.run(stop).await.unwrap() }
        });
        Self { app, clock, directory, address, stop, server: Some(server) }
    }

    /// Stops it as a signal would; returns how many connections were cut.
    pub(crate) async fn stop(mut self) -> usize {
        self.stop.cancel();
        let cut = self.server.take().unwrap().await.unwrap();
        self.app.close().await;
        cut
    }

    /// Begins to stop and returns at once.
    pub(crate) fn begin_stop(&self) {
        self.stop.cancel();
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn anonymous(&self) -> Client {
        Client::new(self.url(), None)
    }

    pub(crate) async fn admin(&self) -> Client {
        self.user("admin", Role::Administrator).await
    }

    pub(crate) async fn writer(&self, name: &str) -> Client {
        self.user(name, Role::Writer).await
    }

    pub(crate) async fn reader(&self, name: &str) -> Client {
        self.user(name, Role::Reader).await
    }

    /// A user with a role on every repository, made if there is none of that name, who sends their password with each
    /// request.
    pub(crate) async fn user(&self, name: &str, role: Role) -> Client {
        self.user_with(name, hash(), Some(role)).await
    }

    /// A user without any role.
    pub(crate) async fn newcomer(&self, name: &str) -> Client {
        self.user_with(name, hash(), None).await
    }

    pub(crate) async fn user_with(
        &self,
        name: &str,
        hash: Secret<String>,
        role: Option<Role>,
    ) -> Client {
        let new = NewAccount {
            kind: AccountKind::User,
            name: name.to_owned(),
            password_hash: Some(hash),
            full_name: String::new(),
            email: String::new(),
            role: role.map(|role| role.as_str().to_owned()),
        };
        self.app.meta.add_account(new, &tester()).await.unwrap();
        Client::new(self.url(), Some((name.to_owned(), PASSWORD.to_owned())))
    }

    pub(crate) fn turn_clock(&self, by: Duration) {
        self.clock.advance(by);
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Who is written down for what tests do behind the API.
pub(crate) fn tester() -> Actor {
    Actor::internal("test")
}

/// Hashed once: it is slow on purpose.
fn hash() -> Secret<String> {
    static HASH: OnceLock<Secret<String>> = OnceLock::new();
    HASH.get_or_init(|| hash_password(&Secret::new(PASSWORD.to_owned()))).clone()
}
