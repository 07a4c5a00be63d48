//! Registry tokens: short-lived JWTs, signed with ES256 (distribution, `docs/spec/auth/jwt.md`).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Error;
use super::federation::Accepted;
use crate::clock::{Clock, Timestamp};
use crate::meta::{Actor, Meta, SigningKey, Subject};
use crate::oci::Scope;
use crate::secret::{Secret, random_text};

/// What Berth calls itself in challenges and tokens: `service` and `aud`.
pub const SERVICE: &str = "berth";

/// Clocks of machines that trust these tokens may differ by this much.
const SKEW: Duration = Duration::from_mins(1);

/// Keys are read again after this long, so that a rotation by another process is seen.
const KEYS_FOR: Duration = Duration::from_secs(1);

/// Verified tokens that are remembered; verifying one costs some 100 µs.
const REMEMBERED: usize = 10_000;

/// What the scopes of a token may add up to: it then stays below [`LONGEST`].
const SCOPE_BYTES: usize = 24 << 10;

/// Tokens longer than this are not looked at.
const LONGEST: usize = 48 << 10;

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    /// For whoever reads it elsewhere: the name in the audit trail. Empty: nobody in particular.
    sub: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    holder: Option<Holder>,
    aud: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
    access: Vec<Scope>,
}

/// Whom a registry token was issued to, so that it ends with what they showed for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Holder {
    /// A person or a robot.
    Account {
        /// Who.
        subject: Subject,
        /// [`crate::meta::Account::login`]
        login: String,
        /// The token that they showed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<i64>,
        /// The rule that made this account of what they showed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        accepted: Option<Accepted>,
    },
    /// A program that is trusted without an account.
    Workload {
        /// What it calls itself.
        name: String,
        /// The rules that accepted it.
        rules: Vec<Accepted>,
    },
}

/// A token that was just made.
#[derive(Debug)]
pub struct Issued {
    /// The token.
    pub token: Secret<String>,
    /// How long it is good.
    pub lifetime: Duration,
    /// When it was made.
    pub issued_at: Timestamp,
    /// What it covers.
    pub scopes: Vec<Scope>,
}

/// What a verified token says.
#[derive(Clone, Debug)]
pub(super) struct Verified {
    /// `None`: nobody in particular.
    pub(super) holder: Option<Arc<Holder>>,
    pub(super) scopes: Arc<[Scope]>,
    expires_at: i64,
}

pub(super) struct Tokens {
    meta: Meta,
    clock: Clock,
    lifetime: Duration,
    keys: Mutex<Arc<Keys>>,
    verified: quick_cache::sync::Cache<[u8; 32], Verified>,
}

struct Keys {
    read_at: Timestamp,
    keys: Vec<SigningKey>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

/// A new key pair.
pub fn new_signing_key(now: Timestamp) -> Result<SigningKey, Error> {
    let random = SystemRandom::new();
    let signing = |error: &dyn std::fmt::Display| Error::Signing(error.to_string());
    let private = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
        .map_err(|error| signing(&error))?;
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private.as_ref(), &random)
            .map_err(|error| signing(&error))?;
    Ok(SigningKey {
        id: random_text(12),
        private: Secret::new(private.as_ref().to_vec()),
        public: pair.public_key().as_ref().to_vec(),
        created_at: now,
        retired_at: None,
    })
}

impl Tokens {
    pub(super) async fn open(meta: Meta, clock: Clock, lifetime: Duration) -> Result<Self, Error> {
        let empty = Keys { read_at: Timestamp::from_millis(0), keys: Vec::new() };
        let verified = quick_cache::sync::Cache::new(REMEMBERED);
        let tokens = Self { meta, clock, lifetime, keys: Mutex::new(Arc::new(empty)), verified };
        tokens.meta.reseal_signing_keys().await?;
        if tokens.reload().await?.keys.is_empty() {
            tokens.rotate(&Actor::internal("berth")).await?;
        }
        Ok(tokens)
    }

