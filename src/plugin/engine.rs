//! The machine that runs components: one for all plugins.
//!
//! Instances come from a pool, which makes a fresh one for each call cost microseconds. Where the machine has no room for
//! the pool's addresses (a limit on virtual memory, mostly), instances are made on demand instead.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::limits::{INSTANCES, MEMORIES, MOST_MEMORY, TABLE_ELEMENTS, TABLES};
use super::state::State;
use super::ticker::Ticker;
use super::{Error, bindings};

/// Calls that can run at the same time, of all plugins together.
pub(super) const MOST_CALLS: u32 = 128;

/// Memory that an instance of the pool keeps for the next one of the same plugin, instead of having it zeroed by the
/// kernel.
const KEPT_WARM: usize = 128 << 10;

/// Where instances get their memory. What is compiled for one kind does not run on the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// From a pool: 4 GiB of addresses for each memory, so that the code needs no checks of bounds.
    Pool,
    /// From the system, with few addresses and with checks.
    OnDemand,
}

impl Memory {
    /// Its name on the command line of the compiler.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pool => "pool",
            Self::OnDemand => "on-demand",
        }
    }
}

/// The machine, with what components may import.
pub(super) struct Engine {
    pub(super) wasmtime: wasmtime::Engine,
    pub(super) linker: Linker<State>,
    pub(super) memory: Memory,
    pub(super) ticker: Arc<Ticker>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("memory", &self.memory).finish_non_exhaustive()
    }
}

impl Engine {
    pub(super) fn new() -> Result<Self, Error> {
        let (wasmtime, memory) = match wasmtime::Engine::new(&pooling()) {
            Ok(engine) => (engine, Memory::Pool),
            Err(error) => {
                tracing::warn!(
                    "no room for a pool of plugin instances ({error:#}): they are made on demand, which is slower"
                );
                let engine = wasmtime::Engine::new(&basic(Memory::OnDemand));
                (engine.map_err(Error::engine)?, Memory::OnDemand)
            }
        };
        let linker = linker(&wasmtime).map_err(Error::engine)?;
        let ticker = Ticker::start(wasmtime.weak()).map_err(Error::Thread)?;
        Ok(Self { wasmtime, linker, memory, ticker })
    }

    /// What compiled code depends on besides the component: wasmtime's version, its settings, the processor.
    pub(super) fn key(&self) -> String {
        let mut hasher = StableHasher(Sha256::new());
        self.wasmtime.precompile_compatibility_hash().hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }
}

/// A machine that only compiles. It needs no pool, and so no addresses.
pub(super) fn compiling(memory: Memory) -> wasmtime::Result<wasmtime::Engine> {
    wasmtime::Engine::new(&basic(memory))
}

/// Everything that compiled code depends on.
fn basic(memory: Memory) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .concurrency_support(false)
        .native_unwind_info(false)
        .max_wasm_stack(512 << 10)
        .async_stack_size(2 << 20);
    if memory == Memory::OnDemand {
        config
            .memory_reservation(0)
            .memory_guard_size(64 << 10)
            .memory_reservation_for_growth(1 << 20);
    }
    config
}

fn pooling() -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(MOST_CALLS)
        .total_core_instances(MOST_CALLS * 8)
        .total_memories(MOST_CALLS * 2)
        .total_tables(MOST_CALLS * 4)
        .total_stacks(MOST_CALLS)
        .max_core_instances_per_component(INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_tables_per_module(8)
        .max_memories_per_module(2)
        .max_memory_size(usize::try_from(MOST_MEMORY.get()).unwrap_or(usize::MAX))
        .table_elements(TABLE_ELEMENTS)
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(2 << 20)
        .max_unused_warm_slots(16)
        .linear_memory_keep_resident(KEPT_WARM)
        .table_keep_resident(16 << 10);
    let mut config = basic(Memory::Pool);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    let own: fn(&mut State) -> &mut State = |state| state;
    // The pieces, as `Everything::add_to_linker` would add WASI once more.
    bindings::berth::plugin::types::add_to_linker::<State, HasSelf<State>>(&mut linker, own)?;
    bindings::berth::plugin::report::add_to_linker::<State, HasSelf<State>>(&mut linker, own)?;
    bindings::berth::plugin::log::add_to_linker::<State, HasSelf<State>>(&mut linker, own)?;
    bindings::berth::plugin::metrics::add_to_linker::<State, HasSelf<State>>(&mut linker, own)?;
    bindings::berth::plugin::config::add_to_linker::<State, HasSelf<State>>(&mut linker, own)?;
    bindings::berth::plugin::key_value::add_to_linker::<State, HasSelf<State>>(&mut linker, own)?;
    bindings::berth::plugin::image::add_to_linker::<State, HasSelf<State>>(&mut linker, own)?;
    Ok(linker)
}

/// The standard library's hasher may change with its version.
struct StableHasher(Sha256);

impl Hasher for StableHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let hash = self.0.clone().finalize();
        hash.iter().take(8).fold(0, |key, byte| (key << 8) | u64::from(*byte))
    }
}
