//! What is trusted at the moment, as requests ask for it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::keys::Place;
use crate::meta::{FederationRule, Issuer, Provider, Trust};
use crate::oci::Algorithm;

/// A rule that accepted something, as it was then. Registry tokens carry it, so that they end when the rule is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::auth) struct Accepted {
    /// Its name.
    pub(in crate::auth) rule: Box<str>,
    /// What it and its issuer said.
    pub(in crate::auth) stamp: Box<str>,
}

/// What is trusted, as it was last read.
#[derive(Debug)]
pub(in crate::auth) struct Trusted {
    trust: Trust,
    stamps: HashMap<String, Box<str>>,
}

impl From<&Issuer> for Place {
    fn from(issuer: &Issuer) -> Self {
        Self {
            issuer: issuer.url.clone(),
            jwks_uri: issuer.jwks_uri.clone(),
            keys: issuer.keys.clone(),
            authorities: issuer.authorities.clone(),
        }
    }
}

/// Tells two states of a rule and its issuer apart.
fn stamp(rule: &FederationRule, issuer: Option<&Issuer>) -> Box<str> {
    let said = format!(
        "{:?} {:?} {:?} {:?} {:?}",
        rule.issuer,
        rule.audiences,
        rule.conditions,
        rule.acts_as,
        issuer.map(|issuer| (Place::from(issuer), &issuer.algorithms, &issuer.audiences)),
    );
    Algorithm::Sha256.digest(said.as_bytes()).hex()[..16].into()
}

impl Trusted {
    pub(in crate::auth) fn new(trust: Trust) -> Self {
        let issuer = |name: &str| trust.issuers.iter().find(|issuer| issuer.name == name);
        let stamps = trust
            .rules
            .iter()
            .map(|rule| (rule, rule.issuer.as_deref().and_then(issuer)))
            .filter(|(rule, issuer)| {
                !rule.is_disabled && issuer.is_none_or(|issuer| !issuer.is_disabled)
            })
            .map(|(rule, issuer)| (rule.name.clone(), stamp(rule, issuer)))
            .collect();
        Self { trust, stamps }
    }

    pub(in crate::auth) fn epoch(&self) -> u64 {
        self.trust.epoch
    }

    pub(in crate::auth) fn issuers(&self) -> &[Issuer] {
        &self.trust.issuers
    }

    pub(in crate::auth) fn rules(&self) -> &[FederationRule] {
        &self.trust.rules
    }

    pub(in crate::auth) fn providers(&self) -> &[Provider] {
        &self.trust.providers
    }

    /// The issuer that calls itself so.
    pub(in crate::auth) fn issuer_at(&self, url: &str) -> Option<&Issuer> {
        self.trust.issuers.iter().find(|issuer| issuer.url == url)
    }

    /// The rules about an issuer, or about certificates, that are in force.
    pub(in crate::auth) fn rules_of<'a>(
        &'a self,
        issuer: Option<&'a Issuer>,
    ) -> impl Iterator<Item = &'a FederationRule> {
        let name = issuer.map(|issuer| issuer.name.as_str());
        self.trust.rules.iter().filter(move |rule| {
            rule.issuer.as_deref() == name && self.stamps.contains_key(&rule.name)
        })
    }

    /// A rule that is in force, as a registry token remembers it.
    pub(in crate::auth) fn accepted(&self, rule: &FederationRule) -> Option<Accepted> {
        let stamp = self.stamps.get(&rule.name)?.clone();
        Some(Accepted { rule: rule.name.as_str().into(), stamp })
    }

    /// Whether a rule still says what it said.
    pub(in crate::auth) fn is_in_force(&self, accepted: &Accepted) -> bool {
        self.stamps.get(&*accepted.rule) == Some(&accepted.stamp)
    }
}
