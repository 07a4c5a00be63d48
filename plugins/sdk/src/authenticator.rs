//! Saying who somebody is, and what they may not do after all.

pub use crate::bindings::authenticator::exports::berth::plugin::authenticator_hook::{
    Accepted, Credential, Verdict,
};
pub use crate::bindings::authorizer::exports::berth::plugin::authorizer_hook::{
    Authorization, AuthorizationRequest,
};
use crate::{CallContext, Error, Plugin, Principal};

/// Says who somebody is. A client waits for the answer.
pub trait Authenticator: Plugin {
    /// Looks at credentials.
    fn authenticate(context: CallContext, credential: Credential) -> Result<Verdict, Error>;
}

/// Takes rights away that the rules would give; it cannot give any. A client waits for the answer.
pub trait Authorizer: Authenticator {
    /// Says what remains.
    fn authorize(request: AuthorizationRequest) -> Result<Authorization, Error>;
}

impl Verdict {
    /// They are this one; remembered for so many seconds.
    pub fn accept(subject: impl Into<String>, groups: Vec<String>, cache_seconds: u32) -> Self {
        // Whatever is written here, Berth puts the plugin's own name for the issuer.
        let principal = Principal {
            subject: subject.into(),
            issuer: String::new(),
            groups,
            attributes: Vec::new(),
        };
        Self::Accepted(Accepted { principal, cache_seconds })
    }

    /// They are not; nobody else is asked. The reason is for the log.
    pub fn reject(reason: impl Into<String>) -> Self {
        Self::Rejected(reason.into())
    }
}
