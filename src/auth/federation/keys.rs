//! Keys of issuers, kept in memory.
//!
//! They are fetched when they are needed: at most once in [`PAUSE`] per issuer, whatever tokens come, and by one request at a
//! time while others wait for it. While the issuer cannot be reached, what it said last is good for [`STALE`] longer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

use super::flaw::Flaw;
use super::jwt::algorithm;
use crate::clock::{Clock, Timestamp};
use crate::remote::{Document, Web, WebError};

/// An issuer is asked no more often than this, whether it answers or not.
const PAUSE: Duration = Duration::from_secs(30);
/// Keys are fresh for as long as the answer says, within these bounds.
const FRESH: (Duration, Duration) = (Duration::from_mins(5), Duration::from_hours(6));
/// If it says nothing.
const FRESH_BY_DEFAULT: Duration = Duration::from_hours(1);
/// Keys that are not fresh any more are used for so much longer if there are no newer ones to be had.
const STALE: Duration = Duration::from_hours(24);
/// Where an issuer's keys are is asked again after this.
const DISCOVERY: Duration = Duration::from_hours(1);
/// More keys than any issuer has.
const MOST_KEYS: usize = 100;
/// Issuers whose keys are remembered; more rows than this share the room.
const MOST_SOURCES: usize = 1000;

/// Where keys come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::auth) struct Place {
    /// What the issuer calls itself.
    pub(in crate::auth) issuer: String,
    /// Where its keys are, if it is known.
    pub(in crate::auth) jwks_uri: Option<String>,
    /// The keys themselves; nothing is fetched then.
    pub(in crate::auth) keys: Option<String>,
    /// PEM
    pub(in crate::auth) authorities: String,
}

/// The keys of all issuers.
#[derive(Debug)]
pub(in crate::auth) struct KeyStore {
    clock: Clock,
    sources: Mutex<HashMap<Place, Arc<Source>>>,
}

impl KeyStore {
    pub(in crate::auth) fn new(clock: Clock) -> Self {
        Self { clock, sources: Mutex::default() }
    }

    /// The source at a place. Changed rows are other places.
    pub(in crate::auth) fn source(&self, place: &Place) -> Result<Arc<Source>, WebError> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(source) = sources.get(place) {
            return Ok(Arc::clone(source));
        }
        if sources.len() >= MOST_SOURCES {
            sources.clear();
        }
        let source = Arc::new(Source::new(place.clone(), self.clock.clone())?);
        sources.insert(place.clone(), Arc::clone(&source));
        Ok(source)
    }
}

/// A key with what it is for.
struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    decoding: DecodingKey,
}

/// One issuer.
pub(in crate::auth) struct Source {
    place: Place,
    clock: Clock,
    web: Web,
    state: Mutex<State>,
    /// Whoever holds it asks.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Whoever holds it asks for the discovery document.
    discovering: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    discovery: Option<(Result<Arc<Value>, WebError>, Timestamp)>,
    keys: Option<(Arc<[Key]>, Timestamp)>,
    tried_at: Option<Timestamp>,
    failure: Option<WebError>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({})", self.place.issuer)
    }
}

/// What is known of a key.
enum Known {
    Fresh(DecodingKey),
    /// There may be newer ones.
    Stale(DecodingKey),
    Unknown,
}

impl Source {
    fn new(place: Place, clock: Clock) -> Result<Self, WebError> {
        let home = place.jwks_uri.as_deref().unwrap_or(&place.issuer);
        let web = Web::new(home, &place.authorities)?;
        let mut state = State::default();
        if let Some(text) = &place.keys {
            let parsed = serde_json::from_str(text).unwrap_or_default();
            state.keys = Some((read_keys(&parsed).into(), Timestamp::from_millis(i64::MAX)));
        }
        let (state, turn, discovering) =
            (Mutex::new(state), Arc::default(), tokio::sync::Mutex::default());
        Ok(Self { place, clock, web, state, turn, discovering })
    }

