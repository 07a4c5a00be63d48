//! What a server holds before a scenario begins: pushed once per peer and run, or laid out as files for nginx.

use std::{fs, path::Path, sync::Arc};

use anyhow::{Context as _, Result};

use crate::{
    bench::Bench,
    client::{Client, Scope, Way},
    drive::{self, Samples},
    image::{Image, blob_path, manifest_path},
    noise::Blob,
    peer::Peer,
    server::Server,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stock {
    /// One blob of a GiB.
    Big,
    /// One image of small blobs.
    Small,
    /// One blob of 64 MiB.
    Slow,
    /// Some images of five layers of a MiB.
    Images,
    /// One manifest with very many tags.
    Tags,
    /// Very many repositories of one manifest.
    Repositories,
}

pub(crate) const BIG: &str = "bench/big";
pub(crate) const SMALL: &str = "bench/small";
pub(crate) const SLOW: &str = "bench/slow";
pub(crate) const IMAGES: &str = "bench/images";
pub(crate) const TAGS: &str = "bench/tags";

/// Requests under one token and on one connection while filling.
const BATCH: usize = 20;
const CLIENTS: usize = 16;

/// Everything of one stock, in the order in which it must arrive.
struct Goods {
    blobs: Vec<(String, Blob)>,
    manifests: Vec<(String, String, Vec<u8>)>,
}

impl Stock {
    /// Blobs that scenarios ask for by digest.
    pub(crate) fn blob(self, bench: &Bench) -> Blob {
        match self {
            Self::Big => Blob { seed: 1, size: bench.sizes.big },
            Self::Slow => Blob { seed: 2, size: bench.sizes.slow },
            _ => Blob { seed: 11, size: 4096 },
        }
    }

    pub(crate) fn images(self, bench: &Bench) -> Vec<Image> {
        const MIB: u64 = 1 << 20;
        let sizes: &[u64] = match self {
            Self::Small => &[1024, 4096, 4096, 4096],
            Self::Images => &[1024, MIB, MIB, MIB, MIB, MIB],
            Self::Tags | Self::Repositories => &[1024],
            Self::Big | Self::Slow => &[],
        };
        let count = match self {
            Self::Images => bench.sizes.images as u64,
            Self::Big | Self::Slow => 0,
            _ => 1,
        };
        (0..count).map(|image| Image::new(&bench.noise, 10 + 100 * image, sizes)).collect()
    }

    fn goods(self, bench: &Bench) -> Goods {
        let images = self.images(bench);
        let blobs_in = |name: &str| {
            images
                .iter()
                .flat_map(|image| &image.blobs)
                .map(|blob| (name.to_owned(), *blob))
                .collect()
        };
        let manifests_in = |name: &str| {
            let tags = (0..).map(|index| format!("v{index}"));
            tags.zip(&images)
                .map(|(tag, image)| (name.to_owned(), tag, image.manifest.clone()))
                .collect()
        };
        match self {
            Self::Big => Goods { blobs: vec![(BIG.into(), self.blob(bench))], manifests: vec![] },
            Self::Slow => Goods { blobs: vec![(SLOW.into(), self.blob(bench))], manifests: vec![] },
            Self::Small => Goods { blobs: blobs_in(SMALL), manifests: manifests_in(SMALL) },
            Self::Images => Goods { blobs: blobs_in(IMAGES), manifests: manifests_in(IMAGES) },
            Self::Tags => {
                let tags = (0..bench.sizes.tags).map(tag);
                let manifests = tags.map(|tag| (TAGS.into(), tag, images[0].manifest.clone()));
                Goods { blobs: blobs_in(TAGS), manifests: manifests.collect() }
            }
            Self::Repositories => {
                let names: Vec<_> = (0..bench.sizes.repositories).map(repository).collect();
                let manifests = names.iter().flat_map(|name| manifests_in(name)).collect();
                Goods { blobs: names.iter().flat_map(|name| blobs_in(name)).collect(), manifests }
            }
        }
    }

    /// Puts the stock into a peer's directory.
    pub(crate) fn fill(self, bench: &'static Bench, peer: Peer, data: &Path) -> Result<()> {
        let goods = self.goods(bench);
        if peer == Peer::Nginx {
            return write_files(bench, &data.join("www"), &goods);
        }
        let server = Server::start(peer, &bench.programs, data)?;
        let pushed = push(bench, &server, &goods).with_context(|| {
            format!("cannot fill {peer} with {self:?}; its log ends with:\n{}", server.log_text())
        });
        server.stop()?;
        pushed
    }
}

/// The name of the tag with this number, in the order of the list.
pub(crate) fn tag(index: usize) -> String {
    format!("tag-{index:06}")
}

pub(crate) fn repository(index: usize) -> String {
    format!("bench/repository-{index:05}")
}

fn push(bench: &'static Bench, server: &Server, goods: &Goods) -> Result<()> {
    each(
        server,
        &goods.blobs,
        |(name, _)| name,
        async move |client, (name, blob)| {
            client.push_blob(name, &bench.noise, *blob, Way::Monolithic).await
        },
    )?;
    each(
        server,
        &goods.manifests,
        |(name, ..)| name,
        async move |client, (name, tag, body)| {
            client.put_manifest(&manifest_path(name, tag), body).await
        },
    )
}

/// Does a piece of work for each item, many at once, with tokens for as many repositories as a batch holds.
fn each<T: Clone + Send + Sync + 'static>(
    server: &Server,
    items: &[T],
    name: impl Fn(&T) -> &String + Copy + Send + 'static,
    work: impl AsyncFn(&mut Client, &T) -> Result<()> + Clone + Send + 'static,
) -> Result<()> {
    let items: Arc<[T]> = items.into();
    let target = server.target.clone();
    let prepare = async |_| Ok(());
    drive::run(CLIENTS, server.processes(), prepare, async move |(), index| {
        for batch in items.chunks(BATCH).skip(index).step_by(CLIENTS) {
            let mut names: Vec<_> = batch.iter().map(|item| name(item).clone()).collect();
            names.dedup();
            let mut client = Client::open(&target, Scope::PushEach(&names)).await?;
            for item in batch {
                work(&mut client, item).await?;
            }
        }
        Ok(Samples::default())
    })?;
    Ok(())
}

fn write_files(bench: &Bench, root: &Path, goods: &Goods) -> Result<()> {
    let write = |path: String, bytes: &[u8]| {
        let path = root.join(path.trim_start_matches('/'));
        let parent = path.parent().context("a file is in a directory")?;
        fs::create_dir_all(parent)?;
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
    };
    for (name, blob) in &goods.blobs {
        write(blob_path(name, &bench.noise.digest(*blob)), &bench.noise.bytes(*blob))?;
    }
    for (name, tag, manifest) in &goods.manifests {
        write(manifest_path(name, tag), manifest)?;
    }
    Ok(())
}
