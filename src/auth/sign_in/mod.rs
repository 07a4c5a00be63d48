//! People who sign in at a provider: authorization code with PKCE, and what the provider says of them.
//!
//! The browser keeps what belongs to its sign-in, sealed, in a cookie: `state`, `nonce` and the code verifier are good in that
//! browser alone, once, and for ten minutes.

mod github;
mod identity;
mod oidc;
mod setup;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::federation::{Flaw, Source};
use super::throttle::Attempt;
use super::{Auth, Error, Origin};
use crate::clock::Timestamp;
use crate::meta::{self, Account, ExternalAccount, Provider, ProviderKind};
use crate::remote::WebError;
use crate::secret::{Secret, random_text};
use identity::Said;
use setup::Setup;

pub(super) use setup::public_issuer;

/// How long somebody may take at the provider.
const PATIENCE: Duration = Duration::from_mins(10);

/// What the sealed cookie is, so that nothing else that is sealed opens as one.
const PLACE: &str = "cookie/sign-in";

/// A provider that people may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInChoice {
    /// Its name.
    pub name: String,
    /// What stands on its button.
    pub title: String,
    /// What kind it is, for an icon.
    pub kind: ProviderKind,
}

/// A sign-in that has begun.
#[derive(Debug)]
pub struct SignInStart {
    /// Where the browser goes.
    pub location: String,
    /// What it keeps meanwhile.
    pub cookie: Secret<String>,
}

/// What the browser brings back.
#[derive(Clone, Debug, Default)]
pub struct Callback {
    /// The code.
    pub code: Option<String>,
    /// What we sent along.
    pub state: Option<String>,
    /// Who says so (RFC 9207).
    pub iss: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
}

/// Somebody who has signed in.
#[derive(Debug)]
pub struct SignedInBy {
    /// Their account.
    pub account: Arc<Account>,
    /// Where they wanted to go: a path.
    pub return_to: String,
}

/// Why somebody is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// There is no such provider, or nobody may use it.
    #[error("nobody can sign in by `{0}`: ask an administrator of this registry")]
    Unknown(String),
    /// The browser has not begun here, or too long ago.
    #[error("this sign-in was not begun in this browser, or is too old: begin again")]
    NotBegun,
    /// The provider does not let them.
    #[error("{provider} did not let you in: {told}")]
    Refused {
        /// The provider.
        provider: String,
        /// In its words.
        told: String,
    },
    /// The provider cannot be spoken to.
    #[error("{provider} cannot be used now: {cause}")]
    Provider {
        /// The provider.
        provider: String,
        /// Why not.
        cause: WebError,
    },
    /// What it says proves nothing.
    #[error("what {provider} says of you cannot be believed: {flaw}")]
    Token {
        /// The provider.
        provider: String,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// It vouches for them, but that is not enough here.
    #[error("{0}")]
    NotAllowed(String),
    /// Another account has their name.
    #[error(
        "the name `{0}` belongs to another account: ask an administrator of this registry to rename or remove it"
    )]
    NameTaken(String),
    /// Nothing that the provider says can be the name of an account.
    #[error("`{0}` cannot be the name of an account here")]
    Name(String),
    /// An administrator has shut them out.
    #[error("your account is disabled: ask an administrator of this registry")]
    Disabled,
    /// Something else.
    #[error(transparent)]
    Auth(#[from] Error),
}

impl From<meta::Error> for SignInError {
    fn from(error: meta::Error) -> Self {
        Self::Auth(error.into())
    }
}

/// What a browser keeps of its sign-in.
#[derive(Serialize, Deserialize)]
struct Begun {
    provider: String,
    state: String,
    nonce: String,
    verifier: String,
    redirect_uri: String,
    return_to: String,
    at: Timestamp,
}

/// Whether text is the path of a page here, and leads nowhere else: browsers take `//host` and `/\host` for other hosts.
#[must_use]
pub fn is_own_path(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next() == Some(b'/')
        && !matches!(bytes.next(), Some(b'/' | b'\\'))
        && text.len() <= 1000
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>'))
}

