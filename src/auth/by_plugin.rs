//! Who plugins say that somebody is, and what plugins leave of what the rules allow.
//!
//! Somebody whom a plugin knows gets an account here, as those have whom a sign-in provider knows: rules can be about them and
//! about their groups, which are called `PLUGIN/GROUP`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::principal::{Narrowed, Who};
use super::throttle::Attempt;
use super::{Auth, Error, Origin, Principal, is_account_name};
use crate::clock::Timestamp;
use crate::meta::{Account, ExternalAccount, Subject};
use crate::oci::{Action, RepositoryName};
use crate::plugin::{
    CallContext, Credential, CredentialKind, Hook, Identified, Person, PluginName,
};
use crate::secret::Secret;

/// What stands before the plugin's name where an account says who vouches for it.
const PROVIDER: &str = "plugin:";

/// How long an account is taken as it was written down last.
const WRITTEN_EVERY: Duration = Duration::from_mins(5);

/// People who were written down a short time ago.
#[derive(Debug, Default)]
pub(super) struct TakenIn(Mutex<HashMap<(PluginName, String), Taken>>);

#[derive(Clone, Debug)]
struct Taken {
    person: Person,
    account: Arc<str>,
    at: Timestamp,
}

/// The plugin that vouches for an account.
pub(super) fn voucher(account: &Account) -> Option<&str> {
    account.provider.as_deref()?.strip_prefix(PROVIDER)
}

fn context(origin: &Origin) -> CallContext {
    let mut context = CallContext::new(Arc::clone(&origin.request));
    context.traceparent = origin.traceparent.as_deref().map(str::to_owned);
    context.attributes.insert("client.address".into(), origin.address.to_string());
    context
}

fn no_answer(plugin: &PluginName, error: impl ToString, retry_after: Duration) -> Error {
    Error::Plugin { plugin: plugin.as_str().into(), cause: error.to_string(), retry_after }
}

impl Auth {
    /// Whether plugins may be asked for the password of a name: nobody here and no directory has it.
    pub(super) async fn password_by_plugin(
        &self,
        account: Option<&Account>,
        name: &str,
        password: &Secret<String>,
        origin: &Origin,
    ) -> Result<Option<Arc<Account>>, Error> {
        if !self.plugins.authenticates()
            || account.is_some_and(|account| voucher(account).is_none())
        {
            return Ok(None);
        }
        let attempt = Attempt::of(name, origin.address);
        let value = password.expose().clone().into_bytes();
        self.by_plugin(CredentialKind::Basic, Some(name), value, &attempt, origin).await
    }

    /// Whose a token is that nobody here knows, or a certificate that no rule accepts.
    pub(super) async fn nameless_by_plugin(
        &self,
        kind: CredentialKind,
        value: Vec<u8>,
        origin: &Origin,
    ) -> Result<Option<Principal>, Error> {
        if !self.plugins.authenticates() {
            return Ok(None);
        }
        let attempt = Attempt::nameless(origin.address);
        match self.by_plugin(kind, None, value, &attempt, origin).await? {
            Some(account) => Ok(Some(Principal::new(Who::Account(account), self.rules().await?))),
            None => Ok(None),
        }
    }

    async fn by_plugin(
        &self,
        kind: CredentialKind,
        name: Option<&str>,
        value: Vec<u8>,
        attempt: &Attempt,
        origin: &Origin,
    ) -> Result<Option<Arc<Account>>, Error> {
        self.throttle.check(attempt)?;
        let credential = Credential {
            kind,
            name: name.map(str::to_owned),
            value: Secret::new(value),
            attributes: BTreeMap::new(),
        };
        match self.plugins.authenticate(&context(origin), &credential).await {
            Identified::As { person, plugin } => Ok(Some(self.take_in_by(&plugin, person).await?)),
            Identified::Unknown => Ok(None),
            Identified::Rejected { plugin, reason } => {
                tracing::info!(plugin.name = %plugin, "{plugin} does not let somebody in: {reason}");
                self.throttle.failed(attempt);
                Err(Error::Credentials)
            }
            Identified::Unavailable { plugin, error, retry_after } => {
                Err(no_answer(&plugin, error, retry_after))
            }
        }
    }

