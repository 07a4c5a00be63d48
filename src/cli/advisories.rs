//! `berth advisories`: what is known of vulnerabilities, and where it comes from.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use clap::{Args, Subcommand};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::api::{Target, text};
use super::client::part;
use super::output::{Table, count, print_json, say, size};

/// Bring in what is known of vulnerabilities, and see what there is
#[derive(Debug, Subcommand)]
pub(super) enum AdvisoriesCommand {
    /// Import advisories in OSV format: an export (zip), a record, a directory of them, or the URL of an export
    #[command(
        after_help = "Examples:\n  berth advisories import debian.zip\n  berth advisories import ./my-advisories --name internal\n  berth advisories import https://osv-vulnerabilities.storage.googleapis.com/Debian/all.zip --name debian"
    )]
    Import(Import),
    /// List where advisories come from
    #[command(after_help = "Example:\n  berth advisories list")]
    List(Shown),
    /// Show how much is known, by ecosystem
    #[command(after_help = "Example:\n  berth advisories status")]
    Status(Shown),
    /// Remove the advisories of a source
    #[command(after_help = "Example:\n  berth advisories remove internal")]
    Remove(Remove),
}

#[derive(Debug, Args)]
pub(super) struct Import {
    /// A file, a directory, or a URL
    #[arg(value_name = "FILE|DIRECTORY|URL")]
    from: String,
    /// What the source is called; an import replaces all that it had before [default: the name of the file]
    #[arg(long)]
    name: Option<String>,
    /// Leave records out that cannot be used, instead of refusing all
    #[arg(long)]
    skip_invalid: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Shown {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// The source's name
    name: String,
    #[command(flatten)]
    target: Target,
}

impl AdvisoriesCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Import(command) => command.run().await,
            Self::List(command) => command.list().await,
            Self::Status(command) => command.status().await,
            Self::Remove(command) => command.run().await,
        }
    }
}

/// The name of a source for where it comes from: `Debian/all.zip` is called `debian`.
fn name_of(from: &str) -> String {
    let mut parts = from.trim_end_matches('/').rsplit('/');
    let stem = |part: &str| part.split('.').next().unwrap_or_default().to_lowercase();
    let last = parts.next().map(stem).unwrap_or_default();
    let name = if last == "all" { parts.next().map_or(last, stem) } else { last };
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_-".contains(c) { c } else { '-' };
    name.chars().map(plain).collect()
}

impl Import {
    async fn run(self) -> anyhow::Result<()> {
        let name = self.name.unwrap_or_else(|| name_of(&self.from));
        let is_url = self.from.starts_with("https://") || self.from.starts_with("http://");
        let api = self.target.open().await?;
        if is_url {
            let path = format!("api/v1/advisories/{}", part(&name));
            let made: Value = api.post(&path, &json!({ "url": self.from })).await?;
            api.close().await;
            match made["job"].as_i64() {
                Some(job) => say(&format!(
                    "job {job} fetches {name}: `berth jobs show {job}` tells what comes of it"
                )),
                None => say(&format!("a job that fetches {name} waits already")),
            }
            return Ok(());
        }
        let path = PathBuf::from(&self.from);
        let export = tokio::task::spawn_blocking(move || read(&path)).await??;
        let skip = if self.skip_invalid { "&skip_invalid=true" } else { "" };
        let path = format!("api/v1/advisories/{}?origin={}{skip}", part(&name), part(&self.from));
        let source: Value = api.put_bytes(&path, export).await?;
        api.close().await;
        let skipped = source["skipped"].as_u64().unwrap_or(0);
        let left_out = if skipped == 0 { String::new() } else { format!(", {skipped} left out") };
        let advisories = source["advisories"].as_u64().unwrap_or(0);
        let noun = if advisories == 1 { "advisory" } else { "advisories" };
        say(&format!("{name} has {advisories} {noun}{left_out}; images are matched with them now"));
        Ok(())
    }
}

/// An export: the file itself, or all records below a directory, one after another.
fn read(path: &Path) -> anyhow::Result<Bytes> {
    let cannot = || format!("cannot read {}", path.display());
    if !path.is_dir() {
        return Ok(std::fs::read(path).with_context(cannot)?.into());
    }
    let (mut open, mut files) = (vec![path.to_owned()], Vec::new());
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).with_context(cannot)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                files.push(path);
            }
        }
    }
    anyhow::ensure!(!files.is_empty(), "{} has no files whose names end in .json", path.display());
    files.sort();
    let mut all = BytesMut::new();
    for file in files {
        let bytes =
            std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        // Told by its name here: behind the border it would be a number.
        let record: Box<RawValue> = serde_json::from_slice(&bytes)
            .with_context(|| format!("nothing was imported: {} is no JSON", file.display()))?;
        all.extend_from_slice(record.get().as_bytes());
        all.extend_from_slice(b"\n");
    }
    Ok(all.freeze())
}

impl Shown {
    async fn list(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let status: Value = api.get("api/v1/advisories").await?;
        api.close().await;
        if self.json {
            return print_json(&status["sources"]);
        }
        let mut table =
            Table::new(&["SOURCE", ">ADVISORIES", ">LEFT OUT", ">SIZE", "IMPORTED", "BY", "FROM"]);
        for source in status["sources"].as_array().into_iter().flatten() {
            table.row([
                text(source, "name"),
                text(source, "advisories"),
                text(source, "skipped"),
                size(source["size_bytes"].as_u64().unwrap_or(0)),
                text(source, "imported_at"),
                text(source, "imported_by"),
                text(source, "origin"),
            ]);
        }
        table.print()?;
        Ok(())
    }

    async fn status(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let status: Value = api.get("api/v1/advisories").await?;
        api.close().await;
        if self.json {
            return print_json(&status);
        }
        let sources = status["sources"].as_array().map_or(0, Vec::len) as u64;
        say(&format!("generation {} of {}", text(&status, "generation"), count(sources, "source")));
        let mut table = Table::new(&["ECOSYSTEM", ">ENTRIES"]);
        for ecosystem in status["ecosystems"].as_array().into_iter().flatten() {
            table.row([text(ecosystem, "name"), text(ecosystem, "entries")]);
        }
        table.print()?;
        Ok(())
    }
}

impl Remove {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        api.delete(&format!("api/v1/advisories/{}", part(&self.name))).await?;
        api.close().await;
        say(&format!("the advisories of {} are removed", self.name));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_called_after_what_it_comes_from() {
        for (from, name) in [
            ("debian.zip", "debian"),
            ("https://example.org/Debian/all.zip", "debian"),
            ("./my advisories/", "my-advisories"),
            ("/tmp/GHSA-1.json", "ghsa-1"),
        ] {
            assert_eq!(name_of(from), name, "{from}");
        }
    }
}