    /// The key that a token says it is signed with, if it is one for its algorithm.
    pub(in crate::auth) async fn key(
        self: &Arc<Self>,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<DecodingKey, Flaw> {
        let known = self.look(id, algorithm);
        match &known {
            Known::Fresh(key) => return Ok(key.clone()),
            Known::Stale(key) if self.turn.try_lock().is_err() => return Ok(key.clone()),
            // Whoever asks now may come back with the key: it is waited for.
            Known::Stale(_) | Known::Unknown => self.refresh().await,
        }
        match self.look(id, algorithm) {
            Known::Fresh(key) | Known::Stale(key) => Ok(key),
            Known::Unknown => {
                let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                match (&state.failure, self.are_usable(&state)) {
                    (Some(error), false) => Err(Flaw::NoKeys(error.clone())),
                    _ => Err(Flaw::Key),
                }
            }
        }
    }

    fn are_usable(&self, state: &State) -> bool {
        let now = self.clock.now();
        state.keys.as_ref().is_some_and(|(_, fresh_until)| *fresh_until + STALE > now)
    }

    fn look(&self, id: Option<&str>, algorithm: Algorithm) -> Known {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((keys, fresh_until)) = state.keys.as_ref().filter(|_| self.are_usable(&state))
        else {
            return Known::Unknown;
        };
        let fits = |key: &&Key| {
            key.algorithms.contains(&algorithm) && (id.is_none() || key.id.as_deref() == id)
        };
        let mut fitting = keys.iter().filter(fits);
        // A token that names no key is only good where there is no choice.
        match (fitting.next(), id.is_none() && fitting.next().is_some()) {
            (Some(key), false) if *fresh_until > self.clock.now() => {
                Known::Fresh(key.decoding.clone())
            }
            (Some(key), false) => Known::Stale(key.decoding.clone()),
            _ => Known::Unknown,
        }
    }

    fn may_ask(&self) -> bool {
        if self.place.keys.is_some() {
            return false;
        }
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.tried_at.is_none_or(|tried| self.clock.now().since(tried) >= PAUSE)
    }

    /// Fetches the keys, if it is time to; waits for whoever does. It goes on when the request that caused it is given up: else clients that hang up could keep the keys
    /// from ever being fetched.
    async fn refresh(self: &Arc<Self>) {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        // Somebody else may have asked while this one waited, or not long ago.
        if !self.may_ask() {
            return;
        }
        let this = Arc::clone(self);
        let asking = tokio::spawn(async move {
            let _turn = turn;
            this.state.lock().unwrap_or_else(PoisonError::into_inner).tried_at =
                Some(this.clock.now());
            let fetched = this.fetch().await;
            this.keep(fetched);
        });
        let _ = asking.await;
    }

    async fn fetch(&self) -> Result<(Vec<Key>, Option<Duration>), WebError> {
        let address = match &self.place.jwks_uri {
            Some(address) => address.clone(),
            None => {
                let discovery = self.discovery().await?;
                let address = discovery["jwks_uri"].as_str().unwrap_or_default();
                address.to_owned()
            }
        };
        let Document { body, fresh_for } = self.web.get(&address, None).await?;
        let keys = read_keys(&body);
        if keys.is_empty() {
            return Err(self.form("there is no key in its key set that can be used"));
        }
        Ok((keys, fresh_for))
    }

    fn keep(&self, fetched: Result<(Vec<Key>, Option<Duration>), WebError>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match fetched {
            Ok((keys, fresh_for)) => {
                let fresh_for = fresh_for.unwrap_or(FRESH_BY_DEFAULT).clamp(FRESH.0, FRESH.1);
                state.keys = Some((keys.into(), self.clock.now() + fresh_for));
                state.failure = None;
            }
            Err(error) => {
                let issuer = &self.place.issuer;
                tracing::warn!(issuer, %error, "the keys of {issuer} cannot be fetched: {error}");
                // It may have moved its keys. What failed stays known to have failed for a while.
                state.discovery = state.discovery.take().filter(|(found, _)| found.is_err());
                state.failure = Some(error);
            }
        }
    }

    /// The discovery document, which has to be the issuer's own (`OpenID` Connect Discovery §4.3).
    pub(in crate::auth) async fn discovery(&self) -> Result<Arc<Value>, WebError> {
        let _one_at_a_time = self.discovering.lock().await;
        let now = self.clock.now();
        let known = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.discovery.clone().filter(|(found, read)| {
                now.since(*read) < if found.is_ok() { DISCOVERY } else { PAUSE }
            })
        };
        if let Some((found, _)) = known {
            return found;
        }
        let found = self.discover().await;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.discovery = Some((found.clone(), now));
        found
    }

    async fn discover(&self) -> Result<Arc<Value>, WebError> {
        let issuer = self.place.issuer.trim_end_matches('/');
        let address = format!("{issuer}/.well-known/openid-configuration");
        let body = self.web.get(&address, None).await?.body;
        if body["issuer"].as_str() != Some(&self.place.issuer) {
            return Err(self.form("its discovery document is of another issuer"));
        }
        Ok(Arc::new(body))
    }

    /// The way to the issuer's server.
    pub(in crate::auth) fn web(&self) -> &Web {
        &self.web
    }

    pub(in crate::auth) fn form(&self, what: &str) -> WebError {
        WebError::Form { host: self.place.issuer.clone(), what: what.to_owned() }
    }
}

/// Whether text is a key set with a key that can be used.
pub(in crate::auth) fn is_key_set(text: &str) -> bool {
    serde_json::from_str(text).is_ok_and(|set| !read_keys(&set).is_empty())
}

/// The keys of a set that can be used; others in it are no business of ours (RFC 7517 §5).
fn read_keys(set: &Value) -> Vec<Key> {
    let keys = set["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    keys.iter().take(MOST_KEYS).filter_map(read_key).collect()
}

fn read_key(key: &Value) -> Option<Key> {
    use Algorithm as A;
    let text = |field: &str| key[field].as_str();
    if text("use").is_some_and(|used| used != "sig") {
        return None;
    }
    if let Some(operations) = key["key_ops"].as_array()
        && !operations.iter().any(|operation| operation == "verify")
    {
        return None;
    }
    let (mut algorithms, decoding) = match (text("kty")?, text("crv")) {
        ("RSA", _) => (
            vec![A::RS256, A::RS384, A::RS512, A::PS256, A::PS384, A::PS512],
            DecodingKey::from_rsa_components(text("n")?, text("e")?),
        ),
        ("EC", Some("P-256")) => {
            (vec![A::ES256], DecodingKey::from_ec_components(text("x")?, text("y")?))
        }
        ("EC", Some("P-384")) => {
            (vec![A::ES384], DecodingKey::from_ec_components(text("x")?, text("y")?))
        }
        ("OKP", Some("Ed25519")) => (vec![A::EdDSA], DecodingKey::from_ed_components(text("x")?)),
        _ => return None,
    };
    if let Some(only) = text("alg") {
        let only = algorithm(only)?;
        algorithms.retain(|algorithm| *algorithm == only);
    }
    let decoding = decoding.ok().filter(|_| !algorithms.is_empty())?;
    Some(Key { id: text("kid").map(str::to_owned), algorithms, decoding })
}
