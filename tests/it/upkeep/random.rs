//! Random pushes, mounts, moves of tags, deletions and their undoing by several at once, while garbage is collected: nothing
//! that lives is lost, and nothing that is dead stays longer than it should.
//!
//! Each of those at work has a repository of its own and knows what must be in it; they share blobs and mount from each other.
//! The clock is turned between rounds, so that what is due is known to the millisecond. An operation is what a client
//! asks for: a blob that is announced, mounted or pushed, a manifest, a deletion, its undoing. `MODEL_OPERATIONS` says how
//! many of them each test tries, `MODEL_SEED` which ones.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use berth::app::App;
use berth::auth::Principal;
use berth::clock::Timestamp;
use berth::config::{Backend, HumanDuration};
use berth::meta::{Collected, EVERYTHING, Garbage, Policy, QuotaLimits};
use berth::oci::{Digest, Reference, RepositoryName, Tag};
use berth::registry::{BodyPart, Mounted, NewManifest};
use bytes::Bytes;

use super::eager;
use crate::support::{Blob, Dice, Image, TestApp, tester};

const WORKERS: usize = 8;
const ROUND: usize = 40;
/// Layers that many images share, and those of few, which die.
const SHARED: u64 = 60;
const RARE: u64 = 3000;
const TAGS: u64 = 4;

const GRACE: Duration = Duration::from_hours(8);
const UNTAGGED: Duration = Duration::from_hours(30);
const KEEP: Duration = Duration::from_hours(48);

/// A manifest of a repository, as it must be.
#[derive(Debug)]
struct Known {
    blobs: Vec<Blob>,
    /// When it was deleted; then it can be brought back.
    deleted: Option<Timestamp>,
    /// When it was last pushed without a tag, or lost one.
    loose: Timestamp,
}

/// A tag that can be brought back, or rolled back to.
#[derive(Debug)]
struct Lost {
    tag: Tag,
    digest: Digest,
    at: Timestamp,
    is_deleted: bool,
}

/// When a blob of a repository was last asked for by somebody else.
type Asked = Arc<Mutex<BTreeMap<(RepositoryName, Digest), Timestamp>>>;

/// What one of those at work knows of their repository.
struct World {
    app: Arc<App>,
    principal: Principal,
    name: RepositoryName,
    others: Vec<RepositoryName>,
    dice: Dice,
    tags: BTreeMap<Tag, Digest>,
    manifests: BTreeMap<Digest, Known>,
    lost: Vec<Lost>,
    /// When a blob was last pushed, announced, or let go of.
    touched: BTreeMap<Digest, Timestamp>,
    asked: Asked,
    /// Operations so far.
    done: usize,
}

impl World {
    fn chance(&mut self, out_of: u64) -> u64 {
        self.dice.next() % out_of
    }

    fn tag(&mut self) -> Tag {
        format!("t{}", self.chance(TAGS)).parse().unwrap()
    }

    fn image(&mut self) -> Image {
        let layers = (0..=self.chance(3))
            .map(|_| {
                let of = if self.chance(3) == 0 { RARE } else { SHARED };
                Blob::new(format!("content {}", self.chance(of)))
            })
            .collect();
        Image::new(layers, serde_json::json!({}))
    }

    fn now(&self) -> Timestamp {
        self.app.clock.now()
    }

    /// Makes sure that the repository has a blob, as clients do: asks, mounts, pushes.
    async fn ensure(&mut self, blob: &Blob) {
        self.done += 1;
        let (app, name) = (Arc::clone(&self.app), self.name.clone());
        let push = app.registry.push_to(&self.principal, name.clone()).unwrap();
        let way = self.chance(4);
        let pull = app.registry.pull_from(&self.principal, name).unwrap();
        if way > 0 && pull.blob(&blob.digest).await.is_ok() {
            self.touched.insert(blob.digest.clone(), self.now());
            return;
        }
        if way > 1 {
            let number = self.dice.between(0, self.others.len());
            let from = self.others[number].clone();
            match push.mount(&blob.digest, Some(from.clone())).await.unwrap() {
                Mounted::Yes => {
                    let now = self.now();
                    self.asked.lock().unwrap().insert((from, blob.digest.clone()), now);
                    self.touched.insert(blob.digest.clone(), self.now());
                    return;
                }
                Mounted::No(upload) => push.cancel(&upload).await.unwrap(),
            }
        }
        let bytes = Bytes::from(blob.bytes.clone());
        let length = Some(bytes.len() as u64);
        let stream = futures::stream::iter([Ok::<_, std::io::Error>(bytes)]);
        push.put_blob(BodyPart { stream, range: None, length }, &blob.digest).await.unwrap();
        self.touched.insert(blob.digest.clone(), self.now());
    }

