//! What stands before Berth: whether it lets pass what clients send, and tells Berth where they are.

use super::dialogue::{self, Head};
use super::place::Place;
use super::{Finding, Severity, clock};
use crate::clock::Timestamp;
use crate::config::ByteSize;

const CHECK: &str = "proxy";

/// Sizes of layers, from those that hardly any image is without to the largest.
const SIZES: [u64; 5] = [10 << 20, 100 << 20, 1 << 30, 5 << 30, 20 << 30];

/// So much is really sent.
const SENT: usize = 8 << 20;

fn request(place: &Place, method: &str, path: &str, more: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: berth-doctor\r\nAccept: */*\r\nConnection: close\r\n{more}\r\n",
        place.authority
    )
}

/// A push of nobody's, which Berth refuses before it reads the body.
const UPLOAD: &str = "/v2/berth-doctor/blobs/uploads/";

pub(super) async fn look(place: &Place, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    let head = match place.ask(&request(place, "GET", "/v2/", "")).await {
        Ok(head) => head,
        Err(finding) => return vec![finding],
    };
    findings.extend(head.field("date").and_then(|date| clock::compare(&place.url, date, now)));
    if !head.is_of_a_registry() {
        let what = format!(
            "{} answers {} to /v2/, and it is no registry that does",
            place.url, head.status
        );
        let mend = "let the proxy hand /v2/, /token and /api/ to Berth as they are: examples/deploy/nginx.conf";
        findings.push(Finding::problem(CHECK, what, mend));
        return findings;
    }
    findings.extend(realm(place, &head));
    findings.extend(sizes(place).await);
    if !findings.iter().any(|finding| finding.check == CHECK && finding.severity > Severity::Good) {
        let what = format!("{} lets requests of {:#} pass", place.url, ByteSize::bytes(SIZES[4]));
        findings.push(Finding::good(CHECK, what));
    }
    findings
}

/// Where clients are told to get tokens.
fn realm(place: &Place, head: &Head) -> Option<Finding> {
    let challenge = head.field("www-authenticate")?;
    let realm = challenge.split("realm=\"").nth(1)?.split('"').next()?;
    let mend = "set `server.public_url`, or name the proxy's network in `server.trusted_proxies` and let it send X-Forwarded-Proto and X-Forwarded-Host";
    (realm.contains("://") && !realm.starts_with(&format!("{}/", place.url))).then(|| {
        let what = format!("clients of {} are sent to {realm} for tokens", place.url);
        Finding::problem(CHECK, what, mend)
    })
}

/// Announces bodies, the largest first, until one is not refused; then sends one.
async fn sizes(place: &Place) -> Vec<Finding> {
    let mut refused = None;
    let mut passed = None;
    for size in SIZES.iter().rev() {
        let more = format!("Content-Length: {size}\r\nExpect: 100-continue\r\n");
        match place.ask(&request(place, "POST", UPLOAD, &more)).await {
            Ok(head) if head.status == 413 => refused = Some(*size),
            Ok(head) if head.status == 100 || head.is_of_a_registry() => {
                passed = Some(*size);
                break;
            }
            Ok(head) => {
                let what = format!(
                    "{} answers {} to an upload of {:#}, and it is no registry that does",
                    place.url,
                    head.status,
                    ByteSize::bytes(*size)
                );
                return vec![Finding::problem(CHECK, what, "look into the log of the proxy")];
            }
            Err(finding) => return vec![finding],
        }
    }
    let mut findings = Vec::new();
    if let Some(size) = refused {
        let what = match passed {
            Some(passed) => format!(
                "requests of {:#} are refused (413), those of {:#} pass: larger layers cannot be pushed",
                ByteSize::bytes(size),
                ByteSize::bytes(passed)
            ),
            None => format!(
                "requests of {:#} are refused (413): hardly any image can be pushed",
                ByteSize::bytes(size)
            ),
        };
        let mend = "let the proxy take bodies of any size: `client_max_body_size 0` of nginx, `nginx.ingress.kubernetes.io/proxy-body-size: \"0\"`; a service that has a fixed limit, such as Cloudflare's, cannot stand before a registry";
        findings.push(if passed.is_none_or(|passed| passed < 1 << 30) {
            Finding::problem(CHECK, what, mend)
        } else {
            Finding::warning(CHECK, what, mend)
        });
    }
    if passed.is_some() {
        findings.extend(send(place).await);
    }
    findings
}

async fn send(place: &Place) -> Option<Finding> {
    let more = format!("Content-Length: {SENT}\r\nContent-Type: application/octet-stream\r\n");
    let request = request(place, "POST", UPLOAD, &more);
    let sent = place.send(&request, SENT).await;
    let size = ByteSize::bytes(SENT as u64);
    let what = match sent {
        Ok(head) if head.is_of_a_registry() => return None,
        Ok(head) => format!(
            "{} answers {} to an upload of {size:#} that was sent, and it is no registry that does",
            place.url, head.status
        ),
        // Berth has refused it long before all was sent, and an answer may be lost with the rest.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
        Err(error) => format!("an upload of {size:#} to {} breaks off: {error}", place.url),
    };
    let mend = "let the proxy hand bodies on as they come and wait for answers: `proxy_request_buffering off`, `proxy_read_timeout 900s` of nginx";
    Some(Finding::problem(CHECK, what, mend))
}

/// Asks over a new connection.
impl Place {
    async fn ask(&self, request: &str) -> Result<Head, Finding> {
        let mut line = self.connect().await?;
        dialogue::ask(&mut *line, request).await.map_err(|error| {
            let what = format!("{} does not answer: {error}", self.url);
            Finding::problem(CHECK, what, "look whether Berth runs, and into the log of the proxy")
        })
    }

    async fn send(&self, request: &str, size: usize) -> std::io::Result<Head> {
        let mut line =
            self.connect().await.map_err(|finding| std::io::Error::other(finding.what))?;
        dialogue::send(&mut *line, request, size).await
    }
}
