//! The bearer-challenge dance: ask, be refused with a challenge, fetch a token, ask again with it.
//!
//! Credentials go to the registry itself and to the token server that it names, and to nobody else: redirects are
//! followed without them (see `wire`).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::Url;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::challenge::Challenge;
use super::error::{Complaint, Error};
use super::registry::Registry;
use super::wire::{Call, Wire};
use crate::oci::Scope;
use crate::secret::Secret;

/// How we prove who we are to a registry.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A name and a password, or a token that takes the password's place.
    Password {
        /// Who.
        username: String,
        /// What proves it.
        password: Secret<String>,
    },
    /// A refresh token: what Docker's configuration calls `identitytoken`.
    IdentityToken(Secret<String>),
    /// A bearer token that the registry takes as it is: `registrytoken`.
    RegistryToken(Secret<String>),
}

/// Finds the `Authorization` header for a request, and remembers tokens for as long as they live.
#[derive(Debug)]
pub(super) struct Authorizer {
    registry: Registry,
    credentials: Option<Credentials>,
    /// Held while a token is fetched, so that four blobs that start at once fetch one token and not four.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    challenge: Option<Challenge>,
    tokens: HashMap<String, Token>,
    /// Scopes that a challenge named beyond those that we thought of, by what we thought of.
    also: HashMap<String, String>,
}

#[derive(Debug)]
struct Token {
    header: HeaderValue,
    good_until: Instant,
}

