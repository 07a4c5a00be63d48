//! `berth restore`

use std::path::PathBuf;

use clap::Args;

use super::{Identities, Snapshots, progress};
use crate::backup::{self, Target, Which};
use crate::cli::output::{count, print, say, size};
use crate::cli::settings::Settings;
use crate::clock::{Clock, Timestamp};

const EXAMPLES: &str = "\
Nothing is ever overwritten: the data directory has to be new or empty.

Examples:
  berth restore --from /mnt/backup --data-dir /srv/berth
  berth restore --from s3://backups/berth --data-dir /srv/berth -i backup-identity.txt
  berth restore --from /mnt/backup --data-dir /srv/berth --at 2026-11-24T18:00:00Z --key-file berth.key
  berth restore --snapshots --config berth.toml -i backup-identity.txt      a lost machine, by its bucket alone";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Restore {
    /// A directory, or a bucket such as `s3://bucket/root` whose other settings are in `backup.options` [default: `backup` in the
    /// configuration]
    #[arg(long, value_name = "PLACE")]
    from: Option<String>,
    /// The latest backup that shows nothing after this moment, such as 2026-11-24T18:00:00Z [default: the latest]
    #[arg(long, value_name = "TIME", conflicts_with = "id")]
    at: Option<Timestamp>,
    /// The backup of this name
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// The data directory to make [default: `storage.data`]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The key file, if the backup does not hold it
    #[arg(long, value_name = "FILE", conflicts_with = "forget_secrets")]
    key_file: Option<PathBuf>,
    /// Without the key file: forget the secrets that it opens, and disable what cannot work without them
    #[arg(long)]
    forget_secrets: bool,
    #[command(flatten)]
    snapshots: Snapshots,
    #[command(flatten)]
    identities: Identities,
    #[command(flatten)]
    settings: Settings,
}

impl Restore {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        let mut config = self.settings.load(None)?.config;
        if let Some(data) = self.data_dir {
            config.storage.data = data;
        }
        let target = match self.snapshots.target(&config)? {
            Some(target) => target,
            None => Target::named(self.from.as_deref(), &config.backup)?,
        };
        let which = match (self.id, self.at) {
            (Some(id), _) => Which::Id(id),
            (None, Some(at)) => Which::At(at),
            (None, None) => Which::Latest,
        };
        let manifest = target.choose(&which).await?;
        let data = config.storage.data.clone();
        let restore = backup::Restore {
            storage: config.storage,
            identities: self.identities.read()?,
            key_file: self.key_file,
            forget_secrets: self.forget_secrets,
            now: Clock::system().now(),
        };
        say(&format!("restoring {} of {}", manifest.id, manifest.at));
        let restored = restore.run(&target, manifest, &progress::watch()).await;
        progress::clear();
        let restored = restored?;
        for missing in &restored.missing {
            print(&format!("missing: {missing}"))?;
        }
        say(&format!(
            "{} is the registry as it was at {}: {}",
            data.display(),
            restored.manifest.at,
            if restored.manifest.is_in_place() {
                format!("{} where they were", count(restored.manifest.summary.blobs, "blob"))
            } else {
                format!("{} ({})", count(restored.blobs, "blob"), size(restored.bytes))
            }
        ));
        if restored.missing.is_empty() {
            return Ok(());
        }
        anyhow::bail!(
            "{} could not be brought back; everything else was, and a push of them mends it",
            count(restored.missing.len() as u64, "blob")
        )
    }
}
