//! Noticing a client that keeps an HTTP/2 stream open and takes nothing from it.
//!
//! In HTTP/1.1 the socket itself stalls ([`super::socket`]). In HTTP/2 a client that makes no room in one stream's window can
//! still answer pings, so each answer's body remembers since when it waits for its client.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// The bodies that one connection is sending.
#[derive(Clone, Debug, Default)]
pub(super) struct Bodies(Arc<Mutex<Vec<Weak<Waiting>>>>);

/// Since when a body waits for its client; `None` while it is our turn.
#[derive(Debug, Default)]
struct Waiting(Mutex<Option<Instant>>);

impl Waiting {
    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

impl Bodies {
    /// The same body, watched.
    pub(super) fn watch(&self, body: Body) -> Body {
        let waiting = Arc::new(Waiting(Mutex::new(Some(Instant::now()))));
        let mut bodies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bodies.retain(|other| other.strong_count() > 0);
        bodies.push(Arc::downgrade(&waiting));
        Body::new(Watched { body, waiting })
    }

    /// Ends when a body has waited for its client for `limit`.
    pub(super) async fn stalled(&self, limit: Duration) {
        let mut ticks = tokio::time::interval(limit / 4);
        loop {
            ticks.tick().await;
            let bodies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let is_stalled = bodies.iter().filter_map(Weak::upgrade).any(|waiting| {
                let since = *waiting.0.lock().unwrap_or_else(PoisonError::into_inner);
                since.is_some_and(|since| since.elapsed() >= limit)
            });
            if is_stalled {
                return;
            }
        }
    }
}

struct Watched {
    body: Body,
    waiting: Arc<Waiting>,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    /// Hyper asks for the next piece when the client has made room for it.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        self.waiting.set(frame.is_ready().then(Instant::now));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
