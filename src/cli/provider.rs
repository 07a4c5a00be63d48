//! `berth provider`

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::api::{Target, text};
use super::client::part;
use super::federation::{pair, read_file};
use super::output::{Table, print, print_json, say};

/// Manage sign-in providers: where people sign in with the account that they have
#[derive(Debug, Subcommand)]
pub(super) enum ProviderCommand {
    /// Let people sign in by a provider, or change how
    #[command(
        after_help = "Examples:\n  berth provider add acme --kind keycloak --issuer https://sso.example.com/realms/acme --client-id berth --client-secret-file secret\n  berth provider add github --kind github --client-id Iv1.0123 --client-secret-file - --allow-group acme <secret"
    )]
    Add(Box<Add>),
    /// Show the providers
    #[command(after_help = "Example:\n  berth provider list")]
    List(List),
    /// Let nobody sign in by a provider; whoever did is shut out meanwhile
    #[command(after_help = "Example:\n  berth provider disable acme")]
    Disable(Named),
    /// Let them sign in again
    #[command(after_help = "Example:\n  berth provider enable acme")]
    Enable(Named),
    /// Remove a provider; the accounts stay, but nobody can sign in to them
    #[command(after_help = "Example:\n  berth provider remove acme")]
    Remove(Named),
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// Its name; groups that it claims are called `NAME/GROUP`
    name: String,
    /// What it is: `entra`, `google`, `github`, `gitlab`, `keycloak` or `oidc`
    #[arg(long)]
    kind: String,
    /// What it calls itself in its discovery document; for GitHub the address of its pages
    #[arg(long, value_name = "URL", default_value = "")]
    issuer: String,
    /// How it knows this registry
    #[arg(long, value_name = "ID")]
    client_id: String,
    /// A file with the client secret (`-` for stdin); without it the one so far stays
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// What stands on its button
    #[arg(long, default_value = "")]
    title: String,
    /// A scope to ask for beside `openid`, `profile` and `email`; may be repeated
    #[arg(long)]
    scope: Vec<String>,
    /// The claim that becomes the name of the account
    #[arg(long, value_name = "CLAIM")]
    name_claim: Option<String>,
    /// The claim that lists groups; a dot leads into one that has parts
    #[arg(long, value_name = "CLAIM")]
    groups_claim: Option<String>,
    /// A group of the provider that is a group of ours; may be repeated
    #[arg(long, value_name = "THEIRS=OURS")]
    group: Vec<String>,
    /// Only people with a verified address in this domain; may be repeated
    #[arg(long, value_name = "DOMAIN")]
    allow_domain: Vec<String>,
    /// Only people in this group of the provider; may be repeated
    #[arg(long, value_name = "GROUP")]
    allow_group: Vec<String>,
    /// Let everybody in whom a provider of the public knows
    #[arg(long)]
    open: bool,
    /// How long its word counts, such as `30d`: then people sign in again, and until then their tokens rest
    #[arg(long, value_name = "DURATION")]
    sign_in_every: Option<String>,
    /// Trust the certificate authorities in this PEM file, beside the system's
    #[arg(long, value_name = "FILE")]
    provider_ca: Option<PathBuf>,
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
    format!("api/v1/providers/{}", part(name))
}

impl ProviderCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Add(command) => command.run().await,
            Self::List(command) => command.run().await,
            Self::Disable(command) => command.switch(true).await,
            Self::Enable(command) => command.switch(false).await,
            Self::Remove(command) => command.remove().await,
        }
    }
}

impl Add {
    async fn run(self) -> anyhow::Result<()> {
        let mut groups = serde_json::Map::new();
        for text in &self.group {
            let (theirs, ours) = pair(text)?;
            groups.insert(theirs.to_owned(), ours.into());
        }
        let secret = self.client_secret_file.as_ref().map(read_file).transpose()?;
        let secret = secret.map(|secret| secret.trim_end_matches(['\r', '\n']).to_owned());
        let authorities = self.provider_ca.as_ref().map(read_file).transpose()?;
        let wish = json!({
            "kind": self.kind, "title": self.title, "issuer": self.issuer, "client_id": self.client_id,
            "client_secret": secret, "scopes": self.scope, "name_claim": self.name_claim,
            "groups_claim": self.groups_claim, "groups": groups, "allowed_domains": self.allow_domain,
            "allowed_groups": self.allow_group, "is_open": self.open, "sign_in_every": self.sign_in_every,
            "authorities": authorities.unwrap_or_default(),
        });
        let api = self.target.open().await?;
        let made: anyhow::Result<Value> = api.send(Method::PUT, &path(&self.name), &wish).await;
        api.close().await;
        made?;
        let name = &self.name;
        print(&format!("/auth/{name}/callback"))?;
        say(&format!(
            "people can sign in by {name}; register the registry's address with this path there, as the redirect URI"
        ));
        Ok(())
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let found: anyhow::Result<Value> = api.get("api/v1/providers").await;
        api.close().await;
        let found = found?;
        let providers = found["providers"].as_array();
        let providers = providers.context("the list is answered in a form that is not Berth's")?;
        if self.json {
            return print_json(providers);
        }
        let mut table = Table::new(&["NAME", "STATE", "KIND", "ISSUER", "CLIENT", "LIMITED TO"]);
        for provider in providers {
            let state = if provider["is_disabled"] == true { "disabled" } else { "" };
            let limits = [text(provider, "allowed_domains"), text(provider, "allowed_groups")];
            let limits: Vec<String> = limits.into_iter().filter(|text| !text.is_empty()).collect();
            table.row([
                text(provider, "name"),
                state.to_owned(),
                text(provider, "kind"),
                text(provider, "issuer"),
                text(provider, "client_id"),
                limits.join(","),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

impl Named {
    async fn switch(self, is_disabled: bool) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let wish = json!({ "is_disabled": is_disabled });
        let done: anyhow::Result<Value> = api.send(Method::PATCH, &path(&self.name), &wish).await;
        api.close().await;
        done?;
        say(&format!("{} is {}", self.name, if is_disabled { "disabled" } else { "enabled" }));
        Ok(())
    }

    async fn remove(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let done = api.delete(&path(&self.name)).await;
        api.close().await;
        done?;
        say(&format!("removed the provider {}", self.name));
        Ok(())
    }
}
