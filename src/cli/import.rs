//! `berth import`: takes over what another registry, a layout or an archive holds.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use serde_json::Value;

use super::client::{Connection, Server, heed_scheme, part, told};
use super::copy::{From, Own, Progress, To, Tree, open_registry, open_source, told_summary};
use super::credentials::CredentialFiles;
use super::output::{count, print_json, say};
use super::settings::Settings;
use crate::app::App;
use crate::clock::Clock;
use crate::oci::{Digest, Reference, RepositoryName, RepositoryPattern, Tag, TagPattern};
use crate::remote::transfer::{Plan, Source as _, Summary, Transfer};
use crate::remote::{Options, Registry, Remote};

const HELP: &str = "\
SRC is one of
  DIR                      the files of registry:2 (distribution), where its `rootdirectory` is; or an
                           OCI image layout
  FILE.tar, FILE.tar.gz    an OCI image layout in a tar file, or what `docker save` wrote; also of
                           gzip or zstd, which needs room for it unpacked in TMPDIR
  HOST[:PORT][/NAME]       a registry, or one repository of it

Images go into the data directory, which no Berth may be serving meanwhile; or, with --to, into a
registry that runs. Bytes of the files of a registry on the same file system are not copied: the
blobs get a second name there, after their digests were checked. What is there already is not
brought again: after an interrupt, the same command goes on.

Examples:
  berth import /var/lib/registry
  berth import /var/lib/registry --repository 'team/**' --tag 'v*'
  berth import app.tar --into team/app
  berth import old.example.com --repository 'team/**' --to registry.example.com";

/// Take over images: from the files of registry:2, layouts, archives, or another registry
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Import {
    /// What to take over
    #[arg(value_name = "SRC")]
    source: String,
    /// The repository that a layout or archive goes into
    #[arg(long, value_name = "REPOSITORY")]
    into: Option<RepositoryName>,
    /// Only these repositories, such as `team/**`; may be repeated
    #[arg(long = "repository", value_name = "PATTERN")]
    repositories: Vec<RepositoryPattern>,
    /// Only these tags, such as `v*`; may be repeated
    #[arg(long = "tag", value_name = "PATTERN")]
    tags: Vec<TagPattern>,
    /// The running registry that it goes into, instead of the data directory
    #[arg(long, value_name = "HOST[:PORT]")]
    to: Option<String>,
    /// How many blobs are under way at a time
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    /// Say nothing but the result
    #[arg(long, short)]
    quiet: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    settings: Settings,
}

/// What SRC turned out to be.
enum Kind {
    Tree(Tree),
    /// A layout or archive, and how it would be written for `berth copy`.
    File(String),
    Registry(Registry, Option<RepositoryName>),
}

/// Where images go.
enum Destination {
    Own(Arc<App>),
    Registry(Registry),
}

/// What came of it.
#[derive(Debug, Default)]
struct Outcome {
    tags: u64,
    untagged: u64,
    summary: Summary,
    /// What was not taken over, and why.
    failures: Vec<(String, String)>,
}

