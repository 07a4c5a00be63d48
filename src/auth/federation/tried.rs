//! Why a token is accepted, or not: told by what decides.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::accept::{Vouched, refusal, verify};
use super::claims::Claims;
use super::jwt::Unverified;
use super::trusted::Trusted;
use crate::auth::{AdminError, Administer, Auth, Certificate};
use crate::clock::Timestamp;
use crate::secret::Secret;

/// What became of a token.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The issuer that it names, as it is called here.
    pub issuer: Option<String>,
    /// Its claims; not to be believed if there is a flaw in it.
    pub claims: Claims,
    /// When it ends, if that can be read.
    pub expires_at: Option<Timestamp>,
    /// What is wrong with the token itself.
    pub flaw: Option<String>,
    /// What each rule about the issuer says; nothing where the issuer is not known.
    pub rules: Vec<TriedRule>,
    /// Who it would be, or why nobody.
    pub becomes: Result<String, String>,
    /// Whom rules of access may be about when it comes.
    pub subjects: Vec<String>,
}

/// What a rule says of a token.
#[derive(Clone, Debug)]
pub struct TriedRule {
    /// The rule.
    pub name: String,
    /// Why it does not accept it.
    pub refusal: Option<String>,
}

impl Auth {
    async fn try_token(&self, text: &Secret<String>) -> Result<Tried, AdminError> {
        let trusted = self.trusted().await?;
        let mut tried = Tried {
            issuer: None,
            claims: Claims::new(),
            expires_at: None,
            flaw: None,
            rules: Vec::new(),
            becomes: Err(String::new()),
            subjects: Vec::new(),
        };
        if let Some(certificate) = read_certificate(text)? {
            let vouched = certificate.vouched();
            tried.claims = vouched.claims.clone();
            tried.expires_at = vouched.expires_at;
            return self.judge(&trusted, vouched, tried).await;
        }
        let verified = match Unverified::read(text.expose().trim()) {
            Ok(token) => {
                tried.claims = token.claims.clone();
                let known = token.text("iss").ok().and_then(|url| trusted.issuer_at(url));
                tried.issuer = known.map(|issuer| issuer.name.clone());
                tried.expires_at = token.check_times(Timestamp::from_millis(0)).ok();
                verify(self, &trusted, &token).await
            }
            Err(flaw) => Err(flaw),
        };
        let vouched = match verified {
            Ok(vouched) => vouched,
            Err(flaw) => {
                tried.becomes = Err(format!("the token is not accepted: {flaw}"));
                tried.flaw = Some(flaw.to_string());
                return Ok(tried);
            }
        };
        self.judge(&trusted, &vouched, tried).await
    }

    /// What the rules say of what was vouched for.
    async fn judge(
        &self,
        trusted: &Trusted,
        vouched: &Vouched,
        mut tried: Tried,
    ) -> Result<Tried, AdminError> {
        let issuer =
            trusted.issuers().iter().find(|issuer| Some(&issuer.name) == tried.issuer.as_ref());
        for rule in trusted.rules().iter().filter(|rule| rule.issuer == tried.issuer) {
            let refusal = if rule.is_disabled {
                Some("it is disabled".to_owned())
            } else {
                refusal(rule, issuer, vouched)
            };
            tried.rules.push(TriedRule { name: rule.name.clone(), refusal });
        }
        match self.by_rules(trusted, vouched).await? {
            Ok(principal) => {
                tried.becomes = Ok(principal.actor());
                tried.subjects = principal.subjects().iter().map(ToString::to_string).collect();
            }
            Err(flaw) => tried.becomes = Err(format!("the token is not accepted: {flaw}")),
        }
        Ok(tried)
    }
}

/// A certificate, where that is tried and no token.
fn read_certificate(text: &Secret<String>) -> Result<Option<Certificate>, AdminError> {
    let text = text.expose().trim_start();
    if !text.starts_with("-----BEGIN") {
        return Ok(None);
    }
    let der = CertificateDer::from_pem_slice(text.as_bytes());
    let der =
        der.map_err(|error| AdminError::Invalid(format!("there is no certificate: {error}")))?;
    let read = Certificate::read(&der).map_err(|error| AdminError::Invalid(error.to_string()))?;
    Ok(Some(read))
}

impl Administer<'_> {
    /// Goes with a token, or a certificate (PEM), through all that would be checked; nothing is issued for it, and nothing is counted.
    pub async fn try_token(&self, text: &Secret<String>) -> Result<Tried, AdminError> {
        self.auth().try_token(text).await
    }
}
