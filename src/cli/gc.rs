//! `berth gc run|status`

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::api::{Api, Target, text};
use super::output::{Table, print, print_json, say, size};

/// Collect garbage, and see what the latest collections did
#[derive(Debug, Subcommand)]
pub(super) enum GcCommand {
    /// Collect garbage now, while everybody pushes and pulls
    #[command(
        after_help = "Examples:\n  berth gc run --dry-run\n  berth gc run\n  berth gc run --orphans\n  berth gc run --orphans --remove"
    )]
    Run(Begin),
    /// Show what the latest collections did
    #[command(after_help = "Example:\n  berth gc status")]
    Status(Status),
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct Begin {
    /// Only say what would go
    #[arg(long)]
    dry_run: bool,
    /// List objects in the blob store that no row knows, instead
    #[arg(long)]
    orphans: bool,
    /// Remove them
    #[arg(long, requires = "orphans", conflicts_with = "dry_run")]
    remove: bool,
    /// Do not wait for it to end
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Status {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

impl GcCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Run(command) => command.run().await,
            Self::Status(command) => command.run().await,
        }
    }
}

impl Begin {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let dry_run = self.dry_run || (self.orphans && !self.remove);
        let wish = json!({ "dry_run": dry_run, "orphans": self.orphans });
        let job: Value = api.post("api/v1/gc/run", &wish).await?;
        let result = if self.no_wait {
            say(&format!("job {} waits; `berth jobs show {0}` tells of it", text(&job, "id")));
            Ok(())
        } else {
            wait(&api, &text(&job, "id")).await
        };
        api.close().await;
        result
    }
}

/// How often a job is looked at.
const LOOKS_EVERY: Duration = Duration::from_millis(200);

/// How long a job may wait to be begun before somebody is told that nobody does it.
const PATIENCE: usize = 150;

/// Waits for a job to end, and prints what it said and what came of it.
pub(super) async fn wait(api: &Api, id: &str) -> anyhow::Result<()> {
    let (mut looks, mut told) = (0, 0);
    loop {
        let whole: Value = api.get(&format!("api/v1/jobs/{id}")).await?;
        let (job, log) = (&whole["job"], whole["log"].as_array());
        for line in log.into_iter().flatten().skip(told) {
            print(&text(line, "message"))?;
            told += 1;
        }
        match text(job, "state").as_str() {
            "done" => return Ok(print(&text(job, "reason"))?),
            "failed" | "cancelled" => {
                anyhow::bail!("job {id} is {}: {}", text(job, "state"), text(job, "reason"))
            }
            "waiting" | "blocked" if looks == PATIENCE => {
                say(&format!(
                    "job {id} waits for a Berth that serves this registry, or for another job; this may be interrupted"
                ));
            }
            _ => {}
        }
        looks += 1;
        tokio::time::sleep(LOOKS_EVERY).await;
    }
}

impl Status {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let found: Value = api.get("api/v1/gc").await?;
        api.close().await;
        if self.json {
            return print_json(&found["runs"]);
        }
        let mut table = Table::new(&[
            "STARTED",
            "FINISHED",
            ">EXAMINED",
            ">KEPT",
            ">MANIFESTS",
            ">BLOBS",
            ">SIZE",
            ">TRASH",
        ]);
        for run in found["runs"].as_array().into_iter().flatten() {
            let (finished, done) = (text(run, "finished_at"), &run["done"]);
            let number = |field| done[field].as_u64().unwrap_or(0);
            table.row([
                text(run, "started_at"),
                if finished.is_empty() { "runs".into() } else { finished },
                number("examined").to_string(),
                number("kept").to_string(),
                number("manifests").to_string(),
                number("blobs").to_string(),
                size(number("bytes")),
                number("trash").to_string(),
            ]);
        }
        table.print()?;
        Ok(())
    }
}
