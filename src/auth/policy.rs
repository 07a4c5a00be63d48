//! What a principal may do. Pure: the same function decides and explains.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::meta::{Role, User};
use crate::oci::{Action, RepositoryName, Scope};

/// Who is asking.
#[derive(Clone, Debug)]
pub struct Principal {
    /// `None`: anonymous.
    name: Option<Arc<str>>,
    /// Which password they proved to know, now or when their token was issued.
    login: Option<Arc<str>>,
    role: Option<Role>,
    /// What a token is limited to; `None`: the principal's own password, not limited.
    scopes: Option<Arc<[Scope]>>,
}

/// What is needed for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// To do something to a repository.
    Repository(Action, RepositoryName),
    /// To list repositories.
    Catalog,
    /// To know that somebody is logged in, which the base of the API asks for.
    Login,
}

impl Need {
    /// The scope to put into a challenge, if the need has one.
    #[must_use]
    pub fn scope(&self) -> Option<Scope> {
        match self {
            // Pushing reads as well: clients ask what is there already.
            Self::Repository(Action::Push, name) => {
                Some(Scope::repository(name.as_str(), [Action::Pull, Action::Push]))
            }
            Self::Repository(action, name) => Some(Scope::repository(name.as_str(), [*action])),
            Self::Catalog => Some(Scope::catalog()),
            Self::Login => None,
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository(action, name) => write!(f, "{action} on {name}"),
            Self::Catalog => f.write_str("listing repositories"),
            Self::Login => f.write_str("using this registry"),
        }
    }
}

/// Why a request is refused. The first two are answered with 401 and a challenge, the last with 403: it is only for
/// those who may pull, so it tells nobody that a repository exists.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody is logged in.
    #[error("{0} needs a login")]
    Unauthenticated(Need),
    /// The token is limited to something else; another may do.
    #[error("the token does not cover {0}")]
    InsufficientScope(Need),
    /// The role does not allow it, and no token will.
    #[error("{actor} is a {role}, and {need} needs {}", needed(need))]
    Denied {
        /// Who.
        actor: String,
        /// Their role.
        role: Role,
        /// What they wanted.
        need: Need,
    },
}

fn needed(need: &Need) -> &'static str {
    match need {
        Need::Repository(Action::Push, _) => "a writer or administrator",
        Need::Repository(Action::Pull, _) | Need::Catalog | Need::Login => "a reader",
        Need::Repository(..) => "an administrator",
    }
}

/// Proof that a principal may do something to a repository. Only [`Principal::grant`] makes one.
#[derive(Clone, Debug)]
pub struct Grant {
    repository: RepositoryName,
    action: Action,
    principal: Principal,
}

impl Grant {
    /// The repository it is about.
    #[must_use]
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// What it allows.
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    /// Whose it is.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The name to write down as the one who did it.
    #[must_use]
    pub fn actor(&self) -> &str {
        self.principal.actor()
    }
}

/// Proof that a principal may list repositories. Only [`Principal::grant_catalog`] makes one.
#[derive(Clone, Debug)]
pub struct CatalogGrant {
    principal: Principal,
}

impl CatalogGrant {
    /// Whether this one may be shown: its owner may pull from it, whatever their token of the moment covers.
    #[must_use]
    pub fn may_see(&self, name: &RepositoryName) -> bool {
        let owner = Principal { scopes: None, ..self.principal.clone() };
        owner.decide(&Need::Repository(Action::Pull, name.clone())).is_ok()
    }
}

impl Principal {
    /// What is written down for nobody; no user can be called so.
    pub const ANONYMOUS: &str = "anonymous";

    /// Nobody in particular.
    #[must_use]
    pub const fn anonymous() -> Self {
        Self { name: None, login: None, role: None, scopes: None }
    }

