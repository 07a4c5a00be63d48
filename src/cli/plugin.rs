//! `berth plugin`: try a plugin without a server. Installing one comes with what installs it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::plugin::{Memory, compile_here};

#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// What Berth starts to compile a component
    #[command(hide = true)]
    Compile(Compile),
}

/// Compiles one component in a process of its own.
#[derive(Debug, Args)]
pub(super) struct Compile {
    /// The component
    input: PathBuf,
    /// Where the native code goes
    output: PathBuf,
    /// What its instances will live in
    #[arg(long, value_parser = ["pool", "on-demand"], default_value = "pool")]
    memory: String,
}

impl PluginCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Compile(command) => command.run().await,
        }
    }
}

impl Compile {
    async fn run(self) -> anyhow::Result<()> {
        let memory = match self.memory.as_str() {
            "on-demand" => Memory::OnDemand,
            _ => Memory::Pool,
        };
        let compiled =
            tokio::task::spawn_blocking(move || compile_here(&self.input, &self.output, memory));
        compiled.await?.map_err(anyhow::Error::msg)
    }
}
