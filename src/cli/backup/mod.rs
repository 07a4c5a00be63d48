//! `berth backup` and `berth restore`: copies elsewhere, and the way back.

mod create;
mod list;
mod progress;
mod prune;
mod remote;
mod restore;
mod standing;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::api::{self, Api};
use super::output::print;
use crate::app::App;
use crate::backup::{Backups, Identity, Target};
use crate::clock::Clock;
use crate::config::Config;

pub(super) use restore::Restore;

/// Take backups, and look them through
#[derive(Debug, Subcommand)]
pub(super) enum BackupCommand {
    /// Take a backup, while the registry serves or while it does not
    #[command(after_help = create::EXAMPLES)]
    Create(create::Create),
    /// Show the backups that are there
    #[command(
        after_help = "Examples:\n  berth backup list\n  berth backup list --from /mnt/backup --json"
    )]
    List(list::List),
    /// Rehearse a restore: read every byte, and look whether all that belongs together is there
    #[command(after_help = verify::EXAMPLES)]
    Verify(verify::Verify),
    /// Show how backups stand: the last one, the next one, and what has failed
    #[command(
        after_help = "Examples:\n  berth backup status\n  berth backup status --server https://registry.example.org --json"
    )]
    Status(standing::Standing),
    /// Remove all but the latest backups, and blobs that none of them needs
    #[command(after_help = "Example:\n  berth backup prune --keep 7")]
    Prune(prune::Prune),
    /// Make a pair of keys for encrypted backups
    #[command(after_help = "Example:\n  berth backup keygen backup-identity.txt")]
    Keygen(Keygen),
}

impl BackupCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Create(command) => command.run().await,
            Self::List(command) => command.run().await,
            Self::Verify(command) => command.run().await,
            Self::Status(command) => command.run().await,
            Self::Prune(command) => command.run().await,
            Self::Keygen(command) => command.run(),
        }
    }
}

/// Where backups are.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// A directory, or a bucket such as `s3://bucket/root` whose other settings are in `backup.options` [default: `backup` in the
    /// configuration]
    #[arg(long, value_name = "PLACE", visible_alias = "to")]
    from: Option<String>,
    #[command(flatten)]
    registry: api::Target,
}

impl Place {
    fn config(&self) -> anyhow::Result<Config> {
        self.registry.config()
    }

    /// The API of a running Berth, if one is named and no place: it works with its own.
    async fn server(&self) -> anyhow::Result<Option<Api>> {
        if self.from.is_some() || !self.registry.names_a_server() {
            return Ok(None);
        }
        self.registry.open().await.map(Some)
    }

    fn target(&self, config: &Config) -> anyhow::Result<Target> {
        Ok(Target::named(self.from.as_deref(), &config.backup)?)
    }
}

/// Or those that a registry writes beside its blobs.
#[derive(Debug, Args)]
pub(super) struct Snapshots {
    /// Snapshots of the database that a registry writes into the bucket of its blobs (`storage`), instead of backups
    #[arg(long, conflicts_with = "from")]
    snapshots: bool,
}

impl Snapshots {
    /// Where they are, if they are meant.
    fn target(&self, config: &Config) -> anyhow::Result<Option<Target>> {
        if !self.snapshots {
            return Ok(None);
        }
        let beside = Target::beside_blobs(&config.storage)?;
        beside.map(Some).context(
            "snapshots lie in the bucket of the blobs, and `storage.backend` names none: give the settings of `storage` that the registry had",
        )
    }
}

/// Opens the registry of a data directory, beside one that may serve it.
async fn open(config: Config) -> anyhow::Result<(Arc<App>, Backups)> {
    if !config.storage.data.join("berth.db").exists() {
        anyhow::bail!(
            "there is no registry in {}: name its data directory with --data",
            config.storage.data.display()
        );
    }
    let app = App::open_beside(config, Clock::system()).await?;
    let backups = app.backups();
    Ok((app, backups))
}

/// Who opens encrypted backups.
#[derive(Debug, Args)]
pub(super) struct Identities {
    /// File with the secret key of age that opens encrypted backups; may be repeated
    #[arg(long = "identity", short = 'i', value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Identities {
    fn read(&self) -> anyhow::Result<Vec<Identity>> {
        let mut identities = Vec::new();
        for file in &self.files {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            let read = Identity::read_all(&text);
            identities.extend(read.with_context(|| file.display().to_string())?);
        }
        Ok(identities)
    }
}

#[derive(Debug, Args)]
pub(super) struct Keygen {
    /// The file for the secret key; it must not exist
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Keygen {
    fn run(self) -> anyhow::Result<()> {
        let identity = Identity::random();
        let recipient = identity.recipient();
        let text = format!("# public key: {recipient}\n{}\n", identity.reveal());
        write_new(&self.file, &text)
            .with_context(|| format!("cannot write {}", self.file.display()))?;
        super::output::say(&format!(
            "The secret key is in {}. Keep it apart from this machine and from the backups: without it\nnobody reads them. What follows belongs into `backup.recipients`:",
            self.file.display()
        ));
        print(&recipient.to_string())?;
        Ok(())
    }
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
