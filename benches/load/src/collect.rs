//! What pushes and pulls feel of a collection: some dead blobs among many, collected at the pace of the default settings while
//! images are pushed and pulled. Measured in this process, without sockets, so that what the collection adds does not drown.

use std::{fmt::Write as _, fs, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use berth::{
    app::App,
    auth::Principal,
    clock::Clock,
    config::{Config, HumanDuration},
    meta::{Actor, JobState, Location, NewBlob, PutManifest, UpkeepKind},
    oci::{Algorithm, Digest, Manifest, MediaType, Reference, RepositoryName},
    registry::{BodyPart, NewManifest},
    worker::CollectWish,
};
use bytes::Bytes;
use serde_json::json;
use tokio::{task::JoinSet, time::Instant};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const PER_MANIFEST: usize = 500;
const PER_REPOSITORY: usize = 10_000;
/// How many push, and how many pull.
const CLIENTS: usize = 2;

/// How long it is measured without a collection, before and after, and how long what is dead is kept.
#[derive(Clone, Copy)]
struct Extent {
    quiet: Duration,
    grace: u64,
}

const FULL: Extent = Extent { quiet: Duration::from_secs(20), grace: 30 };
const QUICK: Extent = Extent { quiet: Duration::from_secs(1), grace: 1 };

fn digest(number: usize) -> Digest {
    Algorithm::Sha256.digest(format!("blob {number}").as_bytes())
}

fn repository(number: usize) -> Result<RepositoryName> {
    Ok(format!("team{}/app", number / PER_REPOSITORY).parse()?)
}

fn location(digest: &Digest) -> Location {
    let hex = digest.hex();
    Location::new(format!("blobs/sha256/{}/{hex}.0", &hex[..2]))
}

fn config(data: &Path, grace: u64) -> Config {
    let mut config = Config::default();
    data.clone_into(&mut config.storage.data);
    config.gc.schedule = None;
    config.scrub.schedule = None;
    config.gc.grace = HumanDuration::seconds(grace);
    config
}

/// Rows of blobs, each with an empty file if it is to be removed.
async fn fill(app: &Arc<App>, numbers: std::ops::Range<usize>, data: Option<&Path>) -> Result<()> {
    let actor = Actor::internal("benchmark");
    let mut tasks = JoinSet::new();
    for number in numbers {
        if tasks.len() >= 512 {
            tasks.join_next().await.context("no task")???;
        }
        let (digest, name) = (digest(number), repository(number)?);
        let location = location(&digest);
        if let Some(data) = data {
            let path = data.join(location.as_str());
            fs::create_dir_all(path.parent().context("no directory")?)?;
            fs::File::create(path)?;
        }
        let blob = NewBlob { digest, size: 0, location, is_reused: false, broken: None };
        let (app, actor) = (Arc::clone(app), actor.clone());
        tasks.spawn(async move {
            app.meta.commit_blob(&name, blob, None, &actor).await.map(drop)?;
            anyhow::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

/// Manifests that need these blobs, each with a tag.
async fn hold(app: &App, numbers: std::ops::Range<usize>) -> Result<()> {
    let actor = Actor::internal("benchmark");
    for first in numbers.clone().step_by(PER_MANIFEST) {
        let last = numbers.end.min(first + PER_MANIFEST);
        let describe =
            |number: usize| json!({ "mediaType": LAYER, "digest": digest(number), "size": 0 });
        let layers: Vec<_> = (first..last).map(describe).collect();
        let bytes = json!({ "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST,
                            "config": describe(first), "layers": layers })
        .to_string();
        let manifest = Manifest::parse(bytes.clone().into(), None)?;
        let put = PutManifest {
            manifest,
            digest: Algorithm::Sha256.digest(bytes.as_bytes()),
            tags: vec![format!("t{first}").parse()?],
            preconditions: Vec::new(),
            require_children: false,
            hold: None,
        };
        match app.meta.put_manifest(&repository(first)?, put, &actor).await? {
            Ok(_) => {}
            Err(refusal) => bail!("{refusal:?}"),
        }
    }
    Ok(())
}

async fn push(app: &App, who: &Principal, client: usize, number: usize) -> Result<Digest> {
    let push = app.registry.push_to(who, format!("clients/{client}").parse()?)?;
    let bytes = Bytes::from(format!("{client} {number} {}", "x".repeat(4096)));
    let digest = Algorithm::Sha256.digest(&bytes);
    let length = Some(bytes.len() as u64);
    let stream = futures::stream::iter([Ok::<_, std::io::Error>(bytes.clone())]);
    push.put_blob(BodyPart { stream, range: None, length }, &digest).await?;
    let layer = json!({ "mediaType": LAYER, "digest": digest, "size": bytes.len() });
    let manifest = json!({ "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST,
                           "config": layer, "layers": [layer] });
    let new = NewManifest {
        reference: Reference::Tag(format!("t{number}").parse()?),
        tags: Vec::new(),
        media_type: None,
        bytes: manifest.to_string().into(),
        preconditions: Vec::new(),
    };
    push.manifest(new).await?;
    Ok(digest)
}

async fn pull(app: &App, who: &Principal, client: usize, number: usize) -> Result<()> {
    let pull = app.registry.pull_from(who, format!("clients/{client}").parse()?)?;
    let found = pull.manifest(&Reference::Tag(format!("t{number}").parse()?)).await?;
    let manifest = Manifest::parse(found.body.clone(), None)?;
    for digest in manifest.required_blobs() {
        pull.blob(digest).await?;
    }
    Ok(())
}

/// Medians of pushes and pulls.
struct Felt {
    pushes: Vec<Duration>,
    pulls: Vec<Duration>,
}

impl Felt {
    fn medians(&mut self) -> (Duration, Duration) {
        self.pushes.sort_unstable();
        self.pulls.sort_unstable();
        (self.pushes[self.pushes.len() / 2], self.pulls[self.pulls.len() / 2])
    }
}

/// Pushes and pulls until `end`; the numbers of what is pushed begin at `from`.
async fn feel(app: &Arc<App>, from: usize, end: impl Future<Output = Result<()>>) -> Result<Felt> {
    let who = app.auth.machine().await?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut tasks = JoinSet::new();
    for client in 0..CLIENTS {
        let (app, who, stopped) = (Arc::clone(app), who.clone(), stopped.clone());
        tasks.spawn(async move {
            let mut felt = Felt { pushes: Vec::new(), pulls: Vec::new() };
            let mut number = from;
            while !*stopped.borrow() {
                let begun = Instant::now();
                push(&app, &who, client, number).await?;
                felt.pushes.push(begun.elapsed());
                for back in 0..4 {
                    let begun = Instant::now();
                    pull(&app, &who, client, number.saturating_sub(back * 7).max(from)).await?;
                    felt.pulls.push(begun.elapsed());
                }
                number += 1;
            }
            anyhow::Ok(felt)
        });
    }
    end.await?;
    stop.send_replace(true);
    let mut all = Felt { pushes: Vec::new(), pulls: Vec::new() };
    while let Some(felt) = tasks.join_next().await {
        let felt = felt??;
        all.pushes.extend(felt.pushes);
        all.pulls.extend(felt.pulls);
    }
    Ok(all)
}

/// Waits until what follows from the events of the filling is done.
async fn settle(app: &App) -> Result<()> {
    let mut before = None;
    loop {
        let place = app.meta.reader_place("jobs").await?;
        if before.replace(place) == Some(place) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn collect(app: &App) -> Result<()> {
    let who = app.auth.machine().await?;
    let administer = app.auth.administer(&who)?;
    let id = app.worker.begin_collection(&administer, CollectWish::default()).await?.id;
    loop {
        let job = app.meta.find_job(id).await?.context("the job is gone")?;
        match job.state {
            JobState::Done => return Ok(()),
            JobState::Failed | JobState::Cancelled => bail!("{job:?}"),
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Measures, and reports as Markdown.
pub(crate) async fn measure(scratch: &Path, blobs: usize, quick: bool) -> Result<String> {
    let (dead, Extent { quiet, grace }) = (blobs / 10, if quick { QUICK } else { FULL });
    let pause = || async move {
        tokio::time::sleep(quiet).await;
        Ok(())
    };
    let data = scratch.join("collect");
    let app = App::open(config(&data, grace), Clock::system()).await?;
    app.start_worker();
    let begun = Instant::now();
    fill(&app, 0..dead, Some(&data)).await?;
    let dead_since = Instant::now();
    // Manifests refer to blobs of one repository each.
    let live = dead.next_multiple_of(PER_REPOSITORY);
    for first in (live..live + blobs - dead).step_by(PER_REPOSITORY) {
        let last = (live + blobs - dead).min(first + PER_REPOSITORY);
        fill(&app, first..last, None).await?;
        hold(&app, first..last).await?;
    }
    eprintln!("{blobs} blobs in {:.0} s", begun.elapsed().as_secs_f64());
    tokio::time::sleep_until(dead_since + Duration::from_secs(grace + 1)).await;
    settle(&app).await?;
    let (before_push, before_pull) = feel(&app, 1, pause()).await?.medians();
    let begun = Instant::now();
    let (push, pull) = feel(&app, 1_000_000, collect(&app)).await?.medians();
    let took = begun.elapsed();
    let (after_push, after_pull) = feel(&app, 2_000_000, pause()).await?.medians();
    let runs = app.meta.list_upkeep(UpkeepKind::Gc, 1).await?;
    let done = &runs.first().context("no run")?.detail;
    app.close().await;
    let mut text = String::new();
    writeln!(text, "| | before | while it collects | after |\n|---|--:|--:|--:|")?;
    for (what, before, while_it, after) in
        [("push", before_push, push, after_push), ("pull", before_pull, pull, after_pull)]
    {
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        writeln!(
            text,
            "| {what}, median µs | {:.0} | {:.0} | {:.0} |",
            micros(before),
            micros(while_it),
            micros(after)
        )?;
    }
    writeln!(
        text,
        "\n{dead} dead of {blobs} blobs, in {:.0} s: {} rows looked at, {} kept, {} blobs and {} objects removed.",
        took.as_secs_f64(),
        done["examined"],
        done["kept"],
        done["blobs"],
        done["objects"]
    )?;
    Ok(text)
}
