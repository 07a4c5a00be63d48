//! `berth replicate target`: places that content goes to.

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

use crate::cli::api::{Target, text};
use crate::cli::client::part;
use crate::cli::output::{Table, print, print_json, say};
use crate::config::ByteSize;

/// Manage targets: places that content goes to
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TargetCommand {
    /// Make a target
    #[command(
        after_help = "Examples:\n  echo \"$PASSWORD\" | berth replicate target add backup https://registry.example.org --username berth --password-stdin\n  berth replicate target add near http://10.0.0.5:5000 --naming 'mirror/{repository}' --rate 20MiB\n  berth replicate target add bucket --plugin berth.replicate-s3-layout"
    )]
    Add(Add),
    /// Show the targets
    #[command(after_help = "Example:\n  berth replicate target list")]
    List(List),
    /// Show one target
    #[command(after_help = "Example:\n  berth replicate target show backup")]
    Show(Show),
    /// Change a target; what waits for it is tried at once
    #[command(
        after_help = "Examples:\n  berth replicate target change backup --rate 0\n  echo \"$PASSWORD\" | berth replicate target change backup --username berth --password-stdin"
    )]
    Change(Change),
    /// Look whether a target answers and takes our credentials
    #[command(after_help = "Example:\n  berth replicate target check backup")]
    Check(Named),
    /// Send nothing there for now; what comes meanwhile waits
    #[command(after_help = "Example:\n  berth replicate target pause backup")]
    Pause(Named),
    /// Go on sending
    #[command(after_help = "Example:\n  berth replicate target resume backup")]
    Resume(Named),
    /// Remove a target with its rules; what was copied stays there
    #[command(after_help = "Example:\n  berth replicate target remove backup")]
    Remove(Named),
}

