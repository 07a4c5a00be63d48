//! `berth quota list|set|remove`

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::api::{Target, text};
use super::client::part;
use super::output::{Table, print_json, size};
use crate::config::ByteSize;

/// Limit how much namespaces may hold, and see how much they do
#[derive(Debug, Subcommand)]
pub(super) enum QuotaCommand {
    /// Show quotas and what is used of them
    #[command(after_help = "Examples:\n  berth quota list\n  berth quota list --json")]
    List(List),
    /// Set what a namespace may hold
    #[command(
        after_help = "Examples:\n  berth quota set team --size 50GiB --tags 1000\n  berth quota set team/big --upload-size 2GiB\n  berth quota set '*' --size 2TiB"
    )]
    Set(Set),
    /// Remove a quota: the namespace is not limited any more
    #[command(after_help = "Example:\n  berth quota remove team")]
    Remove(Remove),
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
    /// The beginning of names of repositories, such as `team`; `*` is the whole registry
    namespace: String,
    /// What its blobs and manifests may weigh, such as `50GiB`
    #[arg(long)]
    size: Option<ByteSize>,
    /// How many tags it may have
    #[arg(long)]
    tags: Option<u64>,
    /// What one blob may weigh, such as `2GiB`
    #[arg(long)]
    upload_size: Option<ByteSize>,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// The namespace
    namespace: String,
    #[command(flatten)]
    target: Target,
}

impl QuotaCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(command) => command.run().await,
            Self::Set(command) => command.run().await,
            Self::Remove(command) => command.run().await,
        }
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let quotas = api.list("api/v1/quotas", "", "quotas", "last", None).await?;
        api.close().await;
        if self.json {
            return print_json(&quotas);
        }
        let mut table = Table::new(&["NAMESPACE", ">SIZE", ">OF", ">TAGS", ">OF", ">BLOB AT MOST"]);
        for quota in &quotas {
            let number = |field: &str| quota[field].as_u64();
            let limit = |field, show: fn(u64) -> String| number(field).map_or("-".into(), show);
            table.row([
                text(quota, "namespace"),
                size(number("used_bytes").unwrap_or(0)),
                limit("bytes", size),
                text(quota, "used_tags"),
                limit("tags", |tags| tags.to_string()),
                limit("upload_bytes", size),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

impl Set {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let wish = json!({
            "namespace": self.namespace, "tags": self.tags,
            "bytes": self.size.map(ByteSize::get), "upload_bytes": self.upload_size.map(ByteSize::get),
        });
        let set: anyhow::Result<Value> = api.send(Method::PUT, "api/v1/quotas", &wish).await;
        api.close().await;
        set.map(drop)
    }
}

impl Remove {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let removed =
            api.delete(&format!("api/v1/quotas?namespace={}", part(&self.namespace))).await;
        api.close().await;
        removed
    }
}
