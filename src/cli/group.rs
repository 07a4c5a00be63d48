//! `berth group`

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::api::{Target, text};
use super::client::part;
use super::output::{Table, confirm, count, print_json, say};

/// Manage groups of users and robots
#[derive(Debug, Subcommand)]
pub(super) enum GroupCommand {
    /// Make a group
    #[command(after_help = "Example:\n  berth group add devs --description 'who builds the app'")]
    Add(Add),
    /// Show the groups
    #[command(after_help = "Examples:\n  berth group list\n  berth group list --json")]
    List(List),
    /// Show who is in a group
    #[command(after_help = "Example:\n  berth group show devs")]
    Show(Show),
    /// Put a user or a robot into a group
    #[command(after_help = "Example:\n  berth group join devs ann")]
    Join(Membership),
    /// Take a user or a robot out of a group
    #[command(after_help = "Example:\n  berth group leave devs ann")]
    Leave(Membership),
    /// Remove a group and the rules about it
    #[command(after_help = "Example:\n  berth group remove devs --yes")]
    Remove(Remove),
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// Its name
    name: String,
    /// What it is for
    #[arg(long, default_value = "")]
    description: String,
    #[command(flatten)]
    target: Target,
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
pub(super) struct Show {
    /// The group
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Membership {
    /// The group
    group: String,
    /// The user or robot
    member: String,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// The group
    name: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    target: Target,
}

fn path(name: &str) -> String {
    format!("api/v1/groups/{}", part(name))
}

impl GroupCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Add(command) => command.run().await,
            Self::List(command) => command.run().await,
            Self::Show(command) => command.run().await,
            Self::Join(command) => command.change(true).await,
            Self::Leave(command) => command.change(false).await,
            Self::Remove(command) => command.run().await,
        }
    }
}

impl Add {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let wish = json!({ "name": self.name, "description": self.description });
        let _: Value = api.post("api/v1/groups", &wish).await?;
        api.close().await;
        say(&format!("made the group {}", self.name));
        Ok(())
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let groups = api.list("api/v1/groups", "", "groups", "last", None).await?;
        api.close().await;
        if self.json {
            return print_json(&groups);
        }
        let mut table = Table::new(&["NAME", ">MEMBERS", "FROM", "CREATED", "DESCRIPTION"]);
        for group in groups {
            table.row([
                text(&group, "name"),
                text(&group, "member_count"),
                text(&group, "provider"),
                text(&group, "created_at"),
                text(&group, "description"),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

impl Show {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let whole: Value = api.get(&path(&self.name)).await?;
        api.close().await;
        if self.json {
            return print_json(&whole);
        }
        let mut table = Table::new(&["MEMBER", "BY"]);
        for member in whole["members"].as_array().into_iter().flatten() {
            table.row([text(member, "name"), text(member, "source")]);
        }
        table.print()?;
        Ok(())
    }
}

impl Membership {
    async fn change(self, join: bool) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let path = format!("{}/members/{}", path(&self.group), part(&self.member));
        if join {
            let () = api.send(Method::PUT, &path, &json!({})).await?;
        } else {
            api.delete(&path).await?;
        }
        api.close().await;
        let verb = if join { "is in" } else { "is not in" };
        say(&format!("{} {verb} {}", self.member, self.group));
        Ok(())
    }
}

impl Remove {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let whole: Value = api.get(&path(&self.name)).await?;
        let members = whole["group"]["member_count"].as_u64().unwrap_or(0);
        let loss = format!(
            "the group {} with {} would be removed, and the rules about it",
            self.name,
            count(members, "member")
        );
        confirm(&loss, self.yes)?;
        api.delete(&path(&self.name)).await?;
        api.close().await;
        say(&format!("removed the group {}", self.name));
        Ok(())
    }
}
