//! `berth federation`

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::api::{Target, text};
use super::client::part;
use super::output::{Table, print, print_json, say};

/// Let programs in by what others vouch for: tokens of CI systems, clusters and clouds
#[derive(Debug, Subcommand)]
pub(super) enum FederationCommand {
    /// Manage issuers: whose tokens are looked at
    #[command(subcommand)]
    Issuer(IssuerCommand),
    /// Manage the rules that say which of their tokens are somebody here
    #[command(subcommand)]
    Rule(RuleCommand),
    /// Say what would become of a token, and why
    #[command(
        after_help = "Examples:\n  berth federation try token.jwt\n  kubectl create token builder --audience berth | berth federation try -"
    )]
    Try(Try),
}

/// Manage issuers
#[derive(Debug, Subcommand)]
pub(super) enum IssuerCommand {
    /// Trust an issuer, or change how
    #[command(
        after_help = "Examples:\n  berth federation issuer add github https://token.actions.githubusercontent.com --audience registry.example.com\n  kubectl get --raw /openid/v1/jwks | berth federation issuer add cluster https://kubernetes.default.svc.cluster.local --keys -"
    )]
    Add(AddIssuer),
    /// Show the issuers
    #[command(after_help = "Example:\n  berth federation issuer list")]
    List(List),
    /// Refuse the tokens of an issuer
    #[command(after_help = "Example:\n  berth federation issuer disable github")]
    Disable(Named),
    /// Take them again
    #[command(after_help = "Example:\n  berth federation issuer enable github")]
    Enable(Named),
    /// Remove an issuer that no rule is about
    #[command(after_help = "Example:\n  berth federation issuer remove github")]
    Remove(Named),
}

/// Manage federation rules
#[derive(Debug, Subcommand)]
pub(super) enum RuleCommand {
    /// Make a rule, or change it; with what those it accepts may do
    #[command(
        after_help = "Examples:\n  berth federation rule add app-main --issuer github --is repository=acme/app --is ref=refs/heads/main --role writer --on acme/app\n  berth federation rule add deploy --issuer cluster --is sub=system:serviceaccount:build:deployer --as robot:deployer"
    )]
    Add(Box<AddRule>),
    /// Show the rules
    #[command(after_help = "Example:\n  berth federation rule list")]
    List(List),
    /// Make a rule accept nobody
    #[command(after_help = "Example:\n  berth federation rule disable app-main")]
    Disable(Named),
    /// Make it accept again
    #[command(after_help = "Example:\n  berth federation rule enable app-main")]
    Enable(Named),
    /// Remove a rule with what its workload was allowed
    #[command(after_help = "Example:\n  berth federation rule remove app-main")]
    Remove(Named),
}

