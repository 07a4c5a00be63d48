//! `berth plugin`: make a plugin, try it without a server, push it. Installing one comes with what installs it.

mod compile;
mod new;
mod push;
mod trial;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// Write a project for a plugin in Rust
    New(new::New),
    /// Push a plugin to a registry
    Push(push::Push),
    /// Try a plugin on an image in a layout directory, without a server
    Test(Box<trial::Trial>),
    /// What Berth starts to compile a component
    #[command(hide = true)]
    Compile(compile::Compile),
}

impl PluginCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::New(command) => command.run().await,
            Self::Push(command) => command.run().await,
            Self::Test(command) => command.run().await,
            Self::Compile(command) => command.run().await,
        }
    }
}
