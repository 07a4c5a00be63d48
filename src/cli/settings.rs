//! Which settings a command works with: the file, the environment and its own flags.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::config::{Loaded, Overlay, Problem, Problems, Source};

/// Looked for in this order when no file is named.
const DEFAULT_FILES: [&str; 2] = ["berth.toml", "/etc/berth/berth.toml"];

/// Flags that name settings.
#[derive(Clone, Debug, Args)]
pub(super) struct Settings {
    /// Configuration file [default: berth.toml or /etc/berth/berth.toml, if there is one]
    #[arg(long, value_name = "FILE", env = "BERTH_CONFIG")]
    config: Option<PathBuf>,
    /// Data directory (`storage.data`)
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Any setting, such as `--set uploads.expire_after=2d`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Settings {
    /// Loads and checks everything; `listen` is the flag of `berth serve`.
    pub(super) fn load(&self, listen: Option<SocketAddr>) -> anyhow::Result<Loaded> {
        let file = match &self.config {
            Some(path) => Some(read(path)?),
            None => match DEFAULT_FILES.iter().map(Path::new).find(|path| path.exists()) {
                Some(path) => Some(read(path)?),
                None => None,
            },
        };
        let mut flags = Vec::new();
        if let Some(data) = &self.data {
            flags.push(("storage.data".to_owned(), "--data", data.to_string_lossy().into_owned()));
        }
        for setting in &self.set {
            let (key, value) = setting.split_once('=').ok_or_else(|| {
                let source = Source::Flag("--set".to_owned());
                problem(source, format!("write `{setting}` as KEY=VALUE"))
            })?;
            flags.push((key.to_owned(), "--set", value.to_owned()));
        }
        if let Some(listen) = listen {
            flags.push(("server.listen".to_owned(), "--listen", listen.to_string()));
        }
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Ok(Loaded::load(&Overlay { file, environment, flags })?)
    }
}

impl Settings {
    /// Whether somebody said which data directory is meant.
    pub(super) fn name_a_directory(&self) -> bool {
        self.data.is_some() || self.config.is_some() || !self.set.is_empty()
    }
}

fn problem(source: Source, what: String) -> Problems {
    Problems(vec![Problem { source, key: String::new(), what }])
}

fn read(path: &Path) -> Result<(PathBuf, String), Problems> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        problem(
            Source::Flag("--config".to_owned()),
            format!("cannot read {}: {error}", path.display()),
        )
    })?;
    Ok((path.to_owned(), text))
}
