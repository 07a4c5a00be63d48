//! The time, as everything in Berth has it: tests turn it by hand.

use std::time::Duration;

use wasmtime_wasi::clocks::HostWallClock;

use crate::clock::Clock;

/// Berth's clock for plugins.
pub(in super::super) struct WallClock(pub(in super::super) Clock);

impl HostWallClock for WallClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.now().as_millis()).unwrap_or(0))
    }
}
