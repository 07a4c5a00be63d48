//! Small requests on connections that are kept, for a fixed time.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::{
    bench::Setting,
    client::{Client, Scope},
    drive::{self, Measured, Samples},
    image::{blob_path, manifest_path},
    noise,
    stock::{SMALL, Stock},
};

const CLIENTS: usize = 64;

pub(crate) fn manifest_get(setting: &Setting) -> Result<Measured> {
    let image = Stock::Small.images(setting.bench).remove(0);
    let digest = noise::digest_of(&image.manifest);
    let path = manifest_path(SMALL, "v0");
    let size = image.manifest.len() as u64;
    repeat(setting, CLIENTS, path, digest, size, async |client, path| client.get(path).await)
}

pub(crate) fn blob_head(setting: &Setting) -> Result<Measured> {
    let blob = Stock::Small.blob(setting.bench);
    let digest = setting.bench.noise.digest(blob);
    let path = blob_path(SMALL, &digest);
    repeat(setting, CLIENTS, path, digest, blob.size, async |client, path| client.head(path).await)
}

pub(crate) fn blob_get(setting: &Setting) -> Result<Measured> {
    let blob = Stock::Small.blob(setting.bench);
    let digest = setting.bench.noise.digest(blob);
    let path = blob_path(SMALL, &digest);
    repeat(setting, 1, path, digest, blob.size, async |client, path| client.get(path).await)
}

/// The same request again and again; each client's first one is untimed, and its body is hashed.
fn repeat(
    setting: &Setting,
    clients: usize,
    path: String,
    digest: String,
    size: u64,
    ask: impl AsyncFn(&mut Client, &str) -> Result<u64> + Clone + Send + 'static,
) -> Result<Measured> {
    let lasting = setting.bench.sizes.lasting;
    let target = setting.target.clone();
    let timed_path = path.clone();
    let prepare = async move |_| {
        let mut client = Client::open(&target, Scope::Pull(SMALL)).await?;
        client.get_verified(&path, &digest).await?;
        Ok(client)
    };
    drive::run(clients, setting.processes, prepare, async move |client, _| {
        let mut samples = Samples::default();
        let first = Instant::now();
        while first.elapsed() < lasting {
            let begun = Instant::now();
            let length = ask(client, &timed_path).await?;
            ensure!(length == size, "{timed_path} gave {length} bytes instead of {size}");
            samples.add(begun, 1.0);
        }
        Ok(samples)
    })
}
