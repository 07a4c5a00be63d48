//! What holds for a whole run: how large everything is, and what a scenario is given.

use std::{sync::Arc, time::Duration};

use crate::{client::Target, noise::Noise, peer::Programs, proc::Processes};

/// Lives as long as the program, so that clients may borrow it on any thread.
pub(crate) struct Bench {
    pub(crate) noise: Noise,
    pub(crate) sizes: Sizes,
    pub(crate) programs: Programs,
}

/// How much of everything; [`Sizes::QUICK`] only shows that all of it works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Bytes of the large blob.
    pub(crate) big: u64,
    /// Bytes of the blob that is read slowly.
    pub(crate) slow: u64,
    /// How long scenarios of a fixed duration last.
    pub(crate) lasting: Duration,
    /// Times a single client pulls the large blob.
    pub(crate) pulls: usize,
    pub(crate) small_images: usize,
    pub(crate) images: usize,
    pub(crate) image_pulls: usize,
    pub(crate) tags: usize,
    pub(crate) repositories: usize,
    pub(crate) slow_readers: usize,
    pub(crate) slow_lasting: Duration,
    pub(crate) idle_connections: usize,
    pub(crate) concurrent_pushes: usize,
    pub(crate) concurrent_push: u64,
    pub(crate) starts: usize,
}

impl Sizes {
    pub(crate) const FULL: Self = Self {
        big: 1 << 30,
        slow: 64 << 20,
        lasting: Duration::from_secs(4),
        pulls: 4,
        small_images: 2_000,
        images: 40,
        image_pulls: 2_000,
        tags: 10_000,
        repositories: 2_000,
        slow_readers: 2_000,
        slow_lasting: Duration::from_secs(8),
        idle_connections: 2_000,
        concurrent_pushes: 200,
        concurrent_push: 16 << 20,
        starts: 5,
    };

    pub(crate) const QUICK: Self = Self {
        big: 16 << 20,
        slow: 8 << 20,
        lasting: Duration::from_millis(300),
        pulls: 2,
        small_images: 100,
        images: 4,
        image_pulls: 200,
        tags: 300,
        repositories: 150,
        slow_readers: 200,
        slow_lasting: Duration::from_secs(1),
        idle_connections: 200,
        concurrent_pushes: 50,
        concurrent_push: 1 << 20,
        starts: 2,
    };
}

/// One scenario against one running server.
pub(crate) struct Setting {
    pub(crate) bench: &'static Bench,
    pub(crate) target: Arc<Target>,
    pub(crate) processes: Processes,
    pub(crate) round: u64,
}
