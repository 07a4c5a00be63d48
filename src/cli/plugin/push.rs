//! `berth plugin push`: a plugin as an OCI artifact in a registry, from where it is installed by reference.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use futures::StreamExt as _;

use super::super::client::{Connection, told};
use super::super::copy::{Place, open_target};
use super::super::output::{print, print_json, say, size};
use crate::oci::{Algorithm, MediaType};
use crate::plugin::{Artifact, Package};
use crate::remote::transfer::Blob;
use crate::remote::{BlobStream, Fetched};

const HELP: &str = "\
The artifact has the layout of CNCF's working group for Wasm: other tools for Wasm find the component
in its first layer. `berth login` stores the credentials.

Examples:
  berth plugin push require-source.wasm 127.0.0.1:5000/plugins/require-source:1.0.0
  berth plugin install 127.0.0.1:5000/plugins/require-source:1.0.0";

/// Pushes a plugin to a registry, Berth or another.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(in crate::cli) struct Push {
    /// The plugin: a component with its manifest inside
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where it goes; without a tag, the plugin's version is the tag
    #[arg(value_name = "HOST[:PORT]/NAME[:TAG]")]
    reference: Place,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Push {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let file = std::fs::read(&self.file).with_context(|| self.file.display().to_string())?;
        let package = Package::read(file.into())
            .with_context(|| format!("{} was not pushed", self.file.display()))?;
        let artifact = Artifact::of(&package)?;
        let (repository, tag) = open_target(&self.reference, &self.connection.options()?)?;
        let about = package.manifest();
        let tag = match tag {
            Some(tag) => tag,
            None => about.version.parse().with_context(|| {
                format!("the version `{}` is no tag: write `NAME:TAG`", about.version)
            })?,
        };
        for (digest, bytes) in artifact.blobs {
            let blob = Blob { digest, size: bytes.len() as u64 };
            if repository.find_blob(&blob.digest).await.map_err(told)?.is_some() {
                continue;
            }
            let open = move |from: u64| std::future::ready(Ok(part(&bytes, from)));
            repository.upload_blob(&blob, None, open, Arc::new(|_| ())).await.map_err(told)?;
        }
        let digest = Algorithm::Sha256.digest(&artifact.manifest);
        let media_type = MediaType::OCI_MANIFEST.parse().ok();
        let manifest = Fetched { digest, media_type, bytes: artifact.manifest };
        repository.put_manifest(&manifest, Some(&tag)).await.map_err(told)?;
        let place = format!("{}/{}:{tag}", repository.registry(), repository.name());
        if self.json {
            return print_json(&serde_json::json!({
                "name": about.name,
                "version": about.version,
                "reference": place,
                "digest": manifest.digest,
                "component": package.digest(),
            }));
        }
        print(&format!("{}  {place}", manifest.digest))?;
        let bytes = size(package.component().len() as u64);
        say(&format!("{} {} ({bytes}) is pushed", about.name, about.version));
        Ok(())
    }
}

/// What is left from an offset on.
fn part(bytes: &Bytes, from: u64) -> BlobStream {
    let from = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
    futures::stream::iter([Ok(bytes.slice(from..))]).boxed()
}
