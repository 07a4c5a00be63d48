//! `berth backup status`

use clap::Args;
use serde_json::Value;

use crate::cli::api::{self, text};
use crate::cli::output::{print, print_json, size};

#[derive(Debug, Args)]
pub(in crate::cli) struct Standing {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    registry: api::Target,
}

impl Standing {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let api = self.registry.open().await?;
        let found: Value = api.get("api/v1/backups/standing").await?;
        api.close().await;
        if self.json {
            return print_json(&found);
        }
        let or =
            |value: String, other: &str| if value.is_empty() { other.to_owned() } else { value };
        print(&format!(
            "place      {}",
            or(text(&found, "place"), "none: set backup.directory or backup.backend")
        ))?;
        print(&format!(
            "schedule   {}",
            or(text(&found, "schedule"), "none: set backup.schedule")
        ))?;
        line("next", &text(&found, "next_run_at"))?;
        let last = &found["last"];
        if !last.is_null() {
            let bytes = last["blob_bytes"].as_u64().unwrap_or(0);
            print(&format!(
                "last       {} ({}, {} blobs, {})",
                text(last, "id"),
                text(last, "at"),
                text(last, "blobs"),
                size(bytes)
            ))?;
        }
        line("verified", &text(&found, "verified_at"))?;
        line("running", &text(&found["job"], "id"))?;
        let snapshots = &found["snapshots"];
        if !snapshots.is_null() {
            print(&format!("snapshot   {}", or(text(snapshots, "at"), "none yet")))?;
        }
        line("warning", &text(&found, "warning"))
    }
}

fn line(name: &str, value: &str) -> anyhow::Result<()> {
    if !value.is_empty() {
        print(&format!("{name:9}  {value}"))?;
    }
    Ok(())
}
