//! Who somebody is, and what they may not do after all: authenticators and authorizers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use parking_lot::RwLock;

use super::admission::{Person, printable};
use super::binding::Fail;
use super::bindings::berth::plugin::types;
use super::bindings::exports::berth::plugin::{authenticator_hook, authorizer_hook};
use super::call::{Answered, CallContext};
use super::installed::Broken;
use super::loaded::Loaded;
use super::memo::Memo;
use super::plugins::{Active, Inner};
use super::{CallError, Hook, PluginName, Plugins};
use crate::clock::Clock;
use crate::oci::{Action, RepositoryName};
use crate::secret::Secret;

/// The longest that a login is remembered: a password that is changed elsewhere is good for that long.
const LONGEST_LOGIN: u32 = 300;

/// What somebody sends to say who they are.
#[derive(Clone, Debug)]
pub struct Credential {
    /// What it is.
    pub kind: CredentialKind,
    /// The user's name, of [`CredentialKind::Basic`].
    pub name: Option<String>,
    /// Password, token, or certificates in DER, each after its length.
    pub value: Secret<Vec<u8>>,
    /// What else is known.
    pub attributes: BTreeMap<String, String>,
}

/// Kinds of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// A name and a password.
    Basic,
    /// A token.
    Bearer,
    /// A client certificate.
    Mtls,
}

impl CredentialKind {
    /// Its name in `plugins/wit`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Bearer => "bearer",
            Self::Mtls => "mtls",
        }
    }
}

/// What came of asking who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identified {
    /// They are this one.
    As {
        /// Who.
        person: Person,
        /// Which plugin says so.
        plugin: PluginName,
    },
    /// No plugin knows them.
    Unknown,
    /// The credentials are wrong.
    Rejected {
        /// Which plugin says so.
        plugin: PluginName,
        /// For the log.
        reason: String,
    },
    /// A plugin has no answer. The next one is not asked: whoever makes one fail must not get past it.
    Unavailable {
        /// Which.
        plugin: PluginName,
        /// Why.
        error: CallError,
        /// When it makes sense to ask again.
        retry_after: Duration,
    },
}

/// What remains of what the rules allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Narrowed {
    /// What may be done.
    pub actions: BTreeSet<Action>,
    /// Why something else may not; for the client.
    pub reasons: Vec<(PluginName, String)>,
    /// A plugin that has no answer, and takes everything away therefore.
    pub unavailable: Option<(PluginName, CallError)>,
}

#[derive(Clone, Debug)]
enum Login {
    Accepted(Person),
    Pass,
    Rejected(String),
}

#[derive(Clone, Debug)]
struct Rights {
    actions: BTreeSet<String>,
    reason: Option<String>,
}

/// Who is asked, and what they have said before.
#[derive(Debug)]
pub(super) struct Identities {
    chains: RwLock<Arc<Chains>>,
    logins: Memo<Login>,
    rights: Memo<Rights>,
}

#[derive(Debug, Default)]
struct Chains {
    authenticators: Vec<Arc<Loaded>>,
    authorizers: Vec<Arc<Loaded>>,
    broken_authenticators: Vec<Arc<Broken>>,
    broken_authorizers: Vec<Arc<Broken>>,
}

impl Identities {
    pub(super) fn new(clock: Clock) -> Self {
        let rights = Memo::new(clock.clone());
        Self { chains: RwLock::default(), logins: Memo::new(clock), rights }
    }

    pub(super) fn set(&self, active: &Active) {
        let broken = |hook: Hook| {
            let having =
                active.broken.values().filter(|one| one.has(hook) && one.stops(hook, None));
            having.cloned().collect::<Vec<_>>()
        };
        let chain = |hook: Hook| {
            let mut chain: Vec<Arc<Loaded>> = active
                .plugins
                .values()
                .filter(|loaded| loaded.hooks.contains_key(&hook))
                .cloned()
                .collect();
            chain.sort_by_key(|loaded| {
                let order = loaded.bound(hook).map_or(0, |bound| bound.binding.order);
                (order, loaded.name.clone())
            });
            chain
        };
        *self.chains.write() = Arc::new(Chains {
            authenticators: chain(Hook::Authenticator),
            authorizers: chain(Hook::Authorizer),
            broken_authenticators: broken(Hook::Authenticator),
            broken_authorizers: broken(Hook::Authorizer),
        });
    }
}

