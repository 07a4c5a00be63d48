//! Making, changing and removing accounts.

use std::sync::Arc;

use super::{AdminError, Administer, checked_account_name};
use crate::auth::{MIN_PASSWORD, hash_password};
use crate::meta::{
    Account, AccountChange, AccountChanged, AccountKind, NewAccount, RoleEverywhere,
};
use crate::secret::Secret;

/// Hashes a password off the executor's threads.
pub(super) async fn hashed(password: &Secret<String>) -> Result<Secret<String>, AdminError> {
    if password.expose().chars().count() < MIN_PASSWORD {
        return Err(AdminError::ShortPassword);
    }
    let password = password.clone();
    let hash = tokio::task::spawn_blocking(move || hash_password(&password)).await;
    Ok(hash.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())))
}

/// What people call an account of a kind.
pub(super) const fn word(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::User => "user",
        AccountKind::Robot => "robot",
    }
}

impl Administer<'_> {
    /// Up to `limit` accounts of a kind, in the order of their names, those after `after`.
    pub async fn accounts(
        &self,
        kind: AccountKind,
        after: &str,
        limit: u64,
    ) -> Result<Vec<Account>, AdminError> {
        Ok(self.auth.meta.list_accounts(kind, after, limit).await?)
    }

    /// An account of a kind.
    pub async fn account(&self, kind: AccountKind, name: &str) -> Result<Arc<Account>, AdminError> {
        let found = self.auth.meta.find_account(name).await?;
        found
            .filter(|account| account.kind == kind)
            .ok_or_else(|| AdminError::Unknown { what: word(kind), name: super::shown(name) })
    }

    /// Makes a user. Without a password they cannot log in until they get one.
    pub async fn add_user(
        &self,
        name: &str,
        password: Option<&Secret<String>>,
        full_name: String,
        email: String,
        role: Option<String>,
    ) -> Result<Arc<Account>, AdminError> {
        let password_hash = match password {
            Some(password) => Some(hashed(password).await?),
            None => None,
        };
        let kind = AccountKind::User;
        let name = name.to_owned();
        self.add(NewAccount { kind, name, password_hash, full_name, email, role }).await
    }

    /// Makes a robot; it gets in by tokens alone.
    pub async fn add_robot(
        &self,
        name: &str,
        description: String,
    ) -> Result<Arc<Account>, AdminError> {
        let (kind, name) = (AccountKind::Robot, name.to_owned());
        let (password_hash, email, role) = (None, String::new(), None);
        self.add(NewAccount { kind, name, password_hash, full_name: description, email, role })
            .await
    }

    async fn add(&self, new: NewAccount) -> Result<Arc<Account>, AdminError> {
        checked_account_name(&new.name)?;
        if let Some(role) = &new.role
            && self.auth.meta.find_role(role).await?.is_none()
        {
            return Err(AdminError::Unknown { what: "role", name: super::shown(role) });
        }
        let (kind, name) = (new.kind, new.name.clone());
        if !self.auth.meta.add_account(new, self.actor()).await? {
            return Err(AdminError::NameTaken { what: "an account", name });
        }
        self.account(kind, &name).await
    }

    /// Changes what is known of an account.
    pub async fn change_account(
        &self,
        kind: AccountKind,
        name: &str,
        change: AccountChange,
    ) -> Result<Arc<Account>, AdminError> {
        self.account(kind, name).await?;
        if let Some(role) = change.role.as_ref().and_then(RoleEverywhere::name)
            && self.auth.meta.find_role(role).await?.is_none()
        {
            return Err(AdminError::Unknown { what: "role", name: super::shown(role) });
        }
        let changed = self.auth.meta.change_account(name, change, self.actor()).await?;
        settle(changed, kind, name)?;
        self.account(kind, name).await
    }

    /// Removes an account with its tokens and the rules about it; what it pushed stays.
    pub async fn remove_account(&self, kind: AccountKind, name: &str) -> Result<(), AdminError> {
        self.account(kind, name).await?;
        settle(self.auth.meta.remove_account(name, self.actor()).await?, kind, name)
    }

    /// The roles that an account has on every repository, as rules give them.
    pub async fn roles_everywhere(&self, account: &Account) -> Result<Vec<String>, AdminError> {
        let rules = self.auth.rules().await?;
        Ok(rules.roles_everywhere(&account.subject()))
    }
}

fn settle(changed: AccountChanged, kind: AccountKind, name: &str) -> Result<(), AdminError> {
    match changed {
        AccountChanged::Done => Ok(()),
        AccountChanged::Unknown => {
            Err(AdminError::Unknown { what: word(kind), name: super::shown(name) })
        }
        AccountChanged::LastAdministrator => Err(AdminError::LastAdministrator(name.to_owned())),
    }
}
