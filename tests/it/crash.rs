//! `kill -9`: what was acknowledged is there, what was not is absent or whole, and nothing is left behind (I1).

#![allow(clippy::print_stdout, reason = "shown when a test fails, to repeat it")]

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use berth::blob::Probe;
use berth::oci::{Algorithm, Digest};
use futures::StreamExt as _;
use futures::future::join_all;
use reqwest::{Body, Method};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::support::{Blob, Client, Dice, Image, Process, Push, Style, eventually, stored_files};

/// Pushes in all; each is of a configuration, two layers, and a manifest under two tags.
const PUSHES: usize = 200;
/// Fewer would tell nothing.
const LEAST_KILLS: usize = 10;
/// Clients that push at the same time.
const CLIENTS: usize = 5;
const SEED: u64 = 0x000B_E127;

/// What the clients did, and what the registry told them of it.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Blobs, and whether they were acknowledged.
    blobs: Vec<(String, Blob, bool)>,
    /// Manifests, likewise.
    manifests: Vec<(String, Image, bool)>,
    /// What a tag may point at: what was acknowledged last, and whatever was tried since.
    tags: HashMap<(String, String), Vec<Option<Digest>>>,
    /// Sessions that were cut off.
    cut: Vec<(String, String, Blob)>,
}

impl Ledger {
    fn absorb(&mut self, other: Self) {
        self.blobs.extend(other.blobs);
        self.manifests.extend(other.manifests);
        self.tags.extend(other.tags);
        self.cut.extend(other.cut);
    }

    fn try_tag(&mut self, repository: &str, tag: &str, digest: Digest) {
        let key = (repository.to_owned(), tag.to_owned());
        self.tags.entry(key).or_insert_with(|| vec![None]).push(Some(digest));
    }

    fn point_tag(&mut self, repository: &str, tag: &str, digest: Digest) {
        self.tags.insert((repository.to_owned(), tag.to_owned()), vec![Some(digest)]);
    }
}

/// Counts what clients have done, so that the kill comes after so many steps and not after so much time.
#[derive(Clone, Default)]
struct Steps(Arc<(AtomicUsize, Notify)>);

impl Steps {
    fn one(&self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
        self.0.1.notify_waiters();
    }

    async fn reach(&self, count: usize) {
        loop {
            let next = self.0.1.notified();
            if self.0.0.load(Ordering::SeqCst) >= count {
                return;
            }
            next.await;
        }
    }
}

/// Pushes one image after another until the connection breaks.
async fn push_until_cut(
    client: Client,
    repository: String,
    mut dice: Dice,
    left: Arc<AtomicUsize>,
    steps: Steps,
    mut known: Ledger,
) -> Ledger {
    let step = {
        let steps = steps.clone();
        move || steps.one()
    };
    while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    {
        let algorithm = if dice.between(0, 4) == 0 { Algorithm::Sha512 } else { Algorithm::Sha256 };
        let own = Blob::random(dice.between(2, 300_000), dice.next());
        let own = Blob::with(algorithm, own.bytes);
        // A layer that other clients push at the same time.
        let shared = Blob::random(70_000, dice.next() % 12);
        let image = Image::new(vec![own, shared], json!({}));
        for blob in image.blobs() {
            let style = Style::ALL[dice.between(0, Style::ALL.len())];
            let mut push = Push { client: &client, repository: &repository, blob, session: None };
            let status = push.send(style, step.clone()).await;
            let session = push.session;
            known.blobs.push((repository.clone(), blob.clone(), status == Some(201)));
            match (status, session) {
                (Some(status), _) => assert_eq!(status, 201, "{style:?}"),
                (None, session) => {
                    known
                        .cut
                        .extend(session.map(|session| (repository.clone(), session, blob.clone())));
                    return known;
                }
            }
            steps.one();
        }
        let unique = format!("v{}", &image.digest().hex()[..12]);
        for tag in [unique.as_str(), "latest"] {
            let digest = image.digest();
            known.try_tag(&repository, tag, digest.clone());
            let path = format!("/v2/{repository}/manifests/{tag}");
            let request = client
                .request(Method::PUT, &path)
                .header("content-type", image.media_type())
                .body(image.manifest());
            let response = request.send().await;
            let done = response.is_ok_and(|response| {
                assert_eq!(response.status(), 201);
                true
            });
            known.manifests.push((repository.clone(), image.clone(), done));
            if !done {
                return known;
            }
            known.point_tag(&repository, tag, digest);
            steps.one();
        }
    }
    known
}