impl Plugins {
    /// Whether any plugin knows who people are.
    #[must_use]
    pub fn authenticates(&self) -> bool {
        let chains = self.0.identities.chains.read();
        !chains.authenticators.is_empty() || !chains.broken_authenticators.is_empty()
    }

    /// Whether any plugin narrows rights.
    #[must_use]
    pub fn authorizes(&self) -> bool {
        let chains = self.0.identities.chains.read();
        !chains.authorizers.is_empty() || !chains.broken_authorizers.is_empty()
    }

    /// Asks who somebody is, one plugin after the other, until one knows.
    pub async fn authenticate(&self, context: &CallContext, credential: &Credential) -> Identified {
        let chains = Arc::clone(&self.0.identities.chains.read());
        if let Some(broken) = chains.broken_authenticators.first() {
            let (plugin, error) =
                (broken.name.clone(), CallError::NotInForce(broken.reason.clone()));
            let retry_after = error.retry_after();
            return Identified::Unavailable { plugin, error, retry_after };
        }
        for loaded in &chains.authenticators {
            let plugin = loaded.name.clone();
            match self.0.login(loaded, context, credential).await {
                Ok(Login::Accepted(person)) => return Identified::As { person, plugin },
                Ok(Login::Pass) => {}
                Ok(Login::Rejected(reason)) => return Identified::Rejected { plugin, reason },
                Err(error) => {
                    let retry_after = error.retry_after();
                    return Identified::Unavailable { plugin, error, retry_after };
                }
            }
        }
        Identified::Unknown
    }

    /// Asks what remains of what the rules allow somebody. No plugin can add anything.
    pub async fn authorize(
        &self,
        context: &CallContext,
        person: Option<&Person>,
        repository: &RepositoryName,
        allowed: &BTreeSet<Action>,
    ) -> Narrowed {
        let mut narrowed =
            Narrowed { actions: allowed.clone(), reasons: Vec::new(), unavailable: None };
        let chains = Arc::clone(&self.0.identities.chains.read());
        let stops = |one: &&Arc<Broken>| one.stops(Hook::Authorizer, Some(repository));
        if let Some(broken) = chains.broken_authorizers.iter().find(stops) {
            narrowed.actions.clear();
            let error = CallError::NotInForce(broken.reason.clone());
            narrowed.unavailable = Some((broken.name.clone(), error));
            return narrowed;
        }
        for loaded in &chains.authorizers {
            let Ok(bound) = loaded.bound(Hook::Authorizer) else { continue };
            if narrowed.actions.is_empty() || !bound.binding.covers(repository) {
                continue;
            }
            match self.0.rights(loaded, context, person, repository, &narrowed.actions).await {
                Ok(rights) => {
                    let before = narrowed.actions.len();
                    narrowed.actions.retain(|action| rights.actions.contains(&action.to_string()));
                    if narrowed.actions.len() < before
                        && let Some(reason) = rights.reason
                    {
                        narrowed.reasons.push((loaded.name.clone(), reason));
                    }
                }
                Err(_) if bound.fail == Fail::Open => {}
                Err(error) => {
                    narrowed.actions.clear();
                    narrowed.unavailable = Some((loaded.name.clone(), error));
                }
            }
        }
        narrowed
    }
}

