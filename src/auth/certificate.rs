//! What a client's certificate says, as rules look at it. TLS has verified it before.

use std::sync::Arc;

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{AttributeTypeAndValue, FromDer as _, X509Certificate, X509Name};

use super::federation::{Claims, Flaw, Vouched};
use super::{Auth, Error, Origin, Principal};
use crate::clock::Timestamp;
use crate::oci::Algorithm;
use crate::plugin::CredentialKind;

/// More names than any certificate needs.
const MOST_NAMES: usize = 1000;

/// A client's certificate.
#[derive(Clone, Debug)]
pub struct Certificate {
    vouched: Vouched,
    der: Arc<[u8]>,
}

/// A certificate that TLS took and that cannot be read here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the certificate cannot be read: {0}")]
pub struct InvalidCertificate(String);

impl Certificate {
    /// Reads a certificate (DER).
    pub fn read(der: &[u8]) -> Result<Self, InvalidCertificate> {
        let invalid = |error: &dyn std::fmt::Display| InvalidCertificate(error.to_string());
        let (_, read) = X509Certificate::from_der(der).map_err(|error| invalid(&error))?;
        let mut claims = Claims::new();
        let fingerprint = Algorithm::Sha256.digest(der).hex().to_owned();
        claims.insert("fingerprint".into(), fingerprint.clone().into());
        claims.insert("serial".into(), format!("{:x}", read.serial).into());
        claims.insert("subject".into(), read.subject().to_string().into());
        claims.insert("issuer".into(), read.issuer().to_string().into());
        let names = names(read.subject().iter_common_name());
        // Who has several names of this kind has none that a rule could rely on.
        let common_name = <[String; 1]>::try_from(names).ok().map(|[name]| name);
        if let Some(name) = &common_name {
            claims.insert("cn".into(), name.as_str().into());
        }
        claims.insert("o".into(), list(read.subject(), X509Name::iter_organization));
        claims.insert("ou".into(), list(read.subject(), X509Name::iter_organizational_unit));
        let alternative = read.subject_alternative_name().map_err(|error| invalid(&error))?;
        let alternative = alternative.map(|extension| extension.value.general_names.as_slice());
        let alternative = alternative.unwrap_or_default();
        let of_kind = |wanted: fn(&GeneralName<'_>) -> Option<String>| {
            alternative.iter().filter_map(wanted).take(MOST_NAMES).collect::<Vec<_>>()
        };
        let text = |text: &str| text.to_owned();
        let uris = of_kind(|name| match name {
            GeneralName::URI(uri) => Some((*uri).to_owned()),
            _ => None,
        });
        let dns = of_kind(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        });
        let email = of_kind(|name| match name {
            GeneralName::RFC822Name(address) => Some((*address).to_owned()),
            _ => None,
        });
        // Workloads have one id and no other (SPIFFE, X.509-SVID §2).
        if let [id] = uris.as_slice()
            && id.starts_with("spiffe://")
        {
            claims.insert("spiffe".into(), text(id).into());
        }
        let subject = common_name
            .or_else(|| [&uris, &dns, &email].into_iter().find_map(|names| names.first().cloned()))
            .unwrap_or(fingerprint);
        for (claim, names) in [("san.dns", dns), ("san.email", email), ("san.uri", uris)] {
            claims.insert(claim.into(), names.into());
        }
        let end = read.validity().not_after.timestamp().saturating_mul(1000);
        let expires_at = Some(Timestamp::from_millis(end));
        let vouched = Vouched { issuer: None, subject, audiences: Vec::new(), claims, expires_at };
        Ok(Self { vouched, der: der.into() })
    }

    /// When it is over.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.vouched.expires_at.unwrap_or(Timestamp::from_millis(0))
    }

    /// As rules look at it.
    #[must_use]
    pub fn vouched(&self) -> &Vouched {
        &self.vouched
    }
}

/// Values of a kind that are text.
fn names<'a>(attributes: impl Iterator<Item = &'a AttributeTypeAndValue<'a>>) -> Vec<String> {
    let texts = attributes.filter_map(|attribute| attribute.as_str().ok());
    texts.take(MOST_NAMES).map(str::to_owned).collect()
}

