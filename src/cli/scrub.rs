//! `berth scrub run|status|list`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::api::{Target, text};
use super::gc::wait;
use super::output::{Table, print_json, say, size};

/// Read blobs again to find damage, and see what was found
#[derive(Debug, Subcommand)]
pub(super) enum ScrubCommand {
    /// Read every blob now, as fast as `scrub.bytes_per_second` allows
    #[command(after_help = "Examples:\n  berth scrub run\n  berth scrub run --no-wait")]
    Run(Begin),
    /// Show what the latest scrubs did
    #[command(after_help = "Example:\n  berth scrub status")]
    Status(Show),
    /// Show blobs that are missing or damaged; to push one again mends it
    #[command(after_help = "Example:\n  berth scrub list")]
    List(Show),
}

#[derive(Debug, Args)]
pub(super) struct Begin {
    /// Do not wait for it to end
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

impl ScrubCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Run(command) => command.run().await,
            Self::Status(command) => command.status().await,
            Self::List(command) => command.list().await,
        }
    }
}

impl Begin {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let job: Value = api.post("api/v1/scrub/run", &json!({})).await?;
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

impl Show {
    async fn status(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let found: Value = api.get("api/v1/scrub").await?;
        api.close().await;
        if self.json {
            return print_json(&found["runs"]);
        }
        let mut table =
            Table::new(&["STARTED", "FINISHED", ">BLOBS", ">SIZE", ">DAMAGED", ">MISSING"]);
        for run in found["runs"].as_array().into_iter().flatten() {
            let (finished, done) = (text(run, "finished_at"), &run["done"]);
            let number = |field| done[field].as_u64().unwrap_or(0);
            table.row([
                text(run, "started_at"),
                if finished.is_empty() { "runs".into() } else { finished },
                number("blobs").to_string(),
                size(number("bytes")),
                number("damaged").to_string(),
                number("missing").to_string(),
            ]);
        }
        table.print()?;
        Ok(())
    }

    async fn list(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let blobs = api.list("api/v1/scrub/damaged", "", "blobs", "last", None).await?;
        api.close().await;
        if self.json {
            return print_json(&blobs);
        }
        let mut table = Table::new(&["DIGEST", ">SIZE", "WHAT", "FOUND", "REPOSITORIES"]);
        for blob in &blobs {
            table.row([
                text(blob, "digest"),
                size(blob["size_bytes"].as_u64().unwrap_or(0)),
                text(blob, "reason"),
                text(blob, "found_at"),
                text(blob, "repositories"),
            ]);
        }
        table.print()?;
        Ok(())
    }
}
