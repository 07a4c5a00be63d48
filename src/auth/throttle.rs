//! Limits on failed logins: per address, and per name, so that many addresses together guess no faster.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Error;
use crate::clock::{Clock, Timestamp};
use crate::config;
use crate::oci::Algorithm;

/// Addresses and names that are remembered; more than this many attackers at once forget each other.
const REMEMBERED: usize = 10_000;

#[derive(Debug)]
pub(super) struct Throttle {
    clock: Clock,
    window: Duration,
    addresses: Failures<IpAddr>,
    /// Names are hashed: whatever a client calls itself takes the same room.
    names: Failures<[u8; 16]>,
}

/// Who tries to log in.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    address: IpAddr,
    name: Option<[u8; 16]>,
}

impl Attempt {
    /// Somebody who claims to be `name`; whether there is such an account makes no difference.
    pub(super) fn of(name: &str, address: IpAddr) -> Self {
        let digest = Algorithm::Sha256.digest(name.as_bytes());
        let mut short = [0; 16];
        short.copy_from_slice(&digest.hex().as_bytes()[..16]);
        Self { address: group(address), name: Some(short) }
    }

    /// Somebody who claims no name.
    pub(super) fn nameless(address: IpAddr) -> Self {
        Self { address: group(address), name: None }
    }
}

#[derive(Debug)]
struct Failures<K> {
    limit: u32,
    counts: quick_cache::sync::Cache<K, Count>,
    counting: Mutex<()>,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    first: Timestamp,
    failures: u32,
}

impl<K: Clone + Eq + std::hash::Hash> Failures<K> {
    fn new(limit: u32) -> Self {
        Self { limit, counts: quick_cache::sync::Cache::new(REMEMBERED), counting: Mutex::new(()) }
    }

    /// How long it has to wait.
    fn wait(&self, key: &K, now: Timestamp, window: Duration) -> Option<Duration> {
        let count = self.counts.get(key)?;
        let age = now.since(count.first);
        (count.failures >= self.limit && age < window).then(|| window.saturating_sub(age))
    }

    fn failed(&self, key: &K, now: Timestamp, window: Duration) {
        let _one_at_a_time = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.counts.get(key).filter(|count| now.since(count.first) < window);
        let first = known.map_or(now, |count| count.first);
        let failures = known.map_or(0, |count| count.failures) + 1;
        self.counts.insert(key.clone(), Count { first, failures });
    }
}

impl Throttle {
    pub(super) fn new(clock: Clock, config: &config::Auth) -> Self {
        Self {
            clock,
            window: config.failed_window.get(),
            addresses: Failures::new(config.failed_logins),
            names: Failures::new(config.failed_logins_per_name),
        }
    }

    /// Refuses an address that has failed too often, and a name that was tried too often.
    pub(super) fn check(&self, attempt: &Attempt) -> Result<(), Error> {
        let now = self.clock.now();
        if let Some(wait) = self.addresses.wait(&attempt.address, now, self.window) {
            return Err(Error::Throttled { wait, whose: "from this address" });
        }
        let name = attempt.name.as_ref();
        match name.and_then(|name| self.names.wait(name, now, self.window)) {
            Some(wait) => Err(Error::Throttled { wait, whose: "with this name" }),
            None => Ok(()),
        }
    }

    /// Counts a failure; the window begins with the first.
    pub(super) fn failed(&self, attempt: &Attempt) {
        let now = self.clock.now();
        self.addresses.failed(&attempt.address, now, self.window);
        if let Some(name) = &attempt.name {
            self.names.failed(name, now, self.window);
        }
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
    use crate::config::HumanDuration;

    fn throttle(clock: &Clock) -> Throttle {
        let mut config = config::Auth::default();
        config.failed_logins = 2;
        config.failed_logins_per_name = 3;
        config.failed_window = HumanDuration::seconds(60);
        Throttle::new(clock.clone(), &config)
    }

    #[test]
    fn an_address_waits_until_its_window_is_over() {
        let clock = Clock::manual(Timestamp::from_millis(0));
        let throttle = throttle(&clock);
        let bad = |last: u8| Attempt::nameless(format!("2001:db8::{last}").parse().unwrap());
        throttle.failed(&bad(1));
        assert!(throttle.check(&bad(1)).is_ok());
        throttle.failed(&bad(2));
        clock.advance(Duration::from_secs(20));
        let wait = Duration::from_secs(40);
        assert!(
            matches!(throttle.check(&bad(1)), Err(Error::Throttled { wait: said, .. }) if said == wait)
        );
        assert!(throttle.check(&Attempt::nameless("192.0.2.1".parse().unwrap())).is_ok());
        clock.advance(wait);
        assert!(throttle.check(&bad(1)).is_ok());
    }

    #[test]
    fn a_name_waits_whatever_the_address() {
        let clock = Clock::manual(Timestamp::from_millis(0));
        let throttle = throttle(&clock);
        let ann = |last: u8| Attempt::of("ann", format!("192.0.2.{last}").parse().unwrap());
        for address in 1..=3 {
            assert!(throttle.check(&ann(address)).is_ok());
            throttle.failed(&ann(address));
        }
        assert!(throttle.check(&ann(4)).is_err());
        assert!(throttle.check(&Attempt::of("bob", "192.0.2.4".parse().unwrap())).is_ok());
        clock.advance(Duration::from_mins(1));
        assert!(throttle.check(&ann(4)).is_ok());
    }
}
