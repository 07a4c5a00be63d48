//! Listening, and stopping without cutting transfers off.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{self, Shared};
use super::tls::{Tls, TlsError};
use crate::app::App;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// A request of this process's own could not be made.
    #[error("cannot ask the API of this data directory: {0}")]
    Request(String),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A server that listens, and is not serving yet.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
}

impl Server {
    /// Loads the certificate and listens.
    pub async fn bind(app: Arc<App>) -> Result<Self, StartError> {
        let config = &app.config.server;
        let tls = Tls::load(&config.tls, app.clock.clone())?;
        let address = config.listen;
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| StartError::Listen { address, source })?;
        Ok(Self { app, listener, tls })
    }

    /// Where it listens.
    ///
    /// # Panics
    /// If the socket has no address, which a bound one has.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("a bound socket has an address")
    }

    /// Serves until `stop` is cancelled; then takes no more connections, lets running requests end for
    /// `server.shutdown_grace`, and returns how many it had to cut off.
    pub async fn run(self, stop: CancellationToken) -> Result<usize, StartError> {
        let shared = Arc::new(Shared {
            router: super::router(Arc::clone(&self.app)),
            app: Arc::clone(&self.app),
            tls: self.tls.clone(),
            stop: stop.clone(),
        });
        let watch = self.tls.map(|tls| tokio::spawn(tls.watch()));
        let connections = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stop.cancelled() => break,
            };
            match accepted {
                Ok((stream, address)) => {
                    connections.spawn(connection::serve(Arc::clone(&shared), stream, address));
                }
                Err(error) => {
                    // Usually too many open files: those that are served now will end.
                    tracing::error!(%error, "cannot accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop(self.listener);
        self.app.begin_stop();
        if let Some(watch) = watch {
            watch.abort();
        }
        connections.close();
        let grace = self.app.config.server.shutdown_grace.get();
        let finished = tokio::time::timeout(grace, connections.wait()).await;
        Ok(if finished.is_ok() { 0 } else { connections.len() })
    }
}
