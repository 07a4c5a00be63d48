//! Somebody as a directory knows them: their entry, and the groups that they are in.

use std::fmt::Write as _;

use ldap3::Scope;

use super::connection::{Entry, Fault, Found, Search};
use super::dn::Dn;
use super::pool::Pool;
use super::template::{Filling, equals, fill, in_chain};
use crate::meta::{Directory, DirectorySettings, ExternalAccount, GroupLookup, Subject};

/// More groups than this nobody is in; what is beyond is left out, and the log says so.
const MOST_GROUPS: i32 = 1000;

/// What external ids begin with that are not text.
const HEX: &str = "hex:";
const DN: &str = "dn:";

/// Somebody as a directory knows them.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) dn: String,
    /// The name that their account has or gets.
    pub(super) name: String,
    /// How the directory names them for ever.
    pub(super) external_id: String,
    full_name: String,
    email: String,
    /// Groups that their entry lists.
    listed: Vec<String>,
}

/// A group of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DirectoryGroup {
    pub(super) dn: String,
    pub(super) name: String,
}

fn attributes(settings: &DirectorySettings) -> Vec<String> {
    let mut wanted = vec![
        settings.name_attribute.clone(),
        settings.id_attribute.clone(),
        settings.full_name_attribute.clone(),
        settings.email_attribute.clone(),
    ];
    if settings.groups == GroupLookup::MemberOf {
        wanted.push("memberOf".into());
    }
    wanted.retain(|name| !name.is_empty());
    wanted
}

fn unusable(error: impl ToString) -> Fault {
    Fault::Refused(error.to_string())
}

/// Who logs in with a name; nobody if no entry fits.
pub(super) async fn find(
    directory: &Directory,
    pool: &Pool,
    name: &str,
) -> Result<Option<Person>, Fault> {
    let settings = &directory.settings;
    let filter =
        fill(&settings.user_filter, &[("user", Filling::Value(name))]).map_err(unusable)?;
    only(directory, search(settings, pool, Scope::Subtree, &settings.user_base, filter).await?)
}

/// The entry that was once found under an id, if it is still there, and still one that may log in.
pub(super) async fn find_again(
    directory: &Directory,
    pool: &Pool,
    external_id: &str,
) -> Result<Option<Person>, Fault> {
    let settings = &directory.settings;
    let anybody = fill(&settings.user_filter, &[("user", Filling::Anything)]).map_err(unusable)?;
    let found = if let Some(dn) = external_id.strip_prefix(DN) {
        search(settings, pool, Scope::Base, dn, anybody).await?
    } else {
        let id = match external_id.strip_prefix(HEX).and_then(from_hex) {
            Some(bytes) => equals(&settings.id_attribute, &bytes),
            None => equals(&settings.id_attribute, external_id.as_bytes()),
        };
        let filter = format!("(&{id}{anybody})");
        search(settings, pool, Scope::Subtree, &settings.user_base, filter).await?
    };
    only(directory, found)
}

async fn search(
    settings: &DirectorySettings,
    pool: &Pool,
    scope: Scope,
    base: &str,
    filter: String,
) -> Result<Found, Fault> {
    let search =
        Search { base: base.to_owned(), scope, filter, attributes: attributes(settings), limit: 2 };
    pool.search(&search).await
}

fn only(directory: &Directory, found: Found) -> Result<Option<Person>, Fault> {
    let mut entries = found.entries.into_iter();
    let Some(entry) = entries.next() else { return Ok(None) };
    if found.has_more || entries.next().is_some() {
        return Err(unusable("several entries fit one name: make the filter of users narrower"));
    }
    read(directory, &entry).map(Some)
}

fn read(directory: &Directory, entry: &Entry) -> Result<Person, Fault> {
    let settings = &directory.settings;
    // A login with an empty name would be one of nobody.
    if entry.dn.is_empty() {
        return Err(unusable("the entry of a user has no name"));
    }
    let name = entry.text(&settings.name_attribute).ok_or_else(|| {
        unusable(format!(
            "`{}` has no attribute `{}` that could name an account",
            entry.dn, settings.name_attribute
        ))
    })?;
    if entry.is_cut("memberOf") {
        tracing::warn!(
            "the directory {} lists only some of the groups of {}: look them up by `nested` or `search`",
            directory.name,
            entry.dn
        );
    }
    let text = |attribute: &str| {
        let text = entry.text(attribute).unwrap_or_default();
        text.chars().filter(|c| !c.is_control()).take(200).collect::<String>()
    };
    let listed =
        entry.values("memberOf").filter_map(|value| String::from_utf8(value.to_vec()).ok());
    Ok(Person {
        dn: entry.dn.clone(),
        name: name.to_owned(),
        external_id: external_id(settings, entry)?,
        full_name: text(&settings.full_name_attribute),
        email: text(&settings.email_attribute),
        listed: listed.collect(),
    })
}