    async fn push(&mut self, tag: Option<Tag>) {
        let image = self.image();
        for blob in image.blobs() {
            self.ensure(blob).await;
        }
        let (now, digest) = (self.now(), image.digest());
        let app = Arc::clone(&self.app);
        let push = app.registry.push_to(&self.principal, self.name.clone()).unwrap();
        let reference = match &tag {
            Some(tag) => Reference::Tag(tag.clone()),
            None => Reference::Digest(digest.clone()),
        };
        let new = NewManifest {
            reference,
            tags: Vec::new(),
            media_type: Some(image.media_type().parse().unwrap()),
            bytes: image.manifest().into(),
            preconditions: Vec::new(),
        };
        // What has just been announced may be relied on.
        push.manifest(new).await.unwrap();
        let blobs = image.blobs().to_vec();
        let known = Known { blobs, deleted: None, loose: now };
        self.manifests.insert(digest.clone(), known);
        if let Some(tag) = tag {
            self.point(tag, digest);
        }
    }

    fn point(&mut self, tag: Tag, digest: Digest) {
        let at = self.now();
        match self.tags.insert(tag.clone(), digest.clone()) {
            Some(before) if before != digest => {
                self.manifests.get_mut(&before).unwrap().loose = at;
                self.lost.push(Lost { tag, digest: before, at, is_deleted: false });
            }
            _ => {}
        }
    }

    async fn delete_tag(&mut self) {
        let tag = self.tag();
        let app = Arc::clone(&self.app);
        let remove = app.registry.remove_from(&self.principal, self.name.clone()).unwrap();
        let removed = remove.tag(&tag).await;
        assert_eq!(removed.is_ok(), self.tags.contains_key(&tag));
        self.lose(tag);
    }

    /// A policy drops it, as a person would.
    async fn retain(&mut self) {
        let tag = self.tag();
        let policies = [dropping(&tag)];
        let done = self.app.registry.retain(&self.name, &policies).await.unwrap();
        assert_eq!(done.tags, u64::from(self.tags.contains_key(&tag)));
        self.lose(tag);
    }

    fn lose(&mut self, tag: Tag) {
        let at = self.now();
        let Some(digest) = self.tags.remove(&tag) else { return };
        self.manifests.get_mut(&digest).unwrap().loose = at;
        self.lost.push(Lost { tag, digest, at, is_deleted: true });
    }

    fn some_manifest(&mut self, deleted: bool) -> Option<Digest> {
        let found: Vec<_> = self
            .manifests
            .iter()
            .filter(|(_, known)| known.deleted.is_some() == deleted)
            .map(|(digest, _)| digest.clone())
            .collect();
        if found.is_empty() {
            return None;
        }
        let number = self.dice.between(0, found.len());
        Some(found[number].clone())
    }

    async fn delete_manifest(&mut self) {
        let Some(digest) = self.some_manifest(false) else { return };
        let at = self.now();
        let app = Arc::clone(&self.app);
        let remove = app.registry.remove_from(&self.principal, self.name.clone()).unwrap();
        remove.manifest(&digest, false).await.unwrap();
        let tags: Vec<_> =
            self.tags.iter().filter(|(_, to)| **to == digest).map(|(tag, _)| tag.clone()).collect();
        for tag in tags {
            self.tags.remove(&tag);
            self.lost.push(Lost { tag, digest: digest.clone(), at, is_deleted: true });
        }
        self.manifests.get_mut(&digest).unwrap().deleted = Some(at);
    }

