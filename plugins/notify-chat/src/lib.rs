//! Tells a chat of what happens, in the form that its incoming webhooks take.

use std::time::Duration;

use berth_plugin::http::Request;
use berth_plugin::{CallContext, Error, Event, EventSink, Plugin, Problem, config, log};
use serde_json::{Value, json};

struct NotifyChat;

/// Which chat, and so how a message is written.
#[derive(Clone, Copy)]
enum Service {
    Slack,
    Teams,
    Discord,
    Mattermost,
}

impl Service {
    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "slack" => Self::Slack,
            "teams" => Self::Teams,
            "discord" => Self::Discord,
            "mattermost" => Self::Mattermost,
            _ => return None,
        })
    }

    /// A value of an event as it may stand in a message: nothing in it calls anybody.
    fn plain(self, text: &str) -> String {
        match self {
            Self::Slack => text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
            // Somebody called `@channel` is no reason to wake everybody.
            Self::Teams | Self::Discord | Self::Mattermost => text.replace('@', "@\u{200b}"),
        }
    }

    fn message(self, text: &str) -> Value {
        match self {
            Self::Slack | Self::Mattermost => json!({ "text": text }),
            Self::Discord => {
                let text: String = text.chars().take(2000).collect();
                json!({ "content": text, "allowed_mentions": { "parse": [] } })
            }
            // What the webhooks of Workflows take.
            Self::Teams => json!({
                "type": "message",
                "attachments": [{
                    "contentType": "application/vnd.microsoft.card.adaptive",
                    "content": {
                        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                        "type": "AdaptiveCard",
                        "version": "1.4",
                        "body": [{ "type": "TextBlock", "text": text, "wrap": true }],
                    },
                }],
            }),
        }
    }
}

fn service() -> Result<Service, Error> {
    let name = config::get("service").unwrap_or_else(|| "slack".into());
    Service::read(&name).ok_or_else(|| Error::Invalid(format!("`{name}` is no service")))
}

fn is_wanted(kind: &str) -> bool {
    config::list("kinds").iter().any(|wanted| match wanted.strip_suffix('*') {
        Some(prefix) => kind.starts_with(prefix),
        None => kind == wanted,
    })
}

/// What is said of an event.
fn said(service: Service, event: &Event) -> Result<String, Error> {
    let cloud: Value = serde_json::from_str(&event.json)
        .map_err(|error| Error::Invalid(format!("event {}: {error}", event.id)))?;
    let template = config::get(&format!("templates.{}", event.kind))
        .or_else(|| config::get("template"))
        .unwrap_or_default();
    let data = &cloud["data"];
    let value = |value: &Value| service.plain(value.as_str().unwrap_or_default());
    let mut text = template;
    for (field, value) in [
        ("{kind}", service.plain(&event.kind)),
        ("{repository}", service.plain(event.repository.as_deref().unwrap_or_default())),
        ("{target}", value(&data["target"])),
        ("{digest}", value(&data["detail"]["digest"])),
        ("{actor}", value(&data["actor"])),
        ("{time}", value(&cloud["time"])),
        ("{id}", service.plain(&event.id)),
    ] {
        text = text.replace(field, &value);
    }
    Ok(text)
}

fn send(service: Service, text: &str) -> Result<(), Error> {
    let url = config::secret("url")?;
    let answer = Request::post(url.trim())
        .header("content-type", "application/json")
        .timeout(Duration::from_secs(10))
        .body(service.message(text).to_string())
        .send()?;
    match answer.status {
        200..=299 => Ok(()),
        429 => Err(Error::LimitExceeded("the chat asks for patience".into())),
        // The address is a secret: it is not repeated.
        status => Err(Error::Unavailable(format!("the chat answers {status}"))),
    }
}

impl Plugin for NotifyChat {
    const NAME: &'static str = "notify-chat";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn check_config() -> Vec<Problem> {
        match service() {
            Ok(_) => Vec::new(),
            Err(_) => {
                let known = "write `slack`, `teams`, `discord` or `mattermost`";
                vec![Problem::with("service", known)]
            }
        }
    }
}

impl EventSink for NotifyChat {
    fn deliver(_context: CallContext, events: Vec<Event>) -> Result<u32, Error> {
        let service = service()?;
        let mut done = 0;
        for event in events {
            if is_wanted(&event.kind) {
                match said(service, &event).and_then(|text| send(service, &text)) {
                    Ok(()) => {}
                    // What was said is done with; this one and the rest come again.
                    Err(error) if done > 0 => {
                        log::warn(&format!("event {} comes again: {error:?}", event.id));
                        return Ok(done);
                    }
                    Err(error) => return Err(error),
                }
            }
            done += 1;
        }
        Ok(done)
    }
}

berth_plugin::export!(NotifyChat: event_sink);
