//! Many tags and many repositories: writing them, and reading a page from the midst of them.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::{
    bench::Setting,
    client::{Client, Scope, Way},
    drive::{self, Measured, Samples},
    image::manifest_path,
    noise,
    stock::{self, Stock, TAGS},
};

const PAGE: usize = 100;

pub(crate) fn push_tags(setting: &Setting) -> Result<Measured> {
    push(setting, 16, setting.bench.sizes.tags)
}

pub(crate) fn push_tags_alone(setting: &Setting) -> Result<Measured> {
    push(setting, 1, setting.bench.sizes.tags / 5)
}

fn push(setting: &Setting, clients: usize, tags: usize) -> Result<Measured> {
    let bench = setting.bench;
    let image = Stock::Tags.images(bench).remove(0);
    let manifest = image.manifest.clone();
    drive::apart(async {
        let mut client = Client::open(&setting.target, Scope::Push(TAGS)).await?;
        client.push_blob(TAGS, &bench.noise, image.blobs[0], Way::Monolithic).await?;
        client.put_manifest(&manifest_path(TAGS, "first"), &image.manifest).await
    })?;
    let target = setting.target.clone();
    let prepare = async move |_| Client::open(&target, Scope::Push(TAGS)).await;
    let measured = drive::run(clients, setting.processes, prepare, async move |client, index| {
        let mut samples = Samples::default();
        for number in (index..tags).step_by(clients) {
            let begun = Instant::now();
            client.put_manifest(&manifest_path(TAGS, &stock::tag(number)), &manifest).await?;
            samples.add(begun, 1.0);
        }
        Ok(samples)
    })?;
    drive::apart(async {
        let mut client = Client::open(&setting.target, Scope::Pull(TAGS)).await?;
        let path = manifest_path(TAGS, &stock::tag(tags - 1));
        client.get_verified(&path, &noise::digest_of(&image.manifest)).await
    })?;
    Ok(measured)
}

pub(crate) fn tag_page(setting: &Setting) -> Result<Measured> {
    let tags = setting.bench.sizes.tags;
    page(setting, Scope::Pull(TAGS), tags, |after| {
        format!("/v2/{TAGS}/tags/list?n={PAGE}&last={}", stock::tag(after))
    })
}

pub(crate) fn catalog_page(setting: &Setting) -> Result<Measured> {
    let repositories = setting.bench.sizes.repositories;
    page(setting, Scope::Catalog, repositories, |after| {
        format!("/v2/_catalog?n={PAGE}&last={}", stock::repository(after))
    })
}

/// Asks for pages all over the list. The first one is looked at; a server that ignores `n` is still measured.
fn page(
    setting: &Setting,
    scope: Scope<'static>,
    length: usize,
    path: fn(usize) -> String,
) -> Result<Measured> {
    let lasting = setting.bench.sizes.lasting;
    let target = setting.target.clone();
    let prepare = async move |_| {
        let mut client = Client::open(&target, scope).await?;
        let mut body = Vec::new();
        client.get_into(&path(0), &mut |bytes: &[u8]| body.extend_from_slice(bytes)).await?;
        let answer: serde_json::Value = serde_json::from_slice(&body)?;
        let list = answer["tags"].as_array().or(answer["repositories"].as_array());
        let found = list.map_or(0, Vec::len);
        ensure!(found >= PAGE, "{} gave {found} names: {answer}", path(0));
        if found > PAGE {
            eprintln!("    a page has {found} names although {PAGE} were asked for");
        }
        Ok(client)
    };
    drive::run(1, setting.processes, prepare, async move |client, _| {
        let mut samples = Samples::default();
        let first = Instant::now();
        for number in 0.. {
            if first.elapsed() >= lasting {
                break;
            }
            let begun = Instant::now();
            client.get(&path(number * 37 % (length - PAGE))).await?;
            samples.add(begun, 1.0);
        }
        Ok(samples)
    })
}
