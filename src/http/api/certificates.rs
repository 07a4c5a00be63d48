//! Certificates of our own that end soon: the one that we show, and those of the authorities that sign our clients'.

use std::path::Path;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::system::Warning;
use crate::auth::CertificateFacts;
use crate::clock::Timestamp;
use crate::config::{ClientAuth, Tls};

/// Told of for so long before: whoever renews by hand needs some time.
const SOON: Duration = Duration::from_hours(30 * 24);

/// Reads the files, as they are what counts from now on. It blocks.
pub(super) fn warnings(tls: &Tls, now: Timestamp) -> Vec<Warning> {
    let Some(chain) = &tls.certificate else { return Vec::new() };
    let mut found = look(chain, now, |index, facts| {
        if index == 0 {
            return (
                format!("The certificate of this server ({})", facts.names.join(", ")),
                "no client that looks at it connects",
                format!("Renew it; Berth takes up {} by itself when it changes.", chain.display()),
            );
        }
        (
            format!("The certificate of {} in {}", facts.subject, chain.display()),
            "no client trusts this server's any more",
            "Put the chain of today into the file; it comes with the next renewal.".into(),
        )
    });
    if let Some(authorities) = tls.client_ca.as_ref().filter(|_| tls.client_auth != ClientAuth::Off)
    {
        found.extend(look(authorities, now, |_, facts| {
            (
                format!(
                    "The authority of clients' certificates {} in {}",
                    facts.subject,
                    authorities.display()
                ),
                "what it signed is not to be relied on",
                "Put its successor beside it into the file, which Berth takes up by itself, and have that one sign the certificates of clients.".into(),
            )
        }));
    }
    found
}

/// What ends in a file. `words` are what it is, what its end comes to, and what to do.
fn look(
    file: &Path,
    now: Timestamp,
    words: impl Fn(usize, &CertificateFacts) -> (String, &'static str, String),
) -> Vec<Warning> {
    let warning = |severity: &str, message: String| Warning {
        severity: severity.into(),
        kind: "certificate".into(),
        subject: file.display().to_string(),
        message,
    };
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let flaw = match &read {
        Ok(certificates) if certificates.is_empty() => Some("there is no certificate in it".into()),
        Ok(_) => None,
        Err(error) => Some(error.to_string()),
    };
    if let Some(flaw) = flaw {
        let message = format!(
            "Berth goes on with the certificates that it has, but cannot read {}: {flaw}. Mend the file before the next start.",
            file.display()
        );
        return vec![warning("error", message)];
    }
    let certificates = read.unwrap_or_default();
    let facts = certificates.iter().map(|der| CertificateFacts::read(der));
    let facts = facts.enumerate().filter_map(|(index, facts)| Some((index, facts?)));
    let ending = facts.filter(|(_, facts)| facts.not_after < now + SOON);
    ending
        .map(|(index, facts)| {
            let (what, comes_to, mend) = words(index, &facts);
            let end = facts.not_after.to_string();
            let day = end.get(..10).unwrap_or(&end);
            if facts.not_after <= now {
                return warning("error", format!("{what} has ended on {day}: {comes_to}. {mend}"));
            }
            let days = facts.not_after.since(now).as_secs() / (24 * 3600);
            let left = match days {
                0 => "within a day".to_owned(),
                1 => "in a day".to_owned(),
                many => format!("in {many} days"),
            };
            warning("warning", format!("{what} ends {left}, on {day}: then {comes_to}. {mend}"))
        })
        .collect()
}