/// A token server's answer; the two names of the token come from two specifications.
#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl Authorizer {
    pub(super) fn new(registry: Registry, credentials: Option<Credentials>) -> Self {
        Self { registry, credentials, state: Mutex::default() }
    }

    pub(super) fn is_anonymous(&self) -> bool {
        self.credentials.is_none()
    }

    /// The header for a request that needs `scopes`; `None` before the registry has asked for one.
    pub(super) async fn header(
        &self,
        wire: &Wire,
        scopes: &[Scope],
    ) -> Result<Option<HeaderValue>, Error> {
        let mut state = self.state.lock().await;
        match (state.challenge.clone(), &self.credentials) {
            (None, _) | (Some(Challenge::Basic), None) => Ok(None),
            (_, Some(Credentials::RegistryToken(token))) => {
                Ok(Some(sensitive(&format!("Bearer {}", token.expose()))?))
            }
            (Some(Challenge::Basic), Some(Credentials::Password { username, password })) => {
                Ok(Some(basic(username, password)?))
            }
            (Some(Challenge::Basic), Some(Credentials::IdentityToken(_))) => Err(self.refused(
                "it wants a name and a password, and only an identity token is stored".into(),
            )),
            (Some(Challenge::Bearer { realm, service, .. }), _) => {
                let key = key_of(scopes);
                if let Some(token) = state.tokens.get(&key)
                    && token.good_until > Instant::now()
                {
                    return Ok(Some(token.header.clone()));
                }
                let also = state.also.get(&key).map(String::as_str).unwrap_or_default();
                let wanted = merged(&format!("{key} {also}"));
                let token = self.fetch(wire, &realm, service.as_deref(), &wanted).await?;
                let header = token.header.clone();
                state.tokens.insert(key, token);
                Ok(Some(header))
            }
        }
    }

    /// The header that an API takes without asking first, where we have a password.
    pub(super) fn preemptive(&self) -> Result<Option<HeaderValue>, Error> {
        match &self.credentials {
            Some(Credentials::Password { username, password }) => {
                basic(username, password).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Takes note of a 401 that came for `sent`. Whether another try makes sense.
    pub(super) async fn challenged(
        &self,
        headers: &HeaderMap,
        scopes: &[Scope],
        sent: Option<&HeaderValue>,
    ) -> bool {
        let Some(challenge) = Challenge::read(headers) else { return false };
        let mut state = self.state.lock().await;
        let key = key_of(scopes);
        if state.tokens.get(&key).is_some_and(|token| Some(&token.header) == sent) {
            state.tokens.remove(&key);
        }
        if let Challenge::Bearer { scope: Some(scope), .. } = &challenge {
            state.also.insert(key, scope.clone());
        }
        let basic_again = challenge == Challenge::Basic && sent.is_some();
        let nothing_to_show = challenge == Challenge::Basic && self.credentials.is_none();
        let fixed =
            matches!(self.credentials, Some(Credentials::RegistryToken(_))) && sent.is_some();
        state.challenge = Some(challenge);
        !(basic_again || nothing_to_show || fixed)
    }

    async fn fetch(
        &self,
        wire: &Wire,
        realm: &str,
        service: Option<&str>,
        scopes: &[String],
    ) -> Result<Token, Error> {
        let protocol = |what: String| Error::Protocol { registry: self.registry.clone(), what };
        let mut url = Url::parse(realm)
            .map_err(|error| protocol(format!("the token server `{realm}`: {error}")))?;
        if self.credentials.is_some() && !wire.may_see_credentials(&url) {
            return Err(protocol(format!(
                "its token server `{realm}` is not encrypted, so no password is sent there"
            )));
        }
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let call = if let Some(Credentials::IdentityToken(token)) = &self.credentials {
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            );
            let scope = scopes.join(" ");
            let form = form(&[
                ("grant_type", "refresh_token"),
                ("service", service.unwrap_or_default()),
                ("client_id", "berth"),
                ("scope", &scope),
                ("refresh_token", token.expose()),
            ]);
            Call { method: Method::POST, url, headers, body: Bytes::from(form) }
        } else {
            {
                let mut query = url.query_pairs_mut();
                if let Some(service) = service {
                    query.append_pair("service", service);
                }
                for scope in scopes {
                    query.append_pair("scope", scope);
                }
                if let Some(Credentials::Password { username, .. }) = &self.credentials {
                    query.append_pair("account", username);
                }
                query.append_pair("client_id", "berth");
            }
            Call { method: Method::GET, url, headers, body: Bytes::new() }
        };
        let answer = wire.ask_once(&call, self.preemptive()?, 256 * 1024).await?;
        if answer.status == StatusCode::UNAUTHORIZED || answer.status == StatusCode::FORBIDDEN {
            return Err(self.refused(Complaint::read(answer.status, &answer.body).message));
        }
        if answer.status != StatusCode::OK {
            return Err(wire.failure(&answer));
        }
        let parsed: TokenAnswer = serde_json::from_slice(&answer.body)
            .map_err(|error| protocol(format!("its token server's answer: {error}")))?;
        let text = parsed
            .token
            .or(parsed.access_token)
            .filter(|token| !token.is_empty())
            .ok_or_else(|| protocol("its token server's answer has no token".into()))?;
        // Used up to shortly before it ends, so that a request which is under way does not outlive it.
        let lifetime = Duration::from_secs(parsed.expires_in.unwrap_or(60));
        let margin = (lifetime / 2).min(Duration::from_secs(15));
        Ok(Token {
            header: sensitive(&format!("Bearer {text}"))?,
            good_until: Instant::now() + lifetime.saturating_sub(margin),
        })
    }

    pub(super) fn refused(&self, message: String) -> Error {
        Error::Unauthorized {
            registry: self.registry.clone(),
            anonymous: self.is_anonymous(),
            message,
        }
    }
}

/// What tokens are kept by: the scopes, sorted.
fn key_of(scopes: &[Scope]) -> String {
    let texts: BTreeSet<String> = scopes.iter().map(Scope::to_string).collect();
    texts.into_iter().collect::<Vec<_>>().join(" ")
}

/// Joins scopes on the same resource. Text all the way: a challenge may name actions that only its registry knows.
fn merged(scopes: &str) -> Vec<String> {
    let mut by_resource: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for scope in scopes.split_ascii_whitespace() {
        if let Some((resource, actions)) = scope.rsplit_once(':') {
            by_resource.entry(resource).or_default().extend(actions.split(','));
        }
    }
    let joined = |actions: BTreeSet<&str>| actions.into_iter().collect::<Vec<_>>().join(",");
    by_resource
        .into_iter()
        .map(|(resource, actions)| format!("{resource}:{}", joined(actions)))
        .collect()
}

fn basic(username: &str, password: &Secret<String>) -> Result<HeaderValue, Error> {
    sensitive(&format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.expose()))))
}

fn sensitive(text: &str) -> Result<HeaderValue, Error> {
    let mut header = HeaderValue::from_str(text)
        .map_err(|_| Error::Setup("a stored token holds characters that no header may".into()))?;
    header.set_sensitive(true);
    Ok(header)
}

fn form(pairs: &[(&str, &str)]) -> String {
    let mut url = Url::parse("form:").expect("a constant URL is well-formed");
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_on_one_repository_are_asked_for_together() {
        assert_eq!(
            merged("repository:a:pull repository:b:pull repository:a:push,pull registry:catalog:*"),
            ["registry:catalog:*", "repository:a:pull,push", "repository:b:pull"]
        );
        assert_eq!(merged("repository:host:5000/a:pull"), ["repository:host:5000/a:pull"]);
        assert!(merged(" ").is_empty());
    }

    #[test]
    fn a_form_is_encoded() {
        assert_eq!(form(&[("a", "b c&d"), ("e", "")]), "a=b+c%26d&e=");
    }

    #[test]
    fn credentials_print_as_stars() {
        let credentials =
            Credentials::Password { username: "a".into(), password: Secret::new("hunter2".into()) };
        assert!(!format!("{credentials:?}").contains("hunter2"));
        let header = basic("a", &Secret::new("hunter2".into())).unwrap();
        assert_eq!(format!("{header:?}"), "Sensitive");
    }
}
