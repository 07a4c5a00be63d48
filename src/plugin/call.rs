//! One call of a plugin, from the gate to the answer.
//!
//! Each call has a store and an instance of its own, and both are gone when it ends: nothing leaks from one caller to the
//! next, and a crash leaves nothing to mend. Three things end a call that does not end by itself: a limit on processor
//! time, looked at whenever the epoch ticks; a deadline for everything, waiting included; and whoever waits going away.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use wasmtime::component::Instance;
use wasmtime::{Store, Trap, UpdateDeadline, WasmBacktrace};

use super::admission::printable;
use super::bindings::berth::plugin::types;
use super::breaker::Breaker;
use super::engine::Engine;
use super::gate::Gate;
use super::guest::Guest;
use super::limits::{HANDLES, Limits};
use super::loaded::Loaded;
use super::meter::{Habit, Meter, Metered, run_apart, run_beside};
use super::state::{Hit, State};
use super::trace::{CallRecord, Ending, Observer, Recorder, Trace, shortened};
use super::{CallError, Hook, Refusal};
use crate::clock::Clock;

/// What a call is about, for the plugin and for the log.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// The request's or job's identifier.
    pub request_id: Arc<str>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// Whether the outcome is only looked at.
    pub is_dry_run: bool,
    /// `client.address`, `client.user-agent`, ...
    pub attributes: BTreeMap<String, String>,
}

impl CallContext {
    /// A call that is about nothing else.
    #[must_use]
    pub fn new(request_id: impl Into<Arc<str>>) -> Self {
        Self {
            request_id: request_id.into(),
            traceparent: None,
            is_dry_run: false,
            attributes: BTreeMap::new(),
        }
    }

    pub(super) fn to_wit(&self, limits: &Limits) -> types::CallContext {
        types::CallContext {
            request_id: self.request_id.to_string(),
            traceparent: self.traceparent.clone(),
            deadline_ms: u32::try_from(limits.deadline.get().as_millis()).unwrap_or(u32::MAX),
            dry_run: self.is_dry_run,
            attributes: self.attributes.clone().into_iter().collect(),
        }
    }
}

/// What runs calls.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) engine: Arc<Engine>,
    /// The plugins' own threads.
    pub(super) threads: tokio::runtime::Handle,
    /// Fewer calls than the pool has room for, as some need more of it than others.
    pub(super) room: Arc<Semaphore>,
    pub(super) clock: Clock,
    pub(super) observer: Option<Observer>,
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller").field("engine", &self.engine).finish_non_exhaustive()
    }
}

/// On what terms one hook of a plugin is called.
#[derive(Debug)]
pub(super) struct Turnstile {
    pub(super) limits: Limits,
    pub(super) gate: Gate,
    pub(super) breaker: Breaker,
    habit: Arc<Habit>,
}

impl Turnstile {
    pub(super) fn new(limits: Limits, clock: Clock) -> Self {
        let gate = Gate::new(limits.concurrency, limits.queue);
        Self { limits, gate, breaker: Breaker::new(clock), habit: Arc::default() }
    }
}

/// What a call's answer is inside wasmtime: a trap, the plugin's error, or the answer.
pub(super) type Answered<T> = wasmtime::Result<Result<T, types::Error>>;

impl Caller {
    /// Calls a hook. `run` is what is done with the instance; `read` makes Berth's own values of the answer.
    pub(super) async fn call<W, T>(
        &self,
        loaded: &Arc<Loaded>,
        hook: Hook,
        context: &CallContext,
        run: impl for<'a> FnOnce(&'a mut Store<State>, &'a Instance) -> BoxFuture<'a, Answered<W>>
        + Send
        + 'static,
        read: impl FnOnce(W) -> Result<T, CallError>,
    ) -> Result<T, CallError>
    where
        W: Send + 'static,
    {
        let turnstile = loaded.turnstile(Some(hook))?;
        self.pass(loaded, Some(hook), turnstile, context, run, read).await
    }

