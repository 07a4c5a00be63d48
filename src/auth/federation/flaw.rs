//! What is wrong with a token that somebody else issued.

use crate::clock::Timestamp;
use crate::remote::WebError;

/// Why a foreign token is not accepted. It tells of the token and never of what would be accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It cannot be read.
    #[error("{0}")]
    Malformed(&'static str),
    /// It is signed in a way that proves nothing, or that we do not know.
    #[error("its algorithm `{0}` is not accepted")]
    Algorithm(String),
    /// A claim is missing, or is not what it should be.
    #[error("its claim `{0}` is missing or cannot be read")]
    Missing(&'static str),
    /// Nobody trusts who issued it.
    #[error("its issuer is not trusted here")]
    Issuer,
    /// The issuer has no key of its `kid`.
    #[error("its issuer has no key that it could be signed with")]
    Key,
    /// The issuer's keys cannot be had, and none are remembered.
    #[error("the keys of its issuer cannot be fetched: {0}")]
    NoKeys(WebError),
    /// Somebody else signed it, or it was changed.
    #[error("its signature is wrong")]
    Signature,
    /// It is over.
    #[error("it was good until {0}")]
    Expired(Timestamp),
    /// It is not good yet.
    #[error("it is good from {0}")]
    NotYet(Timestamp),
    /// It is meant for somebody else.
    #[error("its audience is another one")]
    Audience,
    /// It answers another request.
    #[error("it belongs to another sign-in")]
    Nonce,
    /// No rule accepts what it claims.
    #[error("no rule accepts it")]
    NoRule,
    /// Two rules make different accounts of it.
    #[error("the rules `{0}` and `{1}` make two different accounts of it")]
    Ambiguous(Box<str>, Box<str>),
    /// The account that a rule makes of it cannot be used.
    #[error("the account that the rule `{0}` makes of it is disabled or gone")]
    Account(Box<str>),
}
