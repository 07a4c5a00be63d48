//! `berth plugin`: make a plugin, try it without a server, install one, and look after those that are installed.

mod compile;
mod manage;
mod new;
mod push;
mod trial;
mod wish;

use clap::Subcommand;

const INSTALL: &str = "\
Shows what the plugin asks for, and asks whether it may have it; --grant answers beforehand.

Examples:
  berth plugin install bundled:freeze --on 'prod/**' --setting message='release week'
  berth plugin install registry.example.org/acme/label-policy:1 --key cosign.pub
  berth plugin install ./label_policy.wasm --grant 'image metadata' --fail open";

#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// Show the installed plugins
    #[command(after_help = "Examples:\n  berth plugin list\n  berth plugin list --bundled")]
    List(manage::List),
    /// Show a plugin: what it may use, how its hooks are used, how it does
    #[command(after_help = "Example:\n  berth plugin show freeze")]
    Show(manage::Show),
    /// Look what a plugin is and asks for, without installing it
    #[command(
        after_help = "Example:\n  berth plugin inspect registry.example.org/acme/label-policy:1"
    )]
    Inspect(manage::Inspect),
    /// Install a plugin
    #[command(after_help = INSTALL)]
    Install(Box<manage::Install>),
    /// Put a plugin in force, or one that comes with Berth
    #[command(after_help = "Example:\n  berth plugin enable freeze")]
    Enable(manage::Named),
    /// Take a plugin out of force; it stays installed
    #[command(after_help = "Example:\n  berth plugin disable freeze")]
    Disable(manage::Named),
    /// Change a plugin's settings, secrets and hooks
    #[command(
        after_help = "Examples:\n  berth plugin configure freeze --setting message='until Monday' --on 'prod/**'\n  berth plugin configure acme.scan --secret token=env:ACME_TOKEN"
    )]
    Configure(Box<manage::Configure>),
    /// Say what a plugin may use
    #[command(
        after_help = "Example:\n  berth plugin grant acme.label-policy 'image metadata' 'http https://api.acme.example'"
    )]
    Grant(manage::Grant),
    /// Put another release of a plugin in place
    #[command(
        after_help = "Examples:\n  berth plugin upgrade acme.label-policy\n  berth plugin upgrade acme.label-policy registry.example.org/acme/label-policy:2"
    )]
    Upgrade(Box<manage::Upgrade>),
    /// Go back to the release before the last upgrade
    #[command(after_help = "Example:\n  berth plugin rollback acme.label-policy")]
    Rollback(manage::Named),
    /// Show the last lines of a plugin's log
    #[command(after_help = "Example:\n  berth plugin logs freeze")]
    Logs(manage::Logs),
    /// Remove a plugin
    #[command(after_help = "Example:\n  berth plugin remove freeze --keep-data")]
    Remove(manage::Remove),
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
            Self::List(command) => command.run().await,
            Self::Show(command) => command.run().await,
            Self::Inspect(command) => command.run().await,
            Self::Install(command) => command.run().await,
            Self::Enable(command) => command.enable().await,
            Self::Disable(command) => command.disable().await,
            Self::Configure(command) => command.run().await,
            Self::Grant(command) => command.run().await,
            Self::Upgrade(command) => command.run().await,
            Self::Rollback(command) => command.roll_back().await,
            Self::Logs(command) => command.run().await,
            Self::Remove(command) => command.run().await,
            Self::New(command) => command.run().await,
            Self::Push(command) => command.run().await,
            Self::Test(command) => command.run().await,
            Self::Compile(command) => command.run().await,
        }
    }
}
