//! One large blob pulled by few and many, quickly and slowly.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::{
    bench::Setting,
    client::{Client, Scope},
    drive::{self, Measured, Samples},
    image::blob_path,
    proc::float,
    stock::{BIG, SLOW, Stock},
};

const GIB: u64 = 1 << 30;
/// What a slow reader lets the kernel hold, and takes at a time.
const WINDOW: u32 = 64 << 10;
const SIP: usize = 16 << 10;
const BETWEEN_SIPS: Duration = Duration::from_millis(250);

pub(crate) fn one(setting: &Setting) -> Result<Measured> {
    pull(setting, 1, setting.bench.sizes.pulls)
}

pub(crate) fn eight(setting: &Setting) -> Result<Measured> {
    pull(setting, 8, 1)
}

pub(crate) fn sixty_four(setting: &Setting) -> Result<Measured> {
    pull(setting, 64, 1)
}

fn pull(setting: &Setting, clients: usize, times: usize) -> Result<Measured> {
    let blob = Stock::Big.blob(setting.bench);
    let digest = setting.bench.noise.digest(blob);
    let path = blob_path(BIG, &digest);
    let target = setting.target.clone();
    let timed_path = path.clone();
    let prepare = async move |index| {
        let mut client = Client::open(&target, Scope::Pull(BIG)).await?;
        if index == 0 {
            // Also brings the blob into the page cache, for every peer alike.
            client.get_verified(&path, &digest).await?;
        } else {
            client.head(&path).await?;
        }
        Ok(client)
    };
    drive::run(clients, setting.processes, prepare, async move |client, _| {
        let mut samples = Samples::default();
        for _ in 0..times {
            let begun = Instant::now();
            ensure!(client.get(&timed_path).await? == blob.size, "a pull was cut short");
            samples.add(begun, float(blob.size) / float(GIB));
        }
        Ok(samples)
    })
}

/// Readers that take 64 KiB a second each: what a server holds for them is what counts.
pub(crate) fn slowly(setting: &Setting) -> Result<Measured> {
    let bench = setting.bench;
    let path = blob_path(SLOW, &bench.noise.digest(Stock::Slow.blob(bench)));
    let target = setting.target.clone();
    let prepare = async move |_| Client::open_with(&target, Scope::Pull(SLOW), Some(WINDOW)).await;
    drive::run(bench.sizes.slow_readers, setting.processes, prepare, async move |client, _| {
        let begun = Instant::now();
        client.get_slowly(&path).await?;
        let mut samples = Samples::default();
        samples.add(begun, 1.0);
        while begun.elapsed() < bench.sizes.slow_lasting {
            ensure!(client.sip(SIP).await? > 0, "a slow reader was cut off");
            tokio::time::sleep(BETWEEN_SIPS).await;
        }
        Ok(samples)
    })
}
