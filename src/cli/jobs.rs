//! `berth jobs`: work that waits, runs, has ended or failed.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::api::{Target, narrowed, text};
use super::output::{Table, print, print_json, say};

/// Look at work that waits, runs or has ended
#[derive(Debug, Subcommand)]
pub(super) enum JobsCommand {
    /// Show the latest jobs
    #[command(
        after_help = "Examples:\n  berth jobs list\n  berth jobs list --state failed\n  berth jobs list --kind webhook --limit 20 --json"
    )]
    List(List),
    /// Show one job and what it said
    #[command(after_help = "Example:\n  berth jobs show 7")]
    Show(Show),
    /// End a job; one that runs is told to
    #[command(after_help = "Example:\n  berth jobs cancel 7")]
    Cancel(Numbered),
    /// Show what Berth does again and again, when it did so last, and when it will next
    #[command(after_help = "Example:\n  berth jobs schedules")]
    Schedules(Schedules),
    /// Try a job again that failed or was cancelled
    #[command(after_help = "Example:\n  berth jobs retry 7")]
    Retry(Numbered),
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Of this kind
    #[arg(long)]
    kind: Option<String>,
    /// In this state: `blocked`, `waiting`, `running`, `done`, `failed` or `cancelled`
    #[arg(long)]
    state: Option<String>,
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value = "50")]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The job's number
    id: i64,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Schedules {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Numbered {
    /// The job's number
    id: i64,
    #[command(flatten)]
    target: Target,
}

impl JobsCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(command) => command.run().await,
            Self::Show(command) => command.run().await,
            Self::Schedules(command) => command.run().await,
            Self::Cancel(command) => command.change("cancel").await,
            Self::Retry(command) => command.change("retry").await,
        }
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let query = narrowed(&[("kind", self.kind), ("state", self.state)]);
        let jobs = api.list("api/v1/jobs", &query, "jobs", "before", Some(self.limit)).await?;
        api.close().await;
        if self.json {
            return print_json(&jobs);
        }
        let mut table =
            Table::new(&[">JOB", "KIND", "STATE", ">TRIES", "SINCE", "ENDED", "ABOUT", "REASON"]);
        for job in jobs {
            table.row([
                text(&job, "id"),
                text(&job, "kind"),
                text(&job, "state"),
                text(&job, "attempts"),
                text(&job, "created_at"),
                text(&job, "finished_at"),
                text(&job, "lane"),
                text(&job, "reason"),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

impl Show {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let whole: Value = api.get(&format!("api/v1/jobs/{}", self.id)).await?;
        api.close().await;
        if self.json {
            return print_json(&whole);
        }
        let job = &whole["job"];
        for field in [
            "id",
            "kind",
            "state",
            "lane",
            "attempts",
            "most_attempts",
            "run_at",
            "reason",
            "progress",
            "payload",
            "event_id",
            "created_at",
            "created_by",
            "started_at",
            "finished_at",
        ] {
            let value = text(job, field);
            if !value.is_empty() {
                print(&format!("{field:13}  {value}"))?;
            }
        }
        for line in whole["log"].as_array().into_iter().flatten() {
            print(&format!("{}  {}", text(line, "at"), text(line, "message")))?;
        }
        Ok(())
    }
}

impl Schedules {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let found: Value = api.get("api/v1/schedules").await?;
        api.close().await;
        if self.json {
            return print_json(&found["schedules"]);
        }
        let mut table =
            Table::new(&["NAME", "SCHEDULE", "NEXT", "LAST", ">JOB", "STATE", "RESULT"]);
        for schedule in found["schedules"].as_array().into_iter().flatten() {
            let (rule, job) = (text(schedule, "rule"), &schedule["last_job"]);
            table.row([
                text(schedule, "name"),
                if rule.is_empty() { format!("off ({})", text(schedule, "key")) } else { rule },
                text(schedule, "next_run_at"),
                text(schedule, "last_run_at"),
                text(job, "id"),
                text(job, "state"),
                text(job, "reason"),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

impl Numbered {
    async fn change(self, verb: &str) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let job: Value = api.post(&format!("api/v1/jobs/{}/{verb}", self.id), &json!({})).await?;
        api.close().await;
        say(&format!("job {} is {}", self.id, text(&job, "state")));
        Ok(())
    }
}
