//! Proofs that somebody may do something: what the registry's operations are made of, and only [`Principal`] makes (I5).

use super::need::{Need, Refusal};
use super::principal::Principal;
use super::rules::Span;
use crate::meta::Actor;
use crate::oci::{Action, RepositoryName, RepositoryPattern};

/// Proof that a principal may do something to a repository. Only [`Principal::grant`] makes one.
#[derive(Clone, Debug)]
pub struct Grant {
    repository: RepositoryName,
    action: Action,
    principal: Principal,
    actor: Actor,
    is_of_task: bool,
}

impl Grant {
    /// The repository it is about.
    #[must_use]
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// What it allows.
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    /// Whose it is.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Who is to be written down as the one who did it, and what allowed it.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The same, done by a task of Berth's own.
    pub(super) fn by_task(self, name: &str) -> Self {
        Self { actor: Actor::internal(name), is_of_task: true, ..self }
    }

    /// Whether a task of Berth's own does it: plugins are not asked whether it may.
    #[must_use]
    pub fn is_of_task(&self) -> bool {
        self.is_of_task
    }
}

/// Proof that a principal may list repositories. Only [`Principal::grant_catalog`] makes one.
#[derive(Clone, Debug)]
pub struct CatalogGrant {
    principal: Principal,
}

impl CatalogGrant {
    /// Whether this one may be shown: its owner may pull from it, whatever their registry token of the moment covers.
    #[must_use]
    pub fn may_see(&self, name: &RepositoryName) -> bool {
        // Which names there are is not what plugins narrow: they would have to be asked about each.
        let owner = self.principal.clone().unscoped().unnarrowed();
        owner.decide(&Need::Repository(Action::Pull, name.clone())).is_ok()
    }

    /// The parts of the list that hold all that may be shown, in order; others are not looked at.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        if self.principal.is_machine() {
            return vec![Span::Prefix(String::new())];
        }
        self.principal.rules().spans(self.principal.subjects(), Action::Pull)
    }
}

/// Proof that a principal may change who may do what. Only [`Principal::grant_management`] and
/// [`Principal::grant_administration`] make one.
#[derive(Clone, Debug)]
pub struct AdminGrant {
    actor: Actor,
}

impl AdminGrant {
    /// Who is to be written down as the one who did it.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }
}

impl Principal {
    /// The right to do something to a repository, if they have it.
    pub fn grant(&self, action: Action, repository: RepositoryName) -> Result<Grant, Refusal> {
        let need = Need::Repository(action, repository);
        let allowed = self.decide(&need)?;
        let Need::Repository(action, repository) = need else {
            unreachable!("the need was just made of a repository")
        };
        let actor = self.as_actor(&allowed);
        Ok(Grant { repository, action, principal: self.clone(), actor, is_of_task: false })
    }

    /// The right to push, or at least to sign.
    pub fn grant_push(&self, repository: RepositoryName) -> Result<Grant, Refusal> {
        self.grant(Action::Push, repository.clone())
            .or_else(|refusal| self.grant(Action::Sign, repository).map_err(|_| refusal))
    }

    /// The right to list repositories, if they have it.
    pub fn grant_catalog(&self) -> Result<CatalogGrant, Refusal> {
        self.decide(&Need::Catalog)?;
        Ok(CatalogGrant { principal: self.clone() })
    }

    /// The right to administer the registry itself.
    pub fn grant_administration(&self) -> Result<AdminGrant, Refusal> {
        self.admin_grant(&Need::Administer)
    }

    /// The right to change rules about the repositories of a pattern.
    pub fn grant_management(&self, pattern: &RepositoryPattern) -> Result<AdminGrant, Refusal> {
        self.admin_grant(&Need::Administer)
            .or_else(|_| self.admin_grant(&Need::Pattern(pattern.clone())))
    }

    /// The right to change something of an account: one's own, or anybody's for administrators.
    pub fn grant_account(&self, name: &str) -> Result<AdminGrant, Refusal> {
        if self.account().is_some_and(|account| *account.name == *name) {
            return self.admin_grant(&Need::OwnAccount);
        }
        self.admin_grant(&Need::Administer)
    }

    fn admin_grant(&self, need: &Need) -> Result<AdminGrant, Refusal> {
        let allowed = self.decide(need)?;
        Ok(AdminGrant { actor: self.as_actor(&allowed) })
    }
}
