//! `berth webhook` and `berth events`: who is told of what happens.

use std::collections::BTreeMap;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::api::{Target, text};
use super::client::part;
use super::output::{Table, print, print_json, say};

const KINDS: &str = "\
Kinds: tag.push, tag.delete, manifest.push, manifest.delete, blob.push, blob.delete,
repository.delete, account.add, ...; tag.* is all that begin so, * every kind. Without --kind a
webhook is told of what happens to content.";

/// Manage webhooks: who is told of events
#[derive(Debug, Subcommand)]
pub(super) enum WebhookCommand {
    /// Make a webhook; the secret that signs its deliveries is printed once
    #[command(
        after_help = format!("{KINDS}\n\nExamples:\n  berth webhook add ci https://ci.example.org/hooks/berth --kind tag.push --on 'team/**'\n  berth webhook add old http://127.0.0.1:8080/notify --format distribution")
    )]
    Add(Add),
    /// Show the webhooks
    #[command(after_help = "Examples:\n  berth webhook list\n  berth webhook list --json")]
    List(List),
    /// Stop telling a webhook
    #[command(after_help = "Example:\n  berth webhook disable ci")]
    Disable(Named),
    /// Tell a webhook again, of what happens from now on
    #[command(after_help = "Example:\n  berth webhook enable ci")]
    Enable(Named),
    /// Show what a webhook was told, and what it answered
    #[command(after_help = "Example:\n  berth webhook deliveries ci")]
    Deliveries(Deliveries),
    /// Tell a webhook of an event once more
    #[command(after_help = "Example:\n  berth webhook redeliver ci 4711")]
    Redeliver(Redeliver),
    /// Remove a webhook
    #[command(after_help = "Example:\n  berth webhook remove ci")]
    Remove(Named),
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// What it is called
    name: String,
    /// Where events are sent
    url: String,
    /// `cloudevents`, or `distribution` for receivers of Docker's registry
    #[arg(long, default_value = "cloudevents")]
    format: String,
    /// Kinds of events; may be repeated
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// Repositories; may be repeated
    #[arg(long, value_name = "PATTERN")]
    on: Vec<String>,
    /// A header to send besides, as `NAME: VALUE`; may be repeated
    #[arg(long = "header", value_name = "HEADER")]
    headers: Vec<String>,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Named {
    /// The webhook
    name: String,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Deliveries {
    /// The webhook
    name: String,
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value = "50")]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Redeliver {
    /// The webhook
    name: String,
    /// The event's number
    event: u64,
    #[command(flatten)]
    target: Target,
}

fn path(name: &str) -> String {
    format!("api/v1/webhooks/{}", part(name))
}

impl WebhookCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Add(command) => command.run().await,
            Self::List(command) => command.run().await,
            Self::Disable(command) => command.change(false).await,
            Self::Enable(command) => command.change(true).await,
            Self::Deliveries(command) => command.run().await,
            Self::Redeliver(command) => command.run().await,
            Self::Remove(command) => command.remove().await,
        }
    }
}

impl Add {
    async fn run(self) -> anyhow::Result<()> {
        let mut headers = BTreeMap::new();
        for header in &self.headers {
            let (name, value) = header
                .split_once(':')
                .with_context(|| format!("write the header `{header}` as `NAME: VALUE`"))?;
            headers.insert(name.trim(), value.trim());
        }
        let wish = json!({
            "name": self.name, "url": self.url, "format": self.format, "kinds": self.kinds, "patterns": self.on,
            "headers": headers,
        });
        let api = self.target.open().await?;
        let made: Value = api.post("api/v1/webhooks", &wish).await?;
        api.close().await;
        print(&text(&made, "secret"))?;
        say(&format!("made the webhook {}; its secret is shown only now", self.name));
        Ok(())
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let mut found: Value = api.get("api/v1/webhooks").await?;
        api.close().await;
        let webhooks = found["webhooks"].take();
        if self.json {
            return print_json(&webhooks);
        }
        let mut table = Table::new(&["NAME", "URL", "FORMAT", "KINDS", "REPOSITORIES", "STATE"]);
        for webhook in webhooks.as_array().into_iter().flatten() {
            let state = if webhook["is_enabled"] == true { "" } else { "disabled" };
            table.row([
                text(webhook, "name"),
                text(webhook, "url"),
                text(webhook, "format"),
                text(webhook, "kinds"),
                text(webhook, "patterns"),
                state.to_owned(),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

impl Named {
    async fn change(self, is_enabled: bool) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let wish = json!({ "is_enabled": is_enabled });
        let _: Value = api.send(Method::PATCH, &path(&self.name), &wish).await?;
        api.close().await;
        let verb = if is_enabled { "is told again" } else { "is told no more" };
        say(&format!("the webhook {} {verb}", self.name));
        Ok(())
    }

    async fn remove(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        api.delete(&path(&self.name)).await?;
        api.close().await;
        say(&format!("removed the webhook {}", self.name));
        Ok(())
    }
}

impl Deliveries {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let path = format!("{}/deliveries", path(&self.name));
        let found = api.list(&path, "", "deliveries", "before", Some(self.limit)).await?;
        api.close().await;
        if self.json {
            return print_json(&found);
        }
        let mut table =
            Table::new(&[">JOB", ">EVENT", "STATE", ">TRIES", "SINCE", "ENDED", "WHAT CAME OF IT"]);
        for delivery in found {
            table.row([
                text(&delivery, "id"),
                text(&delivery, "event_id"),
                text(&delivery, "state"),
                text(&delivery, "attempts"),
                text(&delivery, "created_at"),
                text(&delivery, "finished_at"),
                text(&delivery, "reason"),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

impl Redeliver {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let path = format!("{}/deliveries/{}", path(&self.name), self.event);
        let made: Value = api.post(&path, &json!({})).await?;
        api.close().await;
        say(&format!("job {} tells {} of event {}", text(&made, "job"), self.name, self.event));
        Ok(())
    }
}
