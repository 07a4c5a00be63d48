//! Public keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

use crate::oci::Algorithm;

/// What stands before a point of P-256 in a `SubjectPublicKeyInfo` (RFC 5480).
pub(super) const SPKI: [u8; 26] = [
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

    /// The hash of the key, in hexadecimal digits: bundles name keys by it.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.point);
        key.verify(message, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_is_told() {
        for text in ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"] {
            assert_eq!(PublicKey::parse(text), Err(InvalidKey));
        }
    }
}
