//! Who is asking, and the one place that decides what they may do (I5).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::federation::Accepted;
use super::need::{Because, Need, Refusal};
use super::rules::{Rule, Rules, Verdict};
use crate::clock::Timestamp;
use crate::meta::{Account, Actor, Subject, SubjectKind, Token};
use crate::oci::{Action, Actions, RepositoryName, Scope};
use crate::plugin::{Person, PluginName};

/// Where a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The client's address.
    pub address: IpAddr,
    /// The request's id.
    pub request: Arc<str>,
    /// The client's trace (W3C Trace Context), for plugins to send along.
    pub traceparent: Option<Arc<str>>,
}

/// A program that a federation rule lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// What it calls itself: its token's `sub`, or its certificate's name.
    pub name: Arc<str>,
    /// The rules that accept it.
    pub rules: Vec<Box<str>>,
    /// When what it showed is over.
    pub expires_at: Option<Timestamp>,
}

/// What somebody showed that ends by itself, and the rules that accepted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    /// The rules.
    pub(super) accepted: Vec<Accepted>,
    /// Whose it is, in the words of the issuer.
    pub(super) shown: Box<str>,
    /// When it ends.
    pub(super) expires_at: Option<Timestamp>,
}

/// Who is asking.
#[derive(Clone, Debug)]
pub(super) enum Who {
    /// Nobody in particular.
    Nobody,
    /// A person or a robot.
    Account(Arc<Account>),
    /// A program that is trusted without an account.
    Workload(Arc<Workload>),
    /// Whoever can write to the data directory.
    Machine,
}

/// Somebody who asks for something, with the rules in force at that moment.
#[derive(Clone, Debug)]
pub struct Principal {
    who: Who,
    subjects: Arc<[Subject]>,
    rules: Arc<Rules>,
    /// The token that they came with, or that the registry token was issued for.
    token: Option<Arc<Token>>,
    /// What made a workload, or an account, of them.
    lease: Option<Arc<Lease>>,
    /// What a registry token is limited to.
    scopes: Option<Arc<[Scope]>>,
    /// What plugins leave, of the repositories that they were asked about; nothing of others.
    narrowed: Option<Arc<BTreeMap<RepositoryName, Narrowed>>>,
    origin: Option<Origin>,
}

/// What plugins leave of what the rules allow.
#[derive(Clone, Debug, Default)]
pub(super) struct Narrowed {
    pub(super) actions: BTreeSet<Action>,
    /// Which plugin takes something away, and why.
    pub(super) by: Option<(PluginName, String)>,
}

/// What decided that something is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// A rule.
    Rule(Arc<Rule>),
    /// Being logged in is enough.
    Login,
    /// It is their own account.
    Own,
    /// They have the data directory.
    Machine,
}

impl Allowed {
    /// For the audit trail: `rule 7`.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Rule(rule) => format!("rule {}", rule.id),
            Self::Login => "logged in".into(),
            Self::Own => "own account".into(),
            Self::Machine => "the data directory".into(),
        }
    }
}

impl Principal {
    /// What is written down for nobody; no account can be called so.
    pub const ANONYMOUS: &str = "anonymous";
    /// What is written down for commands that work on the data directory.
    pub const MACHINE: &str = "command-line";

    pub(super) fn new(who: Who, rules: Arc<Rules>) -> Self {
        let mut subjects = Vec::new();
        match &who {
            Who::Nobody | Who::Machine => {}
            Who::Account(account) => {
                subjects.push(account.subject());
                subjects.extend(account.groups.iter().map(|group| Subject::group(group)));
                subjects.push(Subject::authenticated());
            }
            Who::Workload(workload) => {
                subjects.extend(workload.rules.iter().map(|rule| Subject::workload(rule)));
                subjects.push(Subject::authenticated());
            }
        }
        subjects.push(Subject::everyone());
        let subjects = subjects.into();
        Self {
            who,
            subjects,
            rules,
            token: None,
            lease: None,
            scopes: None,
            narrowed: None,
            origin: None,
        }
    }

    pub(super) fn with_token(self, token: Option<Arc<Token>>) -> Self {
        Self { token, ..self }
    }

    pub(super) fn with_lease(self, lease: Lease) -> Self {
        Self { lease: Some(Arc::new(lease)), ..self }
    }

    pub(super) fn lease(&self) -> Option<&Lease> {
        self.lease.as_deref()
    }

    pub(super) fn with_scopes(self, scopes: Arc<[Scope]>) -> Self {
        Self { scopes: Some(scopes), ..self }
    }

    pub(super) fn narrowed_to(self, narrowed: BTreeMap<RepositoryName, Narrowed>) -> Self {
        Self { narrowed: Some(Arc::new(narrowed)), ..self }
    }

    /// The same, whatever their registry token of the moment covers.
    pub(super) fn unscoped(self) -> Self {
        Self { scopes: None, ..self }
    }

    /// The same before plugins were asked.
    pub(super) fn unnarrowed(self) -> Self {
        Self { narrowed: None, ..self }
    }

    /// Whether it is whoever can write to the data directory.
    #[must_use]
    pub const fn is_machine(&self) -> bool {
        matches!(self.who, Who::Machine)
    }

