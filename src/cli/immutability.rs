//! `berth immutability list|add|remove`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::api::{Target, text};
use super::output::{Table, print_json, say};

/// Say which tags stay where they are: pushed again with the same digest alone, and never deleted
#[derive(Debug, Subcommand)]
pub(super) enum ImmutabilityCommand {
    /// List the rules
    #[command(
        after_help = "Examples:\n  berth immutability list\n  berth immutability list --json"
    )]
    List(List),
    /// Make tags immutable; tags of signatures and referrers (`sha256-…`) never are
    #[command(
        after_help = "Examples:\n  berth immutability add '**' --tag 'v*' --except-tag '*-dev'\n  berth immutability add 'team/**' --except 'team/scratch/**' --why 'releases are final'"
    )]
    Add(Add),
    /// Remove a rule
    #[command(after_help = "Example:\n  berth immutability remove 3")]
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
pub(super) struct Add {
    /// Repositories: `team/app`, `team/*`, `team/**`
    #[arg(required = true, value_name = "PATTERN")]
    repositories: Vec<String>,
    /// Repositories that are not meant; may be repeated
    #[arg(long = "except", value_name = "PATTERN")]
    except_repositories: Vec<String>,
    /// Tags, such as `v*`; may be repeated; every tag without it
    #[arg(long = "tag", value_name = "PATTERN")]
    tags: Vec<String>,
    /// Tags that are not meant; may be repeated
    #[arg(long = "except-tag", value_name = "PATTERN")]
    except_tags: Vec<String>,
    /// Why; whoever is stopped by the rule reads it
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// The rule's number
    id: u64,
    #[command(flatten)]
    target: Target,
}

impl ImmutabilityCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(command) => command.run().await,
            Self::Add(command) => command.run().await,
            Self::Remove(command) => command.run().await,
        }
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let mut found: Value = api.get("api/v1/immutability").await?;
        api.close().await;
        let rules = found["rules"].take();
        if self.json {
            return print_json(&rules);
        }
        let mut table =
            Table::new(&[">RULE", "REPOSITORIES", "EXCEPT", "TAGS", "EXCEPT", "BY", "WHY"]);
        for rule in rules.as_array().into_iter().flatten() {
            table.row([
                text(rule, "id"),
                text(rule, "repositories"),
                text(rule, "except_repositories"),
                text(rule, "tags"),
                text(rule, "except_tags"),
                text(rule, "created_by"),
                text(rule, "why"),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

impl Add {
    async fn run(self) -> anyhow::Result<()> {
        let mut wish = json!({
            "repositories": self.repositories, "except_repositories": self.except_repositories,
            "except_tags": self.except_tags, "why": self.why,
        });
        if !self.tags.is_empty() {
            wish["tags"] = json!(self.tags);
        }
        let api = self.target.open().await?;
        let made: Value = api.post("api/v1/immutability", &wish).await?;
        api.close().await;
        say(&format!(
            "rule {}: the tags {} of {} are immutable",
            text(&made, "id"),
            text(&made, "tags"),
            text(&made, "repositories")
        ));
        Ok(())
    }
}

impl Remove {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        api.delete(&format!("api/v1/immutability/{}", self.id)).await?;
        api.close().await;
        say(&format!("removed rule {}", self.id));
        Ok(())
    }
}