impl Import {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let kind = self.look()?;
        let mut options = self.connection.options()?;
        let destination = match &self.to {
            Some(url) => {
                let registry: Registry = url.parse()?;
                heed_scheme(&mut options, url, &registry);
                Destination::Registry(registry)
            }
            None => {
                let config = self.settings.load(None)?.config;
                Destination::Own(App::open(config, Clock::system()).await?)
            }
        };
        let imported = tokio::select! {
            imported = self.import(&kind, &destination, &options) => imported,
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!(
                "interrupted\nhint: the same command goes on where this one stopped"
            )),
        };
        if let Destination::Own(app) = destination {
            app.close().await;
        }
        self.tell(&imported?)
    }

    /// Finds out what SRC is, before anything is opened or made.
    fn look(&self) -> anyhow::Result<Kind> {
        let path = Path::new(&self.source);
        let kind = match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => self.look_into(path)?,
            Ok(_) => Kind::File(archive(path)?),
            Err(_) => {
                let bare = self.source.trim_start_matches("https://").trim_start_matches("http://");
                let (host, name) = bare.split_once('/').unwrap_or((bare, ""));
                if !(host.contains(['.', ':']) || host == "localhost") || host.starts_with('.') {
                    anyhow::bail!(
                        "there is no file or directory `{}`, and it names no registry",
                        self.source
                    );
                }
                let name = if name.is_empty() { None } else { Some(name.parse()?) };
                let scheme = &self.source[..self.source.len() - bare.len()];
                Kind::Registry(format!("{scheme}{host}").parse()?, name)
            }
        };
        match (&kind, &self.into) {
            (Kind::File(_), None) => {
                anyhow::bail!("say which repository {} goes into: `--into team/app`", self.source)
            }
            (Kind::Tree(_) | Kind::Registry(_, None), Some(_)) => anyhow::bail!(
                "`--into` is for one repository; {} may hold many, which keep their names",
                self.source
            ),
            _ => Ok(kind),
        }
    }

    fn look_into(&self, path: &Path) -> anyhow::Result<Kind> {
        if path.join("oci-layout").is_file() {
            return Ok(Kind::File(format!("oci:{}", self.source)));
        }
        Tree::find(path).map(Kind::Tree).with_context(|| {
            format!(
                "{} is neither an image layout (it has no `oci-layout`) nor a directory of registry:2 (it has no `docker/registry/v2`)",
                path.display()
            )
        })
    }

    fn wants(&self, name: &RepositoryName) -> bool {
        self.repositories.is_empty()
            || self.repositories.iter().any(|pattern| pattern.matches(name))
    }

    fn wants_tag(&self, tag: &Tag) -> bool {
        self.tags.is_empty() || self.tags.iter().any(|pattern| pattern.matches(tag))
    }

    async fn import(
        &self,
        kind: &Kind,
        destination: &Destination,
        options: &Options,
    ) -> anyhow::Result<Outcome> {
        let mut outcome = Outcome::default();
        match kind {
            Kind::File(place) => {
                let name = self.into.clone().context("no repository is named")?;
                let source = open_source(place, options)?;
                let tags = source.tags()?;
                let untagged =
                    if tags.is_empty() { source.only_digest(place)? } else { Vec::new() };
                self.take(&name, source, tags, untagged, destination, options, &mut outcome)
                    .await?;
            }
            Kind::Tree(tree) => {
                for name in tree.repositories()?.into_iter().filter(|name| self.wants(name)) {
                    let repository = tree.repository(&name);
                    let (tags, revisions) = (repository.tags()?, repository.revisions()?);
                    // What has no tag is wanted unless somebody wants certain tags alone.
                    let untagged = if self.tags.is_empty() { revisions } else { Vec::new() };
                    let source = From::Tree(repository);
                    self.take(&name, source, tags, untagged, destination, options, &mut outcome)
                        .await?;
                }
            }
            Kind::Registry(registry, one) => {
                let names = match one {
                    Some(name) => vec![name.clone()],
                    None => self.names(registry, options).await?,
                };
                for name in names {
                    let repository = open_registry(registry, &name, &self.source, options)?;
                    let tags = all_tags(&repository).await.map_err(told)?;
                    let into = self.into.clone().unwrap_or_else(|| name.clone());
                    let source = From::Registry(repository);
                    self.take(&into, source, tags, Vec::new(), destination, options, &mut outcome)
                        .await?;
                }
            }
        }
        Ok(outcome)
    }

    /// The repositories of a registry that are wanted. Those that are named by their whole names need no catalogue, which
    /// some registries do not give.
    async fn names(
        &self,
        registry: &Registry,
        options: &Options,
    ) -> anyhow::Result<Vec<RepositoryName>> {
        let named = self.repositories.iter().map(|pattern| pattern.as_str().parse());
        if let Ok(names) = named.collect::<Result<Vec<RepositoryName>, _>>()
            && !names.is_empty()
        {
            return Ok(names);
        }
        let mut options = options.clone();
        heed_scheme(&mut options, &self.source, registry);
        let credentials = CredentialFiles::of_user().find(registry, None)?;
        let server = Server::of(Remote::new(registry.clone(), credentials, &options)?);
        let (mut found, mut last) = (Vec::new(), String::new());
        loop {
            let query =
                if last.is_empty() { String::new() } else { format!("&last={}", part(&last)) };
            let page: Value = server.get(&format!("v2/_catalog?n=1000{query}")).await?;
            let names = page["repositories"].as_array().cloned().unwrap_or_default();
            let newest = names.last().and_then(Value::as_str).unwrap_or_default().to_owned();
            if newest.is_empty() || newest <= last {
                break;
            }
            last = newest;
            let names = names.iter().filter_map(|name| name.as_str()?.parse().ok());
            found.extend(names.filter(|name| self.wants(name)));
        }
        Ok(found)
    }

    async fn take(
        &self,
        name: &RepositoryName,
        source: From,
        tags: Vec<Tag>,
        untagged: Vec<Digest>,
        destination: &Destination,
        options: &Options,
        outcome: &mut Outcome,
    ) -> anyhow::Result<()> {
        let target = match destination {
            Destination::Own(app) => To::Own(Own::new(Arc::clone(app), name.clone()).await?),
            Destination::Registry(registry) => {
                let scheme = self.to.as_deref().unwrap_or_default();
                To::Registry(open_registry(registry, name, scheme, options)?)
            }
        };
        let progress = Progress::new(self.quiet);
        let plan =
            Plan { referrers: true, blobs_at_a_time: usize::from(self.jobs), ..Plan::default() };
        let transfer = Transfer::new(source, target, plan, progress.observer());
        let mut done = std::collections::HashSet::new();
        for tag in tags.into_iter().filter(|tag| self.wants_tag(tag)) {
            match copy(&transfer, &Reference::Tag(tag.clone()), Some(&tag)).await {
                Ok(digest) => {
                    done.insert(digest);
                    outcome.tags += 1;
                }
                Err(error) => {
                    outcome.failures.push((format!("{name}:{tag}"), format!("{error:#}")));
                }
            }
        }
        for digest in untagged.into_iter().filter(|digest| !done.contains(digest)) {
            match copy(&transfer, &Reference::Digest(digest.clone()), None).await {
                Ok(_) => outcome.untagged += 1,
                Err(error) => {
                    outcome.failures.push((format!("{name}@{digest}"), format!("{error:#}")));
                }
            }
        }
        progress.finish();
        let summary = transfer.summary();
        let all = &mut outcome.summary;
        all.manifests += summary.manifests;
        all.transferred += summary.transferred;
        all.transferred_bytes += summary.transferred_bytes;
        all.present += summary.present;
        all.mounted += summary.mounted;
        Ok(())
    }

    fn tell(&self, outcome: &Outcome) -> anyhow::Result<()> {
        let Outcome { tags, untagged, summary, failures } = outcome;
        if self.json {
            let failures: BTreeMap<_, _> = failures.iter().cloned().collect();
            print_json(&serde_json::json!({
                "tags": tags, "untagged": untagged, "manifests": summary.manifests,
                "blobs_transferred": summary.transferred, "bytes_transferred": summary.transferred_bytes,
                "blobs_mounted": summary.mounted, "blobs_present": summary.present, "failures": failures,
            }))?;
        } else {
            say(&format!(
                "took over {} and {} without one: {}",
                count(*tags, "tag"),
                count(*untagged, "manifest"),
                told_summary(summary)
            ));
            for (what, why) in failures {
                say(&format!("not {what}: {why}"));
            }
        }
        if failures.is_empty() {
            return Ok(());
        }
        anyhow::bail!(
            "{} could not be taken over; all else was",
            count(failures.len() as u64, "image")
        )
    }
}

async fn copy(
    transfer: &Transfer<From, To>,
    reference: &Reference,
    tag: Option<&Tag>,
) -> anyhow::Result<Digest> {
    let found = transfer.source().find_manifest(reference).await.map_err(told)?;
    let found = found.with_context(|| format!("there is no manifest {reference}"))?;
    transfer.copy(&found, tag).await.map_err(told)?;
    Ok(found.digest)
}

async fn all_tags(
    repository: &crate::remote::Repository,
) -> Result<Vec<Tag>, crate::remote::Error> {
    let (mut tags, mut cursor) = (Vec::new(), None);
    loop {
        let page = repository.list_tags(cursor).await?;
        tags.extend(page.tags);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(tags);
        }
    }
}

/// What kind of archive a file is, as `berth copy` writes it.
fn archive(path: &Path) -> anyhow::Result<String> {
    let kind = super::copy::archive_kind(path).map_err(told)?;
    Ok(format!("{kind}:{}", path.display()))
}
