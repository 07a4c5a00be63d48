//! How often a failed request is tried again, and how long to wait in between.

use std::time::Duration;

use super::error::Error;

/// How persistent to be.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// How many tries in a row may fail before we give up.
    pub tries: u32,
    /// The first wait; each following one is twice as long.
    pub first_wait: Duration,
    /// The longest wait, also where a registry asks for a longer one.
    pub longest_wait: Duration,
    /// Whether to give up when a registry asks for a longer wait: for those who come again later by themselves.
    pub gives_way: bool,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            tries: 6,
            first_wait: Duration::from_millis(250),
            longest_wait: Duration::from_mins(1),
            gives_way: false,
        }
    }
}

/// The waits of one operation.
#[derive(Debug)]
pub(super) struct Patience {
    policy: RetryPolicy,
    failed: u32,
}

impl Patience {
    pub(super) fn new(policy: RetryPolicy) -> Self {
        Self { policy, failed: 0 }
    }

    /// There was progress: earlier failures no longer count.
    pub(super) fn renew(&mut self) {
        self.failed = 0;
    }

    /// Waits before the next try; gives the error back if it is final, or if it has been enough.
    pub(super) async fn wait(&mut self, error: Error) -> Result<(), Error> {
        self.failed += 1;
        let is_sent_away = self.policy.gives_way
            && error.retry_after().is_some_and(|wait| wait > self.policy.longest_wait);
        if !error.is_transient() || self.failed >= self.policy.tries || is_sent_away {
            return Err(error);
        }
        let wait = self.wait_after(&error, random_fraction());
        tracing::debug!(%error, wait_ms = wait.as_millis(), "another try follows");
        tokio::time::sleep(wait).await;
        Ok(())
    }

    fn wait_after(&self, error: &Error, fraction: f64) -> Duration {
        let doubled = 2_u32.saturating_pow(self.failed.saturating_sub(1).min(16));
        let backoff = self.policy.first_wait.saturating_mul(doubled);
        // Between half and all of it, so that clients which were cut off together do not return together.
        let backoff = backoff.min(self.policy.longest_wait).mul_f64(0.5 + fraction / 2.0);
        backoff.max(error.retry_after().unwrap_or_default()).min(self.policy.longest_wait)
    }
}

fn random_fraction() -> f64 {
    let mut byte = [0];
    // Without a random source the wait is merely less spread.
    let _ = getrandom::fill(&mut byte);
    f64::from(byte[0]) / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn too_many(retry_after: Option<u64>) -> Error {
        Error::TooManyRequests {
            registry: "example.com".parse().unwrap(),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    #[test]
    fn waits_double_and_honour_the_registry() {
        let mut patience = Patience::new(RetryPolicy::default());
        patience.failed = 1;
        assert_eq!(patience.wait_after(&too_many(None), 1.0), Duration::from_millis(250));
        assert_eq!(patience.wait_after(&too_many(None), 0.0), Duration::from_millis(125));
        patience.failed = 3;
        assert_eq!(patience.wait_after(&too_many(None), 1.0), Duration::from_secs(1));
        assert_eq!(patience.wait_after(&too_many(Some(7)), 1.0), Duration::from_secs(7));
        assert_eq!(patience.wait_after(&too_many(Some(7_000)), 1.0), Duration::from_mins(1));
        patience.failed = u32::MAX;
        assert_eq!(patience.wait_after(&too_many(None), 1.0), Duration::from_mins(1));
    }

    #[tokio::test]
    async fn final_errors_are_given_back_at_once() {
        let mut patience = Patience::new(RetryPolicy::default());
        let error = Error::Layout("no".into());
        assert!(patience.wait(error).await.is_err());
    }
}