    async fn undelete_manifest(&mut self) {
        let Some(digest) = self.some_manifest(true) else { return };
        let deleted = self.manifests[&digest].deleted.unwrap();
        let app = Arc::clone(&self.app);
        let undo = app.registry.undo_in(&self.principal, self.name.clone()).unwrap();
        undo.undelete(Reference::Digest(digest.clone())).await.unwrap();
        let now = self.now();
        let known = self.manifests.get_mut(&digest).unwrap();
        (known.deleted, known.loose) = (None, now);
        let mut back = Vec::new();
        self.lost.retain(|lost| {
            let is_it = lost.is_deleted && lost.at == deleted && lost.digest == digest;
            let comes_back =
                is_it && !self.tags.contains_key(&lost.tag) && !back.contains(&lost.tag);
            if comes_back {
                back.push(lost.tag.clone());
            }
            !comes_back
        });
        for tag in back {
            self.tags.insert(tag, digest.clone());
        }
    }

    async fn undelete_tag(&mut self) {
        let tag = self.tag();
        let app = Arc::clone(&self.app);
        let undo = app.registry.undo_in(&self.principal, self.name.clone()).unwrap();
        let undone = undo.undelete(Reference::Tag(tag.clone())).await;
        let lost = self.lost.iter().rposition(|lost| lost.tag == tag);
        let Some(lost) = lost.filter(|_| !self.tags.contains_key(&tag)) else {
            assert!(undone.is_err());
            return;
        };
        let lost = self.lost.remove(lost);
        assert_eq!(undone.unwrap().digest, lost.digest);
        let now = self.now();
        let known = self.manifests.get_mut(&lost.digest).unwrap();
        if known.deleted.take().is_some() {
            known.loose = now;
        }
        self.tags.insert(tag, lost.digest);
    }

    async fn step(&mut self) {
        self.done += 1;
        match self.chance(20) {
            0..8 => {
                let tag = self.tag();
                self.push(Some(tag)).await;
            }
            8..11 => self.push(None).await,
            11 | 12 => self.delete_tag().await,
            13 => self.retain().await,
            14..16 => self.delete_manifest().await,
            16 | 17 => self.undelete_manifest().await,
            18 => self.undelete_tag().await,
            _ => self.look().await,
        }
    }

    /// Pulls what a tag points at.
    async fn look(&mut self) {
        let tag = self.tag();
        let app = Arc::clone(&self.app);
        let pull = app.registry.pull_from(&self.principal, self.name.clone()).unwrap();
        let found = pull.manifest(&Reference::Tag(tag.clone())).await.ok();
        assert_eq!(found.map(|found| found.digest.clone()), self.tags.get(&tag).cloned());
    }

    /// What must be gone by now is forgotten: this is what a collection does.
    fn collected(&mut self) {
        let now = self.now();
        self.lost.retain(|lost| lost.at > now - KEEP);
        let (tags, lost) = (&self.tags, &self.lost);
        let mut let_go = BTreeSet::new();
        self.manifests.retain(|digest, known| {
            let is_held = tags.values().any(|to| to == digest)
                || lost.iter().any(|lost| lost.digest == *digest);
            let stays = match known.deleted {
                Some(at) => at > now - KEEP,
                None => is_held || known.loose > now - UNTAGGED,
            };
            if !stays {
                let_go.extend(known.blobs.iter().map(|blob| blob.digest.clone()));
            }
            stays
        });
        for digest in let_go {
            self.touched.insert(digest, now);
        }
    }

