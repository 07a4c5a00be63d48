//! How many calls a plugin may have at once, and how many may wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::CallError;

/// Lets so many in, and so many wait.
#[derive(Debug)]
pub(super) struct Gate {
    turns: Arc<Semaphore>,
    waiting: AtomicU32,
    queue: u32,
}

impl Gate {
    pub(super) fn new(concurrency: u32, queue: u32) -> Self {
        let turns = usize::try_from(concurrency).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { turns: Arc::new(Semaphore::new(turns)), waiting: AtomicU32::new(0), queue }
    }

    /// A turn, for as long as the answer lives.
    pub(super) async fn enter(&self) -> Result<OwnedSemaphorePermit, CallError> {
        if let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() {
            return Ok(turn);
        }
        let waiting = Waiting::begin(&self.waiting);
        if waiting.before >= self.queue {
            return Err(CallError::Busy);
        }
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        turn.map_err(|_| CallError::Host("the plugin's gate is closed".into()))
    }
}

struct Waiting<'a> {
    count: &'a AtomicU32,
    before: u32,
}

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicU32) -> Self {
        Self { count, before: count.fetch_add(1, Ordering::SeqCst) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_too_many_is_refused_and_the_others_get_their_turn() {
        let gate = Arc::new(Gate::new(1, 1));
        let first = gate.enter().await.unwrap();
        let mut second = Box::pin(gate.enter());
        assert!(futures::poll!(&mut second).is_pending());
        assert_eq!(gate.enter().await.unwrap_err(), CallError::Busy);
        drop(first);
        let second = second.await.unwrap();
        // Who stops waiting leaves room for another.
        let mut third = Box::pin(gate.enter());
        assert!(futures::poll!(&mut third).is_pending());
        drop(third);
        let mut fourth = Box::pin(gate.enter());
        assert!(futures::poll!(&mut fourth).is_pending());
        drop(second);
        drop(fourth.await.unwrap());
    }
}