    pub(super) fn coming_from(self, origin: &Origin) -> Self {
        Self { origin: Some(origin.clone()), ..self }
    }

    pub(super) fn with_rules(&self, rules: Arc<Rules>) -> Self {
        Self { rules, ..self.clone() }
    }

    pub(super) fn who(&self) -> &Who {
        &self.who
    }

    pub(super) fn token(&self) -> Option<&Arc<Token>> {
        self.token.as_ref()
    }

    pub(super) fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// Where they ask from.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// As plugins see them; nobody for whoever is not logged in.
    #[must_use]
    pub fn as_person(&self) -> Option<Person> {
        if self.is_anonymous() {
            return None;
        }
        let groups = self.subjects.iter().filter(|subject| subject.kind() == SubjectKind::Group);
        Some(Person {
            subject: self.actor(),
            issuer: "berth".into(),
            groups: groups.map(|group| group.name().to_owned()).collect(),
            attributes: BTreeMap::new(),
        })
    }

    /// Whom rules may be about when they ask.
    #[must_use]
    pub fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    /// Their account, if they have one.
    #[must_use]
    pub fn account(&self) -> Option<&Arc<Account>> {
        match &self.who {
            Who::Account(account) => Some(account),
            Who::Nobody | Who::Workload(_) | Who::Machine => None,
        }
    }

    /// The name to write down; `anonymous` for nobody.
    #[must_use]
    pub fn actor(&self) -> String {
        match &self.who {
            Who::Nobody => Self::ANONYMOUS.into(),
            Who::Machine => Self::MACHINE.into(),
            Who::Account(account) => match account.kind {
                crate::meta::AccountKind::User => account.name.to_string(),
                crate::meta::AccountKind::Robot => account.subject().to_string(),
            },
            Who::Workload(workload) => {
                let rule = workload.rules.first().map_or("", |rule| rule);
                format!("workload:{rule} ({})", workload.name)
            }
        }
    }

    /// Who does something, from where, and what allowed it; for the rows that tell of it.
    #[must_use]
    pub fn as_actor(&self, allowed: &Allowed) -> Actor {
        Actor {
            name: self.actor().into(),
            address: self.origin.as_ref().map(|origin| origin.address),
            request: self.origin.as_ref().map(|origin| Arc::clone(&origin.request)),
            rule: Some(self.label(allowed).into()),
        }
    }

    /// What allowed it, and through which token.
    fn label(&self, allowed: &Allowed) -> String {
        let allowed = allowed.label();
        match (&self.token, &self.lease, &self.who) {
            (Some(token), ..) => format!("{allowed}, token {}/{}", token.owner, token.name),
            (None, Some(lease), Who::Account(_)) => {
                let rule = lease.accepted.first().map_or("", |accepted| &accepted.rule);
                format!("{allowed}, workload:{rule} ({})", lease.shown)
            }
            _ => allowed,
        }
    }

    /// Whether they came with a registry token, which must not be a way to another one.
    #[must_use]
    pub const fn is_by_registry_token(&self) -> bool {
        self.scopes.is_some()
    }

    /// Whether nobody is logged in.
    #[must_use]
    pub const fn is_anonymous(&self) -> bool {
        matches!(self.who, Who::Nobody)
    }

    /// The one place that decides.
    pub fn decide(&self, need: &Need) -> Result<Allowed, Refusal> {
        if matches!(self.who, Who::Machine) {
            return Ok(Allowed::Machine);
        }
        let allowed = self.by_rules(need)?;
        if let Some(token) = &self.token
            && !token_covers(token, need)
        {
            return Err(self.denied(need, Because::Token(token.name.as_str().into())));
        }
        self.check_narrowed(need)?;
        match &self.scopes {
            Some(scopes) if !scopes_cover(scopes, need) => {
                Err(Refusal::InsufficientScope(need.clone()))
            }
            _ => Ok(allowed),
        }
    }

    /// Refuses what plugins have taken away.
    fn check_narrowed(&self, need: &Need) -> Result<(), Refusal> {
        let (Some(narrowed), Need::Repository(action, name)) = (&self.narrowed, need) else {
            return Ok(());
        };
        let because = match narrowed.get(name) {
            Some(left) if left.actions.contains(action) => return Ok(()),
            Some(Narrowed { by: Some((plugin, reason)), .. }) => {
                Because::Plugin(plugin.as_str().into(), reason.as_str().into())
            }
            _ => Because::NotAsked,
        };
        Err(self.denied(need, because))
    }

