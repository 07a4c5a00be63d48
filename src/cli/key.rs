//! `berth key list|rotate`

use std::io::Write as _;

use clap::{Args, Subcommand};

use super::settings::Settings;
use crate::auth::new_signing_key;
use crate::clock::{Clock, Timestamp};

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
    #[command(flatten)]
    settings: Settings,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Rotate {
    #[command(flatten)]
    settings: Settings,
}

impl KeyCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let settings = match &self {
            Self::List(list) => &list.settings,
            Self::Rotate(rotate) => &rotate.settings,
        };
        let clock = Clock::system();
        let meta = settings.open()?;
        let mut out = std::io::stdout().lock();
        match self {
            Self::List(list) => {
                let keys = meta.list_signing_keys(Timestamp::from_millis(0)).await?;
                meta.close().await;
                if list.json {
                    let keys: Vec<_> = keys
                        .iter()
                        .map(|key| {
                            serde_json::json!({
                                "id": key.id,
                                "created_at": key.created_at.to_string(),
                                "retired_at": key.retired_at.map(|time| time.to_string()),
                            })
                        })
                        .collect();
                    writeln!(out, "{}", serde_json::to_string_pretty(&keys)?)?;
                    return Ok(());
                }
                for key in keys {
                    let state = key
                        .retired_at
                        .map_or_else(|| "signs".to_owned(), |time| format!("retired {time}"));
                    writeln!(out, "{}  made {}  {state}", key.id, key.created_at)?;
                }
            }
            Self::Rotate(_) => {
                let key = new_signing_key(clock.now())?;
                let id = key.id.clone();
                meta.rotate_signing_key(key).await?;
                meta.close().await;
                writeln!(
                    out,
                    "{id} signs from now on; a running registry takes it up within a second"
                )?;
            }
        }
        Ok(())
    }
}
