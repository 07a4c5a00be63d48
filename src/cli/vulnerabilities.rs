//! `berth vulnerabilities list|package`: what was found in all repositories, and where a package is.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::api::{Target, narrowed, text};
use super::output::{Table, print_json, short_digest};

/// See what scanners have found in all repositories
#[derive(Debug, Subcommand)]
pub(super) enum VulnerabilitiesCommand {
    /// List what was found, the worst first
    #[command(
        after_help = "Examples:\n  berth vulnerabilities list --severity high\n  berth vulnerabilities list --package log4j-core --fixed\n  berth vulnerabilities list --id CVE-2021-44228 --repository team/app"
    )]
    List(List),
    /// Find a package, whether something is wrong with it or not
    #[command(after_help = "Example:\n  berth vulnerabilities package openssl")]
    Package(Package),
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// In this package, such as `log4j-core`
    #[arg(long)]
    package: Option<String>,
    /// Of this name, such as `CVE-2021-44228`
    #[arg(long)]
    id: Option<String>,
    /// At least so bad: `low`, `medium`, `high` or `critical`
    #[arg(long)]
    severity: Option<String>,
    /// Only what a newer version mends
    #[arg(long)]
    fixed: bool,
    /// In this repository
    #[arg(long)]
    repository: Option<String>,
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value = "1000")]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Package {
    /// Its name, such as `openssl`
    name: String,
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value = "1000")]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

impl VulnerabilitiesCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(command) => command.run().await,
            Self::Package(command) => command.run().await,
        }
    }
}

/// Where something is, as tables name it.
fn place(found: &Value) -> String {
    format!("{}@{}", text(found, "repository"), short_digest(&text(found, "digest")))
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let query = narrowed(&[
            ("package", self.package),
            ("id", self.id),
            ("severity", self.severity),
            ("fixed", self.fixed.then(|| "true".to_owned())),
            ("repository", self.repository),
        ]);
        let path = "api/v1/vulnerabilities";
        let found = api.list(path, &query, "vulnerabilities", "last", Some(self.limit)).await?;
        api.close().await;
        if self.json {
            return print_json(&found);
        }
        let mut table = Table::new(&["SEVERITY", "ID", "PACKAGE", "VERSION", "FIXED IN", "IMAGE"]);
        for one in &found {
            let finding = &one["finding"];
            table.row([
                text(finding, "severity"),
                text(finding, "id"),
                text(finding, "package"),
                text(finding, "version"),
                text(finding, "fixed_version"),
                place(one),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

impl Package {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let query = narrowed(&[("name", Some(self.name))]);
        let found =
            api.list("api/v1/packages", &query, "packages", "last", Some(self.limit)).await?;
        api.close().await;
        if self.json {
            return print_json(&found);
        }
        let mut table = Table::new(&["KIND", "PACKAGE", "VERSION", "IMAGE"]);
        for one in &found {
            let package = &one["package"];
            table.row([
                text(package, "kind"),
                text(package, "name"),
                text(package, "version"),
                place(one),
            ]);
        }
        table.print()?;
        Ok(())
    }
}
