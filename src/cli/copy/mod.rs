//! `berth copy SRC DST`: images between registries, layout directories and tar files.

mod archive;
mod archive_writer;
mod distribution;
mod docker_archive;
mod ends;
mod index;
mod layout;
mod look;
mod own;
mod packed;
mod place;
mod platform;
mod progress;

use clap::Args;
use clap::error::ErrorKind;

use super::client::{Connection, told};
use super::output::{count, print, print_json, size};
use crate::config::ByteSize;
pub(super) use crate::oci::Platform;
use crate::oci::{Digest, Reference, Tag};
use crate::remote::transfer::{Plan, Source as _, Summary, Transfer};
use crate::remote::{Error, Fetched, Options, Repository};
pub(super) use distribution::Tree;
pub(super) use ends::{From, To, archive_kind, create_target, open_registry, open_source};
pub(super) use look::find_image;
pub(super) use own::Own;
use place::Location;
pub(super) use place::Place;
pub(super) use progress::Progress;

const HELP: &str = "\
A place is one of
  HOST[:PORT]/NAME[:TAG|@DIGEST]  a repository in a registry; Docker Hub is docker.io/NAME
  oci:DIR[:TAG]                   a directory with an OCI image layout
  oci-archive:FILE.tar[:TAG]      the same in a tar file, as SRC also of gzip or zstd; as DST, an
                                  existing file is replaced
  docker-archive:FILE.tar[:TAG]   what `docker save` wrote (as SRC only)

Without a tag, SRC is `latest` in a registry, or the only image of a directory or file; DST gets
the tag of SRC. An index is copied with all its platforms, and every manifest byte for byte, so
digests and signatures stay valid. What is at DST already is not sent again, and a copy that was
cut goes on where it stopped when the same command is given again. Registries on this machine are
spoken to in plain HTTP, others over TLS; `https://` or `http://` before HOST says otherwise.
`berth login` stores the credentials.

Examples:
  berth copy docker.io/alpine:3.20 127.0.0.1:5000/mirror/alpine:3.20
  berth copy docker.io/grafana/loki:3.0.0 oci-archive:loki.tar --platform linux/arm64
  berth copy oci-archive:loki.tar registry.lan/mirror/loki:3.0.0 --ca lan-ca.pem
  berth copy old.example.com/team/app new.example.com/team/app --all-tags --referrers";

/// A repository to push to, and the tag that was named.
pub(super) fn open_target(
    place: &Place,
    options: &Options,
) -> anyhow::Result<(Repository, Option<Tag>)> {
    let Location::Registry(registry, name) = &place.location else {
        anyhow::bail!("write a repository in a registry, as `HOST[:PORT]/NAME[:TAG]`");
    };
    anyhow::ensure!(place.digest.is_none(), "a digest cannot be pushed to: write a tag, or none");
    let repository = ends::open_registry(registry, name, place.scheme, options)?;
    Ok((repository, place.tag.clone()))
}

/// Copy images between registries, layout directories and tar files
#[derive(Debug, Args)]
#[command(after_help = HELP)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct Copy {
    /// What to copy
    #[arg(value_name = "SRC")]
    source: Place,
    /// Where to put it
    #[arg(value_name = "DST")]
    target: Place,
    /// Copy only the image for this platform, `os/arch` or `os/arch/variant`
    #[arg(long, value_name = "PLATFORM", conflicts_with = "all_tags")]
    platform: Option<Platform>,
    /// Copy what refers to the images, too: signatures, attestations, SBOMs, and what refers to those
    #[arg(long)]
    referrers: bool,
    /// Copy all tags of SRC
    #[arg(long)]
    all_tags: bool,
    /// How many blobs are under way at a time
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    /// Upload blobs in pieces of this size, such as `50MiB`: for proxies that limit the size of requests
    #[arg(long, value_name = "SIZE")]
    chunk_size: Option<ByteSize>,
    /// Say nothing but the result
    #[arg(long, short)]
    quiet: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// A manifest that was copied, and the tag that it got.
type Copied = (Digest, Option<Tag>);

