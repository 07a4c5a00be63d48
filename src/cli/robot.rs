//! `berth robot`

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::api::{Api, Target, text};
use super::client::part;
use super::output::{Table, print, print_json, say};

/// Manage robots: accounts of programs, which get in by tokens
#[derive(Debug, Subcommand)]
pub(super) enum RobotCommand {
    /// Make a robot with a rule and a token; its secret is printed once
    #[command(
        after_help = "Examples:\n  berth robot add ci --role writer --on 'team/**' --expires 90d\n  berth robot add mirror --role reader --on '**' --address 10.0.0.0/8"
    )]
    Add(Add),
    /// Show the robots
    #[command(after_help = "Examples:\n  berth robot list\n  berth robot list --json")]
    List(List),
    /// Shut a robot out
    #[command(after_help = "Example:\n  berth robot disable ci")]
    Disable(Named),
    /// Let a robot in again
    #[command(after_help = "Example:\n  berth robot enable ci")]
    Enable(Named),
    /// Remove a robot with its tokens and rules; what it pushed stays
    #[command(after_help = "Example:\n  berth robot remove ci")]
    Remove(Named),
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// Its name
    name: String,
    /// What it may do: `reader`, `writer`, `maintainer`, or a role of your own
    #[arg(long, requires = "on")]
    role: Option<String>,
    /// On which repositories, such as `team/app`, `team/*` or `team/**`; may be repeated
    #[arg(long, value_name = "PATTERN", requires = "role")]
    on: Vec<String>,
    /// What it is for
    #[arg(long, default_value = "")]
    description: String,
    /// How long its token is good, such as `90d`; for ever without it
    #[arg(long, value_name = "DURATION")]
    expires: Option<String>,
    /// A network that its token may be used from; may be repeated
    #[arg(long, value_name = "NETWORK")]
    address: Vec<String>,
    /// Make no token yet (`berth token add` makes one)
    #[arg(long)]
    no_token: bool,
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
pub(super) struct Named {
    /// Which one
    name: String,
    #[command(flatten)]
    target: Target,
}

fn path(name: &str) -> String {
    format!("api/v1/robots/{}", part(name))
}

impl RobotCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Add(command) => command.run().await,
            Self::List(command) => command.run().await,
            Self::Disable(command) => command.change(true).await,
            Self::Enable(command) => command.change(false).await,
            Self::Remove(command) => command.remove().await,
        }
    }
}

impl Add {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let wish = json!({ "name": self.name, "description": self.description });
        let _: Value = api.post("api/v1/robots", &wish).await?;
        let completed = self.complete(&api).await;
        if completed.is_err() {
            // Half of a robot is none.
            api.delete(&path(&self.name)).await?;
        }
        api.close().await;
        let secret = completed?;
        match secret {
            Some(secret) => {
                print(&secret)?;
                say(&format!(
                    "made the robot {0}; this token is shown only now. It is a password for any user name: docker login -u {0} --password-stdin",
                    self.name
                ));
            }
            None => say(&format!(
                "made the robot {0}; `berth token add NAME --owner {0}` makes a token",
                self.name
            )),
        }
        Ok(())
    }

    async fn complete(&self, api: &Api) -> anyhow::Result<Option<String>> {
        for pattern in &self.on {
            let rule = json!({
                "subject": format!("robot:{}", self.name), "role": self.role, "pattern": pattern,
            });
            let _: Value = api.post("api/v1/bindings", &rule).await?;
        }
        if self.no_token {
            return Ok(None);
        }
        let wish = json!({
            "name": "first", "owner": self.name, "expires_in": self.expires, "addresses": self.address,
        });
        let made: Value = api.post("api/v1/tokens", &wish).await?;
        Ok(Some(text(&made, "secret")))
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let robots = api.list("api/v1/robots", "", "robots", "last", None).await?;
        api.close().await;
        if self.json {
            return print_json(&robots);
        }
        let mut table = Table::new(&["NAME", "STATE", "GROUPS", "CREATED", "DESCRIPTION"]);
        for robot in robots {
            let state = if robot["is_disabled"] == true { "disabled" } else { "" };
            table.row([
                text(&robot, "name"),
                state.to_owned(),
                text(&robot, "groups"),
                text(&robot, "created_at"),
                text(&robot, "description"),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

impl Named {
    async fn change(self, is_disabled: bool) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let wish = json!({ "is_disabled": is_disabled });
        let _: Value = api.send(Method::PATCH, &path(&self.name), &wish).await?;
        api.close().await;
        say(&format!("{} is {}", self.name, if is_disabled { "shut out" } else { "let in again" }));
        Ok(())
    }

    async fn remove(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        api.delete(&path(&self.name)).await?;
        api.close().await;
        say(&format!("removed the robot {}", self.name));
        Ok(())
    }
}
