//! `berth health`

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use http::{Method, StatusCode};

use super::client::{Server, ServerArgs, heed_scheme, told};
use super::output::print;
use super::settings::Settings;
use crate::config::HumanDuration;
use crate::remote::{Registry, Remote};

const HELP: &str = "\
Without --server it asks the Berth on this machine, at the address of `server.listen`; whatever certificate that shows will
do, as nothing secret is sent. The exit code is 0 when requests can be served, else 1.

Examples:
  berth health
  berth health --config /etc/berth/berth.toml
  berth health --server https://registry.example.org";

/// Ask whether a Berth can serve requests, for containers and scripts
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Health {
    /// How long an answer may take
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    timeout: HumanDuration,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    settings: Settings,
}

impl Health {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let limit = self.timeout.get();
        let server = if self.server.is_named() { self.server.open()? } else { self.local(limit)? };
        let asked = server.remote().call_api(Method::GET, "readyz", None);
        let answer = tokio::time::timeout(limit, asked).await;
        let answer =
            answer.map_err(|_| anyhow::anyhow!("there was no answer within {}", self.timeout))?;
        let answer = answer.map_err(told)?;
        if answer.status != StatusCode::OK {
            anyhow::bail!(
                "{} cannot serve requests: it answers {}",
                server.remote().registry(),
                answer.status
            );
        }
        print("ready")?;
        Ok(())
    }

    /// The one that is set up on this machine.
    fn local(&self, limit: Duration) -> anyhow::Result<Server> {
        let config = self.settings.load(None)?.config;
        let is_tls = config.server.tls.certificate.is_some();
        let address = reachable(config.server.listen);
        let url = format!("{}://{address}", if is_tls { "https" } else { "http" });
        let registry: Registry = address.to_string().parse()?;
        let mut options = self.server.options()?;
        options.any_certificate = true;
        options.retry.tries = 1;
        options.idle_timeout = limit;
        heed_scheme(&mut options, &url, &registry);
        Ok(Server::of(Remote::new(registry, None, &options)?))
    }
}

/// Where to reach whoever listens there: what stands for all addresses is none itself.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
