//! What belongs to one call while it runs: its resources, its limits, and the plugin that it is a call of.

use std::sync::Arc;

use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::CallError;
use super::guest::Guest;
use super::host::clock::WallClock;
use super::host::http::Requests;
use super::host::stdio::Printed;
use super::limits::{HANDLES, INSTANCES, Limits, MEMORIES, TABLE_ELEMENTS, TABLES};
use super::trace::{Level, Trace};

/// The state behind a call's store.
pub(super) struct State {
    pub(super) table: ResourceTable,
    pub(super) desk: Desk,
    pub(super) limiter: Limiter,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    requests: Requests,
}

/// Whose call it is, for host functions that wait: unlike the rest of the state, it may be held meanwhile.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) guest: Arc<Guest>,
    pub(super) trace: Arc<Trace>,
}

impl State {
    pub(super) fn new(guest: Arc<Guest>, trace: Arc<Trace>, limits: &Limits) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES);
        let desk = Desk { guest, trace };
        // No arguments, no environment, no files, no sockets; nothing but clocks and randomness is behind it.
        let mut wasi = WasiCtx::builder();
        wasi.allow_tcp(false)
            .allow_udp(false)
            .max_random_size(1 << 20)
            .stdout(Printed::new(desk.clone(), Level::Info))
            .stderr(Printed::new(desk.clone(), Level::Warn))
            .wall_clock(WallClock(desk.guest.clock.clone()));
        let requests = Requests::new(desk.clone(), limits);
        Self {
            table,
            limiter: Limiter {
                memory: limits.memory.get(),
                used: 0,
                trace: Arc::clone(&desk.trace),
            },
            desk,
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            requests,
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.requests }
    }
}

/// Bounds the memory of all instances of a call together.
pub(super) struct Limiter {
    memory: u64,
    used: u64,
    trace: Arc<Trace>,
}

/// A limit that was hit, on its way out of the guest.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Hit(pub(super) CallError);

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let wanted = self.used + (desired.saturating_sub(current)) as u64;
        if wanted > self.memory {
            // Telling the guest that there is no more would make it crash with a message that helps nobody.
            return Err(Hit(CallError::Memory { wanted, limit: self.memory }).into());
        }
        self.used = wanted;
        self.trace.memory(wanted);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }

    fn instances(&self) -> usize {
        INSTANCES as usize
    }

    fn tables(&self) -> usize {
        TABLES as usize
    }

    fn memories(&self) -> usize {
        MEMORIES as usize
    }
}
