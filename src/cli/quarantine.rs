//! `berth quarantine`: images that are held back, and the rules that hold them.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::api::{Target, text};
use super::client::{part, repository_path};
use super::named::ImageName;
use super::output::{Table, print_json, say, short_digest};
use crate::oci::Reference;

/// Hold pushed images back until they are scanned, and let them go
#[derive(Debug, Subcommand)]
pub(super) enum QuarantineCommand {
    /// List images that are held back
    #[command(after_help = "Example:\n  berth quarantine list")]
    List(List),
    /// Let an image go, whatever scanners say
    #[command(
        after_help = "Example:\n  berth quarantine release prod/app:v1 --reason 'not reachable, see SEC-12'"
    )]
    Release(Release),
    /// List the rules
    #[command(after_help = "Example:\n  berth quarantine rules")]
    Rules(List),
    /// Make or change a rule
    #[command(
        after_help = "Examples:\n  berth quarantine set prod 'prod/**'\n  berth quarantine set prod 'prod/**' --severity high --scanner robot:trivy"
    )]
    Set(Set),
    /// Remove a rule; what is held already stays so
    #[command(after_help = "Example:\n  berth quarantine remove prod")]
    Remove(Remove),
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
pub(super) struct Release {
    /// The image, such as `prod/app:v1`
    #[arg(value_name = "REPOSITORY:TAG")]
    image: ImageName,
    /// Why, for the audit trail
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Set {
    /// The rule's name
    name: String,
    /// Repositories, such as `prod/**`
    #[arg(value_name = "PATTERN", required = true)]
    repositories: Vec<String>,
    /// Hold what has findings so bad or worse: `low`, `medium`, `high` or `critical`
    #[arg(long)]
    severity: Option<String>,
    /// Who may pull by digest meanwhile, such as `robot:trivy`
    #[arg(long, value_name = "SUBJECT")]
    scanner: Vec<String>,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// The rule's name
    name: String,
    #[command(flatten)]
    target: Target,
}

impl QuarantineCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(command) => command.images().await,
            Self::Release(command) => command.run().await,
            Self::Rules(command) => command.rules().await,
            Self::Set(command) => command.run().await,
            Self::Remove(command) => command.run().await,
        }
    }
}

impl List {
    async fn images(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let found = api.list("api/v1/quarantine", "", "images", "last", None).await?;
        api.close().await;
        if self.json {
            return print_json(&found);
        }
        let mut table = Table::new(&["REPOSITORY", "TAGS", "IMAGE", "RULE", "SINCE", "REASON"]);
        for image in found {
            table.row([
                text(&image, "repository"),
                text(&image, "tags"),
                short_digest(&text(&image, "digest")),
                text(&image, "rule"),
                text(&image, "held_at"),
                text(&image, "reason"),
            ]);
        }
        table.print()?;
        Ok(())
    }

    async fn rules(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let found: Value = api.get("api/v1/quarantine/rules").await?;
        api.close().await;
        if self.json {
            return print_json(&found["rules"]);
        }
        let mut table = Table::new(&["RULE", "REPOSITORIES", "SEVERITY", "SCANNERS", "BY"]);
        for rule in found["rules"].as_array().into_iter().flatten() {
            table.row([
                text(rule, "name"),
                text(rule, "repositories"),
                text(rule, "severity"),
                text(rule, "scanners"),
                text(rule, "made_by"),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

impl Release {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let repository = repository_path(&self.image.repository);
        let digest = match &self.image.reference {
            Reference::Digest(digest) => digest.to_string(),
            Reference::Tag(tag) => {
                let tag = part(tag.as_str());
                let scans: Value = api.get(&format!("{repository}/scans/{tag}")).await?;
                text(&scans, "digest")
            }
        };
        let path = format!("{repository}/quarantine/{}", part(&digest));
        let _: Value = api.post(&path, &json!({ "reason": self.reason })).await?;
        api.close().await;
        say(&format!("{} is let go", self.image));
        Ok(())
    }
}

impl Set {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let wish = json!({
            "repositories": self.repositories, "severity": self.severity, "scanners": self.scanner,
        });
        let path = format!("api/v1/quarantine/rules/{}", part(&self.name));
        let _: Value = api.send(Method::PUT, &path, &wish).await?;
        api.close().await;
        say(&format!("the rule {} is in force for what is pushed from now on", self.name));
        Ok(())
    }
}

impl Remove {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        api.delete(&format!("api/v1/quarantine/rules/{}", part(&self.name))).await?;
        api.close().await;
        say(&format!("the rule {} is removed; what it holds stays held", self.name));
        Ok(())
    }
}
