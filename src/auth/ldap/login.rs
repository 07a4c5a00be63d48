//! Logging in by a directory: what surrounds the question to it.

use std::sync::Arc;

use super::Connected;
use crate::auth::throttle::Attempt;
use crate::auth::{Auth, Error, Origin};
use crate::meta::Account;
use crate::secret::Secret;

impl Auth {
    /// The account that a directory gives for a name and a password.
    pub(in crate::auth) async fn login_by_directory(
        &self,
        asked: Vec<Arc<Connected>>,
        name: &str,
        password: &Secret<String>,
        origin: &Origin,
    ) -> Result<Arc<Account>, Error> {
        if let Some(account) = self.directories.remembered(name, password).await? {
            return Ok(account);
        }
        let attempt = Attempt::of(name, origin.address);
        self.throttle.check(&attempt)?;
        // Servers take an empty password for none, and let everybody in: it must not reach them.
        let is_hopeless = name.is_empty()
            || password.expose().is_empty()
            || self.directories.is_known_wrong(name, password);
        if is_hopeless {
            self.throttle.failed(&attempt);
            return Err(Error::Credentials);
        }
        let turn = match asked.first() {
            Some(first) => first.turn().await?,
            None => return Err(Error::Credentials),
        };
        // Others may have failed while this one waited.
        self.throttle.check(&attempt)?;
        if let Some(account) = self.directories.remembered(name, password).await? {
            return Ok(account);
        }
        let (directories, throttle) = (Arc::clone(&self.directories), Arc::clone(&self.throttle));
        let (name, password) = (name.to_owned(), password.clone());
        // Hanging up must not be a way to guess for free; and what a server says may be anything, even what breaks ldap3.
        let asking = tokio::spawn(async move {
            let _turn = turn;
            let account = directories.log_in(&asked, &name, &password).await?;
            if account.is_none() {
                throttle.failed(&attempt);
            }
            Ok(account)
        });
        let answer = asking.await.unwrap_or_else(|panic| Err(Error::Directory(panic.to_string())));
        answer?.ok_or(Error::Credentials)
    }
}