    /// Calls what every plugin has, when it is installed or configured.
    pub(super) async fn call_lifecycle<W: Send + 'static>(
        &self,
        loaded: &Arc<Loaded>,
        run: impl for<'a> FnOnce(&'a mut Store<State>, &'a Instance) -> BoxFuture<'a, Answered<W>>
        + Send
        + 'static,
    ) -> Result<W, CallError> {
        let turnstile = loaded.turnstile(None)?;
        self.pass(loaded, None, turnstile, &CallContext::new("lifecycle"), run, Ok).await
    }

    async fn pass<W, T>(
        &self,
        loaded: &Arc<Loaded>,
        hook: Option<Hook>,
        turnstile: &Turnstile,
        context: &CallContext,
        run: impl for<'a> FnOnce(&'a mut Store<State>, &'a Instance) -> BoxFuture<'a, Answered<W>>
        + Send
        + 'static,
        read: impl FnOnce(W) -> Result<T, CallError>,
    ) -> Result<T, CallError>
    where
        W: Send + 'static,
    {
        let request_id = Arc::clone(&context.request_id);
        let meter = Arc::new(Meter::new(Arc::clone(&turnstile.habit)));
        let book = Arc::clone(&loaded.book);
        let trace = Arc::new(Trace::new(request_id, hook, book, Arc::clone(&meter)));
        let mut recorder = self.recorder(loaded, hook, context, &trace);
        let attempt = match turnstile.breaker.attempt() {
            Ok(attempt) => attempt,
            Err(error) => {
                recorder.end(Ending::Failed(error.clone()));
                return Err(error);
            }
        };
        let limits = &turnstile.limits;
        let deadline = limits.deadline.get();
        let answered = tokio::time::timeout(deadline, async {
            let turn = turnstile.gate.enter().await?;
            // After the plugin's own gate: what it may not have cannot keep others waiting.
            let room = Arc::clone(&self.room).acquire_owned().await;
            let room = room.map_err(|error| CallError::Host(error.to_string()))?;
            recorder.turn();
            let store = self.store(&loaded.guest, &trace, limits)?;
            let (pre, output) = (loaded.pre.clone(), limits.output.get());
            let ticking = self.engine.ticker.run();
            let work = async move {
                // In this order they end: the store and its instance, the ticks, the room, the turn.
                let (_turn, _room, _ticking) = (turn, room, ticking);
                let mut store = store;
                let instance = pre.instantiate_async(&mut store).await;
                let answer = match instance {
                    Ok(instance) => run(&mut store, &instance).await,
                    Err(error) => Err(error),
                };
                answer.map_err(|error| told(&error, output))
            };
            let is_quick = hook.is_some_and(Hook::is_in_request) && !turnstile.habit.is_slow();
            let answer = if is_quick {
                run_beside(Arc::clone(&meter), &self.threads, work).await
            } else {
                run_apart(&self.threads, Metered::new(Arc::clone(&meter), work)).await
            };
            meter.ended();
            answer
        });
        let answer = match answered.await {
            Err(_) => Err(CallError::Deadline(deadline)),
            Ok(Err(error)) => Err(error),
            Ok(Ok(Err(error))) => Err(refused(error)),
            Ok(Ok(Ok(answer))) => read(answer),
        };
        let failure = answer.as_ref().err().cloned();
        if let Some(wait) = attempt.tell(failure.as_ref().is_some_and(CallError::is_failure)) {
            tracing::error!(
                plugin.name = %loaded.name,
                "the plugin {} has failed again and again; it is left alone for {} s",
                loaded.name,
                wait.as_secs()
            );
        }
        if let Some(error) = &failure {
            tracing::warn!(
                plugin.name = %loaded.name,
                plugin.hook = hook.map(Hook::as_str),
                request.id = %context.request_id,
                "a call of the plugin {} failed: {error}",
                loaded.name
            );
        }
        recorder.end(failure.map_or(Ending::Answered, Ending::Failed));
        answer
    }

    fn recorder(
        &self,
        loaded: &Loaded,
        hook: Option<Hook>,
        context: &CallContext,
        trace: &Arc<Trace>,
    ) -> Recorder {
        let record = CallRecord {
            plugin: loaded.name.clone(),
            component: loaded.component.clone(),
            hook,
            request_id: Arc::clone(&context.request_id),
            traceparent: context.traceparent.clone(),
            started: self.clock.now(),
            queued: Duration::ZERO,
            duration: Duration::ZERO,
            cpu: Duration::ZERO,
            peak_memory: 0,
            requests: 0,
            ending: Ending::Cancelled,
            log: Vec::new(),
            dropped_lines: 0,
        };
        Recorder {
            record: Some(record),
            trace: Arc::clone(trace),
            began: Instant::now(),
            observer: self.observer.clone(),
        }
    }

    /// A store of its own for one call, with all limits in place.
    fn store(
        &self,
        guest: &Arc<Guest>,
        trace: &Arc<Trace>,
        limits: &Limits,
    ) -> Result<Store<State>, CallError> {
        let state = State::new(Arc::clone(guest), Arc::clone(trace), limits);
        let store = Store::try_new(&self.engine.wasmtime, state);
        let mut store = store.map_err(|error| CallError::Room(error.to_string()))?;
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(usize::try_from(limits.output.get()).unwrap_or(usize::MAX));
        store.set_max_component_handles(HANDLES);
        store.set_epoch_deadline(1);
        let cpu = limits.cpu_time();
        store.epoch_deadline_callback(move |store| {
            let meter = &store.data().desk.trace.meter;
            if meter.used() > cpu {
                return Err(Hit(CallError::Cpu(cpu)).into());
            }
            meter.tick();
            Ok(UpdateDeadline::Yield(1))
        });
        Ok(store)
    }
}