impl Auth {
    /// Where people may sign in.
    pub async fn sign_in_choices(&self) -> Result<Vec<SignInChoice>, Error> {
        let trusted = self.trusted().await?;
        let open = trusted.providers().iter().filter(|provider| !provider.is_disabled);
        Ok(open
            .map(|provider| SignInChoice {
                name: provider.name.clone(),
                title: setup::title(provider),
                kind: provider.kind,
            })
            .collect())
    }

    async fn provider(&self, name: &str) -> Result<Provider, SignInError> {
        let trusted = self.trusted().await?;
        let found = trusted.providers().iter().find(|provider| provider.name == name);
        found
            .filter(|provider| !provider.is_disabled)
            .cloned()
            .ok_or_else(|| SignInError::Unknown(name.chars().take(100).collect()))
    }

    /// Begins a sign-in. `redirect_uri` is where the provider sends the browser back to.
    pub async fn start_sign_in(
        &self,
        provider: &str,
        redirect_uri: &str,
        return_to: &str,
    ) -> Result<SignInStart, SignInError> {
        let provider = self.provider(provider).await?;
        let begun = Begun {
            provider: provider.name.clone(),
            state: random_text(24),
            nonce: random_text(24),
            verifier: random_text(48),
            redirect_uri: redirect_uri.to_owned(),
            return_to: if is_own_path(return_to) { return_to.to_owned() } else { "/".into() },
            at: self.clock.now(),
        };
        let setup = Setup::of(&provider);
        let source = self.source(&provider, &setup)?;
        let endpoint = if provider.kind == ProviderKind::GitHub {
            format!("{}/login/oauth/authorize", setup.issuer)
        } else {
            oidc::endpoint(&source, "authorization_endpoint")
                .await
                .map_err(|cause| unusable(&provider, cause))?
        };
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(begun.verifier.as_bytes()));
        let scope = setup.scopes.join(" ");
        let mut query = vec![
            ("response_type", "code"),
            ("client_id", provider.settings.client_id.as_str()),
            ("redirect_uri", begun.redirect_uri.as_str()),
            ("scope", scope.as_str()),
            ("state", begun.state.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        if provider.kind != ProviderKind::GitHub {
            query.push(("nonce", begun.nonce.as_str()));
        }
        if let (ProviderKind::Google, [domain]) =
            (provider.kind, &provider.settings.allowed_domains[..])
        {
            query.push(("hd", domain.as_str()));
        }
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        let query = query.iter().map(|(key, value)| format!("{key}={}", encode(value)));
        let location = format!("{endpoint}{joint}{}", query.collect::<Vec<_>>().join("&"));
        let plain = serde_json::to_vec(&begun).expect("text is representable in JSON");
        let cookie = URL_SAFE_NO_PAD.encode(self.meta.seal(PLACE, &plain));
        Ok(SignInStart { location, cookie: Secret::new(cookie) })
    }

    fn begun(&self, cookie: &Secret<String>, provider: &str) -> Option<Begun> {
        let sealed = URL_SAFE_NO_PAD.decode(cookie.expose()).ok()?;
        let begun: Begun = serde_json::from_slice(&self.meta.open_sealed(PLACE, &sealed)?).ok()?;
        let is_young = self.clock.now().since(begun.at) < PATIENCE;
        (is_young && begun.provider == provider).then_some(begun)
    }

    /// Ends a sign-in: asks the provider who it was. Failures count, as wrong passwords do: each makes us ask the provider.
    pub async fn finish_sign_in(
        &self,
        provider: &str,
        cookie: &Secret<String>,
        callback: &Callback,
        origin: &Origin,
    ) -> Result<SignedInBy, SignInError> {
        let begun = self.begun(cookie, provider).ok_or(SignInError::NotBegun)?;
        let state = callback.state.clone().unwrap_or_default();
        if Secret::new(state) != Secret::new(begun.state.clone()) {
            return Err(SignInError::NotBegun);
        }
        let provider = self.provider(provider).await?;
        let setup = Setup::of(&provider);
        let source = self.source(&provider, &setup)?;
        self.check_iss(&provider, &setup, &source, callback).await?;
        if let Some(error) = &callback.error {
            let told = error.chars().filter(|c| !c.is_control()).take(100).collect();
            return Err(SignInError::Refused { provider: setup::title(&provider), told });
        }
        let code = callback.code.as_deref().ok_or(SignInError::NotBegun)?;
        let attempt = Attempt::nameless(origin.address);
        self.throttle.check(&attempt)?;
        let said = if provider.kind == ProviderKind::GitHub {
            github::ask(&source, &provider, &setup, &begun, code).await
        } else {
            oidc::ask(self, &source, &provider, &setup, &begun, code).await
        };
        if said.is_err() {
            self.throttle.failed(&attempt);
        }
        let account = self.take_in(&provider, &setup, said?).await?;
        Ok(SignedInBy { account, return_to: begun.return_to })
    }

    /// Whoever sends the browser back has to be the provider that it was sent to (RFC 9207): else one provider could have codes
    /// of another redeemed.
    async fn check_iss(
        &self,
        provider: &Provider,
        setup: &Setup,
        source: &Arc<Source>,
        callback: &Callback,
    ) -> Result<(), SignInError> {
        if provider.kind == ProviderKind::GitHub {
            return Ok(());
        }
        let discovery = source.discovery().await.map_err(|cause| unusable(provider, cause))?;
        let always = discovery["authorization_response_iss_parameter_supported"] == true;
        match &callback.iss {
            Some(iss) if *iss == setup.issuer => Ok(()),
            None if !always => Ok(()),
            _ => Err(untrue(provider, Flaw::Issuer)),
        }
    }

    fn source(&self, provider: &Provider, setup: &Setup) -> Result<Arc<Source>, SignInError> {
        self.keys.source(&setup.place(provider)).map_err(|cause| unusable(provider, cause))
    }

    /// The account of somebody whom a provider vouches for, if they may have one.
    async fn take_in(
        &self,
        provider: &Provider,
        setup: &Setup,
        said: Said,
    ) -> Result<Arc<Account>, SignInError> {
        identity::check_allowed(provider, &said).map_err(SignInError::NotAllowed)?;
        let name =
            identity::account_name(&said.name).ok_or(SignInError::Name(said.name.clone()))?;
        let external = ExternalAccount {
            provider: provider.name.clone(),
            // Another issuer under the same name may call somebody else so.
            external_id: format!("{} {}", setup.issuer, said.id),
            name: name.clone(),
            full_name: identity::plain(&said.full_name),
            email: identity::plain(&said.email),
            groups: identity::groups(provider, &said.groups),
        };
        let account = self.meta.take_in_account(external).await?;
        let account = account.ok_or(SignInError::NameTaken(name))?;
        if account.is_disabled { Err(SignInError::Disabled) } else { Ok(Arc::new(account)) }
    }
}

fn unusable(provider: &Provider, cause: WebError) -> SignInError {
    SignInError::Provider { provider: setup::title(provider), cause }
}

fn untrue(provider: &Provider, flaw: Flaw) -> SignInError {
    SignInError::Token { provider: setup::title(provider), flaw }
}

fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::is_own_path;

    #[test]
    fn a_way_back_leads_to_this_host_alone() {
        for good in ["/", "/device?user_code=BCDF-GHJK", "/a/b#c", "/login?return=%2F"] {
            assert!(is_own_path(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "//a.example",
            "/\\a.example",
            "https://a.example",
            "/a\\b",
            "/a b",
            "/a\r\nb",
            "/a\tb",
            "javascript:x",
            "/\"x",
        ] {
            assert!(!is_own_path(bad), "{bad}");
        }
    }
}
