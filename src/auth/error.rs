//! Why somebody is not let in.

use std::time::Duration;

use super::policy::Refusal;
use crate::meta;

/// A failed authentication, or a refused request.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Wrong name or password, or a header that cannot be read. Which one it was is not told.
    #[error("the user name or password is wrong")]
    Credentials,
    /// The token is not one of ours, or over, or its user is gone.
    #[error("the token is not valid: log in again")]
    Token,
    /// Too many failed logins from this address.
    #[error("too many failed logins from this address: try again in {} s", .0.as_secs().max(1))]
    Throttled(Duration),
    /// The principal may not do this.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database failed.
    #[error(transparent)]
    Meta(#[from] meta::Error),
    /// Signing failed, or a key in the database is not one.
    #[error("a token could not be signed: {0}")]
    Signing(String),
}