impl Copy {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        self.check();
        let mut options = self.connection.options()?;
        options.chunk_size = self.chunk_size.map(ByteSize::get);
        let from = From::open(&self.source, &options).map_err(explained)?;
        // Before the target is touched: an image that is not there should leave nothing behind.
        let one =
            if self.all_tags { None } else { Some(self.choose(&from).await.map_err(explained)?) };
        let to = To::open(&self.target, &options).await.map_err(explained)?;
        let progress = Progress::new(self.quiet);
        let plan = Plan {
            referrers: self.referrers,
            blobs_at_a_time: usize::from(self.jobs),
            ..Plan::default()
        };
        let transfer = Transfer::new(from, to, plan, progress.observer());
        // On an interrupt nothing needs to be undone: what is there is whole, or continued by the next copy.
        let copied = tokio::select! {
            copied = self.copy(&transfer, one) => copied,
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!(
                "interrupted\nhint: the same command goes on where this one stopped"
            )),
        };
        progress.finish();
        let copied = copied.map_err(explained)?;
        let summary = transfer.summary();
        progress.say(&told_summary(&summary));
        self.print(&copied, &summary)
    }

    /// What clap cannot see in the arguments; a mistake ends the program as any other in them does.
    fn check(&self) {
        let mistake = if self.all_tags && (self.source.names_one() || self.target.names_one()) {
            "with `--all-tags`, neither SRC nor DST may name a tag or a digest"
        } else if self.source.location == self.target.location && !self.target.names_one() {
            "SRC and DST are the same place"
        } else {
            return;
        };
        clap::Error::raw(ErrorKind::ValueValidation, format!("{mistake}\n")).exit()
    }

    async fn copy(
        &self,
        transfer: &Transfer<From, To>,
        one: Option<(Fetched, Option<Tag>)>,
    ) -> anyhow::Result<Vec<Copied>> {
        let copied = match one {
            Some((manifest, tag)) => {
                transfer.copy(&manifest, tag.as_ref()).await?;
                if tag.is_none() {
                    transfer.target().keep_untagged(&manifest).await?;
                }
                vec![(manifest.digest, tag)]
            }
            None => self.copy_all(transfer).await?,
        };
        transfer.target().finish().await?;
        Ok(copied)
    }

    /// The manifest to copy, and the tag to give it.
    async fn choose(&self, source: &From) -> anyhow::Result<(Fetched, Option<Tag>)> {
        let (reference, own_tag) = source.choose(&self.source)?;
        let mut manifest = load(source, &self.source, &reference).await?;
        if let Some(platform) = &self.platform {
            manifest = platform::pick(source, manifest, platform).await?;
        }
        if let Some(expected) = &self.target.digest
            && *expected != manifest.digest
        {
            anyhow::bail!(
                "DST names {expected}, but what would be copied is {}; nothing was copied",
                manifest.digest
            );
        }
        // A digest in DST without a tag says that no tag is wanted.
        let tag = match (&self.target.tag, &self.target.digest) {
            (Some(tag), _) => Some(tag.clone()),
            (None, Some(_)) => None,
            (None, None) => own_tag,
        };
        Ok((manifest, tag))
    }

    async fn copy_all(&self, transfer: &Transfer<From, To>) -> anyhow::Result<Vec<Copied>> {
        let mut copied = Vec::new();
        if let From::Registry(repository) = transfer.source() {
            let mut cursor = None;
            loop {
                let page = repository.list_tags(cursor).await?;
                for tag in page.tags {
                    copied.push(self.copy_tag(transfer, tag).await?);
                }
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
        } else {
            for tag in transfer.source().tags()? {
                copied.push(self.copy_tag(transfer, tag).await?);
            }
        }
        anyhow::ensure!(!copied.is_empty(), "{} has no tags; nothing was copied", self.source);
        Ok(copied)
    }

    async fn copy_tag(&self, transfer: &Transfer<From, To>, tag: Tag) -> anyhow::Result<Copied> {
        let manifest = load(transfer.source(), &self.source, &Reference::Tag(tag.clone())).await?;
        transfer.copy(&manifest, Some(&tag)).await?;
        Ok((manifest.digest, Some(tag)))
    }

    fn print(&self, copied: &[Copied], summary: &Summary) -> anyhow::Result<()> {
        if self.json {
            let images: Vec<_> = copied
                .iter()
                .map(|(digest, tag)| serde_json::json!({ "digest": digest, "tag": tag }))
                .collect();
            return print_json(&serde_json::json!({
                "source": self.source.location.to_string(),
                "target": self.target.location.to_string(),
                "images": images,
                "manifests": summary.manifests,
                "blobs_transferred": summary.transferred,
                "bytes_transferred": summary.transferred_bytes,
                "blobs_mounted": summary.mounted,
                "blobs_present": summary.present,
            }));
        }
        for (digest, tag) in copied {
            let tag = tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
            print(&format!("{digest}  {}{tag}", self.target.location))?;
        }
        Ok(())
    }
}

async fn load(source: &From, place: &Place, reference: &Reference) -> anyhow::Result<Fetched> {
    let found = source.find_manifest(reference).await?;
    found.ok_or_else(|| {
        anyhow::anyhow!(
            "{} has no manifest {reference}\nhint: a registry also says so where the right to see it is missing",
            place.location
        )
    })
}

/// What was done, in words.
pub(super) fn told_summary(summary: &Summary) -> String {
    format!(
        "{} put; {} ({}) transferred, {} mounted, {} there before",
        count(summary.manifests, "manifest"),
        count(summary.transferred, "blob"),
        size(summary.transferred_bytes),
        summary.mounted,
        summary.present
    )
}

fn explained(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<Error>() {
        Ok(error) => told(error),
        Err(error) => error,
    }
}
