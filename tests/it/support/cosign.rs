//! Signatures, as cosign lays them down.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berth::oci::{Algorithm, Digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;

use super::{Blob, Client, Image};

/// A key of cosign's kind.
pub(crate) struct CosignKey(EcdsaKeyPair);

impl CosignKey {
    pub(crate) fn new() -> Self {
        let (kind, random) = (&ECDSA_P256_SHA256_ASN1_SIGNING, SystemRandom::new());
        let document = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(kind, document.as_ref(), &random).unwrap())
    }

    fn der(&self) -> Vec<u8> {
        let point = self.0.public_key().as_ref();
        let head = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE";
        // 27 bytes and a point without its first one: so the first 36 characters are those of the head.
        [&STANDARD.decode(head).unwrap()[..], &point[1..]].concat()
    }

    /// As `cosign generate-key-pair` writes it to `cosign.pub`.
    pub(crate) fn pem(&self) -> String {
        let body = STANDARD.encode(self.der());
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
    }

    /// A signature of `artifact`, and the layer that it is.
    pub(crate) fn statement(&self, artifact: &Digest) -> (Blob, serde_json::Value) {
        let payload = json!({
            "critical": {
                "identity": { "docker-reference": "" },
                "image": { "docker-manifest-digest": artifact },
                "type": "cosign container image signature",
            },
            "optional": null,
        });
        let payload = Blob::new(payload.to_string());
        let signature = self.0.sign(&SystemRandom::new(), &payload.bytes).unwrap();
        let mut layer = payload.descriptor("application/vnd.dev.cosign.simplesigning.v1+json");
        layer["annotations"] =
            json!({ "dev.cosignproject.cosign/signature": STANDARD.encode(signature) });
        (payload, layer)
    }

    /// Lays a signature of `artifact` beside `beside`, as `cosign sign --key` does.
    pub(crate) async fn sign(
        &self,
        client: &Client,
        repository: &str,
        artifact: &Digest,
        beside: &Digest,
    ) {
        let (payload, layer) = self.statement(artifact);
        let image = Image::new(vec![payload], json!({ "layers": [layer] }));
        client.push(repository, &format!("sha256-{}.sig", beside.hex()), &image).await;
    }

    /// A bundle with a statement about `artifact`, as `cosign sign --new-bundle-format --key` makes it, that says to be made
    /// with the key `named`.
    pub(crate) fn bundle(&self, artifact: &Digest, named: &Self) -> Blob {
        let kind = "application/vnd.in-toto+json";
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "digest": { "sha256": artifact.hex() } }],
            "predicateType": "https://sigstore.dev/cosign/sign/v1",
            "predicate": {},
        });
        let payload = statement.to_string();
        let signed = format!("DSSEv1 {} {kind} {} {payload}", kind.len(), payload.len());
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        let hash = ring::digest::digest(&ring::digest::SHA256, &named.der());
        let bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": { "publicKey": { "hint": STANDARD.encode(hash) } },
            "dsseEnvelope": {
                "payload": STANDARD.encode(&payload), "payloadType": kind,
                "signatures": [{ "sig": STANDARD.encode(signature) }],
            },
        });
        Blob::with(Algorithm::Sha256, bundle.to_string())
    }
}
