//! Runs many clients at once and measures the server meanwhile.
//!
//! Each thread has an executor of its own, so that a client's wake-up never crosses threads. All clients first
//! prepare (connect, fetch a token, warm up), then begin together; only what follows is timed.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow};
use tokio::{runtime::Runtime, task::LocalSet};

use crate::proc::Processes;

const THREADS: usize = 2;

/// What one client did: how long each piece of its work took, and how much it was in the scenario's unit.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    pub(crate) latencies: Vec<Duration>,
    pub(crate) units: f64,
}

impl Samples {
    pub(crate) fn add(&mut self, begun: Instant, units: f64) {
        self.latencies.push(begun.elapsed());
        self.units += units;
    }
}

/// What all clients did, and what it cost the server.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) clients: Vec<Samples>,
    pub(crate) wall: Duration,
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_mib: f64,
    pub(crate) anonymous_mib: f64,
}

/// Runs `clients` clients to their end.
#[expect(clippy::needless_pass_by_value, reason = "callers write their closures in place")]
pub(crate) fn run<C, P, W>(
    clients: usize,
    server: Processes,
    prepare: P,
    work: W,
) -> Result<Measured>
where
    C: 'static,
    P: AsyncFn(usize) -> Result<C> + Clone + Send + 'static,
    W: AsyncFn(&mut C, usize) -> Result<Samples> + Clone + Send + 'static,
{
    let threads = THREADS.min(clients);
    let gate = Barrier::new(threads + 1);
    let failed = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut handles = Vec::new();
        for thread in 0..threads {
            let (prepare, work) = (prepare.clone(), work.clone());
            let (gate, failed) = (&gate, &failed);
            handles.push(scope.spawn(move || {
                let mine: Vec<_> = (thread..clients).step_by(threads).collect();
                run_thread(&mine, gate, failed, &prepare, &work)
            }));
        }
        gate.wait();
        let before = server.reset_peak().and_then(|()| server.cpu_seconds());
        if before.is_err() {
            failed.store(true, Ordering::SeqCst);
        }
        let begun = Instant::now();
        gate.wait();
        let (mut samples, mut error, mut ended) = (Vec::new(), None, begun);
        for handle in handles {
            match handle.join().map_err(|_| anyhow!("a thread of clients panicked"))? {
                Ok((mut some, end)) => {
                    samples.append(&mut some);
                    ended = ended.max(end);
                }
                Err(cause) => error = Some(cause),
            }
        }
        if let Some(error) = error {
            return Err(error);
        }
        Ok(Measured {
            clients: samples,
            wall: ended - begun,
            cpu_seconds: server.cpu_seconds()? - before?,
            peak_mib: server.peak_mib()?,
            anonymous_mib: server.anonymous_mib()?,
        })
    })
}

fn run_thread<C, P, W>(
    mine: &[usize],
    gate: &Barrier,
    failed: &AtomicBool,
    prepare: &P,
    work: &W,
) -> Result<(Vec<Samples>, Instant)>
where
    C: 'static,
    P: AsyncFn(usize) -> Result<C> + Clone + 'static,
    W: AsyncFn(&mut C, usize) -> Result<Samples> + Clone + 'static,
{
    let ready = executor().and_then(|runtime| {
        let local = LocalSet::new();
        let tasks = mine.iter().map(|&index| {
            let prepare = prepare.clone();
            async move { Ok((index, prepare(index).await?)) }
        });
        let clients = all(&runtime, &local, tasks.collect::<Vec<_>>())?;
        Ok((runtime, local, clients))
    });
    if ready.is_err() {
        failed.store(true, Ordering::SeqCst);
    }
    // Both waits are passed in any case: whoever stayed away would leave the others waiting.
    gate.wait();
    gate.wait();
    let (runtime, local, clients) = ready?;
    if failed.load(Ordering::SeqCst) {
        return Ok((Vec::new(), Instant::now()));
    }
    let tasks = clients.into_iter().map(|(index, mut client)| {
        let work = work.clone();
        async move {
            let samples = work(&mut client, index).await?;
            let ended = Instant::now();
            Ok((samples, ended))
        }
    });
    let done = all(&runtime, &local, tasks.collect::<Vec<_>>())?;
    let ended = done.iter().map(|(_, end)| *end).max().unwrap_or_else(Instant::now);
    Ok((done.into_iter().map(|(samples, _)| samples).collect(), ended))
}

fn all<T: 'static>(
    runtime: &Runtime,
    local: &LocalSet,
    tasks: Vec<impl Future<Output = Result<T>> + 'static>,
) -> Result<Vec<T>> {
    local.block_on(runtime, async {
        let running: Vec<_> = tasks.into_iter().map(|task| local.spawn_local(task)).collect();
        let mut done = Vec::new();
        for task in running {
            done.push(task.await.context("a client panicked")??);
        }
        Ok(done)
    })
}

/// Does something beside the measuring, such as checking what was pushed.
pub(crate) fn apart<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    executor()?.block_on(work)
}

fn executor() -> Result<Runtime> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.context("cannot make an executor")
}