impl Inner {
    async fn login(
        &self,
        loaded: &Arc<Loaded>,
        context: &CallContext,
        credential: &Credential,
    ) -> Result<Login, CallError> {
        let memo = &self.identities.logins;
        let number = loaded.number.to_le_bytes();
        let name = credential.name.as_deref().unwrap_or_default();
        let attributes = serde_json::to_vec(&credential.attributes).unwrap_or_default();
        let question = memo.question([
            &number[..],
            credential.kind.as_str().as_bytes(),
            name.as_bytes(),
            credential.value.expose(),
            &attributes,
        ]);
        if let Some(known) = memo.find(question) {
            return Ok(known);
        }
        let bound = loaded.bound(Hook::Authenticator)?;
        let (exports, lines) =
            (Arc::clone(&loaded.exports), context.to_wit(&bound.turnstile.limits));
        let asked = authenticator_hook::Credential {
            kind: credential.kind.as_str().to_owned(),
            name: credential.name.clone(),
            value: credential.value.expose().clone(),
            attributes: credential.attributes.clone().into_iter().collect(),
        };
        let plugin = loaded.name.clone();
        let (login, seconds) = self
            .caller
            .call(
                loaded,
                Hook::Authenticator,
                context,
                move |store, instance| {
                    async move {
                        let Some(authenticator) = &exports.authenticator else {
                            wasmtime::bail!("the hook is not exported")
                        };
                        let guest = authenticator.load(&mut *store, instance)?;
                        guest.call_authenticate(store, &lines, &asked).await
                            as Answered<authenticator_hook::Verdict>
                    }
                    .boxed()
                },
                move |verdict| read_login(verdict, &plugin),
            )
            .await?;
        memo.keep(question, login.clone(), seconds.min(LONGEST_LOGIN));
        Ok(login)
    }

    async fn rights(
        &self,
        loaded: &Arc<Loaded>,
        context: &CallContext,
        person: Option<&Person>,
        repository: &RepositoryName,
        actions: &BTreeSet<Action>,
    ) -> Result<Rights, CallError> {
        let memo = &self.identities.rights;
        let actions: Vec<String> = actions.iter().map(ToString::to_string).collect();
        let who = serde_json::to_vec(&person).unwrap_or_default();
        let (number, wanted) = (loaded.number.to_le_bytes(), actions.join(","));
        let question =
            memo.question([&number[..], &who, repository.as_str().as_bytes(), wanted.as_bytes()]);
        if let Some(known) = memo.find(question) {
            return Ok(known);
        }
        let bound = loaded.bound(Hook::Authorizer)?;
        let exports = Arc::clone(&loaded.exports);
        let asked = authorizer_hook::AuthorizationRequest {
            context: context.to_wit(&bound.turnstile.limits),
            principal: person.cloned().map(types::Principal::from),
            repository: repository.as_str().to_owned(),
            actions,
            attributes: Vec::new(),
        };
        let (rights, seconds) = self
            .caller
            .call(
                loaded,
                Hook::Authorizer,
                context,
                move |store, instance| {
                    async move {
                        let Some(authorizer) = &exports.authorizer else {
                            wasmtime::bail!("the hook is not exported")
                        };
                        let guest = authorizer.load(&mut *store, instance)?;
                        guest.call_authorize(store, &asked).await
                            as Answered<authorizer_hook::Authorization>
                    }
                    .boxed()
                },
                |rights| {
                    let reason = rights.reason.map(|reason| printable(reason, 500));
                    let actions = rights.actions.into_iter().collect();
                    Ok((Rights { actions, reason }, rights.cache_seconds))
                },
            )
            .await?;
        memo.keep(question, rights.clone(), seconds.min(LONGEST_LOGIN));
        Ok(rights)
    }
}

/// Reads a verdict. The issuer is the plugin, whatever it says: it cannot speak for Berth, nor for another one.
fn read_login(
    verdict: authenticator_hook::Verdict,
    plugin: &PluginName,
) -> Result<(Login, u32), CallError> {
    use authenticator_hook::Verdict;
    let accepted = match verdict {
        Verdict::Pass => return Ok((Login::Pass, 0)),
        Verdict::Rejected(reason) => return Ok((Login::Rejected(printable(reason, 500)), 0)),
        Verdict::Accepted(accepted) => accepted,
    };
    let principal = accepted.principal;
    let is_name =
        |text: &str| !text.is_empty() && text.len() <= 200 && !text.chars().any(char::is_control);
    if !is_name(&principal.subject) || !principal.groups.iter().all(|group| is_name(group)) {
        let what = "a subject or group is empty, longer than 200 bytes, or has control characters";
        return Err(CallError::Malformed(what.into()));
    }
    if principal.groups.len() > 500 {
        return Err(CallError::Malformed("it names more than 500 groups".into()));
    }
    let person = Person {
        subject: principal.subject,
        issuer: format!("plugin:{plugin}"),
        groups: principal.groups,
        attributes: principal.attributes.into_iter().take(50).collect(),
    };
    Ok((Login::Accepted(person), accepted.cache_seconds))
}
