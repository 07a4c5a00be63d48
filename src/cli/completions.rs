//! `berth completions SHELL`

use std::io::Write as _;

use clap::Args;
use clap_complete::Shell;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  berth completions bash > /etc/bash_completion.d/berth")]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::command(), "berth", &mut script);
        Ok(std::io::stdout().write_all(&script)?)
    }
}
