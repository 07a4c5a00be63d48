//! What a provider says of somebody, and what of it counts here.

use std::collections::BTreeSet;

use crate::auth::is_account_name;
use crate::meta::{Provider, Subject};

/// More groups than anybody is in on purpose.
const MOST_GROUPS: usize = 1000;

/// What a provider says of somebody.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    /// How it names them for ever.
    pub(super) id: String,
    /// What they are called.
    pub(super) name: String,
    /// As people write it.
    pub(super) full_name: String,
    /// An address, for people to read.
    pub(super) email: String,
    /// The domain that they belong to, if the provider has made sure of that.
    pub(super) domain: Option<String>,
    /// Its groups that they are in.
    pub(super) groups: Vec<String>,
}

/// Whether somebody may sign in, or why not.
pub(super) fn check_allowed(provider: &Provider, said: &Said) -> Result<(), String> {
    let settings = &provider.settings;
    if !settings.allowed_domains.is_empty() {
        let domain = said.domain.as_deref().unwrap_or_default();
        let is_allowed =
            settings.allowed_domains.iter().any(|allowed| allowed.eq_ignore_ascii_case(domain));
        if !is_allowed {
            return Err("only people of some domains may sign in here, and you have no verified address in one of them".into());
        }
    }
    let is_in = |group: &String| said.groups.contains(group);
    if !settings.allowed_groups.is_empty() && !settings.allowed_groups.iter().any(is_in) {
        return Err(
            "only people in some groups may sign in here, and you are in none of them".into()
        );
    }
    Ok(())
}

/// The groups that somebody is in here: `PROVIDER/VALUE`, unless the provider's row names one of ours.
pub(super) fn groups(provider: &Provider, said: &[String]) -> Vec<String> {
    let ours = said.iter().take(MOST_GROUPS).filter_map(|value| {
        let named = provider.settings.groups.get(value).cloned();
        let name = named.unwrap_or_else(|| {
            // Keycloak writes groups as paths.
            format!("{}/{}", provider.name, value.trim_start_matches('/'))
        });
        let is_name = !name.ends_with('/') && format!("group:{name}").parse::<Subject>().is_ok();
        is_name.then_some(name)
    });
    ours.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Text for people to read, on a terminal as well.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// A name for an account: what cannot stand in one is written as `-`.
pub(super) fn account_name(said: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '@' | '-');
    let name: String =
        said.trim().chars().map(|c| if fits(c) { c } else { '-' }).take(64).collect();
    is_account_name(&name).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::meta::{ProviderKind, ProviderSettings};

    fn provider(settings: ProviderSettings) -> Provider {
        Provider {
            name: "sso".into(),
            kind: ProviderKind::Oidc,
            settings,
            secret: None,
            is_disabled: false,
            created_at: Timestamp::from_millis(0),
            created_by: String::new(),
        }
    }

    #[test]
    fn claimed_groups_keep_to_their_provider_unless_a_row_maps_them() {
        let mut settings = ProviderSettings::default();
        settings.groups.insert("/ops".into(), "operators".into());
        let provider = provider(settings);
        let said = ["/ops", "/devs/core", "devs", "", "/", "bad\nname", "devs"].map(str::to_owned);
        assert_eq!(groups(&provider, &said), ["operators", "sso/devs", "sso/devs/core"]);
    }

    #[test]
    fn only_verified_domains_and_claimed_groups_open_the_door() {
        let mut settings = ProviderSettings::default();
        settings.allowed_domains = vec!["acme.example".into()];
        settings.allowed_groups = vec!["devs".into()];
        let provider = provider(settings);
        let said = |domain: Option<&str>, group: &str| Said {
            domain: domain.map(str::to_owned),
            groups: vec![group.to_owned()],
            email: "x@acme.example".into(),
            ..Said::default()
        };
        assert!(check_allowed(&provider, &said(Some("ACME.example"), "devs")).is_ok());
        for (domain, group) in
            [(None, "devs"), (Some("acme.example"), "dev"), (Some("evil-acme.example"), "devs")]
        {
            assert!(check_allowed(&provider, &said(domain, group)).is_err(), "{domain:?} {group}");
        }
    }

    #[test]
    fn names_are_made_to_fit() {
        assert_eq!(account_name("ann@acme.example").as_deref(), Some("ann@acme.example"));
        assert_eq!(account_name("Ann Lee").as_deref(), Some("Ann-Lee"));
        assert_eq!(account_name(""), None);
    }
}
