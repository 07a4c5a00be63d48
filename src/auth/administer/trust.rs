//! Changing whom this registry trusts beside itself.

use super::{AdminError, Administer, is_role_name, shown};
use crate::auth::federation::{algorithm, algorithm_names, is_key_set};
use crate::auth::sign_in::public_issuer;
use crate::auth::token::SERVICE;
use crate::meta::{
    Condition, FederationRule, Issuer, Provider, ProviderKind, SubjectKind, Test, TrustChanged,
};
use crate::remote::is_web_address;

/// Issuers whose tokens everybody in the world can have, and the claims that tell one's own from those of others.
const SHARED: [(&str, &[&str]); 6] = [
    (
        "https://token.actions.githubusercontent.com",
        &[
            "sub",
            "repository",
            "repository_id",
            "repository_owner",
            "repository_owner_id",
            "enterprise_id",
            "job_workflow_ref",
        ],
    ),
    (
        "https://gitlab.com",
        &["sub", "project_path", "project_id", "namespace_path", "namespace_id"],
    ),
    ("https://accounts.google.com", &["sub", "email", "hd"]),
    (
        "https://app.terraform.io",
        &["sub", "terraform_organization_id", "terraform_organization_name"],
    ),
    ("https://oidc.circleci.com", &["sub"]),
    ("https://agent.buildkite.com", &["sub", "organization_slug", "organization_id"]),
];

/// Names that mean something else where providers are named.
const RESERVED: [&str; 5] = ["public", "local", "password", "ldap", "device"];

/// More than a rule needs.
const MOST_CONDITIONS: usize = 50;
const LONGEST: usize = 1000;

fn checked_name(what: &'static str, name: &str) -> Result<(), AdminError> {
    if is_role_name(name) {
        return Ok(());
    }
    let rule = "use up to 64 lower-case letters, digits and `-`";
    Err(AdminError::InvalidName { what, name: shown(name), rule })
}

fn invalid<T>(message: impl Into<String>) -> Result<T, AdminError> {
    Err(AdminError::Invalid(message.into()))
}

fn settle(changed: TrustChanged, what: &'static str, name: &str) -> Result<(), AdminError> {
    let name = shown(name);
    match changed {
        TrustChanged::Done => Ok(()),
        TrustChanged::Unknown => Err(AdminError::Unknown { what, name }),
        TrustChanged::NoIssuer => {
            invalid("there is no issuer of that name: make it first, or use `certificate`")
        }
        TrustChanged::NoAccount => invalid("there is no account that the rule could act as"),
        TrustChanged::UrlTaken(other) => {
            invalid(format!("the issuer `{other}` has this URL already: change that one"))
        }
        TrustChanged::InUse(rules) => invalid(format!(
            "{rules} federation rules are about the issuer `{name}`: remove them first"
        )),
    }
}

