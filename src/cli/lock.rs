//! `berth lock`, `berth unlock` and `berth locks list`

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::api::{Target, narrowed, text};
use super::named::Named;
use super::output::{Table, print_json, say};
use crate::clock::Timestamp;
use crate::oci::RepositoryName;

/// Lock a repository, a tag or a digest: without flags it can neither be changed nor deleted
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  berth lock team/app:v1.0 --why 'runs in production'\n  berth lock team/app --no-delete --why 'audit 2026' --until 2026-12-31\n  berth lock team/app:bad --no-read --why 'CVE-2026-1234; use v1.1'"
)]
pub(super) struct Lock {
    /// `team/app`, `team/app:v1` or `team/app@sha256:…`
    reference: Named,
    /// Why; whoever is stopped by the lock reads it
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// When it ends by itself: the end of a day in UTC, such as 2026-12-31, or a moment, such as 2026-12-31T12:00:00Z
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// It cannot be changed: the tag stays where it is, the repository takes no push. Nor can it be deleted
    #[arg(long)]
    no_write: bool,
    /// It cannot be deleted
    #[arg(long)]
    no_delete: bool,
    /// It cannot be pulled
    #[arg(long)]
    no_read: bool,
    #[command(flatten)]
    target: Target,
}

/// Take the lock off a repository, a tag or a digest
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  berth unlock team/app:v1.0")]
pub(super) struct Unlock {
    /// `team/app`, `team/app:v1` or `team/app@sha256:…`
    reference: Named,
    #[command(flatten)]
    target: Target,
}

/// Show what is locked
#[derive(Debug, Subcommand)]
pub(super) enum LocksCommand {
    /// List locks: who locked what, why, and until when
    #[command(after_help = "Examples:\n  berth locks list\n  berth locks list team/app --json")]
    List(List),
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Only those in this repository
    repository: Option<RepositoryName>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// The end of a day, or a moment.
fn moment(text: &str) -> anyhow::Result<String> {
    let is_day = text.len() == 10 && !text.contains('T');
    if !is_day {
        return Ok(text.parse::<Timestamp>().map_err(anyhow::Error::msg)?.to_string());
    }
    let start = format!("{text}T00:00:00Z").parse::<Timestamp>();
    let start =
        start.ok().with_context(|| format!("`{text}` is no day: write it as 2026-12-31"))?;
    Ok((start + std::time::Duration::from_hours(24)).to_string())
}

impl Lock {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let until = self.until.as_deref().map(moment).transpose()?;
        let wish = json!({
            "repository": self.reference.repository,
            "reference": self.reference.reference.as_ref().map(ToString::to_string),
            "no_write": self.no_write, "no_delete": self.no_delete, "no_read": self.no_read,
            "why": self.why, "until": until,
        });
        let api = self.target.open().await?;
        let made: Value = api.post("api/v1/locks", &wish).await?;
        api.close().await;
        let until = match made["until"].as_str() {
            Some(until) => format!(" until {until}"),
            None => String::new(),
        };
        say(&format!("locked {} against {}{until}", self.reference, forbidden(&made)));
        Ok(())
    }
}

/// What a lock forbids, in words.
fn forbidden(lock: &Value) -> String {
    let words = [("no_write", "writing"), ("no_delete", "deletion"), ("no_read", "reading")];
    let set = words.iter().filter(|(field, _)| lock[field] == true).map(|(_, word)| *word);
    set.collect::<Vec<_>>().join(" and ")
}

impl Unlock {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let query = narrowed(&[("repository", Some(self.reference.repository.to_string()))]);
        let locks = api.list("api/v1/locks", &query, "locks", "last", None).await?;
        let reference = self.reference.reference.as_ref().map(ToString::to_string);
        let mine = |lock: &&Value| lock["reference"].as_str() == reference.as_deref();
        let found = locks.iter().find(mine).with_context(|| {
            let other = locks.iter().map(|lock| text(lock, "reference")).collect::<Vec<_>>();
            if other.is_empty() {
                format!("{} is not locked", self.reference)
            } else {
                format!(
                    "{} is not locked itself; `berth locks list {}` shows what is",
                    self.reference, self.reference.repository
                )
            }
        })?;
        api.delete(&format!("api/v1/locks/{}", text(found, "id"))).await?;
        api.close().await;
        say(&format!("unlocked {}", self.reference));
        Ok(())
    }
}

impl LocksCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let Self::List(list) = self;
        list.run().await
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let repository = self.repository.map(|name| name.to_string());
        let query = narrowed(&[("repository", repository)]);
        let locks = api.list("api/v1/locks", &query, "locks", "last", None).await?;
        api.close().await;
        if self.json {
            return print_json(&locks);
        }
        let mut table = Table::new(&["LOCKED", "AGAINST", "UNTIL", "BY", "SINCE", "WHY"]);
        for lock in &locks {
            let reference = text(lock, "reference");
            let mark = match &*reference {
                "" => "",
                digest if digest.contains(':') => "@",
                _ => ":",
            };
            let over = if lock["is_over"] == true { " (over)" } else { "" };
            table.row([
                format!("{}{mark}{reference}", text(lock, "repository")),
                forbidden(lock),
                text(lock, "until") + over,
                text(lock, "created_by"),
                text(lock, "created_at"),
                text(lock, "why"),
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
    fn a_day_is_meant_to_its_end() {
        assert_eq!(moment("2026-12-31").unwrap(), "2027-01-01T00:00:00.000Z");
        assert_eq!(moment("2026-12-31T12:00:00Z").unwrap(), "2026-12-31T12:00:00.000Z");
        for bad in ["tomorrow", "2026-13-01", "31.12.2026"] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }
}
