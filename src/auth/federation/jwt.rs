//! Tokens of others (JWT, RFC 7519), checked as RFC 8725 has it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::Value;

use super::claims::{Claims, entries};
use super::flaw::Flaw;
use crate::clock::Timestamp;

/// Tokens longer than this are not looked at. Those of large groups take some 10 KiB.
const LONGEST: usize = 32 << 10;

/// Clocks may differ by this much, for what begins. For what ends, ours counts.
const SKEW: Duration = Duration::from_mins(1);

/// Signatures that only the holder of a private key can make, and that we can check.
const ALGORITHMS: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// An algorithm that is taken, by its name in a token's header.
pub(in crate::auth) fn algorithm(name: &str) -> Option<Algorithm> {
    ALGORITHMS.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
}

/// The names of the algorithms that are taken.
pub(in crate::auth) fn algorithm_names() -> impl Iterator<Item = &'static str> {
    ALGORITHMS.iter().map(|(name, _)| *name)
}

/// Whether text has the form of a signed JWT. Nothing else that is sent as a password begins so.
pub(in crate::auth) fn looks_like_jwt(text: &str) -> bool {
    text.starts_with("eyJ") && text.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// The issuer that a JWT claims to be of.
pub(in crate::auth) fn claimed_issuer(text: &str) -> Option<String> {
    let payload = text.get(..LONGEST.min(text.len()))?.split('.').nth(1)?;
    let claims = decode(payload)?;
    claims.get("iss")?.as_str().map(str::to_owned)
}

fn decode(part: &str) -> Option<Claims> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// A token of which nothing is verified yet.
pub(in crate::auth) struct Unverified<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<String>,
    pub(super) claims: Claims,
    signed: &'a str,
    signature: &'a str,
}

impl<'a> Unverified<'a> {
    pub(in crate::auth) fn read(text: &'a str) -> Result<Self, Flaw> {
        if text.len() > LONGEST {
            return Err(Flaw::Malformed("it is too long"));
        }
        let malformed = || Flaw::Malformed("it is no signed JWT");
        let (signed, signature) = text.rsplit_once('.').ok_or_else(malformed)?;
        let (header, payload) = signed.split_once('.').ok_or_else(malformed)?;
        let header = decode(header).ok_or_else(malformed)?;
        let claims = decode(payload).ok_or_else(malformed)?;
        // What we must understand and do not (RFC 7515 §4.1.11).
        if header.contains_key("crit") {
            return Err(Flaw::Malformed("it wants extensions that are not known here"));
        }
        // Some kinds of JWT say something else than who somebody is (RFC 8725 §3.11).
        if let Some(kind) = header.get("typ") {
            let kind = kind.as_str().unwrap_or("?").to_ascii_lowercase();
            if !matches!(kind.trim_start_matches("application/"), "jwt" | "at+jwt") {
                return Err(Flaw::Malformed("its `typ` is neither `JWT` nor `at+jwt`"));
            }
        }
        let named = header.get("alg").and_then(Value::as_str).unwrap_or_default();
        let algorithm =
            algorithm(named).ok_or_else(|| Flaw::Algorithm(named.chars().take(20).collect()))?;
        let key_id = header.get("kid").and_then(Value::as_str).map(str::to_owned);
        Ok(Self { algorithm, key_id, claims, signed, signature })
    }

    /// A claim that is text.
    pub(in crate::auth) fn text(&self, claim: &'static str) -> Result<&str, Flaw> {
        let value = self.claims.get(claim).and_then(Value::as_str);
        value.filter(|text| !text.is_empty()).ok_or(Flaw::Missing(claim))
    }

    /// What it says, once it is verified.
    pub(in crate::auth) fn into_claims(self) -> Claims {
        self.claims
    }

    /// Checks the signature, with a key that is meant for the token's algorithm.
    pub(super) fn verify(&self, key: &DecodingKey) -> Result<(), Flaw> {
        let good = crypto::verify(self.signature, self.signed.as_bytes(), key, self.algorithm);
        if good.unwrap_or(false) { Ok(()) } else { Err(Flaw::Signature) }
    }

    /// Checks when it is good; says when it ends.
    pub(in crate::auth) fn check_times(&self, now: Timestamp) -> Result<Timestamp, Flaw> {
        let end = time(&self.claims, "exp")?.ok_or(Flaw::Missing("exp"))?;
        if end <= now {
            return Err(Flaw::Expired(end));
        }
        for claim in ["nbf", "iat"] {
            if let Some(begin) = time(&self.claims, claim)?
                && begin > now + SKEW
            {
                return Err(Flaw::NotYet(begin));
            }
        }
        Ok(end)
    }

    /// Whom it is meant for.
    pub(in crate::auth) fn audiences(&self) -> Vec<String> {
        self.claims.get("aud").map(entries).unwrap_or_default()
    }
}

/// A moment in seconds; some issuers write fractions.
fn time(claims: &Claims, claim: &'static str) -> Result<Option<Timestamp>, Flaw> {
    let Some(value) = claims.get(claim) else { return Ok(None) };
    let seconds = value.as_f64().filter(|seconds| (0.0..1e11).contains(seconds));
    let seconds = seconds.ok_or(Flaw::Missing(claim))?;
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    Ok(Some(Timestamp::from_millis((seconds * 1000.0) as i64)))
}