fn external_id(settings: &DirectorySettings, entry: &Entry) -> Result<String, Fault> {
    let attribute = &settings.id_attribute;
    if attribute.is_empty() {
        return Ok(format!("{DN}{}", entry.dn.to_lowercase()));
    }
    let value = entry.values(attribute).next().ok_or_else(|| {
        unusable(format!("`{}` has no attribute `{attribute}` that names it for ever", entry.dn))
    })?;
    // Active Directory's ids are 16 bytes, which now and then happen to be text.
    let text = std::str::from_utf8(value).ok().filter(|text| {
        !attribute.eq_ignore_ascii_case("objectGUID")
            && !text.starts_with(HEX)
            && !text.starts_with(DN)
            && !text.chars().any(char::is_control)
    });
    Ok(match text {
        Some(text) => text.to_owned(),
        None => value.iter().fold(HEX.to_owned(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        }),
    })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2).map(|pair| {
        std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())
    });
    pairs.collect()
}

/// The groups that somebody is in.
pub(super) async fn groups(
    directory: &Directory,
    pool: &Pool,
    person: &Person,
) -> Result<Vec<DirectoryGroup>, Fault> {
    let settings = &directory.settings;
    let filter = match settings.groups {
        GroupLookup::None => return Ok(Vec::new()),
        GroupLookup::MemberOf => return Ok(listed(settings, person)),
        GroupLookup::Search => {
            let places =
                [("dn", Filling::Value(&person.dn)), ("user", Filling::Value(&person.name))];
            fill(&settings.group_filter, &places).map_err(unusable)?
        }
        GroupLookup::Nested => in_chain(&person.dn),
    };
    let base =
        if settings.group_base.is_empty() { &settings.user_base } else { &settings.group_base };
    let search = Search {
        base: base.clone(),
        scope: Scope::Subtree,
        filter,
        attributes: vec![settings.group_name_attribute.clone()],
        limit: MOST_GROUPS,
    };
    let found = pool.search(&search).await?;
    if found.has_more {
        tracing::warn!(
            "the directory {} finds more than {MOST_GROUPS} groups of {}: the rest does not count",
            directory.name,
            person.dn
        );
    }
    let named = found.entries.into_iter().filter_map(|entry| {
        let name = entry.text(&settings.group_name_attribute)?.to_owned();
        Some(DirectoryGroup { dn: entry.dn, name })
    });
    Ok(named.collect())
}

/// Those that the user's own entry names, as far as they lie where groups do.
fn listed(settings: &DirectorySettings, person: &Person) -> Vec<DirectoryGroup> {
    let base = settings.group_base.parse::<Dn>().ok();
    let counts = |dn: &Dn| base.as_ref().is_none_or(|base| dn.is_within(base));
    let named = person.listed.iter().filter_map(|text| {
        let dn = text.parse::<Dn>().ok().filter(counts)?;
        Some(DirectoryGroup { name: dn.value().to_owned(), dn: text.clone() })
    });
    named.collect()
}

/// What groups of a directory are called here.
pub(super) fn names_here(directory: &Directory, groups: &[DirectoryGroup]) -> Vec<String> {
    let settings = &directory.settings;
    let mut names = Vec::new();
    for group in groups {
        let dn = group.dn.parse::<Dn>().ok();
        let is_meant = |from: &str| match from.parse::<Dn>() {
            Ok(from) => dn.as_ref() == Some(&from),
            Err(_) => from.eq_ignore_ascii_case(&group.name),
        };
        let mapped: Vec<_> =
            settings.mapping.iter().filter(|mapping| is_meant(&mapping.from)).collect();
        if mapped.is_empty() && !settings.only_mapped {
            names.push(format!("{}/{}", directory.name, group.name));
        }
        names.extend(mapped.into_iter().map(|mapping| mapping.to.clone()));
    }
    // What no rule could name is of no use.
    names.retain(|name| format!("group:{name}").parse::<Subject>().is_ok());
    names.sort_unstable();
    names.dedup();
    names
}

impl Person {
    /// As an account that a provider vouches for.
    pub(super) fn into_account(
        self,
        directory: &Directory,
        groups: Vec<String>,
    ) -> ExternalAccount {
        ExternalAccount {
            provider: directory.provider(),
            external_id: self.external_id,
            name: self.name,
            full_name: self.full_name,
            email: self.email,
            groups,
        }
    }
}
