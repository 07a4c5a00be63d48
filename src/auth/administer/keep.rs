//! Saying how what is in repositories is kept: locks, immutable tags, retention.

use super::{AdminError, Auth, is_role_name, shown};
use crate::auth::grant::AdminGrant;
use crate::auth::need::Refusal;
use crate::auth::principal::Principal;
use crate::meta::{Actor, Immutability, Lock, NewImmutability, NewLock, Policy};
use crate::oci::{RepositoryName, RepositoryPattern};

/// The right to say how what is in the repositories of some patterns is kept.
#[derive(Debug)]
pub struct Keep<'a> {
    auth: &'a Auth,
    grant: AdminGrant,
    patterns: Vec<RepositoryPattern>,
}

/// Characters of a reason.
const LONGEST_WHY: usize = 500;
/// Globs in one rule.
const MOST_GLOBS: usize = 100;

impl Auth {
    /// For those who manage all repositories of each of these patterns.
    pub fn keep(
        &self,
        principal: &Principal,
        patterns: &[RepositoryPattern],
    ) -> Result<Keep<'_>, Refusal> {
        let mut grant = None;
        for pattern in patterns {
            grant = Some(principal.grant_management(pattern)?);
        }
        // What is about nothing is for administrators to look at.
        let grant = grant.map_or_else(|| principal.grant_administration(), Ok)?;
        Ok(Keep { auth: self, grant, patterns: patterns.to_vec() })
    }

    /// For those who manage one repository.
    pub fn keep_one(
        &self,
        principal: &Principal,
        name: &RepositoryName,
    ) -> Result<Keep<'_>, Refusal> {
        self.keep(principal, &[RepositoryPattern::exactly(name)])
    }
}

/// A reason, checked: people read it in their terminals.
fn check_why(why: &str, is_needed: bool) -> Result<(), AdminError> {
    let invalid = |message: &str| Err(AdminError::Invalid(message.to_owned()));
    if is_needed && why.trim().is_empty() {
        return invalid("say why: whoever is stopped by it reads that");
    }
    if why.chars().count() > LONGEST_WHY || why.chars().any(char::is_control) {
        return invalid("a reason has 500 characters at most, and no line breaks");
    }
    Ok(())
}

impl Keep<'_> {
    /// Who is to be written down as the one who did it.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        self.grant.actor()
    }

    fn check_about(&self, patterns: &[RepositoryPattern]) -> Result<(), AdminError> {
        if patterns.is_empty() || patterns.iter().any(|pattern| !self.patterns.contains(pattern)) {
            return Err(AdminError::Invalid("it is about other repositories".into()));
        }
        Ok(())
    }

    /// Locks something, or changes its lock.
    pub async fn lock(&self, new: NewLock) -> Result<Lock, AdminError> {
        self.check_about(&[RepositoryPattern::exactly(&new.repository)])?;
        check_why(&new.why, true)?;
        let forbidden = new.forbidden;
        if !(forbidden.write || forbidden.delete || forbidden.read) {
            return Err(AdminError::Invalid("the lock would forbid nothing".into()));
        }
        if new.until.is_some_and(|until| until <= self.auth.clock.now()) {
            return Err(AdminError::Invalid("the lock would be over already".into()));
        }
        let target = new.target();
        let made = self.auth.meta.put_lock(new, self.actor()).await?;
        made.ok_or_else(|| AdminError::Unknown {
            what: "repository, tag or manifest",
            name: target,
        })
    }

    /// Takes a lock off.
    pub async fn unlock(&self, lock: &Lock) -> Result<(), AdminError> {
        self.check_about(&[RepositoryPattern::exactly(&lock.new.repository)])?;
        let removed = self.auth.meta.remove_lock(lock.id, self.actor()).await?;
        removed.map(drop).ok_or_else(|| unknown_lock(lock.id))
    }

    /// Makes a rule that makes tags immutable.
    pub async fn add_immutability(&self, new: NewImmutability) -> Result<Immutability, AdminError> {
        self.check_about(&new.repositories)?;
        check_why(&new.why, false)?;
        if new.tags.is_empty() {
            return Err(AdminError::Invalid("name tags, such as `v*`; `*` is every tag".into()));
        }
        let globs = new.repositories.len() + new.except_repositories.len();
        if globs + new.tags.len() + new.except_tags.len() > MOST_GLOBS {
            return Err(AdminError::Invalid(format!("a rule has {MOST_GLOBS} patterns at most")));
        }
        Ok(self.auth.meta.add_immutability(new, self.actor()).await?)
    }

    /// Removes a rule that makes tags immutable.
    pub async fn remove_immutability(&self, rule: &Immutability) -> Result<(), AdminError> {
        self.check_about(&rule.new.repositories)?;
        let removed = self.auth.meta.remove_immutability(rule.id, self.actor()).await?;
        if removed { Ok(()) } else { Err(unknown_rule(rule.id)) }
    }
}

