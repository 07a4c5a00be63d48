//! The memory that uploads to a bucket may use together.
//!
//! A bucket takes pieces of some megabytes, each with its length before it: what arrives must be collected first. Room for
//! a piece travels with its bytes and comes back when the last copy of them is dropped, so the limit holds however long the
//! bucket takes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Error;

/// Room is counted in units of this many bytes.
const UNIT: usize = 64 << 10;

/// Memory of so many pieces, and of a quarter of all at most, is kept for the next ones while uploads are under way: new
/// memory has to be cleared by the kernel, page by page, which takes a fifth of a push.
const KEPT: usize = 6;

/// Only what is at least this large is worth keeping.
const WORTH_KEEPING: usize = 4 << 20;

/// All of the memory; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Buffers {
    free: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    kept: Arc<Mutex<Vec<Vec<u8>>>>,
    units: usize,
}

/// Room for some bytes.
#[derive(Debug)]
pub(super) struct Room {
    permit: Option<OwnedSemaphorePermit>,
    buffers: Buffers,
}

impl Buffers {
    pub(super) fn new(bytes: u64) -> Self {
        let units = usize::try_from(bytes).unwrap_or(usize::MAX) / UNIT;
        let units = units.clamp(1, Semaphore::MAX_PERMITS);
        let free = Arc::new(Semaphore::new(units));
        Self { free, waiting: Arc::default(), kept: Arc::default(), units }
    }

    /// Room for so many bytes, if there is some now.
    pub(super) fn try_take(&self, bytes: usize) -> Option<Room> {
        let permit = Arc::clone(&self.free).try_acquire_many_owned(self.units_of(bytes)).ok()?;
        Some(Room { permit: Some(permit), buffers: self.clone() })
    }

    /// Room for so many bytes, in the order of asking. Whoever waits must hold no room, or all could wait for each other.
    pub(super) async fn take(&self, bytes: usize) -> Result<Room, Error> {
        let _waiting = Waiting::begin(&self.waiting);
        let permit = Arc::clone(&self.free).acquire_many_owned(self.units_of(bytes)).await;
        let permit = permit.map_err(|_| Error::Stopped)?;
        Ok(Room { permit: Some(permit), buffers: self.clone() })
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
    /// Memory for so many bytes.
    pub(super) fn buffer(&self, bytes: usize) -> Vec<u8> {
        let mut kept = self.buffers.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = kept.iter().position(|buffer| buffer.capacity() == bytes);
        fitting.map_or_else(|| Vec::with_capacity(bytes), |at| kept.swap_remove(at))
    }

    /// Bytes that keep the room until nobody has them any more.
    pub(super) fn hold(self, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Held { bytes, room: self })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.permit = None;
        let Buffers { free, kept, units, .. } = &self.buffers;
        // An idle registry keeps nothing.
        if free.available_permits() == *units {
            kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
}

struct Held {
    bytes: Vec<u8>,
    room: Room,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        let mut kept = self.room.buffers.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let most = (self.room.buffers.units * UNIT / 4 / bytes.capacity().max(1)).clamp(1, KEPT);
        if bytes.capacity() >= WORTH_KEEPING && kept.len() < most {
            bytes.clear();
            kept.push(bytes);
        }
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

    #[test]
    fn memory_is_kept_while_there_are_uploads_and_no_longer() {
        let buffers = Buffers::new(64 << 20);
        let other = buffers.try_take(UNIT).unwrap();
        let room = buffers.try_take(WORTH_KEEPING).unwrap();
        let mut first = room.buffer(WORTH_KEEPING);
        first.push(1);
        let address = first.as_ptr();
        drop(room.hold(first));
        let room = buffers.try_take(WORTH_KEEPING).unwrap();
        let second = room.buffer(WORTH_KEEPING);
        assert_eq!((second.as_ptr(), second.len()), (address, 0));
        drop(room.hold(second));
        assert_eq!(buffers.kept.lock().unwrap().len(), 1);
        drop(other);
        assert!(buffers.kept.lock().unwrap().is_empty());
    }

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
