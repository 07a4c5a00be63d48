//! `berth token`

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::api::{Api, Target, text};
use super::client::part;
use super::output::{Table, print, print_json, say};

/// Manage tokens: your own, or with `--owner` those of another account
#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token; its secret is printed once
    #[command(
        after_help = "Examples:\n  berth token add laptop --expires 90d\n  berth token add deploy --owner ci --limit 'team/app:pull' --address 10.0.0.0/8"
    )]
    Add(Add),
    /// Show tokens, without their secrets
    #[command(
        after_help = "Examples:\n  berth token list\n  berth token list --owner ci\n  berth token list --all --json"
    )]
    List(List),
    /// Give a token another secret; the old one stays good for a while
    #[command(
        after_help = "Examples:\n  berth token rotate 7\n  berth token rotate deploy --owner ci --overlap 1h"
    )]
    Rotate(Rotate),
    /// Revoke a token, and end what was issued for it
    #[command(after_help = "Examples:\n  berth token revoke 7\n  berth token revoke laptop")]
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// What it is for
    name: String,
    #[command(flatten)]
    owner: Owner,
    /// What it is limited to, as `PATTERN:ACTION,...`, such as `team/**:pull,push`; may be repeated. Without it, to what its
    /// owner may do
    #[arg(long, value_name = "PATTERN:ACTIONS")]
    limit: Vec<String>,
    /// A network that it may be used from; may be repeated
    #[arg(long, value_name = "NETWORK")]
    address: Vec<String>,
    /// How long it is good, such as `90d`; for ever without it
    #[arg(long, value_name = "DURATION")]
    expires: Option<String>,
    #[command(flatten)]
    target: Target,
}

/// Whose tokens are meant.
#[derive(Debug, Args)]
struct Owner {
    /// The user or robot that it belongs to; without it, you
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    owner: Owner,
    /// Everybody's
    #[arg(long, conflicts_with = "owner")]
    all: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Rotate {
    /// The token's number or name
    token: String,
    #[command(flatten)]
    owner: Owner,
    /// How long the old secret stays good; `0s` for not at all
    #[arg(long, value_name = "DURATION", default_value = "1d")]
    overlap: String,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Revoke {
    /// The token's number or name
    token: String,
    #[command(flatten)]
    owner: Owner,
    #[command(flatten)]
    target: Target,
}

impl Owner {
    /// On a data directory nobody is logged in: the owner has to be named.
    fn query(&self) -> String {
        self.owner.as_deref().map(|name| format!("&owner={}", part(name))).unwrap_or_default()
    }

    /// The path of a token by its number or its name.
    async fn find(&self, api: &Api, token: &str) -> anyhow::Result<String> {
        if token.parse::<i64>().is_ok() {
            return Ok(format!("api/v1/tokens/{token}"));
        }
        let tokens = api.list("api/v1/tokens", &self.query(), "tokens", "last", None).await?;
        let found = tokens.iter().find(|known| known["name"] == token);
        let found = found.with_context(|| {
            format!("there is no token `{token}`; `berth token list` shows them")
        })?;
        Ok(format!("api/v1/tokens/{}", found["id"]))
    }
}

/// `team/**:pull,push`
fn limit(text: &str) -> anyhow::Result<Value> {
    let (pattern, actions) = text.rsplit_once(':').with_context(|| {
        format!("write the limit `{text}` as PATTERN:ACTIONS, such as `team/**:pull`")
    })?;
    let actions: Vec<&str> = actions.split(',').map(str::trim).collect();
    Ok(json!({ "pattern": pattern, "actions": actions }))
}

impl TokenCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Add(command) => command.run().await,
            Self::List(command) => command.run().await,
            Self::Rotate(command) => command.run().await,
            Self::Revoke(command) => command.run().await,
        }
    }
}

impl Add {
    async fn run(self) -> anyhow::Result<()> {
        let limits: Vec<Value> =
            self.limit.iter().map(|text| limit(text)).collect::<anyhow::Result<_>>()?;
        let api = self.target.open().await?;
        let wish = json!({
            "name": self.name, "owner": self.owner.owner, "limits": limits, "addresses": self.address,
            "expires_in": self.expires,
        });
        let made: Value = api.post("api/v1/tokens", &wish).await?;
        api.close().await;
        print(&text(&made, "secret"))?;
        let token = &made["token"];
        let end = match token["expires_at"].as_str() {
            Some(end) => format!("good until {end}"),
            None => "good for ever".to_owned(),
        };
        say(&format!(
            "made the token {} of {}, {end}; it is shown only now",
            text(token, "name"),
            text(token, "owner")
        ));
        Ok(())
    }
}

fn limits_text(token: &Value) -> String {
    let limits = token["limits"].as_array().into_iter().flatten();
    let limits: Vec<_> = limits
        .map(|limit| format!("{}:{}", text(limit, "pattern"), text(limit, "actions")))
        .collect();
    if limits.is_empty() { "-".to_owned() } else { limits.join(" ") }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let query = if self.all { "&owner=*".to_owned() } else { self.owner.query() };
        let tokens = api.list("api/v1/tokens", &query, "tokens", "last", None).await?;
        api.close().await;
        if self.json {
            return print_json(&tokens);
        }
        let columns = [">ID", "NAME", "OWNER", "LIMITED TO", "EXPIRES", "LAST USED", ">SECRETS"];
        let mut table = Table::new(&columns);
        for token in tokens {
            table.row([
                text(&token, "id"),
                text(&token, "name"),
                text(&token, "owner"),
                limits_text(&token),
                text(&token, "expires_at"),
                text(&token, "last_used_at"),
                text(&token, "live_secrets"),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

impl Rotate {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let path = self.owner.find(&api, &self.token).await?;
        let wish = json!({ "overlap": self.overlap });
        let made: Value = api.post(&format!("{path}/rotate"), &wish).await?;
        api.close().await;
        print(&text(&made, "secret"))?;
        say(&format!("the secret before is good for {} more", self.overlap));
        Ok(())
    }
}

impl Revoke {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let path = self.owner.find(&api, &self.token).await?;
        api.delete(&path).await?;
        api.close().await;
        say(&format!("revoked the token {}", self.token));
        Ok(())
    }
}
