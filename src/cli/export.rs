//! `berth export`: images as a plain OCI layout.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;

use super::client::{ServerArgs, told};
use super::copy::{From, Own, Progress, To, create_target, told_summary};
use super::named::Named;
use super::output::{print, say};
use super::settings::Settings;
use crate::app::App;
use crate::clock::Clock;
use crate::oci::{Reference, Tag};
use crate::remote::transfer::{Plan, Source as _, Transfer};

/// Write images to a directory or a tar file, as a plain OCI layout
#[derive(Debug, Args)]
#[command(
    after_help = "Of a data directory on this machine, or of a running registry with --server. What is there already is\nnot written again: after an interrupt, the same command goes on.\n\nExamples:\n  berth export team/app:v1 --to app.tar\n  berth export team/app:v1 team/app:v2 --to images --referrers\n  berth export team/app@sha256:9f86d0… --to app --server https://registry.example.com"
)]
pub(super) struct Export {
    /// `team/app:v1` or `team/app@sha256:…`
    #[arg(required = true, value_name = "REFERENCE")]
    references: Vec<Named>,
    /// A directory, or a file that ends in `.tar`
    #[arg(long, value_name = "DIR|FILE.tar")]
    to: PathBuf,
    /// With what refers to the images: signatures, attestations, SBOMs
    #[arg(long)]
    referrers: bool,
    /// Say nothing but the result
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    settings: Settings,
}

impl Export {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let images = self.images()?;
        let app = if self.server.is_named() {
            None
        } else {
            let config = self.settings.load(None)?.config;
            anyhow::ensure!(
                config.storage.data.join("berth.db").exists(),
                "there is no registry in {}: name its data directory with --data, or a running one with --server",
                config.storage.data.display()
            );
            Some(App::open_beside(config, Clock::system()).await?)
        };
        let done = self.export_all(app.as_ref(), &images).await;
        if let Some(app) = app {
            app.close().await;
        }
        done
    }

    async fn export_all(
        &self,
        app: Option<&Arc<App>>,
        images: &[(&Named, Reference)],
    ) -> anyhow::Result<()> {
        let mut target = None;
        for (named, reference) in images {
            let source = match app {
                Some(app) => From::Own(Own::new(Arc::clone(app), named.repository.clone()).await?),
                None => From::Registry(self.server.repository(&named.repository)?),
            };
            target = Some(self.export(source, target, named, reference).await?);
        }
        match target {
            Some(target) => target.finish().await.map_err(told),
            None => Ok(()),
        }
    }

    /// What is to be written. In a layout a tag names one image, whatever repository it is of.
    fn images(&self) -> anyhow::Result<Vec<(&Named, Reference)>> {
        let mut tags = HashMap::<Tag, &Named>::new();
        let mut images = Vec::new();
        for named in &self.references {
            let reference = named.reference.clone().with_context(|| {
                format!("`{named}` names no image: write `{named}:TAG` or `{named}@DIGEST`")
            })?;
            if let Reference::Tag(tag) = &reference
                && let Some(other) = tags.insert(tag.clone(), named)
            {
                anyhow::bail!(
                    "{other} and {named} would have the same name in one layout: export them to two"
                );
            }
            images.push((named, reference));
        }
        Ok(images)
    }

    async fn export(
        &self,
        source: From,
        target: Option<To>,
        named: &Named,
        reference: &Reference,
    ) -> anyhow::Result<To> {
        let found = source.find_manifest(reference).await.map_err(told)?;
        let found =
            found.with_context(|| format!("there is no {named}; nothing of it was written"))?;
        // Before the first image is known to be there, nothing is made.
        let target = match target {
            Some(target) => target,
            None => create_target(&self.to).await?,
        };
        let progress = Progress::new(self.quiet);
        let plan = Plan { referrers: self.referrers, ..Plan::default() };
        let transfer = Transfer::new(source, target, plan, progress.observer());
        let tag = match reference {
            Reference::Tag(tag) => Some(tag),
            Reference::Digest(_) => None,
        };
        transfer.copy(&found, tag).await.map_err(told)?;
        if tag.is_none() {
            transfer.target().keep_untagged(&found).await.map_err(told)?;
        }
        progress.finish();
        if !self.quiet {
            say(&told_summary(&transfer.summary()));
        }
        print(&format!("{}  {named}", found.digest))?;
        Ok(transfer.into_target())
    }
}
