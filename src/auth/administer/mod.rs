//! Changing who may do what. Each handle is made from a principal, and only for one who may have it: [`Administer`] for all of
//! the registry, [`Manage`] for the rules of some repositories, [`Own`] for one account.

mod accounts;
mod bindings;
mod directories;
mod groups;
mod keep;
mod own;
mod setup;
mod tokens;
mod trail;
mod trust;
mod why;

use super::grant::AdminGrant;
use super::need::Refusal;
use super::principal::Principal;
use super::{Auth, MIN_PASSWORD, is_account_name};
use crate::meta::{self, Actor, Subject};
use crate::oci::RepositoryPattern;

pub use groups::is_group_name;
pub use keep::Keep;
pub use setup::FIRST_ADMINISTRATOR;
pub use tokens::{NewSecret, TokenWish};
pub use why::Explanation;

/// The right to administer the registry itself.
#[derive(Debug)]
pub struct Administer<'a> {
    auth: &'a Auth,
    grant: AdminGrant,
}

/// The right to change the rules about the repositories of a pattern.
#[derive(Debug)]
pub struct Manage<'a> {
    auth: &'a Auth,
    grant: AdminGrant,
    pattern: RepositoryPattern,
}

/// The right to change one account: one's own, or anybody's for administrators.
#[derive(Debug)]
pub struct Own<'a> {
    auth: &'a Auth,
    grant: AdminGrant,
    name: String,
    /// Whether it is their own.
    is_self: bool,
}

/// Why something is not changed. None of them changes anything.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The name cannot be used.
    #[error("`{name}` cannot be the name of {what}: {rule}")]
    InvalidName {
        /// What it should name.
        what: &'static str,
        /// The name.
        name: String,
        /// What names look like.
        rule: &'static str,
    },
    /// The password is too short.
    #[error("the password has fewer than {MIN_PASSWORD} characters: choose a longer one")]
    ShortPassword,
    /// The password that should be replaced is another one.
    #[error("the password so far is wrong")]
    WrongPassword,
    /// Something else has the name.
    #[error("there is {what} `{name}` already: choose another name")]
    NameTaken {
        /// What it should name.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// There is nothing of this name.
    #[error("there is no {what} `{name}`")]
    Unknown {
        /// What it should name.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Nobody would be left who can administer the registry.
    #[error("{0} is the last administrator: make somebody else one first")]
    LastAdministrator(String),
    /// A built-in role stays as it is.
    #[error("the role `{0}` is built in: make one of another name")]
    BuiltInRole(String),
    /// A role that rules use cannot be removed.
    #[error("{rules} rules use the role `{name}`: remove them first")]
    RoleInUse {
        /// The role.
        name: String,
        /// How many rules.
        rules: u64,
    },
    /// A provider vouches for them, so they have no password here.
    #[error("{name} signs in by {provider}, and has no password here")]
    NoPasswordHere {
        /// Who.
        name: String,
        /// By which provider.
        provider: String,
    },
    /// It is not in a state for that.
    #[error("{0}")]
    Conflict(String),
    /// It makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The principal may not do this.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database failed.
    #[error(transparent)]
    Meta(#[from] meta::Error),
}

impl From<super::Error> for AdminError {
    fn from(error: super::Error) -> Self {
        match error {
            super::Error::Refused(refusal) => Self::Refused(refusal),
            super::Error::Meta(error) => Self::Meta(error),
            other => Self::Invalid(other.to_string()),
        }
    }
}

impl Auth {
    /// For those who administer the registry.
    pub fn administer(&self, principal: &Principal) -> Result<Administer<'_>, Refusal> {
        Ok(Administer { auth: self, grant: principal.grant_administration()? })
    }

    /// For those who manage all repositories of a pattern.
    pub fn manage(
        &self,
        principal: &Principal,
        pattern: RepositoryPattern,
    ) -> Result<Manage<'_>, Refusal> {
        Ok(Manage { auth: self, grant: principal.grant_management(&pattern)?, pattern })
    }

    /// For whoever has the account, and for administrators.
    pub fn own(&self, principal: &Principal, name: &str) -> Result<Own<'_>, Refusal> {
        let is_self = principal.account().is_some_and(|account| *account.name == *name);
        let grant = principal.grant_account(name)?;
        Ok(Own { auth: self, grant, name: name.to_owned(), is_self })
    }
}

impl Manage<'_> {
    /// Who is to be written down as the one who did it.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        self.grant.actor()
    }
}

impl Administer<'_> {
    /// Who is to be written down as the one who did it.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        self.grant.actor()
    }

    pub(in crate::auth) fn auth(&self) -> &Auth {
        self.auth
    }
}

fn checked_account_name(name: &str) -> Result<(), AdminError> {
    if is_account_name(name) {
        return Ok(());
    }
    Err(AdminError::InvalidName {
        what: "an account",
        name: shown(name),
        rule: "use up to 64 letters, digits, `.`, `_`, `@` and `-`",
    })
}

/// Whether text can name a custom role: lower-case letters, digits and `-`, 64 at most.
#[must_use]
pub fn is_role_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

/// What a client sent, for a message that does not grow with it.
fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

fn unknown_subject(subject: &Subject) -> AdminError {
    AdminError::Unknown { what: "account", name: subject.name().to_owned() }
}
