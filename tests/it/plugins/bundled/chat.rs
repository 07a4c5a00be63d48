//! `notify-chat`, and chats that write down what they are told.

use berth::plugin::{CallContext, Capabilities, SinkEvent};
use serde_json::{Value, json};

use super::super::Host;
use super::{change, grant, install};
use crate::support::{Image, Receiver, TestApp};

/// What a service is to get for a text.
fn message(service: &str, text: &str) -> Value {
    match service {
        "discord" => json!({ "content": text, "allowed_mentions": { "parse": [] } }),
        "teams" => json!({
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
        _ => json!({ "text": text }),
    }
}

#[tokio::test]
async fn each_chat_is_told_in_its_own_form() {
    let berth = TestApp::start().await;
    berth.app.start_worker();
    let admin = berth.admin().await;
    let mut is_installed = false;
    for service in ["slack", "teams", "discord", "mattermost"] {
        let chat = Receiver::start().await;
        let wish = json!({
            "settings": {
                "service": service,
                "templates": { "tag.delete": "{repository} has no {target} any more" },
            },
            "secrets": { "url": chat.url() },
            "granted": [grant(&chat.url()), "secret url"],
        });
        if is_installed {
            change(&admin, "notify-chat", wish).await;
        } else {
            install(&berth, &admin, "notify-chat", wish).await;
            is_installed = true;
        }
        let repository = format!("team/{service}");
        let digest = admin.push(&repository, "v1", &Image::of(["hello", service])).await;
        admin.delete(&format!("/v2/{repository}/manifests/v1")).await.status(202);
        let told = chat.at_least(2).await;
        let texts = [
            format!("admin: tag.push {repository}:v1"),
            format!("{repository} has no v1 any more"),
        ];
        let bodies: Vec<Value> = told.iter().map(crate::support::Received::json).collect();
        assert_eq!(bodies, texts.map(|text| message(service, &text)), "{digest}");
        assert_eq!(told[0].header("content-type"), "application/json");
    }
    let wrong = json!({ "settings": { "service": "irc" } });
    let refused = admin.patch_json("/api/v1/plugins/notify-chat", wrong).await;
    assert!(refused.fails(400, "INVALID").text().contains("`slack`, `teams`"));
}

fn granted(chat: &Receiver) -> Capabilities {
    [grant(&chat.url()), "secret url".into()].iter().map(|line| line.parse().unwrap()).collect()
}

fn event(id: u64, actor: &str) -> SinkEvent {
    let json = json!({
        "specversion": "1.0", "time": "2026-11-25T12:00:00Z",
        "data": { "actor": actor, "target": "v1", "detail": { "digest": "sha256:12" } },
    });
    SinkEvent {
        id: id.to_string(),
        at: berth::clock::Timestamp::from_millis(0),
        kind: "tag.push".into(),
        repository: "team/app".parse().ok(),
        json: json.to_string(),
    }
}

#[tokio::test]
async fn nobody_is_called_by_a_name_in_an_event() {
    let host = Host::start().await;
    let chat = Receiver::start().await;
    for (service, expected) in [
        ("slack", "&lt;!channel&gt; &amp; @here {digest} did sha256:12"),
        ("mattermost", "<!channel> & @\u{200b}here {digest} did sha256:12"),
        ("discord", "<!channel> & @\u{200b}here {digest} did sha256:12"),
    ] {
        let settings = json!({ "service": service, "template": "{actor} did {digest}" });
        let name = host.install_bundled_with("notify-chat", settings, |terms| {
            terms.granted = granted(&chat);
            terms.secrets.insert("url".into(), berth::secret::Secret::new(chat.url()));
        });
        let name = name.await;
        let told = event(1, "<!channel> & @here {digest}");
        host.plugins.deliver(&name, &CallContext::new("job"), &[told]).await.unwrap();
        let body = chat.received().pop().unwrap().json();
        assert_eq!(body, message(service, expected));
    }
}

#[tokio::test]
async fn what_was_said_is_not_said_again_when_the_chat_falls_silent() {
    let host = Host::start().await;
    let chat = Receiver::start().await;
    chat.answer(|asked| (if asked.json()["text"] == "bob" { 503 } else { 200 }, Vec::new()));
    let name =
        host.install_bundled_with("notify-chat", json!({ "template": "{actor}" }), |terms| {
            terms.granted = granted(&chat);
            terms.secrets.insert("url".into(), berth::secret::Secret::new(chat.url()));
        });
    let name = name.await;
    let context = CallContext::new("job");
    let events = ["ann", "bob", "cat"].map(|actor| event(1, actor));
    assert_eq!(host.plugins.deliver(&name, &context, &events).await.unwrap(), 1);
    host.plugins.deliver(&name, &context, &events[1..]).await.unwrap_err();
    chat.answer_with(200);
    assert_eq!(host.plugins.deliver(&name, &context, &events[1..]).await.unwrap(), 2);
    let told: Vec<Value> = chat.received().iter().map(|one| one.json()["text"].clone()).collect();
    assert_eq!(told, ["ann", "bob", "bob", "bob", "cat"]);
}