    /// A user, perhaps by a token that is limited to `scopes`.
    #[must_use]
    pub fn user(user: &User, scopes: Option<Arc<[Scope]>>) -> Self {
        Self {
            name: Some(user.name.as_str().into()),
            login: Some(Arc::clone(&user.login)),
            role: Some(user.role),
            scopes,
        }
    }

    /// The name to write down; `anonymous` for nobody.
    #[must_use]
    pub fn actor(&self) -> &str {
        self.name.as_deref().unwrap_or(Self::ANONYMOUS)
    }

    /// Whether they came with a token, which must not be a way to another token.
    #[must_use]
    pub const fn is_by_token(&self) -> bool {
        self.scopes.is_some()
    }

    /// The user's name and which password they proved to know; `None` for nobody.
    pub(super) fn login(&self) -> Option<(&str, &str)> {
        Some((self.name.as_deref()?, self.login.as_deref()?))
    }

    /// Whether nobody is logged in.
    #[must_use]
    pub const fn is_anonymous(&self) -> bool {
        self.name.is_none()
    }

    /// Whether this is an administrator with their own password, or a token of theirs; the admin API asks.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        self.role
    }

    /// The one place that decides.
    pub fn decide(&self, need: &Need) -> Result<(), Refusal> {
        let (Some(name), Some(role)) = (&self.name, self.role) else {
            return Err(Refusal::Unauthenticated(need.clone()));
        };
        if let Need::Repository(action, _) = need
            && !self.role_allows(*action)
        {
            return Err(Refusal::Denied { actor: name.to_string(), role, need: need.clone() });
        }
        let covered = match (&self.scopes, need) {
            (None, _) | (_, Need::Login) => true,
            (Some(scopes), Need::Repository(action, repository)) => scopes.iter().any(|scope| {
                scope.kind == "repository"
                    && scope.name == repository.as_str()
                    && covers(&scope.actions, *action)
            }),
            (Some(scopes), Need::Catalog) => scopes.iter().any(|scope| {
                scope.kind == "registry" && scope.name == "catalog" && !scope.actions.is_empty()
            }),
        };
        if covered { Ok(()) } else { Err(Refusal::InsufficientScope(need.clone())) }
    }

    /// The right to do something to a repository, if the principal has it.
    pub fn grant(&self, action: Action, repository: RepositoryName) -> Result<Grant, Refusal> {
        let need = Need::Repository(action, repository);
        self.decide(&need)?;
        let Need::Repository(action, repository) = need else {
            unreachable!("the need was just made of a repository")
        };
        Ok(Grant { repository, action, principal: self.clone() })
    }

    /// The right to list repositories, if the principal has it.
    pub fn grant_catalog(&self) -> Result<CatalogGrant, Refusal> {
        self.decide(&Need::Catalog)?;
        Ok(CatalogGrant { principal: self.clone() })
    }

    /// Which of the wanted scopes a token for this principal gets. What it may not do is left out; a scope of which
    /// nothing remains is left out whole.
    #[must_use]
    pub fn intersect(&self, wanted: &[Scope]) -> Vec<Scope> {
        let mut granted: Vec<Scope> = Vec::new();
        for scope in wanted {
            let actions: BTreeSet<Action> = match scope.kind.as_str() {
                // A name that no repository can have is granted nothing.
                "repository" => match scope.name.parse::<RepositoryName>() {
                    Ok(name) => expand(&scope.actions)
                        .into_iter()
                        .filter(|action| {
                            self.decide(&Need::Repository(*action, name.clone())).is_ok()
                        })
                        .collect(),
                    Err(_) => BTreeSet::new(),
                },
                "registry" if scope.name == "catalog" && self.decide(&Need::Catalog).is_ok() => {
                    scope.actions.clone()
                }
                _ => BTreeSet::new(),
            };
            if actions.is_empty() {
                continue;
            }
            match granted
                .iter_mut()
                .find(|known| known.kind == scope.kind && known.name == scope.name)
            {
                Some(known) => known.actions.extend(actions),
                None => granted.push(Scope {
                    kind: scope.kind.clone(),
                    name: scope.name.clone(),
                    actions,
                }),
            }
        }
        granted
    }

    fn role_allows(&self, action: Action) -> bool {
        match self.role {
            Some(Role::Administrator) => true,
            Some(Role::Writer) => matches!(action, Action::Pull | Action::Push),
            Some(Role::Reader) => action == Action::Pull,
            None => false,
        }
    }
}