#[derive(Debug, Args)]
struct Wish {
    /// What a repository is called there; `{repository}` is its name here, `{name}` the last part of it
    #[arg(long, value_name = "TEMPLATE")]
    naming: Option<String>,
    /// Who we are there
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    username: Option<String>,
    /// Read the password, or a token, from stdin
    #[arg(long, requires = "username")]
    password_stdin: bool,
    /// Trust this authority (PEM), too, when speaking to it
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// How many blobs are sent at a time
    #[arg(long, value_name = "NUMBER")]
    parallel: Option<u32>,
    /// How much is sent a second at most, such as `10MiB`; `0` takes the bound away
    #[arg(long, value_name = "SIZE")]
    rate: Option<String>,
    /// Send blobs in pieces of at most this size; `0` takes the bound away
    #[arg(long, value_name = "SIZE")]
    chunk_size: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Add {
    /// What it is called
    name: String,
    /// The address of a registry: `https://HOST`, or `http://HOST` without TLS
    #[arg(required_unless_present = "plugin")]
    url: Option<String>,
    /// A plugin that brings it somewhere, instead of a registry
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    plugin: Option<String>,
    /// Send nothing there for now
    #[arg(long)]
    paused: bool,
    #[command(flatten)]
    wish: Wish,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Change {
    /// The target
    name: String,
    /// Another address
    #[arg(long)]
    url: Option<String>,
    #[command(flatten)]
    wish: Wish,
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
pub(in crate::cli) struct Show {
    /// The target
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Named {
    /// The target
    name: String,
    #[command(flatten)]
    target: Target,
}

fn path(name: &str) -> String {
    format!("api/v1/replication/targets/{}", part(name))
}

fn bytes(text: &str) -> anyhow::Result<u64> {
    if text == "0" {
        return Ok(0);
    }
    text.parse::<ByteSize>().map(ByteSize::get).map_err(|error| anyhow::anyhow!("{error}"))
}

impl Wish {
    /// What of it is set, as the API takes it.
    fn read(self) -> anyhow::Result<Map<String, Value>> {
        let mut wish = Map::new();
        let mut set = |field: &str, value: Value| wish.insert(field.to_owned(), value);
        if let Some(naming) = self.naming {
            set("naming", naming.into());
        }
        if let Some(username) = self.username {
            let mut password = String::new();
            std::io::stdin().read_to_string(&mut password).context("cannot read the password")?;
            set("username", username.into());
            set("password", password.trim_end_matches(['\r', '\n']).into());
        }
        if let Some(file) = self.trust {
            let pem = std::fs::read_to_string(&file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            set("authorities", pem.into());
        }
        if let Some(parallel) = self.parallel {
            set("parallel", parallel.into());
        }
        if let Some(rate) = self.rate {
            set("bytes_per_second", bytes(&rate)?.into());
        }
        if let Some(size) = self.chunk_size {
            set("chunk_bytes", bytes(&size)?.into());
        }
        Ok(wish)
    }
}

impl TargetCommand {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Add(command) => command.run().await,
            Self::List(command) => command.run().await,
            Self::Show(command) => command.run().await,
            Self::Change(command) => command.run().await,
            Self::Check(command) => command.check().await,
            Self::Pause(command) => command.pause(true).await,
            Self::Resume(command) => command.pause(false).await,
            Self::Remove(command) => command.remove().await,
        }
    }
}

impl Add {
    async fn run(self) -> anyhow::Result<()> {
        let mut wish = self.wish.read()?;
        wish.insert("name".into(), self.name.clone().into());
        wish.insert("url".into(), self.url.into());
        wish.insert("plugin".into(), self.plugin.into());
        wish.insert("is_paused".into(), self.paused.into());
        let api = self.target.open().await?;
        let _: Value = api.post("api/v1/replication/targets", &wish).await?;
        api.close().await;
        let name = &self.name;
        say(&format!(
            "made the target {name}; `berth replicate target check {name}` tries it, and `berth replicate rule add` says what goes there"
        ));
        Ok(())
    }
}

impl Change {
    async fn run(self) -> anyhow::Result<()> {
        let mut wish = self.wish.read()?;
        if let Some(url) = self.url {
            wish.insert("url".into(), url.into());
        }
        let api = self.target.open().await?;
        let _: Value = api.send(Method::PATCH, &path(&self.name), &wish).await?;
        api.close().await;
        say(&format!("changed the target {}", self.name));
        Ok(())
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let mut found: Value = api.get("api/v1/replication/targets").await?;
        api.close().await;
        let targets = found["targets"].take();
        if self.json {
            return print_json(&targets);
        }
        let mut table = Table::new(&["NAME", "KIND", "PLACE", "NAMING", "USER", "STATE"]);
        for target in targets.as_array().into_iter().flatten() {
            let state = if target["is_paused"] == true { "paused" } else { "" };
            table.row([
                text(target, "name"),
                text(target, "kind"),
                text(target, "place"),
                text(target, "naming"),
                text(target, "username"),
                state.to_owned(),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

impl Show {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let target: Value = api.get(&path(&self.name)).await?;
        api.close().await;
        if self.json {
            return print_json(&target);
        }
        for (field, _) in target.as_object().into_iter().flatten() {
            let value = text(&target, field);
            if !value.is_empty() {
                print(&format!("{field:16}  {value}"))?;
            }
        }
        Ok(())
    }
}

impl Named {
    async fn check(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let checked: Value = api.post(&format!("{}/check", path(&self.name)), &json!({})).await?;
        api.close().await;
        anyhow::ensure!(checked["is_good"] == true, "{}: {}", self.name, text(&checked, "said"));
        say(&format!("{}: {}", self.name, text(&checked, "said")));
        Ok(())
    }

    async fn pause(self, is_paused: bool) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let wish = json!({ "is_paused": is_paused });
        let _: Value = api.send(Method::PATCH, &path(&self.name), &wish).await?;
        api.close().await;
        let verb = if is_paused { "is left alone for now" } else { "is sent to again" };
        say(&format!("the target {} {verb}", self.name));
        Ok(())
    }

    async fn remove(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        api.delete(&path(&self.name)).await?;
        api.close().await;
        say(&format!("removed the target {}", self.name));
        Ok(())
    }
}
