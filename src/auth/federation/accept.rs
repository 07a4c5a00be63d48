//! From what somebody shows to who they are here.

use std::sync::Arc;

use super::claims::{Claims, check};
use super::flaw::Flaw;
use super::jwt::{Unverified, algorithm};
use super::keys::Place;
use super::trusted::{Accepted, Trusted};
use crate::auth::principal::{Lease, Workload};
use crate::auth::{Auth, Error, Origin, Principal, Who};
use crate::clock::Timestamp;
use crate::meta::{FederationRule, Issuer, Subject};
use crate::secret::Secret;

/// What an issuer, or a certificate authority, says of whoever comes. It is verified.
#[derive(Clone, Debug)]
pub struct Vouched {
    /// What the issuer is called here; `None`: it is a certificate.
    pub issuer: Option<String>,
    /// What whoever comes is called there.
    pub subject: String,
    /// Whom it is meant for; certificates are for everybody.
    pub audiences: Vec<String>,
    /// All that is said.
    pub claims: Claims,
    /// When it is over.
    pub expires_at: Option<Timestamp>,
}

impl Vouched {
    /// For the audit trail: `github repo:acme/app:ref:refs/heads/main`.
    fn label(&self) -> String {
        let plain = self.subject.chars().filter(|c| !c.is_control()).take(200);
        format!("{} {}", self.issuer.as_deref().unwrap_or("certificate"), plain.collect::<String>())
    }
}

/// Why a rule does not accept something.
pub(super) fn refusal(
    rule: &FederationRule,
    issuer: Option<&Issuer>,
    vouched: &Vouched,
) -> Option<String> {
    if let Some(issuer) = issuer {
        let wanted = if rule.audiences.is_empty() { &issuer.audiences } else { &rule.audiences };
        if !vouched.audiences.iter().any(|audience| wanted.contains(audience)) {
            let given = vouched.audiences.join("`, `");
            return Some(format!("its audience is `{given}`, and not `{}`", wanted.join("`, `")));
        }
    }
    rule.conditions.iter().find_map(|condition| check(condition, &vouched.claims).err())
}

/// What is said in a token, if its issuer really said so and it is good now.
pub(super) async fn verify(
    auth: &Auth,
    trusted: &Trusted,
    token: &Unverified<'_>,
) -> Result<Vouched, Flaw> {
    let issuer = trusted.issuer_at(token.text("iss")?).filter(|issuer| !issuer.is_disabled);
    let issuer = issuer.ok_or(Flaw::Issuer)?;
    let taken = |name: &String| algorithm(name) == Some(token.algorithm);
    if !issuer.algorithms.is_empty() && !issuer.algorithms.iter().any(taken) {
        return Err(Flaw::Algorithm(format!("{:?}", token.algorithm)));
    }
    // What needs no key is looked at first: a token that is over is not worth a question to its issuer.
    let expires_at = token.check_times(auth.clock.now())?;
    let subject = token.text("sub")?.to_owned();
    auth.verify_signature(&Place::from(issuer), token).await?;
    Ok(Vouched {
        issuer: Some(issuer.name.clone()),
        subject,
        audiences: token.audiences(),
        claims: token.claims.clone(),
        expires_at: Some(expires_at),
    })
}

impl Auth {
    /// Checks a signature with the keys at a place.
    pub(in crate::auth) async fn verify_signature(
        &self,
        place: &Place,
        token: &Unverified<'_>,
    ) -> Result<(), Flaw> {
        let source = self.keys.source(place).map_err(Flaw::NoKeys)?;
        token.verify(&source.key(token.key_id.as_deref(), token.algorithm).await?)
    }

    /// Whose a foreign token is.
    pub(in crate::auth) async fn by_foreign_token(
        &self,
        text: &Secret<String>,
        origin: &Origin,
    ) -> Result<Principal, Error> {
        let trusted = self.trusted().await?;
        let verified = match Unverified::read(text.expose()) {
            Ok(token) => verify(self, &trusted, &token).await,
            Err(flaw) => Err(flaw),
        };
        match verified {
            Ok(vouched) => self.let_in(&vouched, origin).await,
            Err(flaw) => Err(self.turned_away(flaw, origin)),
        }
    }