    /// Compares everything with what it must be: all by its rows, and some of it as clients see it.
    async fn check(&mut self, round: usize, rows: &Rows, thoroughly: bool) {
        let now = self.now();
        let app = Arc::clone(&self.app);
        let pull = app.registry.pull_from(&self.principal, self.name.clone()).unwrap();
        let mut needed = BTreeSet::new();
        let (name, dice) = (&self.name, &mut self.dice);
        for (digest, known) in &self.manifests {
            needed.extend(known.blobs.iter().map(|blob| blob.digest.clone()));
            let is_there = known.deleted.is_none();
            assert_eq!(rows.manifests.has(name, digest), is_there, "{round}: {name} {digest}");
            if thoroughly || dice.next().is_multiple_of(8) {
                let found = pull.manifest(&Reference::Digest(digest.clone())).await;
                assert_eq!(found.is_ok(), is_there, "{round}: {name} {digest}");
            }
        }
        for digest in &needed {
            assert!(rows.blobs.has(name, digest), "{round}: {name} lost {digest}");
            if thoroughly || dice.next().is_multiple_of(8) {
                pull.blob(digest).await.unwrap_or_else(|error| panic!("{round}: {name}: {error}"));
            }
        }
        for ((name, digest), at) in self.asked.lock().unwrap().iter() {
            if *name == self.name {
                let touched = self.touched.entry(digest.clone()).or_insert(*at);
                *touched = (*touched).max(*at);
            }
        }
        self.touched.retain(|digest, touched| {
            if needed.contains(digest) {
                return true;
            }
            let (there, age) = (rows.blobs.has(name, digest), now.since(*touched));
            if age >= GRACE {
                assert!(!there, "{round}: {name} kept {digest} for {age:?}");
            } else if age < GRACE * 7 / 8 {
                assert!(there, "{round}: {name} lost {digest} after {age:?}");
            }
            // What was asked for last by others is remembered for ever.
            there || age < GRACE
        });
        // Those that were just looked at may be announced.
        for digest in needed {
            self.touched.insert(digest, now);
        }
    }
}

/// A policy that drops one tag.
fn dropping(tag: &Tag) -> Policy {
    Policy {
        name: "model".into(),
        repositories: vec!["team/**".parse().unwrap()],
        except_repositories: Vec::new(),
        keep: Vec::new(),
        discard: vec![serde_json::from_value(serde_json::json!({ "tag": tag })).unwrap()],
        updated_at: Timestamp::from_millis(0),
        updated_by: String::new(),
    }
}

/// What repositories have.
#[derive(Debug, Default)]
struct Owned(HashSet<(String, String)>);

impl Owned {
    fn has(&self, name: &RepositoryName, digest: &Digest) -> bool {
        self.0.contains(&(name.to_string(), digest.to_string()))
    }
}

/// The rows as they are, read behind Berth's back: asking for each by itself would take most of the time.
#[derive(Debug)]
struct Rows {
    manifests: Owned,
    blobs: Owned,
}

impl Rows {
    fn read(berth: &TestApp) -> Self {
        let path = berth.directory.path().join("data/berth.db");
        let database = rusqlite::Connection::open(path).unwrap();
        let owned = |what: &str| {
            let sql = format!(
                "SELECT repository.name, {what}.digest
                   FROM repository_{what} AS owned
                   JOIN repository ON repository.id = owned.repository_id
                   JOIN {what} ON {what}.id = owned.{what}_id"
            );
            let mut query = database.prepare(&sql).unwrap();
            let rows = query.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            Owned(rows.map(Result::unwrap).collect())
        };
        Self { manifests: owned("manifest"), blobs: owned("blob") }
    }
}

/// A collection as the worker runs it.
async fn collect(app: &App) -> Collected {
    let (now, mut done) = (app.clock.now(), Collected::default());
    loop {
        let part = app.meta.empty_trash(None, now - KEEP, 20).await.unwrap();
        if part.trash == 0 {
            break;
        }
        done += part;
    }
    let steps = [
        (Garbage::Manifests, now - UNTAGGED),
        (Garbage::Links, now - GRACE),
        (Garbage::Blobs, now - GRACE),
    ];
    for (kind, before) in steps {
        loop {
            let part = app.meta.collect(kind, before, 20).await.unwrap();
            if part.examined == 0 {
                break;
            }
            done += part;
        }
    }
    for object in app.meta.list_dead_objects(1_000_000).await.unwrap() {
        app.blobs.delete(&object.location).await.unwrap();
        app.meta.forget_dead_objects(vec![object.location]).await.unwrap();
        done.objects += 1;
    }
    done
}

