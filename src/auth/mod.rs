//! Who is asking, and what may they do. Every decision about access is made in this room (I5).
//!
//! [`Auth::authenticate`] turns credentials into a [`Principal`]; [`policy`] decides what a principal may do and makes
//! the [`Grant`], without which no handle of a repository can be had.

mod credentials;
mod error;
mod password;
mod policy;
mod throttle;
mod token;

use std::net::IpAddr;
use std::sync::Arc;

pub use credentials::Credentials;
pub use error::Error;
pub use password::{MIN_PASSWORD, hash_password, is_user_name};
pub use policy::{CatalogGrant, Grant, Need, Principal, Refusal};
pub use token::{Issued, SERVICE, new_signing_key};

use password::Passwords;
use throttle::Throttle;
use token::Tokens;

use crate::clock::Clock;
use crate::config;
use crate::meta::{Meta, RefreshToken, User};
use crate::oci::{Algorithm, Scope};
use crate::secret::{Secret, random_text};

/// Authentication and authorization; clones share their caches.
#[derive(Clone, Debug)]
pub struct Auth {
    meta: Meta,
    clock: Clock,
    config: config::Auth,
    passwords: Arc<Passwords>,
    tokens: Arc<Tokens>,
    throttle: Arc<Throttle>,
}

impl Auth {
    /// Loads the signing keys, and makes the first one when there is none.
    pub async fn open(meta: Meta, clock: Clock, config: config::Auth) -> Result<Self, Error> {
        let tokens = Tokens::open(meta.clone(), clock.clone(), config.token_lifetime.get()).await?;
        let throttle =
            Throttle::new(clock.clone(), config.failed_logins, config.failed_window.get());
        Ok(Self {
            meta,
            clock,
            config,
            passwords: Arc::new(Passwords::new()),
            tokens: Arc::new(tokens),
            throttle: Arc::new(throttle),
        })
    }

    /// Who sends this request.
    ///
    /// # Errors
    /// [`Error::Credentials`] or [`Error::Token`] for wrong ones, which are never treated as none; [`Error::Throttled`]
    /// after too many from this address.
    pub async fn authenticate(
        &self,
        credentials: &Credentials,
        from: IpAddr,
    ) -> Result<Principal, Error> {
        match credentials {
            Credentials::None => Ok(Principal::anonymous()),
            Credentials::Malformed => Err(Error::Credentials),
            Credentials::Basic { name, password } => {
                let user = self.login(name, password, from).await?;
                Ok(Principal::user(&user, None))
            }
            Credentials::Bearer(token) => {
                let verified = self.tokens.verify(token).await?;
                let Some((name, login)) = verified.login() else {
                    return Ok(Principal::anonymous());
                };
                let user = self.meta.find_user(name).await?;
                let user = user.filter(|user| *user.login == *login).ok_or(Error::Token)?;
                Ok(Principal::user(&user, Some(verified.scopes())))
            }
        }
    }

    async fn login(
        &self,
        name: &str,
        password: &Secret<String>,
        from: IpAddr,
    ) -> Result<Arc<User>, Error> {
        // An unknown user takes as long as a wrong password.
        let user = self.meta.find_user(name).await?;
        let hash = user.as_ref().map(|user| &user.password_hash);
        if self.passwords.is_known_good(name, password, hash) {
            return user.ok_or(Error::Credentials);
        }
        self.throttle.check(from)?;
        let turn = self.passwords.turn().await;
        // Others may have failed while this one waited.
        self.throttle.check(from)?;
        let throttle = Arc::clone(&self.throttle);
        let failed = move || throttle.failed(from);
        let good = self.passwords.verify(turn, name, password, hash, failed).await;
        user.filter(|_| good).ok_or(Error::Credentials)
    }

    /// A registry token for `principal` with those of the wanted scopes that it may have. Asking for more is no error.
    ///
    /// # Errors
    /// [`Error::Token`] for a principal that came with a token itself: five minutes must not become for ever.
    pub async fn issue(&self, principal: &Principal, wanted: &[Scope]) -> Result<Issued, Error> {
        if principal.is_by_token() {
            return Err(Error::Token);
        }
        let granted = principal.intersect(wanted);
        self.tokens.issue(principal.login(), granted).await
    }

    /// A new refresh token for a principal that proved who it is by a password.
    pub async fn issue_refresh(
        &self,
        principal: &Principal,
        client: &str,
    ) -> Result<Secret<String>, Error> {
        if principal.is_by_token() {
            return Err(Error::Token);
        }
        let user = self.meta.find_user(principal.actor()).await?.ok_or(Error::Credentials)?;
        let token = random_text(32);
        let row = RefreshToken {
            hash: Algorithm::Sha256.digest(token.as_bytes()),
            user_id: user.id,
            client: client.chars().take(100).collect(),
            expires_at: self.clock.now() + self.config.refresh_lifetime.get(),
        };
        self.meta.add_refresh_token(row).await?;
        Ok(Secret::new(token))
    }

    /// Who a refresh token belongs to.
    pub async fn refresh(&self, token: &Secret<String>, from: IpAddr) -> Result<Principal, Error> {
        let hash = Algorithm::Sha256.digest(token.expose().as_bytes());
        let user = match self.meta.find_refresh_token(&hash).await? {
            Some(row) => self.meta.find_user_by_id(row.user_id).await?,
            None => None,
        };
        if let Some(user) = user {
            return Ok(Principal::user(&user, None));
        }
        self.throttle.check(from)?;
        self.throttle.failed(from);
        Err(Error::Credentials)
    }

    /// The public keys that verify registry tokens, as a JSON Web Key Set (RFC 7517).
    pub async fn jwks(&self) -> Result<serde_json::Value, Error> {
        self.tokens.jwks().await
    }

    /// Signs with a new key from now on; tokens under the old one stay good until they end.
    pub async fn rotate_key(&self) -> Result<String, Error> {
        self.tokens.rotate().await
    }
}
