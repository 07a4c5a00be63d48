//! What a request needs, and why it is refused.

use std::fmt;
use std::sync::Arc;

use super::rules::Rule;
use crate::oci::{Action, RepositoryName, RepositoryPattern, Scope};

/// What is needed for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// To do something to a repository.
    Repository(Action, RepositoryName),
    /// To manage all repositories of a pattern, now and later.
    Pattern(RepositoryPattern),
    /// To list repositories.
    Catalog,
    /// To know that somebody is logged in, which the base of the API asks for.
    Login,
    /// To change one's own account: password, tokens.
    OwnAccount,
    /// To administer the registry itself.
    Administer,
}

impl Need {
    /// What a scope of the type `registry` stands for, by its name.
    #[must_use]
    pub fn of_registry(name: &str) -> Option<Self> {
        match name {
            "catalog" => Some(Self::Catalog),
            "account" => Some(Self::OwnAccount),
            "admin" => Some(Self::Administer),
            _ => None,
        }
    }

    /// The scope to put into a challenge, if the need has one.
    #[must_use]
    pub fn scope(&self) -> Option<Scope> {
        match self {
            // Pushing reads as well: clients ask what is there already.
            Self::Repository(Action::Push | Action::Sign, name) => {
                Some(Scope::repository(name.as_str(), [Action::Pull, Action::Push]))
            }
            Self::Repository(action, name) => Some(Scope::repository(name.as_str(), [*action])),
            Self::Pattern(_) | Self::Administer => Some(Scope::registry("admin")),
            Self::Catalog => Some(Scope::registry("catalog")),
            Self::OwnAccount => Some(Scope::registry("account")),
            Self::Login => None,
        }
    }

    /// The repository that it is about.
    #[must_use]
    pub fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Self::Repository(_, name) => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository(action, name) => write!(f, "{action} on {name}"),
            Self::Pattern(pattern) => write!(f, "manage on {pattern}"),
            Self::Catalog => f.write_str("list repositories"),
            Self::Login => f.write_str("use this registry"),
            Self::OwnAccount => f.write_str("change an account"),
            Self::Administer => f.write_str("administer this registry"),
        }
    }
}

/// Why a request is refused. The first two are answered with 401 and a challenge, the last with 403. Which one it is does
/// not depend on what exists: it tells nobody that a repository is there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody is logged in.
    #[error("to {0} needs a login")]
    Unauthenticated(Need),
    /// The registry token is limited to something else; another may do.
    #[error("the token does not cover to {0}")]
    InsufficientScope(Need),
    /// The rules do not allow it, and no login will.
    #[error("{}", denial(actor, need, because))]
    Denied {
        /// Who.
        actor: String,
        /// What they wanted.
        need: Need,
        /// Why not.
        because: Because,
    },
}

/// What decided against something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// No rule allows it.
    NoRule,
    /// This rule denies it.
    Rule(Arc<Rule>),
    /// The token of this name is limited to something else.
    Token(Box<str>),
    /// Only administrators may.
    NotAdministrator,
    /// The plugin of this name takes it away, for this reason.
    Plugin(Box<str>, Box<str>),
    /// Plugins narrow rights, and were not asked about this one.
    NotAsked,
}

impl Because {
    /// For the audit trail.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::NoRule => "no rule".into(),
            Self::Rule(rule) => format!("rule {}", rule.id),
            Self::Token(name) => format!("limits of the token {name}"),
            Self::NotAdministrator => "not an administrator".into(),
            Self::Plugin(plugin, _) => format!("plugin {plugin}"),
            Self::NotAsked => "plugins leave nothing of it".into(),
        }
    }
}

impl Refusal {
    /// What was wanted.
    #[must_use]
    pub fn need(&self) -> &Need {
        match self {
            Self::Unauthenticated(need)
            | Self::InsufficientScope(need)
            | Self::Denied { need, .. } => need,
        }
    }

    /// For the audit trail: what decided.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Unauthenticated(_) => "nobody is logged in".into(),
            Self::InsufficientScope(_) => "scope of the registry token".into(),
            Self::Denied { because, .. } => because.label(),
        }
    }
}

fn denial(actor: &str, need: &Need, because: &Because) -> String {
    match because {
        // The number is enough for whoever may read the rules; others learn nothing of them.
        Because::Rule(rule) => {
            format!("{actor} has no right to {need}: rule {} denies it", rule.id)
        }
        Because::NoRule => format!("{actor} has no right to {need}: no rule gives it"),
        Because::Token(name) => {
            format!(
                "{actor} has no right to {need} with the token `{name}`, which is limited to less"
            )
        }
        Because::Plugin(plugin, reason) => {
            format!("{actor} has no right to {need}: {reason} ({plugin})")
        }
        Because::NotAsked => format!("{actor} has no right to {need}: a plugin does not leave it"),
        Because::NotAdministrator => format!("{actor} has no right to {need}: administrators have"),
    }
}
