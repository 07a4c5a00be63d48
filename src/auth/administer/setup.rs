//! The first administrator, who comes by a link that is printed when a registry is new.

use std::sync::Arc;
use std::time::Duration;

use super::accounts::hashed;
use super::{AdminError, checked_account_name};
use crate::auth::{Auth, Error, Origin};
use crate::meta::{self, Account, AccountKind, Actor, NewAccount, SetupFinished};
use crate::oci::{Algorithm, Digest};
use crate::secret::{Secret, random_text};

/// The account that is made on the first start, before anybody comes.
pub const FIRST_ADMINISTRATOR: &str = "admin";

/// How long a link is good. A start makes a new one as long as none was used.
const LINK_LIFETIME: Duration = Duration::from_hours(24);

fn hash(text: &Secret<String>) -> Digest {
    Algorithm::Sha256.digest(text.expose().as_bytes())
}

impl Auth {
    /// What the link holds; only a hash of it is kept. Without `is_first` there is one only as long as none was used.
    pub async fn make_setup(&self, is_first: bool) -> Result<Option<Secret<String>>, Error> {
        let text = Secret::new(random_text(24));
        let until = self.clock.now() + LINK_LIFETIME;
        let kept = self.meta.keep_setup(hash(&text), until, is_first).await?;
        Ok(kept.then_some(text))
    }

    /// Whether a link is good.
    pub async fn is_setup(&self, text: &Secret<String>) -> Result<bool, Error> {
        Ok(self.meta.is_setup(hash(text)).await?)
    }

    /// Makes the administrator who came by the link, which is good no longer.
    pub async fn finish_setup(
        &self,
        text: &Secret<String>,
        name: &str,
        password: &Secret<String>,
        origin: &Origin,
    ) -> Result<Arc<Account>, AdminError> {
        let unknown = || {
            AdminError::Conflict(
                "this set-up link is good no longer: it was used, is over, or another took its place. As long as none was \
                 used, `berth serve` prints a new one when it starts"
                    .into(),
            )
        };
        // Nobody else makes this machine hash.
        if !self.is_setup(text).await? {
            return Err(unknown());
        }
        checked_account_name(name)?;
        let new = NewAccount {
            kind: AccountKind::User,
            name: name.to_owned(),
            password_hash: Some(hashed(password).await?),
            full_name: String::new(),
            email: String::new(),
            role: Some(meta::ADMINISTRATOR.into()),
        };
        let by = Actor {
            name: "set-up".into(),
            address: Some(origin.address),
            request: Some(Arc::clone(&origin.request)),
            rule: None,
        };
        match self.meta.finish_setup(hash(text), new, FIRST_ADMINISTRATOR, &by).await? {
            SetupFinished::Unknown => Err(unknown()),
            SetupFinished::NameTaken => Err(AdminError::Conflict(format!(
                "there is an account called {name} already: choose another name"
            ))),
            SetupFinished::Done => {
                let account = self.meta.find_account(name).await?;
                account.ok_or_else(unknown)
            }
        }
    }
}
