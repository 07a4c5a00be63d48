//! `berth audit`: what happened, and whether the trail is whole.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::api::{Target, narrowed, text};
use super::output::{Table, count, print, print_json};

/// Look at what happened: changes, refusals, and pulls where `audit.pulls` is on
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Show the latest events
    #[command(
        after_help = "Examples:\n  berth audit list\n  berth audit list --repository team/app --limit 20\n  berth audit list --kind request.refuse --since 2026-11-24T00:00:00Z"
    )]
    List(List),
    /// Write all events, the oldest first, one JSON object a line
    #[command(
        after_help = "Example:\n  berth audit export --since 2026-11-01T00:00:00Z > november.jsonl"
    )]
    Export(Export),
    /// Find events that were changed or taken away
    #[command(
        after_help = "Keep what `berth audit head` prints somewhere else: with it, nobody can write all anew unnoticed.\n\nExamples:\n  berth audit verify\n  berth audit verify --known \"$(cat head-of-last-month)\""
    )]
    Verify(Verify),
    /// Print the last event's number and link, to be kept somewhere else
    #[command(after_help = "Example:\n  berth audit head > head-of-this-month")]
    Head(Head),
}

/// Which events are meant.
#[derive(Debug, Args)]
struct Filter {
    /// Of this repository
    #[arg(long, value_name = "NAME")]
    repository: Option<String>,
    /// By this one
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Of this kind, such as `tag.push` or `request.refuse`
    #[arg(long)]
    kind: Option<String>,
    /// Not before this moment
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this moment
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    filter: Filter,
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
pub(super) struct Export {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// What `berth audit head` printed before
    #[arg(long, value_name = "NUMBER:LINK")]
    known: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Head {
    #[command(flatten)]
    target: Target,
}

impl Filter {
    fn query(&self) -> String {
        narrowed(&[
            ("repository", self.repository.clone()),
            ("actor", self.actor.clone()),
            ("kind", self.kind.clone()),
            ("since", self.since.clone()),
            ("until", self.until.clone()),
        ])
    }
}

impl AuditCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(command) => command.run().await,
            Self::Export(command) => command.run().await,
            Self::Verify(command) => command.run().await,
            Self::Head(command) => command.run().await,
        }
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let query = self.filter.query();
        let events =
            api.list("api/v1/events", &query, "events", "before", Some(self.limit)).await?;
        api.close().await;
        if self.json {
            return print_json(&events);
        }
        let columns = [">EVENT", "TIME", "WHAT", "WHO", "REPOSITORY", "TARGET", "FROM", "BY"];
        let mut table = Table::new(&columns);
        for event in events {
            table.row([
                text(&event, "id"),
                text(&event, "at"),
                text(&event, "kind"),
                text(&event, "actor"),
                text(&event, "repository"),
                text(&event, "target"),
                text(&event, "address"),
                text(&event, "rule"),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

impl Export {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let query = self.filter.query();
        let mut after = 0;
        loop {
            let path = format!("api/v1/events?n=1000&after={after}{query}");
            let page: Value = api.get(&path).await?;
            let events = page["events"].as_array().map(Vec::as_slice).unwrap_or_default();
            let Some(last) = events.last() else { break };
            after = last["id"].as_u64().context("an event without a number")?;
            for event in events {
                print(&event.to_string())?;
            }
        }
        api.close().await;
        Ok(())
    }
}

impl Verify {
    async fn run(self) -> anyhow::Result<()> {
        let known = match &self.known {
            Some(text) => {
                let (id, link) = text
                    .trim()
                    .split_once(':')
                    .context("`--known` is NUMBER:LINK, as `berth audit head` prints it")?;
                let id: u64 = id.parse().context("`--known` begins with the event's number")?;
                Some(json!({ "id": id, "link": link }))
            }
            None => None,
        };
        let api = self.target.open().await?;
        let found: Value = api.post("api/v1/events/verify", &json!({ "known": known })).await?;
        api.close().await;
        let faults = found["faults"].as_array().cloned().unwrap_or_default();
        if self.json {
            print_json(&found)?;
        } else {
            for fault in &faults {
                print(&format!("event {}: {}", text(fault, "id"), text(fault, "what")))?;
            }
        }
        let events = count(found["event_count"].as_u64().unwrap_or(0), "event");
        if !faults.is_empty() {
            anyhow::bail!(
                "the audit trail is not whole: {} in {events}",
                count(faults.len() as u64, "fault")
            );
        }
        if !self.json {
            print(&format!("the audit trail is whole: {events}"))?;
        }
        Ok(())
    }
}

impl Head {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let head: Value = api.get("api/v1/events/head").await?;
        api.close().await;
        print(&format!("{}:{}", text(&head, "id"), text(&head, "link")))?;
        Ok(())
    }
}