impl Administer<'_> {
    /// Whose tokens are looked at.
    pub async fn issuers(&self) -> Result<Vec<Issuer>, AdminError> {
        Ok(self.auth.trusted().await?.issuers().to_vec())
    }

    /// An issuer by its name.
    pub async fn issuer(&self, name: &str) -> Result<Issuer, AdminError> {
        let found = self.issuers().await?.into_iter().find(|issuer| issuer.name == name);
        found.ok_or_else(|| AdminError::Unknown { what: "issuer", name: shown(name) })
    }

    /// Makes an issuer, or changes the one of its name.
    pub async fn put_issuer(&self, issuer: Issuer) -> Result<Issuer, AdminError> {
        check_issuer(&issuer)?;
        let name = issuer.name.clone();
        let changed = self.auth.meta.put_issuer(issuer, self.actor()).await?;
        settle(changed, "issuer", &name)?;
        self.issuer(&name).await
    }

    /// Refuses the tokens of an issuer, or no longer.
    pub async fn disable_issuer(&self, name: &str, disabled: bool) -> Result<Issuer, AdminError> {
        settle(self.auth.meta.disable_issuer(name, disabled, self.actor()).await?, "issuer", name)?;
        self.issuer(name).await
    }

    /// Removes an issuer that no rule is about.
    pub async fn remove_issuer(&self, name: &str) -> Result<(), AdminError> {
        settle(self.auth.meta.remove_issuer(name, self.actor()).await?, "issuer", name)
    }

    /// The federation rules.
    pub async fn federation_rules(&self) -> Result<Vec<FederationRule>, AdminError> {
        Ok(self.auth.trusted().await?.rules().to_vec())
    }

    /// A federation rule by its name.
    pub async fn federation_rule(&self, name: &str) -> Result<FederationRule, AdminError> {
        let found = self.federation_rules().await?.into_iter().find(|rule| rule.name == name);
        found.ok_or_else(|| AdminError::Unknown { what: "federation rule", name: shown(name) })
    }

    /// Makes a federation rule, or changes the one of its name.
    pub async fn put_federation_rule(
        &self,
        rule: FederationRule,
    ) -> Result<FederationRule, AdminError> {
        let issuer = match &rule.issuer {
            Some(name) => self.issuers().await?.into_iter().find(|issuer| issuer.name == *name),
            None => None,
        };
        check_rule(&rule, issuer.as_ref())?;
        let name = rule.name.clone();
        let changed = self.auth.meta.put_federation_rule(rule, self.actor()).await?;
        settle(changed, "federation rule", &name)?;
        self.federation_rule(&name).await
    }

    /// Makes a federation rule accept nobody, or no longer.
    pub async fn disable_federation_rule(
        &self,
        name: &str,
        disabled: bool,
    ) -> Result<FederationRule, AdminError> {
        let changed = self.auth.meta.disable_federation_rule(name, disabled, self.actor()).await?;
        settle(changed, "federation rule", name)?;
        self.federation_rule(name).await
    }

    /// Removes a federation rule, and what its workload was allowed.
    pub async fn remove_federation_rule(&self, name: &str) -> Result<(), AdminError> {
        let changed = self.auth.meta.remove_federation_rule(name, self.actor()).await?;
        settle(changed, "federation rule", name)
    }

    /// Where people sign in.
    pub async fn providers(&self) -> Result<Vec<Provider>, AdminError> {
        Ok(self.auth.trusted().await?.providers().to_vec())
    }

    /// A provider by its name.
    pub async fn provider(&self, name: &str) -> Result<Provider, AdminError> {
        let found = self.providers().await?.into_iter().find(|provider| provider.name == name);
        found.ok_or_else(|| AdminError::Unknown { what: "provider", name: shown(name) })
    }

    /// Makes a provider, or changes the one of its name. Without a client secret it keeps the one that it has, if it stays
    /// the same: a secret is not handed to another server.
    pub async fn put_provider(&self, mut provider: Provider) -> Result<Provider, AdminError> {
        let before = self.providers().await?.into_iter().find(|known| known.name == provider.name);
        let is_new = before.is_none();
        let is_same = |known: &Provider| {
            known.settings.issuer == provider.settings.issuer
                && known.settings.client_id == provider.settings.client_id
        };
        if provider.secret.is_none() {
            provider.secret = before.filter(is_same).and_then(|known| known.secret);
        }
        check_provider(&provider)?;
        let name = provider.name.clone();
        // Both stand before the names of their groups.
        if is_new && self.auth.meta.find_directory(&name).await?.is_some() {
            return Err(AdminError::NameTaken { what: "a directory", name });
        }
        self.auth.meta.put_provider(provider, self.actor()).await?;
        self.provider(&name).await
    }

    /// Lets nobody sign in by a provider, or no longer.
    pub async fn disable_provider(
        &self,
        name: &str,
        disabled: bool,
    ) -> Result<Provider, AdminError> {
        let changed = self.auth.meta.disable_provider(name, disabled, self.actor()).await?;
        settle(changed, "provider", name)?;
        self.provider(name).await
    }

    /// Removes a provider. Accounts that it vouched for stay, but nobody can sign in to them.
    pub async fn remove_provider(&self, name: &str) -> Result<(), AdminError> {
        settle(self.auth.meta.remove_provider(name, self.actor()).await?, "provider", name)
    }
}

