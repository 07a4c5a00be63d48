//! `berth backup list`

use clap::Args;
use serde_json::json;

use super::Place;
use crate::cli::output::{Table, print_json, say, size};

#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    place: Place,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let config = self.place.config()?;
        let target = self.place.target(&config)?;
        let listed = target.list().await?;
        if self.json {
            let shown: Vec<_> = listed
                .iter()
                .map(|listed| match &listed.manifest {
                    Ok(manifest) => json!(manifest),
                    Err(error) => json!({ "id": listed.id, "error": error }),
                })
                .collect();
            return print_json(&shown);
        }
        if listed.is_empty() {
            say(&format!("there is no backup in {target}"));
            return Ok(());
        }
        let mut table = Table::new(&[
            "ID",
            "AT",
            ">REPOSITORIES",
            ">TAGS",
            ">BLOBS",
            ">SIZE",
            ">SENT",
            "KEPT AS",
        ]);
        for listed in listed {
            let cells = match listed.manifest {
                Ok(manifest) => {
                    let kept = if manifest.is_encrypted() { "encrypted" } else { "plain" };
                    let key = if manifest.key.is_some() { ", with key file" } else { "" };
                    [
                        listed.id,
                        manifest.at.to_string(),
                        manifest.summary.repositories.to_string(),
                        manifest.summary.tags.to_string(),
                        manifest.summary.blobs.to_string(),
                        size(manifest.summary.blob_bytes),
                        size(manifest.sent_bytes),
                        format!("{kept}{key}"),
                    ]
                }
                Err(error) => {
                    let mut cells = <[String; 8]>::default();
                    (cells[0], cells[7]) = (listed.id, format!("unreadable: {error}"));
                    cells
                }
            };
            table.row(cells);
        }
        table.print()?;
        Ok(())
    }
}