/// Sends what is missing of an upload that was cut off; says whether the session was still there.
pub(crate) async fn take_up(client: &Client, repository: &str, session: &str, blob: &Blob) -> bool {
    let status = client.get(session).await;
    if status.code == 404 {
        // Its row was not written down yet, or it had become the blob just before the end.
        return false;
    }
    let range = status.status(204).header("range").to_owned();
    let mut have: usize = range.strip_prefix("0-").unwrap().parse::<usize>().unwrap() + 1;
    assert!(have <= blob.bytes.len() || have == 1, "{have} of {} bytes", blob.bytes.len());
    loop {
        // "0-0" is nothing or one byte.
        let rest = &blob.bytes[have.min(blob.bytes.len())..];
        let mut request = client.request(Method::PATCH, session).body(rest.to_vec());
        if !rest.is_empty() {
            let range = format!("{have}-{}", blob.bytes.len() - 1);
            request = request.header("content-range", range);
        }
        let answer = client.send(request).await;
        if answer.code == 416 && have == 1 {
            have = 0;
            continue;
        }
        answer.status(202);
        break;
    }
    client.put(&format!("{session}?digest={}", blob.digest), "").await.status(201);
    let pulled = client.get(&format!("/v2/{repository}/blobs/{}", blob.digest)).await.ok();
    assert_eq!(pulled.bytes, blob.bytes);
    true
}

/// Compares what is there with what the clients know.
pub(crate) async fn check(client: &Client, known: &Ledger) {
    for (repository, blob, acknowledged) in &known.blobs {
        let answer = client.get(&format!("/v2/{repository}/blobs/{}", blob.digest)).await;
        if *acknowledged || answer.code != 404 {
            assert_eq!(answer.ok().bytes, blob.bytes);
        }
    }
    for (repository, image, acknowledged) in &known.manifests {
        let answer = client.get(&format!("/v2/{repository}/manifests/{}", image.digest())).await;
        if *acknowledged || answer.code != 404 {
            assert_eq!(answer.ok().bytes, image.manifest());
            for blob in image.blobs() {
                client.head(&format!("/v2/{repository}/blobs/{}", blob.digest)).await.ok();
            }
        }
    }
    for ((repository, tag), allowed) in &known.tags {
        let answer = client.head(&format!("/v2/{repository}/manifests/{tag}")).await;
        let current = match answer.code {
            404 => None,
            _ => Some(answer.ok().header("docker-content-digest").parse::<Digest>().unwrap()),
        };
        assert!(
            allowed.contains(&current),
            "{repository}:{tag} is {current:?}, not of {allowed:?}"
        );
    }
}

#[tokio::test]
async fn kill_9_loses_nothing_that_was_acknowledged() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let data = directory.path().join("data");
    let known = push_and_kill(PUSHES, LEAST_KILLS, || Process::start(&data)).await;
    let berth = Process::start(&data);
    check(&berth.admin(), &known).await;
    berth.kill();
    nothing_is_left_behind(&directory, &known).await;
}

