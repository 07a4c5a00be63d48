//! Why somebody is not let in.

use std::time::Duration;

use super::federation::Flaw;
use super::need::Refusal;
use crate::meta;

/// A failed authentication, or a refused request.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Wrong name or password, or a header that cannot be read. Which one it was is not told.
    #[error("the user name or password is wrong")]
    Credentials,
    /// The token is not one of ours, or over, or its account is gone.
    #[error("the token is not valid: log in again")]
    Token,
    /// A token that somebody else issued.
    #[error("the token is not accepted: {0}")]
    Foreign(Flaw),
    /// Somebody whom a provider vouches for, and has not for too long.
    #[error("sign in again by {0}: its last word is too old, or nobody may sign in by it")]
    Stale(Box<str>),
    /// A token that is good elsewhere.
    #[error("the token may not be used from this address")]
    Address,
    /// Too many failed logins.
    #[error("too many failed logins {whose}: try again in {} s", wait.as_secs().max(1))]
    Throttled {
        /// How long to wait.
        wait: Duration,
        /// What was counted.
        whose: &'static str,
    },
    /// A certificate that was good when its connection began: it is over since, revoked, or its authority is gone.
    #[error(
        "the certificate of this connection is not accepted any more: connect again with another one"
    )]
    Certificate,
    /// The directory that would have to vouch for somebody gives no answer; the log says why.
    #[error("the directory that has to vouch for this user cannot be asked: try again in a moment")]
    Directory(String),
    /// A plugin that has to be asked has no answer; the log says why.
    #[error(
        "the plugin {plugin}, which has to be asked who may come in, has no answer now: try again"
    )]
    Plugin {
        /// Which.
        plugin: Box<str>,
        /// Why.
        cause: String,
        /// When it makes sense to try again.
        retry_after: Duration,
    },
    /// A browser's request that another site could have made it send.
    #[error("the request does not carry the session's CSRF token: load the page again")]
    Forgery,
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
