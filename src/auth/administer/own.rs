//! What somebody may change of their own account.

use std::sync::Arc;

use super::accounts::hashed;
use super::{AdminError, Own};
use crate::auth::{Error, Origin};
use crate::meta::{Account, AccountKind, Session};
use crate::secret::Secret;

impl Own<'_> {
    /// The account.
    pub async fn account(&self) -> Result<Arc<Account>, AdminError> {
        let found = self.auth.meta.find_account(&self.name).await?;
        found.ok_or_else(|| AdminError::Unknown { what: "account", name: super::shown(&self.name) })
    }

    /// Gives the account another password. Whoever changes their own has to know the one before: a browser that was left
    /// open must not be a way to keep the account.
    pub async fn set_password(
        &self,
        before: Option<&Secret<String>>,
        password: &Secret<String>,
        origin: &Origin,
    ) -> Result<(), AdminError> {
        let account = self.account().await?;
        if account.kind == AccountKind::Robot {
            return Err(AdminError::Unknown { what: "user", name: self.name.clone() });
        }
        if let Some(provider) = &account.provider {
            let (name, provider) = (self.name.clone(), provider.to_string());
            return Err(AdminError::NoPasswordHere { name, provider });
        }
        if self.is_self {
            let before = before.ok_or(AdminError::WrongPassword)?;
            match self.auth.login(&self.name, before, origin).await {
                Ok(_) => {}
                Err(Error::Credentials) => return Err(AdminError::WrongPassword),
                Err(error) => return Err(error.into()),
            }
        }
        let hash = hashed(password).await?;
        if self.auth.meta.set_password(&self.name, hash, self.grant.actor()).await? {
            Ok(())
        } else {
            Err(AdminError::Unknown { what: "account", name: self.name.clone() })
        }
    }

    /// The browsers that are signed in.
    pub async fn sessions(&self) -> Result<Vec<Session>, AdminError> {
        Ok(self.auth.meta.list_sessions(&self.name).await?)
    }

    /// Signs out everywhere: browsers, refresh tokens and registry tokens. Tokens for programs stay.
    pub async fn end_all_logins(&self) -> Result<(), AdminError> {
        if self.auth.meta.end_all_logins(&self.name, self.grant.actor()).await? {
            Ok(())
        } else {
            Err(AdminError::Unknown { what: "account", name: self.name.clone() })
        }
    }
}