    /// The account of somebody whom a plugin knows; made when they come for the first time.
    async fn take_in_by(&self, plugin: &PluginName, person: Person) -> Result<Arc<Account>, Error> {
        let now = self.clock.now();
        let key = (plugin.clone(), person.subject.clone());
        let known = {
            let taken = self.taken_in.0.lock().unwrap_or_else(PoisonError::into_inner);
            taken.get(&key).cloned()
        };
        if let Some(known) = known
            && known.person == person
            && now.since(known.at) < WRITTEN_EVERY
            && let Some(account) = self.meta.find_account(&known.account).await?
            && voucher(&account) == Some(plugin.as_str())
            && !account.is_disabled
        {
            return Ok(account);
        }
        if !is_account_name(&person.subject) {
            let subject = &person.subject;
            tracing::warn!(plugin.name = %plugin, "{plugin} calls somebody `{subject}`, which cannot be an account's name");
            return Err(Error::Credentials);
        }
        let attribute = |name: &str| person.attributes.get(name).cloned().unwrap_or_default();
        let external = ExternalAccount {
            provider: format!("{PROVIDER}{plugin}"),
            external_id: person.subject.clone(),
            name: person.subject.clone(),
            full_name: attribute("name"),
            email: attribute("email"),
            groups: groups(plugin, &person.groups),
        };
        let Some(account) = self.meta.take_in_account(external).await? else {
            let subject = &person.subject;
            tracing::warn!(plugin.name = %plugin, "{plugin} knows a `{subject}`, and here somebody else has that name");
            return Err(Error::Credentials);
        };
        if account.is_disabled {
            return Err(Error::Credentials);
        }
        let account = Arc::new(account);
        let taken = Taken { person, account: Arc::clone(&account.name), at: now };
        let mut all = self.taken_in.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, taken| now.since(taken.at) < WRITTEN_EVERY);
        all.insert(key, taken);
        Ok(account)
    }

    /// Refuses accounts of plugins that are not in force any more.
    pub(super) fn check_plugin_vouches(&self, account: &Account) -> Result<(), Error> {
        let Some(plugin) = voucher(account) else { return Ok(()) };
        let in_force = self.plugins.with_hook(Hook::Authenticator);
        if in_force.iter().any(|known| known.as_str() == plugin) {
            return Ok(());
        }
        Err(Error::Stale(format!("the plugin {plugin}").into()))
    }

    /// The principal as plugins narrow it for some repositories; it has no right at all to others.
    pub async fn narrow(
        &self,
        principal: Principal,
        names: &[RepositoryName],
    ) -> Result<Principal, Error> {
        if !self.plugins.authorizes() || principal.is_machine() {
            return Ok(principal);
        }
        let principal = principal.unnarrowed();
        let context = match principal.origin() {
            Some(origin) => context(origin),
            None => CallContext::new("internal"),
        };
        let person = principal.as_person();
        let mut narrowed = BTreeMap::new();
        for name in names {
            let allowed: BTreeSet<Action> = principal.allowed_on(name).into();
            if allowed.is_empty() {
                narrowed.insert(name.clone(), Narrowed::default());
                continue;
            }
            let answer = self.plugins.authorize(&context, person.as_ref(), name, &allowed).await;
            if let Some((plugin, error)) = answer.unavailable {
                let retry_after = error.retry_after();
                return Err(no_answer(&plugin, error, retry_after));
            }
            let by = answer.reasons.into_iter().next();
            narrowed.insert(name.clone(), Narrowed { actions: answer.actions, by });
        }
        Ok(principal.narrowed_to(narrowed))
    }
}

/// What a plugin's groups are called here.
fn groups(plugin: &PluginName, said: &[String]) -> Vec<String> {
    let name = |group: &String| format!("{plugin}/{}", group.trim_start_matches('/'));
    let is_name =
        |name: &String| !name.ends_with('/') && format!("group:{name}").parse::<Subject>().is_ok();
    let ours: BTreeSet<String> = said.iter().map(name).filter(is_name).collect();
    ours.into_iter().collect()
}
