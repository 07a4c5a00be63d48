//! What a directory is asked with: defaults for the kinds of servers there are, and checks.

use super::connection::ServerUrl;
use super::dn::Dn;
use super::template::{check_group_filter, check_user_filter};
use super::tls::read_authorities;
use crate::config::HumanDuration;
use crate::meta::{DirectorySettings, GroupLookup, Subject};

/// What kind of server it is; decides the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectoryKind {
    /// OpenLDAP, 389, lldap and others, with the usual schema.
    Ldap,
    /// Active Directory, or Samba as one.
    ActiveDirectory,
}

impl std::str::FromStr for DirectoryKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "ldap" => Ok(Self::Ldap),
            "active-directory" => Ok(Self::ActiveDirectory),
            _ => Err(format!("`{text}` is no kind of directory: use `ldap` or `active-directory`")),
        }
    }
}

impl DirectoryKind {
    /// Settings of such a server, to begin with.
    #[must_use]
    pub fn defaults(self) -> DirectorySettings {
        let ldap = DirectorySettings {
            is_enabled: true,
            urls: Vec::new(),
            starttls: true,
            authorities: String::new(),
            bind_dn: String::new(),
            user_base: String::new(),
            user_filter: "(uid={user})".into(),
            name_attribute: "uid".into(),
            id_attribute: "entryUUID".into(),
            full_name_attribute: "cn".into(),
            email_attribute: "mail".into(),
            groups: GroupLookup::Search,
            group_base: String::new(),
            group_filter: "(|(member={dn})(uniqueMember={dn})(memberUid={user}))".into(),
            group_name_attribute: "cn".into(),
            mapping: Vec::new(),
            only_mapped: false,
            remember: HumanDuration::seconds(300),
            timeout: HumanDuration::seconds(5),
        };
        match self {
            Self::Ldap => ldap,
            Self::ActiveDirectory => DirectorySettings {
                // Whoever is disabled there (bit 2) is not found.
                user_filter: "(&(objectCategory=person)(objectClass=user)(|(sAMAccountName={user})(userPrincipalName={user}))(!(userAccountControl:1.2.840.113556.1.4.803:=2)))".into(),
                name_attribute: "sAMAccountName".into(),
                id_attribute: "objectGUID".into(),
                full_name_attribute: "displayName".into(),
                groups: GroupLookup::MemberOf,
                ..ldap
            },
        }
    }
}

/// Whether text can name a directory: it stands before the names of its groups.
#[must_use]
pub fn is_directory_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

/// Why settings cannot be used, in words; the first reason there is.
pub(in crate::auth) fn check(
    settings: &DirectorySettings,
    has_password: bool,
) -> Result<(), String> {
    check_servers(settings)?;
    match (settings.bind_dn.is_empty(), has_password) {
        (false, false) => {
            return Err(
                "who searches needs a password: servers let everybody in without one".into()
            );
        }
        (true, true) => {
            return Err("there is a password, but no name of who searches with it".into());
        }
        _ => {}
    }
    let dn = |text: &str| text.parse::<Dn>().map(drop).map_err(|error| error.to_string());
    if settings.user_base.is_empty() {
        return Err(
            "say below which entry users are looked for, such as `ou=people,dc=example,dc=org`"
                .into(),
        );
    }
    dn(&settings.user_base)?;
    if !settings.group_base.is_empty() {
        dn(&settings.group_base)?;
    }
    check_user_filter(&settings.user_filter)
        .map_err(|error| format!("the filter of users: {error}"))?;
    if settings.groups == GroupLookup::Search {
        check_group_filter(&settings.group_filter)
            .map_err(|error| format!("the filter of groups: {error}"))?;
    }
    check_attributes(settings)?;
    for mapping in &settings.mapping {
        if mapping.from.trim().is_empty()
            || format!("group:{}", mapping.to).parse::<Subject>().is_err()
        {
            return Err(format!(
                "`{}` → `{}` maps no group: give a DN or a name, and a group here",
                shown(&mapping.from),
                shown(&mapping.to)
            ));
        }
    }
    let between = |what: &str, value: HumanDuration, least: HumanDuration, most: HumanDuration| {
        let fits = (least..=most).contains(&value);
        fits.then_some(())
            .ok_or_else(|| format!("{what} of {value} is not between {least} and {most}"))
    };
    between(
        "a time limit",
        settings.timeout,
        HumanDuration::seconds(1),
        HumanDuration::seconds(60),
    )?;
    between(
        "remembering",
        settings.remember,
        HumanDuration::seconds(0),
        HumanDuration::seconds(86_400),
    )
}

