//! How long a call has really computed: processor time of the threads that it ran on, waiting left out.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Counts the time that a future is being polled.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// Nanoseconds, without the poll that is going on.
    used: AtomicU64,
    /// The thread's clock when that poll began.
    since: AtomicU64,
    ticked: AtomicBool,
    habit: Arc<Habit>,
}

/// Whether calls of a kind compute for long: then the next one does not even begin where others would wait for it.
#[derive(Debug, Default)]
pub(super) struct Habit(AtomicBool);

impl Habit {
    /// Whether the last call was interrupted.
    pub(super) fn is_slow(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Meter {
    pub(super) fn new(habit: Arc<Habit>) -> Self {
        Self { habit, ..Self::default() }
    }

    /// Processor time so far. Right while the future is polled on this very thread, and between polls.
    pub(super) fn used(&self) -> Duration {
        let since = self.since.load(Ordering::Relaxed);
        let current = if since == 0 { 0 } else { thread_nanos().saturating_sub(since) };
        Duration::from_nanos(self.used.load(Ordering::Relaxed) + current)
    }

    /// Notes that guest code was interrupted.
    pub(super) fn tick(&self) {
        self.ticked.store(true, Ordering::Relaxed);
        self.habit.0.store(true, Ordering::Relaxed);
    }

    /// Notes that the call has ended by itself.
    pub(super) fn ended(&self) {
        self.habit.0.store(self.has_ticked(), Ordering::Relaxed);
    }

    /// Whether guest code was ever interrupted.
    pub(super) fn has_ticked(&self) -> bool {
        self.ticked.load(Ordering::Relaxed)
    }

    fn begin(&self) {
        self.since.store(thread_nanos(), Ordering::Relaxed);
    }

    fn end(&self) {
        let since = self.since.swap(0, Ordering::Relaxed);
        self.used.fetch_add(thread_nanos().saturating_sub(since), Ordering::Relaxed);
    }
}

/// The processor's time for this thread; never 0, which stands for "not being polled".
fn thread_nanos() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    (seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)).max(1)
}

/// A future whose time is counted.
pub(super) struct Metered<F> {
    meter: Arc<Meter>,
    future: Pin<Box<F>>,
}

impl<F: Future> Metered<F> {
    pub(super) fn new(meter: Arc<Meter>, future: F) -> Self {
        Self { meter, future: Box::pin(future) }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.meter.begin();
        let polled = self.future.as_mut().poll(context);
        self.meter.end();
        polled
    }
}

/// Runs a call where it does no harm. It begins in its caller's task, as most calls are over before a hop to another
/// thread would be; one that computes until it is interrupted goes on among the threads that plugins have for themselves.
pub(super) async fn run_beside<F>(
    meter: Arc<Meter>,
    threads: &tokio::runtime::Handle,
    future: F,
) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    let mut call = Some(Metered::new(Arc::clone(&meter), future));
    let first = std::future::poll_fn(|context| {
        let Some(running) = call.as_mut() else { return Poll::Ready(None) };
        match Pin::new(running).poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if meter.has_ticked() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    });
    match (first.await, call) {
        (Some(answer), _) => answer,
        (None, Some(call)) => run_apart(threads, call).await,
        (None, None) => unreachable!("the call is taken only once"),
    }
}

/// Runs a call among the plugins' own threads from the beginning.
pub(super) async fn run_apart<F>(threads: &tokio::runtime::Handle, call: Metered<F>) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    match tokio_util::task::AbortOnDropHandle::new(threads.spawn(call)).await {
        Ok(answer) => answer,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The threads are going away with Berth: whoever waits here goes as well.
        Err(_) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_computing_is_counted() {
        let meter = Arc::new(Meter::default());
        let computing = async {
            let begin = thread_nanos();
            while thread_nanos() - begin < 3_000_000 {}
            tokio::task::yield_now().await;
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(Metered::new(Arc::clone(&meter), computing));
        assert!(meter.used() >= Duration::from_millis(3));
        let before = meter.used();
        let begin = thread_nanos();
        while thread_nanos() - begin < 3_000_000 {}
        assert_eq!(meter.used(), before);
    }
}