/// `*` on a repository asks for all three; containers/image does so to delete.
fn expand(actions: &BTreeSet<Action>) -> BTreeSet<Action> {
    let mut expanded = actions.clone();
    if expanded.remove(&Action::All) {
        expanded.extend([Action::Pull, Action::Push, Action::Delete]);
    }
    expanded
}

fn covers(granted: &BTreeSet<Action>, action: Action) -> bool {
    granted.contains(&action) || granted.contains(&Action::All)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(role: Option<Role>, scopes: Option<Vec<Scope>>) -> Principal {
        Principal {
            name: role.map(|_| "ann".into()),
            login: role.map(|_| "0".into()),
            role,
            scopes: scopes.map(Into::into),
        }
    }

    #[test]
    fn each_role_may_do_what_its_name_says() {
        let name: RepositoryName = "team/app".parse().unwrap();
        for (role, pull, push, delete) in [
            (None, false, false, false),
            (Some(Role::Reader), true, false, false),
            (Some(Role::Writer), true, true, false),
            (Some(Role::Administrator), true, true, true),
        ] {
            let principal = principal(role, None);
            for (action, expected) in
                [(Action::Pull, pull), (Action::Push, push), (Action::Delete, delete)]
            {
                assert_eq!(
                    principal.grant(action, name.clone()).is_ok(),
                    expected,
                    "{role:?} {action}"
                );
            }
            assert_eq!(principal.grant_catalog().is_ok(), role.is_some());
        }
    }

    #[test]
    fn a_token_reaches_no_further_than_its_scope() {
        let scopes = vec![Scope::repository("team/app", [Action::Pull])];
        let token = principal(Some(Role::Administrator), Some(scopes));
        let (mine, other): (RepositoryName, RepositoryName) =
            ("team/app".parse().unwrap(), "team/other".parse().unwrap());
        assert!(token.grant(Action::Pull, mine.clone()).is_ok());
        assert!(matches!(token.grant(Action::Push, mine), Err(Refusal::InsufficientScope(_))));
        assert!(matches!(token.grant(Action::Pull, other), Err(Refusal::InsufficientScope(_))));
        assert!(matches!(token.grant_catalog(), Err(Refusal::InsufficientScope(_))));
        assert!(token.decide(&Need::Login).is_ok());
    }

    #[test]
    fn a_role_is_a_harder_limit_than_a_scope() {
        let scopes = vec![Scope::repository("team/app", [Action::Pull, Action::Push])];
        let token = principal(Some(Role::Reader), Some(scopes));
        let refusal = token.grant(Action::Push, "team/app".parse().unwrap()).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "ann is a reader, and push on team/app needs a writer or administrator"
        );
    }

    #[test]
    fn a_token_gets_what_is_asked_for_and_allowed() {
        let wanted = Scope::parse_list(
            "repository:a:pull,push,delete repository:a:pull repository:B:pull registry:catalog:* x:y:pull",
        );
        let shown = |role| {
            let granted = principal(role, None).intersect(&wanted);
            granted.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown(Some(Role::Reader)), "repository:a:pull registry:catalog:*");
        assert_eq!(shown(Some(Role::Writer)), "repository:a:pull,push registry:catalog:*");
        assert_eq!(shown(None), "");
        let all = principal(Some(Role::Administrator), None)
            .intersect(&Scope::parse_list("repository:a:*"));
        assert_eq!(all[0].to_string(), "repository:a:pull,push,delete");
    }
}
