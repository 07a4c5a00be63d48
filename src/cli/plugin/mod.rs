//! `berth plugin`: try a plugin without a server. Installing one comes with what installs it.

mod compile;
mod trial;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// Try a plugin on an image in a layout directory, without a server
    Test(Box<trial::Trial>),
    /// What Berth starts to compile a component
    #[command(hide = true)]
    Compile(compile::Compile),
}

impl PluginCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Test(command) => command.run().await,
            Self::Compile(command) => command.run().await,
        }
    }
}
