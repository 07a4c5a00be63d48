//! Large blobs pushed as most clients do it: POST, one PATCH with all bytes, PUT with the digest.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::{
    bench::Setting,
    client::{Client, Scope, Way},
    drive::{self, Measured, Samples},
    image::blob_path,
    noise::Blob,
    proc::float,
};

const GIB: u64 = 1 << 30;

pub(crate) fn alone(setting: &Setting) -> Result<Measured> {
    push(setting, 1, setting.bench.sizes.big)
}

pub(crate) fn four(setting: &Setting) -> Result<Measured> {
    push(setting, 4, setting.bench.sizes.big)
}

pub(crate) fn many(setting: &Setting) -> Result<Measured> {
    push(setting, setting.bench.sizes.concurrent_pushes, setting.bench.sizes.concurrent_push)
}

fn push(setting: &Setting, clients: usize, size: u64) -> Result<Measured> {
    let (bench, round) = (setting.bench, setting.round);
    let blob = move |index: usize| Blob { seed: ((round + 1) << 32) + index as u64, size };
    for index in 0..clients {
        bench.noise.digest(blob(index));
    }
    let target = setting.target.clone();
    let prepare = async move |index| Client::open(&target, Scope::Push(&repository(index))).await;
    let measured = drive::run(clients, setting.processes, prepare, async move |client, index| {
        let mut samples = Samples::default();
        let begun = Instant::now();
        client.push_blob(&repository(index), &bench.noise, blob(index), Way::Streamed).await?;
        samples.add(begun, float(size) / float(GIB));
        Ok(samples)
    })?;
    drive::apart(async {
        for index in 0..clients {
            let name = repository(index);
            let mut client = Client::open(&setting.target, Scope::Pull(&name)).await?;
            let path = blob_path(&name, &bench.noise.digest(blob(index)));
            ensure!(client.head(&path).await? == size, "{path} does not have the size pushed");
            if index == 0 {
                client.get_verified(&path, &bench.noise.digest(blob(index))).await?;
            }
        }
        Ok(())
    })?;
    Ok(measured)
}

/// Few repositories, so that many clients do not need many tokens.
fn repository(index: usize) -> String {
    format!("bench/pushed-{}", index % 4)
}
