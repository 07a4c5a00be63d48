//! `berth doctor`: looks for what is wrong, and says how to mend it.

use clap::Args;
use serde_json::{Value, json};

use super::api::{self, text};
use super::output::{count, print, print_json, say};
use crate::clock::Clock;
use crate::doctor;

const HELP: &str = "\
It changes nothing, and works while Berth serves or while it does not. The exit code is 1 if something does not work,
else 0. Run it as the user that Berth runs as, with the same settings.

Examples:
  berth doctor
  berth doctor --config /etc/berth/berth.toml --json
  berth doctor --url https://registry.example.org --ca company-ca.pem
  berth doctor --offline --data /srv/berth
  berth doctor --server https://registry.example.org     a running one looks at itself";

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
    /// Show what is well, too
    #[arg(long, short)]
    all: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: api::Target,
}

impl Doctor {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let here = self.offline || self.url.is_some() || !self.target.names_a_server();
        let found = if here { self.look_here().await? } else { self.ask().await? };
        if self.json {
            print_json(&found)?;
        } else {
            self.tell(found["findings"].as_array().map_or(&[], Vec::as_slice))?;
        }
        match found["problems"].as_u64() {
            Some(0) => Ok(()),
            problems => anyhow::bail!("{} found", count(problems.unwrap_or(1), "problem")),
        }
    }

    async fn ask(&self) -> anyhow::Result<Value> {
        let api = self.target.open().await?;
        let found = api.post("api/v1/doctor", &json!({})).await;
        api.close().await;
        found
    }

    async fn look_here(&self) -> anyhow::Result<Value> {
        let doctor = doctor::Doctor {
            config: self.target.config()?,
            now: Clock::system().now(),
            offline: self.offline,
            url: self.url.clone(),
            authorities: self.target.authorities()?,
        };
        let findings = Box::pin(doctor.look()).await;
        let number = |severity| findings.iter().filter(|found| found.severity == severity).count();
        let problems = number(doctor::Severity::Problem);
        let warnings = number(doctor::Severity::Warning);
        Ok(json!({ "problems": problems, "warnings": warnings, "findings": findings }))
    }

    fn tell(&self, findings: &[Value]) -> anyhow::Result<()> {
        let is_good = |found: &&Value| found["severity"] == "good";
        for found in findings.iter().filter(|found| self.all || !is_good(found)) {
            let (severity, check) = (text(found, "severity"), text(found, "check"));
            print(&format!("{severity:8} {check:9} {}", text(found, "what")))?;
            let mend = text(found, "mend");
            if !mend.is_empty() {
                print(&format!("{:18} mend: {mend}", ""))?;
            }
        }
        let good = findings.iter().filter(is_good).count();
        say(&format!("{good} of {} are well", count(findings.len() as u64, "finding")));
        Ok(())
    }
}
