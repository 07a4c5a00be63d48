//! The certificate that clients are shown: whether they would trust it, for how long, and for which names.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Finding, PATIENCE};
use crate::auth::CertificateFacts;
use crate::clock::Timestamp;
use crate::remote::{Onlooker, Verdict};

const CHECK: &str = "tls";

/// Sooner than this a certificate should have been renewed: ACME does it 30 days before.
const SOON: std::time::Duration = std::time::Duration::from_hours(14 * 24);

/// Makes a connection whatever the certificate, and tells what clients would say of it.
pub(super) async fn connect(
    host: &str,
    address: SocketAddr,
    authorities: &[Vec<u8>],
    now: Timestamp,
) -> Result<(TlsStream<TcpStream>, Vec<Finding>), Finding> {
    let failed = |what: String, mend: &str| Finding::problem(CHECK, what, mend);
    let onlooker = Arc::new(Onlooker::new(authorities).map_err(|error| {
        failed(error, "install the system's certificate authorities (`ca-certificates`)")
    })?);
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| failed(format!("`{host}` is no name for TLS"), "correct the URL"))?;
    let connector = TlsConnector::from(Arc::clone(&onlooker).config());
    let connecting = async {
        let stream = TcpStream::connect(address).await?;
        connector.connect(name, stream).await
    };
    let stream = match tokio::time::timeout(PATIENCE, connecting).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            let mend = "look whether TLS is spoken there: `server.tls`, or the proxy's settings";
            return Err(failed(format!("no TLS with {host} at {address}: {error}"), mend));
        }
        Err(_) => {
            let mend = "let the firewall pass it, and look whether Berth or the proxy runs";
            return Err(failed(format!("{host} at {address} does not answer"), mend));
        }
    };
    let findings = match onlooker.seen() {
        Some((chain, verdict)) => judge(host, address, &chain, verdict, now),
        None => Vec::new(),
    };
    Ok((stream, findings))
}

fn judge(
    host: &str,
    address: SocketAddr,
    chain: &[Vec<u8>],
    verdict: Verdict,
    now: Timestamp,
) -> Vec<Finding> {
    let Some(facts) = chain.first().and_then(|der| CertificateFacts::read(der)) else {
        let what = format!("the certificate of {host} at {address} cannot be read");
        return vec![Finding::problem(CHECK, what, "use another certificate")];
    };
    let names = facts.names.join(", ");
    let mut findings = Vec::new();
    match verdict {
        Verdict::Trusted => {}
        Verdict::Expired => {
            let what = format!(
                "the certificate of {host} at {address} has expired on {}",
                facts.not_after
            );
            findings.push(Finding::problem(
                CHECK,
                what,
                "renew it; Berth takes up new files by itself",
            ));
        }
        Verdict::NotYet => {
            let what = format!(
                "the certificate of {host} at {address} is valid only from {} on",
                facts.not_before
            );
            findings.push(Finding::problem(CHECK, what, "look at the clocks of both machines"));
        }
        Verdict::OtherName => {
            let what = format!("the certificate at {address} is not for {host}, but for {names}");
            findings.push(Finding::problem(
                CHECK,
                what,
                "get one that names it, or correct `server.public_url`",
            ));
        }
        Verdict::Unknown if chain.len() == 1 && facts.issuer != facts.subject => {
            let what = format!(
                "{host} at {address} shows its own certificate alone, without the one of its issuer ({}): Docker and others do not trust it",
                facts.issuer
            );
            let mend = "put the whole chain into the file of the certificate (`fullchain.pem` of ACME clients)";
            findings.push(Finding::problem(CHECK, what, mend));
        }
        Verdict::Unknown => {
            let what = format!(
                "clients do not know who has signed the certificate of {host} at {address}: {}",
                facts.issuer
            );
            let mend = "give clients the authority (docs/install.md), and this command with --ca; or use a certificate of a public one";
            findings.push(Finding::problem(CHECK, what, mend));
        }
        Verdict::Other(error) => {
            let what =
                format!("clients do not trust the certificate of {host} at {address}: {error}");
            findings.push(Finding::problem(CHECK, what, "get another certificate"));
        }
    }
    if facts.not_after > now && facts.not_after.since(now) < SOON {
        let what = format!("the certificate of {host} at {address} ends on {}", facts.not_after);
        findings.push(Finding::warning(
            CHECK,
            what,
            "renew it, and look why that has not happened by itself",
        ));
    }
    if findings.is_empty() {
        let what =
            format!("clients trust {host} at {address} until {}; names: {names}", facts.not_after);
        findings.push(Finding::good(CHECK, what));
    }
    findings
}
