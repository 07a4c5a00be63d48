//! What can go wrong with a plugin.

use std::path::PathBuf;
use std::time::Duration;

use super::{ConfigProblem, Hook, InvalidManifest, PluginName};
use crate::meta;
use crate::oci::Digest;

/// Why a plugin cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is none that Berth could load.
    #[error("not a plugin: {0}")]
    NotAPlugin(String),
    /// Its manifest cannot be used.
    #[error(transparent)]
    Manifest(#[from] InvalidManifest),
    /// It is larger than components may be.
    #[error("the component has {size} bytes, and {limit} at most are taken")]
    TooLarge {
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// The compiler refused it, or took too long or too much.
    #[error("the component cannot be compiled: {0}")]
    Compile(String),
    /// It wants something that this Berth does not have.
    #[error("the component does not fit this Berth: {0}")]
    Incompatible(String),
    /// The manifest and the component do not agree.
    #[error(
        "plugin.toml names `hooks.{hook}`, but the component does not export `berth:plugin/{interface}`"
    )]
    MissingExport {
        /// The hook.
        hook: Hook,
        /// The interface of `plugins/wit`.
        interface: &'static str,
    },
    /// It calls itself something else than its manifest does.
    #[error("plugin.toml calls it {manifest}, and the component says that it is {component}")]
    Misnamed {
        /// In the manifest.
        manifest: PluginName,
        /// What `describe` says.
        component: String,
    },
    /// It failed when it was tried.
    #[error("the plugin failed when it was tried: {0}")]
    Trial(#[from] CallError),
    /// Its settings cannot be used.
    #[error("the settings of the plugin cannot be used: {}", listed(.0))]
    Settings(Vec<ConfigProblem>),
    /// What is written down of it cannot be used.
    #[error("what is known of the plugin {0} cannot be used: {1}")]
    Row(String, String),
    /// Nobody has brought its component.
    #[error("the component {0} is not here: install the plugin again")]
    ComponentUnknown(Digest),
    /// A file operation failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Code that was just compiled does not run.
    #[error(
        "native code cannot be run here ({0}): under systemd, plugins need `MemoryDenyWriteExecute=no`"
    )]
    Native(String),
    /// The machine cannot be set up.
    #[error("plugins cannot be run on this machine: {0}")]
    Engine(String),
    /// A thread cannot be started.
    #[error("plugins cannot be run: no thread could be started: {0}")]
    Thread(std::io::Error),
    /// The database failed.
    #[error(transparent)]
    Meta(#[from] meta::Error),
    /// Berth is stopping.
    #[error("Berth is stopping")]
    Stopped,
}

fn listed(problems: &[ConfigProblem]) -> String {
    let one = |problem: &ConfigProblem| match problem.key.as_str() {
        "" => problem.message.clone(),
        key => format!("`{key}`: {}", problem.message),
    };
    problems.iter().map(one).collect::<Vec<_>>().join("; ")
}

impl Error {
    pub(super) fn engine(error: wasmtime::Error) -> Self {
        Self::Engine(format!("{error:#}"))
    }

    pub(super) fn incompatible(error: wasmtime::Error) -> Self {
        Self::Incompatible(format!("{error:#}"))
    }
}

pub(super) fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Error + '_ {
    move |source| Error::Io { path: path.to_owned(), source }
}

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// There is no such plugin, or it has no such hook.
    #[error("there is no plugin {0} for this")]
    Unknown(PluginName),
    /// As many calls as it may have are running, and as many as may are waiting.
    #[error("too many calls are waiting for the plugin")]
    Busy,
    /// It has failed again and again, and is left alone for a while.
    #[error("the plugin has failed again and again, and is left alone for {} s", .0.as_secs().max(1))]
    Tripped(Duration),
    /// It took too long.
    #[error("the plugin took longer than {} ms", .0.as_millis())]
    Deadline(Duration),
    /// It computed too long.
    #[error("the plugin used more than {} ms of processor time", .0.as_millis())]
    Cpu(Duration),
    /// It wanted more memory.
    #[error("the plugin wanted {wanted} bytes of memory, and {limit} is its limit")]
    Memory {
        /// What it wanted to have.
        wanted: u64,
        /// What it may have.
        limit: u64,
    },
    /// It handed over more than may be at once.
    #[error("the plugin handed over more than {0} bytes at once")]
    Output(u64),
    /// Its stack has overflown.
    #[error("the plugin's stack has overflown: {0}")]
    Stack(String),
    /// It crashed.
    #[error("the plugin crashed: {0}")]
    Trap(String),
    /// Its answer makes no sense.
    #[error("the plugin's answer cannot be used: {0}")]
    Malformed(String),
    /// It said that it could not answer.
    #[error("the plugin has no answer ({kind}): {message}", kind = kind.as_str())]
    Refused {
        /// The kind of failure.
        kind: Refusal,
        /// What it said.
        message: String,
    },
    /// There was no room for its instance.
    #[error("no room for another instance of a plugin: {0}")]
    Room(String),
    /// It is installed, and could not be loaded.
    #[error("the plugin could not be loaded: {0}")]
    NotInForce(String),
    /// Berth failed, not the plugin.
    #[error("the plugin could not be called: {0}")]
    Host(String),
}

/// Kinds of failure that a plugin tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// For now.
    Unavailable,
    /// The input is malformed.
    Invalid,
    /// Not allowed.
    Denied,
    /// There is nothing of that name.
    NotFound,
    /// A limit.
    LimitExceeded,
    /// A mistake in the program.
    Internal,
}

impl Refusal {
    /// Its name in `plugins/wit`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Invalid => "invalid",
            Self::Denied => "denied",
            Self::NotFound => "not-found",
            Self::LimitExceeded => "limit-exceeded",
            Self::Internal => "internal",
        }
    }
}

impl CallError {
    /// A word for figures, of a bounded set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "unknown",
            Self::Busy => "busy",
            Self::Tripped(_) => "tripped",
            Self::Deadline(_) => "deadline",
            Self::Cpu(_) => "cpu",
            Self::Memory { .. } => "memory",
            Self::Output(_) => "output",
            Self::Stack(_) => "stack",
            Self::Trap(_) => "trap",
            Self::Malformed(_) => "malformed",
            Self::Refused { .. } => "refused",
            Self::Room(_) => "room",
            Self::NotInForce(_) => "not-in-force",
            Self::Host(_) => "host",
        }
    }

    /// Whether it speaks against the plugin, for its circuit breaker. Being asked too much, or about something that it
    /// rightly refuses, does not.
    #[must_use]
    pub(super) fn is_failure(&self) -> bool {
        match self {
            Self::Refused { kind, .. } => matches!(kind, Refusal::Unavailable | Refusal::Internal),
            Self::Unknown(_)
            | Self::Busy
            | Self::Tripped(_)
            | Self::Room(_)
            | Self::NotInForce(_)
            | Self::Host(_) => false,
            _ => true,
        }
    }

    /// Whether a job that failed so should be tried again later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused { kind, .. } => matches!(kind, Refusal::Unavailable),
            Self::Busy
            | Self::Tripped(_)
            | Self::Deadline(_)
            | Self::Room(_)
            | Self::NotInForce(_)
            | Self::Host(_) => true,
            _ => false,
        }
    }

    /// When it makes sense to ask again.
    #[must_use]
    pub fn retry_after(&self) -> Duration {
        match self {
            Self::Tripped(left) => *left,
            _ => Duration::from_secs(1),
        }
    }
}