#[derive(Debug, Args)]
pub(super) struct AddIssuer {
    /// What it is called here
    name: String,
    /// What stands in the claim `iss` of its tokens, letter for letter
    url: String,
    /// Whom its tokens have to be meant for (`aud`); may be repeated [default: the registry's own address, else `berth`]
    #[arg(long)]
    audience: Vec<String>,
    /// Where its keys are; without it they are found by discovery
    #[arg(long, value_name = "URL", conflicts_with = "keys")]
    jwks_uri: Option<String>,
    /// A file with its keys (a JSON Web Key Set, `-` for stdin): nothing is fetched then
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Trust the certificate authorities in this PEM file when its keys are fetched, beside the system's
    #[arg(long, value_name = "FILE")]
    issuer_ca: Option<PathBuf>,
    /// An algorithm that is taken from it, such as `RS256`; may be repeated [default: all that its keys allow]
    #[arg(long)]
    algorithm: Vec<String>,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct AddRule {
    /// Its name; rules of access name it `workload:NAME`
    name: String,
    /// The issuer whose tokens it is about; `certificate` for client certificates
    #[arg(long)]
    issuer: String,
    /// A claim and what it is, letter for letter; may be repeated
    #[arg(long, value_name = "CLAIM=VALUE")]
    is: Vec<String>,
    /// A claim and a pattern that it matches: `*` for what holds no `/` and no `:`, `**` for anything; may be repeated
    #[arg(long, value_name = "CLAIM=PATTERN")]
    like: Vec<String>,
    /// A claim and some values, with commas, of which it is one; may be repeated
    #[arg(long, value_name = "CLAIM=VALUE,VALUE")]
    r#in: Vec<String>,
    /// A claim that is a list, and what is in it; may be repeated
    #[arg(long, value_name = "CLAIM=VALUE")]
    has: Vec<String>,
    /// Whom the tokens have to be meant for, instead of what the issuer's say; may be repeated
    #[arg(long)]
    audience: Vec<String>,
    /// Make an account of whoever it accepts: `robot:NAME` or `user:NAME`
    #[arg(long = "as", value_name = "ACCOUNT", conflicts_with = "role")]
    acts_as: Option<String>,
    /// What they may do: `reader`, `writer`, `maintainer`, or a role of your own
    #[arg(long, requires = "on")]
    role: Option<String>,
    /// On which repositories, such as `team/app`, `team/*` or `team/**`; may be repeated
    #[arg(long, value_name = "PATTERN", requires = "role")]
    on: Vec<String>,
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
pub(super) struct Named {
    /// Which one
    name: String,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Try {
    /// A file that holds the token, or `-` for stdin: on the command line others could read it
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// What a file holds, or stdin.
pub(super) fn read_file(file: &PathBuf) -> anyhow::Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

/// `CLAIM=VALUE`; claims may be addresses, but none has this character.
pub(super) fn pair(text: &str) -> anyhow::Result<(&str, &str)> {
    text.split_once('=').with_context(|| format!("`{text}` is not written as `NAME=VALUE`"))
}

impl FederationCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Issuer(IssuerCommand::Add(command)) => command.run().await,
            Self::Issuer(IssuerCommand::List(command)) => command.issuers().await,
            Self::Issuer(IssuerCommand::Disable(command)) => command.switch("issuers", true).await,
            Self::Issuer(IssuerCommand::Enable(command)) => command.switch("issuers", false).await,
            Self::Issuer(IssuerCommand::Remove(command)) => command.remove("issuers").await,
            Self::Rule(RuleCommand::Add(command)) => command.run().await,
            Self::Rule(RuleCommand::List(command)) => command.rules().await,
            Self::Rule(RuleCommand::Disable(command)) => command.switch("rules", true).await,
            Self::Rule(RuleCommand::Enable(command)) => command.switch("rules", false).await,
            Self::Rule(RuleCommand::Remove(command)) => command.remove("rules").await,
            Self::Try(command) => command.run().await,
        }
    }
}

impl AddIssuer {
    async fn run(self) -> anyhow::Result<()> {
        let mut wish = json!({
            "url": self.url, "jwks_uri": self.jwks_uri, "algorithms": self.algorithm,
        });
        if let Some(file) = &self.keys {
            wish["keys"] = serde_json::from_str(&read_file(file)?)
                .with_context(|| format!("{} is no JSON", file.display()))?;
        }
        if let Some(file) = &self.issuer_ca {
            wish["authorities"] = read_file(file)?.into();
        }
        if !self.audience.is_empty() {
            wish["audiences"] = json!(self.audience);
        }
        let api = self.target.open().await?;
        let path = format!("api/v1/federation/issuers/{}", part(&self.name));
        let made: anyhow::Result<Value> = api.send(Method::PUT, &path, &wish).await;
        api.close().await;
        let made = made?;
        say(&format!(
            "tokens of {} are looked at, if they are meant for {}; `berth federation rule add` says which are somebody here",
            text(&made, "url"),
            text(&made, "audiences"),
        ));
        Ok(())
    }
}

impl AddRule {
    async fn run(self) -> anyhow::Result<()> {
        let mut conditions = Vec::new();
        for (test, wanted) in [("is", &self.is), ("like", &self.like), ("has", &self.has)] {
            for text in wanted {
                let (claim, value) = pair(text)?;
                conditions.push(json!({ "claim": claim, test: value }));
            }
        }
        for text in &self.r#in {
            let (claim, values) = pair(text)?;
            let values: Vec<&str> = values.split(',').collect();
            conditions.push(json!({ "claim": claim, "in": values }));
        }
        let wish = json!({
            "issuer": self.issuer, "audiences": self.audience, "conditions": conditions,
            "acts_as": self.acts_as, "description": self.description,
        });
        let api = self.target.open().await?;
        let path = format!("api/v1/federation/rules/{}", part(&self.name));
        let made: Value = api.send(Method::PUT, &path, &wish).await?;
        let subject = text(&made, "subject");
        for pattern in &self.on {
            let rule = json!({ "subject": subject, "role": self.role, "pattern": pattern });
            let _: Value = api.post("api/v1/bindings", &rule).await?;
        }
        api.close().await;
        say(&match (&self.role, &self.acts_as) {
            (Some(role), _) => {
                format!("whoever it accepts is {subject}, {role} on {}", self.on.join(", "))
            }
            (None, Some(_)) => format!("whoever it accepts is {subject}"),
            (None, None) => format!(
                "whoever it accepts is {subject}; `berth access add {subject} ROLE PATTERN` says what that may do"
            ),
        });
        Ok(())
    }
}

