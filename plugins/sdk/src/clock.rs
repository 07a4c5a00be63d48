//! The time.

use std::time::Duration;

use crate::bindings::host::wasi::clocks::{monotonic_clock, wall_clock};

/// Time since the Unix epoch.
pub fn now() -> Duration {
    let now = wall_clock::now();
    Duration::new(now.seconds, now.nanoseconds)
}

/// Time since some moment, which never goes back.
pub fn monotonic() -> Duration {
    Duration::from_nanos(monotonic_clock::now())
}

/// Waits. It costs no processor time, but the call's deadline goes on.
pub fn sleep(time: Duration) {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    monotonic_clock::subscribe_duration(nanos).block();
}
