//! Signatures of artifacts, in the two forms that cosign writes: a manifest under the tag `sha256-HEX.sig` whose layers are
//! signed statements (simple signing), and a bundle that refers to the artifact (DSSE around an in-toto statement).
//!
//! Only public keys are trusted, ECDSA over P-256, which `cosign generate-key-pair` makes. Certificates that a key was issued for
//! a moment ago, and logs of transparency, are not looked at.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde_json::Value;

use super::bytes::{Place, is_of, layers};
use crate::auth::AdminError;
use crate::oci::{Algorithm, Digest, Reference, Tag};

const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// Statements are small.
const MOST_BYTES: u64 = 1 << 20;
/// Signatures of one artifact that are looked at.
const MOST_SIGNATURES: usize = 100;

/// What stands before a point of P-256 in a `SubjectPublicKeyInfo` (RFC 5480).
const SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A key that somebody signs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    point: Vec<u8>,
    fingerprint: String,
}

/// Text that is no key that could be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no public key: it is PEM with a key of ECDSA over P-256, as `cosign generate-key-pair` writes to `cosign.pub`"
)]
pub struct InvalidKey;

impl PublicKey {
    /// Reads PEM.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        let (_, rest) = text.split_once("-----BEGIN PUBLIC KEY-----").ok_or(InvalidKey)?;
        let (body, _) = rest.split_once("-----END PUBLIC KEY-----").ok_or(InvalidKey)?;
        let body: String = body.split_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|_| InvalidKey)?;
        let point = der.strip_prefix(&SPKI[..]).ok_or(InvalidKey)?;
        if point.len() != 65 || point[0] != 4 {
            return Err(InvalidKey);
        }
        let fingerprint = Algorithm::Sha256.digest(&der).hex().to_owned();
        Ok(Self { point: point.to_vec(), fingerprint })
    }

    /// What it is called where it is written down: `SHA256:` and its hash.
    #[must_use]
    pub fn name(&self) -> String {
        format!("SHA256:{}", self.fingerprint)
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.point);
        key.verify(message, signature).is_ok()
    }
}

/// The key of those given that has signed an artifact, if one has.
pub(super) async fn signer<'k>(
    place: &Place<'_>,
    artifact: &Digest,
    keys: &'k [PublicKey],
) -> Result<Option<&'k PublicKey>, AdminError> {
    if keys.is_empty() {
        return Ok(None);
    }
    let tag = format!("{}-{}.sig", artifact.algorithm().as_str(), artifact.hex());
    if let Ok(tag) = tag.parse::<Tag>()
        && let Some(found) = place.manifest(&Reference::Tag(tag)).await?
    {
        let statements = layers(&found.manifest).iter();
        let statements = statements.filter(|layer| is_of(layer, SIMPLE_SIGNING));
        for layer in statements.take(MOST_SIGNATURES) {
            let annotations = layer.annotations.as_ref();
            let signature = annotations.and_then(|all| STANDARD.decode(all.get(SIGNATURE)?).ok());
            let Some(signature) = signature else { continue };
            let payload = place.blob(layer, MOST_BYTES).await?;
            if says_so(&payload, artifact)
                && let Some(key) = keys.iter().find(|key| key.verifies(&payload, &signature))
            {
                return Ok(Some(key));
            }
        }
    }
    for referrer in place.referrers(artifact).await?.into_iter().take(MOST_SIGNATURES) {
        let is_bundle =
            referrer.artifact_type.as_deref().is_some_and(|kind| kind.starts_with(BUNDLE));
        if !is_bundle {
            continue;
        }
        let reference = Reference::Digest(referrer.digest);
        let Some(found) = place.manifest(&reference).await? else { continue };
        for layer in layers(&found.manifest) {
            let bundle = place.blob(layer, MOST_BYTES).await?;
            let bundle: Value = serde_json::from_slice(&bundle).unwrap_or_default();
            if let Some(key) = signer_of_bundle(&bundle, artifact, keys) {
                return Ok(Some(key));
            }
        }
    }
    Ok(None)
}

/// Whether a statement of simple signing is about this artifact.
fn says_so(payload: &[u8], artifact: &Digest) -> bool {
    let payload: Value = serde_json::from_slice(payload).unwrap_or_default();
    payload["critical"]["image"]["docker-manifest-digest"].as_str() == Some(artifact.as_str())
}

fn signer_of_bundle<'k>(
    bundle: &Value,
    artifact: &Digest,
    keys: &'k [PublicKey],
) -> Option<&'k PublicKey> {
    let envelope = &bundle["dsseEnvelope"];
    let payload = STANDARD.decode(envelope["payload"].as_str()?).ok()?;
    let kind = envelope["payloadType"].as_str()?;
    let statement: Value = serde_json::from_slice(&payload).ok()?;
    let is_about = |subject: &Value| {
        subject["digest"][artifact.algorithm().as_str()].as_str() == Some(artifact.hex())
    };
    let subjects = statement["subject"].as_array()?;
    if kind != IN_TOTO || !subjects.iter().any(is_about) {
        return None;
    }
    // DSSE, protocol: what is signed is `DSSEv1`, and type and payload, each after its length.
    let mut signed = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    signed.extend_from_slice(&payload);
    let signatures = envelope["signatures"].as_array()?.iter().take(MOST_SIGNATURES);
    let mut signatures = signatures.filter_map(|one| STANDARD.decode(one["sig"].as_str()?).ok());
    signatures.find_map(|signature| keys.iter().find(|key| key.verifies(&signed, &signature)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::json;

    fn pair() -> (EcdsaKeyPair, PublicKey) {
        let random = SystemRandom::new();
        let kind = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(kind, document.as_ref(), &random).unwrap();
        let der = [&SPKI[..], pair.public_key().as_ref()].concat();
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(der)
        );
        let key = PublicKey::parse(&pem).unwrap();
        (pair, key)
    }

    #[test]
    fn a_bundle_is_of_whoever_has_signed_it_and_about_what_it_names() {
        let ((mine, key), (_, other)) = (pair(), pair());
        let artifact = Algorithm::Sha256.digest(b"artifact");
        let payload =
            json!({ "subject": [{ "digest": { "sha256": artifact.hex() } }] }).to_string();
        let signed = format!("DSSEv1 {} {IN_TOTO} {} {payload}", IN_TOTO.len(), payload.len());
        let signature = mine.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        let bundle = json!({ "dsseEnvelope": {
            "payload": STANDARD.encode(&payload), "payloadType": IN_TOTO,
            "signatures": [{ "sig": STANDARD.encode(signature) }],
        }});
        let keys = [other.clone(), key.clone()];
        assert_eq!(signer_of_bundle(&bundle, &artifact, &keys), Some(&key));
        assert_eq!(signer_of_bundle(&bundle, &artifact, &[other]), None);
        let elsewhere = Algorithm::Sha256.digest(b"another");
        assert_eq!(signer_of_bundle(&bundle, &elsewhere, &keys), None);
    }

    #[test]
    fn what_is_no_key_is_told() {
        for text in ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"] {
            assert_eq!(PublicKey::parse(text), Err(InvalidKey));
        }
    }
}
