//! Fills a data directory of Berth with very many manifests, through its own API, to measure the start on.

use std::{fs, os::unix::fs::symlink, path::Path, time::Instant};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::{
    bench::Bench,
    client::{Client, Scope, Way},
    drive::{self, Samples},
    image::{Image, manifest_path},
    peer::Peer,
    server::Server,
    stock,
};

const CLIENTS: usize = 32;
const PER_REPOSITORY: usize = 10_000;

/// Makes `home` a directory that a peer can be started on, whose Berth data is `given`.
pub(crate) fn link(given: &Path, home: &Path) -> Result<()> {
    let link = home.join("berth");
    if link.exists() {
        return Ok(());
    }
    let given = given.canonicalize().with_context(|| format!("no {}", given.display()))?;
    fs::create_dir_all(home).with_context(|| format!("cannot make {}", home.display()))?;
    symlink(given, &link).with_context(|| format!("cannot make {}", link.display()))
}

/// Pushes so many manifests, each with a tag and content of its own, to repositories of 10,000.
pub(crate) fn fill(
    bench: &'static Bench,
    data: &Path,
    scratch: &Path,
    manifests: usize,
) -> Result<()> {
    fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
    link(data, scratch)?;
    let server = Server::start(Peer::Berth, &bench.programs, scratch)?;
    let target = server.target.clone();
    let begun = Instant::now();
    let prepare = async |_| Ok(());
    let done = drive::run(CLIENTS, server.processes(), prepare, async move |(), index| {
        let image = Image::new(&bench.noise, 10, &[1024]);
        for first in (0..manifests).step_by(PER_REPOSITORY) {
            let name = stock::repository(first / PER_REPOSITORY);
            let mut client = Client::open(&target, Scope::Push(&name)).await?;
            client.push_blob(&name, &bench.noise, image.blobs[0], Way::Monolithic).await?;
            let last = manifests.min(first + PER_REPOSITORY);
            for number in (first + index..last).step_by(CLIENTS) {
                let mut manifest: Value = serde_json::from_slice(&image.manifest)?;
                manifest["annotations"] = json!({ "number": number.to_string() });
                let path = manifest_path(&name, &stock::tag(number));
                client.put_manifest(&path, manifest.to_string().as_bytes()).await?;
            }
        }
        Ok(Samples::default())
    });
    let log = server.log_text();
    server.stop()?;
    done.with_context(|| format!("berth's log ends with:\n{log}"))?;
    eprintln!("{manifests} manifests in {:.0} s", begun.elapsed().as_secs_f64());
    Ok(())
}
