//! One connection: HTTP/1.1 or HTTP/2, plain or TLS.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::body;
use super::request::{self, Peer};
use super::socket::{Socket, Windows};
use super::stall::Bodies;
use super::tls::Tls;
use crate::app::App;

/// A body is received in pieces of at most this many bytes.
const RECEIVE_BUFFER: usize = 128 << 10;

/// A client must have said all of its TLS greeting after this long.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What all connections share.
pub(super) struct Shared {
    pub(super) app: Arc<App>,
    pub(super) router: Router,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) stop: CancellationToken,
}

/// Serves a connection until it ends, or until Berth stops and its request is answered.
pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream, address: SocketAddr) {
    let metrics = &shared.app.metrics;
    let _counted = metrics.connection();
    // Small answers must not wait for an acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let idle_timeout = shared.app.config.server.idle_timeout.get();
    let windows = Windows::default();
    let socket = Socket::new(stream, windows.clone(), metrics.traffic(), idle_timeout);
    let is_tls = shared.tls.is_some();
    let mut peer = Peer { address, is_tls, certificate: None, windows: None, idle_timeout };
    match &shared.tls {
        None => {
            peer.windows = Some(windows);
            let greeting = tokio::time::timeout(idle_timeout, socket.speaks_http2());
            let greeting = tokio::select! {
                greeting = greeting => greeting,
                () = shared.stop.cancelled() => return,
            };
            if let Ok(Ok(is_http2)) = greeting {
                speak(&shared, is_http2, socket, peer).await;
            }
        }
        Some(tls) => {
            let handshake = tls.acceptor().accept(socket).into_fallible();
            let handshake = tokio::time::timeout(HANDSHAKE, handshake);
            let handshake = tokio::select! {
                handshake = handshake => handshake,
                () = shared.stop.cancelled() => return,
            };
            match handshake {
                Ok(Ok(stream)) => {
                    let session = stream.get_ref().1;
                    let is_http2 = session.alpn_protocol() == Some(b"h2");
                    if let Some(clients) = tls.clients() {
                        match clients.read(session.peer_certificates()) {
                            Ok(certificate) => peer.certificate = certificate,
                            Err(error) => {
                                tracing::warn!(%error, client.address = %address.ip(), "a client was turned away: {error}");
                                return;
                            }
                        }
                    }
                    speak(&shared, is_http2, stream, peer).await;
                }
                Ok(Err((error, socket))) => {
                    if tls.clients().is_some() {
                        tracing::info!(%error, client.address = %address.ip(), "a client was turned away: {error}");
                        part(socket).await;
                    } else {
                        tracing::debug!(%error, client.address = %address.ip(), "a TLS handshake failed: {error}");
                    }
                }
                Err(_) => {
                    tracing::debug!(client.address = %address.ip(), "a TLS handshake took too long");
                }
            }
        }
    }
}

/// Ends a connection so that the client hears why. In TLS 1.3 it may have sent a request already when its certificate is
/// looked at; a socket that is closed with that unread is reset, and the alert is lost on the way.
async fn part(mut socket: Socket) {
    const MOST: u64 = 64 << 10;
    let ending = async {
        socket.shutdown().await?;
        tokio::io::copy(&mut socket.take(MOST), &mut tokio::io::sink()).await
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), ending).await;
}

async fn speak<S>(shared: &Arc<Shared>, is_http2: bool, stream: S, peer: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let builder = Builder::new(TokioExecutor::new());
    let mut builder = if is_http2 { builder.http2_only() } else { builder.http1_only() };
    builder
        .http1()
        .timer(TokioTimer::new())
        // Also the longest that a connection may rest between two requests.
        .header_read_timeout(peer.idle_timeout)
        .max_buf_size(RECEIVE_BUFFER)
        .max_headers(100);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(peer.idle_timeout / 2)
        .keep_alive_timeout(peer.idle_timeout / 2)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(2 << 20)
        .max_concurrent_streams(128)
        .max_header_list_size(32 << 10);
    let (bodies, idle_timeout) = (Bodies::default(), peer.idle_timeout);
    let service = hyper::service::service_fn(|request: http::Request<Incoming>| {
        let (shared, mut peer) = (Arc::clone(shared), peer.clone());
        // In HTTP/2 the bytes of one stream are framed among those of others: files are read there.
        let bodies = is_http2.then(|| bodies.clone());
        if is_http2 {
            peer.windows = None;
        }
        async move {
            let (parts, body) = request.into_parts();
            let body = body::Incoming::new(body, &parts.headers);
            let request = http::Request::from_parts(parts, Body::new(body));
            let answer = request::answer(shared.router.clone(), &shared.app, &peer, request).await;
            Ok::<_, Infallible>(match bodies {
                Some(bodies) => answer.map(|body| bodies.watch(body)),
                None => answer,
            })
        }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = shared.stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = bodies.stalled(idle_timeout), if is_http2 => {
            tracing::debug!("a client left an answer unread for {} s", idle_timeout.as_secs());
            return;
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended: {error}");
    }
}
