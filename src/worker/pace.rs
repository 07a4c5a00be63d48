//! How fast work in the background may go, so that nobody waits for it.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Limits on rows and bytes in a second. After each piece of work, whoever works waits as long as the piece should have taken.
#[derive(Debug)]
pub(super) struct Pace {
    rows_per_second: Option<u64>,
    bytes_per_second: Option<u64>,
    last: Instant,
}

impl Pace {
    pub(super) fn new(rows_per_second: Option<u64>, bytes_per_second: Option<u64>) -> Self {
        Self { rows_per_second, bytes_per_second, last: Instant::now() }
    }

    /// So many rows were looked at since the last call.
    pub(super) async fn rows(&mut self, rows: u64, stop: &CancellationToken) {
        self.wait(rows, self.rows_per_second, stop).await;
    }

    /// So many bytes were read or removed since the last call.
    pub(super) async fn bytes(&mut self, bytes: u64, stop: &CancellationToken) {
        self.wait(bytes, self.bytes_per_second, stop).await;
    }

    async fn wait(&mut self, work: u64, per_second: Option<u64>, stop: &CancellationToken) {
        if let Some(per_second) = per_second {
            tokio::select! {
                () = tokio::time::sleep_until(self.last + due(work, per_second)) => {}
                () = stop.cancelled() => {}
            }
        }
        self.last = Instant::now();
    }
}

/// How long so much work should take.
fn due(work: u64, per_second: u64) -> Duration {
    let nanos = u128::from(work) * 1_000_000_000 / u128::from(per_second.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_as_long_as_the_limit_says() {
        for (work, per_second, millis) in
            [(50, 1000, 50), (0, 10, 0), (1 << 40, 1 << 20, 1_048_576_000), (5, 0, 5000)]
        {
            assert_eq!(due(work, per_second), Duration::from_millis(millis), "{work}/{per_second}");
        }
    }
}
