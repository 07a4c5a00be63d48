//! A hook at each step of storing a blob, so that tests can make a real store fail or dawdle where they like.

use std::fmt;
use std::io;
use std::sync::Arc;

/// A step of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The file or object of an upload is opened.
    Open,
    /// Received bytes are written.
    Write,
    /// Bytes are made durable.
    Sync,
    /// The upload becomes a blob.
    Publish,
    /// The directory entry is made durable.
    SyncDirectory,
    /// A blob is opened for reading.
    Load,
    /// An object is removed.
    Delete,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::Write,
        Self::Sync,
        Self::Publish,
        Self::SyncDirectory,
        Self::Load,
        Self::Delete,
    ];
}

type Hook = dyn Fn(Step) -> io::Result<()> + Send + Sync;

/// Nothing, outside tests.
#[derive(Clone, Default)]
pub struct Probe(Option<Arc<Hook>>);

impl Probe {
    /// A probe that calls `hook` before each step, on the thread that does it; its error is the step's.
    pub fn new(hook: impl Fn(Step) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hook)))
    }

    pub(super) fn at(&self, step: Step) -> io::Result<()> {
        self.0.as_ref().map_or(Ok(()), |hook| hook(step))
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Probe(on)" } else { "Probe(off)" })
    }
}
