//! `berth key list|rotate`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::api::{Target, text};
use super::output::{print, print_json};

/// Manage the keys that sign registry tokens
#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Show the keys that sign and verify registry tokens
    #[command(after_help = "Examples:\n  berth key list\n  berth key list --json")]
    List(List),
    /// Sign with a new key from now on; tokens under the old one stay good until they end
    #[command(after_help = "Example:\n  berth key rotate --data /srv/berth")]
    Rotate(Rotate),
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
pub(super) struct Rotate {
    #[command(flatten)]
    target: Target,
}

impl KeyCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(command) => command.run().await,
            Self::Rotate(command) => command.run().await,
        }
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let mut keys: Value = api.get("api/v1/keys").await?;
        api.close().await;
        let keys = keys["keys"].take();
        if self.json {
            return print_json(&keys);
        }
        for key in keys.as_array().into_iter().flatten() {
            let state = match key["retired_at"].as_str() {
                Some(time) => format!("retired {time}"),
                None => "signs".to_owned(),
            };
            print(&format!("{}  made {}  {state}", text(key, "id"), text(key, "created_at")))?;
        }
        Ok(())
    }
}

impl Rotate {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let made: Value = api.post("api/v1/keys", &json!(null)).await?;
        api.close().await;
        print(&format!(
            "{} signs from now on; a running registry takes it up within a second",
            text(&made, "id")
        ))?;
        Ok(())
    }
}
