//! Somebody who is told of events.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, Uri};

/// A request that a receiver got.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) answered: u16,
}

impl Received {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

/// Decides how a request is answered: a status, and more headers.
type Judge = dyn Fn(&Received) -> (u16, Vec<(&'static str, String)>) + Send + Sync;

struct Inner {
    received: Mutex<Vec<Received>>,
    judge: Mutex<Arc<Judge>>,
    body: String,
}

/// An HTTP server that writes down what it is sent.
#[derive(Clone)]
pub(crate) struct Receiver {
    inner: Arc<Inner>,
    url: String,
}

impl Receiver {
    /// Starts one that is content with everything.
    pub(crate) async fn start() -> Self {
        Self::serving("noted").await
    }

    /// Starts one that answers with this text.
    pub(crate) async fn serving(body: impl Into<String>) -> Self {
        let judge: Arc<Judge> = Arc::new(|_: &Received| (200, Vec::new()));
        let inner = Arc::new(Inner {
            received: Mutex::default(),
            judge: Mutex::new(judge),
            body: body.into(),
        });
        let router = Router::new().fallback(receive).with_state(Arc::clone(&inner));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { serve(listener, router).await });
        Self { inner, url }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/hook", self.url)
    }

    /// Answers in another way from now on.
    pub(crate) fn answer(
        &self,
        judge: impl Fn(&Received) -> (u16, Vec<(&'static str, String)>) + Send + Sync + 'static,
    ) {
        *self.inner.judge.lock().unwrap() = Arc::new(judge);
    }

    /// Answers with this status from now on.
    pub(crate) fn answer_with(&self, status: u16) {
        self.answer(move |_| (status, Vec::new()));
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.inner.received.lock().unwrap().clone()
    }

    /// What was received, once there is as much of it.
    pub(crate) async fn at_least(&self, count: usize) -> Vec<Received> {
        super::eventually(&format!("{count} deliveries"), async || {
            let received = self.received();
            (received.len() >= count).then_some(received)
        })
        .await
    }
}

async fn receive(
    State(inner): State<Arc<Inner>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut received = Received { path: uri.path().to_owned(), headers, body, answered: 0 };
    let judge = Arc::clone(&inner.judge.lock().unwrap());
    let (status, more) = judge(&received);
    received.answered = status;
    inner.received.lock().unwrap().push(received);
    let mut response = (StatusCode::from_u16(status).unwrap(), inner.body.clone()).into_response();
    for (name, value) in more {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

/// Without axum's own server, which is no part of Berth.
async fn serve(listener: tokio::net::TcpListener, router: Router) {
    use hyper_util::rt::{TokioExecutor, TokioIo};
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let service = hyper_util::service::TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
