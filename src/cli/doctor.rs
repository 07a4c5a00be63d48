//! `berth doctor`: looks for what is wrong, and says how to mend it.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::output::{count, print, print_json, say};
use super::settings::Settings;
use crate::clock::Clock;
use crate::doctor::{self, Severity};

const HELP: &str = "\
It changes nothing, and works while Berth serves or while it does not. The exit code is 1 if something does not work,
else 0. Run it as the user that Berth runs as, with the same settings.

Examples:
  berth doctor
  berth doctor --config /etc/berth/berth.toml --json
  berth doctor --url https://registry.example.org --ca company-ca.pem
  berth doctor --offline --data /srv/berth";

/// Look for what is wrong: disk, files, database, clock, names, certificates, proxies, buckets
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Doctor {
    /// Ask nobody on the network: look at this machine alone
    #[arg(long)]
    offline: bool,
    /// The URL that clients use [default: `server.public_url`]
    #[arg(long, value_name = "URL", conflicts_with = "offline")]
    url: Option<String>,
    /// Trust the certificate authorities in this PEM file, as clients do, beside the system's
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
    /// Show what is well, too
    #[arg(long, short)]
    all: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: Settings,
}

impl Doctor {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let config = self.settings.load(None)?.config;
        let read = |file: &PathBuf| {
            std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
        };
        let doctor = doctor::Doctor {
            config,
            now: Clock::system().now(),
            offline: self.offline,
            url: self.url,
            authorities: self.ca.iter().map(read).collect::<anyhow::Result<_>>()?,
        };
        let findings = doctor.look().await;
        let number = |severity| findings.iter().filter(|found| found.severity == severity).count();
        let (problems, warnings) = (number(Severity::Problem), number(Severity::Warning));
        if self.json {
            print_json(
                &json!({ "problems": problems, "warnings": warnings, "findings": findings }),
            )?;
        } else {
            for found in &findings {
                if found.severity == Severity::Good && !self.all {
                    continue;
                }
                print(&format!("{:8} {:9} {}", found.severity.as_str(), found.check, found.what))?;
                if let Some(mend) = &found.mend {
                    print(&format!("{:18} mend: {mend}", ""))?;
                }
            }
            let good = number(Severity::Good);
            say(&format!("{good} of {} are well", count(findings.len() as u64, "finding")));
        }
        if problems > 0 {
            anyhow::bail!("{} found", count(problems as u64, "problem"));
        }
        Ok(())
    }
}
