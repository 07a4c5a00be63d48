//! Whole images: very many small ones pushed, and larger ones pulled by very many clients.

use std::{sync::Arc, time::Instant};

use anyhow::{Result, ensure};

use crate::{
    bench::Setting,
    client::{Client, Scope, Way},
    drive::{self, Measured, Samples},
    image::{Image, blob_path, manifest_path},
    noise,
    stock::{IMAGES, Stock},
};

const PUSHERS: usize = 16;
const PULLERS: usize = 200;
/// Config and two layers.
const SMALL: &[u64] = &[1024, 4096, 16 << 10];

/// Each client has its own repository; a blob is POST and PUT, then comes the manifest under a tag.
pub(crate) fn push_small(setting: &Setting) -> Result<Measured> {
    let (bench, round) = (setting.bench, setting.round);
    let seeds = (0..bench.sizes.small_images as u64).map(|image| ((round + 1) << 32) + 10 * image);
    let images: Arc<[Image]> = seeds.map(|seed| Image::new(&bench.noise, seed, SMALL)).collect();
    let target = setting.target.clone();
    let pushed = images.clone();
    let prepare = async move |index| Client::open(&target, Scope::Push(&repository(index))).await;
    let measured = drive::run(PUSHERS, setting.processes, prepare, async move |client, index| {
        let mut samples = Samples::default();
        let name = repository(index);
        for (number, image) in images.iter().enumerate().skip(index).step_by(PUSHERS) {
            let begun = Instant::now();
            for blob in &image.blobs {
                client.push_blob(&name, &bench.noise, *blob, Way::Monolithic).await?;
            }
            let path = manifest_path(&name, &format!("v{number}"));
            client.put_manifest(&path, &image.manifest).await?;
            samples.add(begun, 1.0);
        }
        Ok(samples)
    })?;
    drive::apart(async {
        for (number, image) in pushed.iter().enumerate().step_by(97) {
            let name = repository(number);
            let mut client = Client::open(&setting.target, Scope::Pull(&name)).await?;
            let path = manifest_path(&name, &format!("v{number}"));
            client.get_verified(&path, &noise::digest_of(&image.manifest)).await?;
            for blob in &image.blobs {
                let digest = bench.noise.digest(*blob);
                client.get_verified(&blob_path(&name, &digest), &digest).await?;
            }
        }
        Ok(())
    })?;
    Ok(measured)
}

fn repository(index: usize) -> String {
    format!("bench/small-{}", index % PUSHERS)
}

/// Manifest by tag, config, five layers, on a new connection for each image.
pub(crate) fn pull(setting: &Setting) -> Result<Measured> {
    let bench = setting.bench;
    let images: Vec<Vec<(String, u64)>> = Stock::Images
        .images(bench)
        .iter()
        .enumerate()
        .map(|(number, image)| {
            let manifest =
                (manifest_path(IMAGES, &format!("v{number}")), image.manifest.len() as u64);
            let blobs = image
                .blobs
                .iter()
                .map(|blob| (blob_path(IMAGES, &bench.noise.digest(*blob)), blob.size));
            std::iter::once(manifest).chain(blobs).collect()
        })
        .collect();
    let first = Stock::Images.images(bench)[0].blobs[1];
    let digest = bench.noise.digest(first);
    let target = setting.target.clone();
    let images = Arc::new(images);
    let times = bench.sizes.image_pulls / PULLERS;
    let prepare = async move |index| {
        let mut client = Client::open(&target, Scope::Pull(IMAGES)).await?;
        if index == 0 {
            client.get_verified(&blob_path(IMAGES, &digest), &digest).await?;
        }
        Ok(client)
    };
    drive::run(PULLERS, setting.processes, prepare, async move |client, index| {
        let mut samples = Samples::default();
        for time in 0..times {
            let begun = Instant::now();
            client.reconnect().await?;
            for (path, size) in &images[(index + time * 7) % images.len()] {
                ensure!(client.get(path).await? == *size, "{path} was cut short");
            }
            samples.add(begun, 1.0);
        }
        Ok(samples)
    })
}
