//! What is signed, and whether a signature of it fits: simple signing with its signature beside it, a DSSE envelope around an
//! in-toto statement, and a bundle of sigstore around such an envelope.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::PublicKey;
use crate::oci::Digest;

/// Where simple signing has its signature: an annotation of the layer.
pub const ANNOTATION: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// Signatures of one statement that are tried.
const MOST_SIGNATURES: usize = 5;

/// How a signature is laid down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The statement is a layer, and its signature an annotation of it.
    SimpleSigning,
    /// DSSE: statement and signatures in one.
    Envelope,
    /// A DSSE envelope with what it can be checked by.
    Bundle,
}

impl Form {
    /// The form that a layer has; `None` if it is none that is known here.
    #[must_use]
    pub fn of(media_type: &str) -> Option<Self> {
        match media_type {
            "application/vnd.dev.cosign.simplesigning.v1+json" => Some(Self::SimpleSigning),
            "application/vnd.dsse.envelope.v1+json" => Some(Self::Envelope),
            other if other.starts_with("application/vnd.dev.sigstore.bundle") => Some(Self::Bundle),
            _ => None,
        }
    }
}

/// What is known of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The key at this place of those given has made it, about this artifact.
    Verified(usize),
    /// None of them has.
    UnknownKey,
    /// It says nothing about this artifact, whoever has made it.
    Invalid(String),
    /// It was not looked at, or could not be.
    Unchecked(String),
}

impl Verdict {
    /// The better news of two about the same thing: one good signature is enough.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let rank = |verdict: &Self| match verdict {
            Self::Verified(_) => 0,
            Self::Unchecked(_) => 1,
            Self::UnknownKey => 2,
            Self::Invalid(_) => 3,
        };
        if rank(&other) < rank(&self) { other } else { self }
    }
}

fn invalid(what: &str) -> Verdict {
    Verdict::Invalid(what.to_owned())
}

/// Checks what was signed of an artifact.
#[must_use]
pub fn verify(
    form: Form,
    bytes: &[u8],
    annotations: Option<&BTreeMap<String, String>>,
    artifact: &Digest,
    keys: &[PublicKey],
) -> Verdict {
    let Ok(statement) = serde_json::from_slice::<Value>(bytes) else {
        return invalid("what was signed is no JSON");
    };
    match form {
        Form::SimpleSigning => simple(bytes, &statement, annotations, artifact, keys),
        Form::Envelope => envelope(&statement, None, artifact, keys),
        Form::Bundle => bundle(&statement, artifact, keys),
    }
}

fn simple(
    payload: &[u8],
    statement: &Value,
    annotations: Option<&BTreeMap<String, String>>,
    artifact: &Digest,
    keys: &[PublicKey],
) -> Verdict {
    let named = statement["critical"]["image"]["docker-manifest-digest"].as_str();
    if named != Some(artifact.as_str()) {
        return about_another(named);
    }
    let note = |name: &str| annotations.and_then(|all| all.get(name));
    let Some(signature) = note(ANNOTATION).and_then(|text| STANDARD.decode(text).ok()) else {
        return invalid("there is no signature beside what was signed");
    };
    match keys.iter().position(|key| key.verifies(payload, &signature)) {
        Some(at) => Verdict::Verified(at),
        None if note(CERTIFICATE).is_some_and(|text| !text.is_empty()) => by_certificate(),
        None => Verdict::UnknownKey,
    }
}

fn about_another(named: Option<&str>) -> Verdict {
    let named: Option<String> = named.map(|named| named.chars().take(150).collect());
    match named {
        Some(named) => Verdict::Invalid(format!("it is about {named} and not about this")),
        None => invalid("it does not say what it is about"),
    }
}

fn by_certificate() -> Verdict {
    Verdict::Unchecked("it was made with a certificate, which is not looked at here".to_owned())
}

fn bundle(bundle: &Value, artifact: &Digest, keys: &[PublicKey]) -> Verdict {
    if bundle["dsseEnvelope"].is_null() {
        let what = "a bundle without a DSSE envelope is not looked at here";
        return Verdict::Unchecked(what.to_owned());
    }
    let material = &bundle["verificationMaterial"];
    // As cosign writes it: the hash of the key in its DER form.
    let hint = material["publicKey"]["hint"].as_str().and_then(|hint| STANDARD.decode(hint).ok());
    let verdict = envelope(&bundle["dsseEnvelope"], hint.as_deref(), artifact, keys);
    let has_certificate =
        ["certificate", "x509CertificateChain"].iter().any(|name| !material[*name].is_null());
    match verdict {
        Verdict::UnknownKey if has_certificate => by_certificate(),
        verdict => verdict,
    }
}

