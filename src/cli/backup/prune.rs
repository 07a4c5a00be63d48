//! `berth backup prune`

use clap::Args;

use super::{Place, open, progress};
use crate::cli::output::{count, print, say, size};

#[derive(Debug, Args)]
pub(in crate::cli) struct Prune {
    /// How many backups to keep [default: `backup.keep`]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    #[command(flatten)]
    place: Place,
}

impl Prune {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        if self.place.server().await?.is_some() {
            anyhow::bail!(
                "a running Berth removes old backups itself, after each new one: set `backup.keep` there"
            );
        }
        let mut config = self.place.config()?;
        let target = self.place.target(&config)?;
        config.backup.keep = self.keep.unwrap_or(config.backup.keep);
        let (app, backups) = open(config).await?;
        let pruned = backups.prune(&target, &progress::watch()).await;
        progress::clear();
        app.close().await;
        let pruned = pruned?;
        for id in &pruned.backups {
            print(id)?;
        }
        say(&format!(
            "removed {} and {} ({}) that none of the others needs",
            count(pruned.backups.len() as u64, "backup"),
            count(pruned.files, "file"),
            size(pruned.bytes)
        ));
        Ok(())
    }
}
