//! Tells webhooks of events: one job for each event and webhook, in order per repository.
//!
//! A delivery is signed as Standard Webhooks has it (`webhook-id`, `webhook-timestamp`, `webhook-signature`). The id stays the
//! same however often it is sent, so that a receiver can pass over what it has seen.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Worker;
use super::jobs::Kind;
use super::running::{Failure, Finished, Running};
use crate::clock::Timestamp;
use crate::meta::{Event, EventFilter, NewJob, Place, Webhook, WebhookFormat};
use crate::secret::Secret;

pub(super) const KIND: Kind = Kind {
    name: "webhook",
    at_once: 8,
    wait: Duration::from_secs(5),
    longest_wait: Duration::from_hours(1),
};

/// With waits that double from 5 s to an hour, some twelve hours.
const ATTEMPTS: u32 = 20;

/// What every secret begins with (Standard Webhooks, Signature scheme).
pub const SECRET_PREFIX: &str = "whsec_";

/// A delivery as it is written down.
#[derive(Debug, Serialize, Deserialize)]
struct Delivery {
    webhook: i64,
    event: u64,
}

/// The delivery that an event causes, if the webhook wants it.
pub(super) fn caused_by(webhook: &Webhook, event: &Event) -> Option<NewJob> {
    let wanted = webhook.wish.is_enabled
        && event.id > webhook.since_event
        && webhook.wish.wants(&event.kind, event.repository.as_deref());
    (wanted && (webhook.wish.format == WebhookFormat::CloudEvents || envelope(event, "").is_some()))
        .then(|| delivery(webhook.id, event.id, event.repository.as_deref()))
}

/// A job that tells one webhook of one event.
#[must_use]
pub fn delivery(webhook: i64, event: u64, repository: Option<&str>) -> NewJob {
    let payload = json!(Delivery { webhook, event });
    NewJob {
        // One receiver that hangs holds up nobody else, and one repository's events no other's.
        subject: subject(webhook),
        lane: format!("webhook/{webhook}/{}", repository.unwrap_or_default()),
        most_attempts: ATTEMPTS,
        event_id: Some(event),
        ..NewJob::new(KIND.name, payload)
    }
}

/// What deliveries to a webhook are listed by.
#[must_use]
pub fn subject(webhook: i64) -> String {
    format!("webhook/{webhook}")
}

/// Sends it.
pub(super) async fn deliver(worker: &Worker, running: &Running) -> Result<Finished, Failure> {
    let Delivery { webhook, event } = running.payload()?;
    let Some(webhook) = worker.meta.find_webhook_by_id(webhook).await? else {
        return Ok(Finished::with("the webhook is gone"));
    };
    if !webhook.wish.is_enabled {
        return Ok(Finished::with("the webhook is disabled"));
    }
    let place = Place::After(event.saturating_sub(1));
    let found = worker.meta.list_events(EventFilter::default(), place, 1).await?;
    let event = found.into_iter().find(|found| found.id == event);
    let event = event.ok_or_else(|| Failure::Permanent("the event is gone".into()))?;
    let (headers, body) = message(&webhook, &event, &worker.source(), worker.clock.now())
        .ok_or_else(|| Failure::Permanent("the format has no form for such an event".into()))?;
    let answer =
        worker.hooks.post(&webhook.wish.url, headers, body).await.map_err(Failure::retry)?;
    let said = match answer.text.trim() {
        "" => String::new(),
        text => format!(": {text}"),
    };
    running.log(format!("{} answered {}{said}", webhook.wish.url, answer.status));
    match answer.status {
        200..300 => Ok(Finished::with(format!("answered {}", answer.status))),
        // Standard Webhooks: the receiver wants no more of them.
        410 => Err(Failure::Permanent("the receiver is gone (410)".into())),
        429 | 503 if answer.retry_after.is_some() => Err(Failure::Later(
            answer.retry_after.unwrap_or_default().clamp(Duration::from_secs(1), KIND.longest_wait),
        )),
        status => Err(Failure::Retry(format!("the receiver answered {status}"))),
    }
}

