//! Certificates, loaded again when their files change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

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
}

/// The certificate that is in use.
#[derive(Debug)]
pub(super) struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
    seen: RwLock<Stamp>,
}

/// When the two files were last written, and their sizes.
type Stamp = [Option<(SystemTime, u64)>; 2];

impl Certificate {
    pub(super) fn load(certificate: &Path, key: &Path) -> Result<Arc<Self>, TlsError> {
        let seen = stamp(certificate, key);
        let current = read(certificate, key)?;
        Ok(Arc::new(Self {
            chain: certificate.to_owned(),
            key: key.to_owned(),
            current: RwLock::new(Arc::new(current)),
            seen: RwLock::new(seen),
        }))
    }

    pub(super) fn server_config(self: &Arc<Self>) -> Result<rustls::ServerConfig, TlsError> {
        let mut config =
            rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Looks at the files for as long as the server runs. A bad file keeps the old certificate, and says so.
    pub(super) async fn watch(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        loop {
            ticks.tick().await;
            let certificate = Arc::clone(&self);
            let _ = tokio::task::spawn_blocking(move || certificate.reload()).await;
        }
    }

    fn reload(&self) {
        let now = stamp(&self.chain, &self.key);
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

fn stamp(certificate: &Path, key: &Path) -> Stamp {
    [certificate, key].map(|path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len()))
    })
}

fn read(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let wrong = |path: &Path| {
        let path = path.to_owned();
        move |error: rustls::pki_types::pem::Error| TlsError::File {
            path,
            what: format!("not a PEM file that can be used: {error}"),
        }
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .map_err(wrong(certificate))?
        .collect::<Result<_, _>>()
        .map_err(wrong(certificate))?;
    if chain.is_empty() {
        return Err(TlsError::File {
            path: certificate.to_owned(),
            what: "there is no certificate in it".into(),
        });
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(wrong(key))?;
    let pair = CertifiedKey::from_der(chain, private, &ring::default_provider())?;
    Ok(pair)
}
