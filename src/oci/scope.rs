//! Token scopes: `repository:team/app:pull,push`.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Action;

/// One resource and what is asked for or granted on it; also an entry of a token's `access` claim.
///
/// The grammar is read liberally (distribution, `docs/spec/auth/scope.md` against what clients send): a class in
/// parentheses behind the type is ignored, the name may hold a `:` (a port), unknown actions are dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// `repository` or `registry`; others are granted nothing.
    #[serde(rename = "type")]
    pub kind: String,
    /// The repository's name, or `catalog`.
    pub name: String,
    /// What is asked for or granted.
    pub actions: BTreeSet<Action>,
}

impl Scope {
    /// A scope on one repository.
    #[must_use]
    pub fn repository(name: &str, actions: impl IntoIterator<Item = Action>) -> Self {
        Self {
            kind: "repository".into(),
            name: name.into(),
            actions: actions.into_iter().collect(),
        }
    }

    /// A scope on the registry itself: `catalog` lists repositories, `account` changes one's own account, `admin`
    /// administers.
    #[must_use]
    pub fn registry(name: &str) -> Self {
        Self { kind: "registry".into(), name: name.into(), actions: BTreeSet::from([Action::All]) }
    }

    /// Reads one scope; `None` if it has not three parts.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let (name, actions) = rest.rsplit_once(':')?;
        let kind = kind.split('(').next().unwrap_or_default();
        if kind.is_empty() || name.is_empty() || kind.len() > 64 || name.len() > 512 {
            return None;
        }
        let actions = actions.split(',').filter_map(Action::parse).collect();
        Some(Self { kind: kind.into(), name: name.into(), actions })
    }

    /// Reads a list of scopes separated by spaces, as OAuth2 and the `scope` parameter write it. What cannot be read
    /// is passed over: asking for nonsense grants nothing, and is no error.
    #[must_use]
    pub fn parse_list(text: &str) -> Vec<Self> {
        text.split_ascii_whitespace().filter_map(Self::parse).collect()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.kind, self.name)?;
        for (index, action) in self.actions.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            f.write_str(action.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_liberally() {
        let scope = Scope::parse("repository(plugin):host:5000/team/app:push,fly,pull").unwrap();
        assert_eq!(scope, Scope::repository("host:5000/team/app", [Action::Pull, Action::Push]));
        assert_eq!(scope.to_string(), "repository:host:5000/team/app:pull,push");
        assert_eq!(Scope::parse("registry:catalog:*"), Some(Scope::registry("catalog")));
        for bad in ["", "repository", "repository:a", ":a:pull", "repository::pull"] {
            assert_eq!(Scope::parse(bad), None, "{bad}");
        }
        assert_eq!(Scope::parse_list("repository:a:pull nonsense  repository:b:push").len(), 2);
    }
}
