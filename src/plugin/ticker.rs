//! The pulse by which guest code is interrupted: every few milliseconds while something runs, and never otherwise.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::Duration;

use wasmtime::EngineWeak;

/// How long guest code computes before it makes way for others.
pub(super) const TICK: Duration = Duration::from_millis(5);

/// So many ticks without a call let the thread sleep: waking it for each of many calls would cost more.
const LINGER: u32 = 200;

/// The thread that ticks, for as long as the engine is there.
#[derive(Debug)]
pub(super) struct Ticker {
    running: Arc<AtomicUsize>,
    thread: Thread,
}

impl Ticker {
    pub(super) fn start(engine: EngineWeak) -> std::io::Result<Arc<Self>> {
        let running = Arc::new(AtomicUsize::new(0));
        let watched = Arc::clone(&running);
        let thread = std::thread::Builder::new()
            .name("berth-ticker".into())
            .spawn(move || tick(&engine, &watched))?;
        Ok(Arc::new(Self { running, thread: thread.thread().clone() }))
    }

    /// Ticks for as long as the answer lives.
    pub(super) fn run(self: &Arc<Self>) -> Ticking {
        if self.running.fetch_add(1, Ordering::SeqCst) == 0 {
            self.thread.unpark();
        }
        Ticking(Arc::clone(self))
    }
}

/// That something runs.
#[derive(Debug)]
pub(super) struct Ticking(Arc<Ticker>);

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        // So that the thread sees that the engine is gone.
        self.thread.unpark();
    }
}

fn tick(engine: &EngineWeak, running: &AtomicUsize) {
    let mut idle = 0;
    loop {
        std::thread::sleep(TICK);
        let Some(engine) = engine.upgrade() else { return };
        engine.increment_epoch();
        drop(engine);
        idle = if running.load(Ordering::SeqCst) == 0 { idle + 1 } else { 0 };
        if idle >= LINGER {
            // Not for ever: the engine may go while nothing runs.
            std::thread::park_timeout(Duration::from_mins(1));
            idle = 0;
        }
    }
}
