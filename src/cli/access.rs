//! `berth access` and `berth role`: rules, roles, and why.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::api::{Target, narrowed, text};
use super::client::part;
use super::output::{Table, print, print_json, say};

const SUBJECTS: &str = "\
Subjects: user:ann (or just ann), robot:ci, group:devs, workload:RULE, authenticated (whoever is
logged in), everyone (anybody, for public repositories). Repositories: team/app is one, team/* those
right below team, team/** all below it, ** every one. A denial wins over whatever others allow.";

/// Say who may do what, and ask why
#[derive(Debug, Subcommand)]
pub(super) enum AccessCommand {
    /// Make a rule
    #[command(
        after_help = format!("{SUBJECTS}\n\nExamples:\n  berth access add group:devs writer 'team/**'\n  berth access add everyone reader 'public/**'\n  berth access add robot:signer --actions pull,sign '**'\n  berth access add everyone --deny --actions push,delete 'frozen/**'")
    )]
    Add(Add),
    /// Show the rules
    #[command(
        after_help = "Examples:\n  berth access list\n  berth access list --subject group:devs\n  berth access list --on 'team/**' --json"
    )]
    List(List),
    /// Remove a rule by its number
    #[command(after_help = "Example:\n  berth access remove 7")]
    Remove(Remove),
    /// Tell whether somebody may do something, and which rule decides
    #[command(
        after_help = "Examples:\n  berth access why ann push team/app\n  berth access why everyone pull public/tool --json"
    )]
    Why(Why),
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// Whom it is about
    subject: String,
    /// The role and the repositories; only the repositories with `--actions`
    #[arg(required = true, num_args = 1..=2, value_name = "[ROLE] PATTERN")]
    role_and_pattern: Vec<String>,
    /// These actions instead of a role: `pull`, `push`, `delete`, `sign`, `manage`, or ACR's names for them
    #[arg(long, value_delimiter = ',')]
    actions: Vec<String>,
    /// Deny instead of allow
    #[arg(long)]
    deny: bool,
    /// Why, for people
    #[arg(long, default_value = "")]
    note: String,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Only those about this subject
    #[arg(long)]
    subject: Option<String>,
    /// Only those with this very pattern
    #[arg(long, value_name = "PATTERN")]
    on: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// The rule's number
    id: i64,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Why {
    /// Who: `ann`, `robot:ci`, `workload:RULE`, or `everyone` for nobody in particular
    subject: String,
    /// What: `pull`, `push`, `delete`, `sign` or `manage`
    action: String,
    /// Where
    repository: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// A bare name is a user's.
fn subject(text: &str) -> String {
    match text {
        "everyone" | "authenticated" => text.to_owned(),
        "anonymous" => "everyone".to_owned(),
        _ if text.contains(':') => text.to_owned(),
        name => format!("user:{name}"),
    }
}

impl AccessCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Add(command) => command.run().await,
            Self::List(command) => command.run().await,
            Self::Remove(command) => command.run().await,
            Self::Why(command) => command.run().await,
        }
    }
}

fn rule_text(rule: &Value) -> String {
    let verb = if rule["effect"] == "deny" { "may not" } else { "may" };
    let role = rule["role"].as_str().map(|role| format!(" ({role})")).unwrap_or_default();
    format!(
        "{} {verb} {}{role} on {}",
        text(rule, "subject"),
        text(rule, "actions"),
        text(rule, "pattern")
    )
}

impl Add {
    async fn run(self) -> anyhow::Result<()> {
        let (role, pattern) = match (&self.role_and_pattern[..], self.actions.is_empty()) {
            ([role, pattern], true) => (Some(role), pattern),
            ([pattern], false) => (None, pattern),
            _ => anyhow::bail!(
                "name a role and a pattern, or `--actions` and a pattern, such as `berth access add group:devs writer 'team/**'`"
            ),
        };
        let actions = (!self.actions.is_empty()).then_some(&self.actions);
        let wish = json!({
            "subject": subject(&self.subject), "effect": if self.deny { "deny" } else { "allow" },
            "role": role, "actions": actions, "pattern": pattern, "note": self.note,
        });
        let api = self.target.open().await?;
        let rule: Value = api.post("api/v1/bindings", &wish).await?;
        api.close().await;
        print(&format!("rule {}: {}", text(&rule, "id"), rule_text(&rule)))?;
        Ok(())
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let fields =
            [("subject", self.subject.as_deref().map(subject)), ("pattern", self.on.clone())];
        let query = narrowed(&fields);
        let api = self.target.open().await?;
        let rules = api.list("api/v1/bindings", &query, "bindings", "last", None).await?;
        api.close().await;
        if self.json {
            return print_json(&rules);
        }
        let columns = [">RULE", "SUBJECT", "EFFECT", "ROLE", "ACTIONS", "REPOSITORIES", "NOTE"];
        let mut table = Table::new(&columns);
        for rule in rules {
            table.row([
                text(&rule, "id"),
                text(&rule, "subject"),
                text(&rule, "effect"),
                text(&rule, "role"),
                text(&rule, "actions"),
                text(&rule, "pattern"),
                text(&rule, "note"),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

impl Remove {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let path = format!("api/v1/bindings/{}", self.id);
        let rule: Value = api.get(&path).await?;
        api.delete(&path).await?;
        api.close().await;
        say(&format!("removed rule {}: {}", self.id, rule_text(&rule)));
        Ok(())
    }
}

impl Why {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let path = format!(
            "api/v1/access/why?subject={}&action={}&repository={}",
            part(&subject(&self.subject)),
            part(&self.action),
            part(&self.repository)
        );
        let why: Value = api.get(&path).await?;
        api.close().await;
        if self.json {
            return print_json(&why);
        }
        let verb = if why["is_allowed"] == true { "may" } else { "may not" };
        print(&format!(
            "{} {verb} {} on {}",
            text(&why, "subject"),
            text(&why, "action"),
            text(&why, "repository")
        ))?;
        print(&format!("  because  {}", text(&why, "because")))?;
        print(&format!("  asks as  {}", text(&why, "subjects").replace(',', ", ")))?;
        for rule in why["fitting_rules"].as_array().into_iter().flatten() {
            print(&format!("  fits     rule {}: {}", text(rule, "id"), rule_text(rule)))?;
        }
        Ok(())
    }
}

/// Manage roles beside the built-in ones
#[derive(Debug, Subcommand)]
pub(super) enum RoleCommand {
    /// Show the roles
    #[command(after_help = "Examples:\n  berth role list\n  berth role list --json")]
    List(RoleList),
    /// Make a role, or change what it allows
    #[command(
        after_help = "Example:\n  berth role set signer pull,sign --description 'signs releases'"
    )]
    Set(RoleSet),
    /// Remove a role that no rule uses
    #[command(after_help = "Example:\n  berth role remove signer")]
    Remove(RoleRemove),
}

#[derive(Debug, Args)]
pub(super) struct RoleList {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct RoleSet {
    /// Its name
    name: String,
    /// What it allows: `pull`, `push`, `delete`, `sign`, `manage`, or ACR's names for them
    #[arg(value_delimiter = ',', required = true)]
    actions: Vec<String>,
    /// What it is for
    #[arg(long, default_value = "")]
    description: String,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct RoleRemove {
    /// The role
    name: String,
    #[command(flatten)]
    target: Target,
}

impl RoleCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(command) => command.run().await,
            Self::Set(command) => command.run().await,
            Self::Remove(command) => command.run().await,
        }
    }
}

impl RoleList {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let mut found: Value = api.get("api/v1/roles").await?;
        api.close().await;
        let roles = found["roles"].take();
        if self.json {
            return print_json(&roles);
        }
        let mut table = Table::new(&["ROLE", "ACTIONS", "DESCRIPTION"]);
        for role in roles.as_array().into_iter().flatten() {
            table.row([text(role, "name"), text(role, "actions"), text(role, "description")]);
        }
        table.print()?;
        Ok(())
    }
}

impl RoleSet {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let wish = json!({ "actions": self.actions, "description": self.description });
        let path = format!("api/v1/roles/{}", part(&self.name));
        let role: Value = api.send(Method::PUT, &path, &wish).await?;
        api.close().await;
        say(&format!("the role {} allows {}", self.name, text(&role, "actions")));
        Ok(())
    }
}

impl RoleRemove {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        api.delete(&format!("api/v1/roles/{}", part(&self.name))).await?;
        api.close().await;
        say(&format!("removed the role {}", self.name));
        Ok(())
    }
}