    /// Who somebody is that was vouched for: the rules decide. Failures count, as wrong passwords do.
    pub async fn let_in(&self, vouched: &Vouched, origin: &Origin) -> Result<Principal, Error> {
        let trusted = self.trusted().await?;
        match self.by_rules(&trusted, vouched).await? {
            Ok(principal) => Ok(principal.coming_from(origin)),
            Err(flaw) => Err(self.turned_away(flaw, origin)),
        }
    }

    /// Who somebody is that was vouched for, or why nobody; nothing is counted.
    pub(in crate::auth) async fn accept(
        &self,
        vouched: &Vouched,
    ) -> Result<Result<Principal, Flaw>, Error> {
        self.by_rules(&*self.trusted().await?, vouched).await
    }

    fn turned_away(&self, flaw: Flaw, origin: &Origin) -> Error {
        // That somebody else's server is down is nobody's guess at anything.
        if matches!(flaw, Flaw::NoKeys(_)) {
            return Error::Foreign(flaw);
        }
        self.failed_guess(origin).err().unwrap_or(Error::Foreign(flaw))
    }

    /// Who the rules make of somebody, or why nobody.
    pub(in crate::auth) async fn by_rules(
        &self,
        trusted: &Trusted,
        vouched: &Vouched,
    ) -> Result<Result<Principal, Flaw>, Error> {
        let issuer = vouched.issuer.as_deref();
        let issuer = trusted.issuers().iter().find(|known| Some(known.name.as_str()) == issuer);
        let accepting: Vec<_> = trusted
            .rules_of(issuer)
            .filter(|rule| refusal(rule, issuer, vouched).is_none())
            .collect();
        let acting = accepting.iter().find_map(|rule| Some((*rule, rule.acts_as.as_ref()?)));
        if accepting.is_empty() {
            return Ok(Err(Flaw::NoRule));
        }
        let Some((first, subject)) = acting else {
            return Ok(Ok(self.as_workload(trusted, &accepting, vouched).await?));
        };
        let other = accepting
            .iter()
            .find(|rule| rule.acts_as.as_ref().is_some_and(|another| another != subject));
        if let Some(other) = other {
            let (a, b) = (first.name.as_str().into(), other.name.as_str().into());
            return Ok(Err(Flaw::Ambiguous(a, b)));
        }
        let lease = lease(trusted, &[first], vouched);
        Ok(self
            .as_account(subject, lease)
            .await?
            .ok_or_else(|| Flaw::Account(first.name.as_str().into())))
    }

    async fn as_workload(
        &self,
        trusted: &Trusted,
        rules: &[&FederationRule],
        vouched: &Vouched,
    ) -> Result<Principal, Error> {
        let workload = Workload {
            name: vouched.label().into(),
            rules: rules.iter().map(|rule| rule.name.as_str().into()).collect(),
            expires_at: vouched.expires_at,
        };
        let principal = Principal::new(Who::Workload(Arc::new(workload)), self.rules().await?);
        Ok(principal.with_lease(lease(trusted, rules, vouched)))
    }

    /// An account that a rule makes of somebody, for as long as what they showed is good.
    pub(in crate::auth) async fn as_account(
        &self,
        subject: &Subject,
        lease: Lease,
    ) -> Result<Option<Principal>, Error> {
        let found = self.enabled(subject.name()).await?;
        let Some(account) = found.filter(|account| account.subject() == *subject) else {
            return Ok(None);
        };
        Ok(Some(Principal::new(Who::Account(account), self.rules().await?).with_lease(lease)))
    }
}

fn lease(trusted: &Trusted, rules: &[&FederationRule], vouched: &Vouched) -> Lease {
    let accepted: Vec<Accepted> = rules.iter().filter_map(|rule| trusted.accepted(rule)).collect();
    Lease { accepted, shown: vouched.label().into(), expires_at: vouched.expires_at }
}
