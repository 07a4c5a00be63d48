//! Certificates of clients: whom to trust, who came with which, and whether that is still good.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::tls::{Stamp, TlsError, not_pem, stamp, unix_time};
use crate::auth::Certificate;
use crate::clock::Clock;
use crate::config::{self, ClientAuth};

/// Whom to trust, loaded again when the files change.
#[derive(Debug)]
pub(super) struct ClientTrust {
    authorities: PathBuf,
    revoked: Option<PathBuf>,
    is_required: bool,
    clock: Clock,
    current: RwLock<Arc<dyn ClientCertVerifier>>,
    seen: Mutex<Vec<Stamp>>,
}

impl ClientTrust {
    /// What the settings say; nothing where nobody is asked for a certificate.
    pub(super) fn load(config: &config::Tls, clock: Clock) -> Result<Option<Arc<Self>>, TlsError> {
        let (ClientAuth::Optional | ClientAuth::Required, Some(authorities)) =
            (config.client_auth, &config.client_ca)
        else {
            return Ok(None);
        };
        let is_required = config.client_auth == ClientAuth::Required;
        let (authorities, revoked) = (authorities.clone(), config.client_crl.clone());
        let seen = look(&authorities, revoked.as_ref());
        let current = verifier(&authorities, revoked.as_ref(), is_required)?;
        let (current, seen) = (RwLock::new(current), Mutex::new(seen));
        Ok(Some(Arc::new(Self { authorities, revoked, is_required, clock, current, seen })))
    }

    /// What decides now.
    pub(super) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at the files; says whether somebody else is trusted from now on. Bad files keep what was good before.
    pub(super) fn reload(&self) -> bool {
        let now = look(&self.authorities, self.revoked.as_ref());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == now {
            return false;
        }
        *seen = now;
        match verifier(&self.authorities, self.revoked.as_ref(), self.is_required) {
            Ok(new) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
                tracing::info!("loaded anew who signs and who revokes certificates of clients");
                true
            }
            Err(error) => {
                tracing::error!(%error, "went on with the old authorities of clients, as the new ones cannot be used: {error}");
                false
            }
        }
    }

    /// What a client showed in its greeting; nothing if it showed nothing.
    pub(super) fn read(
        self: &Arc<Self>,
        chain: Option<&[CertificateDer<'_>]>,
    ) -> Result<Option<Arc<PeerCertificate>>, crate::auth::InvalidCertificate> {
        let Some(chain) = chain.filter(|chain| !chain.is_empty()) else { return Ok(None) };
        let certificate = Arc::new(Certificate::read(&chain[0])?);
        Ok(Some(Arc::new(PeerCertificate {
            certificate,
            chain: chain.iter().map(|one| one.clone().into_owned()).collect(),
            verified_by: Mutex::new(self.verifier()),
            trust: Arc::clone(self),
        })))
    }
}

/// A certificate that a connection began with.
#[derive(Debug)]
pub(super) struct PeerCertificate {
    certificate: Arc<Certificate>,
    chain: Vec<CertificateDer<'static>>,
    verified_by: Mutex<Arc<dyn ClientCertVerifier>>,
    trust: Arc<ClientTrust>,
}

impl PeerCertificate {
    pub(super) fn certificate(&self) -> &Arc<Certificate> {
        &self.certificate
    }

    /// Whether it would be taken now: a connection may last longer than a certificate, and what is revoked must not wait for
    /// its end.
    pub(super) fn is_still_good(&self) -> bool {
        let now = self.trust.clock.now();
        if self.certificate.expires_at() <= now {
            return false;
        }
        let current = self.trust.verifier();
        let mut verified_by = self.verified_by.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&*verified_by, &current) {
            return true;
        }
        let Some((own, others)) = self.chain.split_first() else { return false };
        let is_good = current.verify_client_cert(own, others, unix_time(now)).is_ok();
        if is_good {
            *verified_by = current;
        }
        is_good
    }
}

fn look(authorities: &PathBuf, revoked: Option<&PathBuf>) -> Vec<Stamp> {
    std::iter::once(authorities).chain(revoked).map(|path| stamp(path)).collect()
}

fn verifier(
    authorities: &PathBuf,
    revoked: Option<&PathBuf>,
    is_required: bool,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    let found = CertificateDer::pem_file_iter(authorities).map_err(not_pem(authorities))?;
    for certificate in found {
        let added = roots.add(certificate.map_err(not_pem(authorities))?);
        added.map_err(|error| TlsError::File {
            path: authorities.clone(),
            what: format!("an authority cannot be used: {error}"),
        })?;
    }
    let provider = Arc::new(ring::default_provider());
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    if let Some(path) = revoked {
        let lists = CertificateRevocationListDer::pem_file_iter(path).map_err(not_pem(path))?;
        let lists = lists.collect::<Result<Vec<_>, _>>().map_err(not_pem(path))?;
        if lists.is_empty() {
            let what = "there is no list of revoked certificates in it".into();
            return Err(TlsError::File { path: path.clone(), what });
        }
        builder = builder.with_crls(lists);
    }
    if !is_required {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(|error| TlsError::Clients(error.to_string()))
}

/// Time of rustls, by our clock.
#[derive(Debug)]
pub(super) struct ClockTime(pub(super) Clock);

impl rustls::time_provider::TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix_time(self.0.now()))
    }
}
