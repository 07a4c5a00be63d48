//! `berth backup verify`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{Identities, Place, Snapshots, progress, remote};
use crate::backup::{Depth, Which, verify};
use crate::cli::output::{count, print, print_json, say, size};

pub(super) const EXAMPLES: &str = "\
Examples:
  berth backup verify                                       the latest
  berth backup verify 20261125T031500Z-1f0a2b -i backup-identity.txt
  berth backup verify --quick                               names and sizes alone
  berth backup verify --snapshots                           the latest snapshot beside the blobs";

#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {
    /// The backup [default: the latest]
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Only look whether every file is there and as long as it was
    #[arg(long)]
    quick: bool,
    /// Remove files of blobs that are damaged, so that the next backup sends them again
    #[arg(long)]
    mend: bool,
    /// A directory with room for the database [default: that for temporary files]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    #[command(flatten)]
    identities: Identities,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    snapshots: Snapshots,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        if let Some(api) = self.place.server().await? {
            let path =
                format!("api/v1/backups/{}/verify", self.id.as_deref().map_or("latest", |id| id));
            return remote::run(api, &path, &remote::verification(self.quick), self.json).await;
        }
        let config = self.place.config()?;
        let target = match self.snapshots.target(&config)? {
            Some(target) => target,
            None => self.place.target(&config)?,
        };
        let identities = self.identities.read()?;
        let which = self.id.map_or(Which::Latest, Which::Id);
        let manifest = target.choose(&which).await?;
        let depth = if self.quick { Depth::Files } else { Depth::Bytes };
        let scratch = self.scratch.unwrap_or_else(std::env::temp_dir);
        let watch = progress::watch();
        let verified = verify(&target, manifest, depth, &identities, &scratch, &watch).await;
        progress::clear();
        let verified = verified?;
        if self.mend {
            for name in &verified.damaged_files {
                target.remove_damaged(name).await?;
            }
        }
        let id = &verified.manifest.id;
        if self.json {
            print_json(&json!({
                "id": id,
                "good": verified.is_good(),
                "contents": verified.contents,
                "blobs": verified.blobs,
                "bytes": verified.bytes,
                "problems": verified.problems,
                "notes": verified.notes,
            }))?;
        } else {
            for problem in &verified.problems {
                print(&format!("problem: {problem}"))?;
            }
            for note in &verified.notes {
                print(&format!("note: {note}"))?;
            }
            let how = if verified.contents {
                format!("read and compared ({})", size(verified.bytes))
            } else {
                "there by name and size".to_owned()
            };
            say(&format!("{id}: {} {how}", count(verified.blobs, "blob")));
        }
        if verified.is_good() {
            return Ok(());
        }
        let problems = count(verified.problems.len() as u64, "problem");
        if self.mend && !verified.damaged_files.is_empty() {
            anyhow::bail!(
                "{problems} in {id}; damaged files were removed, take another backup now to have them again"
            );
        }
        anyhow::bail!("{problems} in {id}: not all of it can be restored")
    }
}