fn check_issuer(issuer: &Issuer) -> Result<(), AdminError> {
    checked_name("an issuer", &issuer.name)?;
    if issuer.name == "certificate" {
        return invalid("`certificate` stands for client certificates: choose another name");
    }
    let url = &issuer.url;
    if url.is_empty() || url.len() > LONGEST || url.trim() != url || url == SERVICE {
        return invalid("`url` is what stands in the claim `iss`, letter for letter");
    }
    match (&issuer.keys, &issuer.jwks_uri) {
        (Some(_), Some(_)) => return invalid("give `keys` or `jwks_uri`, not both"),
        (Some(keys), None) if keys.len() > 256 << 10 || !is_key_set(keys) => {
            return invalid(
                "`keys` is a JSON Web Key Set with at least one key that can be used: RSA, P-256, P-384 or Ed25519",
            );
        }
        (None, Some(address)) if !is_web_address(address) => {
            return invalid(
                "`jwks_uri` begins with `https://`; plain `http://` is for this machine alone",
            );
        }
        (None, None) if !is_web_address(url) => {
            return invalid(
                "the issuer's URL does not begin with `https://`, so its keys cannot be found there: give `jwks_uri` or `keys`",
            );
        }
        _ => {}
    }
    if let Some(unknown) = issuer.algorithms.iter().find(|name| algorithm(name).is_none()) {
        let known = algorithm_names().collect::<Vec<_>>().join("`, `");
        return invalid(format!("`{}` is no algorithm that is taken: `{known}`", shown(unknown)));
    }
    check_authorities(&issuer.authorities)?;
    if issuer.audiences.is_empty() {
        return invalid("name an audience: a token that is meant for others proves nothing here");
    }
    check_texts("audience", &issuer.audiences)
}

fn check_authorities(pem: &str) -> Result<(), AdminError> {
    if pem.len() > 256 << 10 {
        return invalid("the certificate authorities are too large");
    }
    crate::remote::Web::new("https://localhost", pem)
        .map(drop)
        .map_err(|error| AdminError::Invalid(error.to_string()))
}

fn check_texts(what: &str, texts: &[String]) -> Result<(), AdminError> {
    let good = |text: &String| !text.is_empty() && text.len() <= LONGEST;
    if texts.len() > 100 || !texts.iter().all(good) {
        return invalid(format!(
            "each {what} has 1 to {LONGEST} characters, and there are 100 at most"
        ));
    }
    Ok(())
}

fn check_rule(rule: &FederationRule, issuer: Option<&Issuer>) -> Result<(), AdminError> {
    checked_name("a federation rule", &rule.name)?;
    check_texts("audience", &rule.audiences)?;
    if rule.conditions.is_empty() {
        return invalid(
            "a rule without a condition would accept whatever its issuer signs: name a claim and what it has to be",
        );
    }
    if rule.conditions.len() > MOST_CONDITIONS {
        return invalid(format!("a rule has {MOST_CONDITIONS} conditions at most"));
    }
    for Condition { claim, test } in &rule.conditions {
        check_texts("claim", std::slice::from_ref(claim))?;
        match test {
            Test::Is(text) | Test::Like(text) | Test::Has(text) => {
                check_texts("value", std::slice::from_ref(text))?;
            }
            Test::In(texts) if texts.is_empty() => {
                return invalid(format!("`{claim}` can be none of no values"));
            }
            Test::In(texts) => check_texts("value", texts)?,
        }
    }
    if let Some(subject) = &rule.acts_as
        && !matches!(subject.kind(), SubjectKind::User | SubjectKind::Robot)
    {
        return invalid("a rule acts as `robot:NAME` or `user:NAME`");
    }
    let Some(issuer) = issuer else { return Ok(()) };
    let shared = SHARED.iter().find(|(url, _)| {
        issuer.url == *url || issuer.url.strip_prefix(url).is_some_and(|rest| rest.starts_with('/'))
    });
    if let Some((_, own)) = shared
        && !rule.conditions.iter().any(|condition| tells_apart(condition, own))
    {
        return invalid(format!(
            "everybody can have tokens of {}: the rule needs a condition on one of `{}` that says which are yours",
            issuer.url,
            own.join("`, `")
        ));
    }
    Ok(())
}

