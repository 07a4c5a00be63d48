//! Why somebody may, or may not, do something: asked of the same function that decides.

use std::sync::Arc;

use super::AdminError;
use crate::auth::need::Need;
use crate::auth::principal::Principal;
use crate::auth::rules::Rule;
use crate::auth::{Allowed, Auth, Because, Refusal};
use crate::meta::Subject;
use crate::oci::{Action, RepositoryName};

/// A decision with what led to it.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Whether it is allowed.
    pub is_allowed: bool,
    /// In words: what decided.
    pub because: String,
    /// The rule that decided, if one did.
    pub rule: Option<Arc<Rule>>,
    /// Whom rules may be about when they ask: themselves, their groups, everyone.
    pub subjects: Vec<Subject>,
    /// Every rule about them that fits the repository, whatever it says of the action.
    pub fitting: Vec<Arc<Rule>>,
}

impl Auth {
    /// Explains what `subject` may do to a repository. One may ask about oneself, about repositories that one manages, and
    /// administrators about everything.
    pub async fn why(
        &self,
        asker: &Principal,
        subject: &Subject,
        action: Action,
        name: &RepositoryName,
    ) -> Result<Explanation, AdminError> {
        let about_oneself = asker.account().is_some_and(|account| account.subject() == *subject);
        if !about_oneself {
            asker
                .decide(&Need::Administer)
                .or_else(|_| asker.decide(&Need::Repository(Action::Manage, name.clone())))?;
        }
        let unknown = || AdminError::Unknown { what: "account", name: subject.to_string() };
        let somebody = self.principal_of(subject).await?.ok_or_else(unknown)?;
        let mut explanation = explain(&somebody, action, name);
        if let Some(account) = somebody.account().filter(|account| account.is_disabled) {
            explanation.is_allowed = false;
            explanation.rule = None;
            explanation.because = format!("the account {} is disabled", account.name);
        }
        Ok(explanation)
    }
}

fn explain(somebody: &Principal, action: Action, name: &RepositoryName) -> Explanation {
    let decided = somebody.decide(&Need::Repository(action, name.clone()));
    let (is_allowed, because, rule) = match decided {
        Ok(Allowed::Rule(rule)) => (true, rule.to_string(), Some(rule)),
        Ok(other) => (true, other.label(), None),
        Err(Refusal::Denied { because: Because::Rule(rule), .. }) => {
            (false, rule.to_string(), Some(rule))
        }
        Err(Refusal::Denied { because: Because::NoRule, .. } | Refusal::Unauthenticated(_)) => {
            (false, format!("no rule allows {action} on {name}"), None)
        }
        Err(refusal) => (false, refusal.to_string(), None),
    };
    let fitting = somebody.rules().fitting(somebody.subjects(), name);
    Explanation { is_allowed, because, rule, subjects: somebody.subjects().to_vec(), fitting }
}
