//! The memory that uploads to a bucket may use together.
//!
//! A bucket takes pieces of some megabytes, each with its length before it: what arrives must be collected first. Room for
//! a piece travels with its bytes and comes back when the last copy of them is dropped, so the limit holds however long the
//! bucket takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Error;

/// Room is counted in units of this many bytes.
const UNIT: usize = 64 << 10;

/// All of the memory; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Buffers {
    free: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    units: usize,
}

/// Room for some bytes.
#[derive(Debug)]
pub(super) struct Room(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

impl Buffers {
    pub(super) fn new(bytes: u64) -> Self {
        let units = usize::try_from(bytes).unwrap_or(usize::MAX) / UNIT;
        let units = units.clamp(1, Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(units)), waiting: Arc::default(), units }
    }

    /// Room for so many bytes, if there is some now.
    pub(super) fn try_take(&self, bytes: usize) -> Option<Room> {
        Arc::clone(&self.free).try_acquire_many_owned(self.units_of(bytes)).ok().map(Room)
    }

    /// Room for so many bytes, in the order of asking. Whoever waits must hold no room, or all could wait for each other.
    pub(super) async fn take(&self, bytes: usize) -> Result<Room, Error> {
        let _waiting = Waiting::begin(&self.waiting);
        let permit = Arc::clone(&self.free).acquire_many_owned(self.units_of(bytes)).await;
        permit.map(Room).map_err(|_| Error::Stopped)
    }

    /// Whether somebody waits for room.
    pub(super) fn are_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    fn units_of(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(UNIT).clamp(1, self.units)).unwrap_or(u32::MAX)
    }
}

impl Room {
    /// Bytes that keep the room until nobody has them any more.
    pub(super) fn hold(self, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Held { bytes, _room: self })
    }
}

struct Held {
    bytes: Vec<u8>,
    _room: Room,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn room_comes_back_with_the_last_copy_of_the_bytes() {
        let buffers = Buffers::new(4 * UNIT as u64);
        let bytes = buffers.try_take(3 * UNIT).unwrap().hold(vec![7; 3 * UNIT]);
        let copy = bytes.slice(1..2);
        assert!(buffers.try_take(2 * UNIT).is_none());
        let waits = tokio::spawn({
            let buffers = buffers.clone();
            async move { buffers.take(2 * UNIT).await.unwrap() }
        });
        while !buffers.are_wanted() {
            tokio::task::yield_now().await;
        }
        drop(bytes);
        assert!(!waits.is_finished(), "a copy is left");
        drop(copy);
        waits.await.unwrap();
        assert!(!buffers.are_wanted());
        assert!(buffers.try_take(usize::MAX).is_some(), "more than there is means all of it");
    }
}
