//! `berth retention list|set|remove|dry-run|run|runs`

use anyhow::Context as _;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

use super::api::{Target, text};
use super::client::part;
use super::output::{Table, print_json, say, short_digest};
use crate::oci::RepositoryName;

const RULES: &str = "\
Rules are NAME=VALUE, with `@PATTERN` behind it for some tags alone: `older_than=30d@pr-*`.
  --keep  newest=10  semver='>=1.2, <2'  pushed_within=30d  pulled_within=14d  tag='v*'
          referrer=TYPE (or `*`: anything that refers to it)
  --drop  older_than=90d  not_pulled_for=60d  untagged=7d  tag='pr-*'  beyond_newest=20
What keeps wins over what drops; what nothing drops is kept; what is locked or immutable is never
dropped.";

/// Say which tags are kept and which are dropped, and see what that does
#[derive(Debug, Subcommand)]
pub(super) enum RetentionCommand {
    /// List the policies
    #[command(after_help = "Examples:\n  berth retention list\n  berth retention list --json")]
    List(List),
    /// Make or change a policy
    #[command(
        after_help = format!("{RULES}\n\nExamples:\n  berth retention set ci 'team/**' --keep newest=10 --keep 'tag=v*' --drop older_than=90d\n  berth retention set ci 'team/**' --drop 'older_than=14d@pr-*' --drop untagged=7d --dry-run")
    )]
    Set(Set),
    /// Remove a policy
    #[command(after_help = "Example:\n  berth retention remove ci")]
    Remove(Remove),
    /// Show what the policies would do, and by which rule; nothing is changed
    #[command(
        after_help = "Examples:\n  berth retention dry-run\n  berth retention dry-run team/app --dropped"
    )]
    DryRun(DryRun),
    /// Run the policies now
    #[command(after_help = "Example:\n  berth retention run")]
    Run(Run),
    /// Show what runs have done, the latest first
    #[command(after_help = "Example:\n  berth retention runs --limit 5")]
    Runs(Runs),
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
pub(super) struct Set {
    /// What the policy is called
    name: String,
    /// Repositories: `team/app`, `team/*`, `team/**`
    #[arg(required = true, value_name = "PATTERN")]
    repositories: Vec<String>,
    /// Repositories that are not meant; may be repeated
    #[arg(long = "except", value_name = "PATTERN")]
    except_repositories: Vec<String>,
    /// What keeps a tag; may be repeated
    #[arg(long, value_name = "RULE")]
    keep: Vec<String>,
    /// What drops a tag; may be repeated
    #[arg(long, value_name = "RULE")]
    drop: Vec<String>,
    /// Only show what this policy alone would do
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// The policy
    name: String,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct DryRun {
    /// Only in this repository
    repository: Option<RepositoryName>,
    /// Show only what would be dropped
    #[arg(long)]
    dropped: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Runs {
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value = "20")]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// `older_than=30d@pr-*` as the API has it.
fn rule(text: &str) -> anyhow::Result<Value> {
    let (name, value) = text
        .split_once('=')
        .with_context(|| format!("write the rule `{text}` as `NAME=VALUE`, such as `newest=10`"))?;
    let (value, among) = match value.rsplit_once('@') {
        Some((value, among)) => (value, Some(among)),
        None => (value, None),
    };
    let number = value.parse::<u64>().ok().filter(|_| matches!(name, "newest" | "beyond_newest"));
    let mut rule = Map::new();
    rule.insert(name.to_owned(), number.map_or_else(|| json!(value), |number| json!(number)));
    if let Some(among) = among {
        rule.insert("among".into(), json!(among));
    }
    Ok(Value::Object(rule))
}

/// A rule of the API as it is written on the command line.
fn written(rule: &Value) -> String {
    let fields = rule.as_object().into_iter().flatten();
    let test = fields.filter(|(name, _)| *name != "among").map(|(name, value)| {
        format!("{name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    });
    let among = rule["among"].as_str().map(|among| format!("@{among}")).unwrap_or_default();
    test.collect::<String>() + &among
}

fn rules(policy: &Value, field: &str) -> String {
    let rules = policy[field].as_array().into_iter().flatten();
    rules.map(written).collect::<Vec<_>>().join(" ")
}

impl RetentionCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(command) => command.run().await,
            Self::Set(command) => command.run().await,
            Self::Remove(command) => command.run().await,
            Self::DryRun(command) => command.run().await,
            Self::Run(command) => command.run().await,
            Self::Runs(command) => command.run().await,
        }
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let mut found: Value = api.get("api/v1/retention/policies").await?;
        api.close().await;
        let policies = found["policies"].take();
        if self.json {
            return print_json(&policies);
        }
        let mut table = Table::new(&["POLICY", "REPOSITORIES", "EXCEPT", "KEEP", "DROP", "BY"]);
        for policy in policies.as_array().into_iter().flatten() {
            table.row([
                text(policy, "name"),
                text(policy, "repositories"),
                text(policy, "except_repositories"),
                rules(policy, "keep"),
                rules(policy, "drop"),
                text(policy, "updated_by"),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

impl Set {
    async fn run(self) -> anyhow::Result<()> {
        let read = |texts: &[String]| texts.iter().map(|text| rule(text)).collect();
        let (keep, drop): (anyhow::Result<Vec<_>>, anyhow::Result<Vec<_>>) =
            (read(&self.keep), read(&self.drop));
        let wish = json!({
            "repositories": self.repositories, "except_repositories": self.except_repositories,
            "keep": keep?, "drop": drop?,
        });
        if self.dry_run {
            return show(&self.target, json!({ "policy": wish }), false, false).await;
        }
        let api = self.target.open().await?;
        let path = format!("api/v1/retention/policies/{}", part(&self.name));
        let _: Value = api.send(Method::PUT, &path, &wish).await?;
        api.close().await;
        say(&format!(
            "the policy {} is in force; `berth retention dry-run` shows what it does",
            self.name
        ));
        Ok(())
    }
}

impl Remove {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        api.delete(&format!("api/v1/retention/policies/{}", part(&self.name))).await?;
        api.close().await;
        say(&format!("removed the policy {}", self.name));
        Ok(())
    }
}

impl DryRun {
    async fn run(self) -> anyhow::Result<()> {
        let wish = json!({ "repository": self.repository });
        show(&self.target, wish, self.dropped, self.json).await
    }
}

async fn show(
    target: &Target,
    mut wish: Value,
    only_dropped: bool,
    json: bool,
) -> anyhow::Result<()> {
    let api = target.open().await?;
    let mut decisions: Vec<Value> = Vec::new();
    loop {
        let mut page: Value = api.post("api/v1/retention/dry-run", &wish).await?;
        if let Value::Array(found) = page["decisions"].take() {
            decisions.extend(found);
        }
        match page["next"].take() {
            Value::String(last) => wish["last"] = json!(last),
            _ => break,
        }
    }
    api.close().await;
    let dropped = decisions.iter().filter(|one| one["is_dropped"] == true).count() as u64;
    let all = decisions.len() as u64;
    if only_dropped {
        decisions.retain(|one| one["is_dropped"] == true);
    }
    if json {
        return print_json(&decisions);
    }
    let mut table = Table::new(&["", "WHAT", "DIGEST", "BY", "BECAUSE"]);
    for one in &decisions {
        let tag = one["tag"].as_str().map(|tag| format!(":{tag}")).unwrap_or_default();
        let verdict = if one["is_dropped"] == true { "drop" } else { "keep" };
        table.row([
            verdict.to_owned(),
            text(one, "repository") + &tag,
            short_digest(&text(one, "digest")),
            text(one, "rule"),
            text(one, "words"),
        ]);
    }
    table.print()?;
    say(&format!("{dropped} would be dropped, {} kept; nothing was changed", all - dropped));
    Ok(())
}

impl Run {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let asked: Value = api.post("api/v1/retention/runs", &json!({})).await?;
        api.close().await;
        say(&match asked["job"].as_i64() {
            Some(job) => format!(
                "job {job} runs the policies while Berth serves; `berth jobs show {job}` tells how far it is"
            ),
            None => "a run waits already".to_owned(),
        });
        Ok(())
    }
}

impl Runs {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let runs =
            api.list("api/v1/retention/runs", "", "runs", "before", Some(self.limit)).await?;
        api.close().await;
        if self.json {
            return print_json(&runs);
        }
        let mut table = Table::new(&[
            ">JOB",
            "BEGAN",
            "ENDED",
            ">REPOSITORIES",
            ">DROPPED TAGS",
            ">MANIFESTS",
            ">KEPT TAGS",
        ]);
        for run in &runs {
            table.row([
                text(run, "job"),
                text(run, "started_at"),
                text(run, "finished_at"),
                text(run, "repositories"),
                text(run, "dropped_tags"),
                text(run, "dropped_manifests"),
                text(run, "kept_tags"),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_and_written_alike() {
        for text in ["newest=10", "semver=>=1.2, <2", "older_than=30d@pr-*", "tag=v*", "referrer=*"]
        {
            assert_eq!(written(&rule(text).unwrap()), text);
        }
        assert!(rule("newest").is_err());
    }
}
