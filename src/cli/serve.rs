//! `berth serve`

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::settings::Settings;
use super::telemetry;
use crate::app::App;
use crate::auth::{FIRST_ADMINISTRATOR, MIN_PASSWORD, hash_password};
use crate::clock::Clock;
use crate::config::Config;
use crate::http::Server;
use crate::meta::{self, AccountKind, Actor, NewAccount};
use crate::secret::{Secret, random_text};

/// The first administrator.
const ADMINISTRATOR: &str = FIRST_ADMINISTRATOR;

const AFTER_HELP: &str = "\
On the first start an administrator is made and a random password printed, once, and a link
to choose one's own name and password in a browser.
BERTH_ADMIN_PASSWORD chooses it instead, for scripts and containers.

Examples:
  berth serve                                   on 127.0.0.1:5000, data in ./berth-data
  berth serve --listen 0.0.0.0:443 --config /etc/berth/berth.toml
  BERTH_LOG_FILTER=debug berth serve --data /srv/berth";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Serve {
    #[command(flatten)]
    settings: Settings,
    /// Address and port to listen on (`server.listen`); port 0 picks a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let loaded = self.settings.load(self.listen)?;
        let settings = loaded.show();
        let config = loaded.config;
        telemetry::start(&config.log)?;
        raise_open_files();
        let app = App::open(config, Clock::system()).await?;
        let _ = app.settings.set(settings);
        // The password is told only once, so nothing may fail between making and telling it.
        let server = Server::bind(Arc::clone(&app)).await?;
        let first_password = make_administrator(&app).await?;
        let setup = make_setup(&app, first_password.is_some()).await?;
        // Whoever has read the greeting may send a signal.
        let signals = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let stop = CancellationToken::new();
        tokio::spawn(stop_on_signal(signals, stop.clone()));
        greet(&app.config, server.address(), first_password.as_ref(), setup.as_ref())?;

        app.start_worker();
        let cut = server.run(stop).await?;
        app.close().await;
        if cut > 0 {
            tracing::warn!(connections = cut, "stopped while {cut} connections were still open");
        }
        tracing::info!("stopped");
        Ok(())
    }
}

/// Makes the administrator of a registry that has no users yet; returns a password that nobody knows yet.
async fn make_administrator(app: &App) -> anyhow::Result<Option<Secret<String>>> {
    if app.meta.has_accounts().await? {
        return Ok(None);
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "a secret that must not end up in the configuration"
    )]
    let chosen = std::env::var("BERTH_ADMIN_PASSWORD").ok();
    if let Some(chosen) = &chosen
        && chosen.chars().count() < MIN_PASSWORD
    {
        anyhow::bail!("BERTH_ADMIN_PASSWORD is shorter than {MIN_PASSWORD} characters");
    }
    let known = chosen.is_some();
    let password = Secret::new(chosen.unwrap_or_else(|| random_text(15)));
    let to_hash = password.clone();
    let hash = tokio::task::spawn_blocking(move || hash_password(&to_hash)).await?;
    let new = NewAccount {
        kind: AccountKind::User,
        name: ADMINISTRATOR.into(),
        password_hash: Some(hash),
        full_name: String::new(),
        email: String::new(),
        role: Some(meta::ADMINISTRATOR.into()),
    };
    app.meta.add_account(new, &Actor::internal("first start")).await?;
    Ok((!known).then_some(password))
}

/// What the set-up link holds: made on the first start, and anew with each start until somebody has come by it. Whoever has
/// chosen a password needs none.
async fn make_setup(app: &App, is_first: bool) -> anyhow::Result<Option<Secret<String>>> {
    if !app.config.ui.enabled {
        return Ok(None);
    }
    Ok(app.auth.make_setup(is_first).await?)
}

fn greet(
    config: &Config,
    address: SocketAddr,
    password: Option<&Secret<String>>,
    setup: Option<&Secret<String>>,
) -> anyhow::Result<()> {
    let scheme = if config.server.tls.certificate.is_some() { "https" } else { "http" };
    let mut out = std::io::stdout().lock();
    writeln!(out, "Berth listens on {scheme}://{address}")?;
    writeln!(out, "Its data is in {}", config.storage.data.display())?;
    if let Some(password) = password {
        writeln!(out, "\nMade the administrator; this password is shown only now:\n")?;
        writeln!(out, "  user      {ADMINISTRATOR}\n  password  {}\n", password.expose())?;
    }
    if let Some(setup) = setup {
        let base = match &config.server.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("{scheme}://{address}"),
        };
        writeln!(out, "Or choose your own name and password; the link is good once, for a day:\n")?;
        writeln!(out, "  {base}/ui/set-up#{}\n", setup.expose())?;
    }
    let host = match &config.server.public_url {
        Some(url) => url.split("://").nth(1).unwrap_or(url).to_owned(),
        None => address.to_string(),
    };
    writeln!(out, "Log in with: docker login {host} -u {ADMINISTRATOR}")?;
    out.flush()?;
    if config.server.tls.certificate.is_none()
        && !address.ip().is_loopback()
        && config.server.public_url.is_none()
    {
        tracing::warn!(
            "passwords travel in the clear: Berth listens on {address} without TLS; set server.tls, or server.public_url if a proxy adds it"
        );
    }
    Ok(())
}

/// The first signal stops gently, the second at once.
async fn stop_on_signal((mut terminate, mut interrupt): (Signal, Signal), stop: CancellationToken) {
    for round in 0.. {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if round > 0 {
            std::process::exit(130);
        }
        tracing::info!("stopping: running transfers may finish; signal again to stop at once");
        stop.cancel();
    }
}

/// Each connection and each blob that is read takes a file; the usual soft limit of 1,024 is soon reached.
fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}