impl List {
    async fn read(&self, what: &str) -> anyhow::Result<Vec<Value>> {
        let api = self.target.open().await?;
        let found: anyhow::Result<Value> = api.get(&format!("api/v1/federation/{what}")).await;
        api.close().await;
        match found?[what].take() {
            Value::Array(entries) => Ok(entries),
            _ => anyhow::bail!("the list is answered in a form that is not Berth's"),
        }
    }

    async fn issuers(self) -> anyhow::Result<()> {
        let issuers = self.read("issuers").await?;
        if self.json {
            return print_json(&issuers);
        }
        let mut table = Table::new(&["NAME", "STATE", "ISSUER", "AUDIENCES", "KEYS"]);
        for issuer in issuers {
            let keys = match (&issuer["keys"], &issuer["jwks_uri"]) {
                (Value::Null, Value::Null) => "by discovery".to_owned(),
                (Value::Null, uri) => uri.as_str().unwrap_or_default().to_owned(),
                _ => "given here".to_owned(),
            };
            let (name, url) = (text(&issuer, "name"), text(&issuer, "url"));
            table.row([name, state(&issuer), url, text(&issuer, "audiences"), keys]);
        }
        table.print()?;
        Ok(())
    }

    async fn rules(self) -> anyhow::Result<()> {
        let rules = self.read("rules").await?;
        if self.json {
            return print_json(&rules);
        }
        let mut table = Table::new(&["NAME", "STATE", "ISSUER", "CONDITIONS", "BECOMES"]);
        for rule in rules {
            let conditions = rule["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
            let conditions = conditions.iter().map(shown).collect::<Vec<_>>().join(" and ");
            let (name, issuer) = (text(&rule, "name"), text(&rule, "issuer"));
            table.row([name, state(&rule), issuer, conditions, text(&rule, "subject")]);
        }
        table.print()?;
        Ok(())
    }
}

fn state(entry: &Value) -> String {
    if entry["is_disabled"] == true { "disabled".to_owned() } else { String::new() }
}

/// A condition as a sentence.
fn shown(condition: &Value) -> String {
    let test = ["is", "in", "like", "has"].into_iter().find(|test| !condition[test].is_null());
    let test = test.unwrap_or("is");
    format!("{} {test} {}", text(condition, "claim"), text(condition, test))
}

impl Named {
    async fn switch(self, what: &str, is_disabled: bool) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let path = format!("api/v1/federation/{what}/{}", part(&self.name));
        let wish = json!({ "is_disabled": is_disabled });
        let done: anyhow::Result<Value> = api.send(Method::PATCH, &path, &wish).await;
        api.close().await;
        done?;
        say(&format!("{} is {}", self.name, if is_disabled { "disabled" } else { "enabled" }));
        Ok(())
    }

    async fn remove(self, what: &str) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let path = format!("api/v1/federation/{what}/{}", part(&self.name));
        let done = api.delete(&path).await;
        api.close().await;
        done?;
        say(&format!("removed {}", self.name));
        Ok(())
    }
}

impl Try {
    async fn run(self) -> anyhow::Result<()> {
        let token = read_file(&self.file)?;
        let api = self.target.open().await?;
        let wish = json!({ "token": token.trim() });
        let tried: anyhow::Result<Value> = api.post("api/v1/federation/try", &wish).await;
        api.close().await;
        let tried = tried?;
        if self.json {
            return print_json(&tried);
        }
        let mut lines = Vec::new();
        if let Value::Object(claims) = &tried["claims"] {
            for (claim, value) in claims {
                lines.push(format!("{claim}: {value}"));
            }
        }
        for rule in tried["rules"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let name = text(rule, "name");
            lines.push(match &rule["refusal"] {
                Value::String(why) => format!("rule {name}: no, {why}"),
                _ => format!("rule {name}: yes"),
            });
        }
        for line in lines {
            print(&line)?;
        }
        let becomes = text(&tried, "becomes");
        anyhow::ensure!(tried["is_accepted"] == true, "{becomes}");
        print(&format!("it becomes {becomes}"))?;
        Ok(())
    }
}