/// Whether a condition is on one of these claims, and leaves more than a pattern's stars.
fn tells_apart(condition: &Condition, claims: &[&str]) -> bool {
    claims.contains(&condition.claim.as_str())
        && match &condition.test {
            // `repo:*/app:**` is as good as nothing: what stands before the first star has to name somebody.
            Test::Like(pattern) => pattern.split('*').next().is_some_and(|fixed| {
                !matches!(fixed, "" | "repo:" | "project_path:" | "organization:" | "org/")
            }),
            Test::Is(_) | Test::In(_) | Test::Has(_) => true,
        }
}

fn check_provider(provider: &Provider) -> Result<(), AdminError> {
    let settings = &provider.settings;
    checked_name("a provider", &provider.name)?;
    if RESERVED.contains(&provider.name.as_str()) {
        return invalid(format!("`{}` means something else: choose another name", provider.name));
    }
    let public = public_issuer(provider.kind);
    if settings.issuer.is_empty() && public.is_none() {
        return invalid(match provider.kind {
            ProviderKind::Entra => {
                "`issuer` is `https://login.microsoftonline.com/TENANT/v2.0`, with the id of your tenant"
            }
            ProviderKind::Keycloak => "`issuer` is `https://HOST/realms/REALM`",
            _ => "`issuer` is what the provider calls itself in its discovery document",
        });
    }
    if !settings.issuer.is_empty() && !is_web_address(&settings.issuer) {
        return invalid(
            "`issuer` begins with `https://`; plain `http://` is for this machine alone",
        );
    }
    // Whoever has any Microsoft account could come in by these.
    let anybody = ["/common/", "/organizations/", "/consumers/"];
    if provider.kind == ProviderKind::Entra
        && anybody.iter().any(|any| settings.issuer.contains(any))
    {
        return invalid("`issuer` has to name your tenant by its id");
    }
    if settings.client_id.is_empty() || settings.client_id.len() > LONGEST {
        return invalid(
            "`client_id` is missing: the provider gives it when Berth is registered there",
        );
    }
    let is_public = settings.issuer.is_empty() || public == Some(settings.issuer.as_str());
    let is_limited = !settings.allowed_domains.is_empty() || !settings.allowed_groups.is_empty();
    if public.is_some() && is_public && !is_limited && !settings.is_open {
        return invalid(
            "everybody in the world can sign in there: limit it with `allowed_domains` or `allowed_groups`, or set `is_open`",
        );
    }
    if provider.kind == ProviderKind::Google && !settings.allowed_groups.is_empty() {
        return invalid("Google tells of no groups: limit it with `allowed_domains`");
    }
    check_authorities(&settings.authorities)?;
    check_texts("scope", &settings.scopes)?;
    check_texts("domain", &settings.allowed_domains)?;
    check_texts("group", &settings.allowed_groups)?;
    for group in settings.groups.values() {
        if !super::is_group_name(group) {
            return invalid(format!("`{}` cannot be the name of a group", shown(group)));
        }
    }
    if settings.title.chars().count() > 60 || settings.title.chars().any(char::is_control) {
        return invalid("`title` has 60 characters at most");
    }
    if settings.sign_in_every.is_some_and(|millis| millis < 60 * 60 * 1000) {
        return invalid("`sign_in_every` is an hour at least");
    }
    Ok(())
}
