//! What is known of each kind of provider, and what its row says instead.

use crate::auth::federation::Place;
use crate::meta::{Provider, ProviderKind, ProviderSettings};

/// How a provider is spoken to.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    /// What it calls itself; for GitHub the address of its pages.
    pub(super) issuer: String,
    /// What is asked for.
    pub(super) scopes: Vec<String>,
    /// The claim that names the account.
    pub(super) name_claim: String,
    /// The claim that lists groups.
    pub(super) groups_claim: Option<String>,
}

/// The issuer of a provider of the public, whose people are everybody.
pub(in crate::auth) const fn public_issuer(kind: ProviderKind) -> Option<&'static str> {
    match kind {
        ProviderKind::Google => Some("https://accounts.google.com"),
        ProviderKind::GitHub => Some("https://github.com"),
        ProviderKind::GitLab => Some("https://gitlab.com"),
        ProviderKind::Entra | ProviderKind::Keycloak | ProviderKind::Oidc => None,
    }
}

/// What stands on a provider's button.
pub(super) fn title(provider: &Provider) -> String {
    if !provider.settings.title.is_empty() {
        return provider.settings.title.clone();
    }
    match provider.kind {
        ProviderKind::Entra => "Microsoft".into(),
        ProviderKind::Google => "Google".into(),
        ProviderKind::GitHub => "GitHub".into(),
        ProviderKind::GitLab => "GitLab".into(),
        ProviderKind::Keycloak | ProviderKind::Oidc => provider.name.clone(),
    }
}

impl Setup {
    pub(super) fn of(provider: &Provider) -> Self {
        let ProviderSettings { issuer, scopes, name_claim, groups_claim, .. } = &provider.settings;
        let (asked, name, groups): (&[&str], _, _) = match provider.kind {
            ProviderKind::Google => (&OPENID, "email", None),
            ProviderKind::GitHub => (&["read:user", "user:email", "read:org"], "login", None),
            ProviderKind::GitLab => (&OPENID, "preferred_username", Some("groups_direct")),
            // Entra lists the object ids of groups; there is no name in the token.
            ProviderKind::Entra | ProviderKind::Keycloak => {
                (&OPENID, "preferred_username", Some("groups"))
            }
            ProviderKind::Oidc => (&OPENID, "preferred_username", None),
        };
        let asked = asked.iter().map(|scope| (*scope).to_owned());
        let more = scopes.iter().filter(|scope| !OPENID.contains(&scope.as_str())).cloned();
        Self {
            issuer: if issuer.is_empty() {
                public_issuer(provider.kind).unwrap_or_default().to_owned()
            } else {
                issuer.clone()
            },
            scopes: asked.chain(more).collect(),
            name_claim: name_claim.clone().unwrap_or_else(|| name.to_owned()),
            groups_claim: groups_claim.clone().or_else(|| groups.map(str::to_owned)),
        }
    }

    /// Where its keys and its discovery document are.
    pub(super) fn place(&self, provider: &Provider) -> Place {
        Place {
            issuer: self.issuer.clone(),
            jwks_uri: None,
            keys: None,
            authorities: provider.settings.authorities.clone(),
        }
    }
}

const OPENID: [&str; 3] = ["openid", "profile", "email"];
