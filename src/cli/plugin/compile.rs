//! `berth plugin compile`: not for people. Berth starts itself so to compile a component, see `crate::plugin`.

use std::path::PathBuf;

use clap::Args;

use crate::plugin::{Memory, compile_here};

/// Compiles one component in a process of its own.
#[derive(Debug, Args)]
pub(in crate::cli) struct Compile {
    /// The component
    input: PathBuf,
    /// Where the native code goes
    output: PathBuf,
    /// What its instances will live in
    #[arg(long, value_parser = ["pool", "on-demand"], default_value = "pool")]
    memory: String,
}

impl Compile {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let memory = match self.memory.as_str() {
            "on-demand" => Memory::OnDemand,
            _ => Memory::Pool,
        };
        let compile = move || compile_here(&self.input, &self.output, memory);
        tokio::task::spawn_blocking(compile).await?.map_err(anyhow::Error::msg)
    }
}
