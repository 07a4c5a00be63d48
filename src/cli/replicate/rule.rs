//! `berth replicate rule`: what goes to which target.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cli::api::{Target, text};
use crate::cli::client::part;
use crate::cli::output::{Table, print_json, say};

/// Manage rules: what goes to which target
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum RuleCommand {
    /// Make a rule; it is about what is pushed from now on
    #[command(
        after_help = "Examples:\n  berth replicate rule add releases --target backup --on 'team/**' --versions '>=1.0'\n  berth replicate rule add edge --target near --tag 'v*' --platform linux/arm64 --label edge=yes\n  berth replicate rule add nightly --target backup --no-push --schedule '0 3 * * *' --deletions"
    )]
    Add(Add),
    /// Show the rules
    #[command(after_help = "Example:\n  berth replicate rule list")]
    List(List),
    /// Remove a rule; what was copied by it stays where it is
    #[command(after_help = "Example:\n  berth replicate rule remove releases")]
    Remove(Remove),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Add {
    /// What it is called
    name: String,
    /// Where it goes
    #[arg(long = "target", value_name = "NAME")]
    to: String,
    /// Repositories, such as `team/**`; may be repeated; without, all
    #[arg(long, value_name = "PATTERN")]
    on: Vec<String>,
    /// Tags, such as `v*`; may be repeated; without, all
    #[arg(long = "tag", value_name = "PATTERN")]
    tags: Vec<String>,
    /// Tags that are versions in a range, such as `>=1.2, <2`
    #[arg(long, value_name = "RANGE")]
    versions: Option<String>,
    /// A label or annotation that the image has; may be repeated
    #[arg(long = "label", value_name = "KEY[=VALUE]")]
    labels: Vec<String>,
    /// Of an index only the images for this platform; may be repeated
    #[arg(long = "platform", value_name = "OS/ARCH")]
    platforms: Vec<String>,
    /// Do not follow each push
    #[arg(long)]
    no_push: bool,
    /// Look at all of it again at these times: a cron expression
    #[arg(long, value_name = "CRON")]
    schedule: Option<String>,
    /// Delete there what is deleted here
    #[arg(long)]
    deletions: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Remove {
    /// The rule
    name: String,
    #[command(flatten)]
    target: Target,
}

impl RuleCommand {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Add(command) => command.run().await,
            Self::List(command) => command.run().await,
            Self::Remove(command) => command.run().await,
        }
    }
}

impl Add {
    async fn run(self) -> anyhow::Result<()> {
        let wish = json!({
            "name": self.name, "target": self.to, "repositories": self.on, "tags": self.tags, "versions": self.versions,
            "labels": self.labels, "platforms": self.platforms, "on_push": !self.no_push, "schedule": self.schedule,
            "deletions": self.deletions,
        });
        let api = self.target.open().await?;
        let _: Value = api.post("api/v1/replication/rules", &wish).await?;
        api.close().await;
        say(&format!(
            "made the rule {}; `berth replicate run` sends what is there already",
            self.name
        ));
        Ok(())
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let mut found: Value = api.get("api/v1/replication/rules").await?;
        api.close().await;
        let rules = found["rules"].take();
        if self.json {
            return print_json(&rules);
        }
        let mut table =
            Table::new(&["NAME", "TARGET", "REPOSITORIES", "TAGS", "ONLY", "WHEN", "DELETIONS"]);
        for rule in rules.as_array().into_iter().flatten() {
            let mut when = Vec::new();
            if rule["is_enabled"] == false {
                when.push("disabled".to_owned());
            }
            if rule["on_push"] == true {
                when.push("push".to_owned());
            }
            when.extend(rule["schedule"].as_str().map(str::to_owned));
            let only = ["versions", "labels", "platforms"].map(|field| text(rule, field));
            let only: Vec<String> = only.into_iter().filter(|text| !text.is_empty()).collect();
            table.row([
                text(rule, "name"),
                text(rule, "target"),
                text(rule, "repositories"),
                text(rule, "tags"),
                only.join(" "),
                when.join(", "),
                if rule["deletions"] == true { "yes".to_owned() } else { String::new() },
            ]);
        }
        table.print()?;
        Ok(())
    }
}

impl Remove {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        api.delete(&format!("api/v1/replication/rules/{}", part(&self.name))).await?;
        api.close().await;
        say(&format!("removed the rule {}", self.name));
        Ok(())
    }
}
