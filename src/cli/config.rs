//! `berth config check|show`

use std::io::Write as _;

use clap::{Args, Subcommand};

use super::settings::Settings;

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Say whether the settings can be used; every problem is named with its file, line and key
    #[command(
        after_help = "Examples:\n  berth config check --config /etc/berth/berth.toml\n  BERTH_SERVER_LISTEN=0.0.0.0:5000 berth config check"
    )]
    Check(Check),
    /// Show every setting with its value and where it came from; secrets are masked
    #[command(
        after_help = "Examples:\n  berth config show\n  berth config show --json --set uploads.expire_after=2d"
    )]
    Show(Show),
}

#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    settings: Settings,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl ConfigCommand {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        match self {
            Self::Check(check) => {
                check.settings.load(None)?;
                writeln!(out, "the configuration is good")?;
            }
            Self::Show(show) => {
                let rows = show.settings.load(None)?.show();
                if show.json {
                    let rows: Vec<_> = rows
                        .iter()
                        .map(|(key, value, source)| {
                            serde_json::json!({ "key": key, "value": value.trim_matches('"'), "source": source.to_string() })
                        })
                        .collect();
                    writeln!(out, "{}", serde_json::to_string_pretty(&rows)?)?;
                    return Ok(());
                }
                let width = |column: fn(&(String, String, crate::config::Source)) -> usize| {
                    rows.iter().map(column).max().unwrap_or(0)
                };
                let (keys, values) = (width(|row| row.0.len()), width(|row| row.1.len()).min(40));
                for (key, value, source) in &rows {
                    writeln!(out, "{key:keys$} = {value:values$}  # {source}")?;
                }
            }
        }
        Ok(())
    }
}