impl Keep<'_> {
    /// Makes a retention policy, or changes the one of its name.
    pub async fn put_policy(&self, policy: Policy) -> Result<Policy, AdminError> {
        self.check_about(&policy.repositories)?;
        if !is_role_name(&policy.name) {
            return Err(AdminError::InvalidName {
                what: "a retention policy",
                name: shown(&policy.name),
                rule: "use up to 64 lower-case letters, digits and `-`",
            });
        }
        Ok(self.auth.meta.put_policy(policy, self.actor()).await?)
    }

    /// Removes a retention policy.
    pub async fn remove_policy(&self, policy: &Policy) -> Result<(), AdminError> {
        self.check_about(&policy.repositories)?;
        let removed = self.auth.meta.remove_policy(&policy.name, self.actor()).await?;
        let name = policy.name.clone();
        if removed { Ok(()) } else { Err(AdminError::Unknown { what: "retention policy", name }) }
    }
}

fn unknown_lock(id: i64) -> AdminError {
    AdminError::Unknown { what: "lock", name: shown(&id.to_string()) }
}

fn unknown_rule(id: i64) -> AdminError {
    AdminError::Unknown { what: "immutability rule", name: shown(&id.to_string()) }
}

impl Auth {
    /// A lock by its number, to be shown to whoever may manage its repository.
    pub async fn find_lock(&self, id: i64) -> Result<Lock, AdminError> {
        self.meta.find_lock(id).await?.ok_or_else(|| unknown_lock(id))
    }

    /// A rule that makes tags immutable, by its number.
    pub async fn find_immutability(&self, id: i64) -> Result<Immutability, AdminError> {
        self.meta.find_immutability(id).await?.ok_or_else(|| unknown_rule(id))
    }
}

impl super::Administer<'_> {
    /// Locks in all repositories, also those that are over; at most so many, those after the number `after`.
    pub async fn locks(&self, after: i64, limit: u64) -> Result<Vec<Lock>, AdminError> {
        Ok(self.auth.meta.list_locks(None, after, limit).await?)
    }
}

impl Auth {
    /// The rules that make tags immutable, as far as whoever asks may know of them: those about repositories that they
    /// manage.
    pub async fn immutability(
        &self,
        principal: &Principal,
    ) -> Result<Vec<Immutability>, AdminError> {
        let rules = self.meta.list_immutability().await?;
        if principal.grant_administration().is_ok() {
            return Ok(rules);
        }
        principal.decide(&crate::auth::Need::Login)?;
        let mine = |rule: &Immutability| self.keep(principal, &rule.new.repositories).is_ok();
        Ok(rules.into_iter().filter(mine).collect())
    }

    /// A retention policy by its name, for whoever may change it.
    pub async fn find_policy(&self, name: &str) -> Result<Option<Policy>, AdminError> {
        Ok(self.meta.find_policy(name).await?)
    }

    /// The retention policies about repositories that whoever asks manages.
    pub async fn policies(&self, principal: &Principal) -> Result<Vec<Policy>, AdminError> {
        let policies = self.meta.list_policies().await?;
        if principal.grant_administration().is_ok() {
            return Ok(policies);
        }
        principal.decide(&crate::auth::Need::Login)?;
        let mine = |policy: &Policy| self.keep(principal, &policy.repositories).is_ok();
        Ok(policies.into_iter().filter(mine).collect())
    }
}
