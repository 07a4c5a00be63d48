//! Who is asking, and what may they do. Every decision about access is made in this room (I5).
//!
//! [`Auth::authenticate`] turns credentials into a [`Principal`] that carries the rules of the moment; [`Principal::decide`]
//! decides and makes the [`Grant`], without which no handle of a repository can be had.

mod administer;
mod audit;
mod browser;
mod by_plugin;
mod certificate;
mod certificate_facts;
mod credentials;
mod device;
mod error;
mod federation;
mod grant;
mod ldap;
mod need;
mod password;
mod principal;
mod rules;
mod secret_token;
mod sign_in;
mod throttle;
mod token;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

pub use administer::{
    AdminError, Administer, Explanation, FIRST_ADMINISTRATOR, Keep, Manage, NewSecret, Own,
    TokenWish, is_group_name, is_role_name,
};
pub use audit::{Audit, Refused};
pub use browser::{BrowserSession, SignedIn};
pub use certificate::{Certificate, InvalidCertificate};
pub use certificate_facts::CertificateFacts;
pub use credentials::Credentials;
pub use device::{DeviceAnswer, DeviceStart, read_user_code};
pub use error::Error;
pub use federation::{Claims, Flaw, Tried, TriedRule, Vouched};
pub use grant::{AdminGrant, CatalogGrant, Grant};
pub use ldap::{DirectoryKind, Step, Trial, is_directory_name};
pub use need::{Because, Need, Refusal};
pub use password::{MIN_PASSWORD, hash_password, is_account_name};
pub use principal::{Allowed, Origin, Principal, Workload};
pub use rules::{Rule, Rules, Span, Verdict};
pub use secret_token::TOKEN_PREFIX;
pub use sign_in::{Callback, SignInChoice, SignInError, SignInStart, SignedInBy, is_own_path};
pub use token::{Issued, SERVICE, new_signing_key};

use by_plugin::TakenIn;
use federation::{Accepted, KeyStore, Trusted, claimed_issuer, looks_like_jwt};
use ldap::{Directories, Freshness, Standing};
use password::Passwords;
use principal::{Lease, Who};
use secret_token::{looks_like_token, token_hash};
use throttle::{Attempt, Throttle};
use token::{Holder, Tokens, Verified};

use crate::clock::{Clock, Timestamp};
use crate::config;
use crate::meta::{Account, AccountKind, Actor, Meta, RefreshToken, Token};
use crate::oci::{Action, Algorithm, RepositoryName, Scope};
use crate::plugin::{CredentialKind, Plugins};
use crate::secret::{Secret, random_text};

/// Authentication and authorization; clones share their caches.
#[derive(Clone, Debug)]
pub struct Auth {
    meta: Meta,
    clock: Clock,
    config: config::Auth,
    passwords: Arc<Passwords>,
    directories: Arc<Directories>,
    tokens: Arc<Tokens>,
    throttle: Arc<Throttle>,
    rules: Arc<RulesInForce>,
    trusted: Arc<TrustInForce>,
    keys: Arc<KeyStore>,
    used: Arc<Mutex<HashMap<i64, (Timestamp, IpAddr)>>>,
    plugins: Plugins,
    taken_in: Arc<TakenIn>,
    /// Refused requests on their way into the audit trail.
    pub audit: Audit,
}

/// The rules as they were last read, and the right to read them again.
#[derive(Debug, Default)]
struct RulesInForce {
    current: Mutex<Option<Arc<Rules>>>,
    reading: tokio::sync::Mutex<()>,
}

/// What is trusted, as it was last read, and the right to read it again.
#[derive(Debug, Default)]
struct TrustInForce {
    current: Mutex<Option<Arc<Trusted>>>,
    reading: tokio::sync::Mutex<()>,
}

impl Auth {
    /// Loads the signing keys, and makes the first one when there is none.
    pub async fn open(
        meta: Meta,
        clock: Clock,
        config: config::Auth,
        plugins: Plugins,
    ) -> Result<Self, Error> {
        let tokens = Tokens::open(meta.clone(), clock.clone(), config.token_lifetime.get()).await?;
        let throttle = Throttle::new(clock.clone(), &config);
        meta.reseal_secrets().await?;
        Ok(Self {
            audit: Audit::new(meta.clone()),
            keys: Arc::new(KeyStore::new(clock.clone())),
            directories: Arc::new(Directories::new(meta.clone(), clock.clone())),
            meta,
            clock,
            config,
            passwords: Arc::new(Passwords::new()),
            tokens: Arc::new(tokens),
            throttle: Arc::new(throttle),
            rules: Arc::default(),
            trusted: Arc::default(),
            used: Arc::default(),
            plugins,
            taken_in: Arc::default(),
        })
    }

