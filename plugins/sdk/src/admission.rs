//! Deciding whether an operation may go on.

pub use crate::bindings::admission::exports::berth::plugin::admission_hook::{
    AdmissionRequest as Request, Decision, Denial, Outcome,
};
use crate::{Error, Image, Plugin};

/// Decides whether an operation may go on. A client waits for the answer.
pub trait Admission: Plugin {
    /// Decides. The image is there where there is a manifest, and nothing of it is read before it is asked for.
    fn admit(request: Request, image: Option<&Image>) -> Result<Decision, Error>;
}

impl Decision {
    /// It may go on.
    pub fn allow() -> Self {
        Self::new(Outcome::Allow)
    }

    /// It may not: which rule it breaks, and what a person should know who reads this in their terminal.
    pub fn deny(rule: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Outcome::Deny(Denial {
            rule: rule.into(),
            message: message.into(),
            detail: None,
        }))
    }

    /// It may go on, but is not served by tag until a scan or a later decision lets it go.
    pub fn hold(reason: impl Into<String>) -> Self {
        Self::new(Outcome::Hold(reason.into()))
    }

    /// With a warning for the client.
    #[must_use]
    pub fn warn(mut self, warning: impl Into<String>) -> Self {
        self.warnings.push(warning.into());
        self
    }

    /// With something for the audit log.
    #[must_use]
    pub fn note(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.audit.push((key.into(), value.into()));
        self
    }

    /// Good for so many seconds: the same operation on the same image by the same person is not asked about again.
    #[must_use]
    pub fn for_seconds(mut self, seconds: u32) -> Self {
        self.cache_seconds = seconds;
        self
    }

    fn new(outcome: Outcome) -> Self {
        Self { outcome, warnings: Vec::new(), audit: Vec::new(), cache_seconds: 0 }
    }
}
