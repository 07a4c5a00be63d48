//! Answers kept in memory until the rows behind them change.
//!
//! Every cached answer remembers the epoch of its name at the time before the rows were read. The writer raises the
//! epoch after a commit and before the change is acknowledged, so an answer read before a change is never given after it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

const STRIPES: usize = 1024;

/// A counter for each name, or rather for each of 1,024 groups of names: two that share one only lose cached answers. What
/// is read as a whole has a counter of its own.
#[derive(Debug)]
pub(super) struct Epochs {
    counters: Box<[AtomicU64]>,
    /// Whoever waits for events, jobs or plugins.
    events: watch::Sender<()>,
    jobs: watch::Sender<()>,
    plugins: watch::Sender<()>,
}

const COUNTERS: usize = STRIPES + 8;

impl Epochs {
    /// The rules of access, which are kept in memory as a whole.
    pub(super) const RULES: usize = STRIPES;
    /// Tokens and the accounts that have them.
    pub(super) const TOKENS: usize = STRIPES + 1;
    /// Events.
    pub(super) const EVENTS: usize = STRIPES + 2;
    /// Jobs.
    pub(super) const JOBS: usize = STRIPES + 3;
    /// Issuers, federation rules and providers, which are kept in memory as a whole.
    pub(super) const TRUST: usize = STRIPES + 4;
    /// Installed plugins.
    pub(super) const PLUGINS: usize = STRIPES + 5;
    /// Locks, which are kept in memory as a whole.
    pub(super) const LOCKS: usize = STRIPES + 6;
    /// Which namespaces have a quota.
    pub(super) const QUOTAS: usize = STRIPES + 7;

    pub(super) fn new() -> Self {
        Self {
            counters: (0..COUNTERS).map(|_| AtomicU64::new(0)).collect(),
            events: watch::Sender::new(()),
            jobs: watch::Sender::new(()),
            plugins: watch::Sender::new(()),
        }
    }

    /// Tells of each new event, or of several at once.
    pub(super) fn watch_events(&self) -> watch::Receiver<()> {
        self.events.subscribe()
    }

    /// Tells whenever a job was added or has changed.
    pub(super) fn watch_jobs(&self) -> watch::Receiver<()> {
        self.jobs.subscribe()
    }

    /// Tells whenever an installed plugin may have changed.
    pub(super) fn watch_plugins(&self) -> watch::Receiver<()> {
        self.plugins.subscribe()
    }

    pub(super) fn at(&self, counter: usize) -> u64 {
        self.counters[counter].load(Ordering::Acquire)
    }

    pub(super) fn stripe(name: &str) -> usize {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        usize::try_from(hasher.finish() % STRIPES as u64).unwrap_or(0)
    }

    pub(super) fn of(&self, name: &str) -> u64 {
        self.at(Self::stripe(name))
    }

    pub(super) fn raise(&self, stripe: usize) {
        self.counters[stripe].fetch_add(1, Ordering::AcqRel);
        match stripe {
            Self::EVENTS => self.events.send_replace(()),
            Self::JOBS => self.jobs.send_replace(()),
            Self::PLUGINS => self.plugins.send_replace(()),
            _ => {}
        }
    }

    pub(super) fn raise_all(&self) {
        (0..COUNTERS).for_each(|counter| self.raise(counter));
    }
}

/// A bounded cache of answers about names.
pub(super) struct Cache<V>(quick_cache::sync::Cache<Box<str>, (u64, V), Weight<V>>);

#[derive(Clone)]
struct Weight<V>(fn(&V) -> u64);

impl<V> quick_cache::Weighter<Box<str>, (u64, V)> for Weight<V> {
    fn weight(&self, key: &Box<str>, value: &(u64, V)) -> u64 {
        key.len() as u64 + 64 + (self.0)(&value.1)
    }
}

impl<V: Clone> Cache<V> {
    /// A cache of at most about `bytes`, where `weigh` gives the bytes that a value holds.
    pub(super) fn new(bytes: u64, weigh: fn(&V) -> u64) -> Self {
        let items = usize::try_from(bytes / 512).unwrap_or(1024);
        Self(quick_cache::sync::Cache::with_weighter(items, bytes, Weight(weigh)))
    }

    /// The answer, if it was read in `epoch`.
    pub(super) fn get(&self, key: &str, epoch: u64) -> Option<V> {
        self.0.get(key).filter(|(read_in, _)| *read_in == epoch).map(|(_, value)| value)
    }

    /// Keeps an answer whose rows were read in `epoch`.
    pub(super) fn put(&self, key: &str, epoch: u64, value: V) {
        self.0.insert(key.into(), (epoch, value));
    }
}

impl<V> std::fmt::Debug for Cache<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cache")
    }
}
