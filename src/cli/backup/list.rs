//! `berth backup list`

use clap::Args;
use serde_json::{Value, json};

use super::{Place, Snapshots};
use crate::cli::api::{Api, text};
use crate::cli::output::{Table, print_json, say, size};

#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    snapshots: Snapshots,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const HEADINGS: [&str; 8] =
    ["ID", "AT", ">REPOSITORIES", ">TAGS", ">BLOBS", ">SIZE", ">SENT", "KEPT AS"];

/// The list of a running Berth.
async fn list_of_server(api: Api, as_json: bool) -> anyhow::Result<()> {
    let mut found: Value = api.get("api/v1/backups").await?;
    api.close().await;
    let Value::Array(mut backups) = found["backups"].take() else {
        anyhow::bail!("the list of backups is in a form that is not Berth's")
    };
    backups.reverse();
    if as_json {
        return print_json(&backups);
    }
    let mut table = Table::new(&HEADINGS);
    for backup in backups {
        let bytes = |field: &str| backup[field].as_u64().map_or_else(String::new, size);
        let error = text(&backup, "error");
        let kept = if backup["is_encrypted"] == true { "encrypted" } else { "plain" };
        let key = if backup["has_key"] == true { ", with key file" } else { "" };
        table.row([
            text(&backup, "id"),
            text(&backup, "at"),
            text(&backup, "repositories"),
            text(&backup, "tags"),
            text(&backup, "blobs"),
            bytes("blob_bytes"),
            bytes("sent_bytes"),
            if error.is_empty() { format!("{kept}{key}") } else { format!("unreadable: {error}") },
        ]);
    }
    table.print()?;
    Ok(())
}

impl List {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        if let Some(api) = self.place.server().await? {
            return list_of_server(api, self.json).await;
        }
        let config = self.place.config()?;
        let target = match self.snapshots.target(&config)? {
            Some(target) => target,
            None => self.place.target(&config)?,
        };
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
        let mut table = Table::new(&HEADINGS);
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