fn list<'a, I>(name: &'a X509Name<'a>, of: impl Fn(&'a X509Name<'a>) -> I) -> serde_json::Value
where
    I: Iterator<Item = &'a AttributeTypeAndValue<'a>>,
{
    names(of(name)).into()
}

impl Auth {
    /// Who a client is that shows a certificate and says nothing else: whoever the rules make of it, or nobody in
    /// particular. A certificate without a rule is no wrong one: it may be there only to be let near at all.
    pub(super) async fn by_certificate(
        &self,
        certificate: &Certificate,
        origin: &Origin,
    ) -> Result<Principal, Error> {
        match self.accept(certificate.vouched()).await? {
            Ok(principal) => Ok(principal.coming_from(origin)),
            Err(Flaw::NoRule) => {
                let der = &certificate.der;
                let length = u32::try_from(der.len()).unwrap_or(u32::MAX);
                let value = [&length.to_be_bytes()[..], der].concat();
                match self.nameless_by_plugin(CredentialKind::Mtls, value, origin).await? {
                    Some(principal) => Ok(principal.coming_from(origin)),
                    None => self.anonymous().await,
                }
            }
            Err(flaw) => Err(Error::Foreign(flaw)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};
    use serde_json::{Value, json};

    fn read(change: impl FnOnce(&mut CertificateParams)) -> Certificate {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.serial_number = Some(vec![0x0a, 0xbc].into());
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Certificate::read(params.self_signed(&key).unwrap().der()).unwrap()
    }

    fn claim(certificate: &Certificate, name: &str) -> Value {
        certificate.vouched().claims.get(name).cloned().unwrap_or_default()
    }

    #[test]
    fn everything_that_a_certificate_says_is_a_claim() {
        let certificate = read(|params| {
            params.distinguished_name.push(DnType::CommonName, "builder");
            params.distinguished_name.push(DnType::OrganizationName, "Acme");
            params.distinguished_name.push(DnType::OrganizationalUnitName, "Build");
            let uri = "spiffe://example.org/ns/build/sa/builder";
            params.subject_alt_names = vec![
                SanType::DnsName("Builder.example.org".try_into().unwrap()),
                SanType::Rfc822Name("builder@example.org".try_into().unwrap()),
                SanType::URI(uri.try_into().unwrap()),
            ];
        });
        for (name, value) in [
            ("cn", json!("builder")),
            ("o", json!(["Acme"])),
            ("ou", json!(["Build"])),
            ("san.dns", json!(["builder.example.org"])),
            ("san.email", json!(["builder@example.org"])),
            ("san.uri", json!(["spiffe://example.org/ns/build/sa/builder"])),
            ("spiffe", json!("spiffe://example.org/ns/build/sa/builder")),
            ("serial", json!("abc")),
        ] {
            assert_eq!(claim(&certificate, name), value, "{name}");
        }
        for name in ["issuer", "subject"] {
            let text = claim(&certificate, name);
            assert!(text.as_str().unwrap().contains("CN=builder"), "{text}");
        }
        assert_eq!(claim(&certificate, "fingerprint").as_str().unwrap().len(), 64);
        assert_eq!(certificate.vouched().subject, "builder");
    }

    #[test]
    fn what_is_said_twice_is_not_relied_on() {
        let two = read(|params| {
            let uris = ["spiffe://example.org/a", "spiffe://example.org/b"];
            params.subject_alt_names =
                uris.map(|uri| SanType::URI(uri.try_into().unwrap())).to_vec();
        });
        assert_eq!(claim(&two, "spiffe"), Value::Null);
        assert_eq!(claim(&two, "san.uri").as_array().unwrap().len(), 2);
        assert_eq!(two.vouched().subject, "spiffe://example.org/a");
        let other = read(|params| {
            let uri = SanType::URI("https://example.org/".try_into().unwrap());
            params.subject_alt_names = vec![uri];
        });
        assert_eq!(claim(&other, "spiffe"), Value::Null);
        let bare = read(|_| {});
        assert_eq!((claim(&bare, "cn"), claim(&bare, "o")), (Value::Null, json!([])));
        assert_eq!(bare.vouched().subject, claim(&bare, "fingerprint").as_str().unwrap());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_it(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let _ = Certificate::read(&bytes);
        }
    }
}
