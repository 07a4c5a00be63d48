//! `berth events`: what happens, as it happens.

use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::api::{Target, narrowed, text};
use super::output::{print, say};

/// Show what happens, as it happens
#[derive(Debug, Args)]
#[command(
    after_help = "Each line begins with the event's number: go on behind it with --since, and nothing is missed.\n\nExamples:\n  berth events --follow\n  berth events --follow --since 4711 --kind tag.push --json\n  berth events --since 0"
)]
pub(super) struct Events {
    /// Go on with what happens from now on, until interrupted
    #[arg(long, short)]
    follow: bool,
    /// Begin behind the event of this number; 0 is from the first. Without it: with what happens next
    #[arg(long, value_name = "NUMBER")]
    since: Option<u64>,
    /// Of this repository
    #[arg(long, value_name = "NAME")]
    repository: Option<String>,
    /// Of this kind
    #[arg(long)]
    kind: Option<String>,
    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// How often new events are asked for.
const ASKED_EVERY: Duration = Duration::from_millis(500);

impl Events {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let mut after = match self.since {
            Some(since) => since,
            None => {
                let head: Value = api.get("api/v1/events/head").await?;
                head["id"].as_u64().unwrap_or(0)
            }
        };
        if self.since.is_none() && !self.follow {
            say("nothing happened since now: use --follow, or --since 0 for all");
        }
        let query = narrowed(&[("repository", self.repository), ("kind", self.kind)]);
        loop {
            let page: Value =
                api.get(&format!("api/v1/events?n=1000&after={after}{query}")).await?;
            let events = page["events"].as_array().map(Vec::as_slice).unwrap_or_default();
            for event in events {
                after = event["id"].as_u64().unwrap_or(after);
                if self.json { print(&event.to_string())? } else { print(&line(event))? }
            }
            if !events.is_empty() {
                continue;
            }
            if !self.follow {
                break;
            }
            tokio::time::sleep(ASKED_EVERY).await;
        }
        api.close().await;
        Ok(())
    }
}

fn line(event: &Value) -> String {
    let parts =
        ["id", "at", "kind", "actor", "repository", "target"].map(|field| text(event, field));
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("  ")
}