/// A quota that has counted all along, and one that counts now, come to the same.
async fn check_quotas(app: &App, tags: u64) {
    let (meta, actor) = (&app.meta, tester());
    let limits = QuotaLimits { bytes: Some(1 << 40), ..QuotaLimits::default() };
    let now = meta.set_quota(EVERYTHING, limits, &actor).await.unwrap().unwrap();
    assert!(meta.remove_quota(EVERYTHING, &actor).await.unwrap());
    let ever = meta.set_quota("team", limits, &actor).await.unwrap().unwrap();
    assert_eq!((ever.used_bytes, ever.used_tags), (now.used_bytes, now.used_tags));
    assert_eq!(ever.used_tags, tags);
}

async fn model(berth: &TestApp, operations: usize, seed: u64) -> Collected {
    let app = &berth.app;
    let principal = app.auth.machine().await.unwrap();
    let names: Vec<RepositoryName> =
        (0..WORKERS).map(|number| format!("team/r{number}").parse().unwrap()).collect();
    let mut dice = Dice::new(seed);
    let asked = Asked::default();
    let mut worlds: Vec<World> = names
        .iter()
        .map(|name| World {
            app: Arc::clone(app),
            principal: principal.clone(),
            name: name.clone(),
            others: names.iter().filter(|other| *other != name).cloned().collect(),
            dice: Dice::new(dice.next()),
            tags: BTreeMap::new(),
            manifests: BTreeMap::new(),
            lost: Vec::new(),
            touched: BTreeMap::new(),
            asked: Arc::clone(&asked),
            done: 0,
        })
        .collect();
    check_quotas(app, 0).await;
    let mut total = Collected::default();
    for round in 0.. {
        let work = worlds.into_iter().map(|mut world| {
            tokio::spawn(async move {
                for _ in 0..ROUND {
                    world.step().await;
                }
                world
            })
        });
        let work = futures::future::join_all(work.collect::<Vec<_>>());
        let beside = async {
            let mut done = Collected::default();
            for _ in 0..3 {
                done += collect(app).await;
            }
            done
        };
        let (ended, beside) = tokio::join!(work, beside);
        worlds = ended.into_iter().map(Result::unwrap).collect();
        total += beside;
        berth.turn_clock(Duration::from_millis(dice.next() % (10 * 3_600_000)));
        total += collect(app).await;
        for world in &mut worlds {
            world.collected();
        }
        let is_last = worlds.iter().map(|world| world.done).sum::<usize>() >= operations;
        let rows = Rows::read(berth);
        for world in &mut worlds {
            world.check(round, &rows, is_last).await;
        }
        let tags = worlds.iter().map(|world| world.tags.len() as u64).sum();
        check_quotas(app, tags).await;
        if is_last {
            break;
        }
    }
    total
}

fn variable(name: &str, default: u64) -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "how much to try, and what, is asked for from outside"
    )]
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// A part of the operations, so that the parts can be tried at the same time.
async fn part(number: u64) {
    let berth = eager(|config| {
        config.storage.backend = Backend::Memory;
        config.gc.grace = HumanDuration::seconds(GRACE.as_secs());
        config.gc.untagged = Some(HumanDuration::seconds(UNTAGGED.as_secs()));
        config.trash.keep = HumanDuration::seconds(KEEP.as_secs());
    })
    .await;
    let operations = usize::try_from(variable("MODEL_OPERATIONS", 25_000)).unwrap();
    let done = model(&berth, operations, variable("MODEL_SEED", 6) + number).await;
    // A model that collects nothing proves nothing.
    assert!(done.links > 20 && done.objects > 20, "{done:?}");
    assert!(done.manifests > 20 && done.trash > 100, "{done:?}");
}

/// A hundred thousand operations, in four parts.
macro_rules! parts {
    ($($name:ident: $number:expr,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                part($number).await;
            }
        )*
    };
}

parts! {
    random_operations_lose_nothing_and_keep_nothing_dead: 0,
    random_operations_lose_nothing_and_keep_nothing_dead_2: 1,
    random_operations_lose_nothing_and_keep_nothing_dead_3: 2,
    random_operations_lose_nothing_and_keep_nothing_dead_4: 3,
}
