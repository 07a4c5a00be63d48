//! `berth manifest show`

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::value::RawValue;

use super::client::{ServerArgs, told};
use super::output::{indented, print, print_bytes, print_json};
use crate::oci::{Reference, RepositoryName};

/// Show manifests of a running Berth
#[derive(Debug, Subcommand)]
pub(super) enum ManifestCommand {
    /// Show a manifest or an index
    #[command(
        after_help = "Examples:\n  berth manifest show team/app:v1\n  berth manifest show team/app@sha256:9f86d0… --raw | sha256sum"
    )]
    Show(Show),
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The manifest, such as `team/app:v1` or `team/app@sha256:…`
    #[arg(value_name = "REPOSITORY[:TAG|@DIGEST]")]
    manifest: Referenced,
    /// Print its very bytes and nothing else
    #[arg(long, conflicts_with = "json")]
    raw: bool,
    /// Print JSON: digest, media type, size and the manifest itself
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// `team/app:v1` or `team/app@sha256:…`; without either, the tag `latest`.
#[derive(Clone, Debug)]
struct Referenced {
    repository: RepositoryName,
    reference: Reference,
}

impl std::str::FromStr for Referenced {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (repository, reference) = match text.split_once('@') {
            Some((repository, digest)) => {
                let digest = digest.parse().map_err(|error| format!("{error}"))?;
                (repository, Reference::Digest(digest))
            }
            None => {
                let (repository, tag) = text.rsplit_once(':').unwrap_or((text, "latest"));
                (repository, Reference::Tag(tag.parse().map_err(|error| format!("{error}"))?))
            }
        };
        let repository = repository.parse().map_err(|error| format!("{error}"))?;
        Ok(Self { repository, reference })
    }
}

#[derive(Serialize)]
struct Shown<'a> {
    digest: &'a str,
    media_type: &'a str,
    size_bytes: usize,
    manifest: &'a RawValue,
}

impl ManifestCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Show(command) => command.run().await,
        }
    }
}

impl Show {
    async fn run(self) -> anyhow::Result<()> {
        let server = self.server.open()?;
        let repository = server.remote().repository(self.manifest.repository);
        let fetched = repository.load_manifest(&self.manifest.reference).await.map_err(told)?;
        if self.raw {
            print_bytes(&fetched.bytes)?;
            return Ok(());
        }
        let media_type = fetched.media_type.as_ref().map_or("unknown", |kind| kind.as_str());
        if self.json {
            return print_json(&Shown {
                digest: fetched.digest.as_str(),
                media_type,
                size_bytes: fetched.bytes.len(),
                manifest: serde_json::from_slice(&fetched.bytes)?,
            });
        }
        print(&format!("digest      {}", fetched.digest))?;
        print(&format!("media type  {media_type}"))?;
        print(&format!("size        {} bytes\n", fetched.bytes.len()))?;
        print(&indented(std::str::from_utf8(&fetched.bytes)?))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_named_by_tag_or_digest() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for (text, reference) in [
            ("team/app:v1".to_owned(), "v1".to_owned()),
            ("team/app".into(), "latest".into()),
            (format!("team/app@{digest}"), digest.clone()),
        ] {
            let parsed: Referenced = text.parse().unwrap();
            assert_eq!(parsed.repository.as_str(), "team/app");
            assert_eq!(parsed.reference.to_string(), reference);
        }
        for bad in ["team/app@v1", "team/app:", "Team", ""] {
            assert!(bad.parse::<Referenced>().is_err(), "{bad}");
        }
    }
}
