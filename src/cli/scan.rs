//! `berth scan`: have images scanned, and see what came of it.

use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::api::{Api, Target, narrowed, text};
use super::client::{part, repository_path};
use super::named::ImageName;
use super::output::{Table, count, print, print_json, say, short_digest};

/// How often whoever waits looks again.
const LOOKS_EVERY: Duration = Duration::from_millis(500);

impl ImageName {
    /// The path of its reports.
    fn path(&self) -> String {
        let reference = part(&self.reference.to_string());
        format!("{}/scans/{reference}", repository_path(&self.repository))
    }
}

/// Have an image scanned, or see what scanners have found
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  berth scan team/app:v1\n  berth scan team/app:v1 --wait --fail-on high\n  berth scan show team/app:v1"
)]
pub(super) struct Scan {
    #[command(subcommand)]
    command: Option<ScanCommand>,
    /// The image, such as `team/app:v1`
    #[arg(value_name = "REPOSITORY:TAG", required = true)]
    image: Option<ImageName>,
    /// Wait until it is scanned, and show what was found
    #[arg(long)]
    wait: bool,
    /// Wait, and fail if something is so bad or worse: `low`, `medium`, `high` or `critical`
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<String>,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum ScanCommand {
    /// Show what scanners have found in an image
    #[command(
        after_help = "Examples:\n  berth scan show team/app:v1\n  berth scan show team/app:v1 --severity high\n  berth scan show team/app:v1 --packages --json"
    )]
    Show(Show),
}

#[derive(Debug, Args)]
struct Show {
    /// The image, such as `team/app:v1`
    #[arg(value_name = "REPOSITORY:TAG")]
    image: ImageName,
    /// What is at least so bad: `low`, `medium`, `high` or `critical`
    #[arg(long)]
    severity: Option<String>,
    /// What this scanner has found
    #[arg(long)]
    scanner: Option<String>,
    /// Show the packages instead
    #[arg(long)]
    packages: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

impl Scan {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        if let Some(ScanCommand::Show(command)) = self.command {
            return command.run().await;
        }
        let image = self.image.context("no image is named")?;
        let api = self.target.open().await?;
        let requested: Value = api.post(&image.path(), &json!({})).await?;
        say(&format!("{image} is looked at by {}", text(&requested, "scanners")));
        if !self.wait && self.fail_on.is_none() {
            api.close().await;
            return Ok(());
        }
        let scans = wait(&api, &image).await?;
        let bad = match &self.fail_on {
            Some(severity) => worst(&api, &image, &scans, severity).await?,
            None => 0,
        };
        api.close().await;
        summary(&scans)?;
        let failed = reports(&scans).find(|report| text(report, "state") == "failed");
        if let Some(report) = failed {
            anyhow::bail!(
                "the scan by {} failed: {}",
                text(report, "scanner"),
                text(report, "reason")
            );
        }
        if bad > 0 {
            let severity = self.fail_on.unwrap_or_default();
            anyhow::bail!("{} of {image} {severity} or worse", count(bad, "finding"));
        }
        Ok(())
    }
}

fn reports(scans: &Value) -> impl Iterator<Item = &Value> {
    scans["reports"].as_array().into_iter().flatten()
}

/// Waits until no scanner has anything to do.
async fn wait(api: &Api, image: &ImageName) -> anyhow::Result<Value> {
    loop {
        let scans: Value = api.get(&image.path()).await?;
        let is_open = |report: &Value| matches!(&*text(report, "state"), "waiting" | "running");
        if !reports(&scans).any(is_open) {
            return Ok(scans);
        }
        tokio::time::sleep(LOOKS_EVERY).await;
    }
}

/// How many findings are so bad or worse.
async fn worst(api: &Api, image: &ImageName, scans: &Value, severity: &str) -> anyhow::Result<u64> {
    let mut bad = 0;
    for report in reports(scans) {
        let query = narrowed(&[
            ("severity", Some(severity.to_owned())),
            ("scanner", Some(text(report, "scanner"))),
            ("image", Some(text(report, "digest"))),
        ]);
        let path = format!("{}/findings", image.path());
        bad += api.list(&path, &query, "findings", "last", None).await?.len() as u64;
    }
    Ok(bad)
}

fn summary(scans: &Value) -> anyhow::Result<()> {
    let mut table = Table::new(&[
        "SCANNER",
        "IMAGE",
        "STATE",
        ">PACKAGES",
        ">CRITICAL",
        ">HIGH",
        ">MEDIUM",
        ">LOW",
        ">OTHER",
        ">FIXABLE",
    ]);
    for report in reports(scans) {
        let findings = &report["findings"];
        let number = |name: &str| findings[name].as_u64().unwrap_or(0);
        table.row([
            text(report, "scanner"),
            short_digest(&text(report, "digest")),
            text(report, "state"),
            text(report, "packages"),
            text(findings, "critical"),
            text(findings, "high"),
            text(findings, "medium"),
            text(findings, "low"),
            (number("negligible") + number("unknown")).to_string(),
            text(report, "fixable"),
        ]);
    }
    table.print()?;
    Ok(())
}

impl Show {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let scans: Value = api.get(&self.image.path()).await?;
        let what = if self.packages { "packages" } else { "findings" };
        let query = narrowed(&[("severity", self.severity), ("scanner", self.scanner)]);
        let path = format!("{}/{what}", self.image.path());
        let has_looked = |report: &Value| !report["finished_at"].is_null();
        let found = if reports(&scans).any(has_looked) {
            api.list(&path, &query, what, "last", None).await?
        } else {
            Vec::new()
        };
        api.close().await;
        if self.json {
            return print_json(&json!({ "scans": scans, what: found }));
        }
        if reports(&scans).next().is_none() {
            anyhow::bail!(
                "no scanner has looked at {}\nhint: `berth scan {}` has it looked at",
                self.image,
                self.image
            );
        }
        if let Some(reason) = scans["held"].as_str() {
            say(&format!("{} is held back: {reason}", self.image));
        }
        summary(&scans)?;
        if found.is_empty() {
            return Ok(());
        }
        print("")?;
        if self.packages { packages(&found) } else { findings(&found) }
    }
}

/// A table of findings.
pub(super) fn findings(found: &[Value]) -> anyhow::Result<()> {
    let mut table = Table::new(&["SEVERITY", "ID", "PACKAGE", "VERSION", "FIXED IN", "TITLE"]);
    for finding in found {
        let title: String = text(finding, "title").chars().take(60).collect();
        let package = match text(finding, "package") {
            name if name.is_empty() => text(finding, "path"),
            name => name,
        };
        table.row([
            text(finding, "severity"),
            text(finding, "id"),
            package,
            text(finding, "version"),
            text(finding, "fixed_version"),
            title,
        ]);
    }
    table.print()?;
    Ok(())
}

fn packages(found: &[Value]) -> anyhow::Result<()> {
    let mut table = Table::new(&["KIND", "PACKAGE", "VERSION", "LICENCES"]);
    for package in found {
        table.row([
            text(package, "kind"),
            text(package, "name"),
            text(package, "version"),
            text(package, "licenses"),
        ]);
    }
    table.print()?;
    Ok(())
}
