//! `berth tag list|show|delete|history`

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use super::client::{Server, ServerArgs, repository_path, tag_path};
use super::named::TagName;
use super::output::{Table, confirm, print, print_json, short_digest, size};
use crate::oci::RepositoryName;

/// Show and delete tags of a running Berth, and where they pointed before
#[derive(Debug, Subcommand)]
pub(super) enum TagCommand {
    /// List the tags of a repository
    #[command(
        after_help = "Examples:\n  berth tag list team/app\n  berth tag list team/app --json"
    )]
    List(List),
    /// Show where a tag points
    #[command(after_help = "Example:\n  berth tag show team/app:v1")]
    Show(Show),
    /// Delete a tag; its manifest stays and can be pulled by digest
    #[command(after_help = "Example:\n  berth tag delete team/app:v1")]
    Delete(Delete),
    /// Show every move of a tag, the latest first: who pushed or deleted it, and when
    #[command(after_help = "Example:\n  berth tag history team/app:latest --limit 10")]
    History(History),
    /// Point a tag where it pointed before; what it pointed at is brought back if it was deleted
    Rollback(super::trash::Rollback),
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// The repository, such as `team/app`
    repository: RepositoryName,
    /// At most so many
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The tag, such as `team/app:v1`
    #[arg(value_name = "REPOSITORY:TAG")]
    tag: TagName,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(super) struct Delete {
    /// The tag, such as `team/app:v1`
    #[arg(value_name = "REPOSITORY:TAG")]
    tag: TagName,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(super) struct History {
    /// The tag, such as `team/app:v1`; it may have been deleted
    #[arg(value_name = "REPOSITORY:TAG")]
    tag: TagName,
    /// At most so many
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// A tag, as the admin API shows it.
#[derive(Debug, Deserialize, Serialize)]
struct Entry {
    name: String,
    digest: String,
    media_type: String,
    size_bytes: u64,
    updated_at: String,
    #[serde(default)]
    updated_by: Option<String>,
}

/// A move of a tag, as the admin API shows it.
#[derive(Debug, Deserialize, Serialize)]
struct Event {
    id: serde_json::Value,
    action: String,
    #[serde(default)]
    digest: Option<String>,
    #[serde(default)]
    previous: Option<String>,
    #[serde(default)]
    actor: Option<String>,
    at: String,
}

impl TagCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(command) => command.run().await,
            Self::Show(command) => command.run().await,
            Self::Delete(command) => command.run().await,
            Self::History(command) => command.run().await,
            Self::Rollback(command) => command.run().await,
        }
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let server = self.server.open()?;
        let path = format!("{}/tags", repository_path(&self.repository));
        let found: Vec<Entry> = server.list(&path, "tags", "last", self.limit).await?;
        if self.json {
            return print_json(&found);
        }
        let mut table = Table::new(&["TAG", "DIGEST", ">SIZE", "UPDATED", "BY"]);
        for one in found {
            table.row([
                one.name,
                short_digest(&one.digest),
                size(one.size_bytes),
                one.updated_at,
                one.updated_by.unwrap_or_default(),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

async fn load(server: &Server, tag: &TagName) -> anyhow::Result<Entry> {
    server.get(&tag_path(&tag.repository, &tag.tag)).await
}

impl Show {
    async fn run(self) -> anyhow::Result<()> {
        let server = self.server.open()?;
        let found = load(&server, &self.tag).await?;
        if self.json {
            return print_json(&found);
        }
        print(&format!("{}/{}", server.remote().registry(), self.tag))?;
        print(&format!("digest      {}", found.digest))?;
        print(&format!("media type  {}", found.media_type))?;
        print(&format!("size        {} ({} bytes)", size(found.size_bytes), found.size_bytes))?;
        let by = found.updated_by.map(|by| format!(" by {by}")).unwrap_or_default();
        print(&format!("updated     {}{by}", found.updated_at))?;
        Ok(())
    }
}

impl Delete {
    async fn run(self) -> anyhow::Result<()> {
        let server = self.server.open()?;
        let found = load(&server, &self.tag).await?;
        let what = format!("{}/{}", server.remote().registry(), self.tag);
        let loss = format!("{what}, which points at {}, would be deleted", found.digest);
        confirm(&loss, self.yes)?;
        server.delete(&tag_path(&self.tag.repository, &self.tag.tag)).await?;
        print(&format!("deleted {what}; it pointed at {}", found.digest))?;
        Ok(())
    }
}

impl History {
    async fn run(self) -> anyhow::Result<()> {
        let server = self.server.open()?;
        let path = format!("{}/history", tag_path(&self.tag.repository, &self.tag.tag));
        let found: Vec<Event> = server.list(&path, "events", "before", self.limit).await?;
        if self.json {
            return print_json(&found);
        }
        let mut table = Table::new(&["AT", "ACTION", "DIGEST", "BEFORE", "BY"]);
        let digest =
            |digest: Option<String>| digest.map_or_else(|| "-".into(), |d| short_digest(&d));
        for one in found {
            table.row([
                one.at,
                one.action,
                digest(one.digest),
                digest(one.previous),
                one.actor.unwrap_or_default(),
            ]);
        }
        table.print()?;
        Ok(())
    }
}