fn envelope(
    envelope: &Value,
    hint: Option<&[u8]>,
    artifact: &Digest,
    keys: &[PublicKey],
) -> Verdict {
    let payload = envelope["payload"].as_str().and_then(|text| STANDARD.decode(text).ok());
    let Some(payload) = payload else { return invalid("its payload cannot be read") };
    let kind = envelope["payloadType"].as_str().unwrap_or_default();
    if kind != IN_TOTO {
        return Verdict::Unchecked("it is no statement of in-toto".to_owned());
    }
    let statement: Value = serde_json::from_slice(&payload).unwrap_or_default();
    let subjects = statement["subject"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named = |subject: &Value| subject["digest"][artifact.algorithm().as_str()].clone();
    if !subjects.iter().any(|subject| named(subject).as_str() == Some(artifact.hex())) {
        let first = subjects.first().map(named);
        let first = first.as_ref().and_then(Value::as_str);
        return about_another(
            first.map(|hex| format!("{}:{hex}", artifact.algorithm().as_str())).as_deref(),
        );
    }
    let Some(signatures) = envelope["signatures"].as_array().filter(|all| !all.is_empty()) else {
        return invalid("there is no signature in it");
    };
    // DSSE, protocol: what is signed is `DSSEv1`, and type and payload, each after its length.
    let mut signed = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    signed.extend_from_slice(&payload);
    let signatures = signatures.iter().take(MOST_SIGNATURES);
    let mut signatures = signatures.filter_map(|one| STANDARD.decode(one["sig"].as_str()?).ok());
    let by = signatures
        .find_map(|signature| keys.iter().position(|key| key.verifies(&signed, &signature)));
    let says_it_is_by = |key: &PublicKey| hint.is_some_and(|hint| hex(hint) == key.fingerprint());
    match by {
        Some(at) => Verdict::Verified(at),
        None if keys.iter().any(says_it_is_by) => {
            invalid("it does not fit, though it names a key that is trusted here")
        }
        None => Verdict::UnknownKey,
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::super::key::SPKI;
    use super::*;
    use crate::oci::Algorithm;
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

    fn bytes_of(hex: &str) -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn a_bundle_is_of_whoever_has_signed_it_and_about_what_it_names() {
        let ((mine, key), (_, other)) = (pair(), pair());
        let artifact = Algorithm::Sha256.digest(b"artifact");
        let payload =
            json!({ "subject": [{ "digest": { "sha256": artifact.hex() } }] }).to_string();
        let signed = format!("DSSEv1 {} {IN_TOTO} {} {payload}", IN_TOTO.len(), payload.len());
        let signature = mine.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        let bundle = |material: Value| {
            json!({ "verificationMaterial": material, "dsseEnvelope": {
                "payload": STANDARD.encode(&payload), "payloadType": IN_TOTO,
                "signatures": [{ "sig": STANDARD.encode(signature) }],
            }})
            .to_string()
        };
        let check = |material: Value, artifact: &Digest, keys: &[PublicKey]| {
            verify(Form::Bundle, bundle(material).as_bytes(), None, artifact, keys)
        };
        let keys = [other.clone(), key];
        assert_eq!(check(json!({}), &artifact, &keys), Verdict::Verified(1));
        assert_eq!(check(json!({}), &artifact, &keys[..1]), Verdict::UnknownKey);
        let elsewhere = Algorithm::Sha256.digest(b"another");
        let about = Verdict::Invalid(format!("it is about {artifact} and not about this"));
        assert_eq!(check(json!({}), &elsewhere, &keys), about);
        let certificate = json!({ "certificate": { "rawBytes": "AAAA" } });
        assert_eq!(check(certificate, &artifact, &keys[..1]), by_certificate());
        // It says that the other one has made it, which is not so.
        let hint = STANDARD.encode(bytes_of(other.fingerprint()));
        let named = check(json!({ "publicKey": { "hint": hint } }), &artifact, &keys[..1]);
        assert!(matches!(named, Verdict::Invalid(_)), "{named:?}");
    }

    #[test]
    fn one_good_signature_is_enough() {
        let bad = || invalid("bad");
        assert_eq!(bad().or(Verdict::Verified(0)), Verdict::Verified(0));
        assert_eq!(Verdict::Verified(0).or(bad()), Verdict::Verified(0));
        assert_eq!(bad().or(Verdict::UnknownKey), Verdict::UnknownKey);
    }
}