/// Lets clients push, and kills the registry again and again while they do.
pub(crate) async fn push_and_kill(
    pushes: usize,
    least_kills: usize,
    start: impl Fn() -> Process,
) -> Ledger {
    println!("seed {SEED:#x}");
    let mut dice = Dice::new(SEED);
    let left = Arc::new(AtomicUsize::new(pushes));
    let (mut known, mut kills, mut resumed) = (Ledger::default(), 0, 0);
    while left.load(Ordering::SeqCst) > 0 {
        let berth = start();
        let client = berth.admin();
        let mut open = Ledger::default();
        std::mem::swap(&mut open.cut, &mut known.cut);
        for (repository, session, blob) in open.cut {
            // Some are left to be purged.
            if dice.between(0, 3) > 0 && take_up(&client, &repository, &session, &blob).await {
                resumed += 1;
                known.blobs.push((repository, blob, true));
            }
        }
        let (steps, count) = (Steps::default(), dice.between(20, 320));
        let pushing = (0..CLIENTS).map(|number| {
            let repository = format!("crash/r{number}");
            let mut mine = Ledger::default();
            let latest = (repository.clone(), "latest".to_owned());
            mine.tags.extend(known.tags.remove_entry(&latest));
            let dice = Dice::new(dice.next());
            let (left, steps) = (Arc::clone(&left), steps.clone());
            tokio::spawn(push_until_cut(client.clone(), repository, dice, left, steps, mine))
        });
        let pushes = join_all(pushing.collect::<Vec<_>>());
        let mut pushes = std::pin::pin!(pushes);
        let ended = tokio::select! {
            ended = pushes.as_mut() => Some(ended),
            () = steps.reach(count) => None,
        };
        berth.kill();
        kills += 1;
        let ended = match ended {
            Some(ended) => ended,
            None => pushes.await,
        };
        for client in ended {
            known.absorb(client.unwrap());
        }
    }
    println!("{kills} kills, {resumed} sessions resumed");
    assert!(kills >= least_kills, "too few kills to tell anything: {kills}");
    assert!(resumed >= 3, "too few sessions were cut off to tell anything: {resumed}");
    known
}

/// After another start and the purge of old sessions: no uploads, no file without a row, no row without a file.
async fn nothing_is_left_behind(directory: &Arc<TempDir>, known: &Ledger) {
    let berth = stored_files::settled(directory, Probe::default()).await;
    let files = stored_files::compare(&berth).await;
    for (_, blob, acknowledged) in &known.blobs {
        let row = berth.app.meta.find_blob_anywhere(&blob.digest).await.unwrap();
        assert!(row.is_some() || !acknowledged, "{} has no row", blob.digest);
        if let Some(row) = row {
            let size = files.get(row.location.as_str()).copied();
            assert_eq!(size, Some(blob.bytes.len() as u64), "{}", row.location.as_str());
        }
    }
    let digests: HashSet<&Digest> = known.blobs.iter().map(|(_, blob, _)| &blob.digest).collect();
    assert!(files.len() <= digests.len());
    check(&berth.admin().await, known).await;
}

/// Bytes of the upload's file, once there is one.
fn received(data: &Path) -> u64 {
    let entries = std::fs::read_dir(data.join("uploads")).unwrap();
    entries.filter_map(|entry| entry.ok()?.metadata().ok()).map(|found| found.len()).sum()
}

#[tokio::test]
async fn what_arrived_before_a_kill_in_mid_patch_counts() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let blob = Blob::with(algorithm, Blob::random(6 << 20, 7).bytes);
        let berth = Process::start(&data);
        let client = berth.admin();
        let session = client
            .post(&format!("/v2/crash/patch/blobs/uploads/?digest-algorithm={algorithm}"), "")
            .await
            .status(202)
            .header("location")
            .to_owned();
        client.patch(&session, blob.bytes[..1000].to_vec()).await.status(202);
        // The row is saved behind the answer: a second session's end waits for what was queued before.
        client.push_blob("crash/patch", &Blob::new(format!("after {algorithm}"))).await;
        let pieces: Vec<_> =
            blob.bytes[1000..5 << 20].chunks(64 << 10).map(<[u8]>::to_vec).collect();
        let body = futures::stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
        let request = client
            .request(Method::PATCH, &session)
            .body(Body::wrap_stream(body.chain(futures::stream::pending())));
        let pushing = tokio::spawn(request.send());
        let have = eventually("the arrival of three MiB", async || {
            Some(received(&data)).filter(|have| *have > 3 << 20)
        })
        .await;
        berth.kill();
        assert!(pushing.await.unwrap().is_err());

        let berth = Process::start(&data);
        let client = berth.admin();
        let status = client.get(&session).await.status(204);
        let end: u64 = status.header("range").strip_prefix("0-").unwrap().parse().unwrap();
        assert!(end + 1 >= have, "{end} of {have} are told");
        assert!(take_up(&client, "crash/patch", &session, &blob).await);
        assert_eq!(berth.terminate(), Some(0));
        assert_eq!(received(&data), 0);
    }
}
