//! Where clients find Berth: the URL, the addresses of its name, and a connection.

use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::dialogue::Line;
use super::{Doctor, Finding, PATIENCE, Severity, proxy, tls};
use crate::clock::Timestamp;

/// Addresses of a name that are looked at.
const MOST_ADDRESSES: usize = 8;

/// A URL that clients use, and one of the addresses behind it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// `https://registry.example.org`, without a slash at its end.
    pub(super) url: String,
    /// Host and port as they stand in the URL.
    pub(super) authority: String,
    host: String,
    address: SocketAddr,
    is_tls: bool,
    authorities: Vec<Vec<u8>>,
    now: Timestamp,
}

/// A URL, taken apart.
struct Parts {
    authority: String,
    host: String,
    port: u16,
    is_tls: bool,
}

fn split(url: &str) -> Option<Parts> {
    let (scheme, rest) = url.split_once("://")?;
    let is_tls = match scheme {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    let authority = rest.split('/').next().filter(|authority| !authority.is_empty())?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        _ => (authority, if is_tls { 443 } else { 80 }),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Some(Parts { authority: authority.to_owned(), host, port, is_tls })
}

impl Doctor {
    /// Where clients go; on this machine, if nobody has said where.
    fn url(&self) -> (String, bool) {
        let server = &self.config.server;
        if let Some(url) = self.url.as_ref().or(server.public_url.as_ref()) {
            return (url.trim_end_matches('/').to_owned(), true);
        }
        let scheme = if server.tls.certificate.is_some() { "https" } else { "http" };
        let mut address = server.listen;
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() {
                std::net::Ipv4Addr::LOCALHOST.into()
            } else {
                std::net::Ipv6Addr::LOCALHOST.into()
            });
        }
        (format!("{scheme}://{address}"), false)
    }

    /// Names, certificates and what stands between, as clients meet them.
    pub(super) async fn look_from_outside(&self) -> Vec<Finding> {
        let (url, is_public) = self.url();
        let mut findings = Vec::new();
        if !is_public {
            let what = format!(
                "`server.public_url` is not set: looked at {url}, which clients may not use"
            );
            findings.push(Finding::note("dns", what));
        }
        let Some(parts) = split(&url) else {
            let what = format!("`{url}` is no URL of a registry");
            findings.push(Finding::problem(
                "dns",
                what,
                "write it as https://registry.example.org",
            ));
            return findings;
        };
        let addresses = match resolve(&parts).await {
            Ok(addresses) => addresses,
            Err(finding) => {
                findings.push(finding);
                return findings;
            }
        };
        let shown: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
        findings.push(Finding::good("dns", format!("{} is {}", parts.host, shown.join(", "))));
        let mut looked = false;
        for address in addresses {
            let place = Place {
                url: url.clone(),
                authority: parts.authority.clone(),
                host: parts.host.clone(),
                address,
                is_tls: parts.is_tls,
                authorities: self.authorities.clone(),
                now: self.now,
            };
            match place.look().await {
                Ok(found) => findings.extend(found),
                Err(finding) => {
                    findings.push(finding);
                    continue;
                }
            }
            // Behind all addresses is the same.
            if !looked {
                looked = true;
                findings.extend(proxy::look(&place, self.now).await);
            }
        }
        if !is_public && !looked {
            // Nobody has said that a Berth should run.
            for finding in findings.iter_mut().filter(|finding| finding.check == "tls") {
                finding.severity = Severity::Note;
                finding.mend = Some("start it: `berth serve`".to_owned());
            }
        }
        if !parts.is_tls && is_public {
            let what = format!("passwords travel in the clear to {url}");
            findings.push(Finding::warning(
                "tls",
                what,
                "use TLS: `server.tls`, or a proxy that adds it",
            ));
        }
        findings
    }
}

async fn resolve(parts: &Parts) -> Result<Vec<SocketAddr>, Finding> {
    let Parts { host, port, .. } = parts;
    let mend = "make a record of it where the domain is managed, and look at /etc/resolv.conf";
    let failed = |what: String| Finding::problem("dns", what, mend);
    let looked =
        tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host.as_str(), *port))).await;
    let found = looked
        .map_err(|_| failed(format!("nobody says where {host} is")))?
        .map_err(|error| failed(format!("{host} has no address: {error}")))?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found.take(MOST_ADDRESSES) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err(failed(format!("{host} has no address"))) } else { Ok(addresses) }
}

impl Place {
    /// Looks at the certificate; whether anybody answers at all.
    async fn look(&self) -> Result<Vec<Finding>, Finding> {
        if !self.is_tls {
            self.dial().await?;
            return Ok(Vec::new());
        }
        let (_, findings) =
            tls::connect(&self.host, self.address, &self.authorities, self.now).await?;
        Ok(findings)
    }

    /// A new connection, whatever the certificate.
    pub(super) async fn connect(&self) -> Result<Box<dyn Line>, Finding> {
        if self.is_tls {
            let (stream, _) =
                tls::connect(&self.host, self.address, &self.authorities, self.now).await?;
            return Ok(Box::new(stream));
        }
        Ok(Box::new(self.dial().await?))
    }

    async fn dial(&self) -> Result<TcpStream, Finding> {
        let failed = |why: &str| {
            let what = format!("nobody answers at {} ({}): {why}", self.url, self.address);
            let mend = "start Berth or the proxy before it, and let the firewall pass it";
            Finding::problem("tls", what, mend)
        };
        match tokio::time::timeout(PATIENCE, TcpStream::connect(self.address)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(failed(&error.to_string())),
            Err(_) => Err(failed("it takes too long")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        for (url, host, port, is_tls) in [
            ("https://registry.example.org", "registry.example.org", 443, true),
            ("http://registry.example.org:5000/", "registry.example.org", 5000, false),
            ("https://[::1]:5000", "::1", 5000, true),
            ("http://[::1]", "::1", 80, false),
        ] {
            let parts = split(url).unwrap();
            assert_eq!((&*parts.host, parts.port, parts.is_tls), (host, port, is_tls), "{url}");
        }
        for bad in ["registry.example.org", "ftp://a", "https://", "https://a:b"] {
            assert!(split(bad).is_none(), "{bad}");
        }
    }
}
