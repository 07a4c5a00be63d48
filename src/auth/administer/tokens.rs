//! Making, rotating and revoking tokens.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::{AdminError, Own};
use crate::auth::secret_token::{new_token, token_hash};
use crate::clock::Timestamp;
use crate::meta::{Limits, NewToken, Token, TokenAdded};
use crate::oci::Digest;
use crate::secret::Secret;

/// A token that somebody would like to have.
#[derive(Clone, Debug)]
pub struct TokenWish {
    /// What it is called.
    pub name: String,
    /// What it is limited to.
    pub limits: Limits,
    /// Where it may be used from.
    pub addresses: Vec<IpNet>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// A token with its secret, which nobody can read again.
#[derive(Debug)]
pub struct NewSecret {
    /// The token.
    pub token: Token,
    /// Its secret.
    pub secret: Secret<String>,
}

fn hash(secret: &Secret<String>) -> Digest {
    token_hash(secret).expect("a token that was just made checks itself")
}

fn unknown(id: i64) -> AdminError {
    AdminError::Unknown { what: "token", name: id.to_string() }
}

impl Own<'_> {
    /// The account's tokens: up to `limit`, those after `after`.
    pub async fn tokens(&self, after: i64, limit: u64) -> Result<Vec<Token>, AdminError> {
        Ok(self.auth.meta.list_tokens(Some(self.name.clone()), after, limit).await?)
    }

    /// One of the account's tokens.
    pub async fn token(&self, id: i64) -> Result<Arc<Token>, AdminError> {
        let found = self.auth.meta.find_token(id).await?;
        found.filter(|token| *token.owner == *self.name).ok_or_else(|| unknown(id))
    }

    /// Makes a token.
    pub async fn add_token(&self, wish: TokenWish) -> Result<NewSecret, AdminError> {
        let plain = (1..=100).contains(&wish.name.len())
            && wish.name.trim() == wish.name
            && !wish.name.chars().any(char::is_control);
        if !plain {
            return Err(AdminError::InvalidName {
                what: "a token",
                name: super::shown(&wish.name),
                rule: "use up to 100 characters without line breaks",
            });
        }
        if wish.expires_at.is_some_and(|end| end <= self.auth.clock.now()) {
            return Err(AdminError::Invalid("the token would be over before it begins".into()));
        }
        if wish.limits.0.iter().any(|limit| limit.actions.is_empty()) {
            return Err(AdminError::Invalid("a limit of the token names no action".into()));
        }
        let secret = new_token();
        let new = NewToken {
            owner: self.name.clone(),
            name: wish.name.clone(),
            limits: wish.limits,
            addresses: wish.addresses,
            expires_at: wish.expires_at,
            hash: hash(&secret),
        };
        match self.auth.meta.add_token(new, self.grant.actor()).await? {
            TokenAdded::Done(token) => Ok(NewSecret { token: *token, secret }),
            TokenAdded::NoOwner => {
                Err(AdminError::Unknown { what: "account", name: self.name.clone() })
            }
            TokenAdded::NameTaken => {
                Err(AdminError::NameTaken { what: "a token", name: wish.name })
            }
        }
    }

    /// Gives a token another secret; the one before stays good for `overlap`.
    pub async fn rotate_token(&self, id: i64, overlap: Duration) -> Result<NewSecret, AdminError> {
        self.token(id).await?;
        let secret = new_token();
        let until = self.auth.clock.now() + overlap;
        let rotated =
            self.auth.meta.rotate_token(id, hash(&secret), until, self.grant.actor()).await?;
        Ok(NewSecret { token: rotated.ok_or_else(|| unknown(id))?, secret })
    }

    /// Revokes a token, and ends what was issued for it.
    pub async fn remove_token(&self, id: i64) -> Result<(), AdminError> {
        self.token(id).await?;
        let removed = self.auth.meta.remove_token(id, self.grant.actor()).await?;
        removed.map(drop).ok_or_else(|| unknown(id))
    }
}

impl super::Administer<'_> {
    /// Everybody's tokens: up to `limit`, those after `after`.
    pub async fn tokens(&self, after: i64, limit: u64) -> Result<Vec<Token>, AdminError> {
        Ok(self.auth.meta.list_tokens(None, after, limit).await?)
    }
}

impl crate::auth::Auth {
    /// Whose a token is, for the one who asks about it by its number alone.
    pub async fn token_owner(&self, id: i64) -> Result<String, AdminError> {
        let found = self.meta.find_token(id).await?;
        found.map(|token| token.owner.to_string()).ok_or_else(|| unknown(id))
    }
}
