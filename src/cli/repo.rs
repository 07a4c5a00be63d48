//! `berth repo list|show|delete`

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use super::client::{ServerArgs, repository_path};
use super::output::{Table, confirm, count, print, print_json, size};
use crate::oci::RepositoryName;

/// Show and delete repositories of a running Berth
#[derive(Debug, Subcommand)]
pub(super) enum RepoCommand {
    /// List the repositories
    #[command(
        after_help = "Examples:\n  berth repo list\n  berth repo list --server https://registry.example.com --json"
    )]
    List(List),
    /// Show one repository
    #[command(after_help = "Example:\n  berth repo show team/app")]
    Show(Show),
    /// Delete a repository with all its tags and manifests (administrators only)
    #[command(after_help = "Example:\n  berth repo delete team/old-app")]
    Delete(Delete),
}

#[derive(Debug, Args)]
pub(super) struct List {
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
    /// The repository, such as `team/app`
    repository: RepositoryName,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(super) struct Delete {
    /// The repository, such as `team/app`
    repository: RepositoryName,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// A repository, as the admin API shows it.
#[derive(Debug, Deserialize, Serialize)]
struct Repository {
    name: String,
    tags: u64,
    manifests: u64,
    size_bytes: u64,
    created_at: String,
    updated_at: String,
}

impl RepoCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(command) => command.run().await,
            Self::Show(command) => command.run().await,
            Self::Delete(command) => command.run().await,
        }
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let server = self.server.open()?;
        let found: Vec<Repository> =
            server.list("api/v1/repositories", "repositories", "last", self.limit).await?;
        if self.json {
            return print_json(&found);
        }
        let mut table = Table::new(&["NAME", ">TAGS", ">MANIFESTS", ">SIZE", "UPDATED"]);
        for one in found {
            let sizes = [one.tags.to_string(), one.manifests.to_string(), size(one.size_bytes)];
            let [tags, manifests, size] = sizes;
            table.row([one.name, tags, manifests, size, one.updated_at]);
        }
        table.print()?;
        Ok(())
    }
}

impl Show {
    async fn run(self) -> anyhow::Result<()> {
        let server = self.server.open()?;
        let found: Repository = server.get(&repository_path(&self.repository)).await?;
        if self.json {
            return print_json(&found);
        }
        print(&format!("{}/{}", server.remote().registry(), found.name))?;
        print(&format!("tags       {}", found.tags))?;
        print(&format!("manifests  {}", found.manifests))?;
        print(&format!("size       {} ({} bytes)", size(found.size_bytes), found.size_bytes))?;
        print(&format!("created    {}", found.created_at))?;
        print(&format!("updated    {}", found.updated_at))?;
        Ok(())
    }
}

impl Delete {
    async fn run(self) -> anyhow::Result<()> {
        let server = self.server.open()?;
        let path = repository_path(&self.repository);
        let found: Repository = server.get(&path).await?;
        let what = format!("{}/{}", server.remote().registry(), self.repository);
        let loss = format!(
            "{what} would be deleted, with {}, {} and {} of content",
            count(found.tags, "tag"),
            count(found.manifests, "manifest"),
            size(found.size_bytes)
        );
        confirm(&loss, self.yes)?;
        server.delete(&path).await?;
        print(&format!("deleted {what}"))?;
        Ok(())
    }
}
