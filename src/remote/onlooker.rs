//! A TLS client that trusts everybody and tells whom it should not have: to find out what clients will say of a server. It is
//! for looking alone; nothing secret goes through such a connection.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

/// What clients would say of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They would trust it.
    Trusted,
    /// It is over.
    Expired,
    /// It is not valid yet.
    NotYet,
    /// It is for another name.
    OtherName,
    /// They do not know who has signed it.
    Unknown,
    /// Something else is wrong with it.
    Other(String),
}

/// Certificates, the server's own first, and what is to be said of them.
type Seen = (Vec<Vec<u8>>, Verdict);

/// Looks at the certificates of one server.
#[derive(Debug)]
pub struct Onlooker {
    verifier: Arc<WebPkiServerVerifier>,
    seen: Mutex<Option<Seen>>,
}

impl Onlooker {
    /// One who knows the system's authorities, and these (PEM).
    ///
    /// # Errors
    /// In words, if there are none at all, or one cannot be read.
    pub fn new(authorities: &[Vec<u8>]) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in rustls_native_certs::load_native_certs().certs {
            // One that cannot be read is missing, and no more.
            let _ = roots.add(certificate);
        }
        for pem in authorities {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|error| error.to_string())?;
                roots.add(certificate).map_err(|error| error.to_string())?;
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = verifier.build().map_err(|error| error.to_string())?;
        Ok(Self { verifier, seen: Mutex::default() })
    }

    /// The settings of a connection that it looks at.
    #[must_use]
    pub fn config(self: Arc<Self>) -> Arc<ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring speaks these versions of TLS")
            .dangerous()
            .with_custom_certificate_verifier(self)
            .with_no_client_auth();
        Arc::new(config)
    }

    /// What it has seen.
    #[must_use]
    pub fn seen(&self) -> Option<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn verdict(result: &Result<ServerCertVerified, Error>) -> Verdict {
    use CertificateError as E;
    match result {
        Ok(_) => Verdict::Trusted,
        Err(Error::InvalidCertificate(error)) => match error {
            E::Expired | E::ExpiredContext { .. } => Verdict::Expired,
            E::NotValidYet | E::NotValidYetContext { .. } => Verdict::NotYet,
            E::NotValidForName | E::NotValidForNameContext { .. } => Verdict::OtherName,
            E::UnknownIssuer => Verdict::Unknown,
            other => Verdict::Other(other.to_string()),
        },
        Err(other) => Verdict::Other(other.to_string()),
    }
}

impl ServerCertVerifier for Onlooker {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let result = self.verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        let chain = std::iter::once(end_entity).chain(intermediates);
        let chain = chain.map(|certificate| certificate.to_vec()).collect();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some((chain, verdict(&result)));
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
