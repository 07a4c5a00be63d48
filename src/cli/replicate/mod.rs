//! `berth replicate`: bringing content to other places.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::api::{Target, narrowed, text};
use super::client::part;
use super::output::{Table, print_json, say, short_digest};

mod rule;
mod target;

use rule::RuleCommand;
use target::TargetCommand;

/// Bring content to other registries, and look how far that has come
#[derive(Debug, Subcommand)]
pub(super) enum ReplicateCommand {
    /// Manage targets: places that content goes to
    #[command(subcommand)]
    Target(Box<TargetCommand>),
    /// Manage rules: what goes to which target
    #[command(subcommand)]
    Rule(Box<RuleCommand>),
    /// Bring content to targets now: all that rules are about, a repository, or one tag or digest
    #[command(
        after_help = "Examples:\n  berth replicate run\n  berth replicate run team/app --target backup\n  berth replicate run team/app:v1 --target backup"
    )]
    Run(Run),
    /// Show what targets have, and how far they are behind
    #[command(
        after_help = "Examples:\n  berth replicate status\n  berth replicate status --behind\n  berth replicate status team/app:v1 --json"
    )]
    Status(Status),
    /// Wait until a target has a tag or digest as it is here
    #[command(
        after_help = "Example:\n  berth replicate wait team/app:v1 --target backup --timeout 5m"
    )]
    Wait(Wait),
}

#[derive(Debug, Args)]
pub(super) struct Run {
    /// A repository, or a tag or digest of one; without a tag, all of its tags that rules are about
    #[arg(value_name = "REPOSITORY[:TAG|@DIGEST]")]
    reference: Option<String>,
    /// Only to this target
    #[arg(long = "target", value_name = "NAME")]
    to: Option<String>,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Status {
    /// Of a repository, or of one tag or digest
    #[arg(value_name = "REPOSITORY[:TAG|@DIGEST]")]
    reference: Option<String>,
    /// Of this target
    #[arg(long = "target", value_name = "NAME")]
    to: Option<String>,
    /// Only what a target does not have yet
    #[arg(long)]
    behind: bool,
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value = "1000")]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Wait {
    /// The tag or digest, such as `team/app:v1`
    #[arg(value_name = "REPOSITORY:TAG|@DIGEST")]
    reference: String,
    /// Which target has to have it
    #[arg(long = "target", value_name = "NAME")]
    to: String,
    /// How long to wait at most, such as `90s`, `5m`
    #[arg(long, value_name = "TIME", default_value = "5m")]
    timeout: String,
    #[command(flatten)]
    target: Target,
}

/// The repository, and the tag or digest behind it.
fn split(text: &str) -> (&str, Option<&str>) {
    if let Some((repository, digest)) = text.split_once('@') {
        return (repository, Some(digest));
    }
    match text.rsplit_once(':') {
        Some((repository, tag)) => (repository, Some(tag)),
        None => (text, None),
    }
}

impl ReplicateCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Target(command) => command.run().await,
            Self::Rule(command) => command.run().await,
            Self::Run(command) => command.run().await,
            Self::Status(command) => command.run().await,
            Self::Wait(command) => command.run().await,
        }
    }
}

impl Run {
    async fn run(self) -> anyhow::Result<()> {
        let (repository, reference) = match self.reference.as_deref() {
            Some(text) => {
                let (repository, reference) = split(text);
                (Some(repository), reference)
            }
            None => (None, None),
        };
        let wish = json!({ "repository": repository, "reference": reference, "target": self.to });
        let api = self.target.open().await?;
        let began: Value = api.post("api/v1/replication/run", &wish).await?;
        api.close().await;
        say(&format!(
            "it goes to {}; `berth replicate status` says how far",
            text(&began, "targets")
        ));
        Ok(())
    }
}

impl Status {
    async fn run(self) -> anyhow::Result<()> {
        let (repository, reference) = match self.reference.as_deref() {
            Some(text) => {
                let (repository, reference) = split(text);
                (Some(repository.to_owned()), reference.map(str::to_owned))
            }
            None => (None, None),
        };
        let query = narrowed(&[
            ("target", self.to),
            ("repository", repository),
            ("reference", reference),
            ("behind", self.behind.then(|| "true".to_owned())),
        ]);
        let api = self.target.open().await?;
        let path = "api/v1/replication/states";
        let states = api.list(path, &query, "states", "after", Some(self.limit)).await?;
        api.close().await;
        if self.json {
            return print_json(&states);
        }
        let mut table = Table::new(&[
            "TARGET",
            "REPOSITORY",
            "TAG",
            "STATE",
            ">LAG",
            "THERE",
            "WHAT CAME OF IT",
        ]);
        for state in states {
            let lag = match state["lag_seconds"].as_u64().unwrap_or(0) {
                0 => String::new(),
                seconds => format!("{seconds}s"),
            };
            table.row([
                text(&state, "target"),
                text(&state, "repository"),
                short_digest(&text(&state, "reference")),
                text(&state, "state"),
                lag,
                short_digest(&text(&state, "there")),
                text(&state, "reason"),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

impl Wait {
    async fn run(self) -> anyhow::Result<()> {
        let (repository, reference) = split(&self.reference);
        let reference = reference.unwrap_or("latest");
        let timeout: crate::config::HumanDuration =
            self.timeout.parse().map_err(|error| anyhow::anyhow!("{error}"))?;
        let deadline = Instant::now() + timeout.get();
        let path = format!(
            "api/v1/replication/states?target={}&repository={}&reference={}",
            part(&self.to),
            part(repository),
            part(reference)
        );
        let api = self.target.open().await?;
        // To ask for a target that there is none of would wait in vain.
        let _: Value = api
            .get(&format!("api/v1/replication/targets/{}", part(&self.to)))
            .await
            .context("nothing can be waited for")?;
        let mut pause = Duration::from_millis(50);
        let mut last = Value::Null;
        let outcome = loop {
            let mut found: Value = api.get(&path).await?;
            if let Some(state) = found["states"].as_array_mut().and_then(Vec::pop) {
                last = state;
            }
            if last["state"] == "even" {
                break Ok(());
            }
            if Instant::now() >= deadline {
                break Err(match (&last, text(&last, "reason")) {
                    (Value::Null, _) => format!(
                        "{} is not known at {}: no rule wants it there; `berth replicate run {} --target {}` sends it",
                        self.reference, self.to, self.reference, self.to
                    ),
                    (_, reason) if reason.is_empty() => format!(
                        "{} does not have {} after {}",
                        self.to, self.reference, self.timeout
                    ),
                    (_, reason) => format!(
                        "{} does not have {} after {}: {reason}",
                        self.to, self.reference, self.timeout
                    ),
                });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        };
        api.close().await;
        match outcome {
            Ok(()) => {
                say(&format!("{} has {} as {}", self.to, self.reference, text(&last, "there")));
                Ok(())
            }
            Err(message) => anyhow::bail!(message),
        }
    }
}