/// The message as it is sent.
fn message(
    webhook: &Webhook,
    event: &Event,
    source: &str,
    now: Timestamp,
) -> Option<(HeaderMap, Bytes)> {
    let (content_type, body) = match webhook.wish.format {
        WebhookFormat::CloudEvents => {
            ("application/cloudevents+json; charset=utf-8", cloud_event(event, source))
        }
        WebhookFormat::Distribution => {
            ("application/vnd.docker.distribution.events.v1+json", envelope(event, source)?)
        }
    };
    let body = body.to_string();
    let mut headers = HeaderMap::new();
    for (name, value) in &webhook.wish.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let (id, timestamp) = (message_id(webhook, event), now.as_seconds().to_string());
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set("webhook-id", &id);
    set("webhook-timestamp", &timestamp);
    if let Some(secret) = &webhook.secret {
        set("webhook-signature", &format!("v1,{}", sign(secret, &id, &timestamp, &body)));
    }
    Some((headers, body.into()))
}

/// The same for each attempt, and for no other delivery.
fn message_id(webhook: &Webhook, event: &Event) -> String {
    format!("evt_{}_{}", webhook.id, event.id)
}

/// HMAC-SHA-256 over `id.timestamp.body`, in base64 (Standard Webhooks, Signature scheme).
fn sign(secret: &Secret<Vec<u8>>, id: &str, timestamp: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
    STANDARD.encode(hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes()))
}

/// An event's detail; what it lacks is null.
fn detail(event: &Event) -> Value {
    event.detail.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// An event as `CloudEvents` 1.0 has it, in structured JSON.
#[must_use]
pub fn cloud_event(event: &Event, source: &str) -> Value {
    let subject = match (&event.repository, &event.target) {
        (Some(repository), Some(target)) if target.contains(':') => {
            format!("{repository}@{target}")
        }
        (Some(repository), Some(target)) => format!("{repository}:{target}"),
        (Some(one), None) | (None, Some(one)) => one.clone(),
        (None, None) => String::new(),
    };
    let mut message = json!({
        "specversion": "1.0",
        "id": event.id.to_string(),
        "source": source,
        "type": format!("berth.{}", event.kind),
        "time": event.at.to_string(),
        "datacontenttype": "application/json",
        "data": {
            "repository": event.repository,
            "target": event.target,
            "actor": event.actor,
            "address": event.address,
            "request": event.request,
            "rule": event.rule,
            "detail": detail(event),
        },
    });
    if !subject.is_empty() {
        message["subject"] = subject.into();
    }
    message
}

/// An event in the envelope of Docker's distribution (`docs/about/notifications.md` there); `None` for what it does not know.
fn envelope(event: &Event, source: &str) -> Option<Value> {
    let (repository, target, detail) =
        (event.repository.as_deref()?, event.target.as_deref()?, detail(event));
    let (noun, verb) = event.kind.split_once('.')?;
    let mut body = json!({ "repository": repository });
    let digest = if noun == "tag" { detail["digest"].as_str()? } else { target };
    body["digest"] = digest.into();
    if noun == "tag" {
        body["tag"] = target.into();
    }
    let size = detail["size"].as_u64();
    if let Some(size) = size {
        body["size"] = size.into();
        body["length"] = size.into();
    }
    let octets = (noun == "blob").then_some("application/octet-stream");
    if let Some(media_type) = detail["media_type"].as_str().or(octets) {
        body["mediaType"] = media_type.into();
    }
    let path = if noun == "blob" { "blobs" } else { "manifests" };
    body["url"] = format!("{source}/v2/{repository}/{path}/{digest}").into();
    let mounted_from = detail["mounted_from"].as_str();
    let action = match (noun, verb) {
        ("blob", "push") if mounted_from.is_some() => "mount",
        ("blob" | "manifest" | "tag", "push") => "push",
        ("manifest", "pull") => "pull",
        ("blob" | "manifest" | "tag", "delete") => "delete",
        _ => return None,
    };
    if let Some(from) = mounted_from {
        body["fromRepository"] = from.into();
    }
    Some(json!({
        "events": [{
            "id": event.id.to_string(),
            "timestamp": event.at.to_string(),
            "action": action,
            "target": body,
            "request": { "id": event.request, "addr": event.address },
            "actor": { "name": event.actor },
            "source": { "addr": source },
        }]
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification's reference libraries.
    #[test]
    fn a_signature_is_the_one_of_standard_webhooks() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = sign(
            &Secret::new(secret),
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            "{\"test\": 2432232314}",
        );
        assert_eq!(signature, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