/// What a trap means for whoever reads of it.
fn told(error: &wasmtime::Error, output: u64) -> CallError {
    if let Some(Hit(hit)) = error.downcast_ref::<Hit>() {
        return hit.clone();
    }
    if let Some(full) = error.downcast_ref::<wasmtime::PoolConcurrencyLimitError>() {
        return CallError::Room(full.to_string());
    }
    let cause = error.root_cause().to_string();
    // Its type is not public.
    if cause.contains("fuel allocated for hostcalls has been exhausted") {
        return CallError::Output(output);
    }
    let text = printable(format!("{cause}{}", place(error)), 1000);
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => CallError::Stack(text),
        _ => CallError::Trap(text),
    }
}

/// Frames that every panic of Rust has, and those without a name.
const NOISE: [&str; 4] =
    ["<wasm function", "panicking", "rust_panic", "__rust_end_short_backtrace"];

/// Where in the component it happened, as far as it has names.
fn place(error: &wasmtime::Error) -> String {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return String::new() };
    // Only as text are the names those of the source.
    let text = trace.to_string();
    let lines = text.lines().filter_map(|line| line.split_once(" - "));
    let names: Vec<String> = lines
        .filter_map(|(_, place)| place.split_once('!'))
        .filter(|(_, name)| !NOISE.iter().any(|noise| name.contains(noise)))
        .map(|(_, name)| shortened(name.to_owned(), 120))
        .take(4)
        .collect();
    if names.is_empty() { String::new() } else { format!(" in {}", names.join(" < ")) }
}

/// The plugin's own error.
fn refused(error: types::Error) -> CallError {
    use types::Error as E;
    let (kind, message) = match error {
        E::Unavailable(message) => (Refusal::Unavailable, message),
        E::Invalid(message) => (Refusal::Invalid, message),
        E::Denied(message) => (Refusal::Denied, message),
        E::NotFound(message) => (Refusal::NotFound, message),
        E::LimitExceeded(message) => (Refusal::LimitExceeded, message),
        E::Internal(message) => (Refusal::Internal, message),
    };
    CallError::Refused { kind, message: printable(message, 1000) }
}
