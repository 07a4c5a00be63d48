//! The API without a network: the command line asks it of a data directory, as whoever can write there.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;

use super::request::{self, Peer};
use crate::app::App;

/// Says that a request comes from the machine itself. It travels beside the request, where nothing that comes over the
/// network can put it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Machine;

/// The API of an [`App`], in this process.
pub struct LocalApi {
    app: Arc<App>,
    router: Router,
}

impl std::fmt::Debug for LocalApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalApi")
    }
}

impl LocalApi {
    /// The API of `app`.
    #[must_use]
    pub fn new(app: Arc<App>) -> Self {
        Self { router: super::router(Arc::clone(&app)), app }
    }

    /// Sends a request as whoever has the data directory; `path` begins with `/`.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<(StatusCode, Bytes), super::StartError> {
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let idle_timeout = self.app.config.server.idle_timeout.get();
        let peer = Peer { address, is_tls: false, certificate: None, windows: None, idle_timeout };
        let mut request = Request::builder().method(method).uri(path);
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let mut request = request
            .body(Body::from(body.unwrap_or_default()))
            .map_err(|error| super::StartError::Request(error.to_string()))?;
        request.extensions_mut().insert(Machine);
        let response = request::answer(self.router.clone(), &self.app, &peer, request).await;
        let status = response.status();
        let body = response.into_body().collect().await;
        let body = body.map_err(|error| super::StartError::Request(error.to_string()))?;
        Ok((status, body.to_bytes()))
    }
}