    async fn reload(&self) -> Result<Arc<Keys>, Error> {
        let now = self.clock.now();
        let keys = self.meta.list_signing_keys(now - self.lifetime - SKEW).await?;
        let keys = Arc::new(Keys { read_at: now, keys });
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&keys);
        Ok(keys)
    }

    /// The keys that sign, or still verify.
    pub(super) async fn list(&self) -> Result<Vec<SigningKey>, Error> {
        Ok(self.reload().await?.keys.clone())
    }

    async fn keys(&self) -> Result<Arc<Keys>, Error> {
        let known = Arc::clone(&self.keys.lock().unwrap_or_else(PoisonError::into_inner));
        if self.clock.now().since(known.read_at) < KEYS_FOR {
            Ok(known)
        } else {
            self.reload().await
        }
    }

    pub(super) async fn rotate(&self, by: &Actor) -> Result<String, Error> {
        let key = new_signing_key(self.clock.now())?;
        let id = key.id.clone();
        self.meta.rotate_signing_key(key, by).await?;
        self.reload().await?;
        Ok(id)
    }

    /// A token for `holder`, who is called `subject` elsewhere. It ends with what they showed, at `until`.
    pub(super) async fn issue(
        &self,
        holder: Option<Holder>,
        subject: String,
        until: Option<Timestamp>,
        mut scopes: Vec<Scope>,
    ) -> Result<Issued, Error> {
        let mut bytes = 0;
        scopes.retain(|scope| {
            bytes += scope.name.len() + scope.kind.len() + 64;
            bytes <= SCOPE_BYTES
        });
        let keys = self.keys().await?;
        let key = keys
            .keys
            .iter()
            .find(|key| key.retired_at.is_none())
            .ok_or_else(|| Error::Signing("there is no signing key".into()))?;
        let now = self.clock.now();
        let left = until.map_or(self.lifetime, |until| until.since(now));
        let lifetime = self.lifetime.min(left);
        let claims = Claims {
            iss: SERVICE.into(),
            sub: subject,
            holder,
            aud: SERVICE.into(),
            iat: now.as_seconds(),
            nbf: now.as_seconds(),
            exp: (now + lifetime).as_seconds(),
            jti: random_text(12),
            access: scopes,
        };
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(key.id.clone());
        let token =
            jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ec_der(key.private.expose()))
                .map_err(|error| Error::Signing(error.to_string()))?;
        Ok(Issued { token: Secret::new(token), lifetime, issued_at: now, scopes: claims.access })
    }

    pub(super) async fn verify(&self, token: &Secret<String>) -> Result<Verified, Error> {
        let text = token.expose().as_str();
        let now = self.clock.now().as_seconds();
        let fingerprint: [u8; 32] = Sha256::digest(text).into();
        if let Some(verified) = self.verified.get(&fingerprint) {
            return if verified.expires_at > now { Ok(verified) } else { Err(Error::Token) };
        }
        if text.len() > LONGEST {
            return Err(Error::Token);
        }
        let id = jsonwebtoken::decode_header(text)
            .ok()
            .and_then(|header| header.kid)
            .ok_or(Error::Token)?;
        let keys = self.keys().await?;
        let key = keys.keys.iter().find(|key| key.id == id).ok_or(Error::Token)?;
        // The algorithm is ours, never the header's, so `none` and key confusion are out.
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&[SERVICE]);
        validation.set_issuer(&[SERVICE]);
        // Times are compared with our own clock below.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(
            text,
            &DecodingKey::from_ec_der(&key.public),
            &validation,
        )
        .map_err(|_| Error::Token)?
        .claims;
        // What is somebody's says whose.
        if claims.sub.is_empty() != claims.holder.is_none() {
            return Err(Error::Token);
        }
        if claims.exp <= now || claims.nbf > now + i64::try_from(SKEW.as_secs()).unwrap_or(0) {
            return Err(Error::Token);
        }
        let verified = Verified {
            holder: claims.holder.map(Arc::new),
            scopes: claims.access.into(),
            expires_at: claims.exp,
        };
        self.verified.insert(fingerprint, verified.clone());
        Ok(verified)
    }

    pub(super) async fn jwks(&self) -> Result<serde_json::Value, Error> {
        let keys: Vec<_> = self
            .keys()
            .await?
            .keys
            .iter()
            .filter(|key| key.public.len() == 65)
            .map(|key| {
                serde_json::json!({
                    "kty": "EC",
                    "crv": "P-256",
                    "use": "sig",
                    "alg": "ES256",
                    "kid": key.id,
                    "x": URL_SAFE_NO_PAD.encode(&key.public[1..33]),
                    "y": URL_SAFE_NO_PAD.encode(&key.public[33..]),
                })
            })
            .collect();
        Ok(serde_json::json!({ "keys": keys }))
    }
}