    fn by_rules(&self, need: &Need) -> Result<Allowed, Refusal> {
        let refused = |because| {
            if self.is_anonymous() {
                Refusal::Unauthenticated(need.clone())
            } else {
                self.denied(need, because)
            }
        };
        match need {
            Need::Repository(action, name) => {
                match self.rules.decide(&self.subjects, *action, name) {
                    Verdict::Allowed(rule) => Ok(Allowed::Rule(rule)),
                    Verdict::Denied(rule) => Err(refused(Because::Rule(rule))),
                    Verdict::NoRule => Err(refused(Because::NoRule)),
                }
            }
            Need::Pattern(pattern) => {
                let rule = self.rules.allow_on_all(&self.subjects, Action::Manage, pattern);
                rule.cloned().map(Allowed::Rule).ok_or_else(|| refused(Because::NoRule))
            }
            Need::Administer => {
                let rule = self.rules.administer(&self.subjects);
                rule.cloned().map(Allowed::Rule).ok_or_else(|| refused(Because::NotAdministrator))
            }
            // Without an account there is a list to see as soon as anything is public.
            Need::Catalog if self.is_anonymous() && self.rules.has_public() => Ok(Allowed::Login),
            Need::Catalog | Need::Login if !self.is_anonymous() => Ok(Allowed::Login),
            // What is good for minutes must not become a token that is good for ever.
            Need::OwnAccount if self.account().is_some() && self.lease.is_none() => {
                Ok(Allowed::Own)
            }
            Need::Catalog | Need::Login | Need::OwnAccount => Err(refused(Because::NoRule)),
        }
    }

    fn denied(&self, need: &Need, because: Because) -> Refusal {
        Refusal::Denied { actor: self.actor(), need: need.clone(), because }
    }

    /// Whether anybody may pull from a repository, logged in or not.
    #[must_use]
    pub fn is_public(&self, name: &RepositoryName) -> bool {
        let everyone = [Subject::everyone()];
        matches!(self.rules.decide(&everyone, Action::Pull, name), Verdict::Allowed(_))
    }

    /// All that they may do to a repository, as far as what they came with reaches.
    #[must_use]
    pub fn allowed_on(&self, name: &RepositoryName) -> Actions {
        Action::EACH
            .into_iter()
            .filter(|action| self.decide(&Need::Repository(*action, name.clone())).is_ok())
            .collect()
    }

    /// Which of the wanted scopes a token for them gets. What they may not do is left out; a scope of which nothing remains
    /// is left out whole.
    #[must_use]
    pub fn intersect(&self, wanted: &[Scope]) -> Vec<Scope> {
        let mut granted: Vec<Scope> = Vec::new();
        for scope in wanted {
            let actions: BTreeSet<Action> = match scope.kind.as_str() {
                // A name that no repository can have is granted nothing.
                "repository" => match scope.name.parse::<RepositoryName>() {
                    Ok(name) => share(expand(&scope.actions), self.allowed_on(&name)).into(),
                    Err(_) => BTreeSet::new(),
                },
                "registry" => match Need::of_registry(&scope.name) {
                    Some(need) if self.decide(&need).is_ok() => scope.actions.clone(),
                    _ => BTreeSet::new(),
                },
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
}

/// What a scope asks for, in the actions of rules. `*` is all that the token specification knows.
fn expand(actions: &BTreeSet<Action>) -> Actions {
    let each = |action: &Action| match action {
        Action::All => Actions::of(&[Action::Pull, Action::Push, Action::Delete]),
        one => Actions::of(&[*one]),
    };
    actions.iter().map(each).fold(Actions::NONE, Actions::union)
}

/// What a scope gets of what is allowed. Clients that sign ask for `push`, as other registries do not tell the two apart:
/// whoever may only sign gets that.
fn share(asked: Actions, allowed: Actions) -> Actions {
    let got = asked.intersection(allowed);
    if asked.has(Action::Push) && !allowed.has(Action::Push) {
        return got.union(allowed.intersection(Actions::of(&[Action::Sign])));
    }
    got
}

fn token_covers(token: &Token, need: &Need) -> bool {
    let limits = &token.limits;
    match need {
        Need::Repository(action, name) => {
            limits.allow(*action, name)
                || (*action == Action::Sign && limits.allow(Action::Push, name))
        }
        Need::Pattern(pattern) => limited_to(token, |limit| {
            limit.actions.has(Action::Manage) && limit.pattern.covers(pattern)
        }),
        // What is limited to some repositories administers no registry and makes no other token.
        Need::Administer | Need::OwnAccount => limits.is_unlimited(),
        Need::Catalog | Need::Login => true,
    }
}

fn limited_to(token: &Token, fits: impl Fn(&crate::meta::Limit) -> bool) -> bool {
    token.limits.is_unlimited() || token.limits.0.iter().any(fits)
}

fn scopes_cover(scopes: &[Scope], need: &Need) -> bool {
    let on_repository = |name: &str, action: Action| {
        scopes.iter().any(|scope| {
            let actions = expand(&scope.actions);
            let covered =
                actions.has(action) || (action == Action::Sign && actions.has(Action::Push));
            scope.kind == "repository" && scope.name == name && covered
        })
    };
    match need {
        Need::Login => true,
        Need::Repository(action, name) => on_repository(name.as_str(), *action),
        Need::Pattern(pattern) => on_repository(pattern.as_str(), Action::Manage),
        Need::Catalog | Need::Administer | Need::OwnAccount => scopes.iter().any(|scope| {
            scope.kind == "registry"
                && Need::of_registry(&scope.name).as_ref() == Some(need)
                && !scope.actions.is_empty()
        }),
    }
}
