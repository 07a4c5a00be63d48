//! Whom to trust when a directory shows a certificate.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// The client's side of TLS.
#[derive(Debug)]
pub(super) struct ClientTls(Arc<rustls::ClientConfig>);

impl ClientTls {
    /// Trusts the authorities of a PEM text, or those that the machine trusts if it is empty. Reads files: call it where
    /// blocking is right.
    pub(super) fn trusting(authorities: &str) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        if authorities.is_empty() {
            for certificate in rustls_native_certs::load_native_certs().certs {
                // Some machines trust certificates that nobody can read any more.
                let _ = roots.add(certificate);
            }
            if roots.is_empty() {
                return Err("this machine trusts no authority: give the directory's own".into());
            }
        } else {
            for certificate in read_authorities(authorities)? {
                roots
                    .add(certificate)
                    .map_err(|error| format!("an authority cannot be used: {error}"))?;
            }
        }
        let config =
            rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|error| error.to_string())?
                .with_root_certificates(roots)
                .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    pub(super) fn config(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(&self.0)
    }
}

/// The certificates of a PEM text; one at least.
pub(super) fn read_authorities(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates =
        CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    match certificates {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err("there is no certificate in the PEM text of the authorities".into()),
        Err(error) => Err(format!("the authorities are not PEM text that can be used: {error}")),
    }
}
