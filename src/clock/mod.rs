//! What time it is. Everything that stores or compares times asks a [`Clock`], so that tests can turn it by hand.

mod cron;

pub use cron::Cron;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// A moment in unix milliseconds, as it is stored in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Wraps unix milliseconds.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Unix milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole unix seconds, rounded down, as JWT claims count time.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The time from `earlier` to `self`; zero if `earlier` is the later one.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// RFC 3339 in UTC with milliseconds, such as `2026-11-24T10:05:09.120Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// Reads RFC 3339, such as `2026-11-24T10:05:09Z`.
impl std::str::FromStr for Timestamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.parse::<jiff::Timestamp>();
        parsed.map(|time| Self(time.as_millisecond())).map_err(|_| {
            format!(
                "`{}` is no moment: write it as `2026-11-24T10:05:09Z`",
                text.chars().take(60).collect::<String>()
            )
        })
    }
}

/// The system's clock, or one that a test turns.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<Manual>>);

#[derive(Debug)]
struct Manual {
    millis: AtomicI64,
    turned: watch::Sender<()>,
}

impl Clock {
    /// The machine's own time.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands at `start` until [`Clock::advance`] is called.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        let (millis, turned) = (AtomicI64::new(start.0), watch::Sender::new(()));
        Self(Some(Arc::new(Manual { millis, turned })))
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Some(manual) => Timestamp(manual.millis.load(Ordering::SeqCst)),
            None => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "the one place that reads the machine's clock"
                )]
                let now = SystemTime::now();
                let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
        }
    }

    /// Turns a manual clock forward; the system's clock is not moved.
    pub fn advance(&self, by: Duration) {
        if let Some(manual) = &self.0 {
            let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            manual.millis.fetch_add(by, Ordering::SeqCst);
            manual.turned.send_replace(());
        }
    }

    /// Tells whenever a manual clock is turned; the system's clock goes by itself, so that whoever waits for a time sleeps.
    #[must_use]
    pub fn turns(&self) -> Turns {
        Turns(self.0.as_ref().map(|manual| manual.turned.subscribe()))
    }
}

/// Waits for a manual clock to be turned.
#[derive(Debug)]
pub struct Turns(Option<watch::Receiver<()>>);

impl Turns {
    /// Waits for the next turn since the last one that was waited for.
    pub async fn next(&mut self) {
        match &mut self.0 {
            Some(turned) => drop(turned.changed().await),
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_turned() {
        let clock = Clock::manual(Timestamp::from_millis(1_000));
        assert_eq!(clock.now(), clock.now());
        clock.advance(Duration::from_secs(2));
        assert_eq!(clock.now().as_millis(), 3_000);
    }

    #[test]
    fn a_timestamp_prints_as_rfc_3339() {
        assert_eq!(
            Timestamp::from_millis(1_764_000_000_120).to_string(),
            "2025-11-24T16:00:00.120Z"
        );
    }
}
