//! `berth trash list|empty`, `berth undelete`, `berth tag rollback`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::api::{Api, Target, text};
use super::client::{repository_path, tag_path};
use super::named::{ImageName, TagName};
use super::output::{Table, confirm, print, print_json, short_digest, size};
use crate::oci::{Digest, Reference, RepositoryName};

/// Show what can be brought back, and empty it
#[derive(Debug, Subcommand)]
pub(super) enum TrashCommand {
    /// List what can be brought back: tags that were moved or deleted, and manifests that were deleted
    #[command(after_help = "Examples:\n  berth trash list\n  berth trash list team/app")]
    List(List),
    /// Give up what is in the trash, so that its space can be freed sooner
    #[command(after_help = "Examples:\n  berth trash empty\n  berth trash empty team/app --yes")]
    Empty(Empty),
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Of this repository
    repository: Option<RepositoryName>,
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value = "100")]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Empty {
    /// Of this repository
    repository: Option<RepositoryName>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    target: Target,
}

/// Bring back a tag that was deleted, or a manifest with its tags
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  berth undelete team/app:v1\n  berth undelete team/app@sha256:…"
)]
pub(super) struct Undelete {
    /// The tag or the manifest, such as `team/app:v1` or `team/app@sha256:…`
    reference: ImageName,
    #[command(flatten)]
    target: Target,
}

/// Point a tag where it pointed before
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  berth tag rollback team/app:latest\n  berth tag rollback team/app:latest --at 2026-11-24T10:00:00Z"
)]
pub(super) struct Rollback {
    /// The tag, such as `team/app:latest`
    #[arg(value_name = "REPOSITORY:TAG")]
    tag: TagName,
    /// At this manifest
    #[arg(long, value_name = "DIGEST", conflicts_with = "at")]
    to: Option<Digest>,
    /// Where it pointed at this moment
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    #[command(flatten)]
    target: Target,
}

fn path(repository: Option<&RepositoryName>) -> String {
    match repository {
        Some(repository) => format!("{}/trash", repository_path(repository)),
        None => "api/v1/trash".to_owned(),
    }
}

impl TrashCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(command) => command.run().await,
            Self::Empty(command) => command.run().await,
        }
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let path = path(self.repository.as_ref());
        let found = api.list(&path, "", "trash", "before", Some(self.limit)).await?;
        api.close().await;
        if self.json {
            return print_json(&found);
        }
        let mut table =
            Table::new(&["REPOSITORY", "TAG", "DIGEST", ">SIZE", "WHAT", "AT", "BY", "UNTIL"]);
        for entry in found {
            table.row([
                text(&entry, "repository"),
                text(&entry, "tag"),
                short_digest(&text(&entry, "digest")),
                size(entry["size_bytes"].as_u64().unwrap_or(0)),
                text(&entry, "reason"),
                text(&entry, "deleted_at"),
                text(&entry, "deleted_by"),
                text(&entry, "until"),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

impl Empty {
    async fn run(self) -> anyhow::Result<()> {
        let of = self.repository.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
        confirm(&format!("what is in the trash{of} could not be brought back any more"), self.yes)?;
        let api = self.target.open().await?;
        let path = path(self.repository.as_ref());
        let done: Value = api.send(http::Method::DELETE, &path, &json!({})).await?;
        api.close().await;
        print(&format!("{} entries; collections free their space", text(&done, "entries")))?;
        Ok(())
    }
}

async fn restored(api: &Api, path: &str, wish: &Value) -> anyhow::Result<()> {
    let done: Value = api.post(path, wish).await?;
    let tags = text(&done, "tags");
    let tags = if tags.is_empty() { String::new() } else { format!(", tagged {tags}") };
    print(&format!("{} is there again{tags}", text(&done, "digest")))?;
    Ok(())
}

impl Undelete {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let wish = match &self.reference.reference {
            Reference::Tag(tag) => json!({ "tag": tag }),
            Reference::Digest(digest) => json!({ "digest": digest }),
        };
        let api = self.target.open().await?;
        let path = format!("{}/undelete", repository_path(&self.reference.repository));
        let result = restored(&api, &path, &wish).await;
        api.close().await;
        result
    }
}

impl Rollback {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let TagName { repository, tag } = &self.tag;
        let api = self.target.open().await?;
        let path = format!("{}/rollback", tag_path(repository, tag));
        let wish = match (self.to, self.at) {
            (Some(digest), _) => json!({ "to": digest }),
            (None, Some(at)) => json!({ "at": at }),
            (None, None) => json!({}),
        };
        let result = restored(&api, &path, &wish).await;
        api.close().await;
        result
    }
}
