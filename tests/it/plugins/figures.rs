//! What plugins cost. No test, so it is left out of a run; it prints, for docs/plugins-host.md:
//!
//! ```console
//! $ cargo test --release --test it plugins::figures -- --ignored --nocapture --test-threads 1
//! ```
//!
//! With `BERTH_FIGURES_IMAGE=DIR`, a layout directory of one image, also what looking into that one costs.

#![expect(clippy::print_stdout, reason = "that is what it is for")]

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use berth::oci::{Descriptor, Digest};
use berth::plugin::{
    Binding, CallContext, Fail, Hook, ImageSource, LimitChanges, Manifest, Outcome,
};
use serde_json::json;

use super::{Host, IMAGES, guest, terms};
use crate::support::Image;

fn spread(name: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
    println!("{name}: p50 {:?}, p90 {:?}, p99 {:?} of {}", at(50), at(90), at(99), times.len());
}

/// Pages of this process that are in memory, those of files left out; and those of files.
fn memory() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let kib = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    (kib("RssAnon:"), kib("RssFile:"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn a_call_costs() {
    let host = Host::start_with(|options| options.observer = None).await;
    host.install("policy", &terms(json!({}), &["image metadata"])).await;
    host.push("team/app", &Image::of(["hello"])).await;
    let image = host.image("team/app", "v1").await;
    for round in ["warm-up", "admission, a fresh instance each"] {
        let mut times = Vec::new();
        for _ in 0..20_000 {
            let begin = Instant::now();
            let verdict = host.ask(Some(&image)).await;
            times.push(begin.elapsed());
            assert!(matches!(verdict.outcome, Outcome::Denied { .. }));
        }
        spread(round, times);
    }
    host.plugins.deactivate(&"test.policy".parse().unwrap()).await;
    let begin = Instant::now();
    for _ in 0..100_000 {
        assert_eq!(host.ask(None).await.outcome, Outcome::Allowed);
    }
    println!("admission without a plugin: {:?} each", begin.elapsed() / 100_000);
}

/// How late others wake up on the same threads while plugins compute without end: invariant I7.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn others_wait() {
    let host = Arc::new(Host::start_with(|options| options.observer = None).await);
    let limits = LimitChanges {
        cpu: "200ms".parse().ok(),
        deadline: "60s".parse().ok(),
        ..LimitChanges::default()
    };
    let mut looping = terms(json!({ "do": "loop" }), &[]);
    looping
        .hooks
        .insert(Hook::Admission, Binding { limits, fail: Some(Fail::Open), ..Binding::default() });
    for calls in [0, 1, 16] {
        host.install("hostile", &looping).await;
        let running: Vec<_> = (0..calls)
            .map(|_| {
                let host = Arc::clone(&host);
                tokio::spawn(async move {
                    loop {
                        host.ask(None).await;
                        // The breaker would spare others the rest.
                        host.berth.turn_clock(Duration::from_mins(10));
                    }
                })
            })
            .collect();
        let mut late = Vec::new();
        for _ in 0..2_000 {
            let begin = Instant::now();
            tokio::time::sleep(Duration::from_millis(1)).await;
            late.push(begin.elapsed().saturating_sub(Duration::from_millis(1)));
        }
        running.iter().for_each(tokio::task::JoinHandle::abort);
        spread(&format!("a timer is late beside {calls} endless calls"), late);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn loading_costs() {
    let host = Host::start_with(|options| options.observer = None).await;
    for name in ["policy", "useful"] {
        host.prepare(name).await;
        let package = guest(name);
        let mut times = Vec::new();
        for _ in 0..50 {
            let begin = Instant::now();
            host.plugins.load(package.manifest().clone(), package.digest()).await.unwrap();
            times.push(begin.elapsed());
        }
        spread(
            &format!("loading {name}, {} KiB, compiled before", package.component().len() >> 10),
            times,
        );
        let before = memory();
        for number in 0..10 {
            let text = package
                .manifest()
                .text()
                .replace("name = \"test.", &format!("name = \"n{number}."));
            let manifest = Manifest::parse(&text).unwrap();
            let prepared = host.plugins.load(manifest, package.digest()).await.unwrap();
            host.plugins.activate(&prepared, &terms(json!({}), &[])).await.unwrap();
        }
        let after = memory();
        println!(
            "memory of an idle {name}: {} KiB of its own, {} KiB of its file",
            after.0.saturating_sub(before.0) / 10,
            after.1.saturating_sub(before.1) / 10
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn an_image_costs() {
    let Some(directory) = std::env::var_os("BERTH_FIGURES_IMAGE").map(PathBuf::from) else {
        println!("without BERTH_FIGURES_IMAGE there is no image to look into");
        return;
    };
    let host = Host::start_with(|options| options.observer = None).await;
    let image = only_image(&directory);
    let path = |digest: &Digest| directory.join("blobs/sha256").join(digest.hex());
    let begin = Instant::now();
    let mut plain = 0;
    for layer in image.layers() {
        let file = std::io::BufReader::with_capacity(
            256 << 10,
            std::fs::File::open(path(&layer.digest)).unwrap(),
        );
        let mut layer = flate2::bufread::MultiGzDecoder::new(file);
        let mut buffer = vec![0; 256 << 10];
        loop {
            match layer.read(&mut buffer).unwrap() {
                0 => break,
                read => plain += read,
            }
        }
    }
    println!(
        "decompressing {} layers to {} MiB: {:?}",
        image.layers().len(),
        plain >> 20,
        begin.elapsed()
    );
    let begin = Instant::now();
    let rootfs = host.plugins.layers().rootfs(&image).await.unwrap();
    println!("unpacking, indexing and merging {} files: {:?}", rootfs.len(), begin.elapsed());
    drop(rootfs);
    let scanner = host.install("useful", &terms(json!({ "say": "packages" }), &IMAGES)).await;
    let begin = Instant::now();
    let report = host.plugins.scan(&scanner, &CallContext::new("figures"), image).await.unwrap();
    println!("a scan when that is done: {:?}, {} packages", begin.elapsed(), report.packages.len());
}

fn only_image(directory: &Path) -> ImageSource {
    #[derive(serde::Deserialize)]
    struct Index {
        manifests: Vec<Descriptor>,
    }
    let index = std::fs::read(directory.join("index.json")).unwrap();
    let index: Index = serde_json::from_slice(&index).unwrap();
    let digest = index.manifests[0].digest.clone();
    ImageSource::in_layout(directory, "figures/image".parse().unwrap(), digest).unwrap()
}
