//! Events as they happen: server-sent events with a cursor that outlives a connection.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use futures::Stream;
use http::HeaderMap;

use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;
use crate::http::extract::Query;
use crate::meta::{Event, EventFilter, Meta, Place};

/// Events that are read together.
const AT_ONCE: u64 = 200;

/// A comment is sent when nothing happens for this long, so that nobody takes the connection for dead.
const KEPT_ALIVE: Duration = Duration::from_secs(15);

struct Following {
    meta: Meta,
    filter: EventFilter,
    after: u64,
    waiting: VecDeque<Event>,
    changes: tokio::sync::watch::Receiver<()>,
}

impl Following {
    /// The next event, when there is one; `None` when the database is closed.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                self.after = event.id;
                return Some(event);
            }
            self.changes.mark_unchanged();
            let place = Place::After(self.after);
            let found = self.meta.list_events(self.filter.clone(), place, AT_ONCE).await.ok()?;
            if found.is_empty() {
                self.changes.changed().await.ok()?;
            }
            self.waiting.extend(found);
        }
    }
}

/// Follow events as they happen
///
/// Server-sent events, each a `CloudEvent` in JSON whose `id` is the cursor: begin again behind it with `since`, or with the
/// header `Last-Event-ID`, and nothing is missed. Without either it begins with what happens next.
#[utoipa::path(
    get,
    path = "/events/stream",
    tag = "audit",
    params(
        ("since" = Option<u64>, Query, description = "events after this one; 0 for all"),
        ("repository" = Option<String>, Query),
        ("actor" = Option<String>, Query),
        ("kind" = Option<String>, Query)
    ),
    responses((status = 200, content_type = "text/event-stream", body = String))
)]
pub(super) async fn follow(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Message, Infallible>>>, Error> {
    let administer = app.auth.administer(&principal)?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let since = match query.get("since").or(last) {
        Some(text) => {
            text.parse().map_err(|_| Error::invalid("`since` is the id of an event, or 0"))?
        }
        None => administer.event_head().await?.id,
    };
    let text = |name: &str| query.get(name).map(str::to_owned);
    let filter = EventFilter {
        repository: text("repository"),
        actor: text("actor"),
        kind: text("kind"),
        ..EventFilter::default()
    };
    let following = Following {
        meta: app.meta.clone(),
        filter,
        after: since,
        waiting: VecDeque::new(),
        changes: app.meta.watch_events(),
    };
    let stop = app.stopping();
    let source = app.config.server.public_url.clone().unwrap_or_else(|| "berth".into());
    let stream = futures::stream::unfold(following, move |mut following| {
        let (stop, source) = (stop.clone(), source.clone());
        async move {
            let event = tokio::select! {
                event = following.next() => event?,
                // A stop does not wait for those who listen.
                () = stop.cancelled() => return None,
            };
            let text = crate::worker::cloud_event(&event, &source).to_string();
            Some((Ok(Message::default().id(event.id.to_string()).data(text)), following))
        }
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEPT_ALIVE)))
}
