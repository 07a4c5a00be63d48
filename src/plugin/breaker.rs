//! A plugin that fails again and again is left alone for a while: its callers get their answer at once, and it gets time.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;

use super::CallError;
use crate::clock::{Clock, Timestamp};

/// So many failures within [`WINDOW`] open the breaker.
const FAILURES: usize = 5;
const WINDOW: Duration = Duration::from_secs(30);
/// How long it stays open at first; each time it opens again right away, twice as long.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_mins(5);

/// A circuit breaker.
#[derive(Debug)]
pub(super) struct Breaker {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: VecDeque<Timestamp>,
    /// Until when nothing is tried, and how long that was.
    open: Option<(Timestamp, Duration)>,
    /// A call is trying whether it works again.
    is_probing: bool,
}

/// The right to make one call. What came of it has to be told; a call that is given up counts for nothing.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
    is_told: bool,
}

impl Breaker {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Whether a call may be tried.
    pub(super) fn attempt(&self) -> Result<Attempt<'_>, CallError> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        let is_probe = match state.open {
            None => false,
            Some((until, _)) if now < until => return Err(CallError::Tripped(until.since(now))),
            // One call tries, the others wait for what comes of it.
            Some(_) if state.is_probing => return Err(CallError::Tripped(Duration::from_secs(1))),
            Some(_) => true,
        };
        state.is_probing |= is_probe;
        Ok(Attempt { breaker: self, is_probe, is_told: false })
    }

    /// Until when it is left alone.
    pub(super) fn open_until(&self) -> Option<Timestamp> {
        let now = self.clock.now();
        self.state.lock().open.map(|(until, _)| until).filter(|until| *until > now)
    }
}

impl Attempt<'_> {
    /// Tells what came of it. Says how long the plugin is left alone, if that begins now.
    pub(super) fn tell(mut self, failed: bool) -> Option<Duration> {
        self.is_told = true;
        let now = self.breaker.clock.now();
        let mut state = self.breaker.state.lock();
        state.is_probing &= !self.is_probe;
        if !failed {
            if self.is_probe {
                *state = State::default();
            }
            return None;
        }
        let wait = if self.is_probe {
            state.open.map_or(FIRST, |(_, before)| (before * 2).min(LONGEST))
        } else {
            while state.failures.front().is_some_and(|oldest| now.since(*oldest) > WINDOW) {
                state.failures.pop_front();
            }
            state.failures.push_back(now);
            if state.failures.len() < FAILURES || state.open.is_some() {
                return None;
            }
            FIRST
        };
        state.failures.clear();
        state.open = Some((now + wait, wait));
        Some(wait)
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.is_told && self.is_probe {
            self.breaker.state.lock().is_probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &Breaker) -> Option<Duration> {
        breaker.attempt().unwrap().tell(true)
    }

    #[test]
    fn failures_in_a_row_open_it_longer_each_time_and_a_success_closes_it() {
        let clock = Clock::manual(Timestamp::from_millis(1_000_000));
        let breaker = Breaker::new(clock.clone());
        for _ in 1..FAILURES {
            assert_eq!(fail(&breaker), None);
        }
        assert_eq!(fail(&breaker), Some(FIRST));
        assert_eq!(breaker.attempt().unwrap_err(), CallError::Tripped(FIRST));
        clock.advance(FIRST);
        let probe = breaker.attempt().unwrap();
        assert!(breaker.attempt().is_err(), "one tries, the others wait");
        assert_eq!(probe.tell(true), Some(FIRST * 2));
        clock.advance(FIRST * 2);
        drop(breaker.attempt().unwrap());
        let probe = breaker.attempt().expect("the probe before was given up");
        assert_eq!(probe.tell(false), None);
        for _ in 1..FAILURES {
            assert_eq!(fail(&breaker), None);
        }
    }

    #[test]
    fn failures_far_apart_do_not_add_up() {
        let clock = Clock::manual(Timestamp::from_millis(1_000_000));
        let breaker = Breaker::new(clock.clone());
        for _ in 0..3 * FAILURES {
            assert_eq!(fail(&breaker), None);
            clock.advance(WINDOW / 3);
        }
        assert!(breaker.attempt().is_ok());
    }
}