    /// The rules in force. A change that was acknowledged is in them.
    pub async fn rules(&self) -> Result<Arc<Rules>, Error> {
        let current = || {
            let epoch = self.meta.rules_epoch();
            let current = self.rules.current.lock().unwrap_or_else(PoisonError::into_inner);
            current.as_ref().filter(|rules| rules.epoch() == epoch).map(Arc::clone)
        };
        if let Some(rules) = current() {
            return Ok(rules);
        }
        // Many requests may notice a change at once; one of them reads.
        let _reading = self.rules.reading.lock().await;
        if let Some(rules) = current() {
            return Ok(rules);
        }
        let (epoch, bindings) = self.meta.load_rules().await?;
        let put_in_order = move || Arc::new(Rules::new(epoch, bindings));
        let rules = tokio::task::spawn_blocking(put_in_order)
            .await
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        *self.rules.current.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Arc::clone(&rules));
        Ok(rules)
    }

    /// What is trusted. A change that was acknowledged is in it.
    async fn trusted(&self) -> Result<Arc<Trusted>, Error> {
        let current = || {
            let epoch = self.meta.trust_epoch();
            let current = self.trusted.current.lock().unwrap_or_else(PoisonError::into_inner);
            current.as_ref().filter(|trusted| trusted.epoch() == epoch).map(Arc::clone)
        };
        if let Some(trusted) = current() {
            return Ok(trusted);
        }
        let _reading = self.trusted.reading.lock().await;
        if let Some(trusted) = current() {
            return Ok(trusted);
        }
        let trusted = Arc::new(Trusted::new(self.meta.load_trust().await?));
        *self.trusted.current.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Arc::clone(&trusted));
        Ok(trusted)
    }

    /// Who sends this request.
    ///
    /// # Errors
    /// [`Error::Credentials`] or [`Error::Token`] for wrong ones, which are never treated as none; [`Error::Throttled`]
    /// after too many.
    pub async fn authenticate(
        &self,
        credentials: &Credentials,
        origin: &Origin,
    ) -> Result<Principal, Error> {
        let principal = match credentials {
            Credentials::None => self.anonymous().await?,
            Credentials::Malformed => return Err(Error::Credentials),
            Credentials::Certificate(certificate) => {
                self.by_certificate(certificate, origin).await?
            }
            Credentials::Basic { password, .. } if looks_like_token(password.expose()) => {
                self.by_token(password, origin).await?
            }
            Credentials::Basic { password, .. } if looks_like_jwt(password.expose()) => {
                self.by_foreign_token(password, origin).await?
            }
            Credentials::Basic { name, password } => {
                let account = self.login(name, password, origin).await?;
                Principal::new(Who::Account(account), self.rules().await?)
            }
            Credentials::Bearer(token) if looks_like_token(token.expose()) => {
                self.by_token(token, origin).await?
            }
            Credentials::Bearer(token) => self.by_bearer(token, origin).await?,
        };
        Ok(principal.coming_from(origin))
    }

    /// Whose a token is that is none for programs: one of ours, of an issuer that is trusted, or one that a plugin knows.
    async fn by_bearer(&self, token: &Secret<String>, origin: &Origin) -> Result<Principal, Error> {
        let claimed = claimed_issuer(token.expose());
        let is_ours = claimed.as_deref() == Some(SERVICE);
        let is_foreign = match &claimed {
            Some(issuer) if !is_ours => self.trusted().await?.issuer_at(issuer).is_some(),
            _ => false,
        };
        if !is_ours && !is_foreign {
            let value = token.expose().clone().into_bytes();
            let found = self.nameless_by_plugin(CredentialKind::Bearer, value, origin).await?;
            if let Some(principal) = found {
                return Ok(principal);
            }
        }
        if claimed.is_some() && !is_ours {
            self.by_foreign_token(token, origin).await
        } else {
            self.by_registry_token(token, origin).await
        }
    }

    /// The same principal under the rules of now, after a change of theirs.
    pub async fn renewed(&self, principal: &Principal) -> Result<Principal, Error> {
        Ok(principal.with_rules(self.rules().await?))
    }

    /// Nobody in particular.
    async fn anonymous(&self) -> Result<Principal, Error> {
        Ok(Principal::new(Who::Nobody, self.rules().await?))
    }

    /// The right to do something to a repository for a task of Berth's own, under whose name it is written down.
    pub async fn grant_to_berth(
        &self,
        action: Action,
        repository: RepositoryName,
        task: &str,
    ) -> Result<Grant, Error> {
        let grant = self.machine().await?.grant(action, repository)?;
        Ok(grant.by_task(task))
    }

    /// Whoever can write to the data directory: they may do everything. Never made for what comes over the network.
    pub async fn machine(&self) -> Result<Principal, Error> {
        Ok(Principal::new(Who::Machine, self.rules().await?))
    }

    /// An account that may log in, and that its directory still vouches for if it has one.
    async fn enabled(&self, name: &str) -> Result<Option<Arc<Account>>, Error> {
        let Some(account) = self.meta.find_account(name).await? else { return Ok(None) };
        if account.is_disabled {
            return Ok(None);
        }
        self.check_vouched_for(&account).await?;
        if account.directory().is_none() {
            return Ok(Some(account));
        }
        match self.directories.standing(&account, Freshness::Remembered).await? {
            // Its groups may be others now.
            Standing::Good => self.meta.find_account(name).await.map_err(Into::into),
            Standing::Gone => Ok(None),
        }
    }

    /// Refuses accounts of a provider that is shut, or that has not vouched for them for longer than it may take.
    async fn check_vouched_for(&self, account: &Account) -> Result<(), Error> {
        let Some(name) = &account.provider else { return Ok(()) };
        self.check_plugin_vouches(account)?;
        let trusted = self.trusted().await?;
        let Some(provider) = trusted.providers().iter().find(|known| *known.name == **name) else {
            return Ok(());
        };
        let since = account.last_login_at.map(|last| self.clock.now().since(last));
        let is_stale = provider.settings.sign_in_every.is_some_and(|millis| {
            since.is_none_or(|since| since > std::time::Duration::from_millis(millis))
        });
        if provider.is_disabled || is_stale { Err(Error::Stale((**name).into())) } else { Ok(()) }
    }

    /// The account that a name and a password belong to, here or in a directory.
    pub async fn login(
        &self,
        name: &str,
        password: &Secret<String>,
        origin: &Origin,
    ) -> Result<Arc<Account>, Error> {
        let account = self.meta.find_account(name).await?;
        let asked = self.directories.asked_about(account.as_deref()).await?;
        // First, so that somebody whom a plugin knows never counts as a wrong guess at a directory.
        let by_plugin = self.password_by_plugin(account.as_deref(), name, password, origin);
        if let Some(account) = by_plugin.await? {
            return Ok(account);
        }
        if !asked.is_empty() {
            return self.login_by_directory(asked, name, password, origin).await;
        }
        let account = account.filter(|account| !account.is_disabled);
        // An unknown user takes as long as a wrong password.
        let hash = account.as_ref().and_then(|account| account.password_hash.as_ref());
        if self.passwords.is_known_good(name, password, hash) {
            return account.ok_or(Error::Credentials);
        }
        let attempt = Attempt::of(name, origin.address);
        self.throttle.check(&attempt)?;
        let turn = self.passwords.turn().await;
        // Others may have failed while this one waited.
        self.throttle.check(&attempt)?;
        let throttle = Arc::clone(&self.throttle);
        let failed = move || throttle.failed(&attempt);
        let good = self.passwords.verify(turn, name, password, hash, failed).await;
        let account = account.filter(|_| good).ok_or(Error::Credentials)?;
        self.meta.note_login(&account);
        Ok(account)
    }

    /// Whose a token for programs is. A good one is let in whatever others from its address get wrong: nobody guesses 178
    /// bits.
    async fn by_token(&self, text: &Secret<String>, origin: &Origin) -> Result<Principal, Error> {
        let now = self.clock.now();
        let found = match token_hash(text) {
            Some(hash) => self.meta.find_token_by_secret(&hash).await?,
            None => None,
        };
        let live = found.filter(|secret| {
            !secret.token.is_over(now) && secret.expires_at.is_none_or(|end| end > now)
        });
        let Some(secret) = live else {
            self.failed_guess(origin)?;
            return Err(Error::Credentials);
        };
        let token = Arc::new(secret.token.clone());
        self.as_token(token, origin).await
    }

    /// Counts something that was no good, unless the address has failed too often already.
    fn failed_guess(&self, origin: &Origin) -> Result<(), Error> {
        let attempt = Attempt::nameless(origin.address);
        self.throttle.check(&attempt)?;
        self.throttle.failed(&attempt);
        Ok(())
    }

    async fn as_token(&self, token: Arc<Token>, origin: &Origin) -> Result<Principal, Error> {
        if !token.is_welcome_from(origin.address) {
            return Err(Error::Address);
        }
        let account = self.enabled(&token.owner).await?.ok_or(Error::Token)?;
        self.note_use(&token, origin);
        let principal = Principal::new(Who::Account(account), self.rules().await?);
        Ok(principal.with_token(Some(token)))
    }

    fn note_use(&self, token: &Token, origin: &Origin) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.insert(token.id, (self.clock.now(), origin.address));
    }

    /// Whose a registry token is. It is good for no longer than what was shown for it.
    async fn by_registry_token(
        &self,
        text: &Secret<String>,
        origin: &Origin,
    ) -> Result<Principal, Error> {
        let Verified { holder, scopes, .. } = self.tokens.verify(text).await?;
        let principal = match holder.as_deref() {
            None => self.anonymous().await?,
            Some(Holder::Account { subject, login, token, accepted }) => {
                let account = self.enabled(subject.name()).await?;
                let account = account
                    .filter(|account| *account.login == **login && account.subject() == *subject)
                    .ok_or(Error::Token)?;
                match (token, accepted) {
                    (Some(id), _) => {
                        let token = self.live_token(*id).await?.ok_or(Error::Token)?;
                        self.as_token(token, origin).await?
                    }
                    (None, Some(accepted)) => {
                        let lease = self.lease(std::slice::from_ref(accepted)).await?;
                        self.as_account(subject, lease).await?.ok_or(Error::Token)?
                    }
                    (None, None) => Principal::new(Who::Account(account), self.rules().await?),
                }
            }
            Some(Holder::Workload { name, rules }) => {
                let lease = self.lease(rules).await?;
                let workload = Workload {
                    name: name.as_str().into(),
                    rules: rules.iter().map(|accepted| accepted.rule.clone()).collect(),
                    expires_at: None,
                };
                let who = Who::Workload(Arc::new(workload));
                Principal::new(who, self.rules().await?).with_lease(lease)
            }
        };
        Ok(principal.with_scopes(scopes))
    }

    /// What a registry token was issued for, if the rules that accepted it still say the same. When it ends, the registry
    /// token has ended.
    async fn lease(&self, accepted: &[Accepted]) -> Result<Lease, Error> {
        let trusted = self.trusted().await?;
        if accepted.is_empty() || !accepted.iter().all(|accepted| trusted.is_in_force(accepted)) {
            return Err(Error::Token);
        }
        let (accepted, shown) = (accepted.to_vec(), "by a registry token".into());
        Ok(Lease { accepted, shown, expires_at: None })
    }

    async fn live_token(&self, id: i64) -> Result<Option<Arc<Token>>, Error> {
        let now = self.clock.now();
        Ok(self.meta.find_token(id).await?.filter(|token| !token.is_over(now)))
    }

    /// Writes down when tokens were last used; the worker does so every few seconds.
    pub fn flush_token_uses(&self) {
        let used = {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *used)
        };
        if !used.is_empty() {
            let used = used.into_iter().map(|(id, (at, from))| (id, at, from)).collect();
            self.meta.note_token_use(used);
        }
    }

    /// A registry token for `principal` with those of the wanted scopes that it may have. Asking for more is no error.
    ///
    /// # Errors
    /// [`Error::Token`] for a principal that came with a registry token itself: five minutes must not become for ever.
    pub async fn issue(&self, principal: &Principal, wanted: &[Scope]) -> Result<Issued, Error> {
        if principal.is_by_registry_token() {
            return Err(Error::Token);
        }
        let names: Vec<_> = wanted.iter().filter_map(|scope| scope.name.parse().ok()).collect();
        let principal = &self.narrow(principal.clone(), &names).await?;
        let (token, lease) = (principal.token(), principal.lease());
        let (holder, until) = match principal.who() {
            Who::Account(account) => {
                let holder = Holder::Account {
                    subject: account.subject(),
                    login: account.login.to_string(),
                    token: token.map(|token| token.id),
                    accepted: lease.and_then(|lease| lease.accepted.first().cloned()),
                };
                let until = match lease {
                    Some(lease) => lease.expires_at,
                    None => token.and_then(|token| token.expires_at),
                };
                (Some(holder), until)
            }
            Who::Workload(workload) => {
                let holder = Holder::Workload {
                    name: workload.name.to_string(),
                    rules: lease.map(|lease| lease.accepted.clone()).unwrap_or_default(),
                };
                (Some(holder), workload.expires_at)
            }
            Who::Nobody | Who::Machine => (None, None),
        };
        let subject = if holder.is_some() { principal.actor() } else { String::new() };
        self.tokens.issue(holder, subject, until, principal.intersect(wanted)).await
    }

    /// A new refresh token for a principal that proved who it is by a password or a token. `None` for those that have no
    /// account: what they show is short-lived, and so is what they get for it.
    pub async fn issue_refresh(
        &self,
        principal: &Principal,
        client: &str,
    ) -> Result<Option<Secret<String>>, Error> {
        if principal.is_by_registry_token() {
            return Err(Error::Token);
        }
        if principal.lease().is_some() {
            return Ok(None);
        }
        let Some(account) = principal.account() else { return Ok(None) };
        // A plugin is asked for the password again, as it may know by then that somebody has left.
        if by_plugin::voucher(account).is_some() && principal.token().is_none() {
            return Ok(None);
        }
        let text = random_text(32);
        let end = self.clock.now() + self.config.refresh_lifetime.get();
        let token = principal.token();
        let row = RefreshToken {
            hash: Algorithm::Sha256.digest(text.as_bytes()),
            user_id: account.id,
            token_id: token.map(|token| token.id),
            client: client.chars().take(100).collect(),
            expires_at: token.and_then(|token| token.expires_at).map_or(end, |over| over.min(end)),
        };
        self.meta.add_refresh_token(row).await?;
        Ok(Some(Secret::new(text)))
    }

    /// Who a refresh token belongs to.
    pub async fn refresh(
        &self,
        text: &Secret<String>,
        origin: &Origin,
    ) -> Result<Principal, Error> {
        let hash = Algorithm::Sha256.digest(text.expose().as_bytes());
        if let Some(row) = self.meta.find_refresh_token(&hash).await? {
            if let Some(id) = row.token_id {
                if let Some(token) = self.live_token(id).await? {
                    return Ok(self.as_token(token, origin).await?.coming_from(origin));
                }
            } else if let Some(account) = self.meta.find_account_by_id(row.user_id).await?
                && !account.is_disabled
            {
                self.check_vouched_for(&account).await?;
                let standing = self.directories.standing(&account, Freshness::Now).await?;
                if standing == Standing::Gone {
                    return Err(Error::Credentials);
                }
                let principal =
                    Principal::new(Who::Account(Arc::new(account)), self.rules().await?);
                return Ok(principal.coming_from(origin));
            }
        }
        self.failed_guess(origin)?;
        Err(Error::Credentials)
    }

    /// The public keys that verify registry tokens, as a JSON Web Key Set (RFC 7517).
    pub async fn jwks(&self) -> Result<serde_json::Value, Error> {
        self.tokens.jwks().await
    }

    /// Signs with a new key from now on; tokens under the old one stay good until they end.
    pub async fn rotate_key(&self, by: &Actor) -> Result<String, Error> {
        self.tokens.rotate(by).await
    }

    /// As somebody else would be seen, for explanations: an account, or a subject without one.
    async fn principal_of(
        &self,
        subject: &crate::meta::Subject,
    ) -> Result<Option<Principal>, Error> {
        use crate::meta::SubjectKind as Kind;
        let rules = self.rules().await?;
        Ok(match subject.kind() {
            Kind::User | Kind::Robot => {
                let kind = if subject.kind() == Kind::User {
                    AccountKind::User
                } else {
                    AccountKind::Robot
                };
                let account = self.meta.find_account(subject.name()).await?;
                account
                    .filter(|account| account.kind == kind)
                    .map(|account| Principal::new(Who::Account(account), rules))
            }
            Kind::Workload => {
                let workload = Workload {
                    name: subject.name().into(),
                    rules: vec![subject.name().into()],
                    expires_at: None,
                };
                Some(Principal::new(Who::Workload(Arc::new(workload)), rules))
            }
            Kind::Everyone => Some(Principal::new(Who::Nobody, rules)),
            Kind::Group | Kind::Authenticated => None,
        })
    }
}
