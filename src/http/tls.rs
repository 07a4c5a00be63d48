//! TLS: our certificate, and how connections begin. Files are loaded again when they change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use super::client_certificates::{ClientTrust, ClockTime};
use crate::clock::{Clock, Timestamp};
use crate::config;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds nothing of the kind.
    #[error("{}: {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        what: String,
    },
    /// The certificate and the key are not a pair, or of a kind that is not supported.
    #[error("the certificate and the key cannot be used together: {0}")]
    Pair(#[from] rustls::Error),
    /// Those who sign or revoke certificates of clients cannot be used.
    #[error("certificates of clients cannot be checked: {0}")]
    Clients(String),
}

/// How connections begin.
#[derive(Debug)]
pub(super) struct Tls {
    certificate: Arc<Certificate>,
    clients: Option<Arc<ClientTrust>>,
    clock: Clock,
    current: RwLock<Arc<rustls::ServerConfig>>,
}

impl Tls {
    /// What the settings say; nothing where connections are plain.
    pub(super) fn load(config: &config::Tls, clock: Clock) -> Result<Option<Arc<Self>>, TlsError> {
        let (Some(certificate), Some(key)) = (&config.certificate, &config.key) else {
            return Ok(None);
        };
        let certificate = Certificate::load(certificate, key)?;
        let clients = ClientTrust::load(config, clock.clone())?;
        let current = RwLock::new(server_config(&certificate, clients.as_ref(), &clock)?);
        Ok(Some(Arc::new(Self { certificate, clients, clock, current })))
    }

    /// What takes a connection now.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&current))
    }

    /// Who is trusted to sign certificates of clients, if they are asked for any.
    pub(super) fn clients(&self) -> Option<&Arc<ClientTrust>> {
        self.clients.as_ref()
    }

    /// Looks at the files for as long as the server runs. Bad ones keep what was good before, and say so.
    pub(super) async fn watch(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        loop {
            ticks.tick().await;
            let tls = Arc::clone(&self);
            let _ = tokio::task::spawn_blocking(move || tls.reload()).await;
        }
    }

    fn reload(&self) {
        self.certificate.reload();
        let Some(clients) = self.clients.as_ref().filter(|clients| clients.reload()) else {
            return;
        };
        match server_config(&self.certificate, Some(clients), &self.clock) {
            Ok(new) => *self.current.write().unwrap_or_else(PoisonError::into_inner) = new,
            Err(error) => tracing::error!(%error, "TLS goes on as it was: {error}"),
        }
    }
}

fn server_config(
    certificate: &Arc<Certificate>,
    clients: Option<&Arc<ClientTrust>>,
    clock: &Clock,
) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    let time = Arc::new(ClockTime(clock.clone()));
    let builder =
        rustls::ServerConfig::builder_with_details(Arc::new(ring::default_provider()), time)
            .with_safe_default_protocol_versions()?;
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => builder.with_client_cert_verifier(clients.verifier()),
    };
    let resolver = Arc::clone(certificate) as Arc<dyn ResolvesServerCert>;
    let mut config = builder.with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // A session that is taken up again brings its certificate along without another look at it.
    if clients.is_some() {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Arc::new(config))
}

/// A moment as rustls has it.
pub(super) fn unix_time(at: Timestamp) -> UnixTime {
    let seconds = u64::try_from(at.as_seconds()).unwrap_or(0);
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

/// The certificate that is in use.
#[derive(Debug)]
struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
    seen: RwLock<[Stamp; 2]>,
}

/// When a file was last written, and its size.
pub(super) type Stamp = Option<(SystemTime, u64)>;

impl Certificate {
    fn load(certificate: &Path, key: &Path) -> Result<Arc<Self>, TlsError> {
        let seen = [stamp(certificate), stamp(key)];
        let current = read(certificate, key)?;
        Ok(Arc::new(Self {
            chain: certificate.to_owned(),
            key: key.to_owned(),
            current: RwLock::new(Arc::new(current)),
            seen: RwLock::new(seen),
        }))
    }

    fn reload(&self) {
        let now = [stamp(&self.chain), stamp(&self.key)];
        if now == *self.seen.read().unwrap_or_else(PoisonError::into_inner) {
            return;
        }
        match read(&self.chain, &self.key) {
            Ok(new) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
                tracing::info!("loaded the new certificate from {}", self.chain.display());
            }
            Err(error) => {
                tracing::error!(%error, "kept the old certificate, as the new one cannot be used: {error}");
            }
        }
        *self.seen.write().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

pub(super) fn stamp(path: &Path) -> Stamp {
    let found = std::fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}

/// What is wrong with a file that should be PEM.
pub(super) fn not_pem(path: &Path) -> impl Fn(rustls::pki_types::pem::Error) -> TlsError {
    let path = path.to_owned();
    move |error| TlsError::File {
        path: path.clone(),
        what: format!("not a PEM file that can be used: {error}"),
    }
}

fn read(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .map_err(not_pem(certificate))?
        .collect::<Result<_, _>>()
        .map_err(not_pem(certificate))?;
    if chain.is_empty() {
        return Err(TlsError::File {
            path: certificate.to_owned(),
            what: "there is no certificate in it".into(),
        });
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(not_pem(key))?;
    let pair = CertifiedKey::from_der(chain, private, &ring::default_provider())?;
    Ok(pair)
}
