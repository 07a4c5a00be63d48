//! `berth backup create`

use clap::Args;
use serde_json::json;

use super::{Place, open, progress, remote};
use crate::cli::output::{count, print, print_json, say, size};
use crate::meta::Actor;

pub(super) const EXAMPLES: &str = "\
Examples:
  berth backup create                             to the place that is configured
  berth backup create --to /mnt/backup
  berth backup create --to s3://backups/berth     with the keys in backup.options
  berth backup create --server https://registry.example.org";

#[derive(Debug, Args)]
pub(in crate::cli) struct Create {
    #[command(flatten)]
    place: Place,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Create {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        if let Some(api) = self.place.server().await? {
            return remote::run(api, "api/v1/backups", &json!({}), self.json).await;
        }
        let config = self.place.config()?;
        let target = self.place.target(&config)?;
        let (app, backups) = open(config).await?;
        let (actor, watch) = (Actor::internal("command line"), progress::watch());
        let created = backups.create(&target, &actor, &watch).await;
        progress::clear();
        app.close().await;
        let created = created?;
        let manifest = &created.manifest;
        if self.json {
            return print_json(
                &json!({ "backup": manifest, "removed": created.pruned.as_ref().map(|pruned| &pruned.backups).ok() }),
            );
        }
        print(&manifest.id)?;
        say(&format!(
            "{} with {} in {target}: {} sent ({})",
            count(manifest.summary.repositories, "repository")
                .replace("repositorys", "repositories"),
            count(manifest.summary.blobs, "blob"),
            count(manifest.sent_blobs, "blob"),
            size(manifest.sent_bytes),
        ));
        if manifest.key.is_none() {
            say(
                "The key file is not in it: keep a copy of it elsewhere, or a restore cannot open sealed secrets.",
            );
        }
        match &created.pruned {
            Ok(pruned) if pruned.backups.is_empty() => {}
            Ok(pruned) => say(&format!("removed: {}", pruned.backups.join(", "))),
            Err(error) => say(&format!("older backups could not be removed: {error}")),
        }
        if manifest.damaged.is_empty() {
            return Ok(());
        }
        for digest in &manifest.damaged {
            say(&format!("the registry itself cannot read {digest}"));
        }
        anyhow::bail!(
            "the backup is complete but for {}: push what needs them again",
            count(manifest.damaged.len() as u64, "damaged blob")
        )
    }
}
