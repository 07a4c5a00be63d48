//! A limit on failed logins per address.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Error;
use crate::clock::{Clock, Timestamp};

/// Addresses that are remembered; more than this many attackers at once forget each other.
const ADDRESSES: usize = 10_000;

#[derive(Debug)]
pub(super) struct Throttle {
    clock: Clock,
    limit: u32,
    window: Duration,
    failures: quick_cache::sync::Cache<IpAddr, Failures>,
    counting: Mutex<()>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    first: Timestamp,
    count: u32,
}

impl Throttle {
    pub(super) fn new(clock: Clock, limit: u32, window: Duration) -> Self {
        let failures = quick_cache::sync::Cache::new(ADDRESSES);
        Self { clock, limit, window, failures, counting: Mutex::new(()) }
    }

    /// Refuses an address that has failed too often.
    pub(super) fn check(&self, from: IpAddr) -> Result<(), Error> {
        let Some(failures) = self.failures.get(&group(from)) else { return Ok(()) };
        let age = self.clock.now().since(failures.first);
        if failures.count >= self.limit && age < self.window {
            Err(Error::Throttled(self.window.saturating_sub(age)))
        } else {
            Ok(())
        }
    }

    /// Counts a failure; the window begins with the first.
    pub(super) fn failed(&self, from: IpAddr) {
        let _one_at_a_time = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, now) = (group(from), self.clock.now());
        let known =
            self.failures.get(&key).filter(|failures| now.since(failures.first) < self.window);
        let first = known.map_or(now, |failures| failures.first);
        let count = known.map_or(0, |failures| failures.count) + 1;
        self.failures.insert(key, Failures { first, count });
    }
}

/// One subscriber has a whole /64 of IPv6 addresses.
fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_waits_until_its_window_is_over() {
        let clock = Clock::manual(Timestamp::from_millis(0));
        let throttle = Throttle::new(clock.clone(), 2, Duration::from_mins(1));
        let (bad, good) = ("2001:db8::1".parse().unwrap(), "192.0.2.1".parse().unwrap());
        throttle.failed(bad);
        assert!(throttle.check(bad).is_ok());
        throttle.failed("2001:db8::2".parse().unwrap());
        clock.advance(Duration::from_secs(20));
        assert!(
            matches!(throttle.check(bad), Err(Error::Throttled(wait)) if wait == Duration::from_secs(40))
        );
        assert!(throttle.check(good).is_ok());
        clock.advance(Duration::from_secs(40));
        assert!(throttle.check(bad).is_ok());
    }
}