fn check_servers(settings: &DirectorySettings) -> Result<(), String> {
    if !(1..=8).contains(&settings.urls.len()) {
        return Err(
            "give the address of a server, and eight at most, such as `ldaps://dc1.example.org`"
                .into(),
        );
    }
    for url in &settings.urls {
        let server: ServerUrl = url.parse()?;
        if settings.starttls && server.host.contains(':') {
            return Err(format!(
                "{url} needs a host name for StartTLS: a certificate is checked against it"
            ));
        }
    }
    if !settings.authorities.is_empty() {
        read_authorities(&settings.authorities)?;
    }
    Ok(())
}

fn check_attributes(settings: &DirectorySettings) -> Result<(), String> {
    let is_name = |text: &str| {
        text.len() <= 100
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
    };
    let needed = [
        ("account's name", &settings.name_attribute),
        ("group's name", &settings.group_name_attribute),
    ];
    for (what, attribute) in needed {
        if attribute.is_empty() {
            return Err(format!("an attribute has to hold a {what}"));
        }
    }
    let all = needed.map(|(_, attribute)| attribute).into_iter().chain([
        &settings.id_attribute,
        &settings.full_name_attribute,
        &settings.email_attribute,
    ]);
    for attribute in all {
        if !is_name(attribute) {
            return Err(format!("`{}` is no attribute's name", shown(attribute)));
        }
    }
    Ok(())
}

fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> DirectorySettings {
        DirectorySettings {
            urls: vec!["ldaps://dc1.example.org".into()],
            user_base: "dc=example,dc=org".into(),
            ..DirectoryKind::Ldap.defaults()
        }
    }

    #[test]
    fn the_defaults_of_each_kind_can_be_used() {
        for kind in [DirectoryKind::Ldap, DirectoryKind::ActiveDirectory] {
            let settings = DirectorySettings {
                urls: good().urls,
                user_base: good().user_base,
                ..kind.defaults()
            };
            assert_eq!(check(&settings, false), Ok(()));
        }
    }

    #[test]
    fn what_cannot_work_is_told() {
        type Change = fn(&mut DirectorySettings);
        let wrong: [(&str, Change); 11] = [
            ("address of a server", |settings| settings.urls.clear()),
            ("no address", |settings| settings.urls.push("https://x".into())),
            ("needs a password", |settings| settings.bind_dn = "cn=berth".into()),
            ("users are looked for", |settings| settings.user_base.clear()),
            ("no distinguished name", |settings| settings.group_base = "groups".into()),
            ("filter of users", |settings| settings.user_filter = "(uid=ann)".into()),
            ("filter of groups", |settings| settings.group_filter = "(cn=x)".into()),
            ("no attribute's name", |settings| settings.email_attribute = "mail)(x".into()),
            ("no certificate", |settings| settings.authorities = "x".into()),
            ("time limit", |settings| settings.timeout = HumanDuration::seconds(0)),
            ("remembering", |settings| settings.remember = HumanDuration::seconds(100_000)),
        ];
        for (words, change) in wrong {
            let mut settings = good();
            change(&mut settings);
            let error = check(&settings, false).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        assert!(check(&good(), true).unwrap_err().contains("no name of who searches"));
        let mut mapped = good();
        mapped.mapping.push(crate::meta::GroupMapping { from: "cn=x".into(), to: "a\nb".into() });
        assert!(check(&mapped, false).unwrap_err().contains("maps no group"));
    }
}
