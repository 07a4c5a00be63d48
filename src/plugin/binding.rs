//! On what terms a plugin is asked: the administrator's side of `plugin.toml`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::glob::Glob;
use super::limits::LimitChanges;
use super::{Capabilities, Hook};
use crate::oci::RepositoryName;
use crate::secret::Secret;

/// What happens to an operation while a plugin has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fail {
    /// It goes on as if the plugin were not there.
    Open,
    /// It is refused until the plugin answers again.
    Closed,
}

impl Fail {
    /// What a hook does if nobody decides: who guards a door keeps it shut, what can be done later is done later.
    #[must_use]
    pub const fn default_for(hook: Hook) -> Self {
        match hook {
            Hook::Admission | Hook::Authenticator | Hook::Authorizer => Self::Closed,
            Hook::Scanner | Hook::ReplicationTarget | Hook::EventSink => Self::Open,
        }
    }
}

/// What a denial is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It is one.
    #[default]
    Enforce,
    /// The client is warned, and goes on.
    Warn,
    /// It is written down, and nobody is told.
    DryRun,
}

/// How one hook of a plugin is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Binding {
    /// What happens while it has no answer; without it, what is usual for the hook.
    pub fail: Option<Fail>,
    /// What its denial is worth.
    pub mode: Mode,
    /// Those with lower numbers are asked first.
    pub order: i32,
    /// The repositories that it is asked about; none: all.
    pub repositories: Vec<Glob>,
    /// Other limits than the manifest asks for.
    pub limits: LimitChanges,
}

impl Binding {
    /// Whether it is asked about a repository.
    #[must_use]
    pub fn covers(&self, repository: &RepositoryName) -> bool {
        self.repositories.is_empty()
            || self.repositories.iter().any(|glob| glob.matches(repository.as_str()))
    }
}

/// All that an administrator decides about a plugin.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// What it may use, of what it asks for.
    pub granted: Capabilities,
    /// The values of its secrets.
    pub secrets: BTreeMap<String, Secret<String>>,
    /// Its settings.
    pub config: Map<String, Value>,
    /// How its hooks are used; one that is not named here is used as usual.
    pub hooks: BTreeMap<Hook, Binding>,
}
