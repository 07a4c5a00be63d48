//! What happened: the audit trail.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Input;
use super::{PAGE, moment};
use crate::app::App;
use crate::auth::Principal;
use crate::clock::Timestamp;
use crate::http::Error;
use crate::http::extract::{Paging, Query};
use crate::meta::{Event, EventFaultKind, EventFilter, EventHead, Place};

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventView {
    /// Its place in the order; there is no gap.
    id: u64,
    at: String,
    /// `tag.push`, `request.refuse`, and so on.
    kind: String,
    repository: Option<String>,
    /// What it was done to: a tag, a digest, a user.
    target: Option<String>,
    actor: String,
    /// The client's address.
    address: Option<String>,
    /// The request's id.
    request: Option<String>,
    /// What allowed or refused it.
    rule: Option<String>,
    /// More of it; what is in here depends on the kind.
    #[schema(value_type = Option<Object>)]
    detail: Option<serde_json::Value>,
}

/// A page of events, the latest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Events {
    events: Vec<EventView>,
    /// The `before` of the next page, or its `after` where that was asked for.
    next: Option<u64>,
}

/// The last event, and what holds all before it: note it somewhere else to be sure of them later.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    id: u64,
    /// In hexadecimal digits.
    link: String,
}

/// What is to be verified.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Verification {
    /// A head that was noted before.
    known: Option<Head>,
}

/// Something that is wrong with the trail.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FaultView {
    id: u64,
    /// `missing`, `changed`, or `unknown_key`.
    #[schema(value_type = String)]
    what: EventFaultKind,
}

/// What a verification found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Verified {
    is_whole: bool,
    event_count: u64,
    head: Head,
    /// At most 1,000.
    faults: Vec<FaultView>,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            at: moment(event.at),
            kind: event.kind,
            repository: event.repository,
            target: event.target,
            actor: event.actor,
            address: event.address,
            request: event.request,
            rule: event.rule,
            detail: event.detail.and_then(|text| serde_json::from_str(&text).ok()),
        }
    }
}

impl From<EventHead> for Head {
    fn from(head: EventHead) -> Self {
        Self { id: head.id, link: hex(&head.link) }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

fn time(query: &Query, name: &str) -> Result<Option<Timestamp>, Error> {
    let Some(text) = query.get(name) else { return Ok(None) };
    let parsed = text.parse().map(Some);
    parsed.map_err(|error| Error::invalid(format!("`{name}`: {error}")))
}

/// List what happened
///
/// The latest first, or with `after` the oldest. For administrators.
#[utoipa::path(
    get,
    path = "/events",
    tag = "audit",
    params(
        ("repository" = Option<String>, Query),
        ("actor" = Option<String>, Query),
        ("kind" = Option<String>, Query, example = "request.refuse"),
        ("since" = Option<String>, Query, description = "RFC 3339"),
        ("until" = Option<String>, Query, description = "RFC 3339; not included"),
        ("n" = Option<u64>, Query),
        ("before" = Option<u64>, Query, description = "events before this one"),
        ("after" = Option<u64>, Query, description = "events after this one, the oldest first")
    ),
    responses((status = 200, body = Events))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
) -> Result<Json<Events>, Error> {
    let administer = app.auth.administer(&principal)?;
    let paging = Paging::read(&query, PAGE)?;
    let text = |name: &str| query.get(name).map(str::to_owned);
    let filter = EventFilter {
        repository: text("repository"),
        actor: text("actor"),
        kind: text("kind"),
        since: time(&query, "since")?,
        until: time(&query, "until")?,
    };
    let id = |name: &str| {
        let id = query.get(name).map(str::parse).transpose();
        id.map_err(|_| Error::invalid(format!("`{name}` is the id of an event")))
    };
    let place = match (id("before")?, id("after")?) {
        (_, Some(id)) => Place::After(id),
        (Some(id), None) => Place::Before(id),
        (None, None) => Place::Latest,
    };
    let page = paging.cut(administer.events(filter, place, paging.limit_and_one()).await?);
    let next = page.next(|event| event.id);
    Ok(Json(Events { events: page.items.into_iter().map(Into::into).collect(), next }))
}

/// Show the last event's place and link
#[utoipa::path(get, path = "/events/head", tag = "audit", responses((status = 200, body = Head)))]
pub(super) async fn head(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<Head>, Error> {
    Ok(Json(app.auth.administer(&principal)?.event_head().await?.into()))
}

/// Verify what happened
///
/// Goes through all events: finds rows that are missing, or not as they were written.
#[utoipa::path(
    post,
    path = "/events/verify",
    tag = "audit",
    request_body = Verification,
    responses((status = 200, body = Verified))
)]
pub(super) async fn verify(
    State(app): State<Arc<App>>,
    principal: Principal,
    Input(wanted): Input<Verification>,
) -> Result<Json<Verified>, Error> {
    let administer = app.auth.administer(&principal)?;
    let known = wanted.known.map(|head| {
        let link =
            unhex(&head.link).ok_or_else(|| Error::invalid("`known.link` is not hexadecimal"));
        link.map(|link| EventHead { id: head.id, link })
    });
    let verified = administer.verify_events(known.transpose()?).await?;
    Ok(Json(Verified {
        is_whole: verified.faults.is_empty(),
        event_count: verified.events,
        head: verified.head.into(),
        faults: verified
            .faults
            .into_iter()
            .map(|fault| FaultView { id: fault.id, what: fault.what })
            .collect(),
    }))
}
